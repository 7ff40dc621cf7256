//! Private keys in PKCS#8 PEM, as providers hand them out.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const LINE: usize = 64;

/// The DER within; `None` where it is no such PEM.
pub(super) fn decode(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = pem.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// DER as PEM.
pub(super) fn encode(der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("{BEGIN}\n"));
    for line in body.as_bytes().chunks(LINE) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str(END);
    pem.push('\n');
    pem
}

/// A P-256 key that signs short JWTs by ES256.
pub(super) struct Es256(EcdsaKeyPair);

impl Es256 {
    /// Out of PKCS#8 PEM.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &decode(pem)?).ok().map(Self)
    }

    /// The public key, uncompressed.
    pub(super) fn public(&self) -> &[u8] {
        use aws_lc_rs::signature::KeyPair as _;
        self.0.public_key().as_ref()
    }

    /// A compact JWS of these two.
    pub(super) fn jwt(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("a key that passed parsing signs, as long as the machine has randomness");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is() {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let pem = encode(der.as_ref());
        assert_eq!(decode(&pem).expect("PEM").as_slice(), der.as_ref());
        assert!(Es256::parse(&pem).is_some());
        for other in ["", "key", &pem[1..], &pem.replace("PRIVATE", "EC PRIVATE"), &encode(&[1, 2, 3])] {
            assert!(Es256::parse(other).is_none());
        }
    }
}
