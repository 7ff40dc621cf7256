//! A client's credentials out of header and form (RFC 6749 §2.3, RFC 7521 §4.2, RFC 8705 §2).

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::form::{self, Form};
use crate::domain::client::AuthenticationMethod;
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::flow::authenticate_client::Credentials;

/// `client_assertion_type` (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

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
    let authorization: Vec<&HeaderValue> = headers.get_all(header::AUTHORIZATION).iter().collect();
    let in_form = ["client_secret", "client_assertion"].into_iter().filter(|name| form.get(name).is_some()).count();
    match (authorization.len(), in_form) {
        (1, 0) => in_header(authorization[0], form),
        (0, 0 | 1) => in_body(form),
        _ => Found::Contradiction,
    }
}

fn in_header(value: &HeaderValue, form: &Form) -> Found {
    let Some((client, secret)) = value.to_str().ok().and_then(basic) else { return Found::None };
    // A client_id beside it is fine as long as it is the same.
    if form.get("client_id").is_some_and(|id| id != client) {
        return Found::Contradiction;
    }
    Found::One(by_secret(client, AuthenticationMethod::ClientSecretBasic, secret))
}

fn in_body(form: &Form) -> Found {
    let id = form.get("client_id");
    if let Some(jwt) = form.get("client_assertion") {
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Found::None;
        }
        return Found::One(Credentials::Assertion { client: id.map(ClientId::new), jwt: Secret::new(jwt.to_owned()) });
    }
    match (id, form.get("client_secret")) {
        (Some(id), Some(secret)) => {
            Found::One(by_secret(id.to_owned(), AuthenticationMethod::ClientSecretPost, secret.to_owned()))
        }
        (Some(id), None) => Found::One(Credentials::Id(ClientId::new(id))),
        (None, _) => Found::None,
    }
}

/// Id and secret. They are form-encoded before they are joined: RFC 6749 §2.3.1, where many implementations differ.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    let (client, secret) = (form::decode(client).ok()?, form::decode(secret).ok()?);
    (!client.is_empty()).then_some((client, secret))
}

fn by_secret(client: String, method: AuthenticationMethod, secret: String) -> Credentials {
    Credentials::Secret { client: ClientId::new(client), method, secret: Secret::new(secret) }
}
