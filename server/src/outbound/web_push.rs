//! The courier for Web Push (RFC 8030), which also serves UnifiedPush: `POST` to the resource that the phone named,
//! encrypted for its subscription (`encryption`), under our own key (`vapid`).
//!
//! The phone chose the URL, so it is a stranger's: the client judges where it leads.
//!
//! | reply | fate |
//! |---|---|
//! | 2xx | delivered |
//! | 404, 410 | gone: RFC 8030 §7.3, and the resource is this phone's alone |
//! | 408, 429, any 5xx, no reply | later, after `Retry-After` where given |
//! | everything else, an address that must not be called | refused |
//!
//! 401 and 403 say that our key is not the one of the subscription: that is the operator's mistake or the phone's, who
//! learns our key at every start. It clears no target, because it would clear all.

mod encryption;
mod vapid;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use protocol::messages::PushTarget;
use thiserror::Error;
use zeroize::Zeroizing;

use self::encryption::{MAX_PLAINTEXT_BYTES, Subscription, encrypt};
use self::vapid::Vapid;
use super::client::{Client, Payload, Reply, Unreachable};
use super::endpoint::Endpoint;
use super::pace::Pace;
use super::retry_after::retry_after_seconds;
use super::target::decoded;
use super::{Courier, Fate, Push};
use crate::domain::time::{Clock, Timestamp};

pub use vapid::generate_key;

/// What an operator sets to reach phones by Web Push.
pub struct WebPushSettings {
    /// The key's file, as `assent keys vapid` writes it: its text.
    pub key: Zeroizing<String>,
    /// Whom a push service writes to about our pushes: a `mailto:` or `https:` URI (RFC 8292 §2.1).
    pub contact: String,
    /// No more pushes a minute to one service than this.
    pub per_minute: u32,
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadWebPushSettings {
    /// No P-256 key in PKCS#8 PEM.
    #[error("the key is no P-256 key in PKCS#8 PEM, as `assent keys vapid` writes it")]
    Key,
    /// Nobody to write to.
    #[error("the contact must be a mailto: or https: URI")]
    Contact,
}

/// The courier. Shared by all workers.
#[derive(Clone)]
pub struct WebPush {
    client: Client,
    vapid: Arc<Vapid>,
    pace: Arc<Pace>,
    clock: Arc<dyn Clock>,
}

/// One push, encrypted.
struct Sealed {
    endpoint: Endpoint,
    body: Vec<u8>,
}

impl WebPush {
    /// A courier that opens its connections through `client`. Nothing is sent yet.
    pub fn new(settings: WebPushSettings, client: Client, clock: Arc<dyn Clock>) -> Result<Self, BadWebPushSettings> {
        let WebPushSettings { key, contact, per_minute } = settings;
        let is_uri = |scheme: &str| contact.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
        if !(is_uri("mailto:") || is_uri("https://")) || !contact.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadWebPushSettings::Contact);
        }
        let vapid = Arc::new(Vapid::new(&key, contact).ok_or(BadWebPushSettings::Key)?);
        Ok(Self { client, vapid, pace: Arc::new(Pace::new(per_minute)), clock })
    }

    /// The same through another client.
    pub(super) fn within(&self, client: Client) -> Self {
        Self { client, ..self.clone() }
    }

    /// The key that phones subscribe under, in base64url.
    pub(super) fn public_key(&self) -> String {
        self.vapid.public_key()
    }

    async fn send(&self, push: &Push, sealed: Sealed) -> Fate {
        let Sealed { endpoint, body } = sealed;
        let now = self.clock.now();
        let service = endpoint.url().origin().ascii_serialization();
        if let Err(not_now) = self.pace.admit(&service, now) {
            return not_now;
        }
        let headers = [
            ("authorization", self.vapid.authorization(endpoint.url(), now)),
            ("content-encoding", "aes128gcm".to_owned()),
            ("ttl", push.ttl_seconds.to_string()),
            ("urgency", if push.body.is_silent() { "normal" } else { "high" }.to_owned()),
            // RFC 8030 §5.4: a later message of a topic replaces an earlier one that was not delivered yet.
            ("topic", push.body.rid().to_owned()),
        ];
        let sent = self.client.post_with(&endpoint, &headers, Payload::Octets(body)).await;
        let fate = sent.as_ref().map_or_else(|why| unreachable(*why), |reply| judge(reply, now));
        if let (Ok(Reply { status: 429 | 503, .. }), Fate::Later { retry_after_seconds: Some(seconds), .. }) =
            (sent, fate)
        {
            self.pace.pause(&service, seconds, now);
        }
        fate
    }
}

#[async_trait]
impl Courier for WebPush {
    async fn carry(&self, push: &Push) -> Fate {
        match sealed(push) {
            Ok(sealed) => {
                let fate = self.send(push, sealed).await;
                if fate != Fate::Delivered {
                    tracing::warn!(?fate, "a push service did not take a push");
                }
                fate
            }
            Err(cause) => Fate::Refused { cause },
        }
    }

    fn vapid_key(&self) -> Option<String> {
        Some(self.public_key())
    }
}

/// The push as its service gets it, or why there can be none.
fn sealed(push: &Push) -> Result<Sealed, &'static str> {
    let PushTarget::WebPush { endpoint, p256dh, auth } = &push.target else {
        return Err("no_web_push_target");
    };
    let endpoint = Endpoint::foreign(endpoint).map_err(|_| "no_web_push_target")?;
    let (Some(key), Some(auth)) = (decoded(p256dh), decoded(auth)) else {
        return Err("no_web_push_target");
    };
    let fitting = |members| {
        let plaintext = serde_json::Value::Object(members).to_string().into_bytes();
        (plaintext.len() <= MAX_PLAINTEXT_BYTES).then_some(plaintext)
    };
    let plaintext = fitting(push.body.members()).or_else(|| fitting(push.body.without_prompt()));
    let plaintext = plaintext.ok_or("message_too_big")?;
    let ours = PrivateKey::generate(&ECDH_P256).map_err(|_| "no_key")?;
    let mut salt = [0; 16];
    fresh(&mut salt).map_err(|_| "no_key")?;
    // A point that is not on the curve was not seen before.
    let body = encrypt(&plaintext, &Subscription { key, auth }, &ours, salt).map_err(|_| "no_web_push_target")?;
    Ok(Sealed { endpoint, body })
}

#[expect(clippy::disallowed_methods, reason = "a salt beside a key that the library makes by the same chance")]
fn fresh(salt: &mut [u8; 16]) -> Result<(), aws_lc_rs::error::Unspecified> {
    aws_lc_rs::rand::fill(salt)
}

fn unreachable(why: Unreachable) -> Fate {
    let cause = why.cause();
    match why {
        Unreachable::Forbidden => Fate::Refused { cause },
        Unreachable::Connect | Unreachable::Tls | Unreachable::Timeout | Unreachable::Broken => {
            Fate::Later { retry_after_seconds: None, cause }
        }
    }
}

fn judge(reply: &Reply, now: Timestamp) -> Fate {
    let later =
        |cause| Fate::Later { retry_after_seconds: retry_after_seconds(reply.retry_after.as_deref(), now), cause };
    match reply.status {
        200..=299 => Fate::Delivered,
        404 | 410 => Fate::Gone { cause: "subscription_gone", since: None },
        401 | 403 => Fate::Refused { cause: "vapid_refused" },
        408 => later("request_timeout"),
        413 => Fate::Refused { cause: "payload_too_large" },
        429 => later("too_many_requests"),
        500.. => later("server_error"),
        300..=399 => Fate::Refused { cause: "redirected" },
        _ => Fate::Refused { cause: "client_error" },
    }
}

impl fmt::Debug for WebPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPush").field("vapid", &self.vapid).finish_non_exhaustive()
    }
}

impl fmt::Debug for WebPushSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPushSettings").field("contact", &self.contact).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::client::Body;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn every_status_comes_to_its_fate() {
        for status in 200..600 {
            let fate = judge(
                &Reply { status, retry_after: None, cache_control: None, content_type: None, body: Body::Cut },
                NOW,
            );
            let expected = match status {
                200..=299 => fate == Fate::Delivered,
                404 | 410 => matches!(fate, Fate::Gone { .. }),
                408 | 429 | 500.. => matches!(fate, Fate::Later { .. }),
                _ => matches!(fate, Fate::Refused { .. }),
            };
            assert!(expected, "{status}: {fate:?}");
        }
    }

    #[test]
    fn a_contact_is_somebody_to_write_to() {
        let client =
            Client::new(crate::outbound::client::Limits::default(), &crate::outbound::client::Reach::default());
        let client = client.expect("a client");
        let of = |contact: &str| {
            let settings = WebPushSettings { key: generate_key().0, contact: contact.to_owned(), per_minute: 1 };
            WebPush::new(settings, client.clone(), Arc::new(Stopped)).map(drop)
        };
        assert_eq!([of("mailto:push@example.com"), of("https://example.com/push")], [Ok(()), Ok(())]);
        for wrong in ["", "mailto:", "push@example.com", "http://example.com", "mailto:a b"] {
            assert_eq!(of(wrong), Err(BadWebPushSettings::Contact), "{wrong}");
        }
    }

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            NOW
        }
    }
}
