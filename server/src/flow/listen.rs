//! What other processes commit to the same store, and whom it wakes here.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::provider::Provider;
use crate::store::{About, Heard, Hint};

/// Listens until told to stop. Ends at once where no other process can write.
pub async fn run(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    let Some(mut hints) = provider.store.hints() else { return };
    loop {
        tokio::select! {
            heard = hints.recv() => match heard {
                Ok(Heard::Hint(hint)) => wake(&provider, &hint),
                Ok(Heard::Gap) | Err(RecvError::Lagged(_)) => wake_all(&provider),
                Err(RecvError::Closed) => return,
            },
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn wake(provider: &Provider, hint: &Hint) {
    if hint.realm != *provider.id() {
        return;
    }
    match &hint.about {
        About::Phone(device) => provider.wake.phone(device),
        About::Request(request) => provider.held.wake(request),
    }
}

fn wake_all(provider: &Provider) {
    provider.wake.all_phones();
    provider.held.wake_all();
}
