//! Whom a hint means (CIBA §7.2).
//!
//! In a realm with `mask_unknown_user`, a hint that means nobody leads to somebody without a code and without a phone,
//! for whom everything then takes its usual way: same answers, same work (REQUIREMENTS Q17).

use protocol::Digest;

use super::super::Unavailable;
use super::super::authenticate_client::Caller;
use super::super::provider::Provider;
use super::super::subjects;
use super::{Flaw, Reason, signed_hint};
use crate::domain::client::Client;
use crate::domain::hint::{Designation, Hint};
use crate::domain::names::Subject;
use crate::domain::policy::LoginHint;
use crate::domain::user::{User, UserCodeHash, UserStatus};

/// Whoever is to be asked.
pub(super) struct Person {
    /// Their subject.
    pub(super) subject: Subject,
    /// Their user code, where they have one.
    pub(super) user_code: Option<UserCodeHash>,
    /// Whether their account is in order.
    pub(super) is_active: bool,
}

/// Finds whom a hint means.
pub(super) async fn find(provider: &Provider, caller: &Caller, hint: &Hint) -> Result<Person, Reason> {
    let (designation, ways) = match hint {
        Hint::Login(text) => (named(provider, &caller.client, text)?, &*provider.policy().login_hint),
        Hint::LoginToken(jwt) => (signed_hint::of_login_hint_token(provider, caller, jwt).await?, &LoginHint::ALL[..]),
        Hint::IdToken(jwt) => (signed_hint::of_id_token_hint(provider, caller, jwt)?, &LoginHint::ALL[..]),
    };
    // A pairwise client does not know what others call the user.
    let plain_sub = matches!(designation, Designation::Named(_)) && caller.client.sector.is_some();
    let ways: Vec<LoginHint> = ways.iter().copied().filter(|way| !plain_sub || *way != LoginHint::Sub).collect();
    let means =
        |user: &User| designation.means(user, &ways) && subjects::told(provider, &caller.client, &user.subject).is_ok();
    match look_up(provider, &designation).await?.filter(means) {
        Some(user) => Ok(Person::from(user)),
        None if provider.policy().mask_unknown_user => Ok(Person::nobody(&designation)),
        None => Err(Reason::UnknownUser),
    }
}

/// Whom a `login_hint` means, read as the client knows users: a plain text may be the `sub` that a pairwise client was told.
fn named(provider: &Provider, client: &Client, text: &str) -> Result<Designation, Flaw> {
    if client.sector.is_some()
        && let Some(subject) = subjects::meant(provider, client, text)
    {
        return Ok(Designation::Subject(subject));
    }
    let read = Designation::of_login_hint(text, provider.issuer());
    let read = read.map_err(|unreadable| Flaw("login_hint", unreadable.0))?;
    Ok(read.by(|sub| subjects::meant(provider, client, sub)))
}

async fn look_up(provider: &Provider, designation: &Designation) -> Result<Option<User>, Unavailable> {
    let (store, realm) = (&provider.store, provider.id());
    let found = match designation {
        Designation::Subject(subject) => store.user(realm, subject).await?,
        Designation::Named(name) | Designation::Called(_, name) => store.user_named(realm, name).await?,
        Designation::Foreign => None,
    };
    Ok(found.map(|user| user.record))
}

impl Person {
    /// Nobody: the same one for the same hint, so that limits hold for them too.
    fn nobody(designation: &Designation) -> Self {
        let name = match designation {
            Designation::Subject(subject) => subject.as_str(),
            Designation::Named(name) | Designation::Called(_, name) => name.as_str(),
            Designation::Foreign => "",
        };
        let subject = format!("nobody-{}", Digest::labelled("assent-nobody", &[name.as_bytes()]));
        Self { subject: Subject::new(subject), user_code: None, is_active: true }
    }
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        let is_active = match user.status {
            UserStatus::Active => true,
            UserStatus::Locked | UserStatus::Disabled => false,
        };
        Self { subject: user.subject, user_code: user.user_code, is_active }
    }
}
