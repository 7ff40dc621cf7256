//! The courier for Apple Push Notification service: `POST {base}/3/device/{token}` over HTTP/2 and TLS, as a provider
//! that proves itself by a token.
//!
//! [`aps`] is what Apple reads, `answer` what its replies mean, `provider_token` who we are.

mod answer;
pub(in crate::outbound) mod aps;
mod provider_token;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::messages::{ApnsEnvironment, PushTarget};
use thiserror::Error;
use url::Url;

use self::answer::Verdict;
use self::provider_token::ProviderTokens;
use super::client::{Client, Payload, Reply};
use super::endpoint::Endpoint;
use super::pace::Pace;
use super::pem::Es256;
use super::{Courier, Fate, Push};
use crate::domain::message::MessageId;
use crate::domain::time::{Clock, Timestamp};

const PRODUCTION: &str = "https://api.push.apple.com/";
const SANDBOX: &str = "https://api.sandbox.push.apple.com/";

/// Apple's limit for a payload.
const MAX_PAYLOAD_BYTES: usize = 4_096;

/// How long the pause is that Apple asks for without saying for how long, in seconds.
const UNTOLD_PAUSE: u32 = 5;

/// What an operator sets to reach iPhones without Firebase.
pub struct ApnsSettings {
    /// The key that Apple gave the operator (`AuthKey_….p8`): its text.
    pub key: zeroize::Zeroizing<String>,
    /// Its id, ten characters.
    pub key_id: String,
    /// The team's id, ten characters.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
    /// In place of Apple's two services: a stand-in or a gateway.
    pub base_url: Option<Url>,
    /// No more pushes a minute than this.
    pub per_minute: u32,
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadApnsSettings {
    /// No P-256 key in PKCS#8 PEM.
    #[error("the key is no P-256 key in PKCS#8 PEM, as Apple's AuthKey_….p8 is")]
    Key,
    /// The ids are not what Apple calls so.
    #[error("key_id and team_id are ten letters and digits each")]
    Ids,
    /// The topic can stand in no header.
    #[error("the topic must be the app's bundle id: letters, digits, '-' and '.'")]
    Topic,
    /// The base URL is not `https`, nor `http` on this machine.
    #[error("the base URL must be https, or http on a loopback address, without a user name")]
    BaseUrl,
}

/// The courier. Shared by all workers: they share its connections and its token.
pub struct Apns {
    client: Client,
    tokens: ProviderTokens,
    topic: String,
    production: Url,
    sandbox: Url,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

impl Apns {
    /// A courier that opens its connections through `client`. Nothing is sent yet.
    pub fn new(settings: ApnsSettings, client: Client, clock: Arc<dyn Clock>) -> Result<Self, BadApnsSettings> {
        let ApnsSettings { key, key_id, team_id, topic, base_url, per_minute } = settings;
        let key = Es256::parse(&key).ok_or(BadApnsSettings::Key)?;
        let is_id = |id: &str| id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !(is_id(&key_id) && is_id(&team_id)) {
            return Err(BadApnsSettings::Ids);
        }
        let is_of_bundle = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if topic.is_empty() || !topic.bytes().all(is_of_bundle) {
            return Err(BadApnsSettings::Topic);
        }
        let of = |default: &str| base_url.clone().unwrap_or_else(|| Url::parse(default).expect("the default is a URL"));
        let (production, sandbox) = (of(PRODUCTION), of(SANDBOX));
        if [&production, &sandbox].into_iter().any(|url| Endpoint::operator(url.clone()).is_err()) {
            return Err(BadApnsSettings::BaseUrl);
        }
        let tokens = ProviderTokens::new(key, key_id, team_id, Arc::clone(&clock));
        Ok(Self { client, tokens, topic, production, sandbox, pace: Pace::new(per_minute), clock })
    }

    fn endpoint(&self, token: &str, environment: ApnsEnvironment) -> Option<Endpoint> {
        let mut url = match environment {
            ApnsEnvironment::Production => self.production.clone(),
            ApnsEnvironment::Sandbox => self.sandbox.clone(),
        };
        url.path_segments_mut().ok()?.pop_if_empty().extend(["3", "device", token]);
        Endpoint::operator(url).ok()
    }

    /// A token may be expired by Apple's clock before it is by ours: that buys one new token, a second time is an answer.
    async fn send(&self, endpoint: &Endpoint, push: &Push, payload: Vec<u8>) -> Verdict {
        let token = self.tokens.current();
        let verdict = self.post(endpoint, push, &token, payload.clone()).await;
        if verdict != Verdict::TokenExpired {
            return verdict;
        }
        match self.tokens.instead_of(&token) {
            Some(another) => self.post(endpoint, push, &another, payload).await,
            None => verdict,
        }
    }

    async fn post(&self, endpoint: &Endpoint, push: &Push, token: &str, payload: Vec<u8>) -> Verdict {
        let now = self.clock.now();
        let expiration = now.plus_seconds(i64::from(push.ttl_seconds));
        let mut headers = aps::headers(&push.body, expiration).to_vec();
        headers.extend([
            ("authorization", format!("bearer {token}")),
            ("apns-topic", self.topic.clone()),
            ("apns-id", apns_id(&push.id)),
        ]);
        match self.client.post_with(endpoint, &headers, Payload::Json(payload)).await {
            Ok(reply) => judged(&reply, now),
            Err(unreachable) => Verdict::Of(Fate::Later { retry_after_seconds: None, cause: unreachable.cause() }),
        }
    }
}

fn judged(reply: &Reply, now: Timestamp) -> Verdict {
    let verdict = answer::judge(reply, now);
    if verdict != Verdict::Of(Fate::Delivered) {
        tracing::warn!(status = reply.status, ?verdict, "APNs did not take a push");
    }
    verdict
}

#[async_trait]
impl Courier for Apns {
    async fn carry(&self, push: &Push) -> Fate {
        let PushTarget::Apns { token, environment } = &push.target else {
            return Fate::Refused { cause: "no_apns_target" };
        };
        let Some(endpoint) = self.endpoint(token, *environment) else {
            return Fate::Refused { cause: "no_apns_target" };
        };
        let Some(payload) = payload(push) else {
            return Fate::Refused { cause: "message_too_big" };
        };
        let service = endpoint.url().host_str().unwrap_or_default().to_owned();
        if let Err(not_now) = self.pace.admit(&service, self.clock.now()) {
            return not_now;
        }
        match self.send(&endpoint, push, payload).await {
            Verdict::Of(fate) => fate,
            Verdict::Pause(fate) => {
                let asked = if let Fate::Later { retry_after_seconds, .. } = fate { retry_after_seconds } else { None };
                self.pace.pause(&service, asked.unwrap_or(UNTOLD_PAUSE), self.clock.now());
                fate
            }
            Verdict::TokenExpired => Fate::Later { retry_after_seconds: None, cause: "provider_token_expired" },
        }
    }
}

/// The payload; a sealed prompt that does not fit is left out: the phone is woken and asks for it.
fn payload(push: &Push) -> Option<Vec<u8>> {
    let of = |members| {
        let payload = aps::payload(push, members).to_string().into_bytes();
        (payload.len() <= MAX_PAYLOAD_BYTES).then_some(payload)
    };
    of(push.body.members()).or_else(|| of(push.body.without_prompt()))
}

/// A UUID in its canonical form, the same at each attempt.
fn apns_id(id: &MessageId) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(*id.as_bytes()));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl fmt::Debug for Apns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apns").field("tokens", &self.tokens).field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl fmt::Debug for ApnsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApnsSettings")
            .field("key_id", &self.key_id)
            .field("team_id", &self.team_id)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_uuid_for_all_its_attempts() {
        let id = MessageId::from_bytes(*b"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x55\x44\x00\x00");
        assert_eq!(apns_id(&id), "123e4567-e89b-12d3-a456-426655440000");
    }
}
