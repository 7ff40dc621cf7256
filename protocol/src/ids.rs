//! Identifiers that a phone may see. Each is 128 random bits, a type of its own, spelled as 22 base64url characters.
//!
//! What a relying party holds (`auth_req_id`) is deliberately not here: it never reaches a phone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;

use crate::Digest;
use crate::base64url::{self, NotBase64url};

macro_rules! random_bits {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes the id from 128 random bits.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 128 bits.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                base64url::show(&self.0).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotBase64url;

            fn from_str(text: &str) -> Result<Self, NotBase64url> {
                base64url::decode_exact(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64url::deserialize(deserializer).map(Self)
            }
        }
    };
}

/// An id that is no secret: compared, ordered and printed freely.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        random_bits! {
            $(#[$doc])*
            #[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
            $name
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id! {
    /// One phone's place in one account, chosen by the server at enrolment.
    DeviceId
}
id! {
    /// One enrolment, from `begin` until the device is removed: the `enr` of every prompt.
    EnrolmentId
}
id! {
    /// One copy of a prompt on one phone: the `jti` of `adp-prompt+jwt`.
    PromptId
}
id! {
    /// One decision made on a phone: the `jti` of `adp-decision+jwt`.
    DecisionId
}
id! {
    /// What the pushes about a prompt are known by; says nothing about it to who does not have it.
    RoutingId
}
id! {
    /// A random value used once.
    Nonce
}
impl RoutingId {
    /// The routing id of the pushes about a prompt: the first 16 bytes of SHA-256("adp1-rid" ‖ prompt id). Whoever has the
    /// prompt finds what was pushed about it; whoever sees a push learns nothing of the prompt.
    #[must_use]
    pub fn of(prompt: &PromptId) -> Self {
        let digest = Digest::labelled("adp1-rid", &[prompt.as_bytes()]);
        Self::from_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
    }
}

random_bits! {
    /// The secret of an enrolment ticket. Never logged: `Debug` hides it. Compared in constant time; servers look it up by
    /// its hash.
    TicketCode
}

impl PartialEq for TicketCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TicketCode {}

impl fmt::Debug for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketCode(…)")
    }
}

/// Which of a phone's signing keys is meant; the third key, `sealing`, never signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyRole {
    /// Signs request proofs, denials and approvals where no user verification is asked.
    Device,
    /// Signs approvals where the user must be verified.
    Verified,
}

/// The `kid` of everything a phone signs: `<device id>#device` or `<device id>#verified`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef {
    /// Whose key.
    pub device: DeviceId,
    /// Which one.
    pub role: KeyRole,
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            KeyRole::Device => "device",
            KeyRole::Verified => "verified",
        };
        write!(f, "{}#{role}", self.device)
    }
}

impl FromStr for KeyRef {
    type Err = NotBase64url;

    fn from_str(text: &str) -> Result<Self, NotBase64url> {
        let (device, role) = text.split_once('#').ok_or(NotBase64url)?;
        let role = match role {
            "device" => KeyRole::Device,
            "verified" => KeyRole::Verified,
            _ => return Err(NotBase64url),
        };
        Ok(Self { device: device.parse()?, role })
    }
}
