//! Many at once, on real threads: whoever wins, the outcome is one that could have happened in some order.

use std::sync::Arc;

use device_core::exchange::Call;
use device_core::{DenyReason, DeviceError, Outcome};
use protocol::KeyRole;
use protocol::endpoints::{self, BlockPeriod, BlockRequest, SignedRequest};
use protocol::messages::{Answer, PushTarget};
use simulator::forger::Forger;
use tests::{ISSUER, World, a_request};
use tokio::task::JoinSet;

async fn world() -> World {
    World::builder().policy(|policy| policy.prompt_limits = false).make().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_redemptions_at_once_exactly_one_gets_tokens() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    for _ in 0..3 {
        let asked = a_request().accepted(&shop).await;
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
        let mut polls = JoinSet::new();
        for _ in 0..32 {
            let (shop, asked) = (shop.clone(), asked.clone());
            polls.spawn(async move { shop.poll(&asked).await.expect("an answer").in_short() });
        }
        let mut answers = polls.join_all().await;
        answers.sort_unstable();
        let mut expected = vec!["200"];
        expected.resize(32, "400 invalid_grant");
        assert_eq!(answers, expected);
    }
    assert_eq!(world.events("request_redeemed").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_phones_that_answer_at_once_the_denying_one_is_heard() {
    let world = world().await;
    let (shop, phone, tablet) = (world.shop().await, world.phone("1001").await, world.phone("1001").await);
    for _ in 0..20 {
        let asked = a_request().accepted(&shop).await;
        let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
        let (phone, tablet) = (phone.clone(), tablet.clone());
        let approving = tokio::spawn(async move { phone.approve(&on_phone).await });
        let denying = tokio::spawn(async move { tablet.deny(&on_tablet, DenyReason::NotMe).await });
        let (approved, denied) = (approving.await.expect("no panic"), denying.await.expect("no panic"));
        assert!(matches!(approved, Ok(Outcome::Approved) | Err(DeviceError::AlreadyAnswered)), "{approved:?}");
        assert_eq!(denied, Ok(Outcome::Denied));
        assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_phones_that_approve_at_once_both_hear_that_it_is_approved() {
    let world = world().await;
    let (shop, phone, tablet) = (world.shop().await, world.phone("1001").await, world.phone("1001").await);
    for _ in 0..10 {
        let asked = a_request().accepted(&shop).await;
        let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
        let (phone, tablet) = (phone.clone(), tablet.clone());
        let first = tokio::spawn(async move { phone.approve(&on_phone).await });
        let second = tokio::spawn(async move { tablet.approve(&on_tablet).await });
        assert_eq!(first.await.expect("no panic"), Ok(Outcome::Approved));
        assert_eq!(second.await.expect("no panic"), Ok(Outcome::Approved));
        world.redeem(&shop, &asked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_denial_and_a_redemption_at_once_never_both_happen() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    for _ in 0..20 {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        phone.approve(&prompt).await.expect("approved");
        let denier = phone.clone();
        let denying = tokio::spawn(async move { denier.deny(&prompt, DenyReason::Cancelled).await });
        let (client, id) = (shop.clone(), asked.clone());
        let redeeming = tokio::spawn(async move { client.poll(&id).await.expect("an answer").in_short() });
        match (denying.await.expect("no panic"), redeeming.await.expect("no panic").as_str()) {
            (Ok(Outcome::Denied), "400 access_denied") | (Err(DeviceError::AlreadyAnswered), "200") => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_an_approval_and_a_cancellation_at_once_exactly_one_is_heard() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    for _ in 0..20 {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        let approver = phone.clone();
        let approving = tokio::spawn(async move { approver.approve(&prompt).await });
        let (client, id) = (shop.clone(), asked.clone());
        let cancelling = tokio::spawn(async move { client.cancel(&id).await.expect("an answer").in_short() });
        match (approving.await.expect("no panic"), cancelling.await.expect("no panic").as_str()) {
            (Ok(Outcome::Approved), "400 already_approved") => drop(world.redeem(&shop, &asked).await),
            (Err(DeviceError::Withdrawn), "200") => {
                assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_decision_sent_many_times_at_once_gets_one_result() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Arc::new(Forger::of(&phone).await.expect("a phone taken apart"));
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let signed = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    let mut sendings = JoinSet::new();
    for _ in 0..8 {
        let (forger, signed) = (Arc::clone(&forger), signed.clone());
        sendings.spawn(async move { forger.send(&decision.prompt, signed).await.expect("an answer").message() });
    }
    let results = sendings.join_all().await;
    assert!(results[0].is_some());
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(world.events("request_decided").await, 1);
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!(devices[0]["status"], "active", "a repetition is no clone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_user_all_answers_at_once_are_taken() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let forger = Arc::new(Forger::of(&phone).await.expect("a phone taken apart"));
    let mut answers = Vec::new();
    for number in 0..16 {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        let mut decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
        decision.ctr += number;
        let message = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
        let call = Call::about(ISSUER, endpoints::DECISION, &decision.prompt.to_string());
        let call = call.with(&SignedRequest { message });
        let proof = forger.honest_proof(&call).await.expect("a proof");
        answers.push((call, proof));
    }
    let mut sendings = JoinSet::new();
    for (call, proof) in answers {
        let forger = Arc::clone(&forger);
        sendings.spawn(async move { forger.call_with(&call, Some(&proof)).await.expect("an answer").status });
    }
    assert_eq!(sendings.join_all().await, [200; 16]);
    let account = phone.account().expect("an account");
    let history = phone.core().history(account, None).await.expect("a page");
    assert_eq!(history.entries.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_crowd_of_clients_keeps_a_user_from_blocking_them() {
    let world = World::builder().policy(|policy| policy.client_prompts_pending = 5).make().await;
    let phone = world.phone("1001").await;
    let forger = Arc::new(Forger::of(&phone).await.expect("a phone taken apart"));
    let mut blocks = Vec::new();
    let mut crowd = JoinSet::new();
    for number in 0..8 {
        let id = format!("client-{number}");
        world.add_client(&id, "the secret of this client").await;
        let client = world.client(&id, "the secret of this client").await;
        crowd.spawn(async move { while a_request().sent(&client).await.in_short() == "200" {} });
        let call = Call::to(ISSUER, endpoints::BLOCK).with(&BlockRequest { client: id, lasts: BlockPeriod::Day });
        let proof = forger.honest_proof(&call).await.expect("a proof");
        blocks.push((call, proof));
    }
    let mut sendings = JoinSet::new();
    for (call, proof) in blocks {
        let forger = Arc::clone(&forger);
        sendings.spawn(async move { forger.call_with(&call, Some(&proof)).await.expect("an answer").status });
    }
    assert_eq!(sendings.join_all().await, [204; 8]);
    crowd.join_all().await;
    let account = phone.account().expect("an account");
    assert_eq!(phone.core().blocked_clients(account).await.expect("a list").len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_waiting_phone_hears_of_a_request_at_once() {
    let world = world().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let waiter = phone.clone();
    let account = phone.account().expect("an account");
    let waiting = tokio::spawn(async move { waiter.core().pending(account, 25).await });
    let asked = a_request().accepted(&shop).await;
    let prompts = waiting.await.expect("no panic").expect("the phone waits");
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0].prompt().content().req, protocol::digest::request_digest(&asked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_phone_that_calls_without_end_cannot_keep_itself_from_being_revoked() {
    let world = world().await;
    let phone = world.phone("1001").await;
    let forger = Arc::new(Forger::of(&phone).await.expect("a phone taken apart"));
    let mut calls = Vec::new();
    for number in 0..64 {
        let target = PushTarget::Webhook { address: number.to_string() };
        let call = Call::to(ISSUER, endpoints::PUSH).with(&target);
        let proof = forger.honest_proof(&call).await.expect("a proof");
        calls.push((call, proof));
    }
    let mut hammering = JoinSet::new();
    for (call, proof) in calls {
        let forger = Arc::clone(&forger);
        hammering.spawn(async move { forger.call_with(&call, Some(&proof)).await.expect("an answer").status });
    }
    assert_eq!(hammering.join_next().await.expect("a call").expect("no panic"), 204);
    let device = forger.account().device.to_string();
    world.admin().revoke(&device).await.expect("revoked at the first attempt");
    let statuses = hammering.join_all().await;
    assert!(statuses.iter().all(|status| [204, 401].contains(status)), "{statuses:?}");
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!(devices[0]["status"], "revoked");
}
