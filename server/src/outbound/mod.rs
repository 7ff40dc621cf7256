//! How the server reaches phones and clients. A push is only a hint: whatever becomes of it, the phone finds its prompts
//! by asking, so a courier never blocks a request and never decides one.
//!
//! [`Courier`] carries one [`Push`] and reports its [`Fate`]; whoever keeps the messages acts on it (tries again,
//! clears the phone's push target, gives up). What clients are told is carried by [`notification`]. [`fcm`] is the courier for Firebase Cloud Messaging, [`google`] its
//! credentials, and [`client`] the one place that opens connections: to an [`endpoint`], within [`networks`], believing
//! [`roots`]. [`key_sets`] remembers the keys that clients publish.
//!
//! Nothing here prints a target, a payload or a credential: their types write `…` in `Debug`, and causes are fixed
//! words.

pub mod client;
pub mod endpoint;
pub mod fcm;
pub mod google;
pub mod key_sets;
pub mod networks;
pub mod notification;
pub mod resolve;
mod retry_after;
pub mod roots;
pub mod target;

use std::fmt;

use async_trait::async_trait;
use protocol::messages::PushTarget;

/// One push to one phone, ready to be sent: nothing of the request is in clear unless the payload is.
#[derive(Debug)]
pub struct Push {
    /// Where the phone is reached.
    pub target: PushTarget,
    /// What it is told.
    pub body: PushBody,
    /// Remaining life of the prompt in seconds: a provider drops what it could not deliver by then.
    pub ttl_seconds: u32,
}

/// What a push says (ADP/1, "Push").
pub enum PushBody {
    /// The prompt, encrypted to the phone's `sealing` key.
    Sealed {
        /// Compact JWE, ECDH-ES with A256GCM.
        jwe: String,
        /// Random routing id, which a phone that cannot open the JWE asks by.
        rid: String,
    },
    /// "Ask the server": nothing but a random routing id.
    Wake {
        /// The routing id.
        rid: String,
    },
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
}

// A JWE in a log outlives the key that protects it.
impl fmt::Debug for PushBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed { .. } => "Sealed(…)",
            Self::Wake { .. } => "Wake(…)",
        })
    }
}
