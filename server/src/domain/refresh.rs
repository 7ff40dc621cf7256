//! Refresh tokens (RFC 6749 §6) come in families: all that grew out of one approval. A family has one token that is
//! valid now, and for a short grace the one before it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::binding::Binding;
use super::certificate::Thumbprint;
use super::names::{ClientId, FamilyKey, RequestKey, Subject};
use super::secret::{Secret, SecretHash};
use super::time::Timestamp;
use protocol::{DeviceId, Digest};

/// A family as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// Hash of the part that all its tokens share.
    pub key: FamilyKey,
    /// Whom it was issued to.
    pub client: ClientId,
    /// Who agreed.
    pub subject: Subject,
    /// By which `sub` the client was told of them, which stays (OIDC Core §12.2). Absent of families from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Subject>,
    /// To what: the most that a refresh can ask for.
    pub scope: Vec<String>,
    /// `resource`s that were granted (RFC 8707): all that a refresh can name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Granted `authorization_details` (RFC 9396): all that a refresh can name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Value>,
    /// In which request.
    pub request: RequestKey,
    /// On which phone.
    pub device: DeviceId,
    /// When the user was authenticated; it stays.
    pub auth_time: Timestamp,
    /// `acr` of the approval.
    pub acr: String,
    /// `amr` of the approval.
    pub amr: Vec<String>,
    /// The certificate its tokens are bound to (RFC 8705 §4), where they are.
    pub certificate: Option<Thumbprint>,
    /// The key that every refresh must show (RFC 9449 §5), where the client asked for that: its thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_key: Option<Digest>,
    /// The token valid now.
    pub current: SecretHash,
    /// The one before, and until when it is still taken.
    pub previous: Option<(SecretHash, Timestamp)>,
    /// When its first token was issued.
    pub issued_at: Timestamp,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Since when none of its tokens, access tokens included, is valid any more.
    pub revoked_at: Option<Timestamp>,
}

/// Which of a family's tokens was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The one valid now.
    Current,
    /// The one before it, within its grace.
    Previous,
}

impl RefreshFamily {
    /// Whether any of its tokens may be valid at `now`.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// What its tokens are bound to.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        Binding { certificate: self.certificate, key: self.dpop_key }
    }

    /// Which of its tokens this is. `None`: it was replaced longer ago, so somebody uses a copy, or it never was one.
    #[must_use]
    pub fn recognise(&self, token: &Secret, now: Timestamp) -> Option<Sent> {
        let is_previous = |(hash, until): &(SecretHash, Timestamp)| token.matches(hash) && now < *until;
        if token.matches(&self.current) {
            Some(Sent::Current)
        } else {
            self.previous.as_ref().is_some_and(is_previous).then_some(Sent::Previous)
        }
    }

    /// With its current token replaced, which is taken for so many seconds more.
    #[must_use]
    pub fn rotated(self, successor: SecretHash, now: Timestamp, grace: u32) -> Self {
        let previous = Some((self.current, now.plus_seconds(grace.into())));
        Self { current: successor, previous, ..self }
    }

    /// Ended, with all its access tokens.
    #[must_use]
    pub fn revoked(self, now: Timestamp) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(now)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn token(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn family() -> RefreshFamily {
        RefreshFamily {
            key: FamilyKey::of("family"),
            client: ClientId::new("shop"),
            subject: Subject::new("1001"),
            told: None,
            scope: vec!["openid".to_owned()],
            resources: Vec::new(),
            details: Vec::new(),
            request: RequestKey::of("request"),
            device: DeviceId::from_bytes([1; 16]),
            auth_time: at(0),
            acr: "urn:assent:acr:presence".to_owned(),
            amr: vec!["pop".to_owned()],
            certificate: None,
            dpop_key: None,
            current: SecretHash::of(&token("first")),
            previous: None,
            issued_at: at(0),
            expires_at: at(1_000),
            revoked_at: None,
        }
    }

    #[test]
    fn the_token_before_is_taken_for_its_grace_and_the_one_before_that_never() {
        let second = family().rotated(SecretHash::of(&token("second")), at(100), 60);
        assert_eq!(second.recognise(&token("second"), at(900)), Some(Sent::Current));
        assert_eq!(second.recognise(&token("first"), at(159)), Some(Sent::Previous));
        assert_eq!(second.recognise(&token("first"), at(160)), None);
        let third = second.rotated(SecretHash::of(&token("third")), at(110), 60);
        assert_eq!(third.recognise(&token("second"), at(111)), Some(Sent::Previous));
        assert_eq!(third.recognise(&token("first"), at(111)), None);
        assert_eq!(third.recognise(&token("never one"), at(111)), None);
    }

    #[test]
    fn a_family_lives_until_its_end_or_its_revocation_which_stays() {
        assert!(family().is_alive(at(999)));
        assert!(!family().is_alive(at(1_000)));
        let revoked = family().revoked(at(5)).revoked(at(6));
        assert!(!revoked.is_alive(at(7)));
        assert_eq!(revoked.revoked_at, Some(at(5)));
    }
}
