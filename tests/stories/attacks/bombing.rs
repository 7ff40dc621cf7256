//! Prompts until a tired person says yes.

use device_core::{BlockPeriod, DenyReason, Outcome, RequestKind, Warning};
use simulator::relying_party::RelyingParty;
use tests::{SHOP, World, a_request};

use super::{Trail, counted, shows};
use crate::scene;

const REFUSED: &str = "403 access_denied";

#[tokio::test]
async fn one_client_gets_three_prompts_to_the_phone_and_after_three_refusals_none() {
    let world = World::new().await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", "token").await);
    let trail = Trail::from_now(&world).await;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let answer = a_request().sent(&shop).await;
        match answer.in_short().as_str() {
            "200" => accepted.push(answer.json()["auth_req_id"].as_str().expect("an id").to_owned()),
            _ => refused.push(answer),
        }
        world.deliver().await;
        world.advance(1);
    }
    assert_eq!((accepted.len(), refused.len()), (3, 17));
    assert!(refused.iter().all(|answer| answer.in_short() == REFUSED && answer.body == refused[0].body));

    assert!(world.courier().carried().len() <= 3, "the phone is not woken more often than it is asked");
    assert_eq!(shows(&phone).await, ["The shop: Pay 12 euros"; 3]);
    for request in phone.pending().await.expect("the phone asks") {
        let others = u32::try_from(shows(&phone).await.len() - 1).expect("a few");
        let conflict = (others > 0).then_some(Warning::Conflict { others });
        assert_eq!(request.display().warnings, conflict.into_iter().collect::<Vec<_>>());
        assert_eq!(phone.deny(&request, DenyReason::NotMe).await, Ok(Outcome::Denied));
    }

    for asked in &accepted {
        assert_eq!(world.poll(&shop, asked).await, "400 access_denied");
    }
    world.advance(60);
    let cooled = a_request().sent(&shop).await;
    assert_eq!((cooled.in_short().as_str(), &cooled.body), (REFUSED, &refused[0].body), "it is not told why");
    world.deliver().await;
    assert_eq!(shows(&phone).await, [""; 0]);

    let expected = counted([
        ("request_accepted", 3),
        ("prompt_refused pending", 1),
        ("request_decided deny not_me", 3),
        ("client_cooled_down", 1),
        ("prompt_refused cool_down", 1),
    ]);
    assert_eq!(trail.told().await, expected);
    let cooled_down = trail.newest("client_cooled_down").await;
    assert_eq!((&cooled_down["client"], &cooled_down["subject"]), (&"shop".into(), &"1001".into()));
}

#[tokio::test]
async fn ten_clients_wake_the_phone_ten_times_a_minute_and_the_one_that_the_user_waits_for_is_found_in_the_app() {
    let world = World::new().await;
    let phone = world.phone_with_push("1001", "token").await;
    let mut clients: Vec<RelyingParty> = Vec::new();
    for number in 0..10 {
        let id = format!("client-{number}");
        world.add_client(&id, "the secret of this client").await;
        clients.push(world.client(&id, "the secret of this client").await);
    }
    let trail = Trail::from_now(&world).await;
    for client in clients.iter().chain(&clients) {
        assert_eq!(a_request().sent(client).await.in_short(), "200", "no client learns that others ask, too");
        world.deliver().await;
        // A phone gets one push in two seconds, whoever asks.
        world.advance(2);
    }
    let expected = a_request().with("binding_message", "Order 4711").accepted(&clients[3]).await;
    world.deliver().await;

    assert_eq!(world.courier().carried().len(), 10);
    let shown = shows(&phone).await;
    assert_eq!((shown.len(), shown.last().map(String::as_str)), (21, Some("The client-3: Order 4711")));
    assert_eq!(shown[..2], ["The client-0: Pay 12 euros", "The client-1: Pay 12 euros"], "each says who it is");
    phone.approve(&world.prompt(&phone, &expected).await).await.expect("approved");
    world.redeem(&clients[3], &expected).await;

    assert_eq!(
        trail.told().await,
        counted([
            ("request_accepted", 21),
            ("push_withheld", 11),
            ("request_decided approve", 1),
            ("request_redeemed", 1)
        ])
    );
}

/// Nobody but the user can tell that it is too often.
#[tokio::test]
async fn a_patient_client_that_stays_below_every_limit_is_blocked_by_the_user_until_they_lift_it() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    for _ in 0..4 {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        assert_eq!(phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Denied));
        assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
        world.advance(330);
    }
    let (account, last) = (phone.account().expect("an account"), a_request().accepted(&shop).await);
    let client = world.prompt(&phone, &last).await.client_id();
    phone.core().block_client(account.clone(), client.clone(), BlockPeriod::UntilLifted).await.expect("blocked");
    for _ in 0..3 {
        world.advance(6 * 3600);
        assert_eq!(a_request().sent(&shop).await.in_short(), REFUSED, "in the words of every limit");
        assert_eq!(shows(&phone).await, [""; 0]);
    }
    phone.core().unblock_client(account, client).await.expect("lifted");
    assert_eq!(a_request().sent(&shop).await.in_short(), "200");
    assert_eq!(shows(&phone).await, ["The shop: Pay 12 euros"]);

    let expected = counted([
        ("request_accepted", 6),
        ("request_decided deny not_me", 4),
        ("client_blocked", 1),
        ("prompt_refused blocked", 3),
        ("client_unblocked", 1),
    ]);
    assert_eq!(trail.told().await, expected);
}

#[tokio::test]
async fn no_crowd_of_prompts_hides_that_of_another_client_or_ours() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    world.add_client("noisy", "the secret of this client").await;
    let noisy = world.client("noisy", "the secret of this client").await;
    for _ in 0..200 {
        a_request().accepted(&noisy).await;
    }
    world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let found = phone.pending().await.expect("the phone asks");
    assert!(found.len() < 202, "one reply does not hold them all");
    let kinds: Vec<_> = found.iter().take(3).map(|request| request.client_id()).collect();
    assert!(kinds.iter().any(|client| client == SHOP), "{kinds:?}");
    assert_eq!(found.iter().filter(|request| request.display().kind == RequestKind::Notice).count(), 1);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}
