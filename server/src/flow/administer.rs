//! What an operator does: users, clients, enrolment tickets, devices.

use protocol::TicketCode;
use protocol::messages::{Ticket, UserVerification};
use protocol::text::{self, Kind};
use tracing::{info, warn};

use super::Unavailable;
use super::provider::{Provider, Recorded as _};
use crate::domain::audit::What;
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::delivery::DeliveryMode;
use crate::domain::device::{Device, EnrolmentTicket, TicketState};
use crate::domain::names::{ClientId, Subject, TicketKey};
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::user::{User, UserStatus};
use crate::store::CommitError;

/// Scopes every client may ask for unless its registration names its own (OIDC Core §5.4).
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "phone"];

/// A client has at most so many scopes, each of at most so many characters: every one is shown on the phone.
const MOST_SCOPES: usize = 32;
const LONGEST_SCOPE: usize = 64;

/// A chosen client secret below this many bytes is taken with a warning.
const WEAK_SECRET: usize = 16;

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// `sub`; random if absent.
    pub subject: Option<String>,
    /// User name; the subject if absent.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Hash of the user code (CIBA §7.1.2), made off the async threads.
    pub user_code: Option<crate::domain::user::UserCodeHash>,
}

/// A client to be created; in the terms of dynamic registration.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Random if absent.
    pub client_id: Option<String>,
    /// Random if absent, which is best; at most 255 bytes.
    pub client_secret: Option<Secret>,
    /// The id if absent.
    pub client_name: Option<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthenticationMethod,
    /// How it learns the outcome.
    pub backchannel_token_delivery_mode: DeliveryMode,
    /// Scopes it may ask for; all of [`SCOPES`] if empty.
    pub scope: Vec<String>,
    /// Whether the name is confirmed.
    pub verified: bool,
    /// What its approvals need.
    pub user_verification: UserVerification,
}

/// Why nothing was created.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// A value breaks a rule; the member's name and the rule.
    #[error("{0}: {1}")]
    Invalid(&'static str, &'static str),
    /// Something with this id, or a user with this name, exists.
    #[error("it exists already")]
    Exists,
    /// No such user.
    #[error("no such user")]
    UnknownUser,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<CommitError> for Reason {
    fn from(error: CommitError) -> Self {
        match error {
            // Only creations happen here, so a conflict means that the key is taken.
            CommitError::Conflict | CommitError::IdentifierTaken => Self::Exists,
            CommitError::TooLarge(..) => Self::Invalid("body", "too large to be stored"),
            other @ (CommitError::Replayed(..) | CommitError::Store(_)) => Self::Unavailable(other.into()),
        }
    }
}

/// Creates a user.
pub async fn create_user(provider: &Provider, new: NewUser) -> Result<User, Reason> {
    let subject = new.subject.unwrap_or_else(|| provider.random().token());
    if subject.is_empty() || subject.len() > 255 || !subject.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Reason::Invalid("subject", "1 to 255 printable ASCII characters"));
    }
    let user = User {
        username: new.username.unwrap_or_else(|| subject.clone()),
        subject: Subject::new(subject),
        email: new.email,
        phone: new.phone,
        user_code: new.user_code,
        status: UserStatus::Active,
    };
    let names = [Some(&user.username), user.email.as_ref(), user.phone.as_ref()];
    if names.into_iter().flatten().any(|name| name.trim().is_empty() || name.len() > 255) {
        return Err(Reason::Invalid("username", "names are 1 to 255 bytes"));
    }
    let created = What::UserCreated { subject: user.subject.clone() };
    let change = provider.change().create(user.clone()).recording(provider, provider.now(), created);
    provider.store.commit(change).await?;
    info!(subject = %user.subject, "user created");
    Ok(user)
}

/// Creates a client; returns it with its secret, which is told this once.
pub async fn create_client(provider: &Provider, new: NewClient) -> Result<(Client, Secret), Reason> {
    let id = new.client_id.unwrap_or_else(|| provider.random().token());
    if id.is_empty() || id.len() > 255 || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Reason::Invalid("client_id", "1 to 255 printable ASCII characters"));
    }
    let secret = new.client_secret.unwrap_or_else(|| Secret::new(provider.random().token()));
    if !(1..=255).contains(&secret.reveal().len()) || secret.reveal().chars().any(char::is_control) {
        return Err(Reason::Invalid("client_secret", "1 to 255 bytes without control characters"));
    }
    if secret.reveal().len() < WEAK_SECRET {
        warn!(client = %id, "this client_secret is short enough to be guessed; leave it out to have one generated");
    }
    let name = new.client_name.unwrap_or_else(|| id.clone());
    text::check(Kind::ClientName, &name).map_err(|_| Reason::Invalid("client_name", "breaks the rules for text"))?;
    if new.backchannel_token_delivery_mode != DeliveryMode::Poll {
        return Err(Reason::Invalid("backchannel_token_delivery_mode", "only poll is offered"));
    }
    let mut scope = new.scope;
    if scope.is_empty() {
        scope = SCOPES.map(str::to_owned).to_vec();
    } else if !scope.iter().any(|scope| scope == "openid") {
        scope.insert(0, "openid".to_owned());
    }
    if scope.len() > MOST_SCOPES || !scope.iter().all(|scope| is_scope(scope)) {
        let rule =
            "at most 32 scopes of at most 64 printable ASCII characters, without quotation marks, backslashes or URLs";
        return Err(Reason::Invalid("scope", rule));
    }
    let kept = ClientSecret::Hashed(SecretHash::of(&secret));
    let client = Client {
        verified: new.verified,
        authentication: new.token_endpoint_auth_method,
        delivery: new.backchannel_token_delivery_mode,
        scope,
        user_verification: new.user_verification,
        ..Client::new(ClientId::new(id), name, kept)
    };
    let created = What::ClientCreated { client: client.id.clone() };
    let change = provider.change().create(client.clone()).recording(provider, provider.now(), created);
    provider.store.commit(change).await?;
    info!(client = %client.id, "client created");
    Ok((client, secret))
}

/// RFC 6749 §3.3, and what phones show: they refuse a prompt with a line that breaks the rules for text.
fn is_scope(text: &str) -> bool {
    let is_token = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    is_token && text.len() <= LONGEST_SCOPE && text::check(Kind::DetailValue, text).is_ok()
}

/// Makes an enrolment ticket for a user.
pub async fn create_ticket(provider: &Provider, subject: &Subject) -> Result<Ticket, Reason> {
    let user = provider.store.user(provider.id(), subject).await.map_err(Unavailable::from)?;
    if user.is_none_or(|user| user.record.status != UserStatus::Active) {
        return Err(Reason::UnknownUser);
    }
    let now = provider.now();
    let code = TicketCode::from_bytes(provider.random().array());
    // Whole seconds, as the link says it.
    let expires_at = crate::domain::time::Timestamp::from_unix_seconds(
        now.plus_seconds(provider.policy().ticket_lifetime.into()).unix_seconds(),
    );
    let ticket = EnrolmentTicket {
        key: TicketKey::of(&code.to_string()),
        subject: subject.clone(),
        state: TicketState::Fresh,
        expires_at,
    };
    let created = What::TicketCreated { subject: subject.clone() };
    let change = provider.change().create(ticket).recording(provider, now, created);
    provider.store.commit(change).await?;
    Ok(Ticket {
        issuer: provider.issuer().to_owned(),
        code,
        root: provider.keys.device_root().thumbprint(),
        expires_at: expires_at.unix_seconds(),
    })
}

/// A user's phones, revoked ones too.
pub async fn devices(provider: &Provider, subject: &Subject) -> Result<Vec<Device>, Reason> {
    let user = provider.store.user(provider.id(), subject).await.map_err(Unavailable::from)?;
    user.ok_or(Reason::UnknownUser)?;
    let devices = provider.store.devices_of(provider.id(), subject).await.map_err(Unavailable::from)?;
    Ok(devices.into_iter().map(|device| device.record).collect())
}
