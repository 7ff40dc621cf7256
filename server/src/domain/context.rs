//! What a decision proved, said as `acr` and `amr` (RFC 8176). Never what was asked for.

use protocol::KeyRole;
use protocol::messages::KeyLevel;

use super::authentication_request::Approval;

/// The authentication context class that was reached; each satisfies those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    /// `urn:assent:acr:presence`: the `device` key signed, or nobody vouches for the `verified` key.
    Presence,
    /// `urn:assent:acr:uv`: a `verified` key of a trusted level signed.
    Uv,
    /// `urn:assent:acr:uv-hw`: an attested `verified` key signed.
    UvHardware,
}

/// What stands behind an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    reached: Reached,
    level: KeyLevel,
}

impl Proven {
    /// Judges an approval. `trust_claimed_uv` is the realm's word for keys that nobody attested.
    #[must_use]
    pub fn by(approval: &Approval, trust_claimed_uv: bool) -> Self {
        let level = approval.level;
        let reached = match (approval.role, level) {
            (KeyRole::Verified, KeyLevel::Attested) => Reached::UvHardware,
            (KeyRole::Verified, KeyLevel::App) => Reached::Uv,
            (KeyRole::Verified, KeyLevel::Claimed) if trust_claimed_uv => Reached::Uv,
            (KeyRole::Verified, KeyLevel::Claimed) | (KeyRole::Device, _) => Reached::Presence,
        };
        Self { reached, level }
    }

    /// `acr`
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self.reached {
            Reached::Presence => "urn:assent:acr:presence",
            Reached::Uv => "urn:assent:acr:uv",
            Reached::UvHardware => "urn:assent:acr:uv-hw",
        }
    }

    /// `amr`: `pop` always; `hwk` where hardware is attested; `user` and `mfa` only where the user was verified.
    #[must_use]
    pub fn amr(self) -> Vec<&'static str> {
        let mut amr = vec!["pop"];
        if self.level == KeyLevel::Attested {
            amr.push("hwk");
        }
        if self.reached > Reached::Presence {
            amr.extend(["user", "mfa"]);
        }
        amr
    }
}

#[cfg(test)]
mod tests {
    use protocol::{DeviceId, Digest};

    use super::*;
    use crate::domain::time::Timestamp;

    fn approval(role: KeyRole, level: KeyLevel) -> Approval {
        Approval {
            device: DeviceId::from_bytes([1; 16]),
            role,
            level,
            decision: Digest::of(b"decision"),
            at: Timestamp::from_unix_seconds(0),
        }
    }

    #[test]
    fn each_key_and_level_reaches_its_class_and_no_higher() {
        let table = [
            (KeyRole::Device, KeyLevel::Claimed, true, "urn:assent:acr:presence", vec!["pop"]),
            (KeyRole::Device, KeyLevel::Attested, true, "urn:assent:acr:presence", vec!["pop", "hwk"]),
            (KeyRole::Verified, KeyLevel::Claimed, false, "urn:assent:acr:presence", vec!["pop"]),
            (KeyRole::Verified, KeyLevel::Claimed, true, "urn:assent:acr:uv", vec!["pop", "user", "mfa"]),
            (KeyRole::Verified, KeyLevel::App, false, "urn:assent:acr:uv", vec!["pop", "user", "mfa"]),
            (KeyRole::Verified, KeyLevel::Attested, false, "urn:assent:acr:uv-hw", vec!["pop", "hwk", "user", "mfa"]),
        ];
        for (role, level, trust, acr, amr) in table {
            let proven = Proven::by(&approval(role, level), trust);
            assert_eq!((proven.acr(), proven.amr()), (acr, amr), "{role:?} {level:?} trusted: {trust}");
        }
    }
}
