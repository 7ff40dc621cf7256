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

/// Where a phone receives pushes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
pub enum PushTarget {
    /// Firebase Cloud Messaging.
    Fcm {
        /// Decides the message's shape.
        platform: Platform,
        /// Whom to reach.
        target: FcmTarget,
    },
    /// Nowhere: the phone asks.
    None,
}

/// The whole of a wake push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// [`crate::VERSION`].
    pub v: u8,
    /// Says nothing about the prompt.
    pub rid: RoutingId,
}
