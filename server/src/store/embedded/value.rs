//! How a record is spelled: a header of 29 bytes and a JSON text.
//!
//! ```text
//! kind u8 · crc32 u32 · version u64 · commit group u64 · time i64 · JSON        (numbers big-endian)
//! ```
//!
//! The checksum covers the key and everything but itself, so that neither a flipped bit nor a value under a wrong key is
//! ever taken for an answer. Index entries have no header: whoever follows one checks the record it leads to.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::Kind;
use crate::domain::time::Timestamp;
use crate::store::{HEADER_BYTES, MAX_RECORD_BYTES, StoreError};

const CRC: std::ops::Range<usize> = 1..5;
const VERSION: std::ops::Range<usize> = 5..13;
const GROUP: std::ops::Range<usize> = 13..21;
const TIME: std::ops::Range<usize> = 21..29;
const HEADER: usize = HEADER_BYTES;

/// Says that a record is never forgotten by itself.
const NEVER: i64 = i64::MIN;

/// What a value says of itself. Its time is when it may be forgotten; a message's, when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u64,
    pub(super) group: u64,
    pub(super) time: Option<Timestamp>,
}

/// Spells a record, all but what only the committer knows: commit group and checksum. Returns `Err` with the size if it
/// is too long.
pub(super) fn draft(
    kind: Kind,
    version: u64,
    time: Option<Timestamp>,
    record: &impl Serialize,
) -> Result<Vec<u8>, usize> {
    let mut value = header(kind, version, time);
    serde_json::to_writer(&mut value, record).expect("records are plain data and a vector takes every write");
    if value.len() > MAX_RECORD_BYTES { Err(value.len()) } else { Ok(value) }
}

/// The beginning of a value, in a vector with room for its JSON.
pub(super) fn header(kind: Kind, version: u64, time: Option<Timestamp>) -> Vec<u8> {
    let mut value = Vec::with_capacity(1024);
    value.push(kind.letter());
    value.extend_from_slice(&[0; 4]);
    value.extend_from_slice(&version.to_be_bytes());
    value.extend_from_slice(&[0; 8]);
    value.extend_from_slice(&time.map_or(NEVER, Timestamp::unix_millis).to_be_bytes());
    value
}

/// Puts in the commit group and the checksum.
pub(super) fn seal(value: &mut [u8], key: &[u8], group: u64) {
    value[GROUP].copy_from_slice(&group.to_be_bytes());
    let crc = checksum(key, value);
    value[CRC].copy_from_slice(&crc.to_be_bytes());
}

/// Judges the checksum and parts header and JSON.
pub(super) fn open<'v>(kind: Kind, key: &[u8], value: &'v [u8]) -> Result<(Header, &'v [u8]), StoreError> {
    let damaged = || StoreError::Damaged(format!("the checksum of a {} does not hold", kind.name()));
    if value.len() < HEADER || value[0] != kind.letter() || value[CRC] != checksum(key, value).to_be_bytes() {
        return Err(damaged());
    }
    let number = |range: std::ops::Range<usize>| {
        u64::from_be_bytes(value[range].try_into().expect("every range of the header is eight bytes long"))
    };
    let time = number(TIME).cast_signed();
    let header = Header {
        version: number(VERSION),
        group: number(GROUP),
        time: (time != NEVER).then(|| Timestamp::from_unix_millis(time)),
    };
    Ok((header, &value[HEADER..]))
}

/// Reads the JSON.
pub(super) fn parse<T: DeserializeOwned>(kind: Kind, json: &[u8]) -> Result<T, StoreError> {
    // The parser's message could quote the record.
    serde_json::from_slice(json).map_err(|_| StoreError::Damaged(format!("a {} cannot be read", kind.name())))
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&value[..CRC.start]);
    hasher.update(&value[CRC.end..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut value = draft(Kind::Grant, 7, Some(Timestamp::from_unix_seconds(3)), &"text").expect("is short");
        seal(&mut value, b"key", 9);
        value
    }

    #[test]
    fn what_was_sealed_opens() {
        let value = sealed();
        let (header, json) = open(Kind::Grant, b"key", &value).expect("is whole");
        assert_eq!(header, Header { version: 7, group: 9, time: Some(Timestamp::from_unix_seconds(3)) });
        assert_eq!(parse::<String>(Kind::Grant, json), Ok("text".to_owned()));
    }

    #[test]
    fn one_flipped_bit_anywhere_is_found() {
        let whole = sealed();
        for bit in 0..whole.len() * 8 {
            let mut value = whole.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(open(Kind::Grant, b"key", &value), Err(StoreError::Damaged(_))), "bit {bit}");
        }
    }

    #[test]
    fn a_value_under_another_key_or_cut_short_is_damaged() {
        let value = sealed();
        assert!(open(Kind::Grant, b"yek", &value).is_err());
        for length in 0..value.len() {
            assert!(open(Kind::Grant, b"key", &value[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn damage_names_the_kind_and_nothing_of_the_record() {
        let error = parse::<u32>(Kind::User, br#""hunter2""#).expect_err("is no number");
        assert_eq!(error, StoreError::Damaged("a user cannot be read".to_owned()));
    }
}
