//! Apple App Attest.

use protocol::messages::{Evidence, EvidenceFormat, KeyLevel, VerifiedKind};
use protocol::{Digest, base64url};
use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose, date_time_ymd};
use server::attestation::apple::{self, Environment};
use server::attestation::{Expectations, Trust, Verdict};
use server::certificates::TrustAnchors;
use server::domain::attestation::Flaw;

use crate::platform::{APPLE_APP, AppAttest, Platform, Root, object};
use crate::{NOW, key, offer, ticket};

fn client_data() -> Digest {
    Digest::of(b"the finish payload")
}

/// What is said of this object by whoever believes this platform.
fn judged_with(trust: apple::Trust, bytes: &[u8], client_data: Option<Digest>) -> Result<Verdict, Flaw> {
    let expected = Expectations {
        offer: offer(),
        ticket: ticket(),
        device: &key(1),
        verified: &key(2),
        kind: VerifiedKind::Biometric,
        client_data,
        now: NOW,
    };
    let evidence = Evidence { fmt: EvidenceFormat::AppleAppAttest, data: base64url::encode(bytes) };
    Trust { android: None, apple: Some(trust) }.verify(&evidence, &expected)
}

fn believing(platform: &Platform) -> apple::Trust {
    let roots = TrustAnchors::from_pem(platform.root_pem().as_bytes()).unwrap();
    apple::Trust { roots, apps: vec![APPLE_APP.to_owned()], environment: Environment::Production }
}

/// What is said where something of the object differs.
fn differing(differ: impl FnOnce(&mut AppAttest)) -> Result<Verdict, Flaw> {
    let platform = Platform::new(Root::P384);
    let mut said = AppAttest::default();
    differ(&mut said);
    judged_with(believing(&platform), &said.over(&platform, &client_data()), Some(client_data()))
}

/// What is said where Apple's authorities differ.
fn under(differ: impl Fn(usize, &mut rcgen::CertificateParams)) -> Result<Verdict, Flaw> {
    let platform = Platform::with(Root::P384, differ);
    let bytes = AppAttest::default().over(&platform, &client_data());
    judged_with(believing(&platform), &bytes, Some(client_data()))
}

#[test]
fn a_sound_object_proves_the_app_for_both_keys() {
    let platform = Platform::new(Root::P384);
    let bytes = AppAttest::default().over(&platform, &client_data());
    let verdict = judged_with(believing(&platform), &bytes, Some(client_data())).unwrap();
    assert_eq!((verdict.level, verdict.verified_level), (KeyLevel::App, KeyLevel::App));
    assert_eq!(verdict.attestation.app.as_deref(), Some(APPLE_APP));
    assert_eq!(verdict.attestation.evidence, Digest::of(&bytes));
}

#[test]
fn the_object_is_cbor_with_its_three_members_and_nothing_behind() {
    let platform = Platform::new(Root::P384);
    let good = AppAttest::default().over(&platform, &client_data());
    let judged = |bytes: &[u8]| judged_with(believing(&platform), bytes, Some(client_data()));
    assert!(judged(&good).is_ok());
    for length in 0..good.len() {
        assert_eq!(judged(&good[..length]), Err(Flaw::Unreadable), "cut after {length}");
    }
    assert_eq!(judged(&[&good[..], &[0]].concat()), Err(Flaw::Unreadable), "something behind it");
    let twice = [&[0xa4][..], &good[1..], b"\x63fmt\x6fapple-appattest"].concat();
    assert_eq!(judged(&twice), Err(Flaw::Unreadable), "a member twice");
    let more = [&[0xa4][..], &good[1..], b"\x63new\xf5"].concat();
    assert!(judged(&more).is_ok(), "what is unknown is left alone");
    let endless = [&[0xbf][..], &good[1..], &[0xff]].concat();
    assert_eq!(judged(&endless), Err(Flaw::Unreadable), "a map of no length");
    assert_eq!(judged(&object("apple-appattest", &[], b"")), Err(Flaw::Unreadable), "no authenticator data");
}

#[test]
fn another_format_is_another_format() {
    assert_eq!(differing(|it| it.format = "packed".to_owned()), Err(Flaw::Format));
}

#[test]
fn the_chain_leads_to_the_configured_root() {
    let (platform, other) = (Platform::new(Root::P384), Platform::new(Root::P384));
    let bytes = AppAttest::default().over(&platform, &client_data());
    assert_eq!(judged_with(believing(&other), &bytes, Some(client_data())), Err(Flaw::BrokenChain));
    let mut data = [0; 55];
    data[32] = 0x40;
    let alone = judged_with(believing(&platform), &object("apple-appattest", &[], &data), Some(client_data()));
    assert_eq!(alone, Err(Flaw::UnreadableCertificate), "no certificate at all");
}

#[test]
fn the_chain_holds_at_the_servers_clock_and_by_the_rules_of_issuers() {
    for depth in [1, 2] {
        let judged = |differ: fn(&mut rcgen::CertificateParams)| {
            under(move |at, it| {
                if at == depth {
                    differ(it);
                }
            })
        };
        assert_eq!(judged(|it| it.not_after = date_time_ymd(2026, 11, 20)), Err(Flaw::OutOfTime));
        assert_eq!(judged(|it| it.not_before = date_time_ymd(2026, 11, 22)), Err(Flaw::OutOfTime));
        assert_eq!(judged(|it| it.is_ca = IsCa::ExplicitNoCa), Err(Flaw::NotAnIssuer));
        assert_eq!(judged(|it| it.key_usages = vec![KeyUsagePurpose::CrlSign]), Err(Flaw::NotAnIssuer));
    }
    let short = under(|at, it| {
        if at == 1 {
            it.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }
    });
    assert_eq!(short, Err(Flaw::PathLength));
}

#[test]
fn the_leaf_was_issued_for_this_message() {
    let platform = Platform::new(Root::P384);
    let bytes = AppAttest::default().over(&platform, &client_data());
    let other = Some(Digest::of(b"another payload"));
    assert_eq!(judged_with(believing(&platform), &bytes, other), Err(Flaw::Challenge));
    assert_eq!(judged_with(believing(&platform), &bytes, None), Err(Flaw::Challenge), "a message that has no hash");
    assert_eq!(differing(|it| it.nonce = Some(vec![1; 32])), Err(Flaw::Challenge));
    assert_eq!(differing(|it| it.nonce = Some(vec![1; 31])), Err(Flaw::Challenge));
    assert_eq!(differing(|it| it.nonce = Some(Vec::new())), Err(Flaw::NoNonce));
}

#[test]
fn authenticator_data_that_was_exchanged_does_not_fit_the_nonce() {
    let platform = Platform::new(Root::P384);
    let mut bytes = AppAttest::default().over(&platform, &client_data());
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    assert_eq!(judged_with(believing(&platform), &bytes, Some(client_data())), Err(Flaw::Challenge));
}

#[test]
fn the_key_id_is_the_leafs() {
    assert_eq!(differing(|it| it.key_id = Some(vec![1; 32])), Err(Flaw::KeyId));
    assert_eq!(differing(|it| it.key_id = Some(Vec::new())), Err(Flaw::KeyId));
}

#[test]
fn the_app_is_the_realms() {
    for other in ["ABCDE12345.com.example.other", "ABCDE12346.com.example.app", "com.example.app"] {
        assert_eq!(differing(|it| it.app = other.to_owned()), Err(Flaw::App), "{other}");
    }
}

#[test]
fn a_key_that_has_signed_before_is_not_new() {
    assert_eq!(differing(|it| it.counter = 1), Err(Flaw::Counter));
}

#[test]
fn each_environment_is_believed_where_it_is_expected() {
    let development = *b"appattestdevelop";
    assert_eq!(differing(|it| it.aaguid = development), Err(Flaw::Environment));
    assert_eq!(differing(|it| it.aaguid = [0; 16]), Err(Flaw::Environment));
    let platform = Platform::new(Root::P384);
    let judged = |aaguid: Option<[u8; 16]>| {
        let said = AppAttest { aaguid: aaguid.unwrap_or(AppAttest::default().aaguid), ..AppAttest::default() };
        let trust = apple::Trust { environment: Environment::Development, ..believing(&platform) };
        judged_with(trust, &said.over(&platform, &client_data()), Some(client_data()))
    };
    assert!(judged(Some(development)).is_ok());
    assert_eq!(judged(None), Err(Flaw::Environment));
}
