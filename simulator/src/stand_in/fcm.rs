//! A stand-in for Google: the OAuth token endpoint and Firebase Cloud Messaging's `messages:send`.
//!
//! It verifies what it is sent as Google documents it (assertion signature and claims, bearer token, shape of the
//! message) and records every request to `messages:send`. By default it accepts what is right;
//! [`FcmStandIn::answer_next`] scripts other replies. Its files: `oauth` grants tokens, `rules` judges messages,
//! `reply` speaks Google's error documents.

mod oauth;
mod reply;
mod rules;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
    routing::post,
};
use serde_json::Value;
use server::domain::time::Clock;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;

use super::line::Line;
use oauth::Oauth;
pub use oauth::{GrantReply, TOKEN_LIFE_SECONDS};
pub use reply::Reply;

/// The Firebase project that the stand-in serves.
pub const PROJECT: &str = "assent-stand-in";

/// Google, on a loopback port, until it is dropped.
pub struct FcmStandIn {
    google: Arc<Google>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

/// One request to `messages:send`.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The request's body; `null` where it was no JSON.
    pub body: Value,
    /// Whether it was answered with 200: the phone will get it.
    pub accepted: bool,
}

/// What arrives for one target, in order: the receiving end of a phone.
pub struct Inbox {
    records: watch::Receiver<Vec<Recorded>>,
    target: String,
    read: usize,
}

struct Google {
    oauth: Oauth,
    script: Mutex<VecDeque<Reply>>,
    records: watch::Sender<Vec<Recorded>>,
}

impl FcmStandIn {
    /// Listens on a free port, with a fresh service account key. Tokens expire by `clock`.
    ///
    /// # Panics
    /// Where the machine has no loopback port left.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let google = Arc::new(Google {
            oauth: Oauth::new(at(address, "/token"), clock),
            script: Mutex::default(),
            records: watch::Sender::default(),
        });
        let router = router(Arc::clone(&google));
        let listening = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Line>();
            // Serving ends only by `drop`.
            let _ = axum::serve(listener, service).await;
        });
        Self { google, address, listening }
    }

    /// What an operator sets as the FCM base URL.
    #[must_use]
    pub fn base_url(&self) -> Url {
        at(self.address, "/")
    }

    /// The token endpoint; also the `token_uri` of [`Self::service_account`].
    #[must_use]
    pub fn token_url(&self) -> Url {
        at(self.address, "/token")
    }

    /// The service account key file, as Google would have the operator download it.
    #[must_use]
    pub fn service_account(&self) -> String {
        self.google.oauth.key_file()
    }

    /// Answers the next request to `messages:send` so; replies queue up.
    pub fn answer_next(&self, reply: Reply) {
        lock(&self.google.script).push_back(reply);
    }

    /// Answers the next request to the token endpoint so; replies queue up.
    pub fn answer_next_grant(&self, reply: GrantReply) {
        self.google.oauth.answer_next(reply);
    }

    /// Requests to the token endpoint so far, refused ones included.
    #[must_use]
    pub fn grants(&self) -> usize {
        self.google.oauth.grants()
    }

    /// All requests to `messages:send`, once there are at least `count`.
    ///
    /// # Panics
    /// Never: the stand-in outlives the call.
    pub async fn recorded(&self, count: usize) -> Vec<Recorded> {
        let mut records = self.google.records.subscribe();
        let records = records.wait_for(|records| records.len() >= count).await;
        records.expect("the stand-in records while it lives").clone()
    }

    /// What arrives for a registration token or installation id, from the first message on.
    #[must_use]
    pub fn inbox(&self, target: &str) -> Inbox {
        Inbox { records: self.google.records.subscribe(), target: target.to_owned(), read: 0 }
    }
}

impl Drop for FcmStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Inbox {
    /// The next message for this target, waiting until there is one; `None` once the stand-in is gone.
    pub async fn next(&mut self) -> Option<Value> {
        let Self { records, target, read } = self;
        let found = records.wait_for(|records| nth_for(target, *read, records).is_some()).await;
        let message = nth_for(target, *read, &found.ok()?)?.body["message"].clone();
        *read += 1;
        Some(message)
    }
}

fn nth_for<'a>(target: &str, index: usize, records: &'a [Recorded]) -> Option<&'a Recorded> {
    records.iter().filter(|record| record.is_for(target)).nth(index)
}

impl Recorded {
    fn is_for(&self, target: &str) -> bool {
        let message = &self.body["message"];
        self.accepted && (message["token"] == target || message["fid"] == target)
    }
}

fn router(google: Arc<Google>) -> Router {
    Router::new()
        .route("/token", post(grant))
        .route("/v1/projects/{project}/{call}", post(send))
        .fallback(async || reply::html(404))
        .with_state(google)
}

async fn grant(State(google): State<Arc<Google>>, form: String) -> Response {
    google.oauth.grant(&form)
}

async fn send(
    State(google): State<Arc<Google>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((project, call)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if call != "messages:send" {
        return reply::html(404);
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = google.answer(&project, &headers, &body);
    google.records.send_modify(|records| {
        records.push(Recorded { body, accepted: matches!(answer, Reply::Ok) });
    });
    answer.speak(&line).await
}

impl Google {
    /// What is wrong is refused whatever the script says: a scripted success must not hide a bad request.
    fn answer(&self, project: &str, headers: &HeaderMap, body: &Value) -> Reply {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if !bearer.is_some_and(|value| self.oauth.knows(value)) {
            return Reply::Unauthenticated;
        }
        if project != PROJECT {
            return Reply::PermissionDenied;
        }
        if let Err(violation) = rules::judge(body) {
            return Reply::InvalidArgument { field: violation.to_owned() };
        }
        let scripted = lock(&self.script).pop_front().unwrap_or(Reply::Ok);
        if matches!(scripted, Reply::ExpireTokens) {
            self.oauth.expire_all();
        }
        scripted
    }
}

fn at(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).expect("a socket address makes a URL")
}

/// A test that panicked elsewhere must fail for its own reason, not for the lock it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
