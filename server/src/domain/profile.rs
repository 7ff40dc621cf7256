//! Which rules a realm or a client is held to.

use serde::{Deserialize, Serialize};

/// A profile of CIBA. Ordered: a client's may only be stricter than its realm's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// CIBA Core 1.0.
    #[default]
    Core,
    /// FAPI-CIBA: signed requests, PS256 or ES256, certificate-bound tokens, no push.
    FapiCiba,
}
