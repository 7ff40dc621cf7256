//! How often a client may disturb a user (device protocol, "Limits"): what the client, the phone and the operator see.

use device_core::DenyReason;
use serde_json::Value;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::NoDevice;
use server::domain::user::UserStatus;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{SHOP, World, a_request};
use tokio::task::JoinSet;

use crate::scene;

/// What every refused client is told, whatever the reason.
const REFUSED: &str = "403 access_denied";

async fn asked(client: &RelyingParty) -> String {
    a_request().sent(client).await.in_short()
}

/// Asks, and the user answers that they changed their mind, which speaks against nobody.
async fn dismissed(world: &World, client: &RelyingParty, phone: &Phone) {
    denied(world, client, phone, DenyReason::Cancelled).await;
}

async fn denied(world: &World, client: &RelyingParty, phone: &Phone, reason: DenyReason) {
    let asked = a_request().accepted(client).await;
    phone.deny(&world.prompt(phone, &asked).await, reason).await.expect("denied");
}

/// The reasons of the refusals in the audit trail.
async fn limits(world: &World) -> Vec<String> {
    let events = world.admin().audit().await.expect("the audit trail");
    let refused = events.iter().filter(|event| event["event"] == "prompt_refused");
    refused.map(|event| event["limit"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_fourth_pending_prompt_of_a_client_is_refused_until_one_is_answered_cancelled_or_over() {
    let (world, shop, phone) = scene().await;
    let mut pending = Vec::new();
    for _ in 0..3 {
        pending.push(a_request().accepted(&shop).await);
    }
    assert_eq!(asked(&shop).await, REFUSED);
    assert_eq!(phone.pending().await.expect("the phone asks").len(), 3, "no prompt");
    assert_eq!(limits(&world).await, ["pending"]);

    phone.approve(&world.prompt(&phone, &pending[0]).await).await.expect("approved");
    assert_eq!(asked(&shop).await, "200");
    assert_eq!(asked(&shop).await, REFUSED);
    // Cancelling makes room, too. The minute is over, so that nothing else limits.
    world.advance(60);
    assert_eq!(shop.cancel(&pending[1]).await.expect("an answer").in_short(), "200");
    assert_eq!(asked(&shop).await, "200");
    assert_eq!(asked(&shop).await, REFUSED);
    world.advance(61);
    assert_eq!(asked(&shop).await, "200", "those of the first minute have expired");
}

#[tokio::test]
async fn a_sixth_prompt_in_a_minute_is_refused_and_a_minute_later_it_is_not() {
    let (world, shop, phone) = scene().await;
    for _ in 0..5 {
        dismissed(&world, &shop, &phone).await;
    }
    world.advance(59);
    assert_eq!(asked(&shop).await, REFUSED);
    assert_eq!(limits(&world).await, ["per_minute"]);
    world.advance(1);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test]
async fn a_thirty_first_prompt_in_an_hour_is_refused() {
    let (world, shop, phone) = scene().await;
    for _ in 0..30 {
        dismissed(&world, &shop, &phone).await;
        world.advance(60);
    }
    assert_eq!(asked(&shop).await, REFUSED);
    assert_eq!(limits(&world).await, ["per_hour"]);
    world.advance(1799);
    assert_eq!(asked(&shop).await, REFUSED);
    world.advance(1);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test]
async fn limits_hold_over_a_restart() {
    let (mut world, shop, phone) = scene().await;
    for _ in 0..5 {
        dismissed(&world, &shop, &phone).await;
    }
    world.restart().await;
    assert_eq!(asked(&shop).await, REFUSED);
    world.advance(60);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_requests_at_once_exactly_as_many_pass_as_may() {
    let world = World::builder().policy(|policy| policy.client_prompts_pending = 5).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let mut racing = JoinSet::new();
    for _ in 0..10 {
        let shop = shop.clone();
        racing.spawn(async move { asked(&shop).await });
    }
    let mut answers = racing.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, [["200"; 5], [REFUSED; 5]].concat());
    assert_eq!(phone.pending().await.expect("the phone asks").len(), 5);
}

#[tokio::test]
async fn all_limits_answer_alike_and_each_is_told_to_the_operator_once_a_minute() {
    let (world, shop, phone) = scene().await;
    for _ in 0..3 {
        a_request().accepted(&shop).await;
    }
    let too_often = a_request().sent(&shop).await;
    assert_eq!(a_request().sent(&shop).await.body, too_often.body);
    assert_eq!(limits(&world).await, ["pending"], "the second was not told again");
    let nobodys = a_request().about("bob").sent(&shop).await;
    assert_eq!(nobodys.body, too_often.body, "a user without a phone");
    world.set_status("1001", UserStatus::Locked).await;
    assert_eq!(a_request().sent(&shop).await.body, too_often.body, "a locked user");
    world.set_status("1001", UserStatus::Active).await;
    world.advance(120);
    for _ in 0..3 {
        denied(&world, &shop, &phone, DenyReason::NotMe).await;
    }
    assert_eq!(a_request().sent(&shop).await.body, too_often.body, "a cool-down");
    assert_eq!(limits(&world).await, ["pending", "cool_down"]);
}

#[tokio::test]
async fn three_refusals_in_ten_minutes_cool_a_client_down_for_that_user_alone() {
    let (world, shop, phone) = scene().await;
    let bobs = world.phone("1002").await;
    world.add_client("bank", "the secret of the bank").await;
    let bank = world.client("bank", "the secret of the bank").await;
    denied(&world, &shop, &phone, DenyReason::NotMe).await;
    denied(&world, &shop, &phone, DenyReason::WrongDetails).await;
    world.advance(590);
    assert_eq!(world.events("client_cooled_down").await, 0);
    denied(&world, &shop, &phone, DenyReason::NotMe).await;
    assert_eq!(world.events("client_cooled_down").await, 1);
    assert_eq!(asked(&shop).await, REFUSED);
    assert_eq!(asked(&bank).await, "200", "another client");
    let asked_bob = a_request().about("bob").accepted(&shop).await;
    world.prompt(&bobs, &asked_bob).await;
    world.advance(899);
    assert_eq!(asked(&shop).await, REFUSED);
    world.advance(1);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test]
async fn neither_changed_minds_nor_expiry_nor_approvals_cool_a_client_down() {
    let (world, shop, phone) = scene().await;
    for _ in 0..5 {
        dismissed(&world, &shop, &phone).await;
    }
    world.advance(60);
    for _ in 0..3 {
        a_request().accepted(&shop).await;
    }
    world.advance(120);
    for _ in 0..3 {
        let asked = a_request().accepted(&shop).await;
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    }
    world.advance(60);
    assert_eq!(asked(&shop).await, "200");
    assert_eq!(world.events("client_cooled_down").await, 0);
}

#[tokio::test]
async fn one_refusal_told_twice_or_by_two_phones_counts_once() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone("1001").await;
    for _ in 0..2 {
        let asked = a_request().accepted(&shop).await;
        let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
        phone.deny(&on_phone, DenyReason::NotMe).await.expect("denied");
        tablet.deny(&on_tablet, DenyReason::NotMe).await.expect("denied");
    }
    assert_eq!(world.events("client_cooled_down").await, 0);
    denied(&world, &shop, &phone, DenyReason::NotMe).await;
    assert_eq!(world.events("client_cooled_down").await, 1);
}

#[tokio::test]
async fn beyond_ten_prompts_a_minute_of_all_clients_phones_are_not_woken_but_find_the_prompt() {
    let world = World::new().await;
    let phone = world.phone_with_push("1001", "token").await;
    let mut clients = vec![world.shop().await];
    for name in ["bank", "library", "council"] {
        world.add_client(name, "the secret of this client").await;
        clients.push(world.client(name, "the secret of this client").await);
    }
    for client in clients.iter().cycle().take(10) {
        a_request().accepted(client).await;
        world.deliver().await;
        // A phone gets one push in two seconds, whoever asks.
        world.advance(3);
    }
    assert_eq!(world.courier().carried().len(), 10);
    let quiet = a_request().accepted(&clients[3]).await;
    world.deliver().await;
    assert_eq!(world.courier().carried().len(), 10, "no push");
    assert_eq!(world.events("push_withheld").await, 1);
    phone.approve(&world.prompt(&phone, &quiet).await).await.expect("approved");
    world.redeem(&clients[3], &quiet).await;
    world.advance(120);
    a_request().accepted(&clients[0]).await;
    world.deliver().await;
    let woken = world.courier().carried().into_iter().filter(|push| push.data["dismiss"].is_null());
    assert_eq!(woken.count(), 11);
}

#[tokio::test]
async fn limits_hold_where_requests_wait_for_a_phone_and_in_every_delivery_mode() {
    for mode in [DeliveryMode::Poll, DeliveryMode::Ping, DeliveryMode::Push] {
        let builder = World::builder().policy(|policy| {
            policy.no_device = NoDevice::Accept;
            policy.ping_on_expiry = false;
        });
        let world = builder.make().await;
        world
            .edit_client(SHOP, |client| {
                client.delivery = mode;
                client.notification_endpoint = Some("https://shop.example/told".to_owned());
            })
            .await;
        let shop = world.shop().await;
        let request = a_request().about("bob").told_by("a-token-of-the-shop-to-be-called-with");
        for _ in 0..3 {
            request.accepted(&shop).await;
        }
        assert_eq!(request.sent(&shop).await.in_short(), REFUSED, "{mode:?}");
        assert_eq!(limits(&world).await, ["pending"], "{mode:?}");
    }
}

#[tokio::test]
async fn a_locked_user_is_refused_at_every_point_and_each_is_told_to_the_operator() {
    let world = World::new().await;
    world.edit_client(SHOP, |client| client.refresh = true).await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", "token").await);
    let refresh_token = {
        let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
        crate::text(&tokens, "refresh_token").to_owned()
    };
    let approved = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &approved).await).await.expect("approved");
    let pending = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &pending).await;
    world.deliver().await;
    let untold = a_request().accepted(&shop).await;
    let carried = world.courier().carried().len();
    world.set_status("1001", UserStatus::Locked).await;
    // A phone gets one push in two seconds, whoever asks.
    world.advance(3);

    assert_eq!(asked(&shop).await, REFUSED);
    world.deliver().await;
    assert_eq!(world.courier().carried().len(), carried, "no push");
    phone.approve(&prompt).await.expect_err("a locked user's answer is not taken");
    assert_eq!(world.poll(&shop, &approved).await, "400 access_denied");
    assert_eq!(shop.refresh(&refresh_token).await.expect("an answer").in_short(), "400 invalid_grant");
    let events = world.admin().audit().await.expect("the audit trail");
    let points: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "locked_user_refused").map(|event| &event["point"]).collect();
    assert_eq!(points, ["accept", "notify", "redeem", "refresh"]);
    let answers = events.iter().filter(|event| event["event"] == "decision_refused" && event["check"] == "user");
    assert_eq!(answers.count(), 1);

    world.set_status("1001", UserStatus::Active).await;
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &pending).await;
    world.prompt(&phone, &untold).await;
}
