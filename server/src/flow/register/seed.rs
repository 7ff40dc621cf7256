//! Clients of the settings file: the first start that misses one registers it, under the rules of the admin API; from then
//! on the store's record holds. Sector and logo are fetched then, and not when a file is merely checked.

use serde_json::{Map, Value};
use tracing::info;

use super::super::Unavailable;
use super::super::provider::{Provider, Recorded as _};
use super::super::retry::{Attempt, until_decided};
use super::fetched::{self, Fetched};
use super::likeness::{Free, Towards};
use super::members::BadMember;
use super::metadata::{Metadata, written};
use super::secrets::{check_chosen, has_secret, with_secret};
use super::{Reason, attempted, rules};
use crate::domain::audit::What;
use crate::domain::client::{Client, ClientSecret};
use crate::domain::names::{ClientId, RealmId};
use crate::domain::offer::Offer;
use crate::domain::secret::Secret;

/// A client as the file has it.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Where.
    pub realm: RealmId,
    /// Its metadata, without the secret.
    pub members: Map<String, Value>,
    /// The secret.
    pub secret: Option<Secret>,
}

/// How the store's record differs from what the file would seed.
#[derive(Debug, Clone, PartialEq)]
pub enum Drift {
    /// The store has none: the next start creates it.
    Missing,
    /// It was removed, for good.
    Removed,
    /// The store has one: what the file would make of it, and what it is.
    Metadata(Map<String, Value>, Map<String, Value>),
    /// Its secret is another.
    Secret,
}

impl Seed {
    /// The client, all but its secret, if a realm that offers this takes it.
    pub fn judge(&self, offer: &Offer<'_>) -> Result<Client, BadMember> {
        let mut metadata = Metadata::read(self.members.clone())?;
        let missing =
            || BadMember::new("client_id", "must be there: it tells this client from a new one at every start");
        let id = metadata.client_id.take().ok_or_else(missing)?;
        let client = rules::judge(id, metadata, offer)?;
        match (&self.secret, has_secret(client.authentication)) {
            (None, true) => {
                Err(BadMember::new("client_secret_file", "must be there: nobody would be told a random secret"))
            }
            (None, false) => Ok(client),
            (Some(secret), _) => check_chosen(&client, secret).map(|()| client),
        }
    }

    /// How the record that the store has of it differs. A secret that is sealed is not compared.
    #[must_use]
    pub fn drift(&self, judged: &Client, stored: Option<&Client>) -> Vec<Drift> {
        let Some(stored) = stored else { return vec![Drift::Missing] };
        if stored.removed {
            return vec![Drift::Removed];
        }
        let (ours, theirs) = (written(judged), written(stored));
        let metadata = (ours != theirs).then_some(Drift::Metadata(ours, theirs));
        let secret = match (&self.secret, &stored.secret) {
            (Some(ours), Some(ClientSecret::Hashed(theirs))) => !ours.matches(theirs),
            (Some(_), None) => true,
            (Some(_), Some(ClientSecret::Sealed { .. })) | (None, _) => false,
        };
        metadata.into_iter().chain(secret.then_some(Drift::Secret)).collect()
    }
}

/// Registers a client of the file, unless the store has one of its id; what then differs.
pub async fn settle(provider: &Provider, seed: &Seed) -> Result<(ClientId, Vec<Drift>), Reason> {
    let judged = seed.judge(&provider.offer())?;
    let id = judged.id.clone();
    let found = provider.store.client(provider.id(), &id).await.map_err(Unavailable::from)?;
    if let Some(found) = found {
        let drift = seed.drift(&judged, Some(&found.record));
        return Ok((id, drift));
    }
    let Fetched { client: judged, logo } = fetched::fetch(provider, judged).await?;
    let (judged, id, logo) = (&judged, &id, logo.as_ref());
    let _one_at_a_time = provider.naming.lock().await;
    let drift = until_decided(|| async {
        // Another process, starting from the same file, may come first.
        let found = provider.store.client(provider.id(), id).await.map_err(Unavailable::from)?;
        if let Some(found) = found {
            return Ok(Attempt::Done(seed.drift(judged, Some(&found.record))));
        }
        let client = with_secret(provider, judged.clone(), seed.secret.clone(), None)?.client;
        let free = Free::judge(provider, &client, Towards::Operator).await?;
        let created = What::ClientCreated { client: id.clone() };
        let change = provider.change().create(client).recording(provider, provider.now(), created);
        let change = fetched::keeping(provider, change, id, logo).await?;
        let committed = provider.store.commit(free.taken_by(change)).await;
        if committed.is_ok() {
            info!(client = %id, "client created, as the settings file has it");
        }
        attempted(committed, Vec::new())
    });
    Ok((id.clone(), drift.await?))
}
