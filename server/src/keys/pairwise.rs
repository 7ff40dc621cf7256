//! Pairwise subjects (OIDC Core §8.1): a user's `sub` sealed under the sector, by AES-256-GCM-SIV (RFC 8452) with a nonce that
//! never changes, so that it is always the same, says nothing without the key, and can be read back without a record of it.
//!
//! The key is derived from the realm's MAC key, which no rotation replaces and every back-up of the key file holds.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use protocol::base64url;
use zeroize::Zeroizing;

use super::RealmKeys;

/// A subject of more bytes would become longer than the 255 characters that a `sub` may have (OIDC Core §2).
pub const LONGEST_PAIRWISE: usize = 160;

/// Subjects are padded to a multiple of so many bytes: a sub tells no more of the length of what is in it.
const BLOCK: usize = 16;

impl RealmKeys {
    /// A user's `sub` for the clients of a sector: 43 to 235 characters of base64url. `None` of a subject that is longer than
    /// [`LONGEST_PAIRWISE`], empty, or holds NUL.
    #[must_use]
    pub fn pairwise(&self, sector: &str, subject: &str) -> Option<String> {
        if subject.is_empty() || subject.len() > LONGEST_PAIRWISE || subject.contains('\0') {
            return None;
        }
        let mut bytes = subject.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        self.pairwise_key()?.seal_in_place_append_tag(nonce(), Aad::from(sector), &mut bytes).ok()?;
        Some(base64url::encode(&bytes))
    }

    /// The subject in what [`Self::pairwise`] made for the same sector; nothing else opens.
    #[must_use]
    pub fn subject_of(&self, sector: &str, sub: &str) -> Option<String> {
        let mut bytes = base64url::decode(sub).ok()?;
        let opened = self.pairwise_key()?.open_in_place(nonce(), Aad::from(sector), &mut bytes).ok()?;
        let end = opened.iter().position(|byte| *byte == 0).unwrap_or(opened.len());
        String::from_utf8(opened[..end].to_vec()).ok()
    }

    fn pairwise_key(&self) -> Option<LessSafeKey> {
        let key = Zeroizing::new(self.mac("assent-pairwise", &[]));
        UnboundKey::new(&AES_256_GCM_SIV, &*key).ok().map(LessSafeKey::new)
    }
}

/// The same for all: one subject of one sector is always sealed to the same, which is all that a nonce used twice tells here.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;
    use crate::domain::time::Timestamp;

    struct Same(u8);

    impl Random for Same {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn keys(seed: u8) -> RealmKeys {
        RealmKeys::generate("https://op.example", Timestamp::from_unix_seconds(0), &Same(seed)).expect("keys")
    }

    #[test]
    fn a_sub_is_always_the_same_and_opens_in_its_sector_alone() {
        let (keys, again, others) = (keys(1), keys(1), keys(2));
        for subject in ["1", "1001", "0123456789abcdef", &"s".repeat(LONGEST_PAIRWISE)] {
            let sub = keys.pairwise("shop.example", subject).expect("a sub");
            assert!((43..=255).contains(&sub.len()) && !sub.contains(subject));
            assert_eq!(again.pairwise("shop.example", subject).as_ref(), Some(&sub));
            assert_eq!(again.subject_of("shop.example", &sub).as_deref(), Some(subject));
            assert_ne!(keys.pairwise("bank.example", subject).as_ref(), Some(&sub));
            assert_eq!(keys.subject_of("bank.example", &sub), None);
            assert_ne!(others.pairwise("shop.example", subject).as_ref(), Some(&sub), "another realm's key");
            assert_eq!(others.subject_of("shop.example", &sub), None);
        }
    }

    #[test]
    fn of_what_is_no_sub_or_was_changed_nothing_is_read() {
        let keys = keys(1);
        let sub = keys.pairwise("shop.example", "1001").expect("a sub");
        for at in 0..sub.len() {
            let mut changed = sub.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(keys.subject_of("shop.example", &changed), None, "{at}");
        }
        for text in ["", "1001", "AAAA", &sub[1..], &sub[..sub.len() - 1], &format!("{sub}=")] {
            assert_eq!(keys.subject_of("shop.example", text), None, "{text}");
        }
    }

    #[test]
    fn a_subject_that_would_become_too_long_has_none() {
        let keys = keys(1);
        for subject in ["", "a\0b", &"s".repeat(LONGEST_PAIRWISE + 1)] {
            assert_eq!(keys.pairwise("shop.example", subject), None);
        }
    }

    #[test]
    fn a_sub_does_not_tell_how_long_the_subject_is_within_sixteen_bytes() {
        let keys = keys(1);
        let length = |subject: &str| keys.pairwise("shop.example", subject).map(|sub| sub.len());
        assert_eq!(length("1"), length("0123456789abcdef"));
    }
}
