//! The notification extension beside the app: what it shows without network, and the denial that it hands over.

use std::collections::HashMap;

use super::*;
use crate::desktop::Extension;
use crate::display::RequestKind;
use crate::notice::{Notice, NoticeOpener};
use crate::ports::{KeyPurpose, SecureStore as _};
use crate::state::{DOCUMENT, KeySlot, State};

fn opener(phone: &Phone) -> Arc<NoticeOpener> {
    let extension = Extension::of(phone.vault.clone(), phone.store.clone(), Some(phone.lock.clone()));
    NoticeOpener::new(Arc::new(extension), phone.clock.clone())
}

fn opened(phone: &Phone, push: HashMap<String, String>) -> Result<Option<Notice>, DeviceError> {
    let calls = phone.server.inner().calls.len();
    let notice = opener(phone).open(push);
    assert_eq!(phone.server.inner().calls.len(), calls, "an extension has no network");
    notice
}

#[test]
fn the_lock_screen_may_show_who_asks_and_nothing_of_what() {
    let (phone, account) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    let notice = opened(&phone, push).unwrap().unwrap();
    assert_eq!((notice.title.as_str(), notice.body.as_str()), ("Example Bank", "wants your approval"));
    assert_eq!((notice.account.clone(), notice.kind), (account, RequestKind::Authentication));
    assert_eq!((notice.client_verified, notice.expires_at), (true, NOW + 100));
    assert!(!format!("{notice:?}").contains("Pay 20 EUR"));
}

#[test]
fn a_wake_push_says_nothing_more() {
    let (phone, _) = Phone::enrolled();
    let wake = [("v", "1"), ("rid", "AAAAAAAAAAAAAAAAAAAAAA")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(opened(&phone, wake.into()), Ok(None));
}

#[test]
fn what_is_forged_over_unshowable_or_anothers_is_not_shown() {
    let (phone, _) = Phone::enrolled();
    let stranger = crate::testing::Op { root: next_signing_key(), signing: next_signing_key() };
    let forged = phone.server.seal(&stranger.prompt(&phone.server.account(), |_| ()));
    assert!(matches!(opened(&phone, forged), Err(DeviceError::Untrusted { .. })));
    let over = phone.server.seal(&phone.server.ask(|prompt| prompt.exp = NOW));
    assert_eq!(opened(&phone, over), Err(DeviceError::Expired));
    let bidi = phone.server.seal(&phone.server.ask(|prompt| prompt.client.name = "Bank\u{202e}".into()));
    assert!(matches!(opened(&phone, bidi), Err(DeviceError::Unshowable { .. })));
    let (other, _) = Phone::enrolled();
    let anothers = other.server.seal(&other.server.ask(|_| ()));
    assert_eq!(opened(&phone, anothers), Err(DeviceError::NotOurPush));
    assert_eq!(opened(&phone, HashMap::new()), Err(DeviceError::NotOurPush));
}

#[test]
fn a_wrong_clock_hides_no_notice_once_the_app_has_synced() {
    let (phone, _) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    phone.clock.unix.store((NOW + 86_400) * 1000, Ordering::SeqCst);
    assert_eq!(opened(&phone, push.clone()), Err(DeviceError::Expired));
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].failure, None);
    assert!(opened(&phone, push).unwrap().is_some());
}

#[test]
fn a_denial_that_was_handed_over_is_signed_and_sent_by_the_app_once() {
    let (mut phone, _) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    for _ in 0..2 {
        assert_eq!(opener(&phone).hand_over_denial(push.clone(), DenyReason::NotMe), Ok(()));
    }
    assert!(decisions(&phone).is_empty());
    assert!(!*phone.lock.held.lock().unwrap());
    phone.restart();
    phone.server.cause(Trouble::Offline);
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].concluded, 0);
    phone.server.cause(Trouble::None);
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].concluded, 1);
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].concluded, 0);
    let sent = decisions(&phone);
    let (role, decision) = phone.server.read_decision(&sent[0]);
    assert_eq!((sent.len(), role), (1, KeyRole::Device));
    assert_eq!((decision.decision, decision.reason), (wire::Answer::Deny, Some(wire::DenyReason::NotMe)));
    assert_eq!(decision.dh, wire_prompt(&phone).display_digest());
}

#[test]
fn a_denial_is_handed_over_only_under_the_lock_and_only_of_a_sealed_prompt() {
    let (phone, _) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    *phone.lock.held.lock().unwrap() = true;
    assert_eq!(opener(&phone).hand_over_denial(push, DenyReason::NotMe), Err(DeviceError::Busy));
    *phone.lock.held.lock().unwrap() = false;
    let wake = [("v", "1"), ("rid", "AAAAAAAAAAAAAAAAAAAAAA")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(opener(&phone).hand_over_denial(wake.into(), DenyReason::NotMe), Err(DeviceError::NotOurPush));
    assert_eq!(wait(phone.core.sync(None)).unwrap()[0].concluded, 0);
}

#[test]
fn an_account_whose_key_is_unusable_hides_no_push_for_another() {
    let (mut phone, account) = Phone::enrolled();
    let mut state = State::decode(wait(phone.store.load(DOCUMENT.into())).unwrap().as_deref()).unwrap();
    let mut broken = state.accounts[0].clone();
    (broken.enr, broken.slot) = (protocol::EnrolmentId::from_bytes([9; 16]), KeySlot::new([9; 16]));
    phone.vault.sealing_fails.lock().unwrap().push(broken.alias(KeyPurpose::Sealing));
    state.accounts.insert(0, broken);
    wait(phone.store.save(DOCUMENT.into(), state.encode())).unwrap();
    phone.restart();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    assert_eq!(opened(&phone, push.clone()).unwrap().unwrap().account, account);
    assert_eq!(wait(phone.core.open_push(push)).unwrap()[0].account(), account);
    let (other, _) = Phone::enrolled();
    let anothers = other.server.seal(&other.server.ask(|_| ()));
    assert_eq!(opened(&phone, anothers.clone()), Err(DeviceError::KeyInvalidated), "it may have been for that one");
    assert_eq!(wait(phone.core.open_push(anothers)).err(), Some(DeviceError::KeyInvalidated));
}
