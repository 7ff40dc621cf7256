//! The published vectors (`docs/device-protocol/vectors`, made by an independent implementation) against this crate: one
//! body of tests over both implementations of the keys.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::Jwk;
use protocol::crypto::{CryptoError, Verify, aws_lc, p256};
use protocol::json::JsonError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

mod actions;
mod der;
mod digests;
mod evidence;
mod ids;
mod json;
mod jwe;
mod jws;
mod messages;
mod receipts;
mod text;
mod tickets;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/device-protocol/vectors")
}

/// A file of vectors, read into the shape that the test names.
fn read<T: DeserializeOwned>(name: &str) -> T {
    let bytes = fs::read(directory().join(name)).expect("the vectors are committed");
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn hex<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().expect("a vector of the right length")
}

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// A key of the vectors, secret and all.
#[derive(Deserialize)]
struct Key {
    d: String,
    jwk: Jwk,
    thumbprint: String,
}

impl Key {
    fn signing(&self) -> p256::SigningKey {
        p256::SigningKey::from_bytes(&hex(&self.d)).expect("a vector key")
    }

    fn agreement(&self) -> p256::AgreementKey {
        p256::AgreementKey::from_bytes(&hex(&self.d)).expect("a vector key")
    }
}

type Parse = fn(&Jwk) -> Result<Box<dyn Verify>, CryptoError>;

/// Both ways to verify, by name.
const IMPLEMENTATIONS: [(&str, Parse); 2] = [
    ("p256", |jwk| Ok(Box::new(p256::VerifyingKey::new(jwk)?))),
    ("aws-lc", |jwk| Ok(Box::new(aws_lc::VerifyingKey::new(jwk)?))),
];

/// The name of a reason as the vectors spell it.
fn json_reason(error: &JsonError) -> String {
    let name = match error {
        JsonError::TooLarge { .. } => "TooLarge",
        JsonError::NotUtf8 => "NotUtf8",
        JsonError::Syntax { .. } => "Syntax",
        JsonError::DuplicateMember => "DuplicateMember",
        JsonError::TooDeep => "TooDeep",
        JsonError::Shape { .. } => "Shape",
    };
    format!("Json({name})")
}
