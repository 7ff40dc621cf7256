//! A stand-in for a push service of the Web (RFC 8030) with the browser or `UnifiedPush` distributor behind it: subscribes
//! under the sender's key, demands that key of every push (RFC 8292), and decrypts what arrives (RFC 8291).
//!
//! What the specifications refuse is refused whatever the script says.

mod decryption;
mod vapid;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use server::domain::time::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::line::Line;
pub use super::script::Reply;
use super::script::{Script, lock};

/// RFC 8030 §7.2: a push service need not take more.
const MAX_BODY_BYTES: usize = 4_096;
/// RFC 8030 §5.4.
const MAX_TOPIC: usize = 32;

/// A push service, on a loopback port, until it is dropped.
pub struct WebPushStandIn {
    service: Arc<Service>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

/// What a phone tells the server, as browsers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The push resource.
    pub endpoint: String,
    /// The public key.
    pub p256dh: String,
    /// The authentication secret.
    pub auth: String,
}

/// One push.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The push resource's path.
    pub path: String,
    /// `TTL`, `Urgency` and `Topic`.
    pub ttl: Option<u32>,
    /// `Urgency`
    pub urgency: Option<String>,
    /// `Topic`
    pub topic: Option<String>,
    /// What the app on the phone gets: the decrypted text, read as JSON.
    pub data: Value,
    /// Bytes of the body as sent.
    pub length: usize,
    /// Whether the phone will get it.
    pub accepted: bool,
}

/// One subscription, as the phone keeps it.
struct Kept {
    sender: String,
    key: PrivateKey,
    auth: [u8; 16],
    ended: bool,
}

struct Service {
    origin: String,
    clock: Arc<dyn Clock>,
    subscriptions: Mutex<HashMap<String, Kept>>,
    script: Script<Recorded>,
}

impl WebPushStandIn {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where the machine has no loopback port left.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let origin = format!("http://{address}");
        let (subscriptions, script) = (Mutex::default(), Script::default());
        let service = Arc::new(Service { origin, clock, subscriptions, script });
        let router = Router::new()
            .route("/push/{id}", post(push))
            .fallback(async || StatusCode::NOT_FOUND)
            .with_state(Arc::clone(&service));
        let listening = tokio::spawn(async move {
            // Serving ends only by `drop`.
            let _ = axum::serve(listener, router.into_make_service_with_connect_info::<Line>()).await;
        });
        Self { service, address, listening }
    }

    /// A new subscription, good for pushes under this key alone (RFC 8292 §4).
    ///
    /// # Panics
    /// Where the machine has no randomness.
    #[must_use]
    pub fn subscribe(&self, sender: &str) -> Subscription {
        let key = PrivateKey::generate(&ECDH_P256).expect("the machine has randomness");
        let public = key.compute_public_key().expect("a key has a public half");
        let mut subscriptions = lock(&self.service.subscriptions);
        let number = u8::try_from(subscriptions.len()).expect("tests have few phones");
        let (id, auth) = (format!("resource-{number}"), [number; 16]);
        subscriptions.insert(id.clone(), Kept { sender: sender.to_owned(), key, auth, ended: false });
        Subscription {
            endpoint: format!("http://{}/push/{id}", self.address),
            p256dh: URL_SAFE_NO_PAD.encode(public.as_ref()),
            auth: URL_SAFE_NO_PAD.encode(auth),
        }
    }

    /// The user takes the permission away: 410 from here on (RFC 8030 §7.3).
    pub fn end(&self, subscription: &Subscription) {
        let id = subscription.endpoint.rsplit('/').next().unwrap_or_default();
        if let Some(kept) = lock(&self.service.subscriptions).get_mut(id) {
            kept.ended = true;
        }
    }

    /// Answers the next push that breaks no rule so; replies queue up.
    pub fn answer_next(&self, reply: Reply) {
        self.service.script.answer_next(reply);
    }

    /// All pushes, once there are at least `count`.
    pub async fn recorded(&self, count: usize) -> Vec<Recorded> {
        self.service.script.received(count).await
    }

    /// All pushes so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Recorded> {
        self.service.script.calls()
    }
}

impl Drop for WebPushStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn push(
    State(service): State<Arc<Service>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let judged = service.judge(&id, &headers, &body);
    let reply = if judged.is_ok() { service.script.next() } else { Reply::status(400) };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    service.script.record(Recorded {
        path: format!("/push/{id}"),
        ttl: text("ttl").and_then(|ttl| ttl.parse().ok()),
        urgency: text("urgency"),
        topic: text("topic"),
        data: judged.as_ref().cloned().unwrap_or_default(),
        length: body.len(),
        accepted: reply.takes(),
    });
    if let Err((status, why)) = judged {
        return (StatusCode::from_u16(status).expect("one of HTTP"), why).into_response();
    }
    let location = format!("{}/message/1", service.origin);
    let created = (StatusCode::CREATED, [(header::LOCATION, location)]).into_response();
    reply.speak(created, || line.hang_up()).await
}

impl Service {
    /// What the phone reads, or status and reason of the refusal.
    fn judge(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, (u16, &'static str)> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let subscriptions = lock(&self.subscriptions);
        let kept = subscriptions.get(id).ok_or((404, "no such resource"))?;
        if kept.ended {
            return Err((410, "the subscription has ended"));
        }
        let sender =
            vapid::sender(header("authorization"), &self.origin, self.clock.now()).map_err(|why| (401, why))?;
        if sender != kept.sender {
            return Err((403, "the subscription is for another sender"));
        }
        if header("ttl").is_none_or(|ttl| ttl.parse::<u32>().is_err()) {
            return Err((400, "TTL must be there"));
        }
        if !matches!(header("urgency"), None | Some("very-low" | "low" | "normal" | "high")) {
            return Err((400, "no such urgency"));
        }
        let in_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if header("topic").is_some_and(|topic| topic.len() > MAX_TOPIC || !topic.bytes().all(in_alphabet)) {
            return Err((400, "no topic"));
        }
        if header("content-encoding") != Some("aes128gcm") {
            return Err((415, "must be aes128gcm"));
        }
        if body.len() > MAX_BODY_BYTES {
            return Err((413, "too large"));
        }
        // A real service cannot look; the phone behind it does.
        let text = decryption::decrypt(body, &kept.key, &kept.auth).ok_or((400, "the phone cannot decrypt it"))?;
        serde_json::from_slice(&text).map_err(|_| (400, "the app cannot read it"))
    }
}
