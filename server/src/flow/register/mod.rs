//! Relying parties are registered, read back, replaced and removed, in the terms of dynamic registration (RFC 7591).

use serde_json::{Map, Value};
use tracing::info;

use super::Unavailable;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::audit::What;
use crate::domain::client::Client;
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::store::{CommitError, Versioned};

mod likeness;
mod members;
mod metadata;
mod rules;
mod secrets;
pub mod seed;
pub mod table;

use likeness::Free;
pub use members::BadMember;
pub use metadata::{Metadata, written};
pub use rules::SCOPES;
use secrets::{has_secret, with_secret};

/// A client as registered, and its secret if it got a new one: that is told this once.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its new secret.
    pub secret: Option<Secret>,
}

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A member breaks a rule.
    #[error(transparent)]
    BadMember(#[from] BadMember),
    /// There is, or was, a client of this id.
    #[error("a client of this id exists or existed")]
    Exists,
    /// There is no such client.
    #[error("there is no such client")]
    UnknownClient,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Registers a client. An id is never used again, so that nothing issued to one client is ever taken for another's.
pub async fn create(provider: &Provider, members: Map<String, Value>) -> Result<Registered, Reason> {
    let mut metadata = Metadata::read(members)?;
    let id = metadata.client_id.take().unwrap_or_else(|| provider.random().token());
    let chosen = metadata.client_secret.take();
    let client = rules::judge(id, metadata, &provider.offer())?;
    let registered = with_secret(provider, client, chosen, None)?;
    let client = &registered.client;
    let _one_at_a_time = provider.naming.lock().await;
    until_decided(|| async {
        if provider.store.client(provider.id(), &client.id).await.map_err(Unavailable::from)?.is_some() {
            return Err(Reason::Exists);
        }
        let free = Free::judge(provider, client).await?;
        let created = What::ClientCreated { client: client.id.clone() };
        let change = provider.change().create(client.clone()).recording(provider, provider.now(), created);
        attempted(provider.store.commit(free.taken_by(change)).await, ())
    })
    .await?;
    info!(client = %registered.client.id, "client created");
    Ok(registered)
}

/// Replaces all of a client's metadata. Its secret stays unless another one is named or its method needs another kind.
pub async fn replace(provider: &Provider, id: &ClientId, members: &Map<String, Value>) -> Result<Registered, Reason> {
    let _one_at_a_time = provider.naming.lock().await;
    let registered = until_decided(|| async {
        let Versioned { version, record: before } = find(provider, id).await?;
        let mut metadata = Metadata::read(members.clone())?;
        if metadata.client_id.take().is_some_and(|named| named != id.as_str()) {
            return Err(BadMember::new("client_id", "must be that of the path").into());
        }
        let (chosen, name) = (metadata.client_secret.take(), before.name);
        let client = rules::judge(id.as_str().to_owned(), metadata, &provider.offer())?;
        let registered = with_secret(provider, client, chosen, before.secret)?;
        let changed = What::ClientChanged { client: id.clone() };
        let mut change = provider.change().replace(version, registered.client.clone());
        if registered.client.name != name {
            change = Free::judge(provider, &registered.client).await?.taken_by(change);
        }
        let change = change.recording(provider, provider.now(), changed);
        attempted(provider.store.commit(change).await, registered)
    });
    let registered = registered.await?;
    info!(client = %id, "client replaced");
    Ok(registered)
}

/// Gives a client another secret; the one before is void at once.
pub async fn renew_secret(provider: &Provider, id: &ClientId) -> Result<Registered, Reason> {
    let registered = until_decided(|| async {
        let Versioned { version, record } = find(provider, id).await?;
        if !has_secret(record.authentication) {
            return Err(BadMember::new("token_endpoint_auth_method", "is one without a secret").into());
        }
        let registered = with_secret(provider, record, None, None)?;
        let changed = What::ClientSecretRenewed { client: id.clone() };
        let change = provider.change().replace(version, registered.client.clone());
        let change = change.recording(provider, provider.now(), changed);
        attempted(provider.store.commit(change).await, registered)
    });
    let registered = registered.await?;
    info!(client = %id, "client secret renewed");
    Ok(registered)
}

/// Removes a client: from here on nobody knows it, and no other client will have its id.
pub async fn remove(provider: &Provider, id: &ClientId) -> Result<(), Reason> {
    let removed = until_decided(|| async {
        let Versioned { version, record } = find(provider, id).await?;
        let rest = Client { removed: true, secret: None, ..record };
        let removed = What::ClientRemoved { client: id.clone() };
        let change = provider.change().replace(version, rest).recording(provider, provider.now(), removed);
        attempted(provider.store.commit(change).await, ())
    });
    removed.await?;
    info!(client = %id, "client removed");
    Ok(())
}

/// One client.
pub async fn client(provider: &Provider, id: &ClientId) -> Result<Client, Reason> {
    find(provider, id).await.map(|found| found.record)
}

/// All clients, by id.
pub async fn clients(provider: &Provider) -> Result<Vec<Client>, Reason> {
    let clients = provider.store.clients(provider.id()).await.map_err(Unavailable::from)?;
    Ok(clients.into_iter().map(|client| client.record).filter(|client| !client.removed).collect())
}

async fn find(provider: &Provider, id: &ClientId) -> Result<Versioned<Client>, Reason> {
    let found = provider.store.client(provider.id(), id).await.map_err(Unavailable::from)?;
    found.filter(|found| !found.record.removed).ok_or(Reason::UnknownClient)
}

fn refused(error: CommitError) -> Reason {
    match error {
        CommitError::TooLarge(..) => BadMember::new("client_metadata", "is too large to be stored").into(),
        other => Reason::Unavailable(other.into()),
    }
}

fn attempted<T>(outcome: Result<(), CommitError>, done: T) -> Result<Attempt<T>, Reason> {
    match outcome {
        Err(error @ CommitError::TooLarge(..)) => Err(refused(error)),
        outcome => Ok(Attempt::after(outcome, done)),
    }
}
