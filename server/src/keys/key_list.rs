//! The list by which the device root vouches for device signing keys (`adp-keys+jwt`).

use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::{SigningKey, VerifyingKey};
use protocol::messages::{self, KeyList};
use protocol::receipt::PublishedKey;
use protocol::{Jws, VERSION};

use super::KeysError;
use crate::domain::time::Timestamp;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The longest life that phones accept.
const LIFE: i64 = 400 * DAY;

/// A key with less than this left is joined by a new one.
const OVERLAP: i64 = 30 * DAY;

/// The list of a new realm.
pub(super) fn first(issuer: &str, root: &SigningKey, key: &SigningKey, now: Timestamp) -> Result<Jws, KeysError> {
    let nothing =
        KeyList { iss: issuer.to_owned(), sequence: 0, keys: Vec::new(), revoked: Vec::new(), iat: 0, v: VERSION };
    next(nothing, issuer, root, Some(key), now)
}

/// The list that replaces `list`: without keys whose time is over, with `added` behind the others.
pub(super) fn next(
    list: KeyList,
    issuer: &str,
    root: &SigningKey,
    added: Option<&SigningKey>,
    now: Timestamp,
) -> Result<Jws, KeysError> {
    let now = now.unix_seconds();
    let mut keys = list.keys;
    keys.retain(|key| key.not_after > now);
    keys.extend(added.map(|key| valid_from(key, now)));
    let list = KeyList { iss: issuer.to_owned(), sequence: list.sequence + 1, keys, iat: now, ..list };
    Jws::sign(root.public().thumbprint(), &list, root).map_err(|_| KeysError::Damaged("the device root cannot sign"))
}

/// What a receipt holds can be verified for so long after its key has signed its last.
const EVIDENCE: i64 = 10 * 366 * DAY;

/// The keys that the next list leaves out because their time is over.
pub(super) fn ended(list: &KeyList, now: Timestamp) -> Vec<PublishedKey> {
    let now = now.unix_seconds();
    list.keys.iter().filter(|key| key.not_after <= now).map(published).collect()
}

/// Whether nobody needs a past key any more.
pub(super) fn is_forgotten(key: &PublishedKey, now: Timestamp) -> bool {
    key.not_after + EVIDENCE <= now.unix_seconds()
}

/// A key as whoever keeps a receipt finds it.
pub(super) fn published(key: &messages::SigningKey) -> PublishedKey {
    PublishedKey { jwk: key.jwk, not_before: key.not_before, not_after: key.not_after }
}

/// A phone whose clock is behind must not find a key that is used already to be not yet valid.
fn valid_from(key: &SigningKey, now: i64) -> messages::SigningKey {
    let not_before = now - HOUR;
    messages::SigningKey { jwk: *key.public(), not_before, not_after: not_before + LIFE }
}

/// Verifies and reads a list.
pub(super) fn open(list: &Jws, root: &SigningKey) -> Result<KeyList, KeysError> {
    let root = VerifyingKey::new(root.public())?;
    list.open(&root).map_err(|_| KeysError::Damaged("the device root did not sign its key list"))
}

/// Whether the newest key needs a successor.
pub(super) fn ends_soon(list: &KeyList, now: Timestamp) -> bool {
    list.keys.last().is_none_or(|key| key.not_after - now.unix_seconds() < OVERLAP)
}

/// Whether the list vouches for a key.
pub(super) fn names(list: &KeyList, key: &SigningKey) -> bool {
    list.keys.iter().any(|listed| listed.jwk == *key.public())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_whose_time_is_over_is_kept_as_evidence_for_ten_years() {
        let (root, _) = SigningKey::generate().expect("a key");
        let (key, _) = SigningKey::generate().expect("a key");
        let start = Timestamp::from_unix_seconds(1_800_000_000);
        let list = open(&first("https://op.example", &root, &key, start).expect("a list"), &root).expect("it opens");
        let end = list.keys[0].not_after;
        assert!(ended(&list, Timestamp::from_unix_seconds(end - 1)).is_empty());
        let past = ended(&list, Timestamp::from_unix_seconds(end));
        assert_eq!(past.iter().map(|key| (key.jwk, key.not_after)).collect::<Vec<_>>(), [(*key.public(), end)]);
        assert!(!is_forgotten(&past[0], Timestamp::from_unix_seconds(end + 3_652 * DAY)));
        assert!(is_forgotten(&past[0], Timestamp::from_unix_seconds(end + 3_660 * DAY)));
    }
}
