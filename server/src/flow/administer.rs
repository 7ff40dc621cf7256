//! What an operator does: users, enrolment tickets, devices. Clients are in [`super::register`].

use protocol::TicketCode;
use protocol::messages::Ticket;
use tracing::info;

use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::{Unavailable, enrol};
use crate::domain::audit::What;
use crate::domain::device::{Device, Enrolment, EnrolmentTicket, TicketState};
use crate::domain::names::{ClientId, Subject, TicketKey};
use crate::domain::user::{User, UserCodeHash, UserStatus};
use crate::store::{Change, CommitError, Versioned};

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
    pub user_code: Option<UserCodeHash>,
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
    /// The user has as many phones as anybody may have.
    #[error("there are phones enough")]
    TooManyDevices,
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

/// What of a user is changed.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Whether they may sign in.
    pub status: Option<UserStatus>,
    /// Their user code.
    pub user_code: UserCodeChange,
}

/// What becomes of a user code.
#[derive(Debug, Clone, Default)]
pub enum UserCodeChange {
    /// It stays, or there is none as before.
    #[default]
    Keep,
    /// There is none from now on.
    Clear,
    /// It is this one.
    Set(UserCodeHash),
}

/// Changes a user. What locking means is judged at accept, notify, answer, redeem and refresh.
pub async fn change_user(provider: &Provider, subject: &Subject, wanted: &UserChange) -> Result<User, Reason> {
    let user = until_decided(|| async {
        let Versioned { version, mut record } = found_user(provider, subject).await?;
        let now = provider.now();
        let mut change = provider.change();
        if let Some(status) = wanted.status {
            record.status = status;
            change = change.recording(provider, now, What::UserStatusChanged { subject: subject.clone(), status });
        }
        let code = match &wanted.user_code {
            UserCodeChange::Keep => record.user_code.clone(),
            UserCodeChange::Clear => None,
            UserCodeChange::Set(code) => Some(code.clone()),
        };
        if code != record.user_code {
            let what = What::UserCodeChanged { subject: subject.clone(), set: code.is_some() };
            change = change.recording(provider, now, what);
            record.user_code = code;
        }
        let change = change.replace(version, record.clone());
        Ok::<_, Reason>(Attempt::after(provider.store.commit(change).await, record))
    });
    let user = user.await?;
    info!(%subject, "user changed");
    Ok(user)
}

/// One user.
pub async fn user(provider: &Provider, subject: &Subject) -> Result<User, Reason> {
    found_user(provider, subject).await.map(|found| found.record)
}

async fn found_user(provider: &Provider, subject: &Subject) -> Result<Versioned<User>, Reason> {
    let user = provider.store.user(provider.id(), subject).await.map_err(Unavailable::from)?;
    user.ok_or(Reason::UnknownUser)
}

/// Makes an enrolment ticket for a user.
pub async fn create_ticket(provider: &Provider, subject: &Subject) -> Result<Ticket, Reason> {
    let (change, ticket) = ticketed(provider, subject, None).await?;
    provider.store.commit(change).await?;
    Ok(ticket)
}

/// A change that makes a ticket, for the operator or for an app of the user's.
pub(super) async fn ticketed(
    provider: &Provider,
    subject: &Subject,
    client: Option<ClientId>,
) -> Result<(Change, Ticket), Reason> {
    let user = provider.store.user(provider.id(), subject).await.map_err(Unavailable::from)?;
    if user.is_none_or(|user| user.record.status != UserStatus::Active) {
        return Err(Reason::UnknownUser);
    }
    if !enrol::has_room(provider, subject).await? {
        return Err(Reason::TooManyDevices);
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
    let created = What::TicketCreated { subject: subject.clone(), client };
    let change = provider.change().create(ticket).recording(provider, now, created);
    let ticket = Ticket {
        issuer: provider.issuer().to_owned(),
        code,
        root: provider.keys.device_root().thumbprint(),
        expires_at: expires_at.unix_seconds(),
    };
    Ok((change, ticket))
}

/// A ticket, and what it has come to.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The ticket.
    pub ticket: EnrolmentTicket,
    /// The enrolment that it opened, as long as that is kept.
    pub enrolment: Option<Enrolment>,
}

/// One ticket, for the page that shows it; `None` once nothing is known of it any more.
pub async fn ticket(provider: &Provider, key: &TicketKey) -> Result<Option<Shown>, Unavailable> {
    let Some(found) = provider.store.ticket(provider.id(), key).await? else { return Ok(None) };
    let ticket = found.record;
    let enrolment = match ticket.state {
        TicketState::Begun { enrolment, .. } => provider.store.enrolment(provider.id(), &enrolment).await?,
        TicketState::Fresh | TicketState::Cancelled => None,
    };
    Ok(Some(Shown { ticket, enrolment: enrolment.map(|found| found.record) }))
}

/// A user's phones, revoked ones too.
pub async fn devices(provider: &Provider, subject: &Subject) -> Result<Vec<Device>, Reason> {
    found_user(provider, subject).await?;
    let devices = provider.store.devices_of(provider.id(), subject).await.map_err(Unavailable::from)?;
    Ok(devices.into_iter().map(|device| device.record).collect())
}
