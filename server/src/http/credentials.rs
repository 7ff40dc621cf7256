//! A client's credentials out of header and form (RFC 6749 §2.3.1).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::form::{self, Form};
use crate::domain::client::AuthenticationMethod;
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::flow::authenticate_client::Credentials;

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// One way of authenticating.
    One(Credentials),
    /// None at all, or nothing readable.
    None,
    /// Two ways at once (RFC 6749 §2.3), or two different ids.
    Contradiction,
}

/// Finds the credentials of a request.
pub(super) fn find(headers: &HeaderMap, form: &Form) -> Found {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    let in_form = form.get("client_secret");
    match (authorization.next(), authorization.next()) {
        (None, _) => match (form.get("client_id"), in_form) {
            (Some(client), Some(secret)) => {
                Found::One(credentials(client.to_owned(), AuthenticationMethod::ClientSecretPost, secret.to_owned()))
            }
            _ => Found::None,
        },
        (Some(_), Some(_)) => Found::Contradiction,
        (Some(_), None) if in_form.is_some() => Found::Contradiction,
        (Some(value), None) => match value.to_str().ok().and_then(basic) {
            // A client_id beside Basic is fine as long as it is the same.
            Some(found) if form.get("client_id").is_none_or(|id| id == found.client.as_str()) => Found::One(found),
            Some(_) => Found::Contradiction,
            None => Found::None,
        },
    }
}

/// The parts are form-encoded before they are joined: RFC 6749 §2.3.1, where many implementations differ.
fn basic(header: &str) -> Option<Credentials> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    let (client, secret) = (form::decode(client).ok()?, form::decode(secret).ok()?);
    (!client.is_empty()).then(|| credentials(client, AuthenticationMethod::ClientSecretBasic, secret))
}

fn credentials(client: String, method: AuthenticationMethod, secret: String) -> Credentials {
    Credentials { client: ClientId::new(client), method, secret: Secret::new(secret) }
}
