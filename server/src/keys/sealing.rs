//! Secrets that are stored and must be spoken again: AES-256-GCM (NIST SP 800-38D), each under a key of its own that is
//! derived from the realm's MAC key, what the secret is for, and 16 random bytes. With a key of its own for each, no
//! number of secrets wears a key out.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use protocol::base64url;
use protocol::crypto::CryptoError;
use zeroize::Zeroizing;

use super::RealmKeys;
use crate::domain::secret::Sealed;

const SALT_LEN: usize = 16;

impl RealmKeys {
    /// Seals a secret. `context` names what it is for and whose it is: under another, [`Self::unseal`] refuses it.
    #[must_use]
    pub fn seal(&self, context: &str, plaintext: &[u8]) -> Sealed {
        let salt = salt();
        let mut sealed = Zeroizing::new(plaintext.to_vec());
        let cipher = self.cipher(context, &salt).expect("the key has 32 bytes");
        let nonce = cipher.seal_in_place_append_tag(Aad::empty(), &mut *sealed).expect("it is shorter than 64 GiB");
        Sealed::from_text(base64url::encode(&[&salt[..], nonce.as_ref(), &sealed].concat()))
    }

    /// Opens what [`Self::seal`] made for the same purpose; anything else is [`CryptoError::Unavailable`].
    pub fn unseal(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        self.open_sealed(context, sealed.as_str()).ok_or(CryptoError::Unavailable)
    }

    fn open_sealed(&self, context: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = base64url::decode(text).ok()?;
        let (salt, rest) = bytes.split_first_chunk::<SALT_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let cipher = self.cipher(context, salt)?;
        let opened = cipher.open_in_place(Nonce::from(nonce), Aad::empty(), &mut sealed).ok()?.len();
        sealed.truncate(opened);
        Some(sealed)
    }

    fn cipher(&self, context: &str, salt: &[u8; SALT_LEN]) -> Option<RandomizedNonceKey> {
        let key = Zeroizing::new(self.mac("assent-seal", &[context.as_bytes(), salt]));
        RandomizedNonceKey::new(&AES_256_GCM, &*key).ok()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "drawn as the cipher beside it draws its nonce: repeating it is never right"
)]
fn salt() -> [u8; SALT_LEN] {
    let mut salt = [0; SALT_LEN];
    aws_lc_rs::rand::fill(&mut salt).expect("aws-lc stops the process rather than go without randomness");
    salt
}
