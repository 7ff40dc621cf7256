//! A store read from one end to the other, page by page: for exports and for recovery. Commits go on meanwhile, so the
//! pages of a store in use are of slightly different moments; whoever needs one moment stops the server first.

use protocol::Digest;
use serde::{Deserialize, Serialize};

use super::{Record, Versioned};
use crate::domain::audit::Event;
use crate::domain::time::Timestamp;

/// What is kept in a realm beside the realm itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is named as what it is")]
pub enum Kept {
    Client,
    User,
    Device,
    Ticket,
    Enrolment,
    Request,
    Prompt,
    Grant,
    Family,
    Message,
    Attention,
    History,
    RegistrationToken,
    Logo,
    Mark,
    Event,
}

impl Kept {
    /// All of it, what others refer to first.
    pub const ALL: [Self; 16] = [
        Self::Client,
        Self::User,
        Self::Device,
        Self::Ticket,
        Self::Enrolment,
        Self::Request,
        Self::Prompt,
        Self::Grant,
        Self::Family,
        Self::Message,
        Self::Attention,
        Self::History,
        Self::RegistrationToken,
        Self::Logo,
        Self::Mark,
        Self::Event,
    ];
}

/// One thing that is kept.
#[allow(clippy::large_enum_variant, reason = "nearly all entries are records")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record(Versioned<Record>),
    /// A mark under the name that stores keep.
    Mark(MarkName, Digest, Timestamp),
    /// An audit event, and until when it is kept.
    Event(Event, Timestamp),
}

/// The name of a mark as stores keep it: what it marks cannot be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarkName(protocol::Nonce);

impl MarkName {
    /// From its bits.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(protocol::Nonce::from_bytes(bytes))
    }

    /// The bits.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// Where a page ended; the next one begins behind it. Of one store only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(pub(super) Vec<u8>);

/// Some of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In no particular order, each thing in one page only.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}
