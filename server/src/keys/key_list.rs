//! The list by which the device root vouches for device signing keys (`adp-keys+jwt`), and the lists by which one root
//! hands over to the next.

use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::{SigningKey, VerifyingKey};
use protocol::jws::{General, KeyHint, UnsignedGeneral};
use protocol::messages::{self, KeyList};
use protocol::receipt::PublishedKey;
use protocol::{Digest, Jwk, Jws, VERSION};

use super::KeysError;
use crate::domain::time::Timestamp;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The longest life that phones accept, in days.
pub const MOST_DAYS: u32 = 400;

const LIFE: i64 = MOST_DAYS as i64 * DAY;

/// A key with less than this left, in seconds, is joined by a new one; where the root is kept elsewhere, its operator is
/// reminded.
pub const OVERLAP: i64 = 30 * DAY;

/// How a list differs from the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next<'a> {
    pub(super) issuer: &'a str,
    /// Keys behind the others: the last one is to sign.
    pub(super) added: &'a [Jwk],
    /// For how many days they are believed.
    pub(super) days: u32,
    /// Keys that are never believed again.
    pub(super) revoked: &'a [Digest],
    /// Its number, where one more than that of the list before is too low.
    pub(super) sequence: u64,
}

impl<'a> Next<'a> {
    pub(super) const fn of(issuer: &'a str) -> Self {
        Self { issuer, added: &[], days: MOST_DAYS, revoked: &[], sequence: 0 }
    }

    pub(super) const fn adding(self, added: &'a [Jwk]) -> Self {
        Self { added, ..self }
    }
}

/// The list of a new realm.
pub(super) fn first(issuer: &str, root: &SigningKey, key: &SigningKey, now: Timestamp) -> Result<Jws, KeysError> {
    let nothing =
        KeyList { iss: issuer.to_owned(), sequence: 0, keys: Vec::new(), revoked: Vec::new(), iat: 0, v: VERSION };
    sign(&next(nothing, Next::of(issuer).adding(&[*key.public()]), now), root)
}

/// What replaces `list`: without keys whose time is over or that leaked, with the new ones behind the others.
pub(super) fn next(list: KeyList, next: Next<'_>, now: Timestamp) -> KeyList {
    let now = now.unix_seconds();
    let KeyList { sequence, mut keys, mut revoked, .. } = list;
    for leaked in next.revoked {
        if !revoked.contains(leaked) {
            revoked.push(*leaked);
        }
    }
    keys.retain(|key| key.not_after > now);
    keys.extend(next.added.iter().map(|key| valid_from(key, next.days, now)));
    keys.retain(|key| !revoked.contains(&key.jwk.thumbprint()));
    let sequence = (sequence + 1).max(next.sequence);
    KeyList { iss: next.issuer.to_owned(), sequence, keys, revoked, iat: now, v: VERSION }
}

/// A phone whose clock is behind must not find a key that is used already to be not yet valid.
fn valid_from(key: &Jwk, days: u32, now: i64) -> messages::SigningKey {
    let not_before = now - HOUR;
    messages::SigningKey { jwk: *key, not_before, not_after: not_before + i64::from(days) * DAY }
}

/// By a root.
pub(super) fn sign(list: &KeyList, root: &SigningKey) -> Result<Jws, KeysError> {
    Jws::sign(root.public().thumbprint(), list, root).map_err(|_| KeysError::Damaged("the device root cannot sign"))
}

/// Verifies and reads a list.
pub(super) fn open(list: &Jws, root: &Jwk) -> Result<KeyList, KeysError> {
    let root = VerifyingKey::new(root)?;
    list.open(&root).map_err(|_| KeysError::Damaged("the device root did not sign its key list"))
}

/// A list by the root that takes over, to which the one before has yet to sign first.
pub(super) fn half_succession(list: &KeyList, new: &SigningKey) -> Result<General, KeysError> {
    let unsigned = UnsignedGeneral::new(vec![KeyHint::Jwk(*new.public())], list);
    let signatures: Result<Vec<_>, _> = unsigned.signing_inputs().map(|input| new.sign(input)).collect();
    Ok(unsigned.attach(&signatures?))
}

/// The whole of it: what lets phones that pinned the old root pin the new one.
pub(super) fn whole_succession(half: General, old: &SigningKey) -> Result<General, KeysError> {
    half.signed_first_by::<KeyList>(&KeyHint::Jwk(*old.public()), old)
        .map_err(|_| KeysError::Damaged("the device root cannot sign"))
}

/// Verifies a succession, and reads its list.
pub(super) fn open_succession(succession: &General, old: &Jwk, new: &Jwk) -> Result<KeyList, KeysError> {
    let named = (succession.hint::<KeyList>(0), succession.hint::<KeyList>(1));
    let keys = (VerifyingKey::new(old)?, VerifyingKey::new(new)?);
    let list = succession.verify(&[&keys.0, &keys.1]);
    match list {
        Ok(list) if named == (Some(KeyHint::Jwk(*old)), Some(KeyHint::Jwk(*new))) => Ok(list),
        _ => Err(KeysError::BadList("is not signed by the root before and the new one")),
    }
}

/// Whether these lead from one root to another.
pub(super) fn lead(successions: &[General], from: &Jwk, to: &Jwk) -> bool {
    let mut root = *from;
    for succession in successions {
        let Some(KeyHint::Jwk(new)) = succession.hint::<KeyList>(1) else { return false };
        if open_succession(succession, &root, &new).is_err() {
            return false;
        }
        root = new;
    }
    root == *to
}

/// Whether phones that hold `before` would take a list, and be right to.
pub(super) fn check(list: &KeyList, before: &KeyList) -> Result<(), KeysError> {
    if list.iss != before.iss || list.v != VERSION {
        return Err(KeysError::BadList("is another issuer's"));
    }
    if list.sequence <= before.sequence {
        return Err(KeysError::BadList("is not newer than the one in use"));
    }
    if list.keys.iter().any(|key| key.not_after.saturating_sub(key.not_before) > LIFE) {
        return Err(KeysError::BadList("lets a key live for more than 400 days"));
    }
    if believed(list).any(|key| before.revoked.contains(&key.jwk.thumbprint())) {
        return Err(KeysError::BadList("names a key that was revoked"));
    }
    Ok(())
}

/// The keys of a list that phones believe in their time, in its order.
pub(super) fn believed(list: &KeyList) -> impl Iterator<Item = &messages::SigningKey> {
    list.keys.iter().filter(|key| !list.revoked.contains(&key.jwk.thumbprint()))
}

/// Whether the newest key needs a successor.
pub(super) fn ends_soon(list: &KeyList, now: Timestamp) -> bool {
    believed(list).last().is_none_or(|key| key.not_after - now.unix_seconds() < OVERLAP)
}

/// What a receipt holds can be verified for so long after its key has signed its last.
const EVIDENCE: i64 = 10 * 366 * DAY;

/// The keys of a list that the next one leaves out, because their time is over or because they leaked: then their time
/// ends now.
pub(super) fn ended(list: &KeyList, next: &KeyList, now: Timestamp) -> Vec<PublishedKey> {
    let stays = |key: &messages::SigningKey| believed(next).any(|other| other.jwk == key.jwk);
    let gone = believed(list).filter(|key| !stays(key));
    gone.map(|key| PublishedKey { not_after: key.not_after.min(now.unix_seconds()), ..published(key) }).collect()
}

/// Whether nobody needs a past key any more.
pub(super) fn is_forgotten(key: &PublishedKey, now: Timestamp) -> bool {
    key.not_after + EVIDENCE <= now.unix_seconds()
}

/// A key as whoever keeps a receipt finds it.
pub(super) fn published(key: &messages::SigningKey) -> PublishedKey {
    PublishedKey { jwk: key.jwk, not_before: key.not_before, not_after: key.not_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn key() -> SigningKey {
        SigningKey::generate().expect("a key").0
    }

    fn opened(root: &SigningKey, key: &SigningKey) -> KeyList {
        open(&first("https://op.example", root, key, START).expect("a list"), root.public()).expect("it opens")
    }

    #[test]
    fn a_key_whose_time_is_over_is_kept_as_evidence_for_ten_years() {
        let (root, first, second) = (key(), key(), key());
        let list = opened(&root, &first);
        let end = list.keys[0].not_after;
        let added = [*second.public()];
        let at = |at: i64| {
            let at = Timestamp::from_unix_seconds(at);
            ended(&list, &next(list.clone(), Next::of("https://op.example").adding(&added), at), at)
        };
        assert!(at(end - 1).is_empty());
        let past = at(end);
        assert_eq!(past.iter().map(|key| (key.jwk, key.not_after)).collect::<Vec<_>>(), [(*first.public(), end)]);
        assert!(!is_forgotten(&past[0], Timestamp::from_unix_seconds(end + 3_652 * DAY)));
        assert!(is_forgotten(&past[0], Timestamp::from_unix_seconds(end + 3_660 * DAY)));
    }

    #[test]
    fn a_key_that_leaked_is_evidence_until_then_and_no_longer() {
        let (root, leaked, other) = (key(), key(), key());
        let list = opened(&root, &leaked);
        let now = START.plus_seconds(1_000);
        let (added, revoked) = ([*other.public()], [leaked.public().thumbprint()]);
        let terms = Next { revoked: &revoked, ..Next::of("https://op.example").adding(&added) };
        let after = next(list.clone(), terms, now);
        assert_eq!((after.keys.len(), &after.revoked[..]), (1, &revoked[..]));
        let past = ended(&list, &after, now);
        assert_eq!((past.len(), past[0].jwk, past[0].not_after), (1, *leaked.public(), now.unix_seconds()));
        assert!(ended(&after, &next(after.clone(), Next::of("https://op.example"), now), now).is_empty());
    }

    #[test]
    fn a_list_that_phones_would_refuse_is_none() {
        let (root, one) = (key(), key());
        let before = opened(&root, &one);
        let good = next(before.clone(), Next::of("https://op.example"), START);
        check(&good, &before).expect("good");
        let refused = |bend: fn(&mut KeyList)| {
            let mut list = good.clone();
            bend(&mut list);
            check(&list, &before).expect_err("refused").to_string()
        };
        assert!(refused(|list| list.sequence = 1).contains("not newer"));
        assert!(refused(|list| list.iss.push('x')).contains("another issuer"));
        assert!(refused(|list| list.v = 2).contains("another issuer"));
        assert!(refused(|list| list.keys[0].not_after += 1).contains("400 days"));
        let revoked = KeyList { revoked: vec![one.public().thumbprint()], ..before.clone() };
        let again = KeyList { revoked: Vec::new(), ..good };
        assert!(check(&again, &revoked).expect_err("refused").to_string().contains("was revoked"));
    }
}
