//! Relying parties are registered, read back, replaced and removed, in the terms of dynamic registration (RFC 7591).

use protocol::Digest;
use serde_json::{Map, Value};
use tracing::info;

use super::Unavailable;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::audit::What;
use crate::domain::client::Client;
use crate::domain::names::ClientId;
use crate::domain::registration::SelfRegistered;
use crate::domain::secret::{Secret, SecretHash};
use crate::store::{Change, CommitError, Versioned};

mod allowed;
pub mod by_itself;
mod fetched;
mod likeness;
mod logo;
mod members;
mod metadata;
mod rate;
mod rules;
mod secrets;
mod sector;
pub mod seed;
mod statement;
pub mod table;
pub mod tokens;

use fetched::Fetched;
use likeness::{Free, Towards};
pub use logo::{MOST_LOGO_BYTES, MOST_LOGO_PIXELS};
pub use members::BadMember;
pub use metadata::{Metadata, written};
pub(super) use rate::Rate;
pub use rules::{SCOPES, check_scopes};
use secrets::{has_secret, with_secret};

/// For so many days at least a client that had registered itself is remembered after it was removed: longer than a user's
/// phones show its requests, and in any case as long as a refresh token of it might live.
const REMEMBERED_DAYS: i64 = 100;

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
    /// It has another name or another logo than the operator looked at.
    #[error("the client has another name or another logo by now")]
    LooksOtherwise,
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
    let Fetched { client, logo } = fetched::fetch(provider, client).await?;
    let registered = with_secret(provider, client, chosen, None)?;
    let client = &registered.client;
    let _one_at_a_time = provider.naming.lock().await;
    until_decided(|| async {
        if provider.store.client(provider.id(), &client.id).await.map_err(Unavailable::from)?.is_some() {
            return Err(Reason::Exists);
        }
        let free = Free::judge(provider, client, Towards::Operator).await?;
        let created = What::ClientCreated { client: client.id.clone() };
        let change = provider.change().create(client.clone()).recording(provider, provider.now(), created);
        let change = fetched::keeping(provider, change, &client.id, logo.as_ref()).await?;
        attempted(provider.store.commit(free.taken_by(change)).await, ())
    })
    .await?;
    info!(client = %registered.client.id, "client created");
    Ok(registered)
}

/// Replaces all of a client's metadata. Its secret stays unless another one is named or its method needs another kind. Of one
/// that registered itself it stays, too, whether its name is confirmed, unless that is said or another logo was fetched.
pub async fn replace(provider: &Provider, id: &ClientId, members: &Map<String, Value>) -> Result<Registered, Reason> {
    find(provider, id).await?;
    let mut metadata = Metadata::read(members.clone())?;
    if metadata.client_id.take().is_some_and(|named| named != id.as_str()) {
        return Err(BadMember::new("client_id", "must be that of the path").into());
    }
    let chosen = metadata.client_secret.take();
    let says_verified = members.get("verified").is_some_and(|said| !said.is_null());
    let client = rules::judge(id.as_str().to_owned(), metadata, &provider.offer())?;
    let Fetched { client, logo } = fetched::fetch(provider, client).await?;
    let (client, chosen, logo) = (&client, &chosen, logo.as_ref());
    let _one_at_a_time = provider.naming.lock().await;
    let registered = until_decided(|| async {
        let Versioned { version, record: before } = find(provider, id).await?;
        let (name, itself) = (before.name, before.registration.is_some());
        let verified =
            if itself && !says_verified { before.verified && client.logo == before.logo } else { client.verified };
        let registration = before.registration.map(|own| SelfRegistered {
            // Of a name that an operator gives it nobody said whose software it is.
            software: own.software.filter(|_| client.name == name),
            ..own
        });
        let client = Client { verified, settled: itself, registration, ..client.clone() };
        let registered = with_secret(provider, client, chosen.clone(), before.secret)?;
        let changed = What::ClientChanged { client: id.clone() };
        let change = provider.change().replace(version, registered.client.clone());
        let mut change = fetched::keeping(provider, change, id, logo).await?;
        if registered.client.name != name {
            change = Free::judge(provider, &registered.client, Towards::Operator).await?.taken_by(change);
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

/// Gives a client that registered itself another token to manage that by (RFC 7592); the one before, which somebody else may
/// have, is void at once.
pub async fn renew_registration_token(provider: &Provider, id: &ClientId) -> Result<Secret, Reason> {
    let token = Secret::new(provider.random().token());
    until_decided(|| async {
        let Versioned { version, record } = find(provider, id).await?;
        let Some(own) = record.registration.clone() else {
            return Err(BadMember::new("registration_access_token", "is of clients that registered themselves").into());
        };
        let registration = Some(SelfRegistered { token: SecretHash::of(&token), ..own });
        let renewed = What::ClientRegistrationTokenRenewed { client: id.clone() };
        let change = provider.change().replace(version, Client { registration, ..record });
        attempted(provider.store.commit(change.recording(provider, provider.now(), renewed)).await, ())
    })
    .await?;
    info!(client = %id, "registration token renewed");
    Ok(token)
}

/// Removes a client: from here on nobody knows it, and no other client will have its id.
pub async fn remove(provider: &Provider, id: &ClientId) -> Result<(), Reason> {
    let removed = until_decided(|| async {
        let Versioned { version, record } = find(provider, id).await?;
        let removed = What::ClientRemoved { client: id.clone() };
        attempted(provider.store.commit(without(provider, version, record, removed).await?).await, ())
    });
    removed.await?;
    info!(client = %id, "client removed");
    Ok(())
}

/// A change that removes a client, with its picture. The record stays: for good where the id was chosen, and otherwise for as
/// long as anything may still name it.
async fn without(provider: &Provider, version: u64, client: Client, removed: What) -> Result<Change, Reason> {
    let (now, id) = (provider.now(), client.id.clone());
    let remembered = (REMEMBERED_DAYS * 86_400).max(provider.policy().refresh_lifetime.into());
    let forget_at = client.registration.is_some().then(|| now.plus_seconds(remembered));
    let change = provider.change().replace(version, client.gone(forget_at)).recording(provider, now, removed);
    fetched::keeping(provider, change, &id, None).await
}

/// What an operator looked at before confirming it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// `client_name`
    pub name: String,
    /// SHA-256 of the logo; `None`: it had none.
    pub logo: Option<Digest>,
}

/// Confirms a client's name and logo, as an operator who knows whose they are; not if it has others by now.
pub async fn verify(provider: &Provider, id: &ClientId, looks: &Looks) -> Result<Client, Reason> {
    let verified = until_decided(|| async {
        let Versioned { version, record } = find(provider, id).await?;
        if (&record.name, record.logo) != (&looks.name, looks.logo) {
            return Err(Reason::LooksOtherwise);
        }
        let client = Client { verified: true, ..record };
        let verified = What::ClientVerified { client: id.clone() };
        let change = provider.change().replace(version, client.clone());
        let change = change.recording(provider, provider.now(), verified);
        attempted(provider.store.commit(change).await, client)
    });
    let client = verified.await?;
    info!(client = %id, "client verified");
    Ok(client)
}

/// The PNG of this hash, if it is the client's.
pub async fn logo(provider: &Provider, id: &ClientId, hash: &Digest) -> Result<Option<Vec<u8>>, Unavailable> {
    let client = provider.store.client(provider.id(), id).await?;
    if client.is_none_or(|client| client.record.removed || client.record.logo != Some(*hash)) {
        return Ok(None);
    }
    let found = provider.store.logo(provider.id(), id).await?;
    Ok(found.map(|found| found.record.png()).filter(|png| Digest::of(png) == *hash))
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
