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
