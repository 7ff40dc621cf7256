//! Whether the process lives, and whether it should be sent requests: for orchestrators and load balancers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::flow::provider::Provider;

/// A store that takes longer to answer a look-up is not ready.
const PATIENCE: Duration = Duration::from_secs(1);

type Answer = (StatusCode, [(HeaderName, &'static str); 1], Json<Value>);

/// What is known of this process's health.
pub struct Health {
    /// The first realm's: all realms share one store.
    provider: Arc<Provider>,
    stopping: AtomicBool,
}

impl Health {
    /// Asks the store through this provider.
    #[must_use]
    pub fn new(provider: Arc<Provider>) -> Arc<Self> {
        Arc::new(Self { provider, stopping: AtomicBool::new(false) })
    }

    /// From here on the process is not ready, though it still answers.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// `GET /healthz` and `GET /readyz`.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/healthz", get(async || answer(StatusCode::OK, "alive")))
            .route("/readyz", get(readyz))
            .with_state(Arc::clone(self))
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Answer {
    if health.stopping.load(Ordering::Acquire) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    }
    match tokio::time::timeout(PATIENCE, health.provider.store().realms()).await {
        Ok(Ok(_)) => answer(StatusCode::OK, "ready"),
        Ok(Err(error)) => {
            tracing::error!(%error, "not ready");
            answer(StatusCode::SERVICE_UNAVAILABLE, "store unavailable")
        }
        Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "store slow"),
    }
}

fn answer(code: StatusCode, status: &str) -> Answer {
    (code, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": status })))
}
