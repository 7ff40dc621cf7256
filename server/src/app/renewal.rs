//! Device signing keys live for 400 days at most; a server may run for longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info};

use crate::flow::provider::Provider;
use crate::keys::KeyFile;

/// A key is renewed 30 days before its end, so an hour more or less does not matter.
const EVERY: Duration = Duration::from_hours(1);

/// Looks at every realm's keys from time to time until told to stop.
pub(super) async fn run(mut keys: KeyFile, providers: Vec<Arc<Provider>>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        for provider in &providers {
            // Writes a file once a year, so it may as well do so here.
            match keys.renew(provider.id(), provider.issuer(), provider.keys(), provider.now()) {
                Ok(true) => info!(realm = %provider.id(), "a new device signing key is in use"),
                Ok(false) => {}
                Err(error) => error!(realm = %provider.id(), %error, "the device signing keys could not be renewed"),
            }
        }
    }
}
