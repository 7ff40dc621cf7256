//! A client's key as others are given it: PKCS#8, and a JWK with its private members (RFC 7518 §6).

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use protocol::base64url;
use serde_json::Value;
use x509_cert::der::asn1::{AnyRef, OctetStringRef, UintRef};
use x509_cert::der::{Decode as _, Reader as _, SliceReader};

use super::{ClientKey, Pair};

/// RFC 7518 §6.3, in the order of RFC 8017 appendix A.1.2.
const RSA: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

impl ClientKey {
    /// The key pair in PKCS#8.
    ///
    /// # Panics
    ///
    /// If the library does not tell a key that it made.
    #[must_use]
    pub fn pkcs8(&self) -> Vec<u8> {
        let document = match &self.0.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            Pair::Ed(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            Pair::Rsa(pair) => pair.as_der().map(|document| document.as_ref().to_vec()),
        };
        document.expect("the library tells the keys that it made")
    }

    /// The JWK with its private members: what a program is configured with that signs for the client.
    ///
    /// # Panics
    ///
    /// If the library does not tell a key that it made.
    #[must_use]
    pub fn private_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        let told = "the library tells the keys that it made";
        match &self.0.pair {
            Pair::Ec(pair) => {
                jwk["d"] = base64url::encode(pair.private_key().as_be_bytes().expect(told).as_ref()).into();
            }
            Pair::Ed(pair) => {
                let seed = pair.seed().and_then(|seed| seed.as_be_bytes()).expect(told);
                jwk["d"] = base64url::encode(seed.as_ref()).into();
            }
            Pair::Rsa(_) => {
                let pkcs8 = self.pkcs8();
                let numbers = rsa_numbers(&pkcs8).expect(told);
                for (name, number) in RSA.into_iter().zip(numbers) {
                    jwk[name] = base64url::encode(number.as_bytes()).into();
                }
            }
        }
        jwk
    }
}

/// RFC 5208 §5 around RFC 8017 appendix A.1.2.
fn rsa_numbers(pkcs8: &[u8]) -> x509_cert::der::Result<Vec<UintRef<'_>>> {
    let inner = SliceReader::new(pkcs8)?.sequence(|reader| {
        let _version = UintRef::decode(reader)?;
        let _algorithm = AnyRef::decode(reader)?;
        Ok::<_, x509_cert::der::Error>(<&OctetStringRef>::decode(reader)?.as_bytes())
    })?;
    SliceReader::new(inner)?.sequence(|reader| {
        let _version = UintRef::decode(reader)?;
        RSA.iter().map(|_| UintRef::decode(reader)).collect()
    })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm as Known, DecodingKey, EncodingKey, Header, Validation};
    use serde_json::json;
    use server::domain::algorithm::Algorithm;

    use super::*;

    #[test]
    fn what_another_implementation_signs_by_the_exported_key_holds_by_the_published_one() {
        for (ours, known) in [(Algorithm::Es256, Known::ES256), (Algorithm::Ps256, Known::PS256)] {
            let key = ClientKey::generate(ours);
            let public: Jwk = serde_json::from_value(key.jwk()).expect("a JWK");
            let exported = match ours {
                Algorithm::Es256 => EncodingKey::from_ec_der(&key.pkcs8()),
                // PKCS#1, which is what stands inside.
                _ => EncodingKey::from_rsa_der(&key.pkcs8()[26..]),
            };
            let token = jsonwebtoken::encode(&Header::new(known), &json!({ "sub": "shop" }), &exported).expect("signs");
            let mut rules = Validation::new(known);
            rules.required_spec_claims.clear();
            rules.validate_exp = false;
            let public = DecodingKey::from_jwk(&public).expect("a key");
            jsonwebtoken::decode::<Value>(&token, &public, &rules).expect("believed");
        }
    }

    #[test]
    fn a_private_jwk_is_the_public_one_with_its_private_members() {
        for (algorithm, private) in [
            (Algorithm::Es256, vec!["d"]),
            (Algorithm::EdDsa, vec!["d"]),
            (Algorithm::Ps256, vec!["d", "dp", "dq", "p", "q", "qi"]),
        ] {
            let key = ClientKey::generate(algorithm);
            let mut jwk = key.private_jwk();
            let members = jwk.as_object_mut().expect("an object");
            for name in private {
                let number = members.remove(name).and_then(|it| it.as_str().map(str::to_owned)).expect(name);
                assert!(number.len() >= 43, "{algorithm} {name}");
            }
            assert_eq!(jwk, key.jwk(), "{algorithm}");
        }
    }
}
