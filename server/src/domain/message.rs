//! What waits in the outbox: a message written in the same commit as the reason for it, carried at least once.

use protocol::{DeviceId, PromptId, RoutingId};
use serde::{Deserialize, Serialize};

use super::authentication_request::PushError;
use super::names::{ClientId, RequestKey};
use super::secret::Sealed;
use super::time::Timestamp;

/// 128 bits that nobody can guess, also the idempotency key of the carriage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(protocol::Nonce);

impl MessageId {
    /// From 128 random bits.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(protocol::Nonce::from_bytes(bytes))
    }

    /// Of what a request's client is told: there is one such message a request, so its id follows from the request's.
    #[must_use]
    pub fn of_notification(request: &RequestKey) -> Self {
        let (half, _) = request.digest().as_bytes().split_first_chunk().expect("a digest is longer than 16 bytes");
        Self::from_bytes(*half)
    }

    /// The bits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// A message in the outbox. Removed when its fate is known or `give_up_at` has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What it says, and to whom.
    pub content: Content,
    /// The request it belongs to.
    pub request: RequestKey,
    /// Attempts so far.
    pub attempts: u32,
    /// Not carried before; a lease moves it into the future.
    pub due_at: Timestamp,
    /// Dropped after.
    pub give_up_at: Timestamp,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Content {
    /// Tell a phone about a prompt.
    Push {
        /// The phone.
        device: DeviceId,
        /// The prompt, sealed by the worker just before it is sent: the outbox holds no second copy.
        prompt: PromptId,
        /// Stands for the prompt in a wake push and in the app link.
        rid: RoutingId,
        /// Other prompts of this phone that this one push tells of.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<PromptId>,
    },
    /// Take a notification away from a phone.
    Dismiss {
        /// The phone.
        device: DeviceId,
        /// What the push was known by that showed it.
        rid: RoutingId,
        /// Not due before the prompt's life ends, and of no use if somebody concluded the request before.
        at_end: bool,
    },
    /// What a notification is before there is anything to tell: due when the request's life ends, so that its client is
    /// told of that. Whatever concludes the request earlier replaces it.
    Expiry {
        /// The client.
        client: ClientId,
    },
    /// Tell a ping client that there is an outcome (CIBA §10.2).
    Ping {
        /// The client.
        client: ClientId,
    },
    /// Send a push client its tokens (CIBA §10.3.1).
    Tokens {
        /// The client.
        client: ClientId,
        /// The body, once the worker has minted it in the commit that took the lease; resent unchanged.
        minted: Option<Sealed>,
    },
    /// Tell a push client that there are none (CIBA §12).
    Error {
        /// The client.
        client: ClientId,
        /// Why.
        error: PushError,
    },
}

impl Content {
    /// Whether it waits for the end of a life that mostly ends earlier: before it is due, nobody is owed anything.
    #[must_use]
    pub const fn waits_for_the_end(&self) -> bool {
        match self {
            Self::Expiry { .. } | Self::Dismiss { at_end: true, .. } => true,
            Self::Push { .. }
            | Self::Dismiss { at_end: false, .. }
            | Self::Ping { .. }
            | Self::Tokens { .. }
            | Self::Error { .. } => false,
        }
    }
}
