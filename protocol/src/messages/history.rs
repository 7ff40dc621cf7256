//! What a user was asked and answered.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{DeviceId, Digest, EnrolmentId, PromptId};

/// `adp-history+jwt`, server → phone: what the user answered since this phone joined, on whichever phone, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the `device` key.
    pub aud: Digest,
    /// Its enrolment.
    pub enr: EnrolmentId,
    /// At most 20.
    pub entries: Vec<HistoryEntry>,
    /// Whether there are older ones, to be asked for with `?before=` the last one's number.
    pub more: bool,
    /// The server's clock.
    pub now: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Its place among all that the user answered: higher is newer.
    pub number: u64,
    /// Id of the client that asked.
    pub client: String,
    /// The client's name as it is by now.
    pub name: String,
    /// The text that the other screen showed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was asked.
    pub asked_at: i64,
    /// When it was answered last.
    pub answered_at: i64,
    /// Where it stands by that answer.
    pub outcome: Outcome,
    /// Why it was denied, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<HistoryReason>,
    /// The phone that approved or denied.
    pub device: DeviceId,
    /// What that phone is called by now.
    pub device_name: String,
    /// This phone's own copy of the prompt, while its user may still say *this was not me*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptId>,
    /// Until when they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_until: Option<i64>,
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryReason {
    /// The user started nothing.
    NotMe,
    /// The user started something else.
    WrongDetails,
    /// The user changed their mind.
    Cancelled,
    /// Another match code was typed than the other screen showed.
    WrongCode,
}
