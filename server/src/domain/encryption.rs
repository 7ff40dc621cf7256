//! How JWTs are encrypted for clients (RFC 7518 §4.1, §5.1). Neither RSAES-PKCS1-v1_5 nor a shared key exists here.

use serde::{Deserialize, Serialize};

/// How the content's key reaches the recipient, spelled as in `alg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyManagement {
    /// Agreed on with an ephemeral key, and used as it is (RFC 7518 §4.6).
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// Random, encrypted by RSAES-OAEP with SHA-256 and MGF1 with SHA-256 (§4.3).
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
}

impl KeyManagement {
    /// All of them, for tables.
    pub const ALL: [Self; 2] = [Self::EcdhEs, Self::RsaOaep256];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdhEs => "ECDH-ES",
            Self::RsaOaep256 => "RSA-OAEP-256",
        }
    }
}

/// How the content is encrypted, spelled as in `enc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContentEncryption {
    /// AES in Galois/Counter Mode under 256 bits (RFC 7518 §5.3).
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

impl ContentEncryption {
    /// All of them, for tables.
    pub const ALL: [Self; 1] = [Self::A256Gcm];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A256Gcm => "A256GCM",
        }
    }
}

/// How a client wants something encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// How its key reaches the client.
    pub alg: KeyManagement,
    /// How it is encrypted.
    pub enc: ContentEncryption,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_and_name_spell_alike_and_nothing_weak_is_known() {
        for alg in KeyManagement::ALL {
            assert_eq!(serde_json::to_value(alg).expect("is plain"), alg.name());
        }
        for enc in ContentEncryption::ALL {
            assert_eq!(serde_json::to_value(enc).expect("is plain"), enc.name());
        }
        for alg in ["RSA1_5", "RSA-OAEP", "dir", "A256KW", "PBES2-HS256+A128KW", "ecdh-es", "none"] {
            assert!(serde_json::from_value::<KeyManagement>(alg.into()).is_err(), "{alg}");
        }
        for enc in ["A128CBC-HS256", "A128GCM", "a256gcm", "none"] {
            assert!(serde_json::from_value::<ContentEncryption>(enc.into()).is_err(), "{enc}");
        }
    }
}
