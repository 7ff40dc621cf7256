//! Clients of the settings file: registered at the first start that misses them; from then on the store's record holds.

use std::sync::Arc;

use super::AppError;
use crate::config::{Offered, drift};
use crate::domain::client::Client;
use crate::domain::realm::Realm;
use crate::flow::provider::Provider;
use crate::flow::register::seed::{self, Seed};
use crate::store::Store;

/// Registers what is missing and says where file and store differ.
pub(super) async fn settle(providers: &[Arc<Provider>], seeds: &[Seed]) -> Result<(), AppError> {
    for seed in seeds {
        let Some(provider) = providers.iter().find(|provider| *provider.id() == seed.realm) else { continue };
        let settled = seed::settle(provider, seed).await;
        let (id, drifts) = settled.map_err(|reason| AppError::Seed { id: name(seed), reason })?;
        for line in drift::of_client(&seed.realm, &id, &drifts) {
            tracing::warn!("{line}");
        }
    }
    Ok(())
}

/// Where file and store differ, for `check-config`: judged by the realm as it is stored, and as the server will offer it.
pub(super) async fn remarks(
    store: &dyn Store,
    seeds: &[Seed],
    realms: &[Realm],
    offered: &Offered<'_>,
) -> Result<Vec<String>, AppError> {
    let mut remarks = Vec::new();
    for seed in seeds {
        let Some(realm) = realms.iter().find(|realm| realm.id == seed.realm) else { continue };
        match seed.judge(&offered.by(realm)) {
            Ok(client) => remarks.extend(differences(store, seed, &client).await?),
            Err(bad) => {
                remarks.push(format!("realm {}: client {}: {bad}, by the rules in the store", realm.id, name(seed)));
            }
        }
    }
    Ok(remarks)
}

async fn differences(store: &dyn Store, seed: &Seed, judged: &Client) -> Result<Vec<String>, AppError> {
    let stored = store.client(&seed.realm, &judged.id).await?;
    let drifts = seed.drift(judged, stored.as_ref().map(|stored| &stored.record));
    Ok(drift::of_client(&seed.realm, &judged.id, &drifts))
}

fn name(seed: &Seed) -> String {
    seed.members["client_id"].as_str().unwrap_or_default().to_owned()
}
