//! SHA-256 values. Every hash that is not part of a JWS begins with a label, so that a value made for one purpose never
//! fits another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::base64url::{self, NotBase64url};

/// A SHA-256 value, spelled as 43 base64url characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of exactly these bytes: for whole JWS texts and request bodies, which carry their own type.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of a label followed by the parts. All parts but the last must be of fixed length.
    #[must_use]
    pub fn labelled(label: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(label.as_bytes());
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The 256 bits as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 256 bits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `req` of a prompt: binds it to an `auth_req_id` that the phone never learns.
#[must_use]
pub fn request_digest(auth_req_id: &str) -> Digest {
    Digest::labelled("adp1-req", &[auth_req_id.as_bytes()])
}

/// `cs` of an offer: the server's commitment to the nonce it reveals after `finish`.
#[must_use]
pub fn nonce_commitment(nonce: &crate::Nonce) -> Digest {
    Digest::labelled("adp1-cs", &[nonce.as_bytes()])
}

/// The challenge that Android attests the `verified` key over, bound to one offer: SHA-256("adp1-att" ‖ offer hash).
///
/// The `device` key may be attested over it, too. Where the platform attests a key only while it makes it, the `device` key
/// is older than the offer that it began for, and is attested over the same of the offer's `th`, which the phone can compute
/// from the ticket ([`crate::messages::Offer::ticket_hash`]).
#[must_use]
pub fn attestation_challenge(offer: &Digest) -> Digest {
    Digest::labelled("adp1-att", &[offer.as_bytes()])
}

/// The six digits shown on the phone and typed on the page that showed the ticket, as text with leading zeros.
///
/// The first eight bytes of SHA-256("adp1-sas" ‖ offer hash ‖ finish hash ‖ nonce), read as a big-endian number, modulo
/// one million.
#[must_use]
pub fn check_digits(offer: &Digest, finish: &Digest, nonce: &crate::Nonce) -> String {
    let hash = Digest::labelled("adp1-sas", &[offer.as_bytes(), finish.as_bytes(), nonce.as_bytes()]);
    let head = hash.0[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // 2^64 is so much larger than 10^6 that the remainder's bias is below 10^-13.
    format!("{:06}", head % 1_000_000)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        base64url::show(&self.0).fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = NotBase64url;

    fn from_str(text: &str) -> Result<Self, NotBase64url> {
        base64url::decode_exact(text).map(Self)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        base64url::deserialize(deserializer).map(Self)
    }
}
