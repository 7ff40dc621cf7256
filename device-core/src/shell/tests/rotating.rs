//! Other keys in place of those before, on a network that loses and makes up replies.

use super::*;
use crate::ports::{KeyProtection, KeyPurpose};
use crate::rotation::{KeysToRotate, RotationState};
use crate::testing::policy;

const ALL: KeysToRotate = KeysToRotate { device: true, verified: true, sealing: true };

fn rotate(phone: &Phone, account: &str, which: KeysToRotate) -> Result<RotationState, DeviceError> {
    wait(phone.core.rotate_keys(account.to_owned(), which))
}

/// With the keys that the phone holds by now, and none beside them.
fn works_as_ever(phone: &Phone, account: &str) {
    phone.server.inner().prompts.clear();
    phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([0x5a; 16]));
    assert_eq!(approve(phone, &shown_request(phone, account)), Ok(Outcome::Approved));
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 3);
}

#[test]
fn new_keys_take_the_place_of_those_before() {
    let (mut phone, account) = Phone::enrolled();
    let before = phone.server.finish();
    assert_eq!(rotate(&phone, &account, ALL), Ok(RotationState::Done));
    assert_ne!(phone.server.finish().verified, before.verified);
    phone.restart();
    works_as_ever(&phone, &account);
}

#[test]
fn the_next_verified_key_is_protected_as_the_realm_asks_by_now() {
    let (phone, account) = Phone::enrolled();
    let asked = wire::EnrolmentPolicy { verified: wire::VerifiedKind::Credential, ..policy() };
    phone.server.inner().policy = Some((asked, NOW + 1));
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].failure, None);
    assert_eq!(rotate(&phone, &account, ALL), Ok(RotationState::Done));
    let made = phone.vault.made.lock().unwrap().clone();
    let verified: Vec<_> = made.into_iter().filter(|(purpose, _)| *purpose == KeyPurpose::Verified).collect();
    let kinds: Vec<_> = verified.into_iter().map(|(_, protection)| protection).collect();
    assert_eq!(kinds, [KeyProtection::Biometric, KeyProtection::Credential]);
    let kept = wait(phone.core.account(&account)).unwrap();
    assert_eq!(kept.protection, KeyProtection::Credential, "what a decision says of its key");
    works_as_ever(&phone, &account);
}

#[test]
fn keys_before_are_destroyed_even_if_the_app_died_in_between() {
    for which in [ALL, KeysToRotate { verified: false, ..ALL }] {
        let (mut phone, account) = Phone::enrolled();
        phone.vault.keeps.store(true, Ordering::SeqCst);
        {
            let mut rotating = std::pin::pin!(phone.core.rotate_keys(account.clone(), which));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            for _ in 0..100 {
                assert!(rotating.as_mut().poll(&mut context).is_pending());
            }
        }
        phone.vault.keeps.store(false, Ordering::SeqCst);
        phone.restart();
        assert_eq!(wait(phone.core.account(&account)).unwrap().rotation, None, "the new keys hold");
        assert_eq!(wait(phone.core.sync(None)).unwrap()[0].failure, None);
        works_as_ever(&phone, &account);
    }
}
