//! One function over bytes for each way in which clients reach the server's own parsers: forms, JWK sets, JWTs (client
//! assertions, request objects, hints), the parameters of authentication requests, out of either, and registration documents; for
//! what is encrypted for clients; and for the evidence that phones bring of their keys. Whatever the bytes are, it returns: a panic is
//! a find. Where bytes are
//! accepted, each function also asserts what must then hold.
//!
//! The parsers are compiled from the server's own files and without the rest of it, because to build all of the server
//! with the fuzzer's instrumentation takes longer than to fuzz it. `tests/fuzz` drives them with libFuzzer from the seeds
//! in `corpus/<target>/`; `cargo test` runs the seeds alone. A find becomes a seed with a telling name, and a test beside
//! the code that it broke.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a target reports a find")]

use std::collections::BTreeSet;
use std::str;
use std::sync::LazyLock;

use protocol::base64url;
use serde_json::Value;

mod attestation;
mod begin;
#[allow(dead_code, unreachable_pub, reason = "relying parties use more of it")]
#[path = "../../../simulator/src/decryption_key.rs"]
mod decryption_key;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../src/domain/mod.rs"]
pub mod domain;
mod encryption;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../src/http/form.rs"]
mod form;
mod http;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../src/jose/mod.rs"]
pub mod jose;
mod outbound;
mod register;

pub use attestation::{android_key, apple_appattest};
pub use begin::request;
use domain::algorithm::Algorithm;
use domain::encryption::KeyManagement;
use domain::time::Timestamp;
pub use encryption::encrypted;
pub use http::form;
use jose::{
    Audience, Claims, JwkSet, MAX_JWT_BYTES, MAX_KEYS, MAX_SET_BYTES, Proof, ProvenRequest, Rules, SKEW, Token,
    Unverified,
};
pub use register::registration;

/// Judges bytes; returns whatever they are.
pub type Target = fn(&[u8]);

/// Every target by name, as `tests/fuzz` and the corpus know it.
pub const TARGETS: [(&str, Target); 9] = [
    ("android-key", android_key),
    ("apple-appattest", apple_appattest),
    ("dpop", dpop),
    ("encrypted", encrypted),
    ("form", form),
    ("jwks", jwks),
    ("jwt", jwt),
    ("registration", registration),
    ("request", request),
];

/// The vectors, so that seeds verify.
struct Vectors {
    keys: JwkSet,
    secret: Vec<u8>,
    /// Header and claims of every JWT that was ever signed with them.
    signed: BTreeSet<String>,
}

static VECTORS: LazyLock<Vectors> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/jose.json")).expect("the vectors are JSON");
    let signed = ["accepted", "macs", "refused"].iter().flat_map(|list| vectors[list].as_array().expect("a list"));
    let input = |case: &Value| Some(case["jwt"].as_str()?.rsplit_once('.')?.0.to_owned());
    Vectors {
        keys: JwkSet::of(&vectors["jwks"]).expect("a set"),
        secret: base64url::decode(vectors["secret"].as_str().expect("a text")).expect("base64url"),
        signed: signed.filter_map(input).collect(),
    }
});

/// A JWK set: what is read is within its bounds, has no private member, and reads the same once written again.
pub fn jwks(bytes: &[u8]) {
    let Ok(set) = JwkSet::parse(bytes) else { return };
    assert!(bytes.len() <= MAX_SET_BYTES && set.len() <= MAX_KEYS);
    let value: Value = serde_json::from_slice(bytes).expect("it was read");
    for key in value["keys"].as_array().expect("it was read") {
        assert!(["d", "k", "p", "q"].iter().all(|member| key.get(member).is_none()));
    }
    let again = JwkSet::parse(value.to_string().as_bytes()).expect("it is a set");
    assert_eq!(set.len(), again.len());
    for algorithm in Algorithm::ALL {
        assert_eq!(set.fits(algorithm), again.fits(algorithm));
        assert!(algorithm.is_asymmetric() || !set.fits(algorithm));
    }
    for algorithm in KeyManagement::ALL {
        let (recipient, same) = (set.recipient(algorithm), again.recipient(algorithm));
        assert_eq!(recipient.as_ref().map(|key| key.kid()), same.as_ref().map(|key| key.kid()));
        assert!(recipient.is_none_or(|key| key.algorithm() == algorithm));
    }
}

/// A JWT: one that is believed was signed as it is; claims that are good keep every rule.
pub fn jwt(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(unverified) = Unverified::parse(text) else { return };
    assert!(text.len() <= MAX_JWT_BYTES && text.matches('.').count() == 2);
    judge(unverified.claims());
    let claims = unverified.claims().clone();
    let algorithm = unverified.header().algorithm;
    if let Ok(token) = unverified.verify(&VECTORS.keys, &Algorithm::ALL) {
        assert!(algorithm.is_asymmetric());
        believed(text, &token, &claims);
    }
    if let Ok(token) = jose::verify_mac(text, &VECTORS.secret, &Algorithm::ALL) {
        assert!(!algorithm.is_asymmetric());
        believed(text, &token, &claims);
    }
}

/// A DPoP proof: one that holds is for this call and this time, by the key in its header, which is no private one.
pub fn dpop(bytes: &[u8]) {
    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
    let Ok(text) = str::from_utf8(bytes) else { return };
    let urls = vec!["https://op.example/token".to_owned(), "https://mtls.op.example/token".to_owned()];
    for token in [None, Some("the-access-token")] {
        let wanted = ProvenRequest { method: "POST", urls: urls.clone(), token, algorithms: &Algorithm::ALL };
        let Ok(proof) = Proof::judge(text, &wanted, NOW) else { continue };
        let read = Unverified::parse(text).expect("it was read");
        assert!(read.header().is_typ("dpop+jwt") && read.header().algorithm.is_asymmetric());
        let jwk = read.header().jwk.as_ref().expect("it was judged");
        assert!(jwk.get("d").is_none() && jose::thumbprint(jwk) == Some(proof.key));
        assert!(NOW < proof.until && proof.until <= NOW.plus_seconds(3 * SKEW));
        let claims = read.claims();
        assert_eq!(claims.text("htm"), Ok(Some("POST")));
        assert_eq!(claims.text("nonce"), Ok(proof.nonce.as_deref()));
        assert!(token.is_none() || claims.text("ath").is_ok_and(|ath| ath.is_some()));
    }
}

fn believed(text: &str, token: &Token, claims: &Claims) {
    assert_eq!(token.claims, *claims);
    let (input, _) = text.rsplit_once('.').expect("it was read");
    assert!(VECTORS.signed.contains(input), "a forgery");
}

/// By the rules of assertions and of request objects.
fn judge(claims: &Claims) {
    const OURS: [&str; 2] = ["https://op.example", "https://op.example/token"];
    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
    const REQUEST: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];
    let assertion = Rules {
        issuer: "rp-1",
        subject: Some("rp-1"),
        audience: Audience::OnlyOf(&OURS),
        required: &["jti"],
        longest: 300,
    };
    let request = Rules { subject: None, audience: Audience::Includes(OURS[0]), required: &REQUEST, ..assertion };
    for rules in [assertion, request] {
        let Ok(until) = claims.check(&rules, NOW) else { continue };
        assert!(NOW < until && until <= NOW.plus_seconds(rules.longest + 3 * SKEW));
        assert_eq!(claims.iss(), Ok(Some("rp-1")));
        assert!(claims.jti().expect("it was judged").is_some());
        assert!(claims.aud().expect("it was judged").is_some_and(|aud| aud.iter().any(|aud| OURS.contains(aud))));
        for name in rules.required {
            assert!(claims.members().contains_key(*name));
        }
    }
}
