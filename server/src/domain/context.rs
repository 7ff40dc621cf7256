//! What a decision proved, said as `acr` and `amr` (RFC 8176). Never what was asked for.

use protocol::KeyRole;
use protocol::messages::KeyLevel;

use super::authentication_request::Approval;

/// What a key reaches; each satisfies those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    /// `presence`: the `device` key signed, or nobody vouches for the `verified` key.
    Presence,
    /// `uv`: a `verified` key of a trusted level signed.
    Uv,
    /// `uv-hw`: an attested `verified` key signed.
    UvHardware,
}

impl Reached {
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

    /// Of a phone that was recovered lately, no more than presence: whoever recovered it may not be its user.
    #[must_use]
    pub const fn unless(self, limited: bool) -> Self {
        if limited { Self::Presence } else { self }
    }
}

/// An authentication context class as it is asked for and said: what the key reached, and whether the user also typed the
/// digits that the client's screen shows. Each level satisfies those below, and one with the digits its namesake without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// What the key reached.
    pub reached: Reached,
    /// `-match`: whether a code was typed.
    pub matched: bool,
}

impl Context {
    /// All of them, the lowest first.
    pub const ALL: [Self; 6] = [
        Self { reached: Reached::Presence, matched: false },
        Self { reached: Reached::Presence, matched: true },
        Self { reached: Reached::Uv, matched: false },
        Self { reached: Reached::Uv, matched: true },
        Self { reached: Reached::UvHardware, matched: false },
        Self { reached: Reached::UvHardware, matched: true },
    ];

    /// Its name in `acr` and `acr_values`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.reached, self.matched) {
            (Reached::Presence, false) => "urn:assent:acr:presence",
            (Reached::Presence, true) => "urn:assent:acr:presence-match",
            (Reached::Uv, false) => "urn:assent:acr:uv",
            (Reached::Uv, true) => "urn:assent:acr:uv-match",
            (Reached::UvHardware, false) => "urn:assent:acr:uv-hw",
            (Reached::UvHardware, true) => "urn:assent:acr:uv-hw-match",
        }
    }

    /// By its name, exactly. What is named otherwise cannot be reached here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|context| context.name() == name)
    }

    /// Whether whoever asks for `wanted` gets that or more.
    #[must_use]
    pub fn satisfies(self, wanted: Self) -> bool {
        wanted.reached <= self.reached && (self.matched || !wanted.matched)
    }

    /// The first of the requested values, in the client's order of preference, that this satisfies.
    #[must_use]
    pub fn satisfies_first_of(self, requested: &[String]) -> Option<Self> {
        requested.iter().filter_map(|name| Self::parse(name)).find(|wanted| self.satisfies(*wanted))
    }
}

/// What stands behind an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    context: Context,
    level: KeyLevel,
}

impl Proven {
    /// Judges an approval. `trust_claimed_uv` is the realm's word for keys that nobody attested.
    #[must_use]
    pub fn by(approval: &Approval, trust_claimed_uv: bool) -> Self {
        let level = approval.level;
        let reached = Reached::by(approval.role, level, trust_claimed_uv).unless(approval.limited);
        Self { context: Context { reached, matched: approval.matched }, level }
    }

    /// `acr` where none was requested: all that was reached.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        self.context.name()
    }

    /// `acr` where some were requested: the first of them that is satisfied. `None`: none is, and a client that registered
    /// `require_acr` gets no tokens; any other gets [`Self::acr`].
    #[must_use]
    pub fn acr_for(self, requested: &[String]) -> Option<&'static str> {
        self.context.satisfies_first_of(requested).map(Context::name)
    }

    /// `amr`: `pop` always; `hwk` where hardware is attested; `user` and `mfa` only where the user was verified. Which
    /// finger or code it was nobody proves, so neither `fpt` nor `pin` is said, and `swk` not of keys that may be anywhere.
    #[must_use]
    pub fn amr(self) -> Vec<&'static str> {
        let mut amr = vec!["pop"];
        if self.level == KeyLevel::Attested {
            amr.push("hwk");
        }
        if self.context.reached > Reached::Presence {
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
            limited: false,
            device: DeviceId::from_bytes([1; 16]),
            role,
            level,
            decision: Digest::of(b"decision"),
            key: None,
            matched: false,
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

    #[test]
    fn a_typed_code_satisfies_both_variants_and_none_typed_only_the_plain_ones() {
        let named = |name: &str| Context::parse(name).expect("a class");
        let table = [
            ("urn:assent:acr:uv-match", "urn:assent:acr:uv-match", true),
            ("urn:assent:acr:uv-match", "urn:assent:acr:uv", true),
            ("urn:assent:acr:uv-match", "urn:assent:acr:presence-match", true),
            ("urn:assent:acr:uv-match", "urn:assent:acr:uv-hw", false),
            ("urn:assent:acr:uv-match", "urn:assent:acr:uv-hw-match", false),
            ("urn:assent:acr:uv-hw", "urn:assent:acr:presence-match", false),
            ("urn:assent:acr:uv-hw", "urn:assent:acr:uv", true),
        ];
        for (has, wants, satisfied) in table {
            assert_eq!(named(has).satisfies(named(wants)), satisfied, "{has} {wants}");
        }
        for context in Context::ALL {
            assert_eq!(Context::parse(context.name()), Some(context));
        }
    }

    #[test]
    fn an_approval_with_a_typed_code_says_so_where_it_is_not_asked_for_less() {
        let typed = Approval { matched: true, ..approval(KeyRole::Verified, KeyLevel::App) };
        let proven = Proven::by(&typed, false);
        assert_eq!(proven.acr(), "urn:assent:acr:uv-match");
        assert_eq!(proven.acr_for(&["urn:assent:acr:uv".to_owned()]), Some("urn:assent:acr:uv"));
    }
}
