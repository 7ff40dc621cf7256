//! How a client learns the outcome (CIBA §5).

use serde::{Deserialize, Serialize};

/// `backchannel_token_delivery_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// The client asks the token endpoint.
    Poll,
    /// The client is told that there is an answer, then asks.
    Ping,
    /// The client is sent the tokens.
    Push,
}

impl DeliveryMode {
    /// All of them, for tables.
    pub const ALL: [Self; 3] = [Self::Poll, Self::Ping, Self::Push];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Ping => "ping",
            Self::Push => "push",
        }
    }
}
