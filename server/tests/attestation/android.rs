//! Android key attestation.

use protocol::digest::attestation_challenge;
use protocol::evidence::AndroidKey;
use protocol::messages::{Evidence, EvidenceFormat, KeyLevel, VerifiedKind};
use protocol::{Digest, base64url};
use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose, SerialNumber, date_time_ymd};
use server::attestation::android::{self, App, Boot};
use server::attestation::revoked::Revoked;
use server::attestation::{Expectations, Trust, Verdict};
use server::certificates::TrustAnchors;
use server::domain::attestation::{Flaw, SecurityLevel};
use server::domain::time::Timestamp;

use crate::platform::{Description, PACKAGE, Platform, Root, SIGNER, integer, tagged};
use crate::{NOW, key, offer, ticket};

/// A judge and a phone, both as they should be.
struct Case {
    platform: Platform,
    trust: android::Trust,
    kind: VerifiedKind,
    now: Timestamp,
    device: Description,
    verified: Description,
}

impl Case {
    fn new() -> Self {
        Self::of(Platform::new(Root::P384))
    }

    fn of(platform: Platform) -> Self {
        let trust = android::Trust {
            roots: TrustAnchors::from_pem(platform.root_pem().as_bytes()).unwrap(),
            apps: vec![App { package: PACKAGE.to_owned(), digests: vec![Digest::from_bytes(SIGNER)] }],
            revoked: Revoked::default(),
            boot: Boot::Verified,
        };
        let challenge = attestation_challenge(&offer());
        let (device, verified) = (Description::unattended(&challenge), Description::over(&challenge));
        Self { platform, trust, kind: VerifiedKind::Biometric, now: NOW, device, verified }
    }

    fn device_chain(&self) -> Vec<Vec<u8>> {
        self.platform.attest(key(1).to_sec1(), self.device.der())
    }

    fn verified_chain(&self) -> Vec<Vec<u8>> {
        self.platform.attest(key(2).to_sec1(), self.verified.der())
    }

    fn judged(self) -> Result<Verdict, Flaw> {
        let (device, verified) = (self.device_chain(), self.verified_chain());
        self.judge(device, verified)
    }

    /// The verdict on these chains.
    fn judge(self, device: Vec<Vec<u8>>, verified: Vec<Vec<u8>>) -> Result<Verdict, Flaw> {
        self.judge_bytes(&AndroidKey { device, verified }.encode().unwrap())
    }

    fn judge_bytes(self, bytes: &[u8]) -> Result<Verdict, Flaw> {
        let (device, verified) = (key(1), key(2));
        let expected = Expectations {
            offer: offer(),
            ticket: ticket(),
            device: &device,
            verified: &verified,
            kind: self.kind,
            client_data: None,
            now: self.now,
        };
        let evidence = Evidence { fmt: EvidenceFormat::AndroidKey, data: base64url::encode(bytes) };
        Trust { android: Some(self.trust), apple: None }.verify(&evidence, &expected)
    }
}

/// What is said where what the hardware says of both keys differs.
fn differing(differ: impl Fn(&mut Description)) -> Result<Verdict, Flaw> {
    let mut of_device = Case::new();
    differ(&mut of_device.device);
    let mut of_verified = Case::new();
    differ(&mut of_verified.verified);
    let (of_device, of_verified) = (of_device.judged(), of_verified.judged());
    assert_eq!(of_device.as_ref().err(), of_verified.as_ref().err(), "either key alone is judged the same");
    of_device
}

/// What is said of the `verified` key alone where it differs: its level, and the flaw that is kept.
fn of_verified(kind: VerifiedKind, differ: impl FnOnce(&mut Description)) -> (KeyLevel, Option<Flaw>) {
    let mut case = Case { kind, ..Case::new() };
    differ(&mut case.verified);
    let verdict = case.judged().unwrap();
    assert_eq!(verdict.level, KeyLevel::Attested, "the device key is as good as before");
    (verdict.verified_level, verdict.attestation.failed)
}

/// What is said where the platform's authorities differ.
fn under(differ: impl Fn(usize, &mut rcgen::CertificateParams)) -> Result<Verdict, Flaw> {
    Case::of(Platform::with(Root::P384, differ)).judged()
}

#[test]
fn sound_chains_to_roots_of_both_sorts_attest_both_keys() {
    for root in [Root::Rsa, Root::P384] {
        let verdict = Case::of(Platform::new(root)).judged().unwrap();
        assert_eq!((verdict.level, verdict.verified_level), (KeyLevel::Attested, KeyLevel::Attested), "{root:?}");
        let attestation = verdict.attestation;
        assert_eq!(attestation.security_level, Some(SecurityLevel::TrustedEnvironment));
        assert_eq!(attestation.patch_level, Some(202_611));
        assert_eq!(attestation.app.as_deref(), Some(PACKAGE));
        assert_eq!(attestation.failed, None);
    }
}

#[test]
fn a_strong_box_attests_and_is_told_apart() {
    let mut case = Case::new();
    (case.verified.attestation_level, case.verified.level) = (2, 2);
    let verdict = case.judged().unwrap();
    assert_eq!(verdict.verified_level, KeyLevel::Attested);
    assert_eq!(verdict.attestation.security_level, Some(SecurityLevel::TrustedEnvironment));
    assert_eq!(verdict.attestation.verified_security_level, Some(SecurityLevel::StrongBox));
}

#[test]
fn the_hash_that_is_kept_is_of_the_evidence_as_it_was_sent() {
    let case = Case::new();
    let sent = AndroidKey { device: case.device_chain(), verified: case.verified_chain() }.encode().unwrap();
    assert_eq!(case.judge_bytes(&sent).unwrap().attestation.evidence, Digest::of(&sent));
}

#[test]
fn the_root_may_be_sent_along_and_nothing_else() {
    let case = Case::new();
    let with_root = |mut chain: Vec<Vec<u8>>| {
        chain.push(case.platform.root_der());
        chain
    };
    let (device, verified) = (with_root(case.device_chain()), with_root(case.verified_chain()));
    assert!(case.judge(device, verified).is_ok());
    let case = Case::new();
    let (mut device, verified) = (case.device_chain(), case.verified_chain());
    device.push(Platform::new(Root::P384).root_der());
    assert_eq!(case.judge(device, verified), Err(Flaw::BrokenChain));
}

#[test]
fn a_chain_is_in_its_order_and_whole() {
    let case = Case::new();
    let (mut device, verified) = (case.device_chain(), case.verified_chain());
    device.swap(1, 2);
    assert_eq!(case.judge(device, verified), Err(Flaw::BrokenChain));
    let case = Case::new();
    let (mut device, verified) = (case.device_chain(), case.verified_chain());
    device.remove(1);
    assert_eq!(case.judge(device, verified), Err(Flaw::UnknownRoot));
}

#[test]
fn evidence_that_is_not_two_chains_is_unreadable() {
    for bytes in [&b""[..], b"\0\0", b"\x01\x00\x01x", b"certificates"] {
        assert_eq!(Case::new().judge_bytes(bytes), Err(Flaw::Unreadable));
    }
    let case = Case::new();
    let verified = case.verified_chain();
    assert_eq!(case.judge(vec![b"no certificate".to_vec()], verified), Err(Flaw::UnreadableCertificate));
}

#[test]
fn only_configured_roots_are_believed() {
    let mut case = Case::new();
    let other = Platform::new(Root::P384);
    case.trust.roots = TrustAnchors::from_pem(other.root_pem().as_bytes()).unwrap();
    // Its names are the same; its key is not.
    assert_eq!(case.judged(), Err(Flaw::BrokenChain));
    let mut case = Case::of(Platform::with(Root::P384, |depth, it| {
        if depth == 0 {
            it.distinguished_name.push(rcgen::DnType::OrganizationName, "Else");
        }
    }));
    case.trust.roots = TrustAnchors::from_pem(other.root_pem().as_bytes()).unwrap();
    assert_eq!(case.judged(), Err(Flaw::UnknownRoot));
}

#[test]
fn every_certificate_is_judged_by_the_servers_clock() {
    for depth in [0, 1, 2] {
        let expected = if depth == 0 { Flaw::UnknownRoot } else { Flaw::OutOfTime };
        let ended = under(|at, it| {
            if at == depth {
                it.not_after = date_time_ymd(2026, 11, 20);
            }
        });
        assert_eq!(ended, Err(expected), "{depth} has ended");
        let not_begun = under(|at, it| {
            if at == depth {
                it.not_before = date_time_ymd(2026, 11, 22);
            }
        });
        assert_eq!(not_begun, Err(expected), "{depth} has not begun");
    }
    for (begin, end) in [((2026, 11, 22), (2090, 1, 1)), ((2020, 1, 1), (2026, 11, 20))] {
        let case = Case::new();
        let device = case.platform.attest_with(key(1).to_sec1(), Some(case.device.der()), |leaf| {
            leaf.not_before = date_time_ymd(begin.0, begin.1, begin.2);
            leaf.not_after = date_time_ymd(end.0, end.1, end.2);
        });
        let verified = case.verified_chain();
        assert_eq!(case.judge(device, verified), Err(Flaw::OutOfTime));
    }
    let later = Case { now: Timestamp::from_unix_seconds(3_900_000_000), ..Case::new() };
    assert!(later.judged().is_err(), "in the year 2093 nothing of it holds");
}

#[test]
fn every_issuer_is_an_authority_that_may_sign_certificates() {
    for depth in [1, 2] {
        let no_authority = under(|at, it| {
            if at == depth {
                it.is_ca = IsCa::ExplicitNoCa;
            }
        });
        assert_eq!(no_authority, Err(Flaw::NotAnIssuer), "{depth}");
        let unsaid = under(|at, it| {
            if at == depth {
                it.is_ca = IsCa::NoCa;
            }
        });
        assert_eq!(unsaid, Err(Flaw::NotAnIssuer), "{depth}");
        let other_usage = under(|at, it| {
            if at == depth {
                it.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
            }
        });
        assert_eq!(other_usage, Err(Flaw::NotAnIssuer), "{depth}");
        let no_usage = under(|at, it| {
            if at == depth {
                it.key_usages = Vec::new();
            }
        });
        assert_eq!(no_usage, Err(Flaw::NotAnIssuer), "{depth}");
    }
}

#[test]
fn path_lengths_hold() {
    let constrained = |depth: usize, length: u8| {
        under(move |at, it| {
            if at == depth {
                it.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
            }
        })
    };
    assert!(constrained(1, 1).is_ok() && constrained(2, 0).is_ok());
    assert_eq!(constrained(1, 0), Err(Flaw::PathLength));
}

#[test]
fn one_flipped_bit_breaks_a_chain() {
    for certificate in 0..3 {
        let case = Case::new();
        let (mut device, verified) = (case.device_chain(), case.verified_chain());
        *device[certificate].last_mut().unwrap() ^= 1;
        let flaw = case.judge(device, verified).unwrap_err();
        assert!([Flaw::BrokenChain, Flaw::UnreadableCertificate].contains(&flaw), "{flaw:?}");
    }
}

#[test]
fn what_the_platforms_maker_revoked_counts_no_more() {
    let numbered = || {
        Platform::with(Root::P384, |depth, it| {
            it.serial_number = Some(SerialNumber::from(vec![0x0a, u8::try_from(depth).unwrap()]));
        })
    };
    let judged = |serial: &str| {
        let mut case = Case::of(numbered());
        let list = format!(r#"{{"entries":{{"{serial}":{{"status":"REVOKED"}}}}}}"#);
        case.trust.revoked = Revoked::parse(list.as_bytes()).unwrap();
        case.judged()
    };
    assert!(judged("a03").is_ok());
    assert_eq!(judged("a01"), Err(Flaw::Revoked));
    assert_eq!(judged("a02"), Err(Flaw::Revoked));
}

#[test]
fn a_leaf_without_the_extension_says_nothing() {
    let case = Case::new();
    let device = case.platform.attest_with(key(1).to_sec1(), None, |_| {});
    let verified = case.verified_chain();
    assert_eq!(case.judge(device, verified), Err(Flaw::NoExtension));
}

/// Somebody's attested key, good as it is, signs for another key what it likes.
#[test]
fn an_attested_key_attests_no_other() {
    for forged in [true, false] {
        let case = Case::new();
        let own = case.device.der();
        let device = case.platform.forge(own.clone(), key(1).to_sec1(), forged.then_some(own));
        let verified = case.verified_chain();
        assert_eq!(case.judge(device, verified), Err(Flaw::ExtensionAboveLeaf), "forged: {forged}");
    }
}

#[test]
fn the_extension_stands_there_once() {
    let case = Case::new();
    let device = case.platform.attest_with(key(1).to_sec1(), Some(case.device.der()), |leaf| {
        leaf.custom_extensions.push(leaf.custom_extensions[0].clone());
    });
    let verified = case.verified_chain();
    assert_eq!(case.judge(device, verified), Err(Flaw::UnreadableCertificate));
}

#[test]
fn the_leaf_is_of_the_phones_key_and_of_the_right_one() {
    let case = Case::new();
    let device = case.platform.attest(key(3).to_sec1(), case.device.der());
    let verified = case.verified_chain();
    assert_eq!(case.judge(device, verified), Err(Flaw::OtherKey));
    let case = Case::new();
    let (device, verified) = (case.device_chain(), case.verified_chain());
    assert_eq!(case.judge(verified, device), Err(Flaw::OtherKey), "exchanged");
}

#[test]
fn an_extension_that_cannot_be_read_is_none() {
    let good = Case::new().device.der();
    let cut = good[..good.len() - 1].to_vec();
    let longer = [&good[..], &[5, 0]].concat();
    for damaged in [Vec::new(), cut, longer, vec![0x30, 0]] {
        let case = Case::new();
        let device = case.platform.attest(key(1).to_sec1(), damaged);
        let verified = case.verified_chain();
        assert_eq!(case.judge(device, verified), Err(Flaw::UnreadableExtension));
    }
    let twice = differing(|it| it.hardware.more = tagged(702, &integer(0)));
    assert_eq!(twice, Err(Flaw::UnreadableExtension), "an origin twice");
    assert!(differing(|it| it.hardware.more = tagged(799, &integer(0))).is_ok(), "what newer phones say");
}

#[test]
fn the_challenge_is_of_the_offer_and_for_the_device_key_may_be_of_the_ticket() {
    let other = attestation_challenge(&Digest::of(b"another offer"));
    assert_eq!(differing(|it| it.challenge = other.as_bytes().to_vec()), Err(Flaw::Challenge));
    assert_eq!(differing(|it| it.challenge = offer().as_bytes().to_vec()), Err(Flaw::Challenge), "without its label");
    assert_eq!(differing(|it| it.challenge.truncate(31)), Err(Flaw::Challenge));
    let of_ticket = attestation_challenge(&ticket()).as_bytes().to_vec();
    let mut case = Case::new();
    case.device.challenge.clone_from(&of_ticket);
    assert!(case.judged().is_ok());
    let mut case = Case::new();
    case.verified.challenge = of_ticket;
    assert_eq!(case.judged(), Err(Flaw::Challenge));
}

#[test]
fn attestation_and_key_are_the_hardwares() {
    for software in [0, 3] {
        assert_eq!(differing(|it| it.attestation_level = software), Err(Flaw::AttestationSecurityLevel));
        assert_eq!(differing(|it| it.level = software), Err(Flaw::KeySecurityLevel));
    }
}

#[test]
fn the_key_was_generated_there() {
    for other in [Some(1), Some(2), Some(3), None] {
        assert_eq!(differing(|it| it.hardware.origin = other), Err(Flaw::Origin));
    }
    let by_the_system = differing(|it| (it.hardware.origin, it.software.origin) = (None, Some(0)));
    assert_eq!(by_the_system, Err(Flaw::Origin));
}

#[test]
fn the_key_signs_and_does_nothing_else() {
    for purposes in [vec![], vec![3], vec![2, 3], vec![2, 7], vec![6]] {
        assert_eq!(differing(|it| it.hardware.purposes.clone_from(&purposes)), Err(Flaw::Purpose), "{purposes:?}");
    }
    let by_the_system = differing(|it| it.software.purposes = std::mem::take(&mut it.hardware.purposes));
    assert_eq!(by_the_system, Err(Flaw::Purpose));
}

#[test]
fn a_verified_key_that_needs_no_user_is_no_more_than_claimed() {
    let flaw = (KeyLevel::Claimed, Some(Flaw::NoAuthentication));
    let kind = VerifiedKind::Biometric;
    assert_eq!(of_verified(kind, |it| it.hardware.needs_no_user = true), flaw);
    assert_eq!(of_verified(kind, |it| it.software.needs_no_user = true), flaw);
    assert_eq!(of_verified(kind, |it| it.hardware.user_types = None), flaw);
    let by_the_system = of_verified(kind, |it| (it.hardware.user_types, it.software.user_types) = (None, Some(2)));
    assert_eq!(by_the_system, flaw);
}

#[test]
fn a_verified_key_that_is_unlocked_for_a_while_is_no_more_than_claimed() {
    let flaw = (KeyLevel::Claimed, Some(Flaw::NotPerUse));
    for seconds in [0, 30] {
        assert_eq!(of_verified(VerifiedKind::Biometric, |it| it.hardware.timeout = Some(seconds)), flaw);
        assert_eq!(of_verified(VerifiedKind::Biometric, |it| it.software.timeout = Some(seconds)), flaw);
    }
}

#[test]
fn a_verified_key_is_unlocked_by_what_its_kind_allows() {
    let (attested, flaw) = ((KeyLevel::Attested, None), (KeyLevel::Claimed, Some(Flaw::AuthenticationType)));
    for (kind, types, expected) in [
        (VerifiedKind::Biometric, 2, attested),
        (VerifiedKind::Biometric, 3, flaw),
        (VerifiedKind::Biometric, 1, flaw),
        (VerifiedKind::Biometric, 0, flaw),
        (VerifiedKind::Credential, 3, attested),
        (VerifiedKind::Credential, 2, attested),
        (VerifiedKind::Credential, 1, attested),
        (VerifiedKind::Credential, 0, flaw),
        (VerifiedKind::Credential, 7, flaw),
        (VerifiedKind::Credential, 4, flaw),
    ] {
        assert_eq!(of_verified(kind, |it| it.hardware.user_types = Some(types)), expected, "{kind:?} {types}");
    }
}

#[test]
fn the_app_is_the_realms_and_so_is_its_signer() {
    let app = |package: &str, digests: &[[u8; 32]]| {
        let app = Some((package.to_owned(), digests.to_vec()));
        differing(|it| it.software.app.clone_from(&app))
    };
    assert!(app(PACKAGE, &[SIGNER]).is_ok());
    assert_eq!(app("com.example.other", &[SIGNER]), Err(Flaw::App));
    assert_eq!(app("com.example.app2", &[SIGNER]), Err(Flaw::App));
    assert_eq!(app(PACKAGE, &[[1; 32]]), Err(Flaw::AppSignature));
    assert_eq!(app(PACKAGE, &[SIGNER, [1; 32]]), Err(Flaw::AppSignature), "one signer more");
    assert_eq!(app(PACKAGE, &[]), Err(Flaw::AppSignature));
    assert_eq!(differing(|it| it.software.app = None), Err(Flaw::App));
}

#[test]
fn the_phone_started_from_what_its_maker_signed_unless_the_realm_does_not_mind() {
    let cases = [
        (None, Flaw::NoRootOfTrust),
        (Some((true, 1)), Flaw::BootState),
        (Some((true, 2)), Flaw::BootState),
        (Some((true, 3)), Flaw::BootState),
        (Some((false, 0)), Flaw::Unlocked),
    ];
    for (root_of_trust, flaw) in cases {
        assert_eq!(differing(|it| it.hardware.root_of_trust = root_of_trust), Err(flaw));
        let mut case = Case::new();
        case.trust.boot = Boot::Any;
        case.device.hardware.root_of_trust = root_of_trust;
        assert!(case.judged().is_ok(), "{root_of_trust:?}");
    }
    let by_the_system = differing(|it| it.software.root_of_trust = std::mem::take(&mut it.hardware.root_of_trust));
    assert_eq!(by_the_system, Err(Flaw::NoRootOfTrust));
}

#[test]
fn an_old_system_is_told_and_not_refused() {
    let verdict = differing(|it| it.hardware.patch_level = Some(201_901)).unwrap();
    assert_eq!(verdict.level, KeyLevel::Attested);
    let mut case = Case::new();
    case.device.hardware.patch_level = None;
    assert_eq!(case.judged().unwrap().attestation.patch_level, None);
}

#[test]
fn a_realm_that_believes_no_roots_believes_nothing() {
    let evidence = Evidence { fmt: EvidenceFormat::AndroidKey, data: String::new() };
    let expected = Expectations {
        offer: offer(),
        ticket: ticket(),
        device: &key(1),
        verified: &key(2),
        kind: VerifiedKind::Biometric,
        client_data: None,
        now: NOW,
    };
    assert_eq!(Trust::default().verify(&evidence, &expected), Err(Flaw::NotConfigured));
    assert_eq!(Trust::default().verify(&Evidence::none(), &expected), Err(Flaw::NoEvidence));
    let not_base64url = Evidence { data: "=".to_owned(), ..evidence };
    assert_eq!(Trust::default().verify(&not_base64url, &expected), Err(Flaw::Unreadable));
}
