//! What clients are told that register themselves (RFC 7591 §3.2.2, RFC 7592 §2).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::tokens::{invalid_token, without_token};
use super::{oauth, unavailable};
use crate::flow::register::BadMember;
use crate::flow::register::by_itself::Reason;

impl IntoResponse for Reason {
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::BadMember(BadMember { member, rule }) => {
                oauth(bad, "invalid_client_metadata", &format!("{member}: {rule}"))
            }
            Self::NoToken => without_token("Bearer realm=\"assent\""),
            Self::InvalidToken => invalid_token("the token is not valid here"),
            Self::InvalidStatement => {
                oauth(bad, "invalid_software_statement", "the software statement cannot be believed")
            }
            Self::UnapprovedStatement => {
                oauth(bad, "unapproved_software_statement", "the software statement is of nobody who is believed here")
            }
            Self::KeysUnreachable => later(
                StatusCode::SERVICE_UNAVAILABLE,
                "the keys of the software statement's issuer cannot be fetched now",
                "30",
            ),
            Self::TooOften => later(StatusCode::TOO_MANY_REQUESTS, "too many registrations; try again", "60"),
            Self::Full => oauth(StatusCode::FORBIDDEN, "access_denied", "there are as many clients here as may be"),
            Self::Unavailable(reason) => unavailable(&reason),
        }
    }
}

fn later(status: StatusCode, description: &str, seconds: &'static str) -> Response {
    let mut response = oauth(status, "temporarily_unavailable", description);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    response
}
