//! Android key attestation: two chains, each saying of one key where it was made and what it may do
//! (source.android.com "Key and ID attestation").

use protocol::digest::attestation_challenge;
use protocol::evidence::AndroidKey;
use protocol::messages::{EvidenceFormat, KeyLevel, VerifiedKind};
use protocol::{Digest, Jwk};

use self::description::{Authorizations, KeyDescription, RootOfTrust, UserAuthentication};
use super::revoked::Revoked;
use super::{Expectations, Verdict};
use crate::certificates::TrustAnchors;
use crate::domain::attestation::{Attestation, Flaw, SecurityLevel};
use crate::domain::time::Timestamp;

pub mod description;

/// The extension by which a chain speaks of its leaf's key.
const EXTENSION: &str = "1.3.6.1.4.1.11129.2.1.17";

/// `KeyPurpose::SIGN`
const SIGN: u64 = 2;
/// `KeyOrigin::GENERATED`
const GENERATED: u64 = 0;
/// `VerifiedBootState`: Verified.
const VERIFIED: u8 = 0;
/// `HardwareAuthenticatorType::FINGERPRINT`: any strong biometric.
const BIOMETRIC: u64 = 2;
/// `HardwareAuthenticatorType::PASSWORD`: the device's own credential.
const CREDENTIAL: u64 = 1;

/// What a realm believes.
#[derive(Debug)]
pub struct Trust {
    /// Google's roots.
    pub roots: TrustAnchors,
    /// Whose keys count.
    pub apps: Vec<App>,
    /// Which certificates do not.
    pub revoked: Revoked,
    /// On which phones.
    pub boot: Boot,
}

/// An app of the realm's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its package name.
    pub package: String,
    /// SHA-256 of the certificates that may have signed it.
    pub digests: Vec<Digest>,
}

/// How a phone must have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// From what its maker signed, with the boot loader locked.
    Verified,
    /// Anyhow: for phones under development.
    Any,
}

/// Judges both chains. A `verified` key that is sound but does not need its user at every use is no more than claimed; any
/// other flaw is one of the whole.
pub fn verify(trust: &Trust, evidence: &[u8], expected: &Expectations<'_>) -> Result<Verdict, Flaw> {
    let sent = AndroidKey::decode(evidence).ok_or(Flaw::Unreadable)?;
    let offer = attestation_challenge(&expected.offer);
    // The `device` key may be older than the offer, and the phone knew only the ticket.
    let ticket = attestation_challenge(&expected.ticket);
    let device = judge(trust, &sent.device, expected.device, &[offer, ticket], expected.now)?;
    let verified = judge(trust, &sent.verified, expected.verified, &[offer], expected.now)?;
    let failed = needs_user(&verified.description, expected.kind).err();
    Ok(Verdict {
        level: KeyLevel::Attested,
        verified_level: if failed.is_none() { KeyLevel::Attested } else { KeyLevel::Claimed },
        attestation: Attestation {
            format: EvidenceFormat::AndroidKey,
            evidence: Digest::of(evidence),
            security_level: Some(device.security_level),
            verified_security_level: Some(verified.security_level),
            patch_level: device.description.hardware.patch_level,
            app: Some(device.app),
            failed,
        },
    })
}

/// What one chain says, believed.
struct Attested {
    description: KeyDescription,
    security_level: SecurityLevel,
    app: String,
}

fn judge(trust: &Trust, sent: &[Vec<u8>], key: &Jwk, challenges: &[Digest], now: Timestamp) -> Result<Attested, Flaw> {
    let chain = trust.roots.follow(sent, now)?;
    if chain.serials().any(|serial| trust.revoked.names(serial)) {
        return Err(Flaw::Revoked);
    }
    // Whoever has an attested key may sign below it what they like: only what stands nearest the root was written by the
    // hardware, and it speaks of the key of the certificate that it stands in.
    if chain.is_above_leaf(EXTENSION) {
        return Err(Flaw::ExtensionAboveLeaf);
    }
    let extension = chain.leaf_extension(EXTENSION).ok_or(Flaw::NoExtension)?;
    if chain.leaf_key() != key.to_sec1() {
        return Err(Flaw::OtherKey);
    }
    let description = KeyDescription::parse(extension).ok_or(Flaw::UnreadableExtension)?;
    if !challenges.iter().any(|challenge| description.challenge == challenge.as_bytes()) {
        return Err(Flaw::Challenge);
    }
    hardware(description.attestation_security_level).ok_or(Flaw::AttestationSecurityLevel)?;
    let security_level = hardware(description.security_level).ok_or(Flaw::KeySecurityLevel)?;
    signs_only(&description.hardware)?;
    let app = app(&trust.apps, &description.software)?;
    if trust.boot == Boot::Verified {
        started(description.hardware.root_of_trust.as_ref())?;
    }
    Ok(Attested { description, security_level, app })
}

fn hardware(level: u8) -> Option<SecurityLevel> {
    match level {
        1 => Some(SecurityLevel::TrustedEnvironment),
        2 => Some(SecurityLevel::StrongBox),
        _ => None,
    }
}

/// Only what the hardware enforces counts; the other list is the word of the system that may be anybody's.
fn signs_only(enforced: &Authorizations) -> Result<(), Flaw> {
    if enforced.origin != Some(GENERATED) {
        return Err(Flaw::Origin);
    }
    if enforced.purposes == [SIGN] { Ok(()) } else { Err(Flaw::Purpose) }
}

/// The system's list is the only one that has the app: hardware knows none. It is believed because the phone started
/// from what its maker signed.
fn app(apps: &[App], system: &Authorizations) -> Result<String, Flaw> {
    let id = system.app.as_ref().ok_or(Flaw::App)?;
    let app = apps.iter().find(|app| id.packages.contains(&app.package)).ok_or(Flaw::App)?;
    let known = |digest: &Vec<u8>| app.digests.iter().any(|known| known.as_bytes() == digest.as_slice());
    if id.digests.is_empty() || !id.digests.iter().all(known) {
        return Err(Flaw::AppSignature);
    }
    Ok(app.package.clone())
}

fn started(root: Option<&RootOfTrust>) -> Result<(), Flaw> {
    let root = root.ok_or(Flaw::NoRootOfTrust)?;
    if root.boot_state != VERIFIED {
        return Err(Flaw::BootState);
    }
    if root.is_locked { Ok(()) } else { Err(Flaw::Unlocked) }
}

/// User authentication at every use: asked for, without a time for which one counts, by what the kind allows.
fn needs_user(description: &KeyDescription, kind: VerifiedKind) -> Result<(), Flaw> {
    let KeyDescription { hardware, software, .. } = description;
    if hardware.needs_no_user || software.needs_no_user {
        return Err(Flaw::NoAuthentication);
    }
    let types = match hardware.user {
        UserAuthentication::None => return Err(Flaw::NoAuthentication),
        UserAuthentication::For { .. } => return Err(Flaw::NotPerUse),
        UserAuthentication::PerUse { types } => types,
    };
    if matches!(software.user, UserAuthentication::For { .. }) {
        return Err(Flaw::NotPerUse);
    }
    let fits = match kind {
        VerifiedKind::Biometric => types == BIOMETRIC,
        VerifiedKind::Credential => types != 0 && types & !(BIOMETRIC | CREDENTIAL) == 0,
    };
    if fits { Ok(()) } else { Err(Flaw::AuthenticationType) }
}
