//! Forgets what is past its time, from time to time (REQUIREMENTS G87, G88).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::error;

use super::provider::Provider;
use crate::store::StoreError;

/// How often, and how much at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// From one run to the next; `None`: the store is left alone, for another process to sweep.
    pub every: Option<Duration>,
    /// Entries a run at most.
    pub rows: usize,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { every: Some(EVERY), rows: 500 }
    }
}

/// What only this process remembers is forgotten so often where the store is left alone.
const EVERY: Duration = Duration::from_secs(5);

/// One run as by default; how many entries of the store it forgot.
pub async fn sweep(provider: &Provider) -> Result<usize, StoreError> {
    sweep_by(provider, Sweep::default()).await
}

/// One run.
pub async fn sweep_by(provider: &Provider, settings: Sweep) -> Result<usize, StoreError> {
    let now = provider.now();
    provider.paces.sweep(now);
    provider.assertions.sweep(now);
    provider.refusals.sweep(now);
    provider.opened.sweep(now);
    provider.refused.sweep(now);
    provider.user_codes.sweep(now);
    if settings.every.is_none() {
        return Ok(0);
    }
    provider.store.sweep(provider.id(), now, settings.rows).await
}

/// Sweeps until told to stop. A run that was full is followed by the next without a pause.
pub async fn run(provider: Arc<Provider>, settings: Sweep, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let full = match sweep_by(&provider, settings).await {
            Ok(forgotten) => forgotten >= settings.rows,
            Err(error) => {
                error!(%error, "the sweep failed");
                false
            }
        };
        if !full {
            tokio::select! {
                () = tokio::time::sleep(settings.every.unwrap_or(EVERY)) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }
}
