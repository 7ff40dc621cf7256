//! Signatures as platforms give them.

use protocol::crypto::{CryptoError, signature_from_der};
use serde::Deserialize;

use super::{bytes, hex, read};

#[derive(Deserialize)]
struct Vectors {
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    der: String,
    raw: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    der: String,
}

#[test]
fn der_is_normalised_to_the_bytes_of_the_wire() {
    for Accepted { name, der, raw } in read::<Vectors>("der.json").accepted {
        let signature = signature_from_der(&bytes(&der)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(signature.as_bytes(), &hex::<64>(&raw), "{name}");
    }
}

#[test]
fn what_is_not_strictly_der_is_refused() {
    let refused = read::<Vectors>("der.json").refused;
    assert!(refused.len() > 15);
    for Refused { name, der } in refused {
        assert_eq!(signature_from_der(&bytes(&der)).err(), Some(CryptoError::BadSignature), "{name}");
    }
}
