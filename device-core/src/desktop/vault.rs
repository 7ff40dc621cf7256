//! Keys in software: in memory, and in a file readable by its owner if one is named.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use protocol::base64url;
use protocol::crypto::p256::{AgreementKey, SigningKey};
use protocol::crypto::{Agree as _, CryptoError, Sign as _};
use protocol::{Jwk, json};
use zeroize::Zeroizing;

use super::{read_file, replace_file};
use crate::ports::{KeyProtection, KeyPurpose, KeyVault, SigningReason, VaultError};

/// A file of keys is larger than a message.
const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;

type Keys = BTreeMap<String, Zeroizing<[u8; 32]>>;

/// A key vault without hardware. It asks the user nothing, so its `verified` keys prove nothing about the user.
pub struct SoftwareVault {
    file: Option<PathBuf>,
    keys: Mutex<Keys>,
}

impl SoftwareVault {
    /// Keys that live as long as this does.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { file: None, keys: Mutex::default() }
    }

    /// Keys in a file of mode 0600, made at the first key.
    pub fn in_file(file: PathBuf) -> Result<Self, VaultError> {
        let content = read_file(&file).map_err(unavailable)?;
        let keys = content.map_or_else(|| Ok(Keys::new()), |content| decode(&content))?;
        Ok(Self { file: Some(file), keys: Mutex::new(keys) })
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, alias: &str) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        self.keys().get(alias).cloned().ok_or(VaultError::KeyMissing)
    }

    fn change(&self, change: impl FnOnce(&mut Keys)) -> Result<(), VaultError> {
        let mut keys = self.keys();
        let mut next = keys.clone();
        change(&mut next);
        if let Some(file) = &self.file {
            replace_file(file, &encode(&next)).map_err(unavailable)?;
        }
        *keys = next;
        Ok(())
    }
}

impl fmt::Debug for SoftwareVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareVault({} keys)", self.keys().len())
    }
}

#[async_trait]
impl KeyVault for SoftwareVault {
    async fn generate(
        &self,
        alias: String,
        purpose: KeyPurpose,
        _protection: KeyProtection,
    ) -> Result<Vec<u8>, VaultError> {
        let (secret, public) = new_key(purpose)?;
        self.change(|keys| {
            keys.insert(alias, secret);
        })?;
        Ok(public.to_sec1().to_vec())
    }

    async fn sign(&self, alias: String, message: Vec<u8>, _reason: SigningReason) -> Result<Vec<u8>, VaultError> {
        let key = SigningKey::from_bytes(&*self.key(&alias)?).map_err(unavailable)?;
        Ok(key.sign(&message).map_err(unavailable)?.as_bytes().to_vec())
    }

    async fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let key = AgreementKey::from_bytes(&*self.key(&alias)?).map_err(unavailable)?;
        let peer = Jwk::from_sec1(&peer).ok_or_else(|| unavailable(CryptoError::BadKey))?;
        Ok(key.agree(&peer).map_err(unavailable)?.as_bytes().to_vec())
    }

    async fn delete(&self, alias: String) -> Result<(), VaultError> {
        if !self.keys().contains_key(&alias) {
            return Ok(());
        }
        self.change(|keys| {
            keys.remove(&alias);
        })
    }
}

/// A fresh secret scalar and its public key. One in 2^32 random values is no scalar, so a few tries are plenty.
#[expect(clippy::disallowed_methods, reason = "the desktop's keys come from the system's chance")]
fn new_key(purpose: KeyPurpose) -> Result<(Zeroizing<[u8; 32]>, Jwk), VaultError> {
    for _ in 0..4 {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(unavailable)?;
        let public = match purpose {
            KeyPurpose::Device | KeyPurpose::Verified => SigningKey::from_bytes(&secret).map(|key| *key.public()),
            KeyPurpose::Sealing => AgreementKey::from_bytes(&secret).map(|key| *key.public()),
        };
        if let Ok(public) = public {
            return Ok((secret, public));
        }
    }
    Err(VaultError::Unavailable { detail: "no key in four tries".into() })
}

fn encode(keys: &Keys) -> Vec<u8> {
    let keys: BTreeMap<&str, String> =
        keys.iter().map(|(alias, secret)| (alias.as_str(), base64url::encode(&**secret))).collect();
    serde_json::to_vec(&keys).expect("a map of strings")
}

fn decode(content: &[u8]) -> Result<Keys, VaultError> {
    let keys: BTreeMap<String, String> = json::from_slice_within(content, MAX_FILE_BYTES).map_err(unavailable)?;
    keys.into_iter()
        .map(|(alias, secret)| Ok((alias, Zeroizing::new(base64url::decode_exact(&secret).map_err(unavailable)?))))
        .collect()
}

fn unavailable(error: impl fmt::Display) -> VaultError {
    VaultError::Unavailable { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use protocol::crypto::Verify as _;
    use protocol::crypto::p256::VerifyingKey;

    use super::*;
    use crate::signature;
    use crate::testing::wait;

    fn generate(vault: &SoftwareVault, alias: &str, purpose: KeyPurpose) -> Jwk {
        let point = wait(vault.generate(alias.into(), purpose, KeyProtection::Biometric)).unwrap();
        Jwk::from_sec1(&point).unwrap()
    }

    #[test]
    fn keys_in_a_file_are_there_after_a_restart_and_only_for_their_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys.json");
        let public = generate(&SoftwareVault::in_file(file.clone()).unwrap(), "a", KeyPurpose::Device);
        let vault = SoftwareVault::in_file(file.clone()).unwrap();
        let raw = wait(vault.sign("a".into(), b"m".to_vec(), SigningReason::Proof)).unwrap();
        let signature = signature::normalise(&raw, b"m", &public).unwrap();
        assert!(VerifyingKey::new(&public).unwrap().verify(b"m", &signature).is_ok());
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        wait(vault.delete("a".into())).unwrap();
        let again = SoftwareVault::in_file(file).unwrap();
        assert_eq!(wait(again.sign("a".into(), Vec::new(), SigningReason::Proof)), Err(VaultError::KeyMissing));
    }

    #[test]
    fn two_sealing_keys_agree() {
        let vault = SoftwareVault::in_memory();
        let ours = generate(&vault, "a", KeyPurpose::Sealing);
        let theirs = generate(&vault, "b", KeyPurpose::Sealing);
        let one = wait(vault.agree("a".into(), theirs.to_sec1().to_vec())).unwrap();
        assert_eq!(wait(vault.agree("b".into(), ours.to_sec1().to_vec())), Ok(one));
        assert!(wait(vault.agree("a".into(), vec![4; 65])).is_err());
    }

    #[test]
    fn a_damaged_key_file_is_an_error_and_not_an_empty_vault() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys.json");
        for damaged in ["", "{", r#"{"a":"AA"}"#, r#"{"a":1}"#] {
            std::fs::write(&file, damaged).unwrap();
            assert!(SoftwareVault::in_file(file.clone()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_vault_prints_no_key() {
        let vault = SoftwareVault::in_memory();
        generate(&vault, "a", KeyPurpose::Device);
        assert_eq!(format!("{vault:?}"), "SoftwareVault(1 keys)");
    }
}
