//! How the server reaches phones and clients. A push is only a hint: whatever becomes of it, the phone finds its prompts
//! by asking, so a courier never blocks a request and never decides one.
//!
//! [`Courier`] carries one [`Push`] and reports its [`Fate`]; whoever keeps the messages acts on it (tries again,
//! clears the phone's push target, gives up). [`channels`] is the courier that knows them all: [`fcm`] for Firebase Cloud
//! Messaging with [`google`]'s credentials, [`apns`] for Apple, [`web_push`], and [`webhook`] for the operator's own
//! notifier. What clients are told is carried by [`notification`]. [`client`] is the one place that opens connections: to
//! an [`endpoint`], within [`networks`], believing [`roots`]. [`key_sets`] remembers the keys that clients publish.
//!
//! Nothing here prints a target, a payload or a credential: their types write `…` in `Debug`, and causes are fixed
//! words.

pub mod apns;
pub mod channels;
pub mod client;
pub mod endpoint;
pub mod fcm;
pub mod google;
pub mod key_sets;
pub mod networks;
pub mod notification;
mod pace;
mod pem;
pub mod resolve;
mod retry_after;
pub mod roots;
pub mod target;
pub mod web_push;
pub mod webhook;

use std::fmt;

use async_trait::async_trait;
use protocol::DeviceId;
use protocol::messages::PushTarget;
use serde_json::{Map, Value};

use crate::domain::message::MessageId;
use crate::domain::names::Subject;
use crate::domain::time::Timestamp;

/// One push to one phone, ready to be sent: nothing of the request is in clear.
pub struct Push {
    /// The same at each attempt.
    pub id: MessageId,
    /// The phone.
    pub device: DeviceId,
    /// Whose it is. Told to the operator's own notifier and to nobody else.
    pub subject: Subject,
    /// Where the phone is reached.
    pub target: PushTarget,
    /// What it is told.
    pub body: PushBody,
    /// The app link, `<issuer>/a/<rid>`, for whoever shows a notification before the app has read the push.
    pub link: String,
    /// For how many seconds a provider keeps trying: the remaining life of the prompt.
    pub ttl_seconds: u32,
}

/// What a push says (ADP/1, "Push"). Every one has a routing id.
pub enum PushBody {
    /// The prompt, encrypted to the phone's `sealing` key.
    Sealed {
        /// Compact JWE, ECDH-ES with A256GCM.
        jwe: String,
        /// Random routing id, which a phone that cannot open the JWE asks by.
        rid: String,
    },
    /// "Ask the server": nothing but the routing id of a prompt.
    Wake {
        /// The routing id.
        rid: String,
        /// Where it stands in for a sealed prompt: what is as long as one, and opens to nothing.
        pad: Option<String>,
    },
    /// "Take the notification away": the prompt awaits no answer any more. Silent.
    Dismiss {
        /// The routing id of the push that showed it.
        rid: String,
    },
}

impl PushBody {
    /// The routing id.
    #[must_use]
    pub fn rid(&self) -> &str {
        match self {
            Self::Sealed { rid, .. } | Self::Wake { rid, .. } | Self::Dismiss { rid } => rid,
        }
    }

    /// Whether the user is to notice it.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        match self {
            Self::Sealed { .. } | Self::Wake { .. } => false,
            Self::Dismiss { .. } => true,
        }
    }

    /// The members that every phone gets, whatever carries them. All are texts: FCM takes nothing else.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::from_iter([
            ("v".to_owned(), protocol::VERSION.to_string().into()),
            ("rid".to_owned(), self.rid().into()),
        ]);
        let more = match self {
            Self::Sealed { jwe, .. } => Some(("jwe", jwe.as_str())),
            Self::Wake { pad: Some(pad), .. } => Some(("pad", pad.as_str())),
            Self::Wake { pad: None, .. } => None,
            Self::Dismiss { .. } => Some(("dismiss", "1")),
        };
        members.extend(more.map(|(name, value)| (name.to_owned(), value.into())));
        members
    }

    /// The same without the sealed prompt: the phone asks.
    #[must_use]
    fn without_prompt(&self) -> Map<String, Value> {
        let mut members = self.members();
        members.retain(|name, _| name != "jwe" && name != "pad");
        members
    }
}

/// What became of one attempt to carry a push. Causes are fixed words for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The provider took it; whether the phone shows it is not known.
    Delivered,
    /// Worth another attempt within the prompt's life.
    Later {
        /// What the provider asked for, in seconds from now; otherwise the sender's own back-off.
        retry_after_seconds: Option<u32>,
        /// Why it was not taken.
        cause: &'static str,
    },
    /// The target no longer exists or is not ours: clear it, the phone polls from now on.
    Gone {
        /// How we know.
        cause: &'static str,
        /// Since when, where the provider says so: what the phone named after that stays.
        since: Option<Timestamp>,
    },
    /// This push will never be taken as it is, and the target is not to blame.
    Refused {
        /// Why not.
        cause: &'static str,
    },
}

/// Carries pushes over one provider.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Makes one attempt: a few calls, each within the limits of [`client`]. A caller may drop it.
    async fn carry(&self, push: &Push) -> Fate;

    /// The key that phones subscribe to Web Push under (RFC 8292 §3.2), in base64url, where there is that channel.
    fn vapid_key(&self) -> Option<String> {
        None
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("device", &self.device)
            .field("target", &self.target)
            .field("body", &self.body)
            .field("ttl_seconds", &self.ttl_seconds)
            .finish_non_exhaustive()
    }
}

// A JWE in a log outlives the key that protects it.
impl fmt::Debug for PushBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed { .. } => "Sealed(…)",
            Self::Wake { .. } => "Wake(…)",
            Self::Dismiss { .. } => "Dismiss(…)",
        })
    }
}
