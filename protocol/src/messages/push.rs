//! Where pushes go and what a wake push holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::RoutingId;

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
#[serde(tag = "channel", rename_all = "lowercase")]
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

/// The whole of a wake push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// [`crate::VERSION`].
    pub v: u8,
    /// Says nothing about the prompt.
    pub rid: RoutingId,
}
