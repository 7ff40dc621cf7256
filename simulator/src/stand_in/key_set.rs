//! A stand-in for a `jwks_uri`: listens on a loopback port and publishes what a test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Somebody's published keys, on a loopback port, until it is dropped.
pub struct KeySetStandIn {
    shelf: Arc<Mutex<Shelf>>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Shelf {
    jwks: Option<Value>,
    fetched: usize,
}

impl KeySetStandIn {
    /// Starts it with these keys.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn publishing(jwks: Value) -> Self {
        let shelf = Arc::new(Mutex::new(Shelf { jwks: Some(jwks), fetched: 0 }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = Arc::clone(&shelf);
        let router = Router::new().route("/jwks", get(async move || fetched(&served)));
        let listening = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { shelf, address, listening }
    }

    /// Where the keys are.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    /// Publishes other keys.
    pub fn publish(&self, jwks: Value) {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).jwks = Some(jwks);
    }

    /// Answers 500 from here on.
    pub fn break_down(&self) {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).jwks = None;
    }

    /// How often the keys were fetched.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).fetched
    }
}

fn fetched(shelf: &Mutex<Shelf>) -> Response {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.fetched += 1;
    match &shelf.jwks {
        Some(jwks) => axum::Json(jwks.clone()).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Drop for KeySetStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
