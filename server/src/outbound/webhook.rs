//! The courier for the operator's own notifier: a signed JSON call, for whoever has another way to its users' phones.
//!
//! Signed as <https://www.standardwebhooks.com> says, for which there are verifiers in many languages: `webhook-id` (the
//! same at each attempt: the notifier's idempotency key), `webhook-timestamp`, and `webhook-signature`: `v1,` and the
//! base64 of the HMAC-SHA256 over `id.timestamp.body`.
//!
//! | reply | fate |
//! |---|---|
//! | 2xx | delivered |
//! | 410 | gone: the notifier does not know the address |
//! | 408, 425, 429, any 5xx, no reply | later, after `Retry-After` where given |
//! | everything else | refused |

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::base64url;
use protocol::messages::PushTarget;
use serde_json::json;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use super::client::{Client, Payload, Reply};
use super::endpoint::Endpoint;
use super::pace::Pace;
use super::retry_after::retry_after_seconds;
use super::{Courier, Fate, Push, PushBody};
use crate::domain::time::{Clock, Timestamp};

/// What stands before a secret in its file.
const SECRET_PREFIX: &str = "whsec_";

/// A secret has so many bytes at least and at most.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// There is one notifier.
const NOTIFIER: &str = "";

/// What an operator sets to be called.
pub struct WebhookSettings {
    /// Where the notifier is.
    pub url: Url,
    /// `whsec_` and 24 to 64 bytes in base64.
    pub secret: Zeroizing<String>,
    /// No more calls a minute than this.
    pub per_minute: u32,
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadWebhookSettings {
    /// The URL is not `https`, nor `http` on this machine.
    #[error("the URL must be https, or http on a loopback address, without a user name")]
    Url,
    /// No secret.
    #[error("the secret must be whsec_ and 24 to 64 bytes of chance in base64")]
    Secret,
}

/// The courier. Shared by all workers.
pub struct Webhook {
    client: Client,
    endpoint: Endpoint,
    key: Key,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// A courier that opens its connections through `client`. Nothing is sent yet.
    pub fn new(settings: WebhookSettings, client: Client, clock: Arc<dyn Clock>) -> Result<Self, BadWebhookSettings> {
        let endpoint = Endpoint::operator(settings.url).map_err(|_| BadWebhookSettings::Url)?;
        let secret = settings.secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let secret = secret.map(Zeroizing::new).filter(|secret| SECRET_BYTES.contains(&secret.len()));
        let key = Key::new(HMAC_SHA256, &secret.ok_or(BadWebhookSettings::Secret)?);
        Ok(Self { client, endpoint, key, pace: Pace::new(settings.per_minute), clock })
    }

    fn headers(&self, push: &Push, body: &[u8], now: Timestamp) -> [(&'static str, String); 3] {
        let id = format!("msg_{}", base64url::encode(push.id.as_bytes()));
        let timestamp = now.unix_seconds().to_string();
        let signed = [id.as_bytes(), timestamp.as_bytes(), body].join(&b'.');
        let signature = format!("v1,{}", STANDARD.encode(sign(&self.key, &signed)));
        [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
    }

    async fn send(&self, push: &Push, body: Vec<u8>) -> Fate {
        let now = self.clock.now();
        if let Err(not_now) = self.pace.admit(NOTIFIER, now) {
            return not_now;
        }
        let headers = self.headers(push, &body, now);
        let fate = match self.client.post_with(&self.endpoint, &headers, Payload::Json(body)).await {
            Ok(reply) => judge(&reply, now),
            Err(unreachable) => Fate::Later { retry_after_seconds: None, cause: unreachable.cause() },
        };
        if let Fate::Later { retry_after_seconds: Some(seconds), .. } = fate {
            self.pace.pause(NOTIFIER, seconds, now);
        }
        fate
    }
}

#[async_trait]
impl Courier for Webhook {
    async fn carry(&self, push: &Push) -> Fate {
        let PushTarget::Webhook { address } = &push.target else {
            return Fate::Refused { cause: "no_webhook_target" };
        };
        let fate = self.send(push, body(push, address)).await;
        if fate != Fate::Delivered {
            tracing::warn!(?fate, "the notifier did not take a push");
        }
        fate
    }
}

/// What the notifier is told. `data` is what the app on the phone reads, to be passed on as it is.
fn body(push: &Push, address: &str) -> Vec<u8> {
    let kind = match push.body {
        PushBody::Sealed { .. } | PushBody::Wake { .. } => "prompt",
        PushBody::Dismiss { .. } => "dismiss",
    };
    let body = json!({
        "type": kind,
        "address": address,
        "device": push.device,
        "subject": push.subject,
        "ttl": push.ttl_seconds,
        "link": push.link,
        "data": push.body.members(),
    });
    body.to_string().into_bytes()
}

fn judge(reply: &Reply, now: Timestamp) -> Fate {
    let later =
        |cause| Fate::Later { retry_after_seconds: retry_after_seconds(reply.retry_after.as_deref(), now), cause };
    match reply.status {
        200..=299 => Fate::Delivered,
        410 => Fate::Gone { cause: "address_gone", since: None },
        408 | 425 => later("request_timeout"),
        429 => later("too_many_requests"),
        500.. => later("server_error"),
        300..=399 => Fate::Refused { cause: "redirected" },
        _ => Fate::Refused { cause: "client_error" },
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSettings(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::client::{Body, Limits, Reach};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            NOW
        }
    }

    fn opened(url: &str, secret: &str) -> Result<(), BadWebhookSettings> {
        let client = Client::new(Limits::default(), &Reach::default()).expect("a client");
        let settings = WebhookSettings {
            url: Url::parse(url).expect("a URL"),
            secret: Zeroizing::new(secret.to_owned()),
            per_minute: 1,
        };
        Webhook::new(settings, client, Arc::new(Stopped)).map(drop)
    }

    #[test]
    fn a_secret_is_whsec_and_enough_bytes_in_base64() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        let url = "https://notifier.example/assent";
        assert_eq!([opened(url, &secret(24)), opened(url, &secret(64))], [Ok(()), Ok(())]);
        for wrong in [secret(23), secret(65), secret(32)[6..].to_owned(), "whsec_".to_owned(), "whsec_!".to_owned()] {
            assert_eq!(opened(url, &wrong), Err(BadWebhookSettings::Secret));
        }
        assert_eq!(opened("http://notifier.example/", &secret(32)), Err(BadWebhookSettings::Url));
    }

    #[test]
    fn every_status_comes_to_its_fate() {
        for status in 200..600 {
            let fate = judge(
                &Reply { status, retry_after: None, cache_control: None, content_type: None, body: Body::Cut },
                NOW,
            );
            let expected = match status {
                200..=299 => fate == Fate::Delivered,
                410 => matches!(fate, Fate::Gone { .. }),
                408 | 425 | 429 | 500.. => matches!(fate, Fate::Later { .. }),
                _ => matches!(fate, Fate::Refused { .. }),
            };
            assert!(expected, "{status}: {fate:?}");
        }
    }
}
