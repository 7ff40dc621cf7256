//! Refresh tokens: `family.secret`, 128 random bits and 256 bits in base64url.
//!
//! The successor of a token is a MAC of it. Whoever sends the same token twice, because an answer was lost or because two
//! of its threads need one at once, gets the same successor twice: the family never forks, and nothing is kept in clear.

use protocol::base64url;

use super::super::narrow::Lasting;
use super::Agreed;
use crate::domain::client::Client;
use crate::domain::names::{FamilyKey, Subject};
use crate::domain::random::Random;
use crate::domain::refresh::{RefreshFamily, Sent};
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::time::Timestamp;
use crate::keys::RealmKeys;

/// A refresh token in its form; whether it was ever issued is another question.
pub(in crate::flow) struct RefreshToken(Secret);

impl RefreshToken {
    /// The first of a new family.
    pub(super) fn new(random: &dyn Random) -> Self {
        Self(Secret::new(format!("{}.{}", base64url::encode(&random.array::<16>()), random.token())))
    }

    /// Reads what a client sent.
    pub(in crate::flow) fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.split_once('.')?;
        base64url::decode_exact::<16>(family).ok()?;
        base64url::decode_exact::<32>(secret).ok()?;
        Some(Self(Secret::new(text.to_owned())))
    }

    /// What comes after it.
    pub(in crate::flow) fn successor(&self, keys: &RealmKeys) -> Self {
        let (family, secret) = self.parts();
        let next = keys.mac("assent-refresh-successor", &[family.as_bytes(), secret.as_bytes()]);
        Self(Secret::new(format!("{family}.{}", base64url::encode(&next))))
    }

    /// Under which its family is found.
    pub(in crate::flow) fn family(&self) -> FamilyKey {
        FamilyKey::of(self.parts().0)
    }

    /// Which of the family's tokens it is.
    pub(in crate::flow) fn recognised_by(&self, family: &RefreshFamily, now: Timestamp) -> Option<Sent> {
        family.recognise(&self.0, now)
    }

    /// What is kept of it.
    pub(in crate::flow) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// For the wire.
    pub(in crate::flow) fn text(&self) -> &str {
        self.0.reveal()
    }

    /// The family that begins with it.
    pub(super) fn founding(
        &self,
        client: &Client,
        (agreed, granted, told): (Agreed, Lasting, Subject),
        now: Timestamp,
        ends_at: Timestamp,
    ) -> RefreshFamily {
        RefreshFamily {
            key: self.family(),
            client: client.id.clone(),
            subject: agreed.subject,
            told: Some(told),
            scope: granted.scope,
            resources: granted.resources,
            details: granted.details,
            request: agreed.request,
            device: agreed.device,
            auth_time: agreed.auth_time,
            acr: agreed.acr,
            amr: agreed.amr,
            certificate: agreed.binding.certificate,
            dpop_key: agreed.binding.key.filter(|_| client.dpop_bound_refresh),
            current: self.hash(),
            previous: None,
            issued_at: now,
            expires_at: ends_at,
            revoked_at: None,
        }
    }

    fn parts(&self) -> (&str, &str) {
        self.0.reveal().split_once('.').expect("it was made or read with a dot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        }
    }

    fn keys() -> RealmKeys {
        let random: &dyn Random = &Counting(7.into());
        RealmKeys::generate("https://op.example", Timestamp::from_unix_seconds(0), random).unwrap()
    }

    #[test]
    fn a_successor_is_of_the_same_family_and_always_the_same_one() {
        let token = RefreshToken::new(&Counting(1.into()));
        let keys = keys();
        let next = token.successor(&keys);
        assert_eq!(next.family(), token.family());
        assert_ne!(next.text(), token.text());
        assert_eq!(token.successor(&keys).text(), next.text());
        assert_ne!(next.successor(&keys).text(), next.text());
        assert!(RefreshToken::parse(next.text()).is_some_and(|read| read.hash() == next.hash()));
    }

    #[test]
    fn nothing_else_is_a_refresh_token() {
        let good = RefreshToken::new(&Counting(1.into())).text().to_owned();
        for text in ["", ".", "x.y", good.trim_end_matches(|c| c != '.'), &good[1..], &good[..good.len() - 1]] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
        assert!(RefreshToken::parse(&format!("{good}.{good}")).is_none());
        assert!(RefreshToken::parse(&good.replace('.', "..")).is_none());
    }
}
