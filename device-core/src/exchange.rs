//! One call of the device API as an HTTP request, and its response as a value: no network, no clock.

use protocol::endpoints::{Endpoint, NONCE_HEADER, PROOF_HEADER};
use protocol::ids::KeyRef;
use protocol::jws::Unsigned;
use protocol::messages::Proof;
use protocol::problem::Problem;
use protocol::{DeviceId, Digest, Jws, KeyRole, MAX_MESSAGE_BYTES, Nonce, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::DeviceError;
use crate::ports::{HttpHeader, HttpRequest, HttpResponse};

/// A call that is no long poll is given up after this long.
const TIMEOUT_SECONDS: u32 = 15;

/// A reply may hold several messages, each with a limit of its own. No transport reads more.
pub const MAX_REPLY_BYTES: usize = 16 * MAX_MESSAGE_BYTES;

/// One call, before it is proven.
#[derive(Debug, Clone)]
pub struct Call {
    endpoint: Endpoint,
    url: String,
    query: String,
    body: Vec<u8>,
    timeout_seconds: u32,
}

impl Call {
    /// A call without a variable part.
    #[must_use]
    pub fn to(issuer: &str, endpoint: Endpoint) -> Self {
        Self::about(issuer, endpoint, "")
    }

    /// A call about one thing, by its id.
    #[must_use]
    pub fn about(issuer: &str, endpoint: Endpoint, id: &str) -> Self {
        let url = endpoint.url(issuer, id);
        Self { endpoint, url, query: String::new(), body: Vec::new(), timeout_seconds: TIMEOUT_SECONDS }
    }

    /// With a JSON body.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the protocol's bodies are maps with string keys")]
    pub fn with(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).expect("bodies are maps with string keys");
        self
    }

    /// As a long poll of so many seconds.
    #[must_use]
    pub fn waiting(mut self, seconds: u32) -> Self {
        self.query = format!("?wait={seconds}");
        self.timeout_seconds = TIMEOUT_SECONDS + seconds;
        self
    }

    /// As the page before the entry of that number.
    #[must_use]
    pub fn before(mut self, number: u64) -> Self {
        self.query = format!("?before={number}");
        self
    }

    /// Method and path template, for logs.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.endpoint.method.as_str(), self.endpoint.path)
    }

    /// Within how many seconds it has to end.
    #[must_use]
    pub const fn timeout_seconds(&self) -> u32 {
        self.timeout_seconds
    }

    /// The proof that must stand on this call, for the `device` key to sign.
    #[must_use]
    pub fn proof(&self, device: DeviceId, jti: Nonce, nonce: &str, now: i64) -> Unsigned {
        let proof = Proof {
            htm: self.endpoint.method.as_str().to_owned(),
            htu: self.url.clone(),
            iat: now,
            jti,
            nonce: nonce.to_owned(),
            bh: Digest::of(&self.body),
        };
        Unsigned::new(KeyRef { device, role: KeyRole::Device }, &proof)
    }

    /// The request for the transport.
    #[must_use]
    pub fn request(&self, proof: Option<&Jws>) -> HttpRequest {
        let mut headers = vec![header("accept", "application/json, application/problem+json")];
        if !self.body.is_empty() {
            headers.push(header("content-type", "application/json"));
        }
        if let Some(proof) = proof {
            headers.push(header(PROOF_HEADER, proof.as_str()));
        }
        HttpRequest {
            method: self.endpoint.method.as_str().to_owned(),
            url: format!("{}{}", self.url, self.query),
            headers,
            body: self.body.clone(),
            timeout_seconds: self.timeout_seconds,
        }
    }
}

fn header(name: &str, value: &str) -> HttpHeader {
    HttpHeader { name: name.to_owned(), value: value.to_owned() }
}

/// What a response means.
#[derive(Debug)]
pub enum Reply {
    /// The call was done; the body is still to be read.
    Done(Vec<u8>),
    /// The proof was not taken, the request not looked at: prove it again, with this nonce if there is one.
    ProveAgain(Option<String>),
    /// The server said no, and perhaps when to ask again, in seconds.
    Problem(Problem, Option<u32>),
}

/// Sorts a response by status. A problem document that cannot be read, or is none of this protocol's, is
/// [`DeviceError::NotUnderstood`]: it came from something between us and the server.
pub fn read(response: &HttpResponse) -> Result<Reply, DeviceError> {
    if (200..300).contains(&response.status) {
        return Ok(Reply::Done(response.body.clone()));
    }
    let problem: Problem = parse(response.status, &response.body)?;
    let is_ours = problem.kind.starts_with("urn:assent:problem:");
    if !is_ours && response.status != 429 && response.status < 500 {
        return Err(not_understood(response.status, "a problem of something else's"));
    }
    match (response.status, problem.code()) {
        (401, "use_nonce") => Ok(Reply::ProveAgain(problem.nonce.or_else(|| nonce_of(response)))),
        // The transport sent the request twice by itself: the first copy may have been taken, so ask with a new proof.
        (401, "replayed") => Ok(Reply::ProveAgain(None)),
        _ => Ok(Reply::Problem(problem, retry_after(response))),
    }
}

/// Reads a body that must be JSON of this shape.
pub fn parse<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, DeviceError> {
    json::from_slice_within(body, MAX_REPLY_BYTES).map_err(|error| not_understood(status, &error.to_string()))
}

/// The fresh nonce that replies hand out.
#[must_use]
pub fn nonce_of(response: &HttpResponse) -> Option<String> {
    value_of(response, NONCE_HEADER).map(str::to_owned)
}

/// RFC 9110 §10.2.3, as seconds; a date is read over, for a phone's clock may be wrong.
fn retry_after(response: &HttpResponse) -> Option<u32> {
    value_of(response, "retry-after")?.trim().parse().ok()
}

fn value_of<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    Some(&header.value)
}

fn not_understood(status: u16, detail: &str) -> DeviceError {
    DeviceError::NotUnderstood { status, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use protocol::crypto::Sign;
    use protocol::crypto::p256::{SigningKey, VerifyingKey};
    use protocol::endpoints;

    use super::*;

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse {
            status,
            headers: vec![HttpHeader { name: "Device-Nonce".into(), value: "fresh".into() }],
            body: body.into(),
        }
    }

    fn problem(status: u16, code: &str) -> HttpResponse {
        let body = format!(r#"{{"type":"urn:assent:problem:{code}","title":"t","status":{status},"now":1}}"#);
        response(status, &body)
    }

    #[test]
    fn a_proof_covers_method_url_without_query_nonce_and_body() {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let call = Call::to("https://op.example", endpoints::PROMPTS).waiting(25);
        let unsigned = call.proof(DeviceId::from_bytes([1; 16]), Nonce::from_bytes([2; 16]), "n-1", 90);
        let signature = key.sign(unsigned.signing_input()).unwrap();
        let jws = unsigned.attach(&signature);
        let proof: Proof = jws.open(&VerifyingKey::new(key.public()).unwrap()).unwrap();
        assert_eq!(proof.htm, "GET");
        assert_eq!(proof.htu, "https://op.example/device/v1/prompts");
        assert_eq!((proof.iat, proof.nonce.as_str()), (90, "n-1"));
        assert_eq!(proof.bh, Digest::of(b""));
        let request = call.request(Some(&jws));
        assert_eq!(request.url, "https://op.example/device/v1/prompts?wait=25");
        assert!(request.timeout_seconds > 25);
        assert!(request.headers.iter().any(|h| h.name == PROOF_HEADER && h.value == jws.as_str()));
    }

    #[test]
    fn a_proof_that_is_not_taken_is_made_again_and_no_other_refusal_is() {
        assert!(
            matches!(read(&problem(401, "use_nonce")).unwrap(), Reply::ProveAgain(Some(nonce)) if nonce == "fresh")
        );
        assert!(matches!(read(&problem(401, "replayed")).unwrap(), Reply::ProveAgain(None)));
        assert!(matches!(read(&problem(401, "unproven")).unwrap(), Reply::Problem(..)));
        assert!(matches!(read(&problem(400, "use_nonce")).unwrap(), Reply::Problem(..)));
    }

    #[test]
    fn a_page_of_a_proxy_is_not_understood() {
        let page = response(502, "<html>Bad gateway</html>");
        assert!(matches!(read(&page), Err(DeviceError::NotUnderstood { status: 502, .. })));
        let login = response(200, "<html>Hotel wifi</html>");
        let Reply::Done(body) = read(&login).unwrap() else { panic!("a 200 is done") };
        assert!(matches!(parse::<Problem>(200, &body), Err(DeviceError::NotUnderstood { .. })));
    }

    #[test]
    fn a_refusal_in_other_terms_than_the_protocols_is_not_the_servers() {
        let strange = |status: u16| {
            let body = format!(r#"{{"type":"about:blank","title":"Forbidden","status":{status},"now":1}}"#);
            read(&response(status, &body))
        };
        for status in [401, 403, 404, 410] {
            assert!(matches!(strange(status), Err(DeviceError::NotUnderstood { .. })), "{status}");
        }
        for status in [429, 502, 503] {
            assert!(matches!(strange(status), Ok(Reply::Problem(..))), "busy, whoever says so: {status}");
        }
    }

    #[test]
    fn problems_that_apps_tell_apart_have_their_own_error() {
        let error = |status, code| match read(&problem(status, code)).unwrap() {
            Reply::Problem(problem, after) => DeviceError::of_problem(&problem, after),
            other => panic!("{other:?}"),
        };
        assert_eq!(error(410, "expired"), DeviceError::Expired);
        for code in ["already_approved", "already_denied", "already_redeemed"] {
            assert_eq!(error(409, code), DeviceError::AlreadyAnswered);
        }
        assert_eq!(error(409, "cancelled"), DeviceError::Withdrawn);
        assert_eq!(error(401, "revoked"), DeviceError::Revoked);
        assert_eq!(error(404, "unknown_prompt"), DeviceError::UnknownPrompt);
        assert_eq!(error(403, "wrong_key"), DeviceError::Refused { refusal: "wrong_key".into() });
        for status in [429, 500, 503] {
            let busy = DeviceError::ServerBusy { refusal: "overloaded".into(), after_seconds: None };
            assert_eq!(error(status, "overloaded"), busy);
        }
    }

    #[test]
    fn a_busy_server_says_when_to_come_back() {
        let after = |value: &str| {
            let mut response = problem(503, "overloaded");
            response.headers.push(HttpHeader { name: "Retry-After".into(), value: value.into() });
            match read(&response).unwrap() {
                Reply::Problem(_, after) => after,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(after("-1"), None);
    }
}
