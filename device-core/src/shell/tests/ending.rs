//! What ends an account and what does not: revocations, damaged state, lost keys, another app's settings.

use super::*;
use crate::app::RevocationReason;
use crate::notice::DENIALS;
use crate::ports::{DeviceEvent, SecureStore as _};
use crate::state::{DOCUMENT, State};
use crate::testing::{Op, settings};

#[test]
fn the_servers_signed_word_destroys_the_keys_and_says_why() {
    let (mut phone, account) = Phone::enrolled();
    let revocation = phone.server.op.revocation(&phone.server.account(), |_| ());
    phone.server.inner().revocation = Some(revocation);
    assert_eq!(wait(phone.core.pending(account.clone(), 0)).map(|_| ()), Err(DeviceError::Revoked));
    assert!(phone.vault.aliases.lock().unwrap().is_empty());
    phone.restart();
    let accounts = wait(phone.core.accounts()).unwrap();
    assert_eq!((accounts[0].state, accounts[0].revoked), (EnrolmentState::Revoked, Some(RevocationReason::Operator)));
    let calls = phone.server.inner().calls.len();
    assert_eq!(wait(phone.core.pending(account.clone(), 0)).map(|_| ()), Err(DeviceError::Revoked));
    assert_eq!(phone.server.inner().calls.len(), calls, "nothing is asked any more");
    let ended = DeviceEvent::Ended { account: account.clone(), reason: RevocationReason::Operator };
    assert!(phone.observer.events.lock().unwrap().contains(&ended));
    assert_eq!(wait(phone.core.wipe(account)), Ok(()));
    assert!(wait(phone.core.accounts()).unwrap().is_empty());
}

#[test]
fn nobody_elses_word_takes_anything_away() {
    let (phone, account) = Phone::enrolled();
    let ask = || wait(phone.core.pending(account.clone(), 0)).map(|_| ());
    phone.server.cause(Trouble::UnsignedRevocation);
    assert_eq!(ask(), Err(DeviceError::Revoked));
    phone.server.cause(Trouble::None);
    let impostor = Op { root: next_signing_key(), signing: next_signing_key() };
    let forged = impostor.revocation(&phone.server.account(), |_| ());
    let anothers = phone.server.op.revocation(&phone.server.account(), |said| said.aud = other_digest());
    for malicious in [forged, anothers] {
        phone.server.inner().revocation = Some(malicious);
        assert!(matches!(ask(), Err(DeviceError::Untrusted { .. })));
    }
    phone.server.inner().revocation = None;
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 3);
    assert_eq!(ask(), Ok(()));
}

#[test]
fn state_restored_without_its_keys_is_a_condition() {
    let (phone, account) = Phone::enrolled();
    phone.vault.lose_all();
    assert_eq!(wait(phone.core.pending(account, 0)).map(|_| ()), Err(DeviceError::KeysLost));
    let synced = wait(phone.core.sync(None)).unwrap();
    assert_eq!(synced[0].failure.as_ref().map(|failure| failure.code.as_str()), Some("keys_lost"));
    assert_eq!(wait(phone.core.accounts()).unwrap().len(), 1, "nothing is thrown away");
}

#[test]
fn damaged_state_is_kept_until_the_user_gives_it_up() {
    let (mut phone, _) = Phone::enrolled();
    let sound = wait(phone.store.load(DOCUMENT.into())).unwrap().unwrap();
    assert!(matches!(wait(phone.core.discard_damaged_state()), Err(DeviceError::Storage { .. })));
    wait(phone.store.save(DOCUMENT.into(), sound[..sound.len() / 2].to_vec())).unwrap();
    phone.restart();
    assert!(matches!(wait(phone.core.accounts()), Err(DeviceError::DamagedState { .. })));
    assert!(matches!(phone.enrol().map(|_| ()), Err(DeviceError::DamagedState { .. })));
    assert_eq!(wait(phone.core.discard_damaged_state()), Ok(()));
    assert!(wait(phone.core.accounts()).unwrap().is_empty());
    assert!(phone.enrol().is_ok());
}

#[test]
fn what_the_store_finds_damaged_can_be_given_up_too() {
    let (mut phone, _) = Phone::enrolled();
    *phone.store.unreadable.lock().unwrap() = true;
    phone.restart();
    let damaged = Err(DeviceError::DamagedState { detail: "bad tag".into() });
    assert_eq!(wait(phone.core.accounts()), damaged);
    assert!(matches!(phone.enrol().map(|_| ()), Err(DeviceError::DamagedState { .. })));
    assert_eq!(wait(phone.core.discard_damaged_state()), Ok(()));
    assert_eq!(wait(phone.core.accounts()), Ok(Vec::new()));
}

#[test]
fn damaged_denials_of_an_extension_are_given_up_alone() {
    let (phone, account) = Phone::enrolled();
    wait(phone.store.save(DENIALS.into(), b"{".to_vec())).unwrap();
    let failure = || wait(phone.core.sync(None)).unwrap().remove(0).failure.map(|failure| failure.code);
    assert_eq!(failure().as_deref(), Some("damaged_state"));
    assert_eq!(wait(phone.core.discard_damaged_state()), Ok(()));
    assert_eq!(failure(), None);
    assert_eq!(wait(phone.core.accounts()).unwrap()[0].id, account);
    let newer = br#"{"format":9,"denials":[]}"#.to_vec();
    wait(phone.store.save(DENIALS.into(), newer.clone())).unwrap();
    wait(phone.store.save(DOCUMENT.into(), b"{".to_vec())).unwrap();
    assert_eq!(wait(phone.core.discard_damaged_state()), Err(DeviceError::NewerState { version: 9 }));
    assert_eq!(wait(phone.store.load(DENIALS.into())), Ok(Some(newer)));
    assert!(wait(phone.store.load(DOCUMENT.into())).unwrap().is_some(), "nothing is discarded beside a newer one");
}

#[test]
fn a_newer_apps_state_is_not_given_up() {
    let mut phone = Phone::new();
    wait(phone.store.save(DOCUMENT.into(), br#"{"format":9}"#.to_vec())).unwrap();
    phone.restart();
    assert_eq!(wait(phone.core.accounts()), Err(DeviceError::NewerState { version: 9 }));
    assert_eq!(wait(phone.core.discard_damaged_state()), Err(DeviceError::NewerState { version: 9 }));
}

#[test]
fn a_save_that_failed_half_way_is_never_what_is_read_next() {
    let (phone, request) = asked();
    *phone.store.tears.lock().unwrap() = true;
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Storage { .. })));
    *phone.store.tears.lock().unwrap() = false;
    assert!(decisions(&phone).is_empty());
    assert!(matches!(wait(phone.core.accounts()), Err(DeviceError::DamagedState { .. })));
}

#[test]
fn an_account_from_development_is_not_used_without_tls_by_an_app_that_is_given_out() {
    let (phone, account) = Phone::enrolled();
    let document = wait(phone.store.load(DOCUMENT.into())).unwrap();
    let mut state = State::decode(document.as_deref()).unwrap();
    let account_state = serde_json::to_string(&state.accounts[0]).unwrap();
    let plain = account_state.replace("https://op.example", "http://127.0.0.1:9");
    state.accounts[0] = serde_json::from_str(&plain).unwrap();
    wait(phone.store.save(DOCUMENT.into(), state.encode())).unwrap();
    let ask = |development| {
        let core = phone.core_under(crate::Settings { development, ..settings() });
        let calls = phone.server.inner().calls.len();
        phone.server.cause(Trouble::Offline);
        let failed = wait(core.pending(account.clone(), 0)).map(|_| ()).unwrap_err();
        assert_eq!(phone.server.inner().calls.len(), calls);
        failed
    };
    assert_eq!(ask(false), DeviceError::InsecureIssuer { issuer: "http://127.0.0.1:9".into() });
    assert!(matches!(ask(true), DeviceError::Unreachable { .. }));
}
