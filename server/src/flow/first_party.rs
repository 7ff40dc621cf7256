//! A user's own app or web page enrols their phones: it asks for tickets, shows them and types the digits, as an operator's
//! page would. What lets it is an access token of the login where the user signed in a moment ago (RFC 9068), bound to a key
//! or a certificate of the app's, with a scope that no CIBA request is granted.

use protocol::messages::Ticket;
use protocol::{Digest, EnrolmentId};
use serde::Deserialize as _;
use tracing::info;

use super::administer::{self, Shown};
use super::confirm::{self, Confirmed};
use super::dpop::{self, Presented, Reason as Unproven, Unshown};
use super::provider::Provider;
use super::public_keys::{Source, Unbelieved};
use super::{Unavailable, enrol};
use crate::domain::algorithm::Algorithm;
use crate::domain::binding::Binding;
use crate::domain::certificate::Thumbprint;
use crate::domain::names::{ClientId, Subject, TicketKey};
use crate::domain::policy::{ENROLMENT_SCOPE, EnrolmentIssuer};
use crate::domain::profile::Profile;
use crate::jose::{Audience, Claims, ClaimsError, Rules, SKEW, Unverified};
use crate::store::{CommitError, Mark};

/// So many seconds ago the user signed in, at most.
pub const FRESH_SIGN_IN: i64 = 300;

/// An access token lives at most so many seconds.
const LONGEST_TOKEN: i64 = 86_400;

/// Why an app may not enrol phones.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not a token by which this is allowed; nobody is told more.
    #[error("the access token: {0}")]
    InvalidToken(Unbelieved),
    /// Bound to nothing, or to something that was not shown (RFC 8705 §3, RFC 9449 §7.1).
    #[error(transparent)]
    Unshown(#[from] Unshown),
    /// It is for something else.
    #[error("the access token lacks the scope of enrolment")]
    InsufficientScope,
    /// The user signed in too long ago, or for one without phones not well enough (RFC 9470).
    #[error("the user must sign in again")]
    SignInAgain {
        /// One of which is wanted; any, if empty.
        acr: Vec<String>,
    },
    /// No such ticket of this user's.
    #[error("there is no such ticket")]
    UnknownTicket,
    /// The user is locked or disabled, or nobody here.
    #[error("the user may not enrol phones")]
    UnknownUser,
    /// What the digits were refused for.
    #[error(transparent)]
    Confirm(enrol::Reason),
    /// The user has as many phones as anybody may have.
    #[error("there are phones enough")]
    TooManyDevices,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Who lets whom.
pub struct Caller {
    subject: Subject,
    client: ClientId,
    acr: Option<String>,
    recovery_acr: Vec<String>,
    used: Option<Mark>,
}

impl Caller {
    /// A user who has signed in a moment ago, and shown it to us.
    pub(super) const fn signed_in(
        subject: Subject,
        client: ClientId,
        acr: Option<String>,
        recovery_acr: Vec<String>,
    ) -> Self {
        Self { subject, client, acr, recovery_acr, used: None }
    }
}

/// Judges what came with a call.
pub async fn admit(provider: &Provider, presented: &Presented<'_>) -> Result<Caller, Reason> {
    let admitted = judge(provider, presented).await;
    admitted.inspect_err(|reason| info!(%reason, "an app may not enrol phones"))
}

async fn judge(provider: &Provider, presented: &Presented<'_>) -> Result<Caller, Reason> {
    let (issuer, claims) = believed(provider, presented.token).await.map_err(Reason::InvalidToken)?;
    let invalid = |why: ClaimsError| Reason::InvalidToken(why.into());
    let client = claims.text("client_id").map_err(invalid)?.unwrap_or_default();
    if !issuer.clients.iter().any(|known| known == client) {
        return Err(Reason::InvalidToken(Unbelieved::Issuer));
    }
    let client = ClientId::new(client);
    let used = bound(provider, presented, &claims, &client)?;
    let scope = claims.text("scope").map_err(invalid)?.unwrap_or_default();
    if !scope.split(' ').any(|scope| scope == ENROLMENT_SCOPE) {
        return Err(Reason::InsufficientScope);
    }
    let now = provider.now();
    let signed_in = claims.date("auth_time").map_err(invalid)?;
    let is_fresh = signed_in.is_some_and(|at| at <= now.plus_seconds(SKEW) && now < at.plus_seconds(FRESH_SIGN_IN));
    if !is_fresh {
        return Err(Reason::SignInAgain { acr: Vec::new() });
    }
    Ok(Caller {
        subject: Subject::new(claims.sub().map_err(invalid)?.unwrap_or_default()),
        client,
        acr: claims.text("acr").map_err(invalid)?.map(str::to_owned),
        recovery_acr: issuer.recovery_acr.clone(),
        used,
    })
}

/// RFC 9068 §4.
async fn believed<'p>(provider: &'p Provider, token: &str) -> Result<(&'p EnrolmentIssuer, Claims), Unbelieved> {
    let unverified = Unverified::parse(token)?;
    if !unverified.header().is_typ("at+jwt") {
        return Err(Unbelieved::Type);
    }
    let issuer = unverified.claims().iss()?.ok_or(ClaimsError::Missing("iss"))?;
    let known = provider.policy().enrolment_issuers.iter().find(|known| known.issuer == issuer);
    let known = known.ok_or(Unbelieved::Issuer)?;
    let allowed = provider.offer().client_algorithms(Profile::Core);
    let token = Source::of_operator(&known.jwks_uri)?.verify(provider, token, &allowed).await?;
    let rules = Rules {
        issuer: &known.issuer,
        subject: None,
        audience: Audience::Includes(provider.issuer()),
        required: &["sub", "iat", "client_id"],
        longest: LONGEST_TOKEN,
    };
    token.claims.check(&rules, provider.now())?;
    Ok((known, token.claims))
}

/// What keeps the proof from being used again, if the sender is whom the token was given to.
fn bound(
    provider: &Provider,
    presented: &Presented<'_>,
    claims: &Claims,
    client: &ClientId,
) -> Result<Option<Mark>, Unshown> {
    let binding = binding(claims).filter(|binding| *binding != Binding::default()).ok_or(Unshown::NotItsOwn)?;
    presented.shows(provider, binding, client, &[Algorithm::Es256])
}

/// `cnf`; `None` where a member of it cannot be read.
fn binding(claims: &Claims) -> Option<Binding> {
    let Some(confirmation) = claims.members().get("cnf") else { return Some(Binding::default()) };
    let member = |name: &str| confirmation.get(name);
    Some(Binding {
        certificate: member("x5t#S256").map(Thumbprint::deserialize).transpose().ok()?,
        key: member("jkt").map(Digest::deserialize).transpose().ok()?,
    })
}

/// A ticket for the user who signed in. Who had phones and has none left must have signed in as the realm wants it then.
pub async fn create_ticket(provider: &Provider, caller: Caller) -> Result<Ticket, Reason> {
    let devices = provider.store.devices_of(provider.id(), &caller.subject).await.map_err(Unavailable::from)?;
    let recovers = !devices.is_empty() && !devices.iter().any(|device| device.record.is_active());
    let is_enough = caller.recovery_acr.is_empty()
        || caller.acr.as_ref().is_some_and(|reached| caller.recovery_acr.contains(reached));
    if recovers && !is_enough {
        return Err(Reason::SignInAgain { acr: caller.recovery_acr });
    }
    let drafted = administer::ticketed(provider, &caller.subject, Some(caller.client)).await;
    let (mut change, ticket) = drafted.map_err(|reason| match reason {
        administer::Reason::UnknownUser => Reason::UnknownUser,
        administer::Reason::TooManyDevices => Reason::TooManyDevices,
        administer::Reason::Unavailable(reason) => Reason::Unavailable(reason),
        // Nothing is made here that could be wrong or there already.
        administer::Reason::Invalid(..) | administer::Reason::Exists => Reason::Unavailable(Unavailable::Contended),
    })?;
    change.marks.extend(caller.used);
    match provider.store.commit(change).await {
        Ok(()) => Ok(ticket),
        Err(CommitError::Replayed(..)) => Err(Unshown::Proof(Unproven::Replayed).into()),
        Err(error) => Err(Unavailable::from(error).into()),
    }
}

/// What a ticket of the user's has come to.
pub async fn ticket(provider: &Provider, caller: &Caller, key: &TicketKey) -> Result<Shown, Reason> {
    let found = administer::ticket(provider, key).await?;
    found.filter(|found| found.ticket.subject == caller.subject).ok_or(Reason::UnknownTicket)
}

/// Types the digits that the new phone shows.
pub async fn type_digits(
    provider: &Provider,
    caller: &Caller,
    key: &TicketKey,
    digits: &str,
) -> Result<Confirmed, Reason> {
    let found = ticket(provider, caller, key).await?;
    let enrolment: EnrolmentId = found.enrolment.ok_or(Reason::UnknownTicket)?.id;
    // No proof is of the digits beside it: a copy must not try others, on whatever node.
    dpop::use_up::<Reason>(provider, caller.used.clone()).await?;
    confirm::confirm(provider, &enrolment, digits).await.map_err(Reason::Confirm)
}
