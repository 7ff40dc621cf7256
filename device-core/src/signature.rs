//! From what a platform calls a signature to the 64 bytes on the wire, checked before anything is sent.

use protocol::Jwk;
use protocol::crypto::p256::{VerifyingKey, signature_from_der};
use protocol::crypto::{CryptoError, Signature, Verify};

/// Reads DER or r ‖ s and verifies it with the key that was asked to sign: hardware has been known to sign with another
/// key than the one named, and the server would only say "bad signature".
pub fn normalise(raw: &[u8], message: &[u8], key: &Jwk) -> Result<Signature, CryptoError> {
    let key = VerifyingKey::new(key)?;
    // A DER signature may have 64 bytes as well, so the length alone decides nothing.
    let plain = <[u8; 64]>::try_from(raw).map(Signature::from_bytes);
    if let Ok(signature) = plain
        && key.verify(message, &signature).is_ok()
    {
        return Ok(signature);
    }
    let signature = signature_from_der(raw)?;
    key.verify(message, &signature)?;
    Ok(signature)
}

/// The same without a check, for the proof of a request: it lives for one call, and the server says at once whether it
/// verifies, while checking it here would cost the phone a third of what approving does.
pub fn wire_form(raw: &[u8], message: &[u8], key: &Jwk) -> Result<Signature, CryptoError> {
    match (<[u8; 64]>::try_from(raw), signature_from_der(raw)) {
        (Ok(plain), Err(_)) => Ok(Signature::from_bytes(plain)),
        (Err(_), der) => der,
        // It reads both ways, once in a very long time. Only the key knows which was meant.
        (Ok(_), Ok(_)) => normalise(raw, message, key),
    }
}

#[cfg(test)]
mod tests {
    use protocol::crypto::Sign as _;

    use super::*;
    use crate::testing::key;

    const MESSAGE: &[u8] = b"signed";

    /// The order n of P-256.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    fn integer(bytes: &[u8]) -> Vec<u8> {
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut content = bytes[first..].to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        [&[2, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    fn der(raw: &[u8; 64]) -> Vec<u8> {
        let content = [integer(&raw[..32]), integer(&raw[32..])].concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    /// n − s: as good a signature as s, and the one of the two that some platforms happen to give.
    fn other_half(raw: &[u8; 64]) -> [u8; 64] {
        let mut other = *raw;
        let mut borrow = 0_i16;
        for at in (0..32).rev() {
            let difference = i16::from(ORDER[at]) - i16::from(raw[32 + at]) - borrow;
            borrow = i16::from(difference < 0);
            other[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        other
    }

    #[test]
    fn a_platforms_der_and_plain_forms_give_the_same_wire_form() {
        let raw = *key(5).sign(MESSAGE).unwrap().as_bytes();
        for form in [raw.to_vec(), der(&raw)] {
            assert_eq!(normalise(&form, MESSAGE, key(5).public()).unwrap().as_bytes(), &raw);
        }
    }

    #[test]
    fn both_halves_of_s_are_taken_as_the_platform_gave_them() {
        let raw = *key(5).sign(MESSAGE).unwrap().as_bytes();
        let other = other_half(&raw);
        assert_ne!(raw, other);
        assert_eq!(normalise(&der(&other), MESSAGE, key(5).public()).unwrap().as_bytes(), &other);
    }

    #[test]
    fn a_signature_by_another_key_or_over_other_bytes_never_leaves_the_phone() {
        let raw = *key(6).sign(MESSAGE).unwrap().as_bytes();
        assert_eq!(normalise(&raw, MESSAGE, key(5).public()), Err(CryptoError::BadSignature));
        assert_eq!(normalise(&der(&raw), MESSAGE, key(5).public()), Err(CryptoError::BadSignature));
        assert_eq!(normalise(&raw, b"other", key(6).public()), Err(CryptoError::BadSignature));
    }

    #[test]
    fn a_proof_gets_its_wire_form_unchecked_where_only_one_is_possible() {
        let raw = *key(5).sign(MESSAGE).unwrap().as_bytes();
        for form in [raw.to_vec(), der(&raw)] {
            assert_eq!(wire_form(&form, b"whatever", key(5).public()).unwrap().as_bytes(), &raw);
        }
        assert_eq!(wire_form(&raw[..63], MESSAGE, key(5).public()), Err(CryptoError::BadSignature));
        // r and s of 29 bytes each: DER of 64 bytes, or r ‖ s that begins with 0x30.
        let mut short = [0; 64];
        short[3..32].fill(0x11);
        short[35..].fill(0x22);
        let both = der(&short);
        assert_eq!(both.len(), 64);
        assert_eq!(wire_form(&both, MESSAGE, key(5).public()), Err(CryptoError::BadSignature), "neither verifies");
    }

    #[test]
    fn der_that_is_not_strict_is_refused() {
        let good = der(key(5).sign(MESSAGE).unwrap().as_bytes());
        let trailing = [good.as_slice(), &[0]].concat();
        let mut long_length = good.clone();
        long_length.splice(1..2, [0x81, good[1]]);
        for bad in [&trailing[..], &long_length, &good[..good.len() - 1], &[], &[0x30, 0]] {
            assert_eq!(normalise(bad, MESSAGE, key(5).public()), Err(CryptoError::BadSignature));
        }
    }
}
