//! A stand-in for a client's notification endpoint (CIBA §10.2, §10.3): listens on a loopback port, records what it is
//! called with, and answers what a test says; 204 otherwise.
//!
//! What breaks the rules is refused whatever the script says, so that a scripted success hides no bad call: it must be a
//! POST of a JSON object under a bearer token, and a token that the test expects must be that one.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use serde_json::Value;
use server::http::serve::{Door, serve};
use server::http::tls::{ClientCertificates, MinVersion, ServerCertificate, Tls};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::line::Line;
pub use reply::Reply;

mod reply;

/// A client's notification endpoint, on a loopback port, until it is dropped.
pub struct NotificationStandIn {
    endpoint: Arc<Endpoint>,
    address: SocketAddr,
    scheme: &'static str,
    listening: JoinHandle<()>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Path and query.
    pub target: String,
    /// What stands after `Bearer`.
    pub token: String,
    /// Exactly as sent.
    pub body: Bytes,
    /// What is wrong with it.
    pub fault: Option<&'static str>,
}

impl Call {
    /// The body, read; `null` where it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct Endpoint {
    script: Mutex<VecDeque<Reply>>,
    otherwise: Mutex<Reply>,
    expected: Mutex<Option<String>>,
    calls: watch::Sender<Vec<Call>>,
}

impl NotificationStandIn {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where the machine has no loopback port left.
    pub async fn start() -> Self {
        let (listener, address, endpoint) = bound().await;
        let router = router(&endpoint);
        let listening = tokio::spawn(async move {
            // Serving ends only by `drop`.
            let _ = axum::serve(listener, router.into_make_service_with_connect_info::<Line>()).await;
        });
        Self { endpoint, address, scheme: "http", listening }
    }

    /// The same behind TLS, with this certificate and key in PEM. It cannot hang up.
    ///
    /// # Panics
    /// Where the machine has no loopback port left, or these do not belong together.
    pub async fn start_with_tls(certificate: &str, key: &str) -> Self {
        let shown = ServerCertificate::from_pem(certificate.as_bytes(), key.as_bytes(), MinVersion::Tls13);
        let tls = shown.and_then(|shown| Tls::new(&shown, ClientCertificates::NotAsked)).expect("a pair");
        let door = Door { tls: Some(tls), ..Door::default() };
        let (listener, address, endpoint) = bound().await;
        let router = router(&endpoint).layer(Extension(ConnectInfo(Line::default())));
        let (stop, stopping) = watch::channel(false);
        let listening = tokio::spawn(async move {
            serve(listener, router, door, stopping).await;
            drop(stop);
        });
        Self { endpoint, address, scheme: "https", listening }
    }

    /// What a client registers as `backchannel_client_notification_endpoint`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}/notify", self.scheme, self.address)
    }

    /// Answers the next call so; replies queue up.
    pub fn answer_next(&self, reply: Reply) {
        lock(&self.endpoint.script).push_back(reply);
    }

    /// Answers so from here on whatever has no reply of its own.
    pub fn answer_otherwise(&self, reply: Reply) {
        *lock(&self.endpoint.otherwise) = reply;
    }

    /// Refuses every call under another token with 401.
    pub fn expect_token(&self, token: &str) {
        *lock(&self.endpoint.expected) = Some(token.to_owned());
    }

    /// All calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.endpoint.calls.borrow().clone()
    }

    /// All calls, once there are at least `count`.
    ///
    /// # Panics
    /// Never: the stand-in outlives the call.
    pub async fn called(&self, count: usize) -> Vec<Call> {
        let mut calls = self.endpoint.calls.subscribe();
        let calls = calls.wait_for(|calls| calls.len() >= count).await;
        calls.expect("the stand-in records while it lives").clone()
    }
}

impl Drop for NotificationStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn bound() -> (TcpListener, SocketAddr, Arc<Endpoint>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, address, Arc::default())
}

fn router(endpoint: &Arc<Endpoint>) -> Router {
    Router::new().fallback(called).with_state(Arc::clone(endpoint))
}

async fn called(
    State(endpoint): State<Arc<Endpoint>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let mut call = Call { target: target.to_string(), token, body, fault: None };
    call.fault = fault(&method, &headers, &call);
    let strange = lock(&endpoint.expected).as_ref().is_some_and(|expected| *expected != call.token);
    let reply = match call.fault {
        Some(fault) => Err((StatusCode::BAD_REQUEST, fault)),
        None if strange => Err((StatusCode::UNAUTHORIZED, "another token")),
        None => {
            let scripted = lock(&endpoint.script).pop_front();
            Ok(scripted.unwrap_or_else(|| lock(&endpoint.otherwise).clone()))
        }
    };
    endpoint.calls.send_modify(|calls| calls.push(call));
    match reply {
        Ok(reply) => reply.speak(&line).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn fault(method: &Method, headers: &HeaderMap, call: &Call) -> Option<&'static str> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if method != Method::POST {
        return Some("it is no POST");
    }
    if content_type != Some("application/json") {
        return Some("it is not application/json");
    }
    if call.token.is_empty() {
        return Some("it bears no token");
    }
    (!call.json().is_object()).then_some("its body is no JSON object")
}

/// A test that panicked elsewhere must fail for its own reason, not for the lock it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
