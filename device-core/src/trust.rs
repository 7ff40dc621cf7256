//! What the phone believes the server by: the root key pinned at enrolment, and the newest list of signing keys that the
//! root signed (`DEVICE_PROTOCOL` "Keys of the server"). Nothing the server says is looked at before it passes here.

use protocol::crypto::CryptoError;
use protocol::crypto::p256::VerifyingKey;
use protocol::jws::{General, JwsError, KeyHint, Unverified};
use protocol::messages::{self, KeyList, Message};
use protocol::{Digest, Jwk, Jws, VERSION};
use serde::{Deserialize, Serialize};

/// Signing keys live at most this long, whatever the list says.
const MAX_KEY_LIFE_SECONDS: i64 = 400 * 24 * 60 * 60;

/// More successions than this are not looked at: nobody replaces roots so often.
pub const MOST_SUCCESSIONS: usize = 32;

/// Why something the server is said to have said is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The root key is not the one that the ticket named.
    #[error("the root key is not the pinned one")]
    Root,
    /// The key list is older than the one held, or another one of the same number.
    #[error("an old key list")]
    OldKeyList,
    /// Signed by a key that is not on the list. The list may be out of date: fetch it and look again.
    #[error("signed by an unknown key")]
    UnknownKey,
    /// Signed by a key that the list revokes, or at a time for which the list does not vouch.
    #[error("signed by a key that is not valid now")]
    KeyNotValid,
    /// Form, type or signature are wrong.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// From another issuer.
    #[error("from another issuer")]
    Issuer,
    /// For another phone or another enrolment.
    #[error("for another phone")]
    Audience,
    /// Of another version of the protocol.
    #[error("of another protocol version")]
    Version,
    /// The offer answers another ticket.
    #[error("the offer is for another ticket")]
    Ticket,
    /// The nonce is not the one that the offer committed to.
    #[error("the nonce is not the one committed to")]
    Commitment,
    /// The server received another `finish` than the one that was sent.
    #[error("the server holds another finish message")]
    Finish,
    /// The result is about another decision.
    #[error("the result is for another decision")]
    Result,
    /// Its time is over.
    #[error("expired")]
    Expired,
}

impl From<CryptoError> for Distrust {
    fn from(error: CryptoError) -> Self {
        Self::Jws(error.into())
    }
}

/// One issuer's root and signing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    issuer: String,
    root: Jwk,
    list: KeyList,
}

impl Trust {
    /// Starts from the root's thumbprint as the ticket gave it.
    pub fn pin(issuer: &str, pinned: &Digest, root: Jwk, list: &Jws) -> Result<Self, Distrust> {
        if root.thumbprint() != *pinned {
            return Err(Distrust::Root);
        }
        let list = open_list(issuer, &root, list)?;
        Ok(Self { issuer: issuer.to_owned(), root, list })
    }

    /// The issuer whose words these keys prove.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Takes in a newer list; the one already held is fine too. Says whether anything changed.
    pub fn update(&mut self, list: &Jws) -> Result<bool, Distrust> {
        let newer = open_list(&self.issuer, &self.root, list)?;
        if newer == self.list {
            return Ok(false);
        }
        if newer.sequence <= self.list.sequence {
            return Err(Distrust::OldKeyList);
        }
        self.list = newer;
        Ok(true)
    }

    /// Takes in what the server says of its root and keys. Another root than the one pinned is believed only where that one
    /// vouches for it, by a list that both signed; then it is the one pinned. Says whether anything changed.
    pub fn follow(&mut self, root: &Jwk, successions: &[General], list: &Jws) -> Result<bool, Distrust> {
        if *root == self.root {
            return self.update(list);
        }
        let mut next = self.clone();
        for succession in successions.iter().take(MOST_SUCCESSIONS) {
            next.succeed(succession)?;
        }
        if *root != next.root {
            return Err(Distrust::Root);
        }
        next.update(list)?;
        *self = next;
        Ok(true)
    }

    /// One step from root to root; one that leads from another root than this is read over.
    fn succeed(&mut self, succession: &General) -> Result<(), Distrust> {
        let hints = (succession.hint::<KeyList>(0), succession.hint::<KeyList>(1));
        let (Some(KeyHint::Jwk(old)), Some(KeyHint::Jwk(new))) = hints else {
            return Err(Distrust::Root);
        };
        if old != self.root {
            return Ok(());
        }
        let list: KeyList = succession.verify(&[&VerifyingKey::new(&old)?, &VerifyingKey::new(&new)?])?;
        let list = fitting(&self.issuer, list)?;
        // As from a root itself: whoever has an old root's key must not take phones back with lists that are over.
        if list.sequence <= self.list.sequence {
            return Err(Distrust::OldKeyList);
        }
        (self.root, self.list) = (new, list);
        Ok(())
    }

    /// Verifies what a device signing key signed, then reads it.
    pub fn open<M: Message>(&self, message: &Jws, now: i64) -> Result<M, Distrust> {
        let unverified = Unverified::parse(message.as_str(), M::TYP)?;
        let key = self.signing_key(unverified.key_hint(), now)?;
        Ok(unverified.verify(&VerifyingKey::new(key)?)?)
    }

    fn signing_key(&self, hint: &KeyHint, now: i64) -> Result<&Jwk, Distrust> {
        let KeyHint::Kid(kid) = hint else {
            return Err(Distrust::UnknownKey);
        };
        let thumbprint: Digest = kid.parse().map_err(|_| Distrust::UnknownKey)?;
        // Revocation first: a list may revoke a key that it does not carry any more.
        if self.list.revoked.contains(&thumbprint) {
            return Err(Distrust::KeyNotValid);
        }
        let key = self.list.keys.iter().find(|key| key.jwk.thumbprint() == thumbprint).ok_or(Distrust::UnknownKey)?;
        if is_valid_at(key, now) { Ok(&key.jwk) } else { Err(Distrust::KeyNotValid) }
    }
}

fn is_valid_at(key: &messages::SigningKey, now: i64) -> bool {
    (key.not_before..=key.not_after).contains(&now)
        && key.not_after.saturating_sub(key.not_before) <= MAX_KEY_LIFE_SECONDS
}

fn open_list(issuer: &str, root: &Jwk, list: &Jws) -> Result<KeyList, Distrust> {
    fitting(issuer, list.open(&VerifyingKey::new(root)?)?)
}

fn fitting(issuer: &str, list: KeyList) -> Result<KeyList, Distrust> {
    if list.iss != issuer {
        return Err(Distrust::Issuer);
    }
    if list.v != VERSION {
        return Err(Distrust::Version);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use protocol::crypto::Sign as _;
    use protocol::crypto::p256::SigningKey;
    use protocol::messages::Prompt;

    use super::*;
    use crate::testing::{ISSUER, NOW, Op, account, key, list_by, other_digest, prompt, succession};

    fn pin(op: &Op, list: &Jws) -> Result<Trust, Distrust> {
        let root = *op.root.public();
        Trust::pin(ISSUER, &root.thumbprint(), root, list)
    }

    #[test]
    fn a_root_other_than_the_pinned_one_is_not_trusted() {
        let op = Op::new();
        let list = op.list(|_| ());
        assert_eq!(Trust::pin(ISSUER, &other_digest(), *op.root.public(), &list), Err(Distrust::Root));
        let impostor = Op { root: key(77), signing: key(78) };
        let pinned = op.root.public().thumbprint();
        assert_eq!(Trust::pin(ISSUER, &pinned, *impostor.root.public(), &impostor.list(|_| ())), Err(Distrust::Root));
    }

    #[test]
    fn a_list_that_the_root_did_not_sign_is_not_trusted() {
        let op = Op::new();
        let forged = Op { root: key(77), signing: key(78) }.list(|_| ());
        assert!(matches!(pin(&op, &forged), Err(Distrust::Jws(JwsError::Crypto(CryptoError::BadSignature)))));
    }

    #[test]
    fn a_list_of_another_issuer_or_version_is_not_trusted() {
        let op = Op::new();
        assert_eq!(pin(&op, &op.list(|list| list.iss = "https://other.example".into())), Err(Distrust::Issuer));
        assert_eq!(pin(&op, &op.list(|list| list.v = 2)), Err(Distrust::Version));
    }

    #[test]
    fn only_a_newer_list_replaces_the_one_held() {
        let op = Op::new();
        let mut trust = op.trust();
        assert_eq!(trust.update(&op.list(|_| ())), Ok(false));
        assert_eq!(trust.update(&op.list(|list| list.keys.clear())), Err(Distrust::OldKeyList));
        assert_eq!(trust.update(&op.list(|list| list.sequence = 0)), Err(Distrust::OldKeyList));
        assert_eq!(trust.update(&op.list(|list| list.sequence = 2)), Ok(true));
        assert_eq!(trust.update(&op.list(|_| ())), Err(Distrust::OldKeyList));
    }

    #[test]
    fn what_a_listed_key_signed_is_believed() {
        let op = Op::new();
        let account = account(&op);
        let said = prompt(&account, |_| ());
        assert_eq!(op.trust().open::<Prompt>(&op.sign(&said), NOW), Ok(said));
    }

    #[test]
    fn what_another_key_signed_is_not_believed_whatever_it_calls_itself() {
        let op = Op::new();
        let said = prompt(&account(&op), |_| ());
        let impostor = key(77);
        let named = Jws::sign(impostor.public().thumbprint(), &said, &impostor).unwrap();
        assert_eq!(op.trust().open::<Prompt>(&named, NOW), Err(Distrust::UnknownKey));
        let misnamed = Jws::sign(op.signing.public().thumbprint(), &said, &impostor).unwrap();
        let bad_signature = Distrust::Jws(JwsError::Crypto(CryptoError::BadSignature));
        assert_eq!(op.trust().open::<Prompt>(&misnamed, NOW), Err(bad_signature));
        let embedded = Jws::sign(KeyHint::Jwk(*impostor.public()), &said, &impostor).unwrap();
        assert_eq!(op.trust().open::<Prompt>(&embedded, NOW), Err(Distrust::UnknownKey));
        let by_root = Jws::sign(op.root.public().thumbprint(), &said, &op.root).unwrap();
        assert_eq!(op.trust().open::<Prompt>(&by_root, NOW), Err(Distrust::UnknownKey));
    }

    #[test]
    fn a_message_of_another_type_is_not_believed() {
        let op = Op::new();
        let list = op.list(|_| ());
        assert_eq!(op.trust().open::<Prompt>(&list, NOW), Err(Distrust::Jws(JwsError::Typ)));
    }

    #[test]
    fn a_key_counts_only_in_its_time_and_unless_revoked() {
        let op = Op::new();
        let message = op.sign(&prompt(&account(&op), |_| ()));
        let open = |list: Jws| pin(&op, &list).unwrap().open::<Prompt>(&message, NOW).map(|_| ());
        assert_eq!(open(op.list(|list| list.keys[0].not_after = NOW)), Ok(()));
        assert_eq!(open(op.list(|list| list.keys[0].not_after = NOW - 1)), Err(Distrust::KeyNotValid));
        assert_eq!(open(op.list(|list| list.keys[0].not_before = NOW + 1)), Err(Distrust::KeyNotValid));
        assert_eq!(open(op.list(|list| list.keys[0].not_after = i64::MAX)), Err(Distrust::KeyNotValid));
        let revoked = op.list(|list| list.revoked.push(op.signing.public().thumbprint()));
        assert_eq!(open(revoked), Err(Distrust::KeyNotValid));
    }

    /// What a phone with the first root makes of a step to the second, and of a list by that.
    fn step(op: &Op, list: u64, by: [&SigningKey; 2], named: [&SigningKey; 2], then: u64) -> Result<bool, Distrust> {
        let mut trust = op.trust();
        let step = succession(op, list, named, by);
        let followed = trust.follow(named[1].public(), &[step], &list_by(op, named[1], then));
        assert_eq!(trust == op.trust(), followed != Ok(true), "it moves whole or not at all");
        followed
    }

    #[test]
    fn a_new_root_is_believed_where_the_one_pinned_and_it_both_signed() {
        let op = Op::new();
        let (old, new) = (&op.root, &key(91));
        assert_eq!(step(&op, 2, [old, new], [old, new], 2), Ok(true), "the list of the step itself");
        assert_eq!(step(&op, 2, [old, new], [old, new], 5), Ok(true), "or a later one");
    }

    #[test]
    fn a_new_root_is_not_believed_by_one_signature_or_in_the_wrong_order() {
        let op = Op::new();
        let (old, new, other) = (&op.root, &key(91), &key(92));
        let bad = Err(Distrust::Jws(JwsError::Crypto(CryptoError::BadSignature)));
        assert_eq!(step(&op, 2, [new, new], [old, new], 2), bad, "the new root alone");
        assert_eq!(step(&op, 2, [old, old], [old, new], 2), bad, "the old root alone");
        assert_eq!(step(&op, 2, [new, old], [old, new], 2), bad, "signatures in the other order");
        assert_eq!(step(&op, 2, [other, new], [old, new], 2), bad, "another one in the old root's name");
        assert_eq!(step(&op, 2, [other, new], [other, new], 2), Err(Distrust::Root), "from a root that nobody pinned");
        let mut trust = op.trust();
        let turned = succession(&op, 2, [new, old], [new, old]);
        assert_eq!(trust.follow(new.public(), &[turned], &list_by(&op, new, 2)), Err(Distrust::Root));
        assert_eq!(
            trust.follow(new.public(), &[], &list_by(&op, new, 2)),
            Err(Distrust::Root),
            "nobody vouches for it"
        );
        let alone: General = {
            let whole = serde_json::to_value(succession(&op, 2, [old, new], [old, new])).unwrap();
            let only = serde_json::json!({ "payload": whole["payload"], "signatures": [whole["signatures"][1]] });
            serde_json::from_value(only).unwrap()
        };
        assert_eq!(trust.follow(new.public(), &[alone], &list_by(&op, new, 2)), Err(Distrust::Root), "one signature");
        assert_eq!(trust, op.trust());
    }

    #[test]
    fn a_new_root_comes_with_a_higher_sequence_and_a_list_of_its_own() {
        let op = Op::new();
        let (old, new) = (&op.root, &key(91));
        assert_eq!(step(&op, 1, [old, new], [old, new], 2), Err(Distrust::OldKeyList), "the number that is held");
        assert_eq!(step(&op, 0, [old, new], [old, new], 2), Err(Distrust::OldKeyList));
        assert_eq!(step(&op, 3, [old, new], [old, new], 2), Err(Distrust::OldKeyList), "a list before the step");
        let mut trust = op.trust();
        let steps = [succession(&op, 2, [old, new], [old, new])];
        let by_old = list_by(&op, old, 2);
        let bad = Err(Distrust::Jws(JwsError::Crypto(CryptoError::BadSignature)));
        assert_eq!(trust.follow(new.public(), &steps, &by_old), bad, "the old root signs no lists any more");
    }

    #[test]
    fn there_is_no_way_back_to_an_old_root() {
        let op = Op::new();
        let (old, new) = (&op.root, &key(91));
        let steps = [succession(&op, 2, [old, new], [old, new])];
        let mut trust = op.trust();
        assert_eq!(trust.follow(new.public(), &steps, &list_by(&op, new, 2)), Ok(true));
        let moved = trust.clone();
        assert_eq!(trust.follow(new.public(), &steps, &list_by(&op, new, 2)), Ok(false), "the same again");
        assert_eq!(trust.follow(old.public(), &steps, &op.list(|_| ())), Err(Distrust::Root), "the list before");
        assert_eq!(trust.follow(old.public(), &steps, &list_by(&op, old, 9)), Err(Distrust::Root));
        assert_eq!(trust.update(&list_by(&op, old, 9)).map_err(|error| matches!(error, Distrust::Jws(_))), Err(true));
        assert_eq!(trust.follow(new.public(), &steps, &list_by(&op, new, 1)), Err(Distrust::OldKeyList));
        assert_eq!(trust, moved);
    }

    #[test]
    fn a_phone_that_was_away_follows_over_several_roots() {
        let op = Op::new();
        let (first, second, third) = (&op.root, &key(91), &key(92));
        let steps = [
            succession(&op, 2, [first, second], [first, second]),
            succession(&op, 4, [second, third], [second, third]),
        ];
        let mut away = op.trust();
        assert_eq!(away.follow(third.public(), &steps[1..], &list_by(&op, third, 5)), Err(Distrust::Root), "a gap");
        assert_eq!(away.follow(third.public(), &steps, &list_by(&op, third, 5)), Ok(true));
        let mut there = op.trust();
        assert_eq!(there.follow(second.public(), &steps[..1], &list_by(&op, second, 3)), Ok(true));
        assert_eq!(there.follow(third.public(), &steps, &list_by(&op, third, 5)), Ok(true), "the first step is over");
        assert_eq!(there, away);
    }
}
