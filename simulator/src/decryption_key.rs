//! Keys by which relying parties decrypt (RFC 7516 §5.2), written from the specifications and not from the sender's code:
//! ECDH-ES or RSA-OAEP-256 with A256GCM, and everything else refused.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::KeyPair as _;
use protocol::{Digest, base64url, json, jwe};
use serde_json::{Map, Value};

/// Longer ones are refused unread.
pub const MAX_JWE_BYTES: usize = 64 * 1024;

/// What `apu` and `apv` may hold: names of parties, which are short.
const MOST_PARTY_BYTES: usize = 256;

/// A private key to decrypt with, and its public half as it is published.
#[derive(Clone)]
pub struct DecryptionKey(Arc<Inner>);

struct Inner {
    public: Value,
    secret: Secret,
}

enum Secret {
    Agreeing(&'static Curve, PrivateKey),
    Rsa(OaepPrivateDecryptingKey),
}

struct Curve {
    kty: &'static str,
    crv: &'static str,
    bytes: usize,
    algorithm: &'static agreement::Algorithm,
}

const CURVES: [Curve; 3] = [
    Curve { kty: "EC", crv: "P-256", bytes: 32, algorithm: &ECDH_P256 },
    Curve { kty: "EC", crv: "P-384", bytes: 48, algorithm: &ECDH_P384 },
    Curve { kty: "OKP", crv: "X25519", bytes: 32, algorithm: &X25519 },
];

/// Why a JWE is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`MAX_JWE_BYTES`], or its `apu` or `apv` is longer than names of parties are.
    #[error("it is too long")]
    TooLong,
    /// Not five parts of canonical base64url of the right lengths, or its header is no sound JSON object.
    #[error("it is not a JWE in compact form")]
    Form,
    /// `alg` is not that of the key, or `enc` is another than A256GCM.
    #[error("it is encrypted by another algorithm than is wanted")]
    Algorithm,
    /// `crit` or `zip`: something would have to be understood that is not.
    #[error("it demands an extension")]
    Extension,
    /// `kid` is that of another key, or `epk` is no key on the curve of ours.
    #[error("it is for another key, or made with none")]
    Key,
    /// Made for another key, or changed on the way.
    #[error("it does not open")]
    Unauthentic,
    /// `cty` says that it holds something else than is wanted.
    #[error("it holds something else")]
    Content,
}

/// What was decrypted.
pub struct Opened {
    /// The header, which was protected.
    pub header: Map<String, Value>,
    content: Vec<u8>,
}

impl DecryptionKey {
    /// A new key on `P-256`, `P-384` or `X25519`, for ECDH-ES.
    ///
    /// # Panics
    ///
    /// For another curve.
    #[must_use]
    pub fn on(crv: &str) -> Self {
        let curve = CURVES.iter().find(|curve| curve.crv == crv).expect("a curve that is known");
        Self::agreeing(curve, PrivateKey::generate(curve.algorithm).expect("the library makes keys"))
    }

    /// A new RSA key of 2048 bits, for RSA-OAEP-256.
    ///
    /// # Panics
    ///
    /// If the library makes no key.
    #[must_use]
    pub fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("the library makes keys");
        Self::of_rsa(&pair)
    }

    /// A key from its private half: on one of the curves by its name, as the bytes of `d` (RFC 7518 §6.2.2.1), or `RSA`, in
    /// PKCS #8. `None` for what is none.
    #[must_use]
    pub fn of_private(kind: &str, bytes: &[u8]) -> Option<Self> {
        match CURVES.iter().find(|curve| curve.crv == kind) {
            Some(curve) => {
                PrivateKey::from_private_key(curve.algorithm, bytes).ok().map(|key| Self::agreeing(curve, key))
            }
            None => RsaKeyPair::from_pkcs8(bytes).ok().map(|pair| Self::of_rsa(&pair)),
        }
    }

    /// A key that is in nobody else's hands, by another name.
    ///
    /// # Panics
    ///
    /// If it was cloned.
    #[must_use]
    pub fn named(mut self, kid: &str) -> Self {
        Arc::get_mut(&mut self.0).expect("nobody else has it").public["kid"] = kid.into();
        self
    }

    fn agreeing(curve: &'static Curve, secret: PrivateKey) -> Self {
        let point = secret.compute_public_key().expect("it has a public half");
        let bytes = point.as_ref();
        let (x, y) = if curve.kty == "EC" { bytes[1..].split_at(curve.bytes) } else { (bytes, &[][..]) };
        let mut public = serde_json::json!({ "kty": curve.kty, "crv": curve.crv, "x": base64url::encode(x) });
        if !y.is_empty() {
            public["y"] = base64url::encode(y).into();
        }
        Self::published(public, "ECDH-ES", Secret::Agreeing(curve, secret))
    }

    fn of_rsa(pair: &RsaKeyPair) -> Self {
        let number = |bytes: &[u8]| base64url::encode(bytes);
        let public = serde_json::json!({
            "kty": "RSA",
            "n": number(pair.public_key().modulus().big_endian_without_leading_zero()),
            "e": number(pair.public_key().exponent().big_endian_without_leading_zero()),
        });
        let pkcs8 = pair.as_der().expect("the library tells the keys that it made");
        let secret = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref())
            .and_then(|key| OaepPrivateDecryptingKey::new(key).map_err(aws_lc_rs::error::KeyRejected::from));
        Self::published(public, "RSA-OAEP-256", Secret::Rsa(secret.expect("it decrypts")))
    }

    fn published(mut public: Value, alg: &str, secret: Secret) -> Self {
        let kid = Digest::of(public.to_string().as_bytes()).to_string();
        for (name, value) in [("kid", kid.as_str()), ("alg", alg), ("use", "enc")] {
            public[name] = value.into();
        }
        Self(Arc::new(Inner { public, secret }))
    }

    /// The public key (RFC 7517), with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.0.public.clone()
    }

    /// A set of this key alone.
    #[must_use]
    pub fn jwks(&self) -> Value {
        serde_json::json!({ "keys": [self.0.public] })
    }

    /// `kid`
    #[must_use]
    pub fn kid(&self) -> &str {
        self.0.public["kid"].as_str().unwrap_or_default()
    }

    /// `alg`: what the client registers.
    #[must_use]
    pub fn alg(&self) -> &str {
        self.0.public["alg"].as_str().unwrap_or_default()
    }

    /// Decrypts.
    pub fn open(&self, text: &str) -> Result<Opened, Refused> {
        let Parts { protected, encrypted_key, iv, mut content, tag } = Parts::read(text)?;
        let header = self.header(protected)?;
        let key = match &self.0.secret {
            Secret::Agreeing(..) if !encrypted_key.is_empty() => return Err(Refused::Form),
            Secret::Agreeing(curve, secret) => agreed(curve, secret, &header)?,
            Secret::Rsa(secret) => unwrapped(secret, &encrypted_key)?,
        };
        content.extend(tag);
        let cipher = UnboundKey::new(&AES_256_GCM, &key).map(LessSafeKey::new).map_err(|_| Refused::Unauthentic)?;
        let opened = cipher.open_in_place(Nonce::from(&iv), Aad::from(protected.as_bytes()), &mut content);
        let length = opened.map_err(|_| Refused::Unauthentic)?.len();
        content.truncate(length);
        Ok(Opened { header, content })
    }

    fn header(&self, protected: &str) -> Result<Map<String, Value>, Refused> {
        let bytes = base64url::decode(protected).map_err(|_| Refused::Form)?;
        let header: Map<String, Value> = json::from_slice(&bytes).map_err(|_| Refused::Form)?;
        // The algorithm is the key's, never the sender's choice.
        if header.get("alg") != Some(&self.0.public["alg"]) || header.get("enc").is_none_or(|enc| enc != "A256GCM") {
            return Err(Refused::Algorithm);
        }
        if header.contains_key("crit") || header.contains_key("zip") {
            return Err(Refused::Extension);
        }
        if header.get("kid").is_some_and(|kid| *kid != self.0.public["kid"]) {
            return Err(Refused::Key);
        }
        Ok(header)
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({}, {})", self.alg(), self.kid())
    }
}

impl Opened {
    /// The JWT in it (RFC 7519 §5.2).
    pub fn jwt(&self) -> Result<String, Refused> {
        let says = self.header.get("cty").and_then(Value::as_str).unwrap_or_default();
        let jwt = String::from_utf8(self.content.clone()).ok().filter(|_| says.eq_ignore_ascii_case("JWT"));
        jwt.ok_or(Refused::Content)
    }

    /// The claims in it: nobody signed them.
    pub fn claims(&self) -> Result<Value, Refused> {
        let is_json = self.header.get("cty").is_none_or(|cty| cty == "json");
        let claims = json::from_slice::<Map<String, Value>>(&self.content).ok().filter(|_| is_json);
        claims.map(Value::from).ok_or(Refused::Content)
    }
}

struct Parts<'a> {
    protected: &'a str,
    encrypted_key: Vec<u8>,
    iv: [u8; 12],
    content: Vec<u8>,
    tag: [u8; 16],
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, Refused> {
        if text.len() > MAX_JWE_BYTES {
            return Err(Refused::TooLong);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let Ok([protected, encrypted_key, iv, content, tag]) = <[&str; 5]>::try_from(parts) else {
            return Err(Refused::Form);
        };
        let decode = |part: &str| base64url::decode(part).map_err(|_| Refused::Form);
        Ok(Self {
            protected,
            encrypted_key: decode(encrypted_key)?,
            iv: base64url::decode_exact(iv).map_err(|_| Refused::Form)?,
            content: decode(content)?,
            tag: base64url::decode_exact(tag).map_err(|_| Refused::Form)?,
        })
    }
}

/// RFC 7518 §4.6.
fn agreed(curve: &Curve, secret: &PrivateKey, header: &Map<String, Value>) -> Result<Vec<u8>, Refused> {
    let epk = header.get("epk").and_then(Value::as_object).ok_or(Refused::Key)?;
    let is = |name: &str, value: &str| epk.get(name).is_some_and(|member| member == value);
    if !is("kty", curve.kty) || !is("crv", curve.crv) || epk.contains_key("d") {
        return Err(Refused::Key);
    }
    let coordinate = |name: &str| {
        let bytes = base64url::decode(epk.get(name)?.as_str()?).ok()?;
        (bytes.len() == curve.bytes).then_some(bytes)
    };
    let x = coordinate("x").ok_or(Refused::Key)?;
    let theirs = match curve.kty {
        "EC" => [&[4][..], &x, &coordinate("y").ok_or(Refused::Key)?].concat(),
        _ => x,
    };
    let (apu, apv) = (party(header, "apu")?, party(header, "apv")?);
    // A point off the curve, or one that makes the secret nothing, is refused by the library.
    agreement::agree(secret, UnparsedPublicKey::new(curve.algorithm, theirs), Refused::Key, |secret| {
        Ok(jwe::concat_kdf(secret, "A256GCM", &apu, &apv, 256).to_vec())
    })
}

fn party(header: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Refused> {
    let Some(value) = header.get(name) else { return Ok(Vec::new()) };
    let bytes = value.as_str().and_then(|text| base64url::decode(text).ok()).ok_or(Refused::Form)?;
    if bytes.len() > MOST_PARTY_BYTES { Err(Refused::TooLong) } else { Ok(bytes) }
}

/// RFC 7518 §4.3.
fn unwrapped(secret: &OaepPrivateDecryptingKey, encrypted_key: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut key = vec![0; secret.min_output_size()];
    let opened = secret.decrypt(&OAEP_SHA256_MGF1SHA256, encrypted_key, &mut key, None);
    opened.ok().filter(|key| key.len() == 32).map(|key| key.to_vec()).ok_or(Refused::Unauthentic)
}
