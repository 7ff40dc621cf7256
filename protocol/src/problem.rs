//! Problem documents (RFC 9457): how the device API says no.

use serde::{Deserialize, Serialize};

use crate::Jws;

/// Media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// `{type, title, status, now, nonce?, revocation?}`; `type` is `urn:assent:problem:<code>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:assent:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people; fixed for each code.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// A fresh nonce, with `use_nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// `adp-revocation+jwt`, with `revoked`: the only word of a server by which a phone wipes what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Jws>,
    /// The server's clock, seconds since 1970.
    pub now: i64,
}

impl Problem {
    /// The code: what follows `urn:assent:problem:`.
    #[must_use]
    pub fn code(&self) -> &str {
        self.kind.strip_prefix("urn:assent:problem:").unwrap_or("unknown")
    }
}
