//! The userinfo endpoint (OIDC Core §5.3), a resource that is protected by bearer tokens (RFC 6750) and, where they are
//! bound to one, by the client's certificate (RFC 8705 §3) or key (RFC 9449 §7).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::error;
use super::presented::presented;
use crate::domain::algorithm::Algorithm;
use crate::domain::random::Random;
use crate::flow::provider::Provider;
use crate::flow::userinfo::{self, Told};

/// Names one interaction between client and resource in the logs of both (FAPI 1.0 Baseline §6.2.1).
const INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

/// `GET /userinfo`, `POST /userinfo`
pub(super) async fn userinfo(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let interaction = interaction_id(call.headers(), provider.random());
    let answer = answer(&provider, call).await;
    let mut response = answer.unwrap_or_else(|refusal| *refusal);
    response.headers_mut().insert(INTERACTION_ID, interaction);
    response
}

async fn answer(provider: &Provider, call: Request) -> Result<Response, Box<Response>> {
    let (parts, _) = call.into_parts();
    let algorithms = || algorithms(provider);
    let presented = presented(&parts)?.ok_or_else(|| Box::new(error::no_token_at_userinfo(&algorithms())))?;
    let told = userinfo::userinfo(provider, &presented).await;
    let told = told.map_err(|reason| Box::new(error::not_told(reason, presented.scheme, &algorithms())))?;
    Ok((error::no_store(), rendered(told)).into_response())
}

/// OIDC Core §5.3.2.
fn rendered(told: Told) -> Response {
    match told {
        Told::Claims(claims) => Json(claims).into_response(),
        Told::Jwt(jwt) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/jwt"))], jwt).into_response(),
    }
}

/// RFC 9449 §7.1: `algs`
fn algorithms(provider: &Provider) -> String {
    let algorithms = provider.offer().client_algorithms(provider.policy().profile);
    algorithms.into_iter().map(Algorithm::name).collect::<Vec<_>>().join(" ")
}

/// The client's own if it is a UUID, or a new one.
fn interaction_id(headers: &HeaderMap, random: &dyn Random) -> HeaderValue {
    let own = headers.get(INTERACTION_ID).filter(|id| is_uuid(id.as_bytes()));
    own.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&new_uuid(random.array())).expect("hexadecimal digits and hyphens make a header")
    })
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| if HYPHENS.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

/// RFC 9562 §5.4, version 4.
fn new_uuid(random: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(random);
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let mut text = format!("{bits:032x}");
    for at in HYPHENS {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_interaction_id_is_a_uuid_of_version_4() {
        let ones = new_uuid([0xff; 16]);
        assert_eq!(ones, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(new_uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert!(is_uuid(ones.as_bytes()));
    }

    #[test]
    fn what_is_no_uuid_is_not_echoed() {
        assert!(is_uuid(b"C770AEF3-6784-41F7-8E0E-FF5F97BDDB3A"));
        let no_uuids: [&[u8]; 4] = [
            b"",
            b"c770aef3-6784-41f7-8e0e-ff5f97bddb3",
            b"c770aef3-6784-41f7-8e0e-ff5f97bddb3g",
            b"c770aef3x6784-41f7-8e0e-ff5f97bddb3a",
        ];
        assert!(!no_uuids.into_iter().any(is_uuid));
    }
}
