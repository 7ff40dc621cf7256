//! Forgets what is past its time: every five seconds, 500 entries a run (REQUIREMENTS G87, G88).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::error;

use super::provider::Provider;
use crate::store::StoreError;

const EVERY: Duration = Duration::from_secs(5);
const MOST: usize = 500;

/// One run; how many entries it forgot.
pub async fn sweep(provider: &Provider) -> Result<usize, StoreError> {
    let now = provider.now();
    provider.paces.sweep(now);
    provider.assertions.sweep(now);
    provider.budget.sweep(now);
    provider.opened.sweep(now);
    provider.user_codes.sweep(now);
    provider.store.sweep(provider.id(), now, MOST).await
}

/// Sweeps until told to stop. A run that was full is followed by the next without a pause.
pub async fn run(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let full = match sweep(&provider).await {
            Ok(forgotten) => forgotten >= MOST,
            Err(error) => {
                error!(%error, "the sweep failed");
                false
            }
        };
        if !full {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }
}
