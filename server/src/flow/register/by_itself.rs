//! A client registers itself (RFC 7591), and reads, replaces and removes its own registration (RFC 7592), by the same rules as
//! those that operators register, and a few more: what only an operator may say of a client, it may not say of itself.

use protocol::json;
use serde_json::{Map, Value};
use tracing::info;

use super::fetched::{self, Fetched};
use super::likeness::{Free, Towards};
use super::members::BadMember;
use super::rules::{Judged, must};
use super::secrets::with_secret;
use super::statement::Stated;
use super::{Registered, allowed, attempted, statement, without};
use crate::domain::audit::What;
use crate::domain::client::{Client, ClientSecret};
use crate::domain::names::{ClientId, RegistrationKey};
use crate::domain::policy::Registration;
use crate::domain::registration::{Logo, SelfRegistered};
use crate::domain::secret::{Secret, SecretHash};
use crate::flow::Unavailable;
use crate::flow::authenticate_client::secret_context;
use crate::flow::provider::{Provider, Recorded as _};
use crate::flow::retry::until_decided;
use crate::store::{Change, Versioned};

/// So often in a minute clients may replace their own registrations, all of a realm together at one server: each time may make
/// us fetch something.
const MOST_REPLACED_A_MINUTE: u32 = 120;

/// So often in a minute one token is looked at, at one server, whatever comes of it: what is refused uses the token up by
/// nothing, and may have made us fetch something.
const MOST_BY_A_TOKEN_A_MINUTE: u32 = 60;

/// Why nothing was registered, told or changed.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A member breaks a rule.
    #[error(transparent)]
    BadMember(#[from] BadMember),
    /// An initial access token is needed.
    #[error("a token is needed")]
    NoToken,
    /// Not a token that is good for this, here and now.
    #[error("the token is not valid")]
    InvalidToken,
    /// `software_statement` cannot be believed.
    #[error("the software statement is not valid")]
    InvalidStatement,
    /// It is of somebody whom the realm does not believe.
    #[error("the software statement is of nobody who is believed here")]
    UnapprovedStatement,
    /// What it is to be verified by cannot be had now.
    #[error("the keys of a software statement cannot be fetched")]
    KeysUnreachable,
    /// As many tried to as may in a minute.
    #[error("too many registrations in a minute")]
    TooOften,
    /// There are as many clients as may be.
    #[error("there are clients enough")]
    Full,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<super::Reason> for Reason {
    fn from(reason: super::Reason) -> Self {
        match reason {
            super::Reason::BadMember(bad) => Self::BadMember(bad),
            // Of ids that were drawn at random nobody holds a token.
            super::Reason::Exists | super::Reason::UnknownClient | super::Reason::LooksOtherwise => Self::InvalidToken,
            super::Reason::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// A client that registered itself, with its secret if that is new.
#[derive(Debug)]
pub struct Itself {
    /// The client.
    pub registered: Registered,
    /// `registration_access_token`: told again to whoever showed it.
    pub token: Secret,
}

/// Registers a client (RFC 7591 §3.1), by a token where the realm wants one.
pub async fn register(
    provider: &Provider,
    presented: Option<&Secret>,
    mut members: Map<String, Value>,
) -> Result<Itself, Reason> {
    let leave = admitted(provider, presented).await?;
    let Stated { statement, software } = statement::applied(provider, &mut members, None).await?;
    must(!members.contains_key("client_id"), "client_id", "must not be there: it is drawn here")?;
    must(!members.contains_key("client_secret"), "client_secret", "must not be there: it is drawn here")?;
    let client = allowed::judge(provider, provider.random().token(), members, None)?;
    let Fetched { client, logo } = fetched::fetch(provider, client).await?;
    let token = Secret::new(provider.random().token());
    let registration = SelfRegistered { token: SecretHash::of(&token), issued_at: provider.now(), statement, software };
    let client = Client { verified: false, registration: Some(registration), ..client };
    let registered = with_secret(provider, client, None, None)?;
    let _one_at_a_time = provider.naming.lock().await;
    until_decided(|| async {
        let change = created(provider, &registered.client, logo.as_ref(), leave.as_ref()).await?;
        Ok::<_, Reason>(attempted(provider.store.commit(change).await, ())?)
    })
    .await?;
    info!(client = %registered.client.id, "a client registered itself");
    Ok(Itself { registered, token })
}

/// The leave to register, which is taken up with the commit.
async fn admitted(provider: &Provider, presented: Option<&Secret>) -> Result<Option<RegistrationKey>, Reason> {
    let policy = provider.policy();
    match (policy.registration, presented) {
        (Registration::Closed, _) => Err(Reason::InvalidToken),
        (Registration::Token, None) => Err(Reason::NoToken),
        (Registration::Token | Registration::Open, Some(token)) => {
            let key = RegistrationKey::of(token.reveal());
            let found = provider.store.registration_token(provider.id(), &key).await.map_err(Unavailable::from)?;
            let good = found.is_some_and(|found| found.record.is_good(provider.now()));
            if !good {
                return Err(Reason::InvalidToken);
            }
            let may = provider.attempts.take(key, provider.now(), MOST_BY_A_TOKEN_A_MINUTE);
            if may { Ok(Some(key)) } else { Err(Reason::TooOften) }
        }
        (Registration::Open, None) => {
            let may = provider.registrations.take((), provider.now(), policy.registrations_per_minute);
            if may { Ok(None) } else { Err(Reason::TooOften) }
        }
    }
}

async fn created(
    provider: &Provider,
    client: &Client,
    logo: Option<&Logo>,
    leave: Option<&RegistrationKey>,
) -> Result<Change, Reason> {
    let (now, mut change) = (provider.now(), provider.change().create(client.clone()));
    if let Some(key) = leave {
        let found = provider.store.registration_token(provider.id(), key).await.map_err(Unavailable::from)?;
        let Versioned { version, record } =
            found.filter(|found| found.record.is_good(now)).ok_or(Reason::InvalidToken)?;
        change = change.replace(version, record.used());
    }
    let free = Free::judge(provider, client, Towards::Stranger).await?;
    if free.registered_themselves() >= provider.policy().registered_clients_max as usize {
        return Err(Reason::Full);
    }
    let change = fetched::keeping(provider, free.taken_by(change), &client.id, logo).await?;
    let registered = What::ClientRegisteredItself { client: client.id.clone(), token: leave.copied() };
    Ok(change.recording(provider, now, registered))
}

/// The client's own registration (RFC 7592 §2.1).
pub async fn read(provider: &Provider, id: &ClientId, token: Secret) -> Result<Itself, Reason> {
    let client = own(provider, id, &token).await?.record;
    Ok(Itself { registered: Registered { client, secret: None }, token })
}

/// Replaces all of the client's metadata (RFC 7592 §2.2). A name or a logo that is new has to be confirmed anew.
pub async fn replace(
    provider: &Provider,
    id: &ClientId,
    token: Secret,
    mut members: Map<String, Value>,
) -> Result<Itself, Reason> {
    let before = own(provider, id, &token).await?.record;
    if !provider.replacements.take((), provider.now(), MOST_REPLACED_A_MINUTE) {
        return Err(Reason::TooOften);
    }
    its_own_only(provider, &before, &mut members)?;
    let Stated { statement, software } = statement::applied(provider, &mut members, Some(&before)).await?;
    let client = allowed::judge(provider, id.as_str().to_owned(), members.clone(), Some(&before))?;
    let logo = fetched::fetch(provider, client).await?.logo;
    let (members, statement, software, logo) = (&members, &statement, &software, logo.as_ref());
    let (token_shown, _one_at_a_time) = (&token, provider.naming.lock().await);
    let registered = until_decided(|| async {
        let Versioned { version, record: before } = own(provider, id, token_shown).await?;
        // Anew, for an operator may have settled something while we fetched.
        let client = allowed::judge(provider, id.as_str().to_owned(), members.clone(), Some(&before))?;
        let logo_hash = logo.map(Logo::digest);
        let looks_the_same = client.name == before.name && logo_hash == before.logo;
        let judged_again = client.name != before.name || before.software() != software.as_ref();
        let told = |own| SelfRegistered { statement: statement.clone(), software: software.clone(), ..own };
        let client = Client {
            verified: before.verified && looks_the_same,
            logo: logo_hash,
            settled: before.settled,
            registration: before.registration.map(told),
            ..client
        };
        let registered = with_secret(provider, client, None, before.secret)?;
        let change = provider.change().replace(version, registered.client.clone());
        let mut change = fetched::keeping(provider, change, id, logo).await?;
        if judged_again {
            change = Free::judge(provider, &registered.client, Towards::Stranger).await?.taken_by(change);
        }
        let changed = What::ClientChangedItself { client: id.clone() };
        let change = change.recording(provider, provider.now(), changed);
        Ok::<_, Reason>(attempted(provider.store.commit(change).await, registered)?)
    });
    let registered = registered.await?;
    info!(client = %id, "a client replaced its registration");
    Ok(Itself { registered, token })
}

/// Removes the client (RFC 7592 §2.3): nobody knows it from here on, nor what was issued to it.
pub async fn remove(provider: &Provider, id: &ClientId, token: &Secret) -> Result<(), Reason> {
    let removed = until_decided(|| async {
        let Versioned { version, record } = own(provider, id, token).await?;
        let removed = What::ClientRemovedItself { client: id.clone() };
        let change = without(provider, version, record, removed).await?;
        Ok::<_, Reason>(attempted(provider.store.commit(change).await, ())?)
    });
    removed.await?;
    info!(client = %id, "a client removed itself");
    Ok(())
}

/// The client, if this is its token. Of one that is not there, that is removed, or that an operator registered, the same is
/// told as of a wrong token.
async fn own(provider: &Provider, id: &ClientId, token: &Secret) -> Result<Versioned<Client>, Reason> {
    let found = provider.store.client(provider.id(), id).await.map_err(Unavailable::from)?;
    let is_its_own = |client: &Client| {
        !client.removed && client.registration.as_ref().is_some_and(|registration| token.matches(&registration.token))
    };
    found.filter(|found| is_its_own(&found.record)).ok_or(Reason::InvalidToken)
}

/// RFC 7592 §2.2: what an update must hold, and must not.
fn its_own_only(provider: &Provider, client: &Client, members: &mut Map<String, Value>) -> Judged {
    const OURS: [&str; 4] =
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
    for name in OURS {
        must(!members.contains_key(name), name, "must not be there")?;
    }
    let id = members.remove("client_id");
    must(id.as_ref().and_then(Value::as_str) == Some(client.id.as_str()), "client_id", "must be that of the client")?;
    match members.remove("client_secret") {
        None | Some(Value::Null) => Ok(()),
        Some(secret) => {
            let is_current = secret.as_str().is_some_and(|secret| is_secret(provider, client, secret));
            must(is_current, "client_secret", "must be the current one, or not be there")
        }
    }
}

fn is_secret(provider: &Provider, client: &Client, text: &str) -> bool {
    let secret = Secret::new(text.to_owned());
    match &client.secret {
        None => false,
        Some(ClientSecret::Hashed(hash)) => secret.matches(hash),
        Some(ClientSecret::Sealed { sealed }) => {
            let opened = provider.keys.unseal(&secret_context(&client.id), sealed).ok();
            let opened = opened.and_then(|opened| String::from_utf8(opened.to_vec()).ok());
            opened.is_some_and(|opened| secret.matches(&SecretHash::of(&Secret::new(opened))))
        }
    }
}

/// Reads a registration document: an object without a member twice.
pub fn document(body: &[u8], most: usize) -> Judged<Map<String, Value>> {
    json::from_slice_within(body, most).map_err(|_| BadMember::new("client_metadata", "must be one JSON object"))
}
