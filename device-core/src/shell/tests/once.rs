//! One object, one answer: whoever taps twice, races, comes back or changes their mind.

use protocol::messages::{Answer, DenyReason as WireReason};

use super::*;

#[test]
fn an_object_that_was_answered_cannot_be_answered_again() {
    let (phone, request) = asked();
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert_eq!(approve(&phone, &request), Err(DeviceError::AlreadyAnswered));
    assert_eq!(deny(&phone, &request), Err(DeviceError::AlreadyAnswered));
    assert_eq!((decisions(&phone).len(), phone.approvals_signed()), (1, 1));
}

#[test]
fn an_approval_that_was_heard_is_not_signed_again_with_another_object() {
    let (phone, request) = asked();
    let other = shown_request(&phone, &request.account());
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert_eq!(approve(&phone, &other), Err(DeviceError::AlreadyAnswered));
    assert_eq!(decisions(&phone).len(), 1);
}

#[test]
fn a_second_tap_finds_the_first_one_at_it() {
    let (phone, request) = asked();
    let both =
        futures_util::future::join(phone.core.approve(Arc::clone(&request)), phone.core.approve(Arc::clone(&request)));
    assert_eq!(wait(both), (Ok(Outcome::Approved), Err(DeviceError::Busy)));
    assert_eq!((decisions(&phone).len(), phone.approvals_signed()), (1, 1));
}

#[test]
fn an_approval_and_a_denial_that_race_from_two_threads_are_one_decision() {
    for _ in 0..20 {
        let (phone, request) = asked();
        let start = std::sync::Barrier::new(2);
        let (approved, denied) = std::thread::scope(|scope| {
            let approving = scope.spawn(|| {
                start.wait();
                approve(&phone, &request)
            });
            let denying = scope.spawn(|| {
                start.wait();
                deny(&phone, &request)
            });
            (approving.join().unwrap(), denying.join().unwrap())
        });
        let lost = |error: &DeviceError| matches!(error, DeviceError::Busy | DeviceError::AlreadyAnswered);
        match (&approved, &denied) {
            (Ok(Outcome::Approved), Err(error)) | (Err(error), Ok(Outcome::Denied)) if lost(error) => {}
            both => panic!("{both:?}"),
        }
        let sent = decisions(&phone);
        assert_eq!(sent.len(), 1);
        assert_eq!(phone.server.read_decision(&sent[0]).1.decision == Answer::Approve, approved.is_ok());
    }
}

#[test]
fn a_call_that_was_dropped_half_way_can_be_made_again() {
    let (phone, request) = asked();
    {
        let mut approving = std::pin::pin!(phone.core.approve(Arc::clone(&request)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        phone.server.cause(Trouble::Hang);
        // Goes on until the decision is signed and stored, and the server does not answer.
        for _ in 0..100 {
            assert!(approving.as_mut().poll(&mut context).is_pending());
        }
    }
    assert_eq!(phone.approvals_signed(), 1);
    phone.server.cause(Trouble::None);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert_eq!(phone.approvals_signed(), 1, "the user is not asked again");
}

#[test]
fn a_user_who_approved_without_an_answer_may_still_deny_and_the_approval_is_never_sent() {
    let (phone, request) = asked();
    phone.server.cause(Trouble::Offline);
    assert!(matches!(approve(&phone, &request), Err(DeviceError::Unreachable { .. })));
    assert!(matches!(deny(&phone, &request), Err(DeviceError::Unreachable { .. })));
    phone.server.cause(Trouble::None);
    assert_eq!(approve(&phone, &request), Err(DeviceError::AlreadyAnswered), "a denial stands");
    assert_eq!(deny(&phone, &request), Ok(Outcome::Denied));
    let sent = decisions(&phone);
    assert_eq!((sent.len(), phone.server.read_decision(&sent[0]).1.decision), (1, Answer::Deny));
}

#[test]
fn an_approval_is_taken_back_with_a_fresh_object_even_when_the_request_is_over() {
    let (phone, request) = asked();
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    phone.clock.monotonic.fetch_add(200_000, Ordering::SeqCst);
    let fresh = wait(phone.core.fetch_prompt(request.account(), request.id())).unwrap();
    assert_eq!(deny(&phone, &fresh), Ok(Outcome::Denied));
    let (_, second) = phone.server.read_decision(&decisions(&phone)[1]);
    assert_eq!((second.decision, second.reason), (Answer::Deny, Some(WireReason::NotMe)));
}

#[test]
fn a_receipt_names_what_was_shown_sent_and_answered() {
    let (phone, request) = asked();
    assert_eq!(request.receipt(), None);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let receipt = request.receipt().unwrap();
    assert_eq!((receipt.prompt, receipt.account), (request.id(), request.account()));
    assert_eq!((receipt.client.as_str(), receipt.message.as_deref()), ("Example Bank", Some("Pay 20 EUR")));
    assert_eq!((receipt.approved, receipt.outcome, receipt.received_at), (true, Outcome::Approved, NOW));
    assert_eq!(receipt.prompt_digest, request.prompt().message().digest().to_string());
    assert_eq!(receipt.decision_digest, decisions(&phone)[0].digest().to_string());
}
