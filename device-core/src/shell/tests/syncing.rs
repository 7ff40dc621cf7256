//! `sync`: what is caught up with, in whatever state the app died.

use protocol::crypto::p256::SigningKey;
use protocol::messages::Answer;

use super::*;
use crate::app::{Platform, PushMode};
use crate::shell::Synced;
use crate::testing::{Op, key, list_by, policy, succession};

fn sync(phone: &Phone) -> Synced {
    wait(phone.core.sync(None)).unwrap().remove(0)
}

fn code(synced: &Synced) -> Option<&str> {
    synced.failure.as_ref().map(|failure| failure.code.as_str())
}

#[test]
fn an_answer_that_was_signed_before_the_app_died_is_sent_unchanged_and_without_the_user() {
    let (mut phone, request) = asked();
    phone.server.cause(Trouble::LostReplies);
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Unreachable { .. })));
    phone.restart();
    let first = sync(&phone);
    assert_eq!((code(&first), first.concluded), (Some("unreachable"), 0));
    phone.server.cause(Trouble::None);
    phone.restart();
    let second = sync(&phone);
    assert_eq!((code(&second), second.concluded), (None, 1));
    let sent = decisions(&phone);
    assert!(sent.len() == 3 && sent.iter().all(|bytes| *bytes == sent[0]));
    assert_eq!(phone.approvals_signed(), 1);
    assert_eq!((sync(&phone).concluded, decisions(&phone).len()), (0, 3), "again changes nothing");
}

#[test]
fn an_app_that_died_between_signing_and_sending_sends_at_the_next_sync() {
    let (mut phone, request) = asked();
    {
        let mut approving = std::pin::pin!(phone.core.approve(Arc::clone(&request)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        phone.server.cause(Trouble::Hang);
        for _ in 0..100 {
            assert!(approving.as_mut().poll(&mut context).is_pending());
        }
    }
    assert!(decisions(&phone).is_empty());
    phone.server.cause(Trouble::None);
    phone.restart();
    assert_eq!(sync(&phone).concluded, 1);
    assert_eq!((decisions(&phone).len(), phone.approvals_signed()), (1, 1));
}

#[test]
fn an_answer_that_came_too_late_is_given_up() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::LostReplies);
    assert!(approve(&phone, &request).is_err());
    phone.server.cause(Trouble::Refusal(410, "expired"));
    let late = sync(&phone);
    assert_eq!((code(&late), late.concluded), (None, 1));
    phone.server.cause(Trouble::None);
    assert_eq!((sync(&phone).concluded, decisions(&phone).len()), (0, 2));
}

#[test]
fn the_push_target_is_told_where_the_server_has_another_and_only_then() {
    let (phone, _) = Phone::enrolled();
    let told =
        |phone: &Phone| phone.server.inner().calls.iter().filter(|call| *call == "PUT /device/v1/self/push").count();
    let target = || PushTarget::FcmToken { platform: Platform::Android, token: "t-1".into() };
    for _ in 0..3 {
        assert_eq!(code(&wait(phone.core.sync(Some(target()))).unwrap()[0]), None);
    }
    assert_eq!(told(&phone), 1);
    // The push service said that the target is gone, so the server forgot it.
    phone.server.inner().push = Some(wire::PushTarget::None);
    assert_eq!(code(&sync(&phone)), None);
    assert_eq!(told(&phone), 1, "without a target of the platform nothing is told");
    assert_eq!(code(&wait(phone.core.sync(Some(target()))).unwrap()[0]), None);
    assert_eq!(told(&phone), 2);
}

#[test]
fn a_newer_key_list_is_taken_and_an_older_one_is_not() {
    let (mut phone, account) = Phone::enrolled();
    let newer = next_signing_key();
    let list = phone.server.op.list(|list| {
        list.sequence = 2;
        list.keys.push(wire::SigningKey { jwk: *newer.public(), ..list.keys[0].clone() });
    });
    phone.server.inner().list = Some(list);
    assert_eq!(code(&sync(&phone)), None);
    phone.server.inner().list = None;
    phone.restart();
    assert_eq!(code(&sync(&phone)), Some("untrusted"));
    let prompt = wire_prompt(&phone);
    phone.server.inner().prompts = vec![Jws::sign(newer.public().thumbprint(), &prompt, &newer).unwrap()];
    assert_eq!(wait(phone.core.pending(account, 0)).unwrap().len(), 1);
}

#[test]
fn a_phone_moves_to_a_new_root_only_where_both_signed_and_remembers_it() {
    let (mut phone, account) = Phone::enrolled();
    let (old, new) = (key(1), key(91));
    let serve = |phone: &Phone, step: Option<[&SigningKey; 2]>, list| {
        let op = &phone.server.op;
        let steps = step.map(|by| succession(op, 2, [&old, &new], by));
        let mut server = phone.server.inner();
        (server.root, server.list) = (Some(*new.public()), Some(list_by(op, &new, list)));
        server.successions = steps.into_iter().collect();
    };
    for step in [None, Some([&new, &new]), Some([&old, &old])] {
        serve(&phone, step, 2);
        assert_eq!(code(&sync(&phone)), Some("untrusted"));
    }
    serve(&phone, Some([&old, &new]), 2);
    assert_eq!(code(&sync(&phone)), None);
    phone.restart();
    serve(&phone, None, 3);
    assert_eq!(code(&sync(&phone)), None, "the new root is the one pinned");
    phone.server.ask(|_| ());
    assert_eq!(wait(phone.core.pending(account, 0)).unwrap().len(), 1);
    let mut server = phone.server.inner();
    (server.root, server.list) = (None, None);
    drop(server);
    assert_eq!(code(&sync(&phone)), Some("untrusted"), "the old root's list, replayed");
}

#[test]
fn the_realms_policy_is_taken_from_its_signed_word_and_from_no_older_one() {
    let (mut phone, _) = Phone::enrolled();
    let push = |synced: &Synced| synced.policy.map(|policy| policy.push);
    assert_eq!(push(&sync(&phone)), Some(PushMode::Sealed), "as the offer said");
    let wake = wire::EnrolmentPolicy { push: wire::PushMode::Wake, ..policy() };
    phone.server.inner().policy = Some((wake.clone(), NOW + 1));
    assert_eq!((code(&sync(&phone)), push(&sync(&phone))), (None, Some(PushMode::Wake)));
    phone.restart();
    phone.server.inner().policy = Some((policy(), NOW));
    assert_eq!((code(&sync(&phone)), push(&sync(&phone))), (None, Some(PushMode::Wake)), "an old word, replayed");

    let sent = phone.server.sent_finish();
    let forged = Op { root: key(77), signing: key(78) }.enrolment(&sent, |said| said.policy = Some(policy()));
    let of_another = phone.server.op.enrolment(&sent, |said| {
        said.aud = other_digest();
        (said.policy, said.now) = (Some(policy()), NOW + 9);
    });
    for word in [forged, of_another] {
        phone.server.inner().standing = Some(word);
        assert_eq!((code(&sync(&phone)), push(&sync(&phone))), (Some("untrusted"), Some(PushMode::Wake)));
    }
    phone.server.inner().standing = None;
    phone.server.inner().policy = Some((policy(), NOW + 10));
    assert_eq!((code(&sync(&phone)), push(&sync(&phone))), (None, Some(PushMode::Sealed)));
}

#[test]
fn what_awaits_the_user_is_listed_and_what_must_not_be_shown_is_reported() {
    let (phone, _) = Phone::enrolled();
    phone.server.ask(|prompt| prompt.client.name = "Bank\u{202e}".into());
    phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([2; 16]));
    let synced = sync(&phone);
    assert_eq!((synced.requests.len(), code(&synced)), (1, Some("unshowable")));
}

#[test]
fn a_revocation_is_found_by_sync() {
    let (phone, _) = Phone::enrolled();
    let revocation = phone.server.op.revocation(&phone.server.account(), |_| ());
    phone.server.inner().revocation = Some(revocation);
    let synced = sync(&phone);
    assert_eq!((synced.state, code(&synced)), (EnrolmentState::Revoked, Some("revoked")));
    let again = sync(&phone);
    assert_eq!((again.state, code(&again)), (EnrolmentState::Revoked, None));
}

#[test]
fn an_account_that_waits_for_its_digits_is_asked_about() {
    let phone = Phone::new();
    let _enrolment = phone.enrol().unwrap();
    assert_eq!(sync(&phone).state, EnrolmentState::Unconfirmed);
    phone.server.inner().active = true;
    assert_eq!(sync(&phone).state, EnrolmentState::Active);
}

#[test]
fn all_of_one_call_ends_within_its_time_nonces_and_second_tries_included() {
    let (mut phone, account) = Phone::enrolled();
    phone.restart();
    phone.server.inner().timeouts.clear();
    phone.server.inner().takes_millis = 9_500;
    assert!(wait(phone.core.pending(account.clone(), 0)).is_ok());
    assert_eq!(phone.server.inner().timeouts, [15, 6], "the nonce has used up the rest");
    phone.server.inner().takes_millis = 8_000;
    phone.server.inner().timeouts.clear();
    phone.server.cause(Trouble::StaleNonces);
    assert_eq!(wait(phone.core.pending(account, 0)).map(|_| ()), Err(DeviceError::ProofNotTaken));
    assert_eq!(phone.server.inner().timeouts, [15, 7]);
}

#[test]
fn a_call_whose_time_is_over_is_not_made() {
    let (mut phone, account) = Phone::enrolled();
    phone.restart();
    phone.server.inner().timeouts.clear();
    phone.server.inner().takes_millis = 15_000;
    assert!(matches!(wait(phone.core.pending(account, 0)).map(|_| ()), Err(DeviceError::Unreachable { .. })));
    assert_eq!(phone.server.inner().timeouts, [15]);
}

#[test]
fn a_denial_beside_a_sync_that_waits_for_the_server_keeps_the_approval_from_being_sent() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::Offline);
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Unreachable { .. })));
    phone.server.cause(Trouble::Held);
    let mut syncing = std::pin::pin!(phone.core.sync(None));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(syncing.as_mut().poll(&mut context).is_pending(), "it has read the account, and waits");
    phone.server.cause(Trouble::Offline);
    assert!(matches!(deny(&phone, &request), Err(DeviceError::Unreachable { .. })));
    phone.server.cause(Trouble::None);
    let synced = wait(syncing).unwrap().remove(0);
    assert_eq!((code(&synced), synced.concluded), (None, 1));
    let sent = decisions(&phone);
    assert_eq!((sent.len(), phone.server.read_decision(&sent[0]).1.decision), (1, Answer::Deny));
}

#[test]
fn a_denial_is_kept_and_sent_later_whatever_answers_in_the_servers_place() {
    for trouble in [Trouble::Impostor, Trouble::Portal, Trouble::Proxy, Trouble::Offline] {
        let (mut phone, request) = asked();
        phone.restart();
        let fresh = shown_request(&phone, &request.account());
        phone.restart();
        phone.server.cause(trouble);
        assert!(deny(&phone, &fresh).is_err(), "{trouble:?}");
        phone.server.cause(Trouble::None);
        assert_eq!(sync(&phone).concluded, 1, "{trouble:?}");
        assert_eq!(decisions(&phone).len(), 1, "{trouble:?}");
    }
}
