//! Evidence of phones' platforms, of which every byte is a stranger's.

use protocol::evidence::AndroidKey;

#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/attestation/android/description.rs"]
mod description;
#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/attestation/apple/object.rs"]
mod object;

use description::KeyDescription;
use object::{AuthenticatorData, Object};

/// Both chains of Android key attestation, and the extension: what is read is within its bounds, and the chains read the
/// same once written again.
pub fn android_key(bytes: &[u8]) {
    if let Some(chains) = AndroidKey::decode(bytes) {
        assert!((1..=8).contains(&chains.device.len()) && !chains.verified.is_empty());
        let written = chains.encode().expect("it was read");
        assert!(written.len() <= bytes.len(), "issuers that are shared are written once");
        assert_eq!(AndroidKey::decode(&written), Some(chains));
    }
    let Some(description) = KeyDescription::parse(bytes) else { return };
    for list in [&description.software, &description.hardware] {
        assert!(list.purposes.is_sorted());
        assert!(list.purposes.len() <= bytes.len());
    }
    assert!(description.challenge.len() < bytes.len());
}

/// The object of App Attest, the authenticator data in it, and the leaf's nonce: what is read lies in the bytes.
pub fn apple_appattest(bytes: &[u8]) {
    if let Some(nonce) = object::nonce(bytes) {
        assert!(nonce.len() < bytes.len());
    }
    let data = Object::parse(bytes).map_or(bytes, |object| {
        let all: usize = object.certificates.iter().map(Vec::len).sum();
        assert!(object.certificates.len() <= 8 && all + object.authenticator_data.len() < bytes.len());
        object.authenticator_data
    });
    if let Some(said) = AuthenticatorData::parse(data) {
        assert!(said.credential_id.len() + 55 <= data.len());
    }
}
