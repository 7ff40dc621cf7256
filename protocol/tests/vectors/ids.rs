//! Identifiers, keys and routes as text.

use protocol::crypto::{Sign as _, p256};
use protocol::endpoints;
use protocol::messages::Proof;
use protocol::problem::Problem;
use protocol::{DeviceId, Digest, Jwk, KeyRef, KeyRole, Nonce, TicketCode, base64url};
use serde_json::json;

#[test]
fn an_id_has_one_spelling() {
    let id = DeviceId::from_bytes([0xfb; 16]);
    assert_eq!(id.to_string(), "-_v7-_v7-_v7-_v7-_v7-w");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in [
        "",
        "-_v7-_v7-_v7-_v7-_v7-x",
        "-_v7-_v7-_v7-_v7-_v7-w==",
        "+/v7+/v7+/v7+/v7+/v7+w",
        "-_v7-_v7-_v7-_v7-_v7",
        "-_v7-_v7-_v7-_v7-_v7-_v7",
    ] {
        assert!(text.parse::<DeviceId>().is_err(), "{text}");
    }
}

#[test]
fn base64url_is_decoded_strictly() {
    assert_eq!(base64url::decode("AQI"), Ok(vec![1, 2]));
    assert_eq!(base64url::decode(""), Ok(vec![]));
    for text in ["AQI=", "AQJ", "A", "AQ I", "AQI\n", "AQ/+", "AQ."] {
        assert!(base64url::decode(text).is_err(), "{text:?}");
    }
    assert_eq!(base64url::decode_exact("AQI"), Ok([1, 2]));
    assert!(base64url::decode_exact::<1>("AQI").is_err());
    assert!(base64url::decode_exact::<3>("AQI").is_err());
}

#[test]
fn a_key_reference_names_device_and_role() {
    let device = DeviceId::from_bytes([7; 16]);
    for (role, name) in [(KeyRole::Device, "device"), (KeyRole::Verified, "verified")] {
        let key = KeyRef { device, role };
        assert_eq!(key.to_string(), format!("{device}#{name}"));
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    for text in [
        format!("{device}"),
        format!("{device}#sealing"),
        format!("{device}#"),
        format!("#{device}"),
        format!("{device}#device#device"),
        format!("{device}#Device"),
    ] {
        assert!(text.parse::<KeyRef>().is_err(), "{text}");
    }
}

#[test]
fn a_ticket_code_is_compared_and_never_printed() {
    let code = TicketCode::from_bytes([1; 16]);
    assert_eq!(code, TicketCode::from_bytes([1; 16]));
    assert_ne!(code, TicketCode::from_bytes([2; 16]));
    assert_eq!(format!("{code:?}"), "TicketCode(…)");
}

#[test]
fn secrets_are_not_printed() {
    let key = p256::SigningKey::from_bytes(&[5; 32]).expect("a key");
    let agreement = p256::AgreementKey::from_bytes(&[5; 32]).expect("a key");
    let signature = key.sign(b"x").expect("signs");
    assert_eq!(format!("{key:?}{agreement:?}{signature:?}"), "SigningKey(…)AgreementKey(…)Signature(…)");
}

#[test]
fn a_public_key_converts_from_and_to_its_point() {
    let jwk = Jwk::from_coordinates([1; 32], [2; 32]);
    let point = jwk.to_sec1();
    assert_eq!(Jwk::from_sec1(&point), Some(jwk));
    assert_eq!(Jwk::from_sec1(&point[..64]), None);
    assert_eq!(Jwk::from_sec1(&[&point[..], &[0]].concat()), None);
    assert_eq!(Jwk::from_sec1(&[]), None);
    for form in [0, 2, 3, 5, 6, 7] {
        let mut other = point;
        other[0] = form;
        assert_eq!(Jwk::from_sec1(&other), None, "form {form}");
    }
}

#[test]
fn a_private_key_is_no_public_key() {
    let with = |member: &str, value: serde_json::Value| {
        let mut jwk = serde_json::to_value(Jwk::from_coordinates([1; 32], [2; 32])).expect("JSON");
        jwk[member] = value;
        serde_json::from_value::<Jwk>(jwk)
    };
    assert!(with("kid", json!("ignored")).is_ok());
    for value in [json!(base64url::encode(&[1; 32])), json!(null), json!({})] {
        assert!(with("d", value).is_err());
    }
    assert!(with("kty", json!("RSA")).is_err());
    assert!(with("crv", json!("secp256k1")).is_err());
    assert!(with("x", json!(base64url::encode(&[1; 33]))).is_err());
}

#[test]
fn routes_are_below_the_issuer() {
    assert_eq!(endpoints::CONFIGURATION.url("https://op.example", ""), "https://op.example/device/v1/configuration");
    assert_eq!(
        endpoints::DECISION.url("https://op.example/realms/a", "ID"),
        "https://op.example/realms/a/device/v1/prompts/ID/decision"
    );
    assert_eq!(endpoints::DECISION.method.as_str(), "POST");
}

#[test]
fn a_problem_tells_its_code() {
    let problem = |kind: &str| Problem {
        kind: kind.into(),
        title: String::new(),
        status: 401,
        nonce: None,
        revocation: None,
        now: 0,
    };
    assert_eq!(problem("urn:assent:problem:use_nonce").code(), "use_nonce");
    assert_eq!(problem("about:blank").code(), "unknown");
}

/// A server's nonce is opaque: any text is echoed as it is.
#[test]
fn a_proof_carries_any_nonce() {
    let proof = Proof {
        htm: "GET".into(),
        htu: "https://op.example/".into(),
        iat: 0,
        jti: Nonce::from_bytes([0; 16]),
        nonce: "\u{0}\"\\é".into(),
        bh: Digest::of(b""),
    };
    let bytes = serde_json::to_vec(&proof).expect("JSON");
    assert_eq!(protocol::json::from_slice::<Proof>(&bytes), Ok(proof));
}
