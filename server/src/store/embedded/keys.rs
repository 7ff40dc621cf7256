//! How keys are spelled: `{realm} 00 {letter} 00 {id}`. Upper-case letters hold records, lower-case ones indexes. The empty
//! realm, which no [`RealmId`] can name, is the store's own.

use protocol::DeviceId;

use crate::domain::names::{RealmId, Subject};
use crate::domain::time::Timestamp;
use crate::store::MarkKey;

/// What is kept under a key, and the letter that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Audit = b'A',
    Client = b'C',
    Device = b'D',
    Enrolment = b'E',
    Grant = b'G',
    Mark = b'K',
    Message = b'M',
    Prompt = b'P',
    Request = b'Q',
    Realm = b'R',
    Ticket = b'T',
    User = b'U',
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Audit,
        Self::Client,
        Self::Device,
        Self::Enrolment,
        Self::Grant,
        Self::Mark,
        Self::Message,
        Self::Prompt,
        Self::Request,
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
            Self::Audit => "audit event",
            Self::Client => "client",
            Self::Device => "device",
            Self::Enrolment => "enrolment",
            Self::Grant => "grant",
            Self::Mark => "mark",
            Self::Message => "message",
            Self::Prompt => "prompt",
            Self::Request => "request",
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
/// Device, prompt → order of creation.
const PROMPT_OF: u8 = b'p';
/// Due time, message → `give_up_at`.
const DUE: u8 = b'm';
/// Time, kind, id → nothing.
const EXPIRY: u8 = b'x';
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

/// Of a mark.
pub(super) fn mark(realm: &RealmId, mark: &MarkKey) -> Vec<u8> {
    let letter = Kind::Mark.letter();
    match mark {
        MarkKey::Proof(device, nonce) => key(realm.as_str(), letter, &[b"p", device.as_bytes(), nonce.as_bytes()]),
        MarkKey::Counter(device, counter) => key(
            realm.as_str(),
            letter,
            &[b"c", device.as_bytes(), &counter.to_be_bytes()],
        ),
    }
}

/// Of an audit event: by time, then by order of commit.
pub(super) fn audit(realm: &RealmId, at: Timestamp, order: u64) -> Vec<u8> {
    key(
        realm.as_str(),
        Kind::Audit.letter(),
        &[&sortable(at), &order.to_be_bytes()],
    )
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
pub(super) fn unanswered(realm: &RealmId, device: &DeviceId) -> Vec<u8> {
    key(realm.as_str(), PROMPT_OF, &[device.as_bytes()])
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

/// The entry of a record in the index by time: messages by when they are due, all others by when they are forgotten.
pub(super) fn timed(record: &[u8], kind: Kind, time: Timestamp) -> Vec<u8> {
    let (realm, id) = split(record).expect("record keys are made above");
    match kind {
        Kind::Message => key(realm, DUE, &[&sortable(time), id]),
        _ => key(realm, EXPIRY, &[&sortable(time), &[kind.letter()], id]),
    }
}

/// From the first message to the last that is due at `now`.
pub(super) fn due(realm: &RealmId, now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
    until(realm, DUE, now)
}

/// From the first record to the last that is to be forgotten at `now`.
pub(super) fn expired(realm: &RealmId, now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
    until(realm, EXPIRY, now)
}

fn until(realm: &RealmId, letter: u8, now: Timestamp) -> std::ops::RangeInclusive<Vec<u8>> {
    // No id is longer than the bytes appended here.
    let last = [&sortable(now)[..], &[0xFF; MOST_ID]].concat();
    key(realm.as_str(), letter, &[])..=key(realm.as_str(), letter, &[&last])
}

/// A longer id is refused; it keeps index pages far from the size at which sled moves them into files of their own.
pub(super) const MOST_ID: usize = 300;

/// The id of the message behind an entry of the index by due time.
pub(super) fn message_of(due: &[u8]) -> Option<&[u8]> {
    split(due)?.1.get(8..)
}

/// The kind and key of the record behind an entry of the index by expiry.
pub(super) fn record_of(expiry: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let (realm, rest) = split(expiry)?;
    let (letter, id) = rest.get(8..)?.split_first()?;
    let kind = Kind::of_letter(*letter)?;
    Some((kind, key(realm, kind.letter(), &[id])))
}

/// Realm and id of a key.
pub(super) fn split(key: &[u8]) -> Option<(&str, &[u8])> {
    let end = key.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&key[..end]).ok()?, key.get(end + 3..)?))
}

/// Big-endian with the sign turned, so that bytes sort as times do.
fn sortable(time: Timestamp) -> [u8; 8] {
    (time.unix_millis() ^ i64::MIN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_sort_as_times_do() {
        let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000, i64::MAX].map(Timestamp::from_unix_millis);
        assert!(times.is_sorted_by_key(|time| sortable(*time)));
    }

    #[test]
    fn every_kind_is_found_by_its_letter() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_letter(kind.letter()), Some(kind));
        }
    }

    #[test]
    fn a_record_is_found_from_its_expiry_entry_even_when_its_id_holds_zeros() {
        let realm = RealmId::new("main");
        let key = record(&realm, Kind::Grant, &[0, 1, 0, 0xFF]);
        let entry = timed(&key, Kind::Grant, Timestamp::from_unix_seconds(5));
        assert_eq!(record_of(&entry), Some((Kind::Grant, key)));
        assert!(expired(&realm, Timestamp::from_unix_seconds(5)).contains(&entry));
        assert!(!expired(&realm, Timestamp::from_unix_millis(4_999)).contains(&entry));
    }
}
