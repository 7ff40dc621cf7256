//! ECDSA signatures as platforms give them: DER, normalised strictly to the 64 bytes of the wire.

use super::{CryptoError, Signature};

/// The order n of P-256 (SEC 2 §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Reads `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3) in DER and nothing more lenient: shortest lengths, shortest
/// positive integers, 0 < r, s < n, nothing behind. Android Keystore and Secure Enclave both give this form.
pub fn signature_from_der(der: &[u8]) -> Result<Signature, CryptoError> {
    parse(der).ok_or(CryptoError::BadSignature)
}

fn parse(der: &[u8]) -> Option<Signature> {
    let (body, rest) = element(0x30, der)?;
    let (r, body_rest) = element(0x02, body)?;
    let (s, end) = element(0x02, body_rest)?;
    if !rest.is_empty() || !end.is_empty() {
        return None;
    }
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&scalar(r)?);
    bytes[32..].copy_from_slice(&scalar(s)?);
    Some(Signature::from_bytes(bytes))
}

/// Splits off one element. The largest P-256 signature has 70 content bytes, so a long-form length is never the shortest.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    if found != tag || length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(length))
}

/// A positive integer in its shortest form, as 32 bytes, between 1 and n − 1.
fn scalar(integer: &[u8]) -> Option<[u8; 32]> {
    let magnitude = match integer {
        [] => return None,
        [0, next, ..] if *next < 0x80 => return None, // a needless zero
        [0, magnitude @ ..] => magnitude,
        [first, ..] if *first >= 0x80 => return None, // negative
        magnitude => magnitude,
    };
    let mut scalar = [0; 32];
    scalar[32_usize.checked_sub(magnitude.len())?..].copy_from_slice(magnitude);
    (scalar != [0; 32] && scalar < ORDER).then_some(scalar)
}
