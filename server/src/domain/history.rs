//! What a user answered of late, for their phones to look through. Written in the commit that takes the answer.
//!
//! One small record for a user: the newest [`MOST_ENTRIES`] answers, fewer where their texts are long. Older ones make
//! room, so that no look at it costs more the longer somebody is a user; the audit trail is what is complete.

use protocol::messages::Outcome;
use protocol::{DeviceId, Digest};
use serde::{Deserialize, Serialize};

use super::authentication_request::DenialReason;
use super::names::{ClientId, RequestKey, Subject};
use super::time::Timestamp;

/// Answers that are kept.
pub const MOST_ENTRIES: usize = 50;

/// What they may take as JSON. A record of the store is at most 16 KiB.
const MOST_BYTES: usize = 12 * 1024;

/// For how many days behind the last answer.
const KEPT_DAYS: i64 = 90;

/// Under what it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HistoryKey(Digest);

impl HistoryKey {
    /// Of a user.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        Self(Digest::labelled("assent-history", &[subject.as_str().as_bytes()]))
    }

    /// The hash.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// What a user answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Under what it is found.
    pub key: HistoryKey,
    /// The next entry's number.
    pub next: u64,
    /// Oldest first.
    pub entries: Vec<Answered>,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Its place among all that the user ever answered.
    pub number: u64,
    /// The request.
    pub request: RequestKey,
    /// Who asked.
    pub client: ClientId,
    /// `binding_message`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When the answer came that counts.
    pub answered_at: Timestamp,
    /// Where the request stands by it.
    pub outcome: Outcome,
    /// Why it was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenialReason>,
    /// The phone that approved or denied.
    pub device: DeviceId,
}

impl History {
    /// Of somebody who never answered.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        Self { key: HistoryKey::of(subject), next: 0, entries: Vec::new() }
    }

    /// Takes in an answer, in place of an earlier one to the same request. Of a dispute, what was approved stays: when,
    /// and on which phone.
    pub fn note(&mut self, answered: Answered) {
        if let Some(before) = self.entries.iter_mut().find(|entry| entry.request == answered.request) {
            match answered.outcome {
                Outcome::Disputed => before.outcome = Outcome::Disputed,
                Outcome::Approved | Outcome::Denied => *before = Answered { number: before.number, ..answered },
            }
            return;
        }
        self.entries.push(Answered { number: self.next, ..answered });
        self.next += 1;
        let surplus = self.entries.len().saturating_sub(MOST_ENTRIES);
        self.entries.drain(..surplus);
        while self.entries.len() > 1 && self.bytes() > MOST_BYTES {
            self.entries.remove(0);
        }
    }

    fn bytes(&self) -> usize {
        serde_json::to_vec(&self.entries).map_or(usize::MAX, |json| json.len())
    }

    /// When it is forgotten.
    #[must_use]
    pub fn forget_at(&self) -> Timestamp {
        let newest = self.entries.iter().map(|entry| entry.answered_at).max();
        newest.unwrap_or(Timestamp::from_unix_seconds(0)).plus_seconds(KEPT_DAYS * 86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: usize, outcome: Outcome, device: u8) -> Answered {
        Answered {
            number: 0,
            request: RequestKey::of(&request.to_string()),
            client: ClientId::new("shop"),
            message: None,
            asked_at: Timestamp::from_unix_seconds(1),
            answered_at: Timestamp::from_unix_seconds(2),
            outcome,
            reason: None,
            device: DeviceId::from_bytes([device; 16]),
        }
    }

    fn history() -> History {
        History::of(&Subject::new("1001"))
    }

    #[test]
    fn the_newest_fifty_are_kept_and_keep_their_numbers() {
        let mut history = history();
        (0..60).for_each(|request| history.note(answered(request, Outcome::Approved, 1)));
        let numbers: Vec<_> = history.entries.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (10..60).collect::<Vec<u64>>());
    }

    #[test]
    fn the_longest_texts_fit_into_a_record() {
        let mut history = history();
        for request in 0..60 {
            let (client, message) = (ClientId::new("c".repeat(255)), Some("\u{1f600}".repeat(100)));
            history.note(Answered { client, message, ..answered(request, Outcome::Denied, 1) });
        }
        let bytes = serde_json::to_vec(&history).expect("plain data").len();
        assert!((10..50).contains(&history.entries.len()) && bytes < 13 * 1024, "{bytes}");
        assert_eq!(history.entries.last().map(|entry| entry.number), Some(59));
    }

    #[test]
    fn a_later_word_on_a_request_takes_the_place_of_the_earlier_and_a_dispute_names_who_approved() {
        let mut history = history();
        history.note(answered(1, Outcome::Approved, 1));
        history.note(answered(2, Outcome::Approved, 1));
        history.note(answered(1, Outcome::Disputed, 2));
        history.note(answered(2, Outcome::Denied, 2));
        let told: Vec<_> = history.entries.iter().map(|entry| (entry.number, entry.outcome, entry.device)).collect();
        let device = |byte| DeviceId::from_bytes([byte; 16]);
        assert_eq!(told, [(0, Outcome::Disputed, device(1)), (1, Outcome::Denied, device(2))]);
    }
}
