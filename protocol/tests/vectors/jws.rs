//! Signatures: what must verify, what must be refused and why, the same in both implementations.

use std::collections::BTreeMap;

use protocol::crypto::{CryptoError, Sign as _, Verify, aws_lc, p256};
use protocol::jws::{General, JwsError, KeyHint, Unsigned, UnsignedGeneral, Unverified};
use protocol::messages::*;
use protocol::{Digest, Jwk, Jws};
use serde::Deserialize;
use serde_json::Value;

use super::{IMPLEMENTATIONS, Key, json_reason, read};

#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, Key>,
    off_curve: Jwk,
    accepted: Vec<Case>,
    refused: Vec<Case>,
    general: GeneralVectors,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    typ: String,
    key: String,
    jws: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct GeneralVectors {
    accepted: General,
    keys: [String; 2],
    digest: Digest,
    refused: Vec<GeneralCase>,
}

#[derive(Deserialize)]
struct GeneralCase {
    name: String,
    jws: General,
    error: String,
}

fn vectors() -> Vectors {
    read("jws.json")
}

fn reason(error: &JwsError) -> String {
    match error {
        JwsError::Json(error) => json_reason(error),
        JwsError::Crypto(error) => format!("{error:?}"),
        other => format!("{other:?}"),
    }
}

macro_rules! by_typ {
    ($($message:ty),* $(,)?) => {
        /// Opens a JWS as the message that is read under this `typ`.
        fn open(typ: &str, jws: &str, key: &dyn Verify) -> Result<Value, JwsError> {
            $(if typ == <$message>::TYP.as_str() {
                let message: $message = Jws::from_text(jws.to_owned()).open(key)?;
                return Ok(serde_json::to_value(message).expect("messages can be written"));
            })*
            panic!("no message has typ {typ}")
        }

        /// Signs a message again with the deterministic implementation.
        fn sign_again(typ: &str, payload: &Value, hint: KeyHint, key: &p256::SigningKey) -> String {
            $(if typ == <$message>::TYP.as_str() {
                let message: $message = serde_json::from_value(payload.clone()).expect("the message that was opened");
                return Jws::sign(hint, &message, key).expect("the key signs").as_str().to_owned();
            })*
            panic!("no message has typ {typ}")
        }
    };
}

by_typ! {
    Begin, Offer, Finish, Enrolment, Prompt, Decision, DecisionResult, Proof, KeyList, Revocation, Rotation, History,
    Blocks, Unblock, Receipt,
}

#[test]
fn accepted_vectors_verify() {
    let vectors = vectors();
    assert!(vectors.accepted.len() > 15);
    for (implementation, parse) in IMPLEMENTATIONS {
        for case in &vectors.accepted {
            let key = parse(&vectors.keys[&case.key].jwk).expect("a vector key");
            let opened = open(&case.typ, &case.jws, &*key);
            assert!(opened.is_ok(), "{implementation}: {}: {opened:?}", case.name);
        }
    }
}

#[test]
fn refused_vectors_are_refused_for_their_reason() {
    let vectors = vectors();
    assert!(vectors.refused.len() > 80);
    for (implementation, parse) in IMPLEMENTATIONS {
        for case in &vectors.refused {
            let key = parse(&vectors.keys[&case.key].jwk).expect("a vector key");
            let error = open(&case.typ, &case.jws, &*key).expect_err(&case.name);
            assert_eq!(reason(&error), case.error, "{implementation}: {}", case.name);
        }
    }
}

#[test]
fn signing_again_gives_the_same_bytes() {
    let vectors = vectors();
    let named: Vec<&Case> = vectors.accepted.iter().filter(|case| !case.name.contains(' ')).collect();
    assert!(named.len() >= 12, "one for every message that is signed compactly");
    for case in named {
        let key = vectors.keys[&case.key].signing();
        let verifying = p256::VerifyingKey::new(key.public()).expect("a vector key");
        let payload = open(&case.typ, &case.jws, &verifying).expect("accepted");
        let hint = if case.typ == Begin::TYP.as_str() {
            KeyHint::Jwk(*key.public())
        } else {
            let typ =
                [Proof::TYP, Prompt::TYP, Decision::TYP, KeyList::TYP, Offer::TYP, Enrolment::TYP, DecisionResult::TYP]
                    .into_iter()
                    .chain([Revocation::TYP, History::TYP, Blocks::TYP, Unblock::TYP, Receipt::TYP])
                    .find(|typ| typ.as_str() == case.typ)
                    .expect("a typ that is signed compactly");
            Unverified::parse(&case.jws, typ).expect("accepted").key_hint().clone()
        };
        assert_eq!(sign_again(&case.typ, &payload, hint, &key), case.jws, "{}", case.name);
    }
}

#[test]
fn keys_of_the_vectors_have_their_thumbprints() {
    for (name, key) in vectors().keys {
        assert_eq!(key.signing().public(), &key.jwk, "{name}");
        assert_eq!(key.jwk.thumbprint().to_string(), key.thumbprint, "{name}");
    }
}

#[test]
fn a_point_off_the_curve_is_no_key() {
    for (implementation, parse) in IMPLEMENTATIONS {
        for jwk in
            [vectors().off_curve, Jwk::from_coordinates([0; 32], [0; 32]), Jwk::from_coordinates([0xff; 32], [1; 32])]
        {
            assert_eq!(parse(&jwk).err(), Some(CryptoError::BadKey), "{implementation}");
        }
    }
}

#[test]
fn the_two_implementations_verify_each_other() {
    let (server, pkcs8) = aws_lc::SigningKey::generate().expect("a key");
    let message = b"the same bytes";
    let signature = server.sign(message).expect("signs");
    let again = aws_lc::SigningKey::from_pkcs8(&pkcs8).expect("the stored form");
    assert_eq!(again.public(), server.public());
    let phone = vectors().keys["device"].signing();
    for (implementation, parse) in IMPLEMENTATIONS {
        let key = parse(server.public()).expect("a key");
        assert_eq!(key.verify(message, &signature), Ok(()), "{implementation}");
        assert_eq!(key.verify(b"other bytes", &signature), Err(CryptoError::BadSignature), "{implementation}");
        let key = parse(phone.public()).expect("a key");
        assert_eq!(key.verify(message, &phone.sign(message).expect("signs")), Ok(()), "{implementation}");
    }
}

#[test]
fn secret_scalars_out_of_range_are_no_keys() {
    let order = super::hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for bytes in [[0; 32], order, [0xff; 32]] {
        assert_eq!(p256::SigningKey::from_bytes(&bytes).err(), Some(CryptoError::BadKey));
        assert_eq!(p256::AgreementKey::from_bytes(&bytes).err(), Some(CryptoError::BadKey));
    }
    let key = &vectors().keys["device"];
    assert_eq!(*key.signing().to_bytes(), super::hex::<32>(&key.d));
    assert_eq!(*key.agreement().to_bytes(), super::hex::<32>(&key.d));
}

#[test]
fn broken_pkcs8_and_keys_of_other_curves_are_refused() {
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
    let other = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let pkcs8 = other.to_pkcs8v1().expect("its stored form");
    assert_eq!(aws_lc::SigningKey::from_pkcs8(pkcs8.as_ref()).err(), Some(CryptoError::BadKey));
    let (_, pkcs8) = aws_lc::SigningKey::generate().expect("a key");
    assert_eq!(aws_lc::SigningKey::from_pkcs8(&pkcs8[1..]).err(), Some(CryptoError::BadKey));
    assert_eq!(aws_lc::SigningKey::from_pkcs8(&[]).err(), Some(CryptoError::BadKey));
}

#[test]
fn no_flipped_bit_leaves_a_valid_jws() {
    let vectors = vectors();
    let case = vectors.accepted.iter().find(|case| case.name == "proof").expect("the proof");
    let key = aws_lc::VerifyingKey::new(&vectors.keys[&case.key].jwk).expect("a vector key");
    for bit in 0..case.jws.len() * 8 {
        let mut bytes = case.jws.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(open(&case.typ, &text, &key).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_finish_verifies_under_both_its_keys_in_order() {
    let Vectors { keys, general, .. } = vectors();
    assert_eq!(general.accepted.digest(), general.digest);
    for (implementation, parse) in IMPLEMENTATIONS {
        let parsed = general.keys.each_ref().map(|name| parse(&keys[name].jwk).expect("a vector key"));
        let trusted: [&dyn Verify; 2] = [&*parsed[0], &*parsed[1]];
        let finish: Finish = general.accepted.verify(&trusted).expect("accepted");
        assert_eq!(finish, general.accepted.unverified_payload().expect("the same payload"));
        for case in &general.refused {
            let error = case.jws.verify::<Finish>(&trusted).expect_err(&case.name);
            assert_eq!(reason(&error), case.error, "{implementation}: {}", case.name);
        }
    }
}

#[test]
fn a_rotation_verifies_under_the_new_key_and_both_before() {
    let keys = vectors().keys;
    let rotation: General = read("messages/rotation-request.json");
    for (implementation, parse) in IMPLEMENTATIONS {
        let parsed = ["other", "verified", "device"].map(|name| parse(&keys[name].jwk).expect("a vector key"));
        let trusted = parsed.each_ref().map(|key| &**key);
        let said: Rotation = rotation.verify(&trusted).unwrap_or_else(|error| panic!("{implementation}: {error}"));
        assert_eq!(said, read("messages/rotation.json"), "{implementation}");
        let disordered: Result<Rotation, _> = rotation.verify(&[trusted[1], trusted[0], trusted[2]]);
        assert_eq!(disordered, Err(JwsError::Crypto(CryptoError::BadSignature)), "{implementation}");
    }
}

#[test]
fn signing_a_finish_again_gives_the_same_bytes() {
    let Vectors { keys, general, .. } = vectors();
    let finish: Finish = general.accepted.unverified_payload().expect("a finish");
    let signers = general.keys.each_ref().map(|name| keys[name].signing());
    let hints = signers.iter().map(|key| KeyHint::Jwk(*key.public())).collect();
    let unsigned = UnsignedGeneral::new(hints, &finish);
    let signatures: Vec<_> =
        unsigned.signing_inputs().zip(&signers).map(|(input, key)| key.sign(input).expect("signs")).collect();
    assert_eq!(unsigned.attach(&signatures), general.accepted);
}

#[test]
fn a_signature_made_elsewhere_is_attached_as_it_is() {
    let vectors = vectors();
    let case = vectors.accepted.iter().find(|case| case.name == "proof").expect("the proof");
    let key = vectors.keys[&case.key].signing();
    let verifying = p256::VerifyingKey::new(key.public()).expect("a vector key");
    let parsed = Unverified::parse(&case.jws, Proof::TYP).expect("accepted");
    let hint = parsed.key_ref().expect("a phone's key");
    let proof: Proof = parsed.verify(&verifying).expect("accepted");
    let unsigned = Unsigned::new(hint, &proof);
    let signature = key.sign(unsigned.signing_input()).expect("signs");
    assert_eq!(unsigned.attach(&signature).as_str(), case.jws);
}
