//! Message Encryption for Web Push (RFC 8291) by the content coding `aes128gcm` (RFC 8188), in one record.
//!
//! Composed of the primitives that the server has anyway; each step stands in RFC 8291 §3.4 with a test vector.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// Every push service takes bodies of this length (RFC 8030 §7.2), and no more is promised.
const MAX_BODY_BYTES: usize = 4_096;

/// RFC 8188 §2.1: salt, record size, length of the key id, and the key id: our public key.
const HEADER_BYTES: usize = SALT_BYTES + 4 + 1 + KEY_BYTES;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 65;
const TAG_BYTES: usize = 16;

/// RFC 8188 §2: what ends the last record. No padding follows: what is sealed has one length already.
const LAST_RECORD: u8 = 2;

/// So long may a plaintext be.
pub(super) const MAX_PLAINTEXT_BYTES: usize = MAX_BODY_BYTES - HEADER_BYTES - 1 - TAG_BYTES;

/// To whom: the two members of a subscription.
pub(super) struct Subscription {
    /// `p256dh`
    pub(super) key: [u8; KEY_BYTES],
    /// `auth`
    pub(super) auth: [u8; 16],
}

/// The body for this subscription. `ours` is a fresh key and `salt` is random: neither is ever used twice.
pub(super) fn encrypt(
    plaintext: &[u8],
    to: &Subscription,
    ours: &PrivateKey,
    salt: [u8; SALT_BYTES],
) -> Result<Vec<u8>, Unspecified> {
    let public = ours.compute_public_key()?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, to.key);
    let secret =
        agreement::agree(ours, peer, Unspecified, |shared| Ok(Salt::new(HKDF_SHA256, &to.auth).extract(shared)))?;
    let material: [u8; 32] = derived(&secret, &[b"WebPush: info\0", &to.key, public.as_ref()])?;
    let pseudo_random = Salt::new(HKDF_SHA256, &salt).extract(&material);
    let key: [u8; 16] = derived(&pseudo_random, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derived(&pseudo_random, &[b"Content-Encoding: nonce\0"])?;

    let mut record = [plaintext, &[LAST_RECORD]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;

    let mut body = Vec::with_capacity(HEADER_BYTES + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&u32::try_from(MAX_BODY_BYTES).expect("4,096 fits").to_be_bytes());
    body.push(u8::try_from(public.as_ref().len()).map_err(|_| Unspecified)?);
    body.extend_from_slice(public.as_ref());
    body.append(&mut record);
    Ok(body)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derived<const BYTES: usize>(secret: &Prk, info: &[&[u8]]) -> Result<[u8; BYTES], Unspecified> {
    let mut bytes = [0; BYTES];
    secret.expand(info, Length(BYTES))?.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const BYTES: usize>(text: &str) -> [u8; BYTES] {
        URL_SAFE_NO_PAD.decode(text).expect("base64url").try_into().expect("its length")
    }

    /// RFC 8291 §5 and appendix A.
    #[test]
    fn the_message_of_rfc_8291_appendix_a_is_encrypted() {
        let to = Subscription {
            key: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let ours = bytes::<32>("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let ours = PrivateKey::from_private_key(&ECDH_P256, &ours).expect("a key");
        let body = encrypt(b"When I grow up, I want to be a watermelon", &to, &ours, bytes("DGv6ra1nlYgDCS1FRnbzlw"));
        let expected = concat!(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3",
            "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
        );
        assert_eq!(URL_SAFE_NO_PAD.encode(body.expect("a body")), expected);
    }

    #[test]
    fn a_key_that_is_no_point_is_refused() {
        let to = Subscription { key: [4; KEY_BYTES], auth: [1; 16] };
        let ours = PrivateKey::generate(&ECDH_P256).expect("a key");
        assert!(encrypt(b"text", &to, &ours, [2; 16]).is_err());
    }

    #[test]
    fn the_longest_plaintext_makes_the_longest_body() {
        let theirs = PrivateKey::generate(&ECDH_P256).expect("a key");
        let key = theirs.compute_public_key().expect("a key").as_ref().try_into().expect("65 bytes");
        let ours = PrivateKey::generate(&ECDH_P256).expect("a key");
        let body = encrypt(&[7; MAX_PLAINTEXT_BYTES], &Subscription { key, auth: [1; 16] }, &ours, [2; 16]);
        assert_eq!(body.expect("a body").len(), MAX_BODY_BYTES);
    }
}
