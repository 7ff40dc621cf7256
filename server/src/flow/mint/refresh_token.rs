//! Refresh tokens: `family.secret`, 128 random bits and 256 bits in base64url.

use protocol::base64url;

use super::Agreed;
use crate::domain::client::Client;
use crate::domain::names::FamilyKey;
use crate::domain::random::Random;
use crate::domain::refresh::RefreshFamily;
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::time::Timestamp;

/// A refresh token in its form; whether it was ever issued is another question.
pub(super) struct RefreshToken(Secret);

impl RefreshToken {
    /// The first of a new family.
    pub(super) fn new(random: &dyn Random) -> Self {
        Self(Secret::new(format!("{}.{}", base64url::encode(&random.array::<16>()), random.token())))
    }

    /// Under which its family is found.
    pub(super) fn family(&self) -> FamilyKey {
        FamilyKey::of(self.parts().0)
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// For the wire.
    pub(super) fn text(&self) -> &str {
        self.0.reveal()
    }

    /// The family that begins with it.
    pub(super) fn founding(
        &self,
        client: &Client,
        agreed: Agreed,
        now: Timestamp,
        ends_at: Timestamp,
    ) -> RefreshFamily {
        RefreshFamily {
            key: self.family(),
            client: client.id.clone(),
            subject: agreed.subject,
            scope: agreed.scope,
            request: agreed.request,
            device: agreed.device,
            auth_time: agreed.auth_time,
            acr: agreed.acr,
            amr: agreed.amr,
            certificate: agreed.certificate,
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
