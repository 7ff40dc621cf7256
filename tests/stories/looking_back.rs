//! What a user's phones tell them of what was asked and answered, and the word that it was not them.

use device_core::exchange::Call;
use device_core::{DenialReason, DenyReason, DeviceError, History, HistoryEntry, Outcome, PushTarget};
use protocol::endpoints;
use simulator::forger::Forger;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, World, a_request};

/// A world without limits, the shop, and two phones of alice by their names.
async fn scene() -> (World, RelyingParty, Phone, Phone) {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let shop = world.shop().await;
    let phone = world.enrolled("1001", "Old phone", PushTarget::None).await;
    let tablet = world.enrolled("1001", "Tablet", PushTarget::None).await;
    (world, shop, phone, tablet)
}

async fn page(phone: &Phone, before: Option<u64>) -> History {
    phone.core().history(phone.account().expect("an account"), before).await.expect("a page")
}

async fn newest(phone: &Phone) -> HistoryEntry {
    page(phone, None).await.entries.into_iter().next().expect("something was answered")
}

async fn object(phone: &Phone, entry: &HistoryEntry) -> Result<Outcome, DeviceError> {
    phone.core().object(phone.account()?, entry.prompt.clone().expect("it may be objected to")).await
}

async fn approved(world: &World, shop: &RelyingParty, phone: &Phone) -> String {
    let asked = a_request().accepted(shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    asked
}

#[tokio::test]
async fn every_phone_tells_what_was_answered_on_which_one_newest_first() {
    let (world, shop, phone, tablet) = scene().await;
    let bobs = world.phone("1002").await;
    let began = world.now().unix_seconds();
    let asked = a_request().with("binding_message", "Order 4711").accepted(&shop).await;
    world.advance(5);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    for reason in [DenyReason::NotMe, DenyReason::WrongDetails, DenyReason::Cancelled] {
        let asked = a_request().accepted(&shop).await;
        tablet.deny(&world.prompt(&tablet, &asked).await, reason).await.expect("denied");
    }
    let told = page(&tablet, None).await;
    let outcomes: Vec<_> = told.entries.iter().map(|entry| (entry.outcome, entry.reason)).collect();
    let denied = |reason| (Outcome::Denied, Some(reason));
    let [changed, details, not_me] = [DenialReason::Cancelled, DenialReason::WrongDetails, DenialReason::NotMe];
    assert_eq!(outcomes, [denied(changed), denied(details), denied(not_me), (Outcome::Approved, None)]);
    let first = &told.entries[3];
    assert_eq!((first.client.as_str(), first.client_name.as_str()), ("shop", "The shop"));
    assert_eq!((first.message.as_deref(), first.device_name.as_str()), (Some("Order 4711"), "Old phone"));
    assert_eq!((first.asked_at, first.answered_at, first.on_this_phone), (began, began + 5, false));
    assert!(told.entries[..3].iter().all(|entry| entry.on_this_phone && entry.device_name == "Tablet"));
    assert_eq!(told.older, None);
    assert!(page(&phone, None).await.entries[3].on_this_phone);
    assert_eq!(page(&bobs, None).await.entries, []);
}

#[tokio::test]
async fn a_phone_tells_nothing_of_what_was_asked_before_it_joined() {
    let (world, shop, phone, _) = scene().await;
    approved(&world, &shop, &phone).await;
    world.advance(1);
    let newer = world.phone("1001").await;
    assert_eq!(page(&newer, None).await.entries, []);
    approved(&world, &shop, &phone).await;
    assert_eq!((page(&newer, None).await.entries.len(), page(&phone, None).await.entries.len()), (1, 2));
}

#[tokio::test]
async fn the_history_comes_in_pages_holds_the_newest_fifty_and_outlasts_requests_and_restarts() {
    let (mut world, shop, phone, _) = scene().await;
    for _ in 0..53 {
        let asked = a_request().accepted(&shop).await;
        phone.deny(&world.prompt(&phone, &asked).await, DenyReason::Cancelled).await.expect("denied");
        world.advance(1);
    }
    world.advance(80 * 86_400);
    server::flow::sweep::sweep(world.provider()).await.expect("swept");
    world.restart().await;
    let (mut before, mut lengths, mut times) = (None, Vec::new(), Vec::new());
    loop {
        let page = page(&phone, before).await;
        lengths.push(page.entries.len());
        times.extend(page.entries.iter().map(|entry| entry.asked_at));
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(lengths, [20, 20, 10]);
    assert!(times.is_sorted_by(|newer, older| newer > older), "newest first, each once");
    world.advance(11 * 86_400);
    server::flow::sweep::sweep(world.provider()).await.expect("swept");
    assert_eq!(page(&phone, None).await.entries, []);
}

#[tokio::test]
async fn what_another_phone_approved_is_taken_back_by_this_was_not_me_before_the_client_collects() {
    let (world, shop, phone, tablet) = scene().await;
    let asked = approved(&world, &shop, &phone).await;
    let told = newest(&tablet).await;
    assert_eq!((told.outcome, told.device_name.as_str(), told.on_this_phone), (Outcome::Approved, "Old phone", false));
    assert_eq!(object(&tablet, &told).await, Ok(Outcome::Denied));
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    for phone in [&phone, &tablet] {
        let told = newest(phone).await;
        assert_eq!((told.outcome, told.reason), (Outcome::Denied, Some(DenialReason::NotMe)));
        assert_eq!((told.device_name.as_str(), told.prompt, told.object_until), ("Tablet", None, None));
    }
}

#[tokio::test]
async fn what_was_collected_is_disputed_until_ten_minutes_later_and_then_not_offered_any_more() {
    for (seconds, offered) in [(599, true), (600, false)] {
        let (world, shop, phone, tablet) = scene().await;
        let asked = approved(&world, &shop, &phone).await;
        world.advance(5);
        world.redeem(&shop, &asked).await;
        let until = world.now().unix_seconds() + 600;
        world.advance(seconds);
        let told = newest(&tablet).await;
        assert_eq!((told.prompt.is_some(), told.object_until), (offered, offered.then_some(until)), "{seconds}");
        if offered {
            assert_eq!(object(&tablet, &told).await, Ok(Outcome::Disputed));
            let told = newest(&tablet).await;
            assert_eq!((told.outcome, told.device_name.as_str()), (Outcome::Disputed, "Old phone"));
            assert_eq!((told.prompt, told.object_until), (None, None), "once");
        }
        assert_eq!(world.events("request_disputed").await, usize::from(offered));
    }
}

#[tokio::test]
async fn an_approval_that_nobody_collected_in_time_needs_no_objection() {
    let (world, shop, phone, tablet) = scene().await;
    approved(&world, &shop, &phone).await;
    world.advance(119);
    assert!(newest(&tablet).await.object_until.is_some());
    world.advance(1);
    assert_eq!((newest(&tablet).await.object_until, newest(&tablet).await.prompt), (None, None));
}

#[tokio::test]
async fn the_history_is_read_with_a_proof_like_everything_else() {
    let (world, shop, phone, _) = scene().await;
    approved(&world, &shop, &phone).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let call = Call::to(ISSUER, endpoints::HISTORY);
    assert_eq!(forger.call_with(&call, None).await.expect("a reply").code(), "unproven");
    let proof = forger.honest_proof(&call).await.expect("a proof");
    assert_eq!(forger.call_with(&call, Some(&proof)).await.expect("a reply").status, 200);
    assert_eq!(forger.call_with(&call, Some(&proof)).await.expect("a reply").code(), "replayed");
    let others = forger.honest_proof(&Call::to(ISSUER, endpoints::PROMPTS)).await.expect("a proof");
    assert_eq!(forger.call_with(&call, Some(&others)).await.expect("a reply").code(), "unproven");
}
