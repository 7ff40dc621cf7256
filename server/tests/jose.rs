//! What is believed of JWTs that others sign, and what is not. The vectors were made by another implementation.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::base64url;
use serde::Deserialize;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::time::Timestamp;
use server::jose::{
    Audience, Claims, ClaimsError, Header, JwkSet, JwkSetError, JwtError, MAX_JWT_BYTES, MAX_KEYS, Rules, SKEW,
    Unverified, thumbprint, verify, verify_mac,
};

#[derive(Deserialize)]
struct Vectors {
    thumbprints: BTreeMap<String, String>,
    spki: BTreeMap<String, String>,
    jwks: Value,
    secret: String,
    claims: Value,
    accepted: Vec<Case>,
    refused: Vec<Case>,
    macs: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    jwt: String,
    #[serde(default)]
    error: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/jose.json")).unwrap()
}

fn keys(jwks: &Value) -> JwkSet {
    JwkSet::parse(jwks.to_string().as_bytes()).unwrap()
}

/// The published key of that name.
fn jwk(name: &str) -> Value {
    let jwks = vectors().jwks;
    jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == name).unwrap().clone()
}

/// The same with other members.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut jwk = jwk(name);
    change(&mut jwk);
    jwk
}

fn accepted(name: &str) -> String {
    vectors().accepted.into_iter().find(|case| case.name == name).unwrap().jwt
}

#[test]
fn jwts_by_another_implementation_verify() {
    let vectors = vectors();
    let keys = keys(&vectors.jwks);
    assert_eq!(keys.len(), 5);
    assert!(vectors.accepted.len() >= 25);
    for Case { name, jwt, .. } in vectors.accepted {
        let token = verify(&jwt, &keys, &Algorithm::ALL).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(name == "no claims" || json!(token.claims.members()) == vectors.claims, "{name}");
        assert!(name.starts_with(token.header.algorithm.name()) || token.header.algorithm == Algorithm::Es256);
    }
}

#[test]
fn a_jwt_that_breaks_one_rule_is_refused_for_it() {
    let vectors = vectors();
    let keys = keys(&vectors.jwks);
    assert!(vectors.refused.len() >= 60);
    for Case { name, jwt, error } in vectors.refused {
        let refused = verify(&jwt, &keys, &Algorithm::ALL).expect_err(&name);
        assert_eq!(format!("{refused:?}"), error, "{name}");
    }
}

#[test]
fn only_the_named_algorithms_are_taken() {
    let vectors = vectors();
    let keys = keys(&vectors.jwks);
    for Case { name, jwt, .. } in vectors.accepted {
        let used = Unverified::parse(&jwt).unwrap().header().algorithm;
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != used).collect();
        assert_eq!(verify(&jwt, &keys, &others), Err(JwtError::Algorithm), "{name}");
        assert!(verify(&jwt, &keys, &[used]).is_ok(), "{name}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let keys = keys(&vectors().jwks);
    let jwt = accepted("ES256 by es256");
    for at in 0..jwt.len() {
        for bit in 0..7 {
            let mut bytes = jwt.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(verify(&flipped, &keys, &Algorithm::ALL).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_header_says_who_and_what_for() {
    let header = |jwt: &str| Unverified::parse(jwt).unwrap().header().clone();
    let plain = Header { algorithm: Algorithm::EdDsa, kid: Some("eddsa".to_owned()), typ: None, jwk: None };
    assert_eq!(header(&accepted("EdDSA by eddsa")), plain);
    let typed = header(&accepted("typ"));
    assert!(typed.is_typ("oauth-authz-req+jwt") && !typed.is_typ("jwt") && !plain.is_typ("jwt"));
    let with = |typ: &str| Header { typ: Some(typ.to_owned()), ..plain.clone() };
    assert!(with("application/OAuth-authz-req+jwt").is_typ("oauth-authz-req+jwt"));
    assert!(with("APPLICATION/jwt").is_typ("JWT"));
    assert!(!with("text/jwt").is_typ("jwt") && !with("").is_typ("jwt") && !with("…application").is_typ("jwt"));
}

#[test]
fn secrets_verify_what_they_signed() {
    let vectors = vectors();
    let secret = base64url::decode(&vectors.secret).unwrap();
    for Case { name, jwt, .. } in &vectors.macs {
        let algorithm = Algorithm::parse(name).unwrap();
        let token = verify_mac(jwt, &secret, &[algorithm]).unwrap();
        assert_eq!(json!(token.claims.members()), vectors.claims);
        let mut other = secret.clone();
        other[0] ^= 1;
        assert_eq!(verify_mac(jwt, &other, &[algorithm]), Err(JwtError::Signature));
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_eq!(verify_mac(jwt, &secret, &others), Err(JwtError::Algorithm));
        assert_eq!(verify(jwt, &keys(&vectors.jwks), &Algorithm::ALL), Err(JwtError::Algorithm));
        let hash_bytes = name[2..].parse::<usize>().unwrap() / 8;
        assert_eq!(verify_mac(jwt, &secret[..hash_bytes - 1], &[algorithm]), Err(JwtError::WeakSecret));
    }
    let signed = accepted("ES256 by es256");
    assert_eq!(verify_mac(&signed, &secret, &Algorithm::ALL), Err(JwtError::Algorithm));
}

/// RFC 7515 appendix A.1.
#[test]
fn the_example_of_the_specification_verifies() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let jwt = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l\
               eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let token = verify_mac(jwt, &base64url::decode(secret).unwrap(), &[Algorithm::Hs256]).unwrap();
    assert_eq!(token.claims.iss(), Ok(Some("joe")));
    assert_eq!(token.claims.exp(), Ok(Some(Timestamp::from_unix_seconds(1_300_819_380))));
}

#[test]
fn nothing_longer_than_the_limit_is_read() {
    let long = "A".repeat(MAX_JWT_BYTES + 1);
    assert_eq!(Unverified::parse(&long).err(), Some(JwtError::TooLong));
    assert_eq!(Unverified::parse(&long[1..]).err(), Some(JwtError::Form));
}

#[test]
fn keys_that_are_not_for_us_are_left_out() {
    let others = [
        json!({}),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
        changed("es256", |key| key["use"] = json!("enc")),
        changed("es256", |key| key["use"] = json!(["sig"])),
        changed("es256", |key| key["key_ops"] = json!(["encrypt", "sign"])),
        changed("es256", |key| key["key_ops"] = json!("verify")),
        changed("es256", |key| key["alg"] = json!("ECDH-ES")),
        changed("es256", |key| key["alg"] = json!("PS256")),
        changed("es256", |key| key["alg"] = json!("ES384")),
        changed("es256", |key| key["alg"] = json!(1)),
        changed("es256", |key| key["kid"] = json!(1)),
        changed("es256", |key| key["crv"] = json!("P-384")),
        changed("es256", |key| key["x"] = key["y"].clone()),
        changed("es256", |key| key["x"] = json!(format!("{}=", key["x"].as_str().unwrap()))),
        changed("es256", |key| drop(key.as_object_mut().unwrap().remove("y"))),
        changed("eddsa", |key| key["alg"] = json!("ES256")),
        changed("ps256", |key| key["alg"] = json!("RSA-OAEP")),
        changed("ps256", |key| key["alg"] = json!("ES256")),
    ];
    for other in others {
        let set = keys(&json!({ "keys": [other] }));
        assert!(set.is_empty(), "{other}");
        let set = keys(&json!({ "keys": [other, jwk("es256")], "more": true }));
        assert_eq!(set.len(), 1, "the rest of the set is used");
    }
}

/// An RSA key of so many bits and this exponent.
fn rsa(bits: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    json!({ "kty": "RSA", "n": base64url::encode(&modulus), "e": base64url::encode(exponent) })
}

#[test]
fn rsa_keys_are_neither_weak_nor_dear() {
    let usable = |jwk: Value| !keys(&json!({ "keys": [jwk] })).is_empty();
    for bits in [2048, 2049, 3072, 4096, 8192] {
        assert!(usable(rsa(bits, &[1, 0, 1])), "{bits}");
    }
    for bits in [512, 1024, 2040, 2047, 8193, 16_384] {
        assert!(!usable(rsa(bits, &[1, 0, 1])), "{bits}");
    }
    assert!(usable(rsa(2048, &[3])) && usable(rsa(2048, &[0, 1, 0, 1])));
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert!(!usable(rsa(2048, exponent)), "{exponent:?}");
    }
    let zero_in_front = changed("rsa", |key| {
        let bytes = base64url::decode(key["n"].as_str().unwrap()).unwrap();
        key["n"] = json!(base64url::encode(&[&[0][..], &bytes].concat()));
    });
    let set = keys(&json!({ "keys": [zero_in_front] }));
    assert!(verify(&accepted("PS256 by rsa"), &set, &Algorithm::ALL).is_ok());
}

#[test]
fn a_set_with_a_private_key_is_refused() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        let set = json!({ "keys": [jwk("es256"), changed("rsa", |key| key[member] = json!("AA"))] });
        let refused = JwkSet::parse(set.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused, JwkSetError::PrivateKey, "{member}");
    }
    let symmetric = json!({ "keys": [{ "kty": "oct", "k": "AA" }] });
    assert_eq!(JwkSet::of(&symmetric).unwrap_err(), JwkSetError::PrivateKey);
}

#[test]
fn what_is_no_set_is_refused() {
    for set in ["{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":["es256"]}"#, r#"{"keys":[null]}"#] {
        assert_eq!(JwkSet::parse(set.as_bytes()).unwrap_err(), JwkSetError::NotASet, "{set}");
    }
    for set in ["", "{", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"EC","kty":"EC"}]}"#, r#"{"keys":[]} "#] {
        let read = JwkSet::parse(set.as_bytes());
        assert!(set.ends_with(' ') == read.is_ok(), "{set}");
        assert!(read.err().is_none_or(|error| matches!(error, JwkSetError::Json(_))), "{set}");
    }
    let many = |count: usize| JwkSet::of(&json!({ "keys": vec![json!({}); count] }));
    assert!(many(MAX_KEYS).unwrap().is_empty());
    assert_eq!(many(MAX_KEYS + 1).unwrap_err(), JwkSetError::TooManyKeys);
}

#[test]
fn a_kid_chooses_among_keys_that_have_one() {
    let nameless = changed("es256", |key| drop(key.as_object_mut().unwrap().remove("kid")));
    let renamed = changed("es256", |key| key["kid"] = json!("another"));
    let stranger = changed("es256", |key| key["x"] = rfc_7517_key()["x"].clone());
    let stranger = json!({ "kid": "es256", "kty": "EC", "crv": "P-256", "x": stranger["x"], "y": rfc_7517_key()["y"] });
    let (named, unnamed) = (accepted("ES256 by es256"), accepted("ES256 by es256 without a kid"));
    let with = |jwks: &[&Value], jwt: &str| verify(jwt, &keys(&json!({ "keys": jwks })), &Algorithm::ALL).err();
    assert_eq!(with(&[&nameless], &named), None, "it may be the one");
    assert_eq!(with(&[&renamed], &named), Some(JwtError::UnknownKey));
    assert_eq!(with(&[&renamed], &unnamed), None);
    assert_eq!(with(&[&stranger], &named), Some(JwtError::Signature));
    assert_eq!(with(&[&stranger, &jwk("es256")], &named), None, "two keys of one name");
    assert_eq!(with(&[], &named), Some(JwtError::UnknownKey));
    assert_eq!(with(&[&jwk("rsa"), &jwk("eddsa")], &unnamed), Some(JwtError::UnknownKey));
}

#[test]
fn few_keys_are_tried() {
    let with = |strangers: usize| {
        let mut jwks = vec![rfc_7517_key(); strangers];
        jwks.push(jwk("es256"));
        verify(&accepted("ES256 by es256 without a kid"), &keys(&json!({ "keys": jwks })), &Algorithm::ALL).err()
    };
    assert_eq!(with(7), None);
    assert_eq!(with(8), Some(JwtError::KidNeeded));
}

/// Somebody else's: RFC 7517 appendix A.1.
fn rfc_7517_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

#[test]
fn a_certificate_is_recognised_by_its_key() {
    let vectors = vectors();
    let keys = keys(&vectors.jwks);
    for (name, spki) in &vectors.spki {
        let spki = STANDARD.decode(spki).unwrap();
        assert_eq!(keys.holds_spki(&spki), name != "stranger", "{name}");
    }
    assert!(!keys.holds_spki(&[]));
}

#[test]
fn thumbprints_are_those_of_another_implementation() {
    let vectors = vectors();
    for name in ["es256", "es384", "rsa", "ps256", "eddsa"] {
        assert_eq!(thumbprint(&jwk(name)).unwrap().to_string(), vectors.thumbprints[name], "{name}");
    }
    // RFC 8037 appendix A.3
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(thumbprint(&ed25519).unwrap().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(thumbprint(&json!({ "kty": "EC", "crv": "P-256", "x": "AA" })), None);
    assert_eq!(thumbprint(&json!({ "kty": "oct", "k": "AA" })), None);
}

// Claims

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
const OURS: [&str; 2] = ["https://op.example", "https://op.example/token"];

/// Those of a client's assertion.
const RULES: Rules<'static> = Rules {
    issuer: "rp-1",
    subject: Some("rp-1"),
    audience: Audience::OnlyOf(&OURS),
    required: &["jti"],
    longest: 300,
};

fn claims(value: Value) -> Claims {
    let Value::Object(members) = value else { panic!("claims are an object") };
    Claims::new(members)
}

/// Good claims but for one.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let now = NOW.unix_seconds();
    let mut claims =
        json!({ "iss": "rp-1", "sub": "rp-1", "aud": OURS[0], "exp": now + 60, "iat": now, "nbf": now, "jti": "x" });
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = with(name, Value::Null);
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn judge(value: Value) -> Result<(), ClaimsError> {
    claims(value).check(&RULES, NOW).map(drop)
}

#[test]
fn claims_that_keep_the_rules_are_good() {
    let now = NOW.unix_seconds();
    let good = [
        with("more", json!([1, { "a": null }])),
        with("aud", OURS[1]),
        with("aud", json!(OURS)),
        with("exp", now - SKEW + 1),
        with("exp", now + 300),
        with("nbf", now + SKEW),
        with("iat", now + SKEW),
        with("exp", 1_800_000_060.75),
        without("iat"),
        without("nbf"),
    ];
    for claims in good {
        assert_eq!(judge(claims.clone()), Ok(()), "{claims}");
    }
}

#[test]
fn claims_that_break_a_rule_are_refused_for_it() {
    use ClaimsError::{Audience, Early, Expired, Issuer, LivesTooLong, Malformed, Missing, Subject};
    let now = NOW.unix_seconds();
    let bad = [
        (without("iss"), Missing("iss")),
        (with("iss", "rp-2"), Issuer),
        (with("iss", ""), Issuer),
        (with("iss", json!(["rp-1"])), Malformed("iss")),
        (without("sub"), Missing("sub")),
        (with("sub", "rp-2"), Subject),
        (with("sub", 1), Malformed("sub")),
        (without("aud"), Missing("aud")),
        (with("aud", "https://other.example"), Audience),
        (with("aud", "https://op.example/"), Audience),
        (with("aud", json!([OURS[0], "https://other.example"])), Audience),
        (with("aud", json!([])), Malformed("aud")),
        (with("aud", json!([OURS[0], 1])), Malformed("aud")),
        (with("aud", json!({})), Malformed("aud")),
        (without("exp"), Missing("exp")),
        (with("exp", now - SKEW), Expired),
        (with("exp", 0), Expired),
        (with("exp", now + 301), LivesTooLong("nbf")),
        (with("nbf", now + SKEW + 1), Early("nbf")),
        (with("iat", now + SKEW + 1), Early("iat")),
        (with("nbf", now - 241), LivesTooLong("nbf")),
        (without("jti"), Missing("jti")),
        (with("jti", ""), Malformed("jti")),
        (with("jti", 7), Malformed("jti")),
    ];
    for (claims, error) in bad {
        assert_eq!(judge(claims.clone()), Err(error), "{claims}");
    }
    for name in ["exp", "nbf", "iat"] {
        for odd in
            [json!("1800000000"), json!(-1), json!(-0.5), json!(1e300), json!(1u64 << 53), json!(null), json!([])]
        {
            assert_eq!(judge(with(name, odd.clone())), Err(Malformed(name)), "{name} {odd}");
        }
    }
}

#[test]
fn a_life_is_counted_from_the_best_known_beginning() {
    let now = NOW.unix_seconds();
    let mut no_nbf = with("exp", now + 60);
    no_nbf.as_object_mut().unwrap().remove("nbf");
    no_nbf["iat"] = json!(now - 241);
    assert_eq!(judge(no_nbf.clone()), Err(ClaimsError::LivesTooLong("iat")));
    no_nbf.as_object_mut().unwrap().remove("iat");
    assert_eq!(judge(no_nbf.clone()), Ok(()));
    no_nbf["exp"] = json!(now + 300 + SKEW);
    assert_eq!(judge(no_nbf.clone()), Ok(()));
    no_nbf["exp"] = json!(now + 301 + SKEW);
    assert_eq!(judge(no_nbf), Err(ClaimsError::LivesTooLong("now")));
}

#[test]
fn a_request_may_be_meant_for_others_too_and_says_all_that_is_required() {
    const REQUIRED: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];
    let rules = Rules { subject: None, audience: Audience::Includes(OURS[0]), required: &REQUIRED, ..RULES };
    let judge = |value| claims(value).check(&rules, NOW).map(drop);
    assert_eq!(judge(with("aud", json!(["https://other.example", OURS[0]]))), Ok(()));
    assert_eq!(judge(with("aud", OURS[1])), Err(ClaimsError::Audience));
    assert_eq!(judge(without("sub")), Ok(()));
    assert_eq!(judge(with("sub", 1)), Err(ClaimsError::Malformed("sub")));
    for name in REQUIRED {
        assert_eq!(judge(without(name)), Err(ClaimsError::Missing(name)));
    }
}

#[test]
fn what_was_judged_good_is_refused_once_it_need_not_be_remembered() {
    let claims = claims(with("exp", NOW.unix_seconds() + 60));
    let until = claims.check(&RULES, NOW).unwrap();
    assert_eq!(claims.check(&RULES, until.plus_millis(-1)), Ok(until));
    assert_eq!(claims.check(&RULES, until), Err(ClaimsError::Expired));
}

#[test]
fn claims_and_keys_print_no_values() {
    let printed = format!("{:?}", claims(json!({ "login_hint": "erika" })));
    assert_eq!(printed, "Claims(login_hint)");
    assert_eq!(format!("{:?}", keys(&vectors().jwks)), "JwkSet(5 keys)");
}
