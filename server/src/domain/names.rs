//! The names things are stored and found under. One newtype each; keys made from secrets are hashes.

use std::fmt;

use protocol::Digest;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A realm: an issuer with its own keys, clients and users. The first part of every stored key; see
    /// [`crate::domain::realm`] for what it may contain.
    RealmId
}
name! {
    /// `client_id` of a relying party.
    ClientId
}
name! {
    /// `sub`: a user's permanent identifier at this issuer, 1 to 255 printable ASCII characters (OIDC Core §2).
    Subject
}

macro_rules! hashed {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Digest);

        impl $name {
            /// Hashes the secret text.
            #[must_use]
            pub fn of(secret: &str) -> Self {
                Self(Digest::labelled($label, &[secret.as_bytes()]))
            }

            /// The hash.
            #[must_use]
            pub const fn digest(&self) -> &Digest {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        /// Reads what `Display` writes.
        impl std::str::FromStr for $name {
            type Err = <Digest as std::str::FromStr>::Err;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

hashed! {
    /// An authentication request, found by the hash of its `auth_req_id`, which itself is never stored.
    RequestKey, "assent-request"
}
hashed! {
    /// An enrolment ticket, found by the hash of its code.
    TicketKey, "assent-ticket"
}
hashed! {
    /// An access token, found by its hash.
    TokenKey, "assent-token"
}
hashed! {
    /// A token that lets clients register themselves, found by its hash.
    RegistrationKey, "assent-registration"
}
hashed! {
    /// A family of refresh tokens, found by the hash of the part they share.
    FamilyKey, "assent-refresh"
}
