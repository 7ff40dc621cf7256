//! Sealed pushes.

use std::collections::BTreeMap;

use protocol::crypto::{Agree, CryptoError, aws_lc};
use protocol::jwe::{JweError, PADDING_STEP, Sealed, seal};
use protocol::messages::{Prompt, PushData};
use protocol::{Jwk, RoutingId};
use serde::Deserialize;

use super::{Key, hex, json_reason, read};

#[derive(Deserialize)]
struct Keys {
    keys: BTreeMap<String, Key>,
    off_curve: Jwk,
}

#[derive(Deserialize)]
struct Vectors {
    recipient: String,
    accepted: Vec<Accepted>,
    opened: Vec<Opened>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    ephemeral: String,
    iv: String,
    plaintext: String,
    jwe: String,
}

#[derive(Deserialize)]
struct Opened {
    name: String,
    plaintext: String,
    jwe: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    error: String,
    jwe: String,
}

#[derive(Deserialize)]
struct FromJwcrypto {
    recipient: String,
    plaintext: String,
    jwe: String,
}

fn open(jwe: &str, key: &dyn Agree) -> Result<Vec<u8>, JweError> {
    let sealed = Sealed::parse(jwe)?;
    let secret = key.agree(sealed.ephemeral())?;
    sealed.open(&secret)
}

fn reason(error: &JweError) -> String {
    match error {
        JweError::Json(error) => json_reason(error),
        JweError::Crypto(error) => format!("{error:?}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn sealing_gives_the_vectors_bytes_and_opening_gives_the_text() {
    let Keys { keys, .. } = read("jws.json");
    let vectors: Vectors = read("jwe.json");
    let recipient = &keys[&vectors.recipient];
    for case in vectors.accepted {
        let ephemeral = keys[&case.ephemeral].agreement();
        let sealed = seal(case.plaintext.as_bytes(), &recipient.jwk, &ephemeral, hex(&case.iv));
        assert_eq!(sealed.as_deref(), Ok(case.jwe.as_str()), "{}", case.name);
        let opened = open(&case.jwe, &recipient.agreement()).expect("opens");
        assert_eq!(String::from_utf8_lossy(&opened), case.plaintext, "{}", case.name);
    }
    for case in vectors.opened {
        let opened = open(&case.jwe, &recipient.agreement()).expect("opens");
        assert_eq!(String::from_utf8_lossy(&opened), case.plaintext, "{}", case.name);
    }
}

/// The messages `push-data-*`, all about one prompt.
#[test]
fn a_sealed_push_opens_to_the_prompt_that_its_id_is_of_and_what_pads_a_wake_to_nothing() {
    let Keys { keys, .. } = read("jws.json");
    let Vectors { recipient, accepted, .. } = read("jwe.json");
    let opened = |jwe: &str| open(jwe, &keys[&recipient].agreement()).expect("opens");
    let prompt: Prompt = read("messages/prompt.json");
    let pushes =
        ["sealed", "wake", "wake-padded", "dismiss"].map(|kind| read(&format!("messages/push-data-{kind}.json")));
    assert!(pushes.iter().all(|push: &PushData| *push.rid() == RoutingId::of(&prompt.jti)));
    let [PushData::Sealed { jwe, .. }, PushData::Wake { pad: None, .. }, PushData::Wake { pad: Some(pad), .. }, _] =
        pushes
    else {
        panic!("each is of its kind");
    };
    assert_eq!(String::from_utf8_lossy(&opened(&jwe)), accepted[0].plaintext, "the prompt as it was signed");
    assert_eq!(opened(&pad), b"");
    assert_eq!(pad.len(), jwe.len());
}

#[test]
fn what_jwcrypto_sealed_opens() {
    let Keys { keys, .. } = read("jws.json");
    let vector: FromJwcrypto = read("jwe-jwcrypto.json");
    let opened = open(&vector.jwe, &keys[&vector.recipient].agreement()).expect("opens");
    assert_eq!(String::from_utf8_lossy(&opened), vector.plaintext);
}

#[test]
fn refused_vectors_are_refused_for_their_reason() {
    let Keys { keys, .. } = read("jws.json");
    let vectors: Vectors = read("jwe.json");
    assert!(vectors.refused.len() > 20);
    for case in vectors.refused {
        let error = open(&case.jwe, &keys[&vectors.recipient].agreement()).expect_err(&case.name);
        assert_eq!(reason(&error), case.error, "{}", case.name);
    }
}

#[test]
fn what_the_server_seals_only_its_phone_opens() {
    let Keys { keys, .. } = read("jws.json");
    let (phone, other) = (&keys["sealing"], &keys["other"]);
    let ephemeral = aws_lc::EphemeralKey::generate().expect("a key");
    for (to, iv) in [(phone, [1; 12]), (other, [2; 12])] {
        let sealed = seal(b"one.prompt.signed", &to.jwk, &ephemeral, iv).expect("seals");
        assert_eq!(open(&sealed, &to.agreement()).as_deref(), Ok(b"one.prompt.signed".as_slice()));
    }
    let sealed = seal(b"one.prompt.signed", &phone.jwk, &ephemeral, [3; 12]).expect("seals");
    assert_eq!(open(&sealed, &other.agreement()), Err(JweError::Unauthentic));
}

#[test]
fn nobody_agrees_with_a_point_off_the_curve() {
    let Keys { keys, off_curve } = read("jws.json");
    let server = aws_lc::EphemeralKey::generate().expect("a key");
    let implementations: [&dyn Agree; 2] = [&keys["sealing"].agreement(), &server];
    for key in implementations {
        for peer in [off_curve, Jwk::from_coordinates([0; 32], [0; 32])] {
            assert_eq!(key.agree(&peer).err(), Some(CryptoError::BadKey));
        }
    }
    assert_eq!(seal(b"x", &off_curve, &server, [0; 12]), Err(JweError::Crypto(CryptoError::BadKey)));
}

#[test]
fn the_length_of_a_sealed_text_tells_only_its_step() {
    let key = aws_lc::EphemeralKey::generate().expect("a key");
    let sealed_length = |length: usize| seal(&vec![b'x'; length], key.public(), &key, [0; 12]).expect("seals").len();
    assert_eq!(sealed_length(0), sealed_length(PADDING_STEP));
    assert_eq!(sealed_length(PADDING_STEP + 1), sealed_length(2 * PADDING_STEP));
    assert!(sealed_length(PADDING_STEP) < sealed_length(PADDING_STEP + 1));
}

#[test]
fn what_could_not_be_opened_again_is_not_sealed() {
    let key = aws_lc::EphemeralKey::generate().expect("a key");
    assert_eq!(seal(b"ends in a space ", key.public(), &key, [0; 12]), Err(JweError::EndsInSpace));
    assert_eq!(seal(&[b'x'; 12 * 1024], key.public(), &key, [0; 12]), Err(JweError::TooLarge));
}
