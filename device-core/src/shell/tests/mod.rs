//! Whole conversations with an issuer made of protocol messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::crypto::Sign as _;
use protocol::digest::check_digits;
use protocol::messages as wire;
use protocol::{Digest, Jws, KeyRole, Nonce, PromptId};

use crate::app::{DenyReason, EnrolmentState, Outcome, PushTarget};
use crate::error::DeviceError;
use crate::ports::VaultError;
use crate::shell::ApprovalRequest;
use crate::testing::{NOW, Phone, REVEALED, Trouble, next_signing_key, other_digest, wait};

mod codes;
mod displaying;
mod ending;
mod noticing;
mod once;
mod ports;
mod rotating;
mod syncing;

fn only_request(phone: &Phone, account: &str) -> Arc<ApprovalRequest> {
    let mut pending = wait(phone.core.pending(account.to_owned(), 0)).unwrap();
    assert_eq!(pending.len(), 1);
    pending.remove(0)
}

fn shown_request(phone: &Phone, account: &str) -> Arc<ApprovalRequest> {
    let request = only_request(phone, account);
    assert_eq!(request.display().lines.len(), 2);
    request
}

fn asked() -> (Phone, Arc<ApprovalRequest>) {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    let request = shown_request(&phone, &account);
    (phone, request)
}

fn approve(phone: &Phone, request: &Arc<ApprovalRequest>) -> Result<Outcome, DeviceError> {
    wait(phone.core.approve(Arc::clone(request)))
}

fn deny(phone: &Phone, request: &Arc<ApprovalRequest>) -> Result<Outcome, DeviceError> {
    wait(phone.core.deny(Arc::clone(request), DenyReason::NotMe))
}

fn decisions(phone: &Phone) -> Vec<Jws> {
    phone.server.inner().decisions.clone()
}

#[test]
fn an_enrolment_shows_its_digits_until_they_were_typed() {
    let phone = Phone::new();
    let enrolment = phone.enrol().unwrap();
    let digits = enrolment.digits().unwrap();
    assert_eq!((digits.len(), enrolment.state()), (6, EnrolmentState::Unconfirmed));
    assert_eq!(wait(enrolment.refresh()), Ok(EnrolmentState::Unconfirmed));
    phone.server.inner().active = true;
    assert_eq!(wait(enrolment.refresh()), Ok(EnrolmentState::Active));
    assert_eq!(enrolment.digits(), None);
    let accounts = wait(phone.core.accounts()).unwrap();
    assert_eq!((accounts.len(), accounts[0].state), (1, EnrolmentState::Active));
    assert_eq!(accounts[0].id, enrolment.account());
}

#[test]
fn a_lost_reply_to_finish_does_not_waste_the_ticket() {
    let phone = Phone::new();
    phone.server.cause(Trouble::LostFinish);
    assert!(phone.enrol().is_ok());
    let calls = phone.server.inner().calls.clone();
    assert_eq!(calls.iter().filter(|call| call.ends_with("/finish")).count(), 2);
    assert_eq!(calls.iter().filter(|call| call.ends_with("/begin")).count(), 1);
}

#[test]
fn digits_survive_a_restart_of_the_app() {
    let mut phone = Phone::new();
    let enrolment = phone.enrol().unwrap();
    phone.restart();
    let again = wait(Arc::clone(&phone.core).enrolment(enrolment.account())).unwrap();
    assert_eq!(again.digits(), enrolment.digits());
}

#[test]
fn an_enrolment_that_the_server_forgot_is_active_if_the_phone_is_known_and_over_if_not() {
    let phone = Phone::new();
    let enrolment = phone.enrol().unwrap();
    phone.server.cause(Trouble::EnrolmentOver);
    assert_eq!(wait(enrolment.refresh()), Err(DeviceError::Expired));
    assert_eq!(enrolment.state(), EnrolmentState::Unconfirmed);
    phone.server.inner().active = true;
    assert_eq!(wait(enrolment.refresh()), Ok(EnrolmentState::Active));
}

#[test]
fn the_digits_are_those_of_offer_finish_and_nonce() {
    // Against a computation of its own, so that both ends could not be wrong in the same way unnoticed.
    let (offer, finish) = (Digest::of(b"offer"), Digest::of(b"finish"));
    let digits = check_digits(&offer, &finish, &REVEALED);
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_ne!(digits, check_digits(&finish, &offer, &REVEALED));
    assert_ne!(digits, check_digits(&offer, &finish, &Nonce::from_bytes([0x34; 16])));
}

#[test]
fn an_enrolment_that_is_not_trusted_leaves_no_keys_and_no_account() {
    let phone = Phone::new();
    phone.server.inner().bend_offer = Some(|offer| offer.th = other_digest());
    assert!(matches!(phone.enrol().map(|_| ()), Err(DeviceError::Untrusted { .. })));
    phone.server.inner().bend_offer = None;
    phone.server.inner().bend_enrolment = Some(|said| said.nonce = Nonce::from_bytes([1; 16]));
    assert!(matches!(phone.enrol().map(|_| ()), Err(DeviceError::Untrusted { .. })));
    assert!(phone.vault.aliases.lock().unwrap().is_empty());
    assert!(wait(phone.core.accounts()).unwrap().is_empty());
}

#[test]
fn an_enrolment_cut_off_by_the_death_of_the_app_is_cleared_away_by_the_next_one() {
    let mut phone = Phone::new();
    // The keys are made; then neither server nor storage can be reached, as if the app had died there.
    let core = Arc::clone(&phone.core);
    let ticket = phone.server.op.ticket().to_string();
    {
        let mut enrolling = std::pin::pin!(core.enrol(ticket, crate::testing::info(), PushTarget::None));
        phone.server.cause(Trouble::Hang);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(enrolling.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 1);
    phone.server.cause(Trouble::None);
    phone.restart();
    phone.enrol().unwrap();
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 3);
}

#[test]
fn an_approval_is_signed_by_verified_over_what_was_shown() {
    let (phone, request) = asked();
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let (role, decision) = phone.server.read_decision(&decisions(&phone)[0]);
    assert_eq!(role, KeyRole::Verified);
    assert_eq!(decision.ph, request.prompt().message().digest());
    assert_eq!(decision.dh, request.prompt().content().display_digest());
    assert_eq!(decision.ctr, 1);
}

#[test]
fn an_approval_without_the_display_taken_signs_nothing() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    let request = only_request(&phone, &account);
    assert_eq!(approve(&phone, &request), Err(DeviceError::DisplayNotTaken));
    assert_eq!((phone.approvals_signed(), decisions(&phone).len()), (0, 0));
}

#[test]
fn a_denial_needs_no_display_and_is_signed_by_device() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    assert_eq!(deny(&phone, &only_request(&phone, &account)), Ok(Outcome::Denied));
    let (role, decision) = phone.server.read_decision(&decisions(&phone)[0]);
    assert_eq!((role, decision.reason), (KeyRole::Device, Some(wire::DenyReason::NotMe)));
    assert_eq!(phone.approvals_signed(), 0);
}

#[test]
fn a_decision_whose_reply_was_lost_is_sent_again_byte_for_byte_after_a_restart() {
    let (mut phone, request) = asked();
    let account = request.account();
    phone.server.cause(Trouble::LostReplies);
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Unreachable { .. })));
    phone.server.cause(Trouble::None);
    phone.restart();
    let same = shown_request(&phone, &account);
    assert_eq!(approve(&phone, &same), Ok(Outcome::Approved));
    let sent = decisions(&phone);
    assert_eq!((sent.len(), phone.approvals_signed()), (2, 1));
    assert_eq!(sent[0], sent[1]);
}

#[test]
fn a_decision_that_cannot_be_stored_is_not_sent() {
    let (phone, request) = asked();
    *phone.store.full.lock().unwrap() = true;
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Storage { .. })));
    assert!(decisions(&phone).is_empty());
    *phone.store.full.lock().unwrap() = false;
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn counters_go_up_across_restarts() {
    let (mut phone, account) = Phone::enrolled();
    for seed in 1..=3_u8 {
        phone.server.inner().prompts.clear();
        phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([seed; 16]));
        assert_eq!(deny(&phone, &only_request(&phone, &account)), Ok(Outcome::Denied));
        phone.restart();
    }
    let counters: Vec<u64> = decisions(&phone).iter().map(|sent| phone.server.read_decision(sent).1.ctr).collect();
    assert_eq!(counters, [1, 2, 3]);
}

#[test]
fn a_user_who_cancels_has_signed_and_sent_nothing() {
    let (phone, request) = asked();
    *phone.vault.verified_fails.lock().unwrap() = Some(VaultError::UserCancelled);
    assert_eq!(approve(&phone, &request), Err(DeviceError::UserCancelled));
    assert!(decisions(&phone).is_empty());
    *phone.vault.verified_fails.lock().unwrap() = None;
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn a_required_verification_never_falls_back_to_device() {
    let (phone, request) = asked();
    for (failure, error) in [
        (VaultError::KeyMissing, DeviceError::KeysLost),
        (VaultError::KeyInvalidated, DeviceError::KeyInvalidated),
        (
            VaultError::Unavailable { detail: "locked out".into() },
            DeviceError::KeyUnavailable { detail: "locked out".into() },
        ),
    ] {
        *phone.vault.verified_fails.lock().unwrap() = Some(failure);
        assert_eq!(approve(&phone, &request), Err(error));
    }
    assert!(decisions(&phone).is_empty());
}

#[test]
fn a_preferred_verification_falls_back_to_device_unless_the_user_cancelled() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|prompt| prompt.uv = wire::UserVerification::Preferred);
    let request = shown_request(&phone, &account);
    *phone.vault.verified_fails.lock().unwrap() = Some(VaultError::UserCancelled);
    assert_eq!(approve(&phone, &request), Err(DeviceError::UserCancelled));
    *phone.vault.verified_fails.lock().unwrap() = Some(VaultError::KeyMissing);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert_eq!(phone.server.read_decision(&decisions(&phone)[0]).0, KeyRole::Device);
}

#[test]
fn a_refused_decision_is_given_up_and_a_new_one_may_be_made() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::Refusal(403, "user_not_active"));
    assert_eq!(approve(&phone, &request), Err(DeviceError::Refused { refusal: "user_not_active".into() }));
    phone.server.cause(Trouble::None);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let sent = decisions(&phone);
    assert_ne!(sent[0], sent[1]);
}

#[test]
fn a_decision_that_an_overloaded_server_did_not_take_is_kept() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::Refusal(503, "unavailable"));
    assert!(matches!(approve(&phone, &request), Err(DeviceError::ServerBusy { .. })));
    phone.server.cause(Trouble::None);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let sent = decisions(&phone);
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
}

#[test]
fn a_forged_result_is_not_believed() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::ForgedResults);
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Untrusted { .. })));
    phone.server.cause(Trouble::None);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn an_expired_request_costs_no_fingerprint() {
    let (phone, request) = asked();
    phone.clock.monotonic.fetch_add(100_000, Ordering::SeqCst);
    assert_eq!(approve(&phone, &request), Err(DeviceError::Expired));
    assert_eq!(phone.approvals_signed(), 0);
}

#[test]
fn a_phone_whose_clock_is_years_off_can_still_approve() {
    let (mut phone, account) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    for wrong in [0, 4_000_000_000_000] {
        phone.restart();
        phone.clock.unix.store(wrong, Ordering::SeqCst);
        let request = wait(phone.core.open_push(push.clone())).unwrap().remove(0);
        assert_eq!((request.account(), request.display().lines.len()), (account.clone(), 2));
    }
    phone.restart();
    let request = wait(phone.core.open_push(push)).unwrap().remove(0);
    assert_eq!(request.display().lines.len(), 2);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let (_, decision) = phone.server.read_decision(&decisions(&phone)[0]);
    assert_eq!(decision.iat, NOW);
}

#[test]
fn a_stale_nonce_is_replaced_once() {
    let (phone, account) = Phone::enrolled();
    phone.server.inner().nonce += 7;
    phone.server.ask(|_| ());
    assert_eq!(wait(phone.core.pending(account.clone(), 0)).unwrap().len(), 1);
    phone.server.cause(Trouble::StaleNonces);
    let before = phone.server.inner().calls.len();
    let refused = wait(phone.core.pending(account, 0)).map(|_| ());
    assert!(matches!(refused, Err(DeviceError::ProofNotTaken)));
    assert_eq!(phone.server.inner().calls.len(), before + 2);
}

#[test]
fn nonces_come_with_replies_and_cost_no_calls_of_their_own() {
    let (phone, account) = Phone::enrolled();
    for _ in 0..3 {
        assert!(wait(phone.core.pending(account.clone(), 0)).unwrap().is_empty());
    }
    let calls = phone.server.inner().calls.clone();
    assert_eq!(calls.iter().filter(|call| call.ends_with("/nonce")).count(), 1);
}

#[test]
fn a_sealed_push_opens_even_when_the_server_is_out_of_reach() {
    let (mut phone, _) = Phone::enrolled();
    let push = phone.server.seal(&phone.server.ask(|_| ()));
    phone.restart();
    phone.server.cause(Trouble::Offline);
    let requests = wait(phone.core.open_push(push)).unwrap();
    assert_eq!(requests[0].binding_message().as_deref(), Some("Pay 20 EUR"));
}

#[test]
fn a_push_sealed_to_another_phone_is_not_ours() {
    let (phone, _) = Phone::enrolled();
    let (other, _) = Phone::enrolled();
    let push = other.server.seal(&other.server.ask(|_| ()));
    assert_eq!(wait(phone.core.open_push(push)).map(|_| ()), Err(DeviceError::NotOurPush));
}

#[test]
fn a_sealed_push_with_a_forged_prompt_is_not_believed() {
    let (phone, _) = Phone::enrolled();
    let forged = crate::testing::Op { root: next_signing_key(), signing: next_signing_key() };
    let push = phone.server.seal(&forged.prompt(&phone.server.account(), |_| ()));
    assert!(matches!(wait(phone.core.open_push(push)).map(|_| ()), Err(DeviceError::Untrusted { .. })));
}

#[test]
fn a_wake_push_makes_the_phone_ask() {
    let (phone, _) = Phone::enrolled();
    phone.server.ask(|_| ());
    let wake = [("v", "1"), ("rid", "AAAAAAAAAAAAAAAAAAAAAA")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(wait(phone.core.open_push(wake.into())).unwrap().len(), 1);
}

#[test]
fn a_prompt_for_another_phone_is_not_shown() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|prompt| prompt.aud = other_digest());
    assert!(matches!(wait(phone.core.pending(account, 0)).map(|_| ()), Err(DeviceError::Untrusted { .. })));
}

#[test]
fn one_bad_prompt_does_not_hide_a_good_one() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|prompt| prompt.client.name = "Bank\u{202e}".into());
    phone.server.ask(|_| ());
    assert_eq!(wait(phone.core.pending(account, 0)).unwrap().len(), 1);
}

#[test]
fn a_prompt_other_than_the_one_asked_for_is_not_taken_for_it() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    let id = PromptId::from_bytes([0x55; 16]).to_string();
    assert_eq!(wait(phone.core.fetch_prompt(account.clone(), id.clone())).unwrap().id(), id);
    let other = PromptId::from_bytes([1; 16]).to_string();
    assert_eq!(wait(phone.core.fetch_prompt(account, other)).map(|_| ()), Err(DeviceError::UnknownPrompt));
}

#[test]
fn a_prompt_by_a_newer_key_is_believed_once_the_root_vouches_for_it() {
    let (phone, account) = Phone::enrolled();
    let newer = next_signing_key();
    let prompt = wire_prompt(&phone);
    phone.server.inner().prompts = vec![Jws::sign(newer.public().thumbprint(), &prompt, &newer).unwrap()];
    assert!(matches!(wait(phone.core.pending(account.clone(), 0)).map(|_| ()), Err(DeviceError::Untrusted { .. })));
    let list = phone.server.op.list(|list| {
        list.sequence = 2;
        list.keys[0].jwk = *newer.public();
    });
    phone.server.inner().list = Some(list);
    assert_eq!(wait(phone.core.pending(account, 0)).unwrap().len(), 1);
}

fn wire_prompt(phone: &Phone) -> wire::Prompt {
    crate::testing::prompt(&phone.server.account(), |_| ())
}

#[test]
fn an_account_that_is_not_active_yet_answers_nothing() {
    let phone = Phone::new();
    let account = phone.enrol().unwrap().account();
    assert_eq!(wait(phone.core.pending(account, 0)).map(|_| ()), Err(DeviceError::NotActive));
    assert_eq!(wait(phone.core.pending("x".into(), 0)).map(|_| ()), Err(DeviceError::UnknownAccount));
}

#[test]
fn the_push_target_is_told_to_the_server() {
    let (phone, account) = Phone::enrolled();
    assert_eq!(wait(phone.core.update_push(account, PushTarget::None)), Ok(()));
    assert!(phone.server.inner().calls.iter().any(|call| call == "PUT /device/v1/self/push"));
}

#[test]
fn a_forgotten_account_leaves_nothing_behind() {
    let (phone, account) = Phone::enrolled();
    assert_eq!(wait(phone.core.forget(account.clone())), Ok(()));
    assert!(phone.server.inner().calls.iter().any(|call| call == "DELETE /device/v1/self"));
    assert!(phone.vault.aliases.lock().unwrap().is_empty());
    assert_eq!(wait(phone.core.forget(account)), Err(DeviceError::UnknownAccount));
}

#[test]
fn an_account_is_kept_while_the_server_cannot_be_told_unless_it_is_wiped() {
    let (phone, account) = Phone::enrolled();
    phone.server.cause(Trouble::Offline);
    assert!(matches!(wait(phone.core.forget(account.clone())), Err(DeviceError::Unreachable { .. })));
    assert_eq!(phone.vault.aliases.lock().unwrap().len(), 3);
    assert_eq!(wait(phone.core.wipe(account)), Ok(()));
    assert!(phone.vault.aliases.lock().unwrap().is_empty());
    assert!(wait(phone.core.accounts()).unwrap().is_empty());
}
