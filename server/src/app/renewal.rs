//! Keys come and go while a server runs: by schedule, by `assent keys rotate`, by another process that shares the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info};

use crate::domain::names::RealmId;
use crate::flow::provider::Provider;
use crate::keys::KeyFile;

/// How often the file is asked whether it was replaced.
const EVERY: Duration = Duration::from_secs(1);

/// So often, counted in looks, keys are brought up to date with the clock. A new one is published for an hour before it
/// signs, so a minute more or less does not matter.
const CLOCK_EVERY: u32 = 60;

/// Looks at every realm's keys from time to time until told to stop.
pub(super) async fn run(keys: KeyFile, providers: Vec<Arc<Provider>>, mut stop: watch::Receiver<bool>) {
    let mut renewal = Renewal { keys, providers, looks: 0, faults: HashMap::new() };
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        // Reads and writes a file, and making an RSA key takes a while.
        let looked = tokio::task::spawn_blocking(move || {
            renewal.look();
            renewal
        });
        renewal = match looked.await {
            Ok(renewal) => renewal,
            Err(error) => return error!(%error, "keys are no longer renewed: restart the server"),
        };
    }
}

struct Renewal {
    keys: KeyFile,
    providers: Vec<Arc<Provider>>,
    looks: u32,
    /// What went wrong last time: it is told once, not at every look.
    faults: HashMap<RealmId, String>,
}

impl Renewal {
    fn look(&mut self) {
        self.looks = (self.looks + 1) % CLOCK_EVERY;
        if self.looks != 0 && !self.keys.was_replaced() {
            return;
        }
        for provider in &self.providers {
            match self.keys.tend(provider.realm(), provider.keys(), provider.now()) {
                Ok(changed) => {
                    self.faults.remove(provider.id());
                    if changed {
                        info!(realm = %provider.id(), keys = ?provider.keys(), "keys have changed");
                    }
                }
                Err(error) => {
                    let fault = error.to_string();
                    if self.faults.insert(provider.id().clone(), fault.clone()).as_ref() != Some(&fault) {
                        error!(realm = %provider.id(), %error, "keys could not be renewed");
                    }
                }
            }
        }
    }
}
