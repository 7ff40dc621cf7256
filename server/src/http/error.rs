//! Every reason, and what the world is told of it: code, status and fixed text, with its clause. Total matches: a new
//! reason does not compile until it has its answer. Detail goes to the log, never to the wire.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use protocol::Jws;
use protocol::action::BadAction;
use protocol::endpoints::NONCE_HEADER;
use protocol::problem::{MEDIA_TYPE, Problem};
use serde_json::json;
use tracing::error;

use super::body::BodyError;
use crate::domain::authentication_request::Refusal;
use crate::domain::binding_message::BadBindingMessage;
use crate::domain::details::BadDetails;
use crate::domain::time::Timestamp;
use crate::flow::authenticate_client::{OtherMethod, Replayed};
use crate::flow::register::BadMember;
use crate::flow::{
    Unavailable, administer, authenticate_client, begin, blocks, decide, dpop, enrol, maintain, narrow, prompts, prove,
    redeem, register, rotate,
};

mod device_registration;
mod registration;
mod tokens;

pub(super) use tokens::{no_token_at_userinfo, not_told, without_token};

/// Why an `agent_action` is refused (docs/agents.md).
const fn bad_action(why: BadAction) -> &'static str {
    match why {
        BadAction::Form => {
            "an agent_action has tool, parameters, digest and perhaps agent; a parameter is a text, a whole number, a boolean or \
             a list of texts"
        }
        BadAction::Name => "the name of a parameter must be 1 to 40 of A-Z a-z 0-9 _ - with a letter first",
        BadAction::Bounds => "an action has at most 16 parameters, lists of 1 to 8 texts, and numbers below 2^53",
        BadAction::Text => {
            "a text must be one line of plain characters with single spaces, at most 200; tool and agent at most 60"
        }
        BadAction::Digest => "the digest is not the SHA-256 of the canonical JSON of parameters and tool",
    }
}

/// An OAuth error (RFC 6749 §5.2, CIBA §13): exactly `error` and `error_description`.
pub(super) fn oauth(status: StatusCode, code: &str, description: &str) -> Response {
    let body = Json(json!({ "error": code, "error_description": description }));
    (status, no_store(), body).into_response()
}

/// Nothing here may be kept by a cache (RFC 6749 §5.1).
pub(super) fn no_store() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

pub(super) fn invalid_request(description: &'static str) -> Response {
    oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
}

pub(super) fn invalid_client() -> Response {
    oauth(StatusCode::UNAUTHORIZED, "invalid_client", "the client could not be authenticated")
}

/// RFC 6749 §5.2: a client that tried by the `Authorization` header is told of the scheme. Nobody else is, although RFC
/// 9110 §15.5.2 wants a challenge with every 401: libraries look at it before the body, and a client with a key or a
/// certificate would be told to send a secret, and not `invalid_client`.
pub(super) async fn challenge(call: Request, next: Next) -> Response {
    let tried = call.headers().contains_key(header::AUTHORIZATION);
    let mut response = next.run(call).await;
    if tried && response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"assent\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// 503 with `Retry-After`: nothing was done.
pub(super) fn unavailable(reason: &Unavailable) -> Response {
    error!(%reason, "nothing was done");
    let mut response = oauth(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "nothing was done; try again");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        match self {
            Self::TooLarge => oauth(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is larger than 64 KiB"),
            Self::WrongType => invalid_request("the body must be application/x-www-form-urlencoded"),
            Self::Slow => oauth(StatusCode::REQUEST_TIMEOUT, "invalid_request", "the body came too slowly"),
            Self::Broken => invalid_request("the body could not be read"),
        }
    }
}

impl IntoResponse for authenticate_client::Reason {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated(_) => invalid_client(),
            // RFC 8705 §3 names no code; it is the request that lacks something, not the client that is unknown.
            Self::NoCertificate => invalid_request("a client certificate is needed: tokens are bound to it"),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

impl IntoResponse for Replayed {
    fn into_response(self) -> Response {
        match self {
            Self::Assertion => invalid_client(),
            Self::Proof => dpop::Reason::Replayed.into_response(),
        }
    }
}

impl IntoResponse for dpop::Reason {
    /// RFC 9449 §5, §8: at the token endpoint.
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::Missing => oauth(bad, "invalid_dpop_proof", "a DPoP proof is needed: tokens are bound to its key"),
            Self::Invalid(why) => oauth(bad, "invalid_dpop_proof", &format!("the DPoP proof: {why}")),
            Self::Replayed => oauth(bad, "invalid_dpop_proof", "the DPoP proof was used before"),
            Self::UseNonce => oauth(bad, "use_dpop_nonce", "the DPoP proof needs the nonce of the DPoP-Nonce header"),
        }
    }
}

impl IntoResponse for begin::Reason {
    /// CIBA §13.
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::UnauthorizedClient => {
                oauth(bad, "unauthorized_client", "this client may not use CIBA here, or not in its delivery mode")
            }
            Self::Flawed(flaw) => oauth(bad, "invalid_request", &flaw.to_string()),
            // OP_ACCEPTANCE §0.2: never invalid_request_object.
            Self::Unbelieved(parameter, why) => oauth(bad, "invalid_request", &format!("{parameter}: {why}")),
            Self::ExpiredLoginHintToken => oauth(bad, "expired_login_hint_token", "the login_hint_token has expired"),
            Self::InvalidScope => oauth(bad, "invalid_scope", "openid is missing, or a scope is not allowed"),
            Self::InvalidBindingMessage(BadBindingMessage::Text(_)) => {
                oauth(bad, "invalid_binding_message", "one line of at most 100 plain characters is allowed")
            }
            Self::InvalidBindingMessage(BadBindingMessage::Pattern) => {
                oauth(bad, "invalid_binding_message", "it does not match the pattern that this provider wants")
            }
            // RFC 9396 §5
            Self::InvalidAuthorizationDetails(why) => why.into_response(),
            Self::InvalidTarget => invalid_target(),
            Self::UnknownUser => oauth(bad, "unknown_user_id", "the hint names no user"),
            Self::MissingUserCode => oauth(bad, "missing_user_code", "this client must send the user code"),
            Self::InvalidUserCode => oauth(bad, "invalid_user_code", "the user code is wrong"),
            // CIBA has no code of its own for a user who cannot be asked (REQUIREMENTS Q19). One text for all: the client
            // need not know which, and a realm may want nobody to learn who exists (Q17).
            Self::NoDevice | Self::UserNotActive | Self::LimitReached => {
                let text = "the user cannot be asked: no device, locked, or asked too often";
                oauth(StatusCode::FORBIDDEN, "access_denied", text)
            }
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

impl IntoResponse for BadDetails {
    /// RFC 9396 §5
    fn into_response(self) -> Response {
        let text = match self {
            Self::Form => "a list of 1 to 8 objects with a type is wanted, of at most 2048 bytes",
            Self::UnknownType => "a type is not known here, or not for this client",
            Self::Member(_) => "a member is unknown, missing, or does not fit its type",
            Self::Text(_) => "a value must be one line of at most 200 plain characters",
            Self::Action(why) => bad_action(why),
            Self::Alike => "two parameters have names that look alike",
            Self::NotAlone => "an agent_action must be the only detail of its request",
            Self::NotGranted => "only details that were granted can be asked for here, as they were sent",
        };
        oauth(StatusCode::BAD_REQUEST, "invalid_authorization_details", text)
    }
}

/// RFC 8707 §2
fn invalid_target() -> Response {
    oauth(
        StatusCode::BAD_REQUEST,
        "invalid_target",
        "a resource is none that this client may name here, or too many are",
    )
}

/// The interval is told twice: libraries heed the one or the other (REQUIREMENTS Q9).
fn slow_down(interval: u32) -> Response {
    let text = "polled before the interval was over; it is longer now";
    let body = Json(json!({ "error": "slow_down", "error_description": text, "interval": interval }));
    let mut response = (StatusCode::BAD_REQUEST, no_store(), body).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(interval));
    response
}

impl IntoResponse for narrow::Reason {
    fn into_response(self) -> Response {
        match self {
            Self::InvalidScope => {
                oauth(StatusCode::BAD_REQUEST, "invalid_scope", "a scope was not granted, or may not be had any more")
            }
            Self::InvalidTarget => invalid_target(),
            Self::InvalidAuthorizationDetails(why) => why.into_response(),
        }
    }
}

impl IntoResponse for redeem::Reason {
    /// CIBA §11.
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::UnauthorizedClient => oauth(bad, "unauthorized_client", "this client may not use this grant here"),
            Self::InvalidGrant => oauth(bad, "invalid_grant", "there is no such request for this client"),
            Self::Pending => oauth(bad, "authorization_pending", "the user has not answered yet"),
            Self::SlowDown(interval) => slow_down(interval),
            // CIBA §11 leaves this for clients that do not heed `slow_down`.
            Self::TooOften => invalid_request("polled too early too often; stop polling for this request"),
            Self::AccessDenied => oauth(bad, "access_denied", "the request was not granted"),
            Self::CancelledByClient => oauth(bad, "access_denied", "the request was cancelled by the client"),
            Self::Expired => oauth(bad, "expired_token", "the request has expired"),
            Self::Narrowing(reason) => reason.into_response(),
            // REQUIREMENTS Q23: as RFC 6749 §5.2 has it, an unsupported authentication method.
            Self::OtherMethod(OtherMethod) => invalid_client(),
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

/// What a refusal of the device API says: status, code, title.
pub(super) struct DeviceError {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    nonce: Option<String>,
    revocation: Option<Jws>,
}

impl DeviceError {
    pub(super) const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, nonce: None, revocation: None }
    }

    /// A problem document (RFC 9457) with the server's clock in it.
    pub(super) fn render(self, now: Timestamp) -> Response {
        let problem = Problem {
            kind: format!("urn:assent:problem:{}", self.code),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            nonce: self.nonce.clone(),
            revocation: self.revocation,
            now: now.unix_seconds(),
        };
        let mut response = (self.status, no_store(), Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(nonce) = self.nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
            headers.insert(NONCE_HEADER, nonce);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Unavailable> for DeviceError {
    fn from(reason: Unavailable) -> Self {
        error!(%reason, "nothing was done");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Nothing was done; try again")
    }
}

impl From<BodyError> for DeviceError {
    fn from(reason: BodyError) -> Self {
        match reason {
            BodyError::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 64 KiB")
            }
            BodyError::WrongType => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type", "The body must be application/json")
            }
            // A phone in a bad place sends the same bytes again.
            BodyError::Slow => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The body came too slowly"),
            BodyError::Broken => Self::new(StatusCode::BAD_REQUEST, "malformed", "The body could not be read"),
        }
    }
}

impl From<prove::Reason> for DeviceError {
    fn from(reason: prove::Reason) -> Self {
        let unauthorized = StatusCode::UNAUTHORIZED;
        match reason {
            prove::Reason::Unproven => Self::new(unauthorized, "unproven", "No enrolled device proves this request"),
            prove::Reason::UseNonce(nonce) => {
                let error = Self::new(unauthorized, "use_nonce", "Prove the request again with this nonce");
                Self { nonce: Some(nonce), ..error }
            }
            prove::Reason::Revoked(revocation) => {
                let error = Self::new(unauthorized, "revoked", "This device was revoked");
                Self { revocation: Some(revocation), ..error }
            }
            prove::Reason::FormerKey => {
                Self::new(StatusCode::FORBIDDEN, "former_key", "This key was replaced and may only read")
            }
            prove::Reason::Replayed => Self::new(unauthorized, "replayed", "This proof was used before"),
            prove::Reason::Unavailable(reason) => reason.into(),
        }
    }
}

impl From<prompts::Reason> for DeviceError {
    fn from(reason: prompts::Reason) -> Self {
        match reason {
            prompts::Reason::UnknownPrompt => unknown_prompt(),
            prompts::Reason::Unavailable(reason) => reason.into(),
        }
    }
}

fn unknown_prompt() -> DeviceError {
    DeviceError::new(StatusCode::NOT_FOUND, "unknown_prompt", "There is no such prompt for this device")
}

impl From<decide::Reason> for DeviceError {
    fn from(reason: decide::Reason) -> Self {
        let (status, code, title) = match reason {
            decide::Reason::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "This is not a decision"),
            decide::Reason::BadSignature(_) => {
                (StatusCode::FORBIDDEN, "bad_signature", "The decision is not signed by this device")
            }
            decide::Reason::WrongKey => {
                (StatusCode::FORBIDDEN, "wrong_key", "This prompt must be answered with the other key")
            }
            decide::Reason::Mismatch(_) => {
                (StatusCode::BAD_REQUEST, "mismatch", "The decision is about something else than this prompt")
            }
            decide::Reason::Expired => (StatusCode::GONE, "expired", "This prompt has expired"),
            decide::Reason::Concluded(refusal) => return concluded(refusal),
            decide::Reason::UserNotActive => (StatusCode::FORBIDDEN, "user_not_active", "This account is locked"),
            decide::Reason::CounterReused => {
                (StatusCode::FORBIDDEN, "counter_reused", "This device's keys are in two places; it was revoked")
            }
            decide::Reason::ProofReplayed => (StatusCode::UNAUTHORIZED, "replayed", "This proof was used before"),
            decide::Reason::UnknownPrompt => return unknown_prompt(),
            decide::Reason::Revoked(revocation) => return prove::Reason::Revoked(revocation).into(),
            decide::Reason::Unavailable(reason) => return reason.into(),
        };
        Self::new(status, code, title)
    }
}

fn concluded(refusal: Refusal) -> DeviceError {
    let (status, code, title) = match refusal {
        Refusal::Expired => (StatusCode::GONE, "expired", "This request has expired"),
        Refusal::AlreadyApproved => (StatusCode::CONFLICT, "already_approved", "This request was approved"),
        Refusal::AlreadyDenied => (StatusCode::CONFLICT, "already_denied", "This request was denied"),
        Refusal::Cancelled => (StatusCode::CONFLICT, "cancelled", "This request was withdrawn"),
        Refusal::Failed => (StatusCode::CONFLICT, "failed", "This request failed"),
        Refusal::AlreadyRedeemed => (StatusCode::CONFLICT, "already_redeemed", "This request is concluded"),
        Refusal::StillPending | Refusal::NotExpired => (StatusCode::CONFLICT, "conflict", "This cannot be done now"),
    };
    DeviceError::new(status, code, title)
}

impl From<enrol::Reason> for DeviceError {
    fn from(reason: enrol::Reason) -> Self {
        let (status, code, title) = match reason {
            enrol::Reason::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "This is not an enrolment message"),
            enrol::Reason::Mismatch => (StatusCode::BAD_REQUEST, "mismatch", "The message does not fit this enrolment"),
            enrol::Reason::InvalidTicket => (StatusCode::FORBIDDEN, "invalid_ticket", "This ticket is not valid"),
            enrol::Reason::UnknownEnrolment => {
                (StatusCode::NOT_FOUND, "unknown_enrolment", "There is no such enrolment")
            }
            enrol::Reason::Cancelled => {
                (StatusCode::GONE, "enrolment_cancelled", "This enrolment was cancelled; ask for a new ticket")
            }
            enrol::Reason::AttestationRequired => {
                (StatusCode::FORBIDDEN, "attestation_required", "This account takes only attested devices")
            }
            enrol::Reason::AttestationFailed(_) => {
                (StatusCode::FORBIDDEN, "attestation_failed", "This device could not prove what it is")
            }
            enrol::Reason::TooMany => {
                (StatusCode::FORBIDDEN, "too_many_devices", "This account has as many devices as it may have")
            }
            enrol::Reason::Proof(reason) => return reason.into(),
            enrol::Reason::Unavailable(reason) => return reason.into(),
        };
        Self::new(status, code, title)
    }
}

impl From<blocks::Reason> for DeviceError {
    fn from(reason: blocks::Reason) -> Self {
        let (status, code, title) = match reason {
            blocks::Reason::UnknownClient => (StatusCode::NOT_FOUND, "unknown_client", "There is no such client"),
            blocks::Reason::TooMany => (StatusCode::CONFLICT, "too_many_blocks", "Lift another block first"),
            blocks::Reason::Malformed => (StatusCode::BAD_REQUEST, "malformed", "This lifts no block"),
            blocks::Reason::BadSignature => {
                (StatusCode::FORBIDDEN, "bad_signature", "A block is lifted by this device's verified key")
            }
            blocks::Reason::Used => (StatusCode::CONFLICT, "already_lifted", "This message lifted a block before"),
            blocks::Reason::ProofReplayed => (StatusCode::UNAUTHORIZED, "replayed", "This proof was used before"),
            blocks::Reason::Unavailable(reason) => return reason.into(),
        };
        Self::new(status, code, title)
    }
}

impl From<maintain::Reason> for DeviceError {
    fn from(reason: maintain::Reason) -> Self {
        let (status, code, title) = match reason {
            maintain::Reason::InvalidName(_) => {
                (StatusCode::BAD_REQUEST, "invalid_name", "A name is one line of at most 60 plain characters")
            }
            maintain::Reason::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target", "This is no push target"),
            maintain::Reason::TooManyTests => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many_tests", "Enough tests wait on this device")
            }
            maintain::Reason::UnknownDevice => (StatusCode::NOT_FOUND, "unknown_device", "There is no such device"),
            maintain::Reason::ProofReplayed => (StatusCode::UNAUTHORIZED, "replayed", "This proof was used before"),
            maintain::Reason::Unavailable(reason) => return reason.into(),
        };
        Self::new(status, code, title)
    }
}

impl From<rotate::Reason> for DeviceError {
    fn from(reason: rotate::Reason) -> Self {
        let (status, code, title) = match reason {
            rotate::Reason::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "This is not a rotation of keys"),
            rotate::Reason::BadSignature => {
                (StatusCode::FORBIDDEN, "bad_signature", "The keys that must sign this rotation did not")
            }
            rotate::Reason::Mismatch => {
                (StatusCode::BAD_REQUEST, "mismatch", "The rotation does not fit this device and its keys")
            }
            rotate::Reason::FormerKey => return prove::Reason::FormerKey.into(),
            rotate::Reason::Refused => (StatusCode::FORBIDDEN, "rotation_refused", "Nobody agreed to these keys"),
            rotate::Reason::TooMany => {
                (StatusCode::FORBIDDEN, "too_many_rotations", "This device replaced its keys often enough for a day")
            }
            rotate::Reason::UnknownProposal => (StatusCode::NOT_FOUND, "unknown_rotation", "Nothing is proposed"),
            rotate::Reason::ProofReplayed => (StatusCode::UNAUTHORIZED, "replayed", "This proof was used before"),
            rotate::Reason::Unavailable(reason) => return reason.into(),
        };
        Self::new(status, code, title)
    }
}

impl IntoResponse for register::Reason {
    fn into_response(self) -> Response {
        match self {
            // RFC 7591 §3.2.2
            Self::BadMember(BadMember { member, rule }) => {
                oauth(StatusCode::BAD_REQUEST, "invalid_client_metadata", &format!("{member}: {rule}"))
            }
            Self::Exists => oauth(StatusCode::CONFLICT, "exists", "a client of this id exists or existed"),
            Self::UnknownClient => oauth(StatusCode::NOT_FOUND, "unknown_client", "there is no such client"),
            Self::LooksOtherwise => {
                oauth(StatusCode::CONFLICT, "changed", "the client has another name or another logo by now")
            }
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

impl IntoResponse for administer::Reason {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(member, rule) => {
                oauth(StatusCode::BAD_REQUEST, "invalid_request", &format!("{member}: {rule}"))
            }
            Self::Exists => oauth(StatusCode::CONFLICT, "exists", "it exists already"),
            Self::UnknownUser => oauth(StatusCode::NOT_FOUND, "unknown_user", "there is no such active user"),
            Self::TooManyDevices => {
                oauth(StatusCode::CONFLICT, "too_many_devices", "the user has as many devices as anybody may have")
            }
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}
