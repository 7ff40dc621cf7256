//! The proof that stands on every request of an enrolled phone.

use serde::{Deserialize, Serialize};

use crate::{Digest, Nonce};

/// `adp-proof+jwt`, phone → server, in the header `Device-Proof`, signed by `device`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The method, upper case.
    pub htm: String,
    /// The URL without query and fragment.
    pub htu: String,
    /// When, by the phone's clock corrected by the server's `now`.
    pub iat: i64,
    /// Unique for this phone within six minutes.
    pub jti: Nonce,
    /// The server's last nonce, as it gave it.
    pub nonce: String,
    /// SHA-256 of the body; of no bytes where there is none.
    pub bh: Digest,
}
