//! One public key of somebody else (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), parsed once for every algorithm it fits.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use protocol::{Digest, base64url};
use serde_json::{Map, Value};

use crate::domain::algorithm::Algorithm;

/// RSA moduli, in bits. Shorter ones are forgeable, longer ones cost whoever verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Members that only a private or a symmetric key has.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

const RSA: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
];

/// `SubjectPublicKeyInfo` up to the key's own bytes (RFC 5480 §2, RFC 8410 §4).
const SPKI_P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const SPKI_P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// A key that may verify.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    spki: Vec<u8>,
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

/// Whether a key holds what its owner must keep to himself.
pub(super) fn is_private(jwk: &Map<String, Value>) -> bool {
    PRIVATE.iter().any(|member| jwk.contains_key(*member))
}

impl Key {
    /// Reads a key; `None` for one that is for something else, or that we do not understand (RFC 7517 §5).
    pub(super) fn read(jwk: &Map<String, Value>) -> Option<Self> {
        if !(is_for_verifying(jwk) && may_be(jwk, "kid", |_| true)) {
            return None;
        }
        let wanted = |algorithm: Algorithm| may_be(jwk, "alg", |only| Algorithm::parse(only) == Some(algorithm));
        let (spki, parsed) = match (text(jwk, "kty")?, text(jwk, "crv")) {
            ("RSA", _) => rsa(jwk, wanted)?,
            ("EC", Some("P-256")) => ec::<32>(jwk, Algorithm::Es256, &ECDSA_P256_SHA256_FIXED, SPKI_P256)?,
            ("EC", Some("P-384")) => ec::<48>(jwk, Algorithm::Es384, &ECDSA_P384_SHA384_FIXED, SPKI_P384)?,
            ("OKP", Some("Ed25519")) => ed25519(jwk)?,
            _ => return None,
        };
        let kid = text(jwk, "kid").map(str::to_owned);
        parsed.iter().any(|(algorithm, _)| wanted(*algorithm)).then_some(Self { kid, spki, parsed })
    }

    /// Whether the header's `kid` may mean this key. Where one of the two has none, it may.
    pub(super) fn is_meant_by(&self, kid: Option<&str>) -> bool {
        self.kid.as_deref().zip(kid).is_none_or(|(ours, named)| ours == named)
    }

    /// The key for signatures by this algorithm, if it fits and may be used so.
    pub(super) fn for_algorithm(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.parsed.iter().find(|(fits, _)| *fits == algorithm).map(|(_, key)| key)
    }

    /// `SubjectPublicKeyInfo` in DER, as it stands in a certificate (RFC 5280 §4.1.2.7).
    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }
}

type Parsed = (Vec<u8>, Vec<(Algorithm, ParsedPublicKey)>);

/// RFC 7517 §4.2, §4.3: a key that says what it is for must say that it verifies.
fn is_for_verifying(jwk: &Map<String, Value>) -> bool {
    let operations = jwk.get("key_ops").map(|operations| operations.as_array().map_or(&[][..], Vec::as_slice));
    let verifies = operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    verifies && may_be(jwk, "use", |purpose| purpose == "sig")
}

/// The numbers of an RSA key of sound size.
pub(super) fn rsa_components(jwk: &Map<String, Value>) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
    let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
    let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
    // Exponents are small odd numbers above 1 (RFC 8017 §3.1); a large one is a way to make verifying dear.
    let odd = e.last().is_some_and(|last| last % 2 == 1);
    if !RSA_BITS.contains(&bits) || !odd || e == [1] || e.len() > 4 {
        return None;
    }
    Some(RsaPublicKeyComponents { n, e })
}

fn rsa(jwk: &Map<String, Value>, wanted: impl Fn(Algorithm) -> bool) -> Option<Parsed> {
    let components = rsa_components(jwk)?;
    let spki = components.as_der().ok()?.as_ref().to_vec();
    let fitting = RSA.iter().filter(|(algorithm, _)| wanted(*algorithm));
    let parsed = fitting
        .map(|(algorithm, parameters)| components.to_parsed_public_key(parameters).ok().map(|key| (*algorithm, key)));
    Some((spki, parsed.collect::<Option<_>>()?))
}

fn ec<const N: usize>(
    jwk: &Map<String, Value>,
    algorithm: Algorithm,
    verification: &'static dyn VerificationAlgorithm,
    spki: &[u8],
) -> Option<Parsed> {
    let coordinate = |name| base64url::decode_exact::<N>(text(jwk, name)?).ok();
    let point = [&[4][..], &coordinate("x")?, &coordinate("y")?].concat();
    let parsed = ParsedPublicKey::new(verification, &point).ok()?;
    Some(([spki, &point].concat(), vec![(algorithm, parsed)]))
}

fn ed25519(jwk: &Map<String, Value>) -> Option<Parsed> {
    let x = base64url::decode_exact::<32>(text(jwk, "x")?).ok()?;
    let parsed = ParsedPublicKey::new(&ED25519, x).ok()?;
    Some(([SPKI_ED25519, &x].concat(), vec![(Algorithm::EdDsa, parsed)]))
}

/// A `Base64urlUInt`. RFC 7518 §6.3.1.1 knows libraries that put a zero in front; it changes nothing.
fn number(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    let bytes = base64url::decode(text(jwk, name)?).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

pub(super) fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

/// Whether a member is absent, or a text that will do.
pub(super) fn may_be(jwk: &Map<String, Value>, name: &str, fits: impl Fn(&str) -> bool) -> bool {
    jwk.get(name).is_none_or(|value| value.as_str().is_some_and(fits))
}

/// SHA-256 over the members that make up a public key, in lexicographic order (RFC 7638 §3.2, RFC 8037 §2). `None` for
/// other types of key, or one that lacks a member.
#[must_use]
pub fn thumbprint(jwk: &Value) -> Option<Digest> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members = names.iter().map(|name| Some(((*name).to_owned(), jwk.get(name)?.as_str()?.into())));
    let members: Map<String, Value> = members.collect::<Option<_>>()?;
    Some(Digest::of(Value::Object(members).to_string().as_bytes()))
}
