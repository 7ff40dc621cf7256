//! Where pushes go and what they hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{RoutingId, json};

/// The phone's platform, which decides the shape of an FCM message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// High-priority data message.
    Android,
    /// Alert with mutable content.
    Ios,
}

/// Whom FCM shall reach: exactly one of the two.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FcmTarget {
    /// Firebase installation id.
    Fid(String),
    /// Registration token.
    Token(String),
}

impl fmt::Debug for FcmTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fid(_) => "Fid(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// For which of Apple's two services a device token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApnsEnvironment {
    /// Apps from the App Store and `TestFlight`.
    #[default]
    Production,
    /// Apps run from Xcode.
    Sandbox,
}

/// Where a phone receives pushes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase", try_from = "Spelled")]
pub enum PushTarget {
    /// Firebase Cloud Messaging.
    Fcm {
        /// Decides the message's shape.
        platform: Platform,
        /// Whom to reach.
        target: FcmTarget,
    },
    /// Apple Push Notification service.
    Apns {
        /// The device token in hexadecimal digits.
        token: String,
        /// The service it was made for.
        #[serde(default)]
        environment: ApnsEnvironment,
    },
    /// Web Push (RFC 8030), also by `UnifiedPush`.
    WebPush {
        /// The push resource, an https URL. Whoever knows it can push.
        endpoint: String,
        /// The subscription's P-256 key (RFC 8291 §2.1): 65 bytes, uncompressed, in base64url.
        p256dh: String,
        /// The subscription's authentication secret (RFC 8291 §2.1): 16 bytes in base64url.
        auth: String,
    },
    /// The operator's own notifier.
    Webhook {
        /// What the notifier knows this phone by. It means nothing to the server.
        address: String,
    },
    /// Nowhere: the phone asks.
    None,
}

/// A target as it is read. An enum that serde tells apart by a member keeps all others until it has met that one, which alone
/// would be a hundredth of the phone's library.
#[derive(Deserialize)]
struct Spelled {
    channel: Channel,
    #[serde(default, deserialize_with = "json::present")]
    platform: Option<Platform>,
    #[serde(default, deserialize_with = "json::present")]
    target: Option<FcmTarget>,
    #[serde(default, deserialize_with = "json::present")]
    token: Option<String>,
    #[serde(default)]
    environment: ApnsEnvironment,
    #[serde(default, deserialize_with = "json::present")]
    endpoint: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    p256dh: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    auth: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Fcm,
    Apns,
    WebPush,
    Webhook,
    None,
}

impl TryFrom<Spelled> for PushTarget {
    type Error = &'static str;

    fn try_from(spelled: Spelled) -> Result<Self, Self::Error> {
        let target = match spelled.channel {
            Channel::Fcm => {
                spelled.platform.zip(spelled.target).map(|(platform, target)| Self::Fcm { platform, target })
            }
            Channel::Apns => spelled.token.map(|token| Self::Apns { token, environment: spelled.environment }),
            Channel::WebPush => match (spelled.endpoint, spelled.p256dh, spelled.auth) {
                (Some(endpoint), Some(p256dh), Some(auth)) => Some(Self::WebPush { endpoint, p256dh, auth }),
                _ => None,
            },
            Channel::Webhook => spelled.address.map(|address| Self::Webhook { address }),
            Channel::None => Some(Self::None),
        };
        target.ok_or("a member of this channel's is missing")
    }
}

// Whoever knows a target can push to it.
impl fmt::Debug for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fcm { platform, target } => {
                f.debug_struct("Fcm").field("platform", platform).field("target", target).finish()
            }
            Self::Apns { environment, .. } => {
                f.debug_struct("Apns").field("environment", environment).finish_non_exhaustive()
            }
            Self::WebPush { .. } => f.write_str("WebPush(…)"),
            Self::Webhook { .. } => f.write_str("Webhook(…)"),
            Self::None => f.write_str("None"),
        }
    }
}

/// What a push holds, whatever carries it: a hint, believed no more than any stranger's. Every member is a text, because
/// Firebase carries nothing else.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub enum PushData {
    /// The prompt itself, sealed to the phone.
    Sealed {
        /// Says nothing about the prompt to who does not have it.
        rid: RoutingId,
        /// See [`crate::jwe`].
        jwe: String,
    },
    /// Ask for your prompts.
    Wake {
        /// As above; of several prompts the first one's.
        rid: RoutingId,
        /// Makes it as long as a sealed push, and means nothing.
        pad: Option<String>,
    },
    /// Take the notification away that this id's push showed.
    Dismiss {
        /// As above.
        rid: RoutingId,
    },
}

impl PushData {
    /// Its routing id.
    #[must_use]
    pub const fn rid(&self) -> &RoutingId {
        match self {
            Self::Sealed { rid, .. } | Self::Wake { rid, .. } | Self::Dismiss { rid } => rid,
        }
    }
}

// A JWE in a log outlives the key that protects it.
impl fmt::Debug for PushData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed { .. } => "Sealed(…)",
            Self::Wake { .. } => "Wake(…)",
            Self::Dismiss { .. } => "Dismiss(…)",
        })
    }
}

/// A push as it is written.
#[derive(Serialize, Deserialize)]
struct Texts {
    v: One,
    rid: RoutingId,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    jwe: Option<String>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    pad: Option<String>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    dismiss: Option<One>,
}

/// The only text that a version, or a mark, has.
#[derive(Serialize, Deserialize)]
enum One {
    #[serde(rename = "1")]
    One,
}

impl From<PushData> for Texts {
    fn from(data: PushData) -> Self {
        let of = |rid| Self { v: One::One, rid, jwe: None, pad: None, dismiss: None };
        match data {
            PushData::Sealed { rid, jwe } => Self { jwe: Some(jwe), ..of(rid) },
            PushData::Wake { rid, pad } => Self { pad, ..of(rid) },
            PushData::Dismiss { rid } => Self { dismiss: Some(One::One), ..of(rid) },
        }
    }
}

impl TryFrom<Texts> for PushData {
    type Error = &'static str;

    fn try_from(Texts { v: One::One, rid, jwe, pad, dismiss }: Texts) -> Result<Self, Self::Error> {
        match (jwe, pad, dismiss) {
            (Some(jwe), None, None) => Ok(Self::Sealed { rid, jwe }),
            (None, pad, None) => Ok(Self::Wake { rid, pad }),
            (None, None, Some(One::One)) => Ok(Self::Dismiss { rid }),
            _ => Err("a push is one of sealed, wake and dismissal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ApnsEnvironment, FcmTarget, Platform, PushTarget};

    fn every_channel() -> Vec<(PushTarget, Value)> {
        let text = |text: &str| text.to_owned();
        let (platform, token) = (Platform::Android, FcmTarget::Token(text("token")));
        vec![
            (
                PushTarget::Fcm { platform, target: token },
                json!({ "channel": "fcm", "platform": "android", "target": { "token": "token" } }),
            ),
            (
                PushTarget::Apns { token: text("token"), environment: ApnsEnvironment::Sandbox },
                json!({ "channel": "apns", "token": "token", "environment": "sandbox" }),
            ),
            (
                PushTarget::WebPush { endpoint: text("https://a.example"), p256dh: text("key"), auth: text("secret") },
                json!({ "channel": "webpush", "endpoint": "https://a.example", "p256dh": "key", "auth": "secret" }),
            ),
            (PushTarget::Webhook { address: text("here") }, json!({ "channel": "webhook", "address": "here" })),
            (PushTarget::None, json!({ "channel": "none" })),
        ]
    }

    fn read(target: &Value) -> Result<PushTarget, String> {
        serde_json::from_value(target.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_channel_is_written_and_read_by_its_own_members() {
        for (target, spelled) in every_channel() {
            assert_eq!(serde_json::to_value(&target).expect("JSON"), spelled);
            assert_eq!(read(&spelled), Ok(target));
        }
    }

    #[test]
    fn a_target_without_one_of_its_channels_members_is_none_and_null_is_no_value() {
        for (target, spelled) in every_channel() {
            for member in spelled.as_object().expect("members").keys() {
                let (mut without, mut null) = (spelled.clone(), spelled.clone());
                without.as_object_mut().expect("members").remove(member);
                null[member] = Value::Null;
                let may_be_absent = member == "environment";
                assert_eq!(read(&without).is_ok(), may_be_absent, "{target:?} without {member}");
                assert!(read(&null).is_err(), "{target:?} with {member} of null");
            }
        }
        assert!(read(&json!({ "channel": "pigeon" })).is_err());
        assert!(
            read(&json!({ "channel": "apns", "address": "here" })).is_err(),
            "another channel's member does not help"
        );
    }

    #[test]
    fn an_apns_token_without_an_environment_is_of_production() {
        let read = read(&json!({ "channel": "apns", "token": "token" }));
        let environment = ApnsEnvironment::Production;
        assert_eq!(read, Ok(PushTarget::Apns { token: "token".to_owned(), environment }));
    }
}
