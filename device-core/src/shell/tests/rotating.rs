//! Other keys in place of those before, on a network that loses and makes up replies.

use super::*;
use crate::ports::{KeyProtection, KeyPurpose, KeyVault as _};
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

const REFUSAL: Trouble = Trouble::Refusal(403, "rotation_refused");

fn refused<T>() -> Result<T, DeviceError> {
    Err(DeviceError::Refused { refusal: "rotation_refused".into() })
}

fn loses_the_answer(phone: &Phone, account: &str) {
    phone.server.cause(Trouble::LostReplies);
    assert!(matches!(rotate(phone, account, ALL), Err(DeviceError::Unreachable { .. })));
}

/// Anybody on the way can say so, and the keys are in force.
#[test]
fn a_refusal_destroys_no_keys_whose_answer_was_lost() {
    for by_sync in [false, true] {
        let (mut phone, account) = Phone::enrolled();
        loses_the_answer(&phone, &account);
        phone.server.cause(REFUSAL);
        assert_eq!(rotate(&phone, &account, ALL), refused());
        phone.restart();
        phone.server.cause(Trouble::None);
        if by_sync {
            assert_eq!(wait(phone.core.sync(None)).unwrap()[0].failure, None);
        } else {
            assert_eq!(rotate(&phone, &account, ALL), Ok(RotationState::Done));
        }
        works_as_ever(&phone, &account);
    }
}

#[test]
fn a_refused_rotation_is_reported_once_and_holds_up_nothing_else() {
    let (phone, _) = asked();
    let account = wait(phone.core.accounts()).unwrap()[0].id.clone();
    phone.server.cause(Trouble::Offline);
    assert!(rotate(&phone, &account, ALL).is_err());
    phone.server.cause(REFUSAL);
    let synced = || wait(phone.core.sync(None)).unwrap().remove(0);
    assert_eq!(synced().failure.map(|failure| failure.code).as_deref(), Some("refused"));
    let second = synced();
    assert_eq!((second.failure, second.requests.len()), (None, 1));
}

#[test]
fn after_a_refusal_another_rotation_takes_the_place_of_the_first() {
    let (phone, account) = Phone::enrolled();
    phone.server.cause(REFUSAL);
    assert_eq!(rotate(&phone, &account, ALL), refused());
    assert_eq!(rotate(&phone, &account, KeysToRotate { device: false, verified: false, sealing: true }), refused());
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 9, "nothing is destroyed without the server's signed word");
    phone.server.cause(Trouble::None);
    assert_eq!(rotate(&phone, &account, ALL), Ok(RotationState::Done));
    works_as_ever(&phone, &account);
}

#[test]
fn keys_in_force_are_found_again_however_often_they_were_refused_and_others_begun() {
    let (mut phone, account) = Phone::enrolled();
    loses_the_answer(&phone, &account);
    let in_force = phone.server.finish().device;
    phone.server.cause(REFUSAL);
    for _ in 0..20 {
        assert_eq!(rotate(&phone, &account, ALL), refused());
    }
    phone.restart();
    phone.server.cause(Trouble::None);
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].failure, None);
    let kept = wait(phone.core.account(&account)).unwrap();
    assert_eq!(kept.keys.device, in_force);
    // What was begun after it is refused, for good, and ends with the next one.
    assert!(matches!(rotate(&phone, &account, ALL), Ok(RotationState::Done)));
    works_as_ever(&phone, &account);
}

#[test]
fn a_refused_proposal_is_over_once_the_server_has_signed_that_it_asks_about_the_next() {
    let (phone, account) = Phone::enrolled();
    let verified = wait(phone.core.account(&account)).unwrap().alias(KeyPurpose::Verified);
    wait(phone.vault.inner.delete(verified)).unwrap();
    phone.server.cause(REFUSAL);
    for _ in 0..2 {
        assert_eq!(rotate(&phone, &account, ALL), refused());
    }
    let doubtful = || wait(phone.core.account(&account)).unwrap().doubtful.len();
    assert_eq!((doubtful(), phone.vault.aliases.lock().unwrap().len()), (1, 9));
    phone.server.cause(Trouble::None);
    assert_eq!(rotate(&phone, &account, ALL), Ok(RotationState::Awaiting));
    assert_eq!((doubtful(), phone.vault.aliases.lock().unwrap().len()), (0, 6));
}
