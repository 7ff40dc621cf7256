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

impl Reached {
    /// All of them, the lowest first.
    pub const ALL: [Self; 3] = [Self::Presence, Self::Uv, Self::UvHardware];

    /// What a signature by such a key reaches. `trust_claimed_uv` is the realm's word for keys that nobody attested.
    #[must_use]
    pub const fn by(role: KeyRole, level: KeyLevel, trust_claimed_uv: bool) -> Self {
        match (role, level) {
            (KeyRole::Verified, KeyLevel::Attested) => Self::UvHardware,
            (KeyRole::Verified, KeyLevel::App) => Self::Uv,
            (KeyRole::Verified, KeyLevel::Claimed) if trust_claimed_uv => Self::Uv,
            (KeyRole::Verified, KeyLevel::Claimed) | (KeyRole::Device, _) => Self::Presence,
        }
    }

    /// Its name in `acr` and `acr_values`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Presence => "urn:assent:acr:presence",
            Self::Uv => "urn:assent:acr:uv",
            Self::UvHardware => "urn:assent:acr:uv-hw",
        }
    }

    /// By its name, exactly. What is named otherwise cannot be reached here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reached| reached.name() == name)
    }

    /// The first of the requested values, in the client's order of preference, that this satisfies: itself or a lower one.
    #[must_use]
    pub fn satisfies_first_of(self, requested: &[String]) -> Option<Self> {
        requested.iter().filter_map(|name| Self::parse(name)).find(|wanted| *wanted <= self)
    }
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
        Self { reached: Reached::by(approval.role, level, trust_claimed_uv), level }
    }

    /// `acr` where none was requested: all that was reached.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        self.reached.name()
    }

    /// `acr` where some were requested: the first of them that is satisfied. `None`: none is, and a client that registered
    /// `require_acr` gets no tokens; any other gets [`Self::acr`].
    #[must_use]
    pub fn acr_for(self, requested: &[String]) -> Option<&'static str> {
        self.reached.satisfies_first_of(requested).map(Reached::name)
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

    #[test]
    fn the_first_requested_value_that_is_satisfied_is_said_and_a_higher_level_satisfies_a_lower_one() {
        let (presence, uv, hardware) = ("urn:assent:acr:presence", "urn:assent:acr:uv", "urn:assent:acr:uv-hw");
        let table: [(KeyLevel, &[&str], Option<&str>); 7] = [
            (KeyLevel::App, &[presence, uv], Some(presence)),
            (KeyLevel::App, &[uv, presence], Some(uv)),
            (KeyLevel::App, &[hardware, uv], Some(uv)),
            (KeyLevel::App, &[hardware], None),
            (KeyLevel::App, &["urn:mace:incommon:iap:silver", uv], Some(uv)),
            (KeyLevel::Attested, &[uv], Some(uv)),
            (KeyLevel::App, &[], None),
        ];
        for (level, requested, expected) in table {
            let requested: Vec<String> = requested.iter().map(|&name| name.to_owned()).collect();
            let proven = Proven::by(&approval(KeyRole::Verified, level), false);
            assert_eq!(proven.acr_for(&requested), expected, "{level:?} {requested:?}");
        }
    }
}
