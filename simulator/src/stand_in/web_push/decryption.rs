//! The receiving end of RFC 8291, written from its text and not from the sender's code.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hmac::{self, HMAC_SHA256};

/// The text of a body in one record; `None` where it was not made for this subscription, or is no such body.
pub(super) fn decrypt(body: &[u8], key: &PrivateKey, auth: &[u8; 16]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_at_checked(16)?;
    let (record_size, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let (sender, record) = rest.split_at_checked((*length).into())?;
    // RFC 8291 §4: one record alone.
    if record.len() > usize::try_from(u32::from_be_bytes(*record_size)).ok()? || sender.len() != 65 {
        return None;
    }
    let ours = key.compute_public_key().ok()?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
    let secret = agreement::agree(key, peer, (), |shared| Ok(mac(auth, &[shared]))).ok()?;
    let material = mac(&secret, &[b"WebPush: info\0", ours.as_ref(), sender, &[1]]);
    let pseudo_random = mac(salt, &[&material]);
    let content_key = mac(&pseudo_random, &[b"Content-Encoding: aes128gcm\0", &[1]]);
    let nonce = mac(&pseudo_random, &[b"Content-Encoding: nonce\0", &[1]]);

    let content_key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key[..16]).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).ok()?;
    let mut record = record.to_vec();
    let text = content_key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
    // RFC 8188 §2: the last record ends in 2 and zeros.
    let end = text.iter().rposition(|byte| *byte != 0)?;
    (text[end] == 2).then(|| text[..end].to_vec())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, key), &parts.concat());
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
