//! Apple App Attest: one object that says which app made the message it stands in
//! (developer.apple.com "Validating apps that connect to your server").
//!
//! The key that it attests is of its own and signs nothing here; the object was made over the hash of the finish payload,
//! and so vouches for the phone's keys in there.

use aws_lc_rs::digest::{SHA256, digest};
use protocol::Digest;
use protocol::messages::{EvidenceFormat, KeyLevel};

use self::object::{AuthenticatorData, Object};
use super::{Expectations, Verdict};
use crate::certificates::TrustAnchors;
use crate::certificates::chain::Chain;
use crate::domain::attestation::{Attestation, Flaw};

pub mod object;

/// The extension by which the leaf names what it was issued for.
const NONCE: &str = "1.2.840.113635.100.8.2";

/// What a realm believes.
#[derive(Debug)]
pub struct Trust {
    /// Apple's root for App Attest.
    pub roots: TrustAnchors,
    /// Whose word counts: team id, a dot, bundle id.
    pub apps: Vec<String>,
    /// In which environment.
    pub environment: Environment,
}

/// Apple's two environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Of apps under development.
    Development,
    /// Of apps given out by the App Store, `TestFlight` or an enterprise.
    Production,
}

impl Environment {
    const fn aaguid(self) -> &'static [u8; 16] {
        match self {
            Self::Development => b"appattestdevelop",
            Self::Production => b"appattest\0\0\0\0\0\0\0",
        }
    }
}

/// Judges the object.
pub fn verify(trust: &Trust, evidence: &[u8], expected: &Expectations<'_>) -> Result<Verdict, Flaw> {
    let object = Object::parse(evidence).ok_or(Flaw::Unreadable)?;
    if object.format != "apple-appattest" {
        return Err(Flaw::Format);
    }
    let said = AuthenticatorData::parse(object.authenticator_data).ok_or(Flaw::Unreadable)?;
    let chain = trust.roots.follow(&object.certificates, expected.now)?;
    let client_data = expected.client_data.ok_or(Flaw::Challenge)?;
    check_nonce(&chain, &[object.authenticator_data, client_data.as_bytes()].concat())?;
    if digest(&SHA256, chain.leaf_key()).as_ref() != said.credential_id {
        return Err(Flaw::KeyId);
    }
    let is_of = |app: &&String| digest(&SHA256, app.as_bytes()).as_ref() == said.rp_id_hash;
    let app = trust.apps.iter().find(is_of).ok_or(Flaw::App)?;
    if said.counter != 0 {
        return Err(Flaw::Counter);
    }
    if said.aaguid != trust.environment.aaguid() {
        return Err(Flaw::Environment);
    }
    Ok(Verdict {
        level: KeyLevel::App,
        verified_level: KeyLevel::App,
        attestation: Attestation {
            format: EvidenceFormat::AppleAppAttest,
            evidence: Digest::of(evidence),
            security_level: None,
            verified_security_level: None,
            patch_level: None,
            app: Some(app.clone()),
            failed: None,
        },
    })
}

fn check_nonce(chain: &Chain, signed: &[u8]) -> Result<(), Flaw> {
    let extension = chain.leaf_extension(NONCE).ok_or(Flaw::NoNonce)?;
    let nonce = object::nonce(extension).ok_or(Flaw::UnreadableExtension)?;
    if digest(&SHA256, signed).as_ref() == nonce { Ok(()) } else { Err(Flaw::Challenge) }
}
