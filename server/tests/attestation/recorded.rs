//! What real phones said, as others recorded and published it (`server/vectors/attestation`).
//!
//! Google's chain was made over the word "challenge", and the app's signer is Google's: so it ends at our challenge, with
//! everything before that believed. Apple's was made over a hash that stands beside it, and is believed to the end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::evidence::AndroidKey;
use protocol::messages::{Evidence, EvidenceFormat, KeyLevel, VerifiedKind};
use protocol::{Digest, Jwk, base64url};
use serde_json::Value;
use server::attestation::android::description::{KeyDescription, RootOfTrust};
use server::attestation::android::{self, App, Boot};
use server::attestation::apple::{self, Environment};
use server::attestation::revoked::Revoked;
use server::attestation::{Expectations, Trust, Verdict};
use server::certificates::TrustAnchors;
use server::domain::attestation::Flaw;
use server::domain::time::Timestamp;

use crate::platform::object;
use crate::{key, offer, ticket};

const GOOGLE: &str = include_str!("../../vectors/attestation/google.pem");
const FORGED: &str = include_str!("../../vectors/attestation/google-forged.pem");
const APPLE: &str = include_str!("../../vectors/attestation/apple.json");
const APPLE_ROOT: &str = include_str!("../../vectors/attestation/apple-root.pem");

/// 2023-03-08, when Google's were made.
const THEN: Timestamp = Timestamp::from_unix_seconds(1_678_290_000);

fn ders(pem: &str) -> Vec<Vec<u8>> {
    let parts = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let text = |part: &str| part.split("-----END").next().unwrap().replace('\n', "");
    parts.map(|part| STANDARD.decode(text(part)).unwrap()).collect()
}

/// The key that a chain's leaf has, read from where P-256 keys stand in it.
fn leaf_key(chain: &[Vec<u8>]) -> Jwk {
    let before = b"\x03\x42\x00\x04";
    let at = chain[0].windows(4).position(|window| window == before).unwrap();
    Jwk::from_sec1(&chain[0][at + 3..at + 68]).unwrap()
}

fn expected<'e>(device: &'e Jwk, verified: &'e Jwk, client_data: Option<Digest>, now: Timestamp) -> Expectations<'e> {
    Expectations { offer: offer(), ticket: ticket(), device, verified, kind: VerifiedKind::Biometric, client_data, now }
}

fn by_google(chain: &[Vec<u8>], revoked: &[u8], now: Timestamp) -> Result<Verdict, Flaw> {
    let trust = android::Trust {
        // The last certificate of the file is Google's root.
        roots: TrustAnchors::from_pem(&GOOGLE.as_bytes()[GOOGLE.rfind("-----BEGIN").unwrap()..]).unwrap(),
        apps: vec![App { package: "com.google.attestationexample".to_owned(), digests: Vec::new() }],
        revoked: Revoked::parse(revoked).unwrap(),
        boot: Boot::Verified,
    };
    let sent = AndroidKey { device: chain.to_vec(), verified: chain.to_vec() };
    let evidence = Evidence { fmt: EvidenceFormat::AndroidKey, data: base64url::encode(&sent.encode().unwrap()) };
    let key = leaf_key(chain);
    Trust { android: Some(trust), apple: None }.verify(&evidence, &expected(&key, &key, None, now))
}

const NOBODY: &[u8] = br#"{"entries":{}}"#;

#[test]
fn a_real_phones_chain_is_believed_up_to_the_challenge_that_is_not_ours() {
    let chain = ders(GOOGLE);
    assert_eq!(by_google(&chain, NOBODY, THEN), Err(Flaw::Challenge), "with the root at its end");
    assert_eq!(by_google(&chain[..4], NOBODY, THEN), Err(Flaw::Challenge), "without it");
    assert_eq!(by_google(&chain[..3], NOBODY, THEN), Err(Flaw::UnknownRoot), "one issuer less");
}

#[test]
fn a_real_phones_chain_is_not_believed_years_later() {
    assert_eq!(by_google(&ders(GOOGLE), NOBODY, crate::NOW), Err(Flaw::OutOfTime));
}

#[test]
fn a_real_authority_that_is_revoked_is_not_believed() {
    let list = br#"{"entries":{"d05facf443ed535548d994f6845e6d3c":{"status":"REVOKED","reason":"KEY_COMPROMISE"}}}"#;
    assert_eq!(by_google(&ders(GOOGLE), list, THEN), Err(Flaw::Revoked));
}

/// The published forgery: keys that were attested for real sign for a key of somebody's own.
#[test]
fn the_published_forgery_by_attested_keys_is_refused() {
    let forged = [ders(FORGED), ders(GOOGLE)[1..].to_vec()].concat();
    assert!(matches!(by_google(&forged, NOBODY, THEN), Err(Flaw::NotAnIssuer | Flaw::BrokenChain)));
    // Each of the keys below the authorities, too, was attested for another purpose than to sign.
    let last = [ders(FORGED)[3..].to_vec(), ders(GOOGLE)[1..].to_vec()].concat();
    assert_eq!(by_google(&last, NOBODY, THEN), Err(Flaw::Challenge));
}

#[test]
fn what_a_real_phone_says_of_its_key_is_read() {
    let leaf = &ders(GOOGLE)[0];
    let oid = b"\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x01\x11\x04\x82";
    let at = leaf.windows(oid.len()).position(|window| window == oid).unwrap() + oid.len();
    let length = usize::from(u16::from_be_bytes([leaf[at], leaf[at + 1]]));
    let read = KeyDescription::parse(&leaf[at + 2..at + 2 + length]).unwrap();
    assert_eq!((read.attestation_security_level, read.security_level), (1, 1));
    assert_eq!(read.challenge, b"challenge");
    assert_eq!((read.hardware.purposes.as_slice(), read.hardware.origin), (&[2][..], Some(0)));
    assert!(read.hardware.needs_no_user);
    assert_eq!(read.hardware.root_of_trust, Some(RootOfTrust { is_locked: true, boot_state: 0 }));
    assert_eq!(read.hardware.patch_level, Some(202_302));
    let app = read.software.app.unwrap();
    assert_eq!(app.packages, ["com.google.attestationexample"]);
    assert_eq!(app.digests.iter().map(Vec::len).collect::<Vec<_>>(), [32]);
}

/// The object, the root's verdict on it, at the time when it was made.
fn by_apple(differ: impl FnOnce(&mut apple::Trust, &mut Digest)) -> Result<Verdict, Flaw> {
    let recorded: Value = serde_json::from_str(APPLE).unwrap();
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let chain: Vec<_> = recorded["x5c"].as_array().unwrap().iter().map(bytes).collect();
    let object = object("apple-appattest", &chain, &bytes(&recorded["authData"]));
    let mut hash = Digest::from_bytes(bytes(&recorded["clientDataHash"]).try_into().unwrap());
    let mut trust = apple::Trust {
        roots: TrustAnchors::from_pem(APPLE_ROOT.as_bytes()).unwrap(),
        apps: vec![recorded["app"].as_str().unwrap().to_owned()],
        environment: Environment::Development,
    };
    differ(&mut trust, &mut hash);
    let evidence = Evidence { fmt: EvidenceFormat::AppleAppAttest, data: base64url::encode(&object) };
    let then = Timestamp::from_unix_seconds(1_603_386_032);
    let (device, verified) = (key(1), key(2));
    Trust { android: None, apple: Some(trust) }.verify(&evidence, &expected(&device, &verified, Some(hash), then))
}

#[test]
fn a_real_iphones_object_is_believed_to_the_end() {
    let verdict = by_apple(|_, _| {}).unwrap();
    assert_eq!((verdict.level, verdict.verified_level), (KeyLevel::App, KeyLevel::App));
}

#[test]
fn a_real_iphones_object_is_about_one_message_one_app_and_one_environment() {
    assert_eq!(by_apple(|_, hash| *hash = offer()), Err(Flaw::Challenge));
    assert_eq!(by_apple(|trust, _| trust.apps = vec!["6MURL8TA57.de.example".to_owned()]), Err(Flaw::App));
    assert_eq!(by_apple(|trust, _| trust.environment = Environment::Production), Err(Flaw::Environment));
}
