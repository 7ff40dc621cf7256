//! JWEs in compact form (RFC 7516 §7.1) for others to open: content under A256GCM (RFC 7518 §5.3), whose key is agreed on by
//! ECDH-ES (§4.6) or sent by RSA-OAEP-256 (§4.3). Nothing here opens one.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{
    self, ECDH_P256, ECDH_P384, ParsedPublicKey, PrivateKey, PublicKey, UnparsedPublicKey, X25519,
};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use protocol::crypto::CryptoError;
use protocol::{base64url, jwe};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::jwk::{self, may_be, text};
use crate::domain::encryption::{ContentEncryption, KeyManagement};
use crate::domain::random::Random;

/// `cty` of a JWE that holds a JWT (RFC 7519 §5.2).
pub const NESTED: &str = "JWT";

const ENC: ContentEncryption = ContentEncryption::A256Gcm;
const KEY_BYTES: usize = 32;

/// What keys are agreed on with: P-256 and P-384 (RFC 7518 §6.2.1), X25519 (RFC 8037 §2).
struct Curve {
    kty: &'static str,
    crv: &'static str,
    coordinate_bytes: usize,
    algorithm: &'static agreement::Algorithm,
}

const CURVES: [Curve; 3] = [
    Curve { kty: "EC", crv: "P-256", coordinate_bytes: 32, algorithm: &ECDH_P256 },
    Curve { kty: "EC", crv: "P-384", coordinate_bytes: 48, algorithm: &ECDH_P384 },
    Curve { kty: "OKP", crv: "X25519", coordinate_bytes: 32, algorithm: &X25519 },
];

/// A public key of somebody who decrypts, parsed once.
pub struct Recipient {
    kid: Option<String>,
    is_for_encryption: bool,
    key: Key,
}

enum Key {
    Agreeing(&'static Curve, ParsedPublicKey),
    Rsa(OaepPublicEncryptingKey),
}

impl Recipient {
    /// Reads a key; `None` for one that is for something else, or that we do not understand (RFC 7517 §5).
    pub(super) fn read(jwk: &Map<String, Value>) -> Option<Self> {
        let key = match text(jwk, "kty")? {
            "RSA" => rsa(jwk)?,
            kty => agreeing(jwk, kty)?,
        };
        let is_for_encryption = text(jwk, "use").is_some();
        let recipient = Self { kid: text(jwk, "kid").map(str::to_owned), is_for_encryption, key };
        let fits = may_be(jwk, "kid", |_| true)
            && may_be(jwk, "use", |purpose| purpose == "enc")
            && may_be(jwk, "alg", |only| only == recipient.algorithm().name());
        (fits && recipient.may_by_operations(jwk)).then_some(recipient)
    }

    /// RFC 7517 §4.3, for the public half: a key for agreements that a browser exports has a list without elements.
    fn may_by_operations(&self, jwk: &Map<String, Value>) -> bool {
        let Some(operations) = jwk.get("key_ops") else { return true };
        let Some(operations) = operations.as_array() else { return false };
        let named = |names: [&str; 2]| operations.iter().any(|operation| names.iter().any(|name| operation == name));
        match self.key {
            Key::Agreeing(..) => operations.is_empty() || named(["deriveKey", "deriveBits"]),
            Key::Rsa(_) => named(["encrypt", "wrapKey"]),
        }
    }

    /// How its owner gets the content's key.
    #[must_use]
    pub const fn algorithm(&self) -> KeyManagement {
        match self.key {
            Key::Agreeing(..) => KeyManagement::EcdhEs,
            Key::Rsa(_) => KeyManagement::RsaOaep256,
        }
    }

    /// Whether its owner says so (`use`), and not only that it is a key.
    #[must_use]
    pub const fn is_for_encryption(&self) -> bool {
        self.is_for_encryption
    }

    /// By what name its owner knows it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Encrypts under a fresh key. `cty` is [`NESTED`] for a JWT, and absent for claims.
    pub fn encrypt(&self, content: &[u8], cty: Option<&str>, random: &dyn Random) -> Result<String, CryptoError> {
        let mut header = json!({ "alg": self.algorithm(), "enc": ENC });
        for (name, value) in [("kid", self.kid()), ("cty", cty)] {
            if let Some(value) = value {
                header[name] = value.into();
            }
        }
        let (key, encrypted_key) = match &self.key {
            Key::Agreeing(curve, theirs) => {
                let (key, epk) = agree(curve, theirs)?;
                header["epk"] = epk;
                (key, Vec::new())
            }
            Key::Rsa(theirs) => wrap(theirs, random)?,
        };
        let protected = base64url::encode(header.to_string().as_bytes());
        let (iv, mut sealed) = (random.array::<NONCE_LEN>(), content.to_vec());
        let cipher =
            UnboundKey::new(&AES_256_GCM, &*key).map(LessSafeKey::new).map_err(|_| CryptoError::Unavailable)?;
        let tag = cipher
            .seal_in_place_separate_tag(Nonce::from(&iv), Aad::from(protected.as_bytes()), &mut sealed)
            .map_err(|_| CryptoError::Unavailable)?;
        let parts = [&encrypted_key[..], &iv, &sealed, tag.as_ref()].map(base64url::encode);
        Ok([&[protected][..], &parts].concat().join("."))
    }
}

/// Nothing of it: which key it is says which client is spoken to.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.algorithm().name())
    }
}

fn rsa(jwk: &Map<String, Value>) -> Option<Key> {
    let spki = jwk::rsa_components(jwk)?.as_der().ok()?;
    let key = PublicEncryptingKey::from_der(spki.as_ref()).ok()?;
    OaepPublicEncryptingKey::new(key).ok().map(Key::Rsa)
}

/// A point off its curve is no key (RFC 7518 §6.2.1.2).
fn agreeing(jwk: &Map<String, Value>, kty: &str) -> Option<Key> {
    let crv = text(jwk, "crv")?;
    let curve = CURVES.iter().find(|curve| curve.kty == kty && curve.crv == crv)?;
    let coordinate = |name| {
        let bytes = base64url::decode(text(jwk, name)?).ok()?;
        (bytes.len() == curve.coordinate_bytes).then_some(bytes)
    };
    let bytes = match kty {
        "EC" => [&[4][..], &coordinate("x")?, &coordinate("y")?].concat(),
        _ => coordinate("x")?,
    };
    let parsed = ParsedPublicKey::try_from(UnparsedPublicKey::new(curve.algorithm, bytes)).ok()?;
    // RFC 7748 §6.1: with a point of low order nothing can be agreed on, and only an agreement shows which those are.
    let _agrees = agree(curve, &parsed).ok()?;
    Some(Key::Agreeing(curve, parsed))
}

/// RFC 7518 §4.6: the key agreed on with a fresh key, and that one's public half. `apu` and `apv` are absent.
fn agree(curve: &Curve, theirs: &ParsedPublicKey) -> Result<(Zeroizing<[u8; KEY_BYTES]>, Value), CryptoError> {
    let ours = PrivateKey::generate(curve.algorithm).map_err(|_| CryptoError::Unavailable)?;
    let epk = ours.compute_public_key().map_err(|_| CryptoError::Unavailable)?;
    let key = agreement::agree(&ours, theirs.clone(), CryptoError::BadKey, |secret| {
        Ok(jwe::concat_kdf(secret, ENC.name(), &[], &[], 256))
    })?;
    Ok((key, public(curve, &epk)))
}

fn public(curve: &Curve, key: &PublicKey) -> Value {
    let bytes = key.as_ref();
    if curve.kty != "EC" {
        return json!({ "kty": curve.kty, "crv": curve.crv, "x": base64url::encode(bytes) });
    }
    let (x, y) = bytes[1..].split_at(curve.coordinate_bytes); // behind a 4: uncompressed (SEC 1 §2.3.3)
    json!({ "kty": curve.kty, "crv": curve.crv, "x": base64url::encode(x), "y": base64url::encode(y) })
}

/// RFC 7518 §4.3: a fresh key, and what only its recipient can make it of.
fn wrap(
    theirs: &OaepPublicEncryptingKey,
    random: &dyn Random,
) -> Result<(Zeroizing<[u8; KEY_BYTES]>, Vec<u8>), CryptoError> {
    let (key, mut wrapped) = (Zeroizing::new(random.array()), vec![0; theirs.ciphertext_size()]);
    let length = theirs.encrypt(&OAEP_SHA256_MGF1SHA256, &*key, &mut wrapped, None).map(|wrapped| wrapped.len());
    wrapped.truncate(length.map_err(|_| CryptoError::Unavailable)?);
    Ok((key, wrapped))
}
