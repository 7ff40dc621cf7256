//! What is told where tokens are refreshed, ended and used, and where a request is withdrawn.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{invalid_client, oauth, unavailable};
use crate::domain::authentication_request::Refusal;
use crate::domain::policy::ENROLMENT_SCOPE;
use crate::flow::authenticate_client::OtherMethod;
use crate::flow::dpop::{self, Scheme, Unshown};
use crate::flow::first_party::{self, FRESH_SIGN_IN};
use crate::flow::{cancel, refresh, revoke, userinfo};

const BAD: StatusCode = StatusCode::BAD_REQUEST;

impl IntoResponse for refresh::Reason {
    /// RFC 6749 §5.2.
    fn into_response(self) -> Response {
        match self {
            Self::UnauthorizedClient => oauth(BAD, "unauthorized_client", "this client may not use refresh tokens"),
            Self::InvalidGrant => oauth(BAD, "invalid_grant", "there is no such refresh token for this client"),
            Self::Narrowing(reason) => reason.into_response(),
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

impl IntoResponse for revoke::Reason {
    /// RFC 7009 §2.1 refuses, and §2.2.1 leaves the code to RFC 6749 §5.2: `invalid_grant`, "issued to another client".
    fn into_response(self) -> Response {
        match self {
            Self::NotItsOwn => oauth(BAD, "invalid_grant", "the token was issued to another client"),
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

impl IntoResponse for cancel::Reason {
    /// Ours. What the token endpoint would say of the same request is said here too.
    fn into_response(self) -> Response {
        match self {
            Self::InvalidGrant => oauth(BAD, "invalid_grant", "there is no such request for this client"),
            Self::Concluded(refusal) => concluded(refusal),
            Self::OtherMethod(OtherMethod) => invalid_client(),
            Self::Replayed(replayed) => replayed.into_response(),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

fn concluded(refusal: Refusal) -> Response {
    match refusal {
        Refusal::AlreadyApproved => {
            oauth(BAD, "already_approved", "the user has approved; the tokens may be collected")
        }
        Refusal::AlreadyRedeemed => oauth(BAD, "already_redeemed", "the tokens were issued; they can be revoked"),
        Refusal::Expired | Refusal::NotExpired => oauth(BAD, "expired_token", "the request has expired"),
        Refusal::AlreadyDenied | Refusal::Cancelled | Refusal::Failed | Refusal::StillPending => {
            oauth(BAD, "access_denied", "the request was not granted")
        }
    }
}

/// Why nothing is told at the userinfo endpoint, with a challenge of the scheme that was tried (RFC 6750 §3.1, RFC 9449
/// §7.1). RFC 8705 §3: `invalid_token` also where the certificate is another.
pub(in crate::http) fn not_told(reason: userinfo::Reason, scheme: Scheme, algorithms: &str) -> Response {
    let challenge = Challenge { scheme, algorithms };
    match reason {
        userinfo::Reason::InvalidToken => challenge.invalid_token("the access token is not valid"),
        userinfo::Reason::Unshown(Unshown::NotItsOwn) => {
            challenge.invalid_token("the access token is bound to what was not shown, or is of the other kind")
        }
        // RFC 9449 §7.1 names the scheme of the proof, whatever was tried.
        userinfo::Reason::Unshown(Unshown::Proof(reason)) => by_dpop(unproven(reason), algorithms),
        userinfo::Reason::InsufficientScope => {
            let response = oauth(StatusCode::FORBIDDEN, "insufficient_scope", "the token is not for openid");
            challenge.with(response, "insufficient_scope", ", scope=\"openid\"")
        }
        userinfo::Reason::Unavailable(reason) => unavailable(&reason),
    }
}

/// What is asked for by the scheme that was tried.
struct Challenge<'a> {
    scheme: Scheme,
    algorithms: &'a str,
}

impl Challenge<'_> {
    fn invalid_token(&self, description: &str) -> Response {
        self.with(oauth(StatusCode::UNAUTHORIZED, "invalid_token", description), "invalid_token", "")
    }

    fn with(&self, response: Response, error: &str, more: &str) -> Response {
        let (scheme, algorithms) = match self.scheme {
            Scheme::Bearer => ("Bearer", String::new()),
            Scheme::Dpop => ("DPoP", format!(", algs=\"{}\"", self.algorithms)),
        };
        challenging_with(response, &format!("{scheme} realm=\"assent\", error=\"{error}\"{more}{algorithms}"))
    }
}

/// Code and text of a proof that a resource does not take.
const fn unproven(reason: dpop::Reason) -> (&'static str, &'static str) {
    match reason {
        dpop::Reason::Missing | dpop::Reason::Invalid(_) | dpop::Reason::Replayed => {
            ("invalid_dpop_proof", "the DPoP proof is missing, used before, or does not hold for this call")
        }
        dpop::Reason::UseNonce => ("use_dpop_nonce", "the DPoP proof needs the nonce of the DPoP-Nonce header"),
    }
}

/// The same for bearer tokens of other kinds.
pub(super) fn invalid_token(description: &str) -> Response {
    let response = oauth(StatusCode::UNAUTHORIZED, "invalid_token", description);
    challenging(response, HeaderValue::from_static("Bearer realm=\"assent\", error=\"invalid_token\""))
}

impl IntoResponse for first_party::Reason {
    /// RFC 6750 §3.1, RFC 9449 §7.1; RFC 9470 §3 where the user must sign in again.
    fn into_response(self) -> Response {
        match self {
            Self::InvalidToken(_) => {
                by_dpop(("invalid_token", "the access token is not one by which phones are enrolled"), "ES256")
            }
            Self::Unshown(Unshown::NotItsOwn) => {
                by_dpop(("invalid_token", "the access token must be bound to the sender, who must show it"), "ES256")
            }
            Self::Unshown(Unshown::Proof(reason)) => by_dpop(unproven(reason), "ES256"),
            Self::InsufficientScope => {
                let challenge =
                    format!("DPoP realm=\"assent\", error=\"insufficient_scope\", scope=\"{ENROLMENT_SCOPE}\"");
                challenging_with(
                    oauth(StatusCode::FORBIDDEN, "insufficient_scope", "the token is not for enrolling phones"),
                    &challenge,
                )
            }
            Self::SignInAgain { acr } => sign_in_again(&acr),
            Self::UnknownTicket => oauth(StatusCode::NOT_FOUND, "unknown_ticket", "there is no such ticket"),
            Self::TooManyDevices => {
                oauth(StatusCode::CONFLICT, "too_many_devices", "there are as many devices as anybody may have")
            }
            Self::UnknownUser => oauth(StatusCode::FORBIDDEN, "access_denied", "this user may not enrol phones here"),
            // `http::tickets` says it better, where it may be.
            Self::Confirm(_) => oauth(StatusCode::NOT_FOUND, "unknown_enrolment", "no enrolment awaits digits here"),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

fn by_dpop((code, description): (&'static str, &str), algorithms: &str) -> Response {
    let response = oauth(StatusCode::UNAUTHORIZED, code, description);
    challenging_with(response, &format!("DPoP realm=\"assent\", error=\"{code}\", algs=\"{algorithms}\""))
}

/// RFC 9470 §3: how fresh the sign-in must be, and how good.
fn sign_in_again(acr: &[String]) -> Response {
    const CODE: &str = "insufficient_user_authentication";
    let response = oauth(StatusCode::UNAUTHORIZED, CODE, "the user must sign in again");
    let wanted = if acr.is_empty() { String::new() } else { format!(", acr_values=\"{}\"", acr.join(" ")) };
    let challenge = format!("DPoP realm=\"assent\", error=\"{CODE}\", max_age=\"{FRESH_SIGN_IN}\"{wanted}");
    challenging_with(response, &challenge)
}

/// What the operator wrote is ASCII without quotation marks, which a test of the settings shows.
fn challenging_with(response: Response, challenge: &str) -> Response {
    match HeaderValue::from_str(challenge) {
        Ok(challenge) => challenging(response, challenge),
        Err(_) => response,
    }
}

/// RFC 6750 §3: a call without a token is told how to bring one, and of no error in the challenge.
pub(in crate::http) fn without_token(challenge: &'static str) -> Response {
    let response =
        oauth(StatusCode::UNAUTHORIZED, "invalid_token", "an access token is needed in the Authorization header");
    challenging(response, HeaderValue::from_static(challenge))
}

/// The same where it may be of either kind (RFC 9449 §7.1).
pub(in crate::http) fn no_token_at_userinfo(algorithms: &str) -> Response {
    let challenge = format!("Bearer realm=\"assent\", DPoP realm=\"assent\", algs=\"{algorithms}\"");
    challenging_with(without_token("Bearer realm=\"assent\""), &challenge)
}

fn challenging(mut response: Response, challenge: HeaderValue) -> Response {
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
