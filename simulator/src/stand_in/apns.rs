//! A stand-in for Apple Push Notification service: HTTP/2 over TLS and nothing else, with Apple's error bodies.
//!
//! What Apple refuses is refused whatever the script says: `rules` judges a push, `providers` the provider token.

mod providers;
mod rules;

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use server::domain::time::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use super::script::Reply;
use super::script::Script;
use providers::Providers;

/// The id of the provider's key.
pub const KEY_ID: &str = "ABC123DEFG";
/// The provider's team.
pub const TEAM_ID: &str = "DEF123GHIJ";
/// The app that the service knows.
pub const TOPIC: &str = "org.example.approvals";

/// Apple, on a loopback port, until it is dropped.
pub struct ApnsStandIn {
    apple: Arc<Apple>,
    address: SocketAddr,
    key_pem: String,
    listening: JoinHandle<()>,
}

/// One push, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The device token.
    pub token: String,
    /// All headers whose name begins with `apns-`, without it.
    pub headers: Vec<(String, String)>,
    /// The payload; `null` where it was no JSON.
    pub payload: Value,
    /// Bytes of the payload.
    pub length: usize,
    /// Whether the phone will get it.
    pub accepted: bool,
}

impl Recorded {
    /// One header, by its name behind `apns-`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

struct Apple {
    providers: Providers,
    script: Script<Recorded>,
}

/// Ends the connection that a request came by.
#[derive(Clone, Default)]
struct Line(Arc<Notify>);

impl ApnsStandIn {
    /// Listens on a free port, showing this certificate with its key in PEM, with a fresh provider key.
    ///
    /// # Panics
    /// Where the machine has no loopback port left, or these do not belong together.
    pub async fn start(certificate: &str, key: &str, clock: Arc<dyn Clock>) -> Self {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let der = der.expect("the machine has randomness");
        let provider = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).expect("a key");
        let body = STANDARD.encode(der.as_ref());
        let key_pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let apple = Arc::new(Apple { providers: Providers::new(&provider, clock), script: Script::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificate, key)));
        let listening = tokio::spawn(listen(listener, acceptor, Arc::clone(&apple)));
        Self { apple, address, key_pem, listening }
    }

    /// What an operator sets as the base URL: by a name that the certificate must have.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// The provider's key, as Apple has the operator download it.
    #[must_use]
    pub fn key_file(&self) -> &str {
        &self.key_pem
    }

    /// Answers the next push that breaks no rule so; replies queue up.
    pub fn answer_next(&self, reply: Reply) {
        self.apple.script.answer_next(reply);
    }

    /// Answers the next push so: Apple's status, its reason and, for 410, since when in milliseconds.
    pub fn refuse_next(&self, status: u16, reason: &str, timestamp: Option<i64>) {
        self.answer_next(Reply::Error { status, body: error_body(reason, timestamp), retry_after: None });
    }

    /// Calls every provider token that it has seen expired.
    pub fn expire_tokens(&self) {
        self.apple.providers.expire_all();
    }

    /// How many provider tokens it has seen.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.apple.providers.seen()
    }

    /// All pushes, once there are at least `count`.
    pub async fn recorded(&self, count: usize) -> Vec<Recorded> {
        self.apple.script.received(count).await
    }

    /// All pushes so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Recorded> {
        self.apple.script.calls()
    }
}

impl Drop for ApnsStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Apple speaks HTTP/2 alone: whoever does not offer it gets no connection.
fn tls(certificate: &str, key: &str) -> ServerConfig {
    let certificates = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key in PEM");
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates.expect("certificates in PEM"), key)
        .expect("they belong together");
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, apple: Arc<Apple>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&apple)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, apple: Arc<Apple>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return;
    }
    let line = Line::default();
    let router = router(apple).layer(Extension(line.clone()));
    let connection = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        // However it ends, the caller sees it.
        _ = connection => {}
        () = line.0.notified() => {}
    }
}

fn router(apple: Arc<Apple>) -> Router {
    Router::new().route("/3/device/{token}", any(push)).fallback(async || refused(404, "BadPath")).with_state(apple)
}

async fn push(
    State(apple): State<Arc<Apple>>,
    Extension(line): Extension<Line>,
    Path(token): Path<String>,
    (method, version): (Method, Version),
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(version, Version::HTTP_2, "the connection speaks nothing else");
    let judged = apple.judge(&method, &token, &headers, &body);
    let reply = if judged.is_ok() { apple.script.next() } else { Reply::status(400) };
    let of_apns = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.as_str().strip_prefix("apns-")?.to_owned(), value.to_str().ok()?.to_owned()))
    };
    apple.script.record(Recorded {
        token,
        headers: headers.iter().filter_map(of_apns).collect(),
        payload: serde_json::from_slice(&body).unwrap_or_default(),
        length: body.len(),
        accepted: reply.takes(),
    });
    if let Err((status, reason)) = judged {
        return refused(status, reason);
    }
    let mut ok = StatusCode::OK.into_response();
    if let Some(id) = headers.get("apns-id") {
        ok.headers_mut().insert("apns-id", id.clone());
    }
    reply.speak(ok, || line.0.notify_one()).await
}

impl Apple {
    fn judge(&self, method: &Method, token: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), (u16, &'static str)> {
        if *method != Method::POST {
            return Err((405, "MethodNotAllowed"));
        }
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        self.providers.judge(authorization)?;
        rules::judge(token, headers, body)
    }
}

fn error_body(reason: &str, timestamp: Option<i64>) -> String {
    match timestamp {
        Some(timestamp) => json!({ "reason": reason, "timestamp": timestamp }).to_string(),
        None => json!({ "reason": reason }).to_string(),
    }
}

fn refused(status: u16, reason: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("one of HTTP");
    (status, error_body(reason, None)).into_response()
}
