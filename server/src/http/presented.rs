//! An access token in a call, with what shows that it is the sender's: from the one place where it may stand (RFC 6750,
//! RFC 9449 §7.1).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::error::invalid_request;
use crate::domain::certificate::ClientCertificate;
use crate::flow::dpop::{self, Presented, Scheme};
use crate::flow::provider::Provider;

const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The proof of a call; more than one (RFC 9449 §4.3), and one that is no text, are as good as one that cannot be read.
pub(super) fn proof(headers: &HeaderMap) -> Option<&str> {
    let mut proofs = headers.get_all(DPOP).iter();
    let proof = proofs.next()?;
    if proofs.next().is_some() { Some("") } else { Some(proof.to_str().unwrap_or_default()) }
}

/// The token of a call; `None` where there is none, or under a scheme of something else.
pub(super) fn presented(parts: &Parts) -> Result<Option<Presented<'_>>, Box<Response>> {
    let Some((scheme, token)) = authorization(&parts.headers, &parts.uri)? else { return Ok(None) };
    let scheme = match scheme {
        dpop if dpop.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        bearer if bearer.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        _ => return Ok(None),
    };
    Ok(Some(Presented {
        token,
        scheme,
        proof: proof(&parts.headers),
        certificate: parts.extensions.get::<ClientCertificate>().map(ClientCertificate::thumbprint),
        method: parts.method.as_str(),
        // Below the issuer's: the router has taken that off.
        path: parts.uri.path(),
    }))
}

/// Scheme and token: URLs are logged, and a form is no place for a `GET`.
fn authorization<'h>(headers: &'h HeaderMap, uri: &Uri) -> Result<Option<(&'h str, &'h str)>, Box<Response>> {
    let in_query = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("access_token=")));
    if in_query {
        return Err(Box::new(invalid_request("an access token does not belong into a URL")));
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Box::new(invalid_request("two Authorization headers"))),
        (value, _) => Ok(value.and_then(parts_of)),
    }
}

fn parts_of(authorization: &HeaderValue) -> Option<(&str, &str)> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    Some((scheme, token.trim())).filter(|(_, token)| !token.is_empty())
}

/// RFC 9449 §8.2: whoever sent a proof gets the nonce for the next one.
pub(super) async fn next_nonce(State(provider): State<Arc<Provider>>, call: Request, next: Next) -> Response {
    let proves = call.headers().contains_key(DPOP);
    let mut response = next.run(call).await;
    if proves && let Ok(nonce) = HeaderValue::from_str(&dpop::nonce(&provider)) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}
