//! A relying party asks: the backchannel authentication request (CIBA §7).
//!
//! | step | where |
//! |---|---|
//! | whether the client may ask at all | here |
//! | the signed request, where there is one | [`request_object`] |
//! | parameters, out of it or out of the form | [`parameters`] |
//! | what they mean for this client | [`judge`] |
//! | whom the hint means | [`person`], [`signed_hint`] |
//! | the user's code | [`user_code`] |
//! | whether the user may be disturbed | [`super::disturb`] |
//! | prompts | [`crate::authenticator`] |
//!
//! Everything that follows from an accepted request is one commit.

use protocol::digest::request_digest;
use tracing::{info, warn};

use super::Unavailable;
use super::authenticate_client::{Caller, Replayed};
use super::callback::{self, Spoken};
use super::disturb::{self, Taken};
use super::match_code;
use super::notify;
use super::provider::{Provider, Recorded as _};
use super::public_keys::Unbelieved;
use super::refusals;
use super::retry::ATTEMPTS_IN_LINE;
use crate::authenticator::{self, Asked, Question, StartError};
use crate::domain::attention::{Counted, Wish};
use crate::domain::audit::{Point, What};
use crate::domain::authentication_request::{AuthenticationRequest, Callback, State};
use crate::domain::binding_message::BadBindingMessage;
use crate::domain::delivery::DeliveryMode;
use crate::domain::details::BadDetails;
use crate::domain::names::{RequestKey, Subject};
use crate::domain::policy::{NoDevice, Policy};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, Mark};

mod judge;
mod parameters;
mod person;
mod request_object;
pub(super) mod signed_hint;
pub(super) mod user_code;

use parameters::Parameters;
pub use parameters::{Flaw, Sent};
use person::Person;

/// More unknown parameters than this are not named in the log, and no more characters of each.
const MOST_NAMED: usize = 8;
const LONGEST_NAMED: usize = 64;

/// The acknowledgement (CIBA §7.3).
#[derive(Debug, Clone)]
pub struct Begun {
    /// 256 random bits as 43 base64url characters. Spoken here and never stored in clear.
    pub auth_req_id: String,
    /// Seconds.
    pub expires_in: u32,
    /// Seconds; absent in push mode.
    pub interval: Option<u32>,
    /// The digits that the client's screen shows, for clients registered for them.
    pub match_code: Option<Secret>,
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The client may not use this grant, or not in its delivery mode.
    #[error("this client may not use CIBA here")]
    UnauthorizedClient,
    /// A parameter is missing or breaks a rule.
    #[error(transparent)]
    Flawed(#[from] Flaw),
    /// A signed parameter, by its name, is not believed.
    #[error("{0}: {1}")]
    Unbelieved(&'static str, Unbelieved),
    /// The `login_hint_token` is genuine, and past its time.
    #[error("the login_hint_token has expired")]
    ExpiredLoginHintToken,
    /// `openid` is missing, or a scope is not allowed for this client.
    #[error("a scope is missing or not allowed")]
    InvalidScope,
    /// The text breaks the rules for text on phones, or the realm's.
    #[error("the binding message breaks a rule: {0}")]
    InvalidBindingMessage(#[from] BadBindingMessage),
    /// `authorization_details` are of no registered type, or do not fit it (RFC 9396 §5).
    #[error("the authorization details are refused: {0:?}")]
    InvalidAuthorizationDetails(#[from] BadDetails),
    /// A `resource` is not one that the client may name (RFC 8707 §2).
    #[error("a resource is not allowed")]
    InvalidTarget,
    /// No such user.
    #[error("no such user")]
    UnknownUser,
    /// The client registered that it sends user codes, and sent none.
    #[error("the user code is missing")]
    MissingUserCode,
    /// The code is wrong, the user has none, or there were too many wrong ones.
    #[error("the user code is wrong")]
    InvalidUserCode,
    /// The user is locked or disabled.
    #[error("the user may not sign in")]
    UserNotActive,
    /// This client has disturbed this user often enough.
    #[error("the limit of prompts for this client and user is reached")]
    LimitReached,
    /// The user has no phone to ask.
    #[error("the user has no device")]
    NoDevice,
    /// The client's assertion was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Accepts a request: the question, its prompts, its messages and its audit event in one commit.
pub async fn begin(provider: &Provider, caller: &Caller, sent: Sent) -> Result<Begun, Reason> {
    judge::may_ask(provider, caller)?;
    warn_of_unknown(caller, &sent);
    let (sent, used) = request_object::read(provider, caller, sent).await?;
    if used.is_some() {
        warn_of_unknown(caller, &sent);
    }
    let mut parameters = Parameters::read(&sent)?;
    judge::parameters(provider, caller, &parameters)?;
    let details = judge::details(provider, &caller.client, &parameters)?;
    let person = person::find(provider, caller, &parameters.hint).await?;
    let code = parameters.user_code.take().filter(|_| user_code::is_demanded(provider, &caller.client));
    let has_code = code.is_some();
    if let Some(code) = code {
        user_code::check(provider, &caller.client, &person, code).await?;
    }
    let now = provider.now();
    may_sign_in(provider, caller, &person).await?;
    let auth_req_id = provider.random().token();
    let accepted = Accepted { provider, caller, parameters: &parameters, auth_req_id: &auth_req_id, at: now };
    let mut request = accepted.request(person.subject);
    request.details = details;
    let match_code = caller.client.match_code.then(|| match_code::draw(provider));
    request.match_code = match_code.as_ref().map(|code| match_code::mac(provider, &request.key, code));
    // Judged before anything is signed, and again if somebody else's request is committed first.
    let counted = Counted::of(&caller.client);
    let taken = take(provider, (&request, &counted), has_code).await?;
    let question = Question {
        client: &caller.client,
        request: &request,
        req: request_digest(&auth_req_id),
        context: parameters.context.as_ref(),
    };
    let asked = ask(provider, &question, now).await?;
    may_be_kept(&request, &asked)?;
    let copies = asked.prompts.iter().chain(&asked.awaiting);
    request.prompts = copies.map(|prompt| (prompt.device, prompt.id)).collect();
    commit(provider, caller, Step { request, asked, used, has_code, counted }, taken).await?;
    let interval = (caller.client.delivery != DeliveryMode::Push).then_some(provider.policy().interval);
    Ok(Begun { auth_req_id, expires_in: provider.policy().lifetime(parameters.requested_expiry), interval, match_code })
}

/// Ignored, as RFC 6749 §3.1 wants it, but not in silence: many a name is spelled wrong (REQUIREMENTS Q45).
fn warn_of_unknown(caller: &Caller, sent: &Sent) {
    let mut unknown = sent.unknown().map(|name| name.chars().take(LONGEST_NAMED).collect::<String>()).peekable();
    if unknown.peek().is_some() {
        let unknown: Vec<_> = unknown.take(MOST_NAMED).collect();
        warn!(client = %caller.client.id, ?unknown, "unknown parameters were ignored");
    }
}

async fn may_sign_in(provider: &Provider, caller: &Caller, person: &Person) -> Result<(), Reason> {
    if person.is_active {
        return Ok(());
    }
    // As much work as for somebody without a phone.
    provider.store.devices_of(provider.id(), &person.subject).await.map_err(Unavailable::from)?;
    refusals::locked(provider, &caller.client.id, &person.subject, Point::Accept).await?;
    Err(Reason::UserNotActive)
}

async fn take(
    provider: &Provider,
    (request, counted): (&AuthenticationRequest, &Counted),
    has_code: bool,
) -> Result<Taken, Reason> {
    let AuthenticationRequest { client, key, expires_at, created_at, .. } = request;
    let wish = Wish { client, counted, request: *key, until: *expires_at, has_code, now: *created_at };
    disturb::take(provider, &request.subject, &wish).await
}

/// All that an accepted request is made of.
struct Accepted<'a> {
    provider: &'a Provider,
    caller: &'a Caller,
    parameters: &'a Parameters,
    auth_req_id: &'a str,
    at: Timestamp,
}

impl Accepted<'_> {
    fn request(&self, subject: Subject) -> AuthenticationRequest {
        let (client, policy, parameters) = (&self.caller.client, self.provider.policy(), self.parameters);
        let expires_at = self.at.plus_seconds(policy.lifetime(parameters.requested_expiry).into());
        AuthenticationRequest {
            key: RequestKey::of(self.auth_req_id),
            client: client.id.clone(),
            authenticated_by: client.authentication,
            subject,
            delivery: client.delivery,
            scope: parameters.scope.clone(),
            resources: parameters.resources.clone().unwrap_or_default(),
            binding_message: parameters.binding_message.clone(),
            interval: policy.interval,
            created_at: self.at,
            expires_at,
            keep_until: expires_at.plus_seconds(keep(policy, client.delivery).into()),
            prompts: Vec::new(),
            notified: false,
            callback: self.callback(),
            acr_values: judge::requested_acr(self.provider, client, &parameters.acr_values),
            certificate: self.caller.certificate,
            details: None,
            match_code: None,
            issued: None,
            state: State::Pending,
        }
    }

    /// A poll client is never called, so its token is not kept (REQUIREMENTS Q22).
    fn callback(&self) -> Option<Callback> {
        let token = self.parameters.notification_token.clone();
        let token = token.filter(|_| self.caller.client.delivery != DeliveryMode::Poll)?;
        let spoken = Spoken { auth_req_id: Secret::new(self.auth_req_id.to_owned()), token };
        Some(callback::seal(&self.provider.keys, &RequestKey::of(self.auth_req_id), &spoken))
    }
}

/// For how many seconds a request is kept after its life: for as long, too, as its client may still be told of it.
fn keep(policy: &Policy, delivery: DeliveryMode) -> u32 {
    match delivery {
        DeliveryMode::Poll => policy.tombstone,
        DeliveryMode::Ping | DeliveryMode::Push => policy.tombstone.max(policy.notification_grace),
    }
}

/// Bytes of a prompt that holds details: it is kept in one record with two decisions and their results.
const MOST_PROMPT_BYTES: usize = 7 * 1024;

/// Details that leave no room for the answer are refused here, where the client can still be told.
fn may_be_kept(request: &AuthenticationRequest, asked: &Asked) -> Result<(), BadDetails> {
    let mut prompts = asked.prompts.iter().chain(&asked.awaiting);
    let too_long = request.details.is_some() && prompts.any(|prompt| prompt.jws.as_str().len() > MOST_PROMPT_BYTES);
    if too_long { Err(BadDetails::Form) } else { Ok(()) }
}

async fn ask(provider: &Provider, question: &Question<'_>, now: Timestamp) -> Result<Asked, Reason> {
    let port = provider.port();
    match authenticator::devices::start(&port, question, now).await {
        Ok(asked) => Ok(asked),
        Err(StartError::NoDevice) => match provider.policy().no_device {
            NoDevice::AccessDenied => Err(Reason::NoDevice),
            NoDevice::UnknownUserId => Err(Reason::UnknownUser),
            NoDevice::Accept => {
                let waiting = authenticator::devices::waiting(&port, question, now);
                Ok(Asked { awaiting: Some(waiting.map_err(Unavailable::from)?), ..Asked::default() })
            }
        },
        Err(error) => Err(Unavailable::from(error).into()),
    }
}

/// What is committed at once.
struct Step {
    request: AuthenticationRequest,
    asked: Asked,
    /// The signed request, which no other call may use.
    used: Option<Mark>,
    /// Whether the user's code was sent.
    has_code: bool,
    /// Under what the prompt is counted.
    counted: Counted,
}

impl Step {
    fn change(&self, provider: &Provider, caller: &Caller, taken: Taken) -> Change {
        let Self { request, asked, used, .. } = self;
        let accepted = What::RequestAccepted {
            request: request.key,
            client: request.client.clone(),
            subject: request.subject.clone(),
            prompts: asked.prompts.iter().map(|prompt| prompt.id).collect(),
        };
        let mut change = caller.change(provider).create(request.clone());
        change = change.recording(provider, request.created_at, accepted);
        for prompt in asked.prompts.iter().chain(&asked.awaiting) {
            change = change.create(prompt.clone());
        }
        let pushes = asked.messages.iter().filter(|_| taken.wakes()).cloned();
        for message in pushes.chain(notify::timer(provider, request)) {
            change = change.create(message);
        }
        change.marks.extend(used.clone());
        taken.stored_by(change, provider, request.key, request.created_at)
    }
}

async fn commit(provider: &Provider, caller: &Caller, step: Step, mut taken: Taken) -> Result<(), Reason> {
    let mut line = None;
    for _ in 0..ATTEMPTS_IN_LINE {
        match caller.commit(provider, step.change(provider, caller, taken)).await? {
            Ok(()) => {
                accepted(provider, &step);
                return Ok(());
            }
            // Another request to the same user was committed since their account was read.
            Err(CommitError::Conflict) => {}
            Err(CommitError::Replayed(key, _)) if step.used.as_ref().is_some_and(|used| used.key == key) => {
                return Err(Reason::Unbelieved(request_object::REQUEST, Unbelieved::Replayed));
            }
            Err(other) => return Err(Unavailable::from(other).into()),
        }
        if line.is_none() {
            line = Some(provider.lines.stand(&step.request.subject).await);
        }
        taken = take(provider, (&step.request, &step.counted), step.has_code).await?;
    }
    Err(Unavailable::Contended.into())
}

fn accepted(provider: &Provider, step: &Step) {
    let (request, prompts) = (&step.request, &step.asked.prompts);
    info!(request = %request.key, client = %request.client, phones = prompts.len(), "request accepted");
    for prompt in prompts {
        provider.wake.phone(&prompt.device);
    }
    provider.wake.outbox();
}
