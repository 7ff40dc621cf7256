//! The accept loop against slow, greedy and broken peers: raw bytes over real sockets.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use server::http::serve::{Limits, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// Short enough to wait for; nothing else in here takes time.
const SOON: Duration = Duration::from_millis(100);
const LIMITS: Limits = Limits { connections: 100, handshake: SOON, head: SOON, body: SOON, answer: SOON };
const LONG: Duration = Duration::from_mins(1);
const PATIENT: Limits = Limits { connections: 100, handshake: LONG, head: LONG, body: LONG, answer: LONG };

struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    /// Lets `/held` answer.
    release: Arc<Notify>,
    /// Says that `/held` was reached.
    reached: Arc<Notify>,
}

impl Serving {
    async fn start(limits: Limits) -> Self {
        let (release, reached) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = {
            let (release, reached) = (Arc::clone(&release), Arc::clone(&reached));
            async move || {
                reached.notify_one();
                release.notified().await;
                "released"
            }
        };
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/held", get(held))
            .route("/for-ever", get(async || pending::<&str>().await))
            .route("/echo", post(async |body: Bytes| body))
            .route("/panic", get(async || -> &'static str { panic!("a secret") }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let served = tokio::spawn(serve(listener, router, limits.into(), stopping));
        Self { address, stop, served, release, reached }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends all of it, and returns what comes back until the server closes.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A peer that closes with our bytes unread resets: what it sent before still counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn some(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: op\r\n\r\n")
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let serving = Serving::start(PATIENT).await;
    let mut stream = serving.connect().await;
    for _ in 0..3 {
        stream.write_all(request("/").as_bytes()).await.unwrap();
        let answer = some(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
    }
}

#[tokio::test]
async fn every_answer_says_when_it_was_given() {
    let serving = Serving::start(PATIENT).await;
    for path in ["/", "/nothing", "/panic"] {
        let mut stream = serving.connect().await;
        stream.write_all(request(path).as_bytes()).await.unwrap();
        let answer = some(&mut stream).await.to_lowercase();
        let date = answer.lines().find_map(|line| line.strip_prefix("date: "));
        assert!(date.is_some_and(|date| date.ends_with(" gmt")), "{answer}");
    }
}

#[tokio::test]
async fn a_panic_costs_one_request_and_tells_nothing() {
    let serving = Serving::start(PATIENT).await;
    let mut stream = serving.connect().await;
    stream.write_all(request("/panic").as_bytes()).await.unwrap();
    let answer = some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains(r#""error":"server_error""#), "{answer}");
    assert!(!answer.contains("secret"), "{answer}");
    stream.write_all(request("/").as_bytes()).await.unwrap();
    assert!(some(&mut stream).await.starts_with("HTTP/1.1 200"), "on the same connection");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let serving = Serving::start(LIMITS).await;
    assert_eq!(serving.exchange("GET / HTTP/1.1\r\nhost:").await, "");
    assert_eq!(serving.exchange("").await, "", "nor does an idle one stay");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let serving = Serving::start(LIMITS).await;
    let answer = serving.exchange("POST /echo HTTP/1.1\r\nhost: op\r\ncontent-length: 5\r\n\r\nhal").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_peer_that_asks_and_takes_no_answer_is_let_go() {
    let serving = Serving::start(Limits { answer: SOON, ..PATIENT }).await;
    let mut stream = serving.connect().await;
    let requests = request("/").repeat(1000);
    // Nothing is read, so sooner or later the server has an answer that finds no room on the way.
    let asking = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    let let_go = tokio::time::timeout(LONG / 2, asking).await;
    assert!(let_go.is_ok(), "the connection is held for ever");
}

#[tokio::test]
async fn a_body_that_comes_in_pieces_is_taken() {
    let serving = Serving::start(PATIENT).await;
    let mut stream = serving.connect().await;
    let head = b"POST /echo HTTP/1.1\r\nhost: op\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    for piece in [&head[..], b"wh", b"ole"] {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("whole"), "{answer}");
}

/// A client with a pool of connections sent its next request into one that had just been closed.
#[tokio::test]
async fn who_is_answered_before_all_was_read_is_told_that_the_connection_ends() {
    let serving = Serving::start(PATIENT).await;
    let post = |path: &str, rest: &str| format!("POST {path} HTTP/1.1\r\nhost: op\r\ncontent-length: 5\r\n\r\n{rest}");
    let answer = serving.exchange(&post("/nothing", "")).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 404") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    let mut stream = serving.connect().await;
    for _ in 0..2 {
        stream.write_all(post("/echo", "whole").as_bytes()).await.unwrap();
        let answer = some(&mut stream).await.to_lowercase();
        assert!(answer.starts_with("http/1.1 200") && !answer.contains("connection:"), "{answer}");
    }
}

#[tokio::test]
async fn heads_have_bounds() {
    let serving = Serving::start(PATIENT).await;
    let many = "x: 1\r\n".repeat(65);
    let large = format!("x: {}\r\n", "y".repeat(33 * 1024));
    for headers in [many, large] {
        let answer = serving.exchange(&format!("GET / HTTP/1.1\r\nhost: op\r\n{headers}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let many = "x: 1\r\n".repeat(62);
    let answer = serving.exchange(&format!("GET / HTTP/1.1\r\nhost: op\r\nconnection: close\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// RFC 9112 §3.2.
#[tokio::test]
async fn a_request_names_one_host() {
    let serving = Serving::start(PATIENT).await;
    let told = async |version: &str, hosts: &str| {
        serving.exchange(&format!("GET / HTTP/{version}\r\n{hosts}connection: close\r\n\r\n")).await
    };
    for hosts in [
        "host: op\r\n",
        "host: op.example:8443\r\n",
        "host: 127.0.0.1\r\n",
        "Host: [::1]:8080\r\n",
        "host: op_1:80\r\n",
    ] {
        let answer = told("1.1", hosts).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{hosts}: {answer}");
    }
    for hosts in [
        "",
        "host:\r\n",
        "host: op\r\nhost: op\r\n",
        "host: op\r\nhost: another\r\n",
        "host: a b\r\n",
        "host: op/path\r\n",
        "host: user@op\r\n",
        "host: op, another\r\n",
        "host: \u{e9}\r\n",
        "host: op:port\r\n",
    ] {
        let answer = told("1.1", hosts).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("invalid_request"), "{hosts}: {answer}");
    }
    assert!(told("1.0", "").await.starts_with("HTTP/1.0 200"), "HTTP/1.0 knows no Host");
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_one_to_end() {
    let serving = Serving::start(Limits { connections: 1, ..PATIENT }).await;
    let mut first = serving.connect().await;
    first.write_all(request("/held").as_bytes()).await.unwrap();
    serving.reached.notified().await;
    let mut second = serving.connect().await;
    second.write_all(request("/").as_bytes()).await.unwrap();
    let waited = tokio::time::timeout(SOON, some(&mut second)).await;
    assert!(waited.is_err(), "answered above the cap: {waited:?}");
    drop(first);
    serving.release.notify_one();
    assert!(some(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_closes_the_rest() {
    let serving = Serving::start(PATIENT).await;
    let (mut idle, mut busy) = (serving.connect().await, serving.connect().await);
    idle.write_all(request("/").as_bytes()).await.unwrap();
    assert!(some(&mut idle).await.starts_with("HTTP/1.1 200"));
    busy.write_all(request("/held").as_bytes()).await.unwrap();
    serving.reached.notified().await;

    serving.stop.send(true).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!serving.served.is_finished(), "one request is under way");
    assert!(TcpStream::connect(serving.address).await.is_err(), "nothing new is accepted");
    serving.release.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("released"), "{answer}");
    serving.served.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_leaves_ends_its_request() {
    let serving = Serving::start(PATIENT).await;
    let mut stream = serving.connect().await;
    stream.write_all(request("/for-ever").as_bytes()).await.unwrap();
    drop(stream);
    serving.stop.send(true).unwrap();
    serving.served.await.unwrap();
}
