//! Whether the process lives, and whether it should be sent requests: for orchestrators and load balancers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::flow::device_list;
use crate::flow::provider::Provider;

/// A store that takes longer to answer a look-up is not ready.
const PATIENCE: Duration = Duration::from_secs(1);

type Answer = (StatusCode, [(HeaderName, &'static str); 1], Json<Value>);

/// What is known of this process's health.
pub struct Health {
    /// Of all realms; they share one store.
    providers: Vec<Arc<Provider>>,
    stopping: AtomicBool,
}

impl Health {
    /// Of the process that serves these realms.
    #[must_use]
    pub fn new(providers: &[Arc<Provider>]) -> Arc<Self> {
        Arc::new(Self { providers: providers.to_vec(), stopping: AtomicBool::new(false) })
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

    /// Ready; with what an operator has to see to before long. That is the same on every node, so none of them is less
    /// ready for it than the others.
    fn ready(&self) -> Answer {
        let reminders = self.providers.iter().filter_map(|provider| Some((provider, device_list::reminder(provider)?)));
        let reminders: Vec<_> =
            reminders.map(|(provider, reminder)| format!("realm {}: {reminder}", provider.id())).collect();
        let (code, headers, Json(mut body)) = answer(StatusCode::OK, "ready");
        if !reminders.is_empty() {
            body["reminders"] = json!(reminders);
        }
        (code, headers, Json(body))
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Answer {
    if health.stopping.load(Ordering::Acquire) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    }
    let Some(first) = health.providers.first() else { return answer(StatusCode::OK, "ready") };
    match tokio::time::timeout(PATIENCE, first.store().realms()).await {
        Ok(Ok(_)) => health.ready(),
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
