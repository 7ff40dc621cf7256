//! Keys come and go while a server runs: by schedule, by `assent keys rotate`, by another process that shares the file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::realms;
use crate::domain::names::RealmId;
use crate::domain::realm::ListMark;
use crate::flow::device_list::{self, Reminder};
use crate::flow::key_history;
use crate::flow::provider::Provider;
use crate::keys::{KeyFile, Listed, Withdrawn};

/// How often the file is asked whether it was replaced.
const EVERY: Duration = Duration::from_secs(1);

/// So often, counted in looks, keys are brought up to date with the clock. A new one is published for an hour before it
/// signs, so a minute more or less does not matter.
const CLOCK_EVERY: u32 = 60;

/// Looks at every realm's keys from time to time until told to stop.
pub(super) async fn run(keys: KeyFile, providers: Vec<Arc<Provider>>, mut stop: watch::Receiver<bool>) {
    let mut renewal = Renewal {
        keys,
        providers,
        looks: 0,
        faults: HashMap::new(),
        told: HashMap::new(),
        noted: HashMap::new(),
        reminded: HashMap::new(),
    };
    renewal.remind();
    renewal.tell().await;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        // Reads and writes a file, and making an RSA key takes a while.
        let looked = tokio::task::spawn_blocking(move || {
            let looked = renewal.look();
            (renewal, looked)
        });
        let looked_at;
        (renewal, looked_at) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return error!(%error, "keys are no longer renewed: restart the server"),
        };
        if looked_at {
            renewal.remind();
            renewal.tell().await;
        }
    }
}

struct Renewal {
    keys: KeyFile,
    providers: Vec<Arc<Provider>>,
    looks: u32,
    /// What went wrong last time: it is told once, not at every look.
    faults: HashMap<RealmId, String>,
    /// What stands in the audit trail as far as this process knows, so that it asks the store for nothing twice.
    told: HashMap<RealmId, (Vec<Listed>, Vec<Withdrawn>)>,
    /// Which lists of device signing keys the store remembers.
    noted: HashMap<RealmId, ListMark>,
    /// What operators were reminded of: once for each day that is left.
    reminded: HashMap<RealmId, Reminder>,
}

impl Renewal {
    /// Whether it looked at all.
    fn look(&mut self) -> bool {
        self.looks = (self.looks + 1) % CLOCK_EVERY;
        if self.looks != 0 && !self.keys.was_replaced() {
            return false;
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
        true
    }

    fn remind(&mut self) {
        for provider in &self.providers {
            let Some(reminder) = device_list::reminder(provider) else {
                self.reminded.remove(provider.id());
                continue;
            };
            if self.reminded.insert(provider.id().clone(), reminder) != Some(reminder) {
                match reminder {
                    Reminder::Ends(_) => warn!(realm = %provider.id(), "{reminder}"),
                    Reminder::Over => error!(realm = %provider.id(), "{reminder}"),
                }
            }
        }
    }

    /// Puts into the store what became of keys. What fails is tried again at the next look.
    async fn tell(&mut self) {
        for provider in &self.providers {
            let (mark, noted) = (self.keys.list_mark(provider.id()).ok(), self.noted.get(provider.id()));
            if let Some(mark) = mark.filter(|mark| noted != Some(mark)) {
                match realms::note_list(&**provider.store(), &self.keys, provider.id(), provider.now()).await {
                    Ok(()) => drop(self.noted.insert(provider.id().clone(), mark)),
                    Err(error) => error!(realm = %provider.id(), %error, "the list of device signing keys"),
                }
            }
            let listed = self.keys.list(provider.id(), provider.now());
            let (Ok(keys), Ok(withdrawn)) = (listed, self.keys.withdrawn(provider.id())) else { continue };
            let seen = (keys, withdrawn.to_vec());
            if self.told.get(provider.id()) == Some(&seen) {
                continue;
            }
            match key_history::tell(provider, &seen.0, &seen.1).await {
                Ok(_) => drop(self.told.insert(provider.id().clone(), seen)),
                Err(error) => {
                    error!(realm = %provider.id(), %error, "what became of keys is not in the audit trail yet");
                }
            }
        }
    }
}
