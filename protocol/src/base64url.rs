//! Unpadded base64url (RFC 4648 §5), decoded strictly: no padding, no white space, no stray bits in the last character,
//! so that one value has exactly one spelling.

use std::fmt;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserializer;
use serde::de::{self, Visitor};

/// The text is not canonical unpadded base64url of the expected length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url")]
pub struct NotBase64url;

/// Encodes bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes onto the end of `text`.
pub(crate) fn push(text: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Shows bytes as base64url without a string in between.
pub(crate) fn show(bytes: &[u8]) -> impl fmt::Display {
    Base64Display::new(bytes, &URL_SAFE_NO_PAD)
}

/// Decodes text of any length.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64url)
}

/// Decodes text that must hold exactly `N` bytes.
pub fn decode_exact<const N: usize>(text: &str) -> Result<[u8; N], NotBase64url> {
    let mut bytes = [0; N];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(length) if length == N => Ok(bytes),
        _ => Err(NotBase64url),
    }
}

/// Reads a string of exactly `N` bytes in base64url without keeping the string.
pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
    struct Exactly<const N: usize>;

    impl<const N: usize> Visitor<'_> for Exactly<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes in base64url")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; N], E> {
            decode_exact(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Exactly::<N>)
}
