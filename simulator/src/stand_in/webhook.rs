//! A stand-in for an operator's own notifier: believes signed calls alone (<https://www.standardwebhooks.com>), and passes
//! each on once, however often it comes.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use server::domain::time::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::line::Line;
pub use super::script::Reply;
use super::script::Script;

/// What it shares with the server.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A call is believed for so many seconds.
const TOLERANCE: i64 = 300;

/// A notifier, on a loopback port, until it is dropped.
pub struct WebhookStandIn {
    notifier: Arc<Notifier>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `webhook-id`
    pub id: String,
    /// The body; `null` where it was no JSON.
    pub body: Value,
    /// Bytes of the body.
    pub length: usize,
    /// Why it was not believed.
    pub fault: Option<&'static str>,
    /// Whether the phone will be told: it was taken, and came for the first time.
    pub passed_on: bool,
}

struct Notifier {
    clock: Arc<dyn Clock>,
    script: Script<Recorded>,
}

impl WebhookStandIn {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where the machine has no loopback port left.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let notifier = Arc::new(Notifier { clock, script: Script::default() });
        let router = Router::new().route("/assent", post(called)).with_state(Arc::clone(&notifier));
        let listening = tokio::spawn(async move {
            // Serving ends only by `drop`.
            let _ = axum::serve(listener, router.into_make_service_with_connect_info::<Line>()).await;
        });
        Self { notifier, address, listening }
    }

    /// Where it is called.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/assent", self.address)
    }

    /// Answers the next call that it believes so; replies queue up.
    pub fn answer_next(&self, reply: Reply) {
        self.notifier.script.answer_next(reply);
    }

    /// All calls, once there are at least `count`.
    pub async fn recorded(&self, count: usize) -> Vec<Recorded> {
        self.notifier.script.received(count).await
    }

    /// All calls so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Recorded> {
        self.notifier.script.calls()
    }
}

impl Drop for WebhookStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn called(
    State(notifier): State<Arc<Notifier>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = header("webhook-id").to_owned();
    let fault = notifier.fault(&headers, &body);
    let reply = if fault.is_none() { notifier.script.next() } else { Reply::status(401) };
    let known = notifier.script.calls().iter().any(|call| call.id == id && call.passed_on);
    notifier.script.record(Recorded {
        id,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        length: body.len(),
        fault,
        passed_on: reply.takes() && !known,
    });
    match fault {
        Some(fault) => (StatusCode::UNAUTHORIZED, fault).into_response(),
        None => reply.speak(StatusCode::NO_CONTENT.into_response(), || line.hang_up()).await,
    }
}

impl Notifier {
    fn fault(&self, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let Ok(at) = timestamp.parse::<i64>() else { return Some("no timestamp") };
        if (self.clock.now().unix_seconds() - at).abs() > TOLERANCE {
            return Some("the timestamp is too far away");
        }
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("the secret is base64");
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let key = hmac::Key::new(HMAC_SHA256, &key);
        let fits = |signature: &str| {
            let tag = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            tag.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
        };
        if id.is_empty() || !header("webhook-signature").split(' ').any(fits) {
            return Some("the signature does not verify");
        }
        if header(header::CONTENT_TYPE.as_str()) != "application/json" {
            return Some("it is not application/json");
        }
        None
    }
}
