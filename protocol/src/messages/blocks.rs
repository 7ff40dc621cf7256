//! Clients that a user wants to hear nothing of.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Digest, EnrolmentId};

/// `adp-blocks+jwt`, server → phone: the clients that this user has blocked, on whichever phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the `device` key.
    pub aud: Digest,
    /// Its enrolment.
    pub enr: EnrolmentId,
    /// Oldest first, at most 20.
    pub blocks: Vec<Block>,
    /// The server's clock.
    pub now: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// A client that may not ask this user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its id.
    pub client: String,
    /// Its name as it is by now.
    pub name: String,
    /// Since when.
    pub since: i64,
    /// Until when; absent: until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// `adp-unblock+jwt`, phone → server, signed by `verified`: lifts the block of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unblock {
    /// The phone.
    pub iss: DeviceId,
    /// The issuer.
    pub aud: String,
    /// The client that may ask again.
    pub client: String,
    /// When, by the phone's clock.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}
