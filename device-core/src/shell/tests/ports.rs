//! The app's own parts as the core uses them: lock, observer, and the network's two ways of not answering.

use super::*;
use crate::error::Advice;
use crate::ports::DeviceEvent;

#[test]
fn every_change_of_state_is_made_under_the_lock_and_every_lock_is_given_back() {
    let (phone, request) = asked();
    let before = *phone.lock.taken.lock().unwrap();
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    assert!(*phone.lock.taken.lock().unwrap() > before);
    assert!(!*phone.lock.held.lock().unwrap());
}

#[test]
fn while_another_process_holds_the_lock_nothing_is_changed_or_sent() {
    let (phone, request) = asked();
    *phone.lock.held.lock().unwrap() = true;
    assert_eq!(approve(&phone, &request), Err(DeviceError::Busy));
    assert!(decisions(&phone).is_empty());
    *phone.lock.held.lock().unwrap() = false;
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn what_another_process_wrote_is_not_overwritten() {
    let (phone, account) = Phone::enrolled();
    phone.server.ask(|_| ());
    let request = shown_request(&phone, &account);
    let other = phone.another_core();
    // Both have read the state; each then decides on top of what the other wrote.
    assert_eq!(wait(other.accounts()).unwrap().len(), 1);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    phone.server.inner().prompts.clear();
    phone.server.ask(|prompt| prompt.jti = PromptId::from_bytes([0x56; 16]));
    let second = wait(other.pending(account, 0)).unwrap().remove(0);
    assert_eq!(wait(other.deny(second, DenyReason::NotMe)), Ok(Outcome::Denied));
    let counters: Vec<u64> = decisions(&phone).iter().map(|sent| phone.server.read_decision(sent).1.ctr).collect();
    assert_eq!(counters, [1, 2], "no two decisions of one phone share a counter");
}

#[test]
fn an_abandoned_change_gives_the_lock_back() {
    let (phone, request) = asked();
    let saving = phone.store.hold();
    {
        let mut approving = std::pin::pin!(phone.core.approve(Arc::clone(&request)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while !*phone.lock.held.lock().unwrap() {
            assert!(approving.as_mut().poll(&mut context).is_pending());
        }
    }
    assert!(!*phone.lock.held.lock().unwrap());
    drop(saving);
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
}

#[test]
fn an_observer_hears_what_happens_and_nothing_that_is_secret() {
    let (phone, request) = asked();
    let (account, prompt) = (request.account(), request.id());
    phone.observer.events.lock().unwrap().clear();
    assert_eq!(approve(&phone, &request), Ok(Outcome::Approved));
    let call = "POST /device/v1/prompts/{id}/decision".to_owned();
    let expected = [
        DeviceEvent::Decided { account: account.clone(), prompt: prompt.clone(), approves: true },
        DeviceEvent::Called { call, status: 200, millis: 0 },
        DeviceEvent::Concluded { account, prompt, outcome: Outcome::Approved },
    ];
    assert_eq!(*phone.observer.events.lock().unwrap(), expected);
    let printed = format!("{:?}", phone.observer.events.lock().unwrap());
    assert!(!printed.contains("Pay 20 EUR") && !printed.contains("Example Bank"));
}

#[test]
fn a_server_out_of_reach_and_one_of_somebody_else_are_told_apart() {
    let (phone, account) = Phone::enrolled();
    let ask = || wait(phone.core.pending(account.clone(), 0)).map(|_| ()).unwrap_err();
    phone.server.cause(Trouble::Offline);
    assert_eq!((ask().code(), ask().advice()), ("unreachable", Advice::After { seconds: 5 }));
    phone.server.cause(Trouble::Impostor);
    assert_eq!((ask().code(), ask().advice()), ("untrusted_certificate", Advice::UserAction));
    let heard = phone.observer.events.lock().unwrap();
    let last = DeviceEvent::Unanswered { call: "GET /device/v1/prompts".into(), code: "untrusted_certificate".into() };
    assert_eq!(heard.last(), Some(&last));
}
