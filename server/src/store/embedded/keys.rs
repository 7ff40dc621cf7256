//! How keys are spelled: `{realm} 00 {letter} 00 {id}`. Upper-case letters hold records, lower-case ones indexes. The empty
//! realm, which no [`RealmId`] can name, is the store's own.

use protocol::{DeviceId, Digest};

use crate::domain::names::{RealmId, Subject};
use crate::domain::time::Timestamp;
use crate::store::MarkKey;

/// What is kept under a key, and the letter that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Attention = b'L',
    Audit = b'A',
    Client = b'C',
    Device = b'D',
    Enrolment = b'E',
    Family = b'F',
    Grant = b'G',
    History = b'H',
    Logo = b'O',
    Mark = b'K',
    Message = b'M',
    Prompt = b'P',
    Request = b'Q',
    RegistrationToken = b'N',
    Realm = b'R',
    Ticket = b'T',
    User = b'U',
}

impl Kind {
    const ALL: [Self; 17] = [
        Self::Attention,
        Self::Audit,
        Self::Client,
        Self::Device,
        Self::Enrolment,
        Self::Family,
        Self::Grant,
        Self::History,
        Self::Logo,
        Self::Mark,
        Self::Message,
        Self::Prompt,
        Self::Request,
        Self::RegistrationToken,
        Self::Realm,
        Self::Ticket,
        Self::User,
    ];

    pub(super) const fn letter(self) -> u8 {
        self as u8
    }

    pub(super) fn of_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.letter() == letter)
    }

    /// For messages to the operator; says nothing of whose record it is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Attention => "record of prompts",
            Self::Audit => "audit event",
            Self::Client => "client",
            Self::Device => "device",
            Self::Enrolment => "enrolment",
            Self::Family => "family of refresh tokens",
            Self::Grant => "grant",
            Self::History => "record of answers",
            Self::Logo => "logo",
            Self::Mark => "mark",
            Self::Message => "message",
            Self::Prompt => "prompt",
            Self::Request => "request",
            Self::RegistrationToken => "registration token",
            Self::Realm => "realm",
            Self::Ticket => "ticket",
            Self::User => "user",
        }
    }
}

/// Identifier of a user → subject.
const IDENTIFIER: u8 = b'i';
/// Subject, device → nothing.
const DEVICE_OF: u8 = b'd';
/// Device (its first bytes), prompt → order of creation.
const PROMPT_OF: u8 = b'p';
/// Second, order of creation → what may be forgotten then.
const EXPIRY: u8 = b'x';
/// Realm → nothing: it has, or had, messages.
const OUTBOX: u8 = b'o';
/// Order of creation → realm.
const REALM: u8 = b'r';
/// The store's header.
const HEADER: u8 = b'h';

fn key(realm: &str, letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(realm.len() + 3 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.extend_from_slice(realm.as_bytes());
    key.extend_from_slice(&[0, letter, 0]);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// A record's key.
pub(super) fn record(realm: &RealmId, kind: Kind, id: &[u8]) -> Vec<u8> {
    key(realm.as_str(), kind.letter(), &[id])
}

/// As much of a SHA-256 value as stands in a key. sled keeps keys of up to 22 bytes inside its pages and every longer one
/// in an allocation of its own; whoever finds a record compares the whole.
const HASH_BYTES: usize = 16;

/// The part of a hash that stands in a key.
pub(super) fn hashed(digest: &Digest) -> &[u8] {
    &digest.as_bytes()[..HASH_BYTES]
}

/// Of a mark.
pub(super) fn mark(realm: &RealmId, mark: &MarkKey) -> Vec<u8> {
    record(realm, Kind::Mark, mark.name().as_bytes())
}

/// Of the audit events of one second that one commit group wrote.
pub(super) fn audit(realm: &RealmId, second: i64, order: u64) -> Vec<u8> {
    key(realm.as_str(), Kind::Audit.letter(), &[&sortable(second), &order.to_be_bytes()])
}

/// The second of such a key.
pub(super) fn second_of(audit: &[u8]) -> Option<i64> {
    let bytes = split(audit)?.1.get(..8)?.try_into().ok()?;
    Some(i64::from_be_bytes(bytes) ^ i64::MIN)
}

/// Before every record of a kind.
pub(super) fn all(realm: &RealmId, kind: Kind) -> Vec<u8> {
    key(realm.as_str(), kind.letter(), &[])
}

pub(super) fn identifier(realm: &RealmId, identifier: &str) -> Vec<u8> {
    key(realm.as_str(), IDENTIFIER, &[identifier.as_bytes()])
}

/// Before the devices of a user; the rest of such a key is the device's id.
pub(super) fn devices_of(realm: &RealmId, subject: &Subject) -> Vec<u8> {
    key(realm.as_str(), DEVICE_OF, &[subject.as_str().as_bytes(), &[0]])
}

/// Before the prompts of a phone; the rest of such a key is the prompt's id.
///
/// Six bytes of the phone's id leave room for the prompt's within sled's 22. Two phones that share them see each other's
/// entries, so the reader compares.
pub(super) fn unanswered(realm: &RealmId, device: &DeviceId) -> Vec<u8> {
    key(realm.as_str(), PROMPT_OF, &[&device.as_bytes()[..6]])
}

/// Where the order of realms is kept; the rest of such a key is the order.
pub(super) fn realms() -> Vec<u8> {
    key("", REALM, &[])
}

/// The store's header.
pub(super) fn header() -> Vec<u8> {
    key("", HEADER, &[])
}

/// A key put together from a prefix above and its rest.
pub(super) fn under(prefix: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix, rest].concat()
}

/// Of a list of what may be forgotten in a second.
pub(super) fn expiry(realm: &RealmId, second: i64, order: u64) -> Vec<u8> {
    key(realm.as_str(), EXPIRY, &[&sortable(second), &order.to_be_bytes()])
}

/// From the first such list to the last whose second is over at `now`.
pub(super) fn expired(realm: &RealmId, now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
    key(realm.as_str(), EXPIRY, &[])..=expiry(realm, now.unix_seconds(), u64::MAX)
}

/// Before the realms that have messages; the rest of such a key is the realm.
pub(super) fn outboxes() -> Vec<u8> {
    key("", OUTBOX, &[])
}

/// Realm and id of a key.
pub(super) fn split(key: &[u8]) -> Option<(&str, &[u8])> {
    let end = key.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&key[..end]).ok()?, key.get(end + 3..)?))
}

/// What is kept under a key; `None` for indexes.
pub(super) fn kind(key: &[u8]) -> Option<Kind> {
    let end = key.iter().position(|byte| *byte == 0)?;
    Kind::of_letter(*key.get(end + 1)?)
}

/// Big-endian with the sign turned, so that bytes sort as times do.
const fn sortable(second: i64) -> [u8; 8] {
    (second ^ i64::MIN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_sort_as_times_do() {
        assert!([i64::MIN, -1, 0, 1, 1_700_000_000, i64::MAX].is_sorted_by_key(|second| sortable(*second)));
    }

    #[test]
    fn every_kind_is_found_by_its_letter() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_letter(kind.letter()), Some(kind));
        }
    }

    #[test]
    fn a_list_of_expired_things_is_read_when_its_second_is_over_and_not_before() {
        let realm = RealmId::new("main");
        let list = expiry(&realm, 5, 1);
        assert!(expired(&realm, Timestamp::from_unix_seconds(5)).contains(&list));
        assert!(!expired(&realm, Timestamp::from_unix_millis(4_999)).contains(&list));
    }

    #[test]
    fn the_second_of_an_audit_key_is_found_again() {
        for second in [-1, 0, 1_800_000_000] {
            assert_eq!(second_of(&audit(&RealmId::new("main"), second, 9)), Some(second));
        }
    }
}
