//! What stand-ins have in common: what a test wants answered, and what was received.

use std::collections::VecDeque;
use std::future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

/// How the next call that breaks no rule is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// As the service answers what it takes.
    #[default]
    Ok,
    /// With an error.
    Error {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
        /// The `Retry-After` header.
        retry_after: Option<String>,
    },
    /// Takes it, and closes the connection without an answer: the caller cannot know.
    HangUp,
    /// Says nothing and keeps the connection.
    Hang,
}

impl Reply {
    /// An error without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Error { status, body: String::new(), retry_after: None }
    }

    /// An error that asks for a pause.
    #[must_use]
    pub fn after(status: u16, retry_after: &str) -> Self {
        Self::Error { status, body: String::new(), retry_after: Some(retry_after.to_owned()) }
    }

    /// Whether what was sent will reach its phone.
    pub(super) const fn takes(&self) -> bool {
        match self {
            Self::Ok | Self::HangUp => true,
            Self::Error { .. } | Self::Hang => false,
        }
    }

    /// `ok` is the service's own answer to what it takes.
    pub(super) async fn speak(self, ok: Response, hang_up: impl FnOnce()) -> Response {
        match self {
            Self::Ok => ok,
            Self::Error { status, body, retry_after } => {
                let status = StatusCode::from_u16(status).expect("a script's status is one of HTTP");
                let mut response = (status, body).into_response();
                if let Some(value) = retry_after {
                    let value = HeaderValue::try_from(value).expect("a script's header is visible text");
                    response.headers_mut().insert(header::RETRY_AFTER, value);
                }
                response
            }
            Self::HangUp => {
                hang_up();
                future::pending().await
            }
            Self::Hang => future::pending().await,
        }
    }
}

/// Replies in their order, and everything received.
pub(super) struct Script<T> {
    replies: Mutex<VecDeque<Reply>>,
    received: watch::Sender<Vec<T>>,
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self { replies: Mutex::default(), received: watch::Sender::new(Vec::new()) }
    }
}

impl<T: Clone> Script<T> {
    pub(super) fn answer_next(&self, reply: Reply) {
        lock(&self.replies).push_back(reply);
    }

    pub(super) fn next(&self) -> Reply {
        lock(&self.replies).pop_front().unwrap_or_default()
    }

    pub(super) fn record(&self, call: T) {
        self.received.send_modify(|calls| calls.push(call));
    }

    pub(super) fn calls(&self) -> Vec<T> {
        self.received.borrow().clone()
    }

    /// All calls, once there are at least `count`.
    pub(super) async fn received(&self, count: usize) -> Vec<T> {
        let mut calls = self.received.subscribe();
        let calls = calls.wait_for(|calls| calls.len() >= count).await;
        calls.expect("the stand-in records while it lives").clone()
    }
}

/// A test that panicked elsewhere must fail for its own reason, not for the lock it left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
