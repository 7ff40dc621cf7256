//! What the phone believes the server by: the root key pinned at enrolment, and the newest list of signing keys that the
//! root signed (`DEVICE_PROTOCOL` "Keys of the server"). Nothing the server says is looked at before it passes here.

use protocol::crypto::CryptoError;
use protocol::crypto::p256::VerifyingKey;
use protocol::jws::{JwsError, KeyHint, Unverified};
use protocol::messages::{KeyList, Message, SigningKey};
use protocol::{Digest, Jwk, Jws, VERSION};
use serde::{Deserialize, Serialize};

/// Signing keys live at most this long, whatever the list says.
const MAX_KEY_LIFE_SECONDS: i64 = 400 * 24 * 60 * 60;

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

fn is_valid_at(key: &SigningKey, now: i64) -> bool {
    (key.not_before..=key.not_after).contains(&now)
        && key.not_after.saturating_sub(key.not_before) <= MAX_KEY_LIFE_SECONDS
}

fn open_list(issuer: &str, root: &Jwk, list: &Jws) -> Result<KeyList, Distrust> {
    let list: KeyList = list.open(&VerifyingKey::new(root)?)?;
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
    use protocol::messages::Prompt;

    use super::*;
    use crate::testing::{ISSUER, NOW, Op, account, key, other_digest, prompt};

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
}
