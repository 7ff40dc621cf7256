//! The courier for Firebase Cloud Messaging, HTTP v1: `POST {base}/v1/projects/{project}/messages:send` with an access
//! token of a service account.
//!
//! What is sent is in `message`, what the reply means in `answer`. The API is ours to speak because the crates that do
//! so either speak one that Google has shut down or bring a second cryptographic library.

mod answer;
mod message;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use thiserror::Error;
use url::Url;

use super::{
    Courier, Fate, Push,
    client::{Client, Payload, Reply},
    endpoint::Endpoint,
    google::{AccessToken, AccessTokens, NoToken, ServiceAccount},
    pace::Pace,
    retry_after::retry_after_seconds,
};
use crate::domain::time::Clock;

const DEFAULT_BASE: &str = "https://fcm.googleapis.com/";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const UNAUTHORISED: u16 = 401;

/// For how many seconds nothing is sent where a quota is exceeded and Google names no time, as its documentation says.
const QUOTA_PAUSE: u32 = 60;

/// Quotas are those of the one project.
const PROJECT: &str = "";

/// What an operator sets to reach phones through FCM.
#[derive(Debug)]
pub struct FcmSettings {
    /// The Firebase project; by default the one of the service account.
    pub project_id: Option<String>,
    /// Who the server is to Google.
    pub service_account: ServiceAccount,
    /// In place of `https://fcm.googleapis.com/`: a stand-in or a gateway. `https`, or `http` on this machine;
    /// no user name within.
    pub base_url: Option<Url>,
    /// In place of the service account's `token_uri`, under the same rule.
    pub token_url: Option<Url>,
    /// No more pushes a minute than this.
    pub per_minute: u32,
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadFcmSettings {
    /// `base_url` is not `https`, nor `http` on this machine.
    #[error("the FCM base URL must be https, or http on a loopback address, without a user name")]
    BaseUrl,
    /// The token URL is not `https`, nor `http` on this machine.
    #[error("the token URL must be https, or http on a loopback address, without a user name")]
    TokenUrl,
    /// The project id is empty or holds what no project id holds.
    #[error("the FCM project id must be letters, digits, '-', '.' and ':'")]
    ProjectId,
}

/// The FCM courier. Shared by all workers: they share its connections and its access token.
pub struct Fcm {
    client: Client,
    tokens: AccessTokens,
    send_url: Endpoint,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

impl Fcm {
    /// A courier that opens its connections through `client`. Nothing is sent yet.
    pub fn new(settings: FcmSettings, client: Client, clock: Arc<dyn Clock>) -> Result<Self, BadFcmSettings> {
        let send_url = send_url(&settings)?;
        let pace = Pace::new(settings.per_minute);
        let account = settings.service_account;
        let token_url = settings.token_url.unwrap_or_else(|| account.token_uri.clone());
        let token_url = Endpoint::operator(token_url).map_err(|_| BadFcmSettings::TokenUrl)?;
        let tokens = AccessTokens::new(client.clone(), account, token_url, SCOPE, Arc::clone(&clock));
        Ok(Self { client, tokens, send_url, pace, clock })
    }

    async fn send(&self, message: Vec<u8>) -> Fate {
        let reply = match self.send_authorised(message).await {
            Ok(reply) => reply,
            Err(fate) => return fate,
        };
        let verdict = answer::judge(&reply, self.clock.now());
        // Google does not say whether a quota is the project's or one phone's; that it wants a pause, it does.
        let pause = match (reply.status, verdict) {
            (429, Fate::Later { retry_after_seconds, .. }) => Some(retry_after_seconds.unwrap_or(QUOTA_PAUSE)),
            (503, Fate::Later { retry_after_seconds, .. }) => retry_after_seconds,
            _ => None,
        };
        if let Some(seconds) = pause {
            self.pace.pause(PROJECT, seconds, self.clock.now());
        }
        if verdict != Fate::Delivered {
            tracing::warn!(status = reply.status, fate = ?verdict, "FCM did not take a push");
        }
        verdict
    }

    /// A token may be revoked before it expires: one 401 buys one new token, a second is an answer.
    async fn send_authorised(&self, message: Vec<u8>) -> Result<Reply, Fate> {
        let token = self.tokens.current().await.map_err(|why| self.without_token(why))?;
        let reply = self.post(&token, message.clone()).await?;
        if reply.status != UNAUTHORISED {
            return Ok(reply);
        }
        let another = self.tokens.instead_of(&token).await;
        let another = another.map_err(|why| self.without_token(why))?;
        self.post(&another, message).await
    }

    async fn post(&self, token: &AccessToken, message: Vec<u8>) -> Result<Reply, Fate> {
        let sent = self.client.post(&self.send_url, Some(token.reveal()), Payload::Json(message));
        sent.await.map_err(|unreachable| Fate::Later { retry_after_seconds: None, cause: unreachable.cause() })
    }

    fn without_token(&self, why: NoToken) -> Fate {
        let fate = match why {
            NoToken::Unreachable(unreachable) => Fate::Later { retry_after_seconds: None, cause: unreachable.cause() },
            NoToken::Unavailable { retry_after } => Fate::Later {
                retry_after_seconds: retry_after_seconds(retry_after.as_deref(), self.clock.now()),
                cause: "token_unavailable",
            },
            NoToken::Refused => Fate::Refused { cause: "token_refused" },
        };
        tracing::warn!(?fate, "no access token for FCM");
        fate
    }
}

#[async_trait]
impl Courier for Fcm {
    async fn carry(&self, push: &Push) -> Fate {
        match message::write(push, self.clock.now()) {
            Ok(message) => match self.pace.admit(PROJECT, self.clock.now()) {
                Ok(()) => self.send(message).await,
                Err(not_now) => not_now,
            },
            Err(unsendable) => Fate::Refused { cause: unsendable.cause() },
        }
    }
}

fn send_url(settings: &FcmSettings) -> Result<Endpoint, BadFcmSettings> {
    let project = settings.project_id.as_deref();
    let project = project.unwrap_or(&settings.service_account.project_id);
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
    // It becomes a path segment, and `..` would climb.
    if project.is_empty() || project.starts_with('.') || !project.chars().all(in_alphabet) {
        return Err(BadFcmSettings::ProjectId);
    }
    let mut url = match &settings.base_url {
        Some(url) => url.clone(),
        None => Url::parse(DEFAULT_BASE).expect("the default is a URL"),
    };
    let mut path = url.path_segments_mut().map_err(|()| BadFcmSettings::BaseUrl)?;
    path.pop_if_empty().extend(["v1", "projects", project, "messages:send"]);
    drop(path);
    Endpoint::operator(url).map_err(|_| BadFcmSettings::BaseUrl)
}

impl fmt::Debug for Fcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm").field("send_url", &self.send_url.as_str()).finish_non_exhaustive()
    }
}
