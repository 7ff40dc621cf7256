//! A client's notification endpoint that notes when it was called.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::serve::ListenerExt as _;
use serde::Deserialize;
use tests::process::now;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Listens on a loopback port for as long as the program runs.
#[derive(Clone)]
pub struct Notified {
    address: SocketAddr,
    awaited: Arc<Awaited>,
}

#[derive(Default)]
struct Awaited(Mutex<HashMap<String, oneshot::Sender<Instant>>>);

#[derive(Deserialize)]
struct Ping {
    auth_req_id: String,
}

impl Notified {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where the machine has no loopback port left.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        // Without it, what is measured would be our own kernel's patience.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a TCP socket"));
        let awaited = Arc::<Awaited>::default();
        let router = Router::new().fallback(called).with_state(Arc::clone(&awaited));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, awaited }
    }

    /// What the client registers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/notify", self.address)
    }

    /// Receives when the call about this request came. To be asked for before the decision is sent.
    #[must_use]
    pub fn arrival(&self, auth_req_id: &str) -> oneshot::Receiver<Instant> {
        let (arrived, arrival) = oneshot::channel();
        self.awaited.lock().insert(auth_req_id.to_owned(), arrived);
        arrival
    }
}

impl Awaited {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn called(State(awaited): State<Arc<Awaited>>, body: Bytes) -> StatusCode {
    let at = now();
    let Ok(Ping { auth_req_id }) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    // A second call about one request, after a lost answer, is as welcome as the first.
    if let Some(arrived) = awaited.lock().remove(&auth_req_id) {
        let _ = arrived.send(at);
    }
    StatusCode::NO_CONTENT
}
