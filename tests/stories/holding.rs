//! Long polling (CIBA §10.1): a client that asked for it has its polls held until there is an outcome.

use device_core::DenyReason;
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::client::Client;
use server::domain::policy::Policy;
use server::domain::profile::Profile;
use server::flow::hold;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{SHOP, World, a_request};
use tokio::task::JoinHandle;

use crate::keyed_shop;

struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
}

/// A shop whose polls are held for 20 seconds.
async fn scene() -> Scene {
    scene_under(|_| {}).await
}

async fn scene_under(policy: impl FnOnce(&mut Policy)) -> Scene {
    let world = World::builder().policy(policy).make().await;
    world.edit_client(SHOP, |client| client.long_poll = 20).await;
    Scene { shop: world.shop().await, phone: world.phone("1001").await, world }
}

impl Scene {
    /// A request that was polled once, whose interval is over.
    async fn polled(&self) -> String {
        let asked = a_request().accepted(&self.shop).await;
        assert_eq!(self.world.poll(&self.shop, &asked).await, "400 authorization_pending");
        self.world.advance(5);
        asked
    }

    async fn held(&self, asked: &str) -> JoinHandle<String> {
        self.world.held_poll(&self.shop, asked).await
    }

    async fn approve(&self, asked: &str) {
        self.phone.approve(&self.world.prompt(&self.phone, asked).await).await.expect("approved");
    }

    fn release(&self) {
        hold::release(self.world.provider());
    }

    fn holds(&self, polls: usize) {
        assert_eq!(hold::polls(self.world.provider()), polls);
    }
}

async fn answer(poll: JoinHandle<String>) -> String {
    poll.await.expect("an answer")
}

#[tokio::test]
async fn a_held_poll_is_answered_with_tokens_when_the_phone_approves() {
    let scene = scene().await;
    let asked = scene.polled().await;
    let poll = scene.held(&asked).await;
    scene.approve(&asked).await;
    assert_eq!(answer(poll).await, "200");
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 invalid_grant");
    scene.holds(0);
}

#[tokio::test]
async fn a_held_poll_is_answered_when_the_phone_denies_or_the_client_withdraws() {
    let scene = scene().await;
    let (denied, withdrawn) = (scene.polled().await, scene.polled().await);
    let polls = (scene.held(&denied).await, scene.held(&withdrawn).await);
    let prompt = scene.world.prompt(&scene.phone, &denied).await;
    scene.phone.deny(&prompt, DenyReason::NotMe).await.expect("denied");
    assert_eq!(answer(polls.0).await, "400 access_denied");
    scene.holds(1);
    scene.shop.cancel(&withdrawn).await.expect("an answer");
    assert_eq!(answer(polls.1).await, "400 access_denied");
}

#[tokio::test]
async fn a_held_poll_is_answered_as_pending_when_its_time_is_over_and_the_next_may_follow_at_once() {
    let scene = scene().await;
    let asked = scene.polled().await;
    let poll = scene.held(&asked).await;
    scene.world.advance_millis(19_999);
    scene.release();
    scene.holds(1);
    scene.world.advance_millis(1);
    scene.release();
    assert_eq!(answer(poll).await, "400 authorization_pending");
    // The interval counts from when the poll was sent, and it was sent 20 seconds ago.
    let poll = scene.held(&asked).await;
    scene.approve(&asked).await;
    assert_eq!(answer(poll).await, "200");
}

#[tokio::test]
async fn a_poll_is_not_held_beyond_the_life_of_its_request() {
    let scene = scene().await;
    let asked = a_request().expiring_in(20).accepted(&scene.shop).await;
    scene.world.poll(&scene.shop, &asked).await;
    scene.world.advance(5);
    let poll = scene.held(&asked).await;
    scene.world.advance(15);
    scene.release();
    assert_eq!(answer(poll).await, "400 expired_token");
}

#[tokio::test]
async fn the_first_poll_is_never_held() {
    let scene = scene().await;
    let asked = a_request().accepted(&scene.shop).await;
    scene.world.advance(60);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn a_poll_that_comes_too_early_is_not_held_and_the_interval_grows_as_ever() {
    let scene = scene().await;
    let asked = scene.polled().await;
    let poll = scene.held(&asked).await;
    scene.world.advance(4);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 slow_down");
    scene.world.advance(9);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 slow_down");
    scene.holds(1);
    scene.approve(&asked).await;
    assert_eq!(answer(poll).await, "200");
}

#[tokio::test]
async fn of_a_client_that_did_not_ask_for_it_no_poll_is_held() {
    let scene = scene().await;
    let asked = scene.polled().await;
    scene.world.edit_client(SHOP, |client| client.long_poll = 0).await;
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 authorization_pending");
}

/// Under the FAPI profile tokens are bound to a certificate, so that the client shows one.
#[tokio::test]
async fn under_the_fapi_profile_no_poll_is_held() {
    let mut scene = scene().await;
    scene.shop = keyed_shop(&scene.world, &ClientKey::generate(Algorithm::Es256)).await;
    let asked = scene.polled().await;
    let held = |client: &mut Client| (client.long_poll, client.profile) = (20, Some(Profile::FapiCiba));
    scene.world.edit_client(SHOP, held).await;
    let certificate = ClientCertificate::new(b"a certificate".to_vec(), Vec::new());
    let shop = scene.shop.clone().showing(Some(certificate));
    assert_eq!(scene.world.poll(&shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn a_realm_may_hold_polls_for_less_time_or_not_at_all() {
    let scene = scene_under(|policy| policy.long_poll_max = 3).await;
    let asked = scene.polled().await;
    let poll = scene.held(&asked).await;
    scene.world.advance(3);
    scene.release();
    assert_eq!(answer(poll).await, "400 authorization_pending");
    let scene = scene_under(|policy| policy.long_poll_max = 0).await;
    let asked = scene.polled().await;
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 authorization_pending");
}

/// CIBA §10.1: one request in flight for each `auth_req_id`. A client that sends another one has lost the first.
#[tokio::test]
async fn a_later_poll_takes_over_and_the_earlier_one_is_answered_at_once() {
    let scene = scene().await;
    let asked = scene.polled().await;
    let earlier = scene.held(&asked).await;
    scene.world.advance(5);
    let (shop, again) = (scene.shop.clone(), asked.clone());
    let later = tokio::spawn(async move { shop.poll(&again).await.expect("an answer").in_short() });
    assert_eq!(answer(earlier).await, "400 authorization_pending");
    scene.holds(1);
    scene.approve(&asked).await;
    assert_eq!(answer(later).await, "200");
}

#[tokio::test]
async fn a_held_poll_whose_connection_ends_redeems_nothing() {
    let scene = scene().await;
    let asked = scene.polled().await;
    let poll = scene.held(&asked).await;
    poll.abort();
    assert!(poll.await.is_err());
    scene.holds(0);
    scene.approve(&asked).await;
    scene.world.redeem(&scene.shop, &asked).await;
}

#[tokio::test]
async fn a_server_that_goes_down_answers_held_polls_and_holds_no_more() {
    let scene = scene().await;
    let (asked, other) = (scene.polled().await, scene.polled().await);
    let poll = scene.held(&asked).await;
    scene.world.provider().shut_down();
    assert_eq!(answer(poll).await, "400 authorization_pending");
    assert_eq!(scene.world.poll(&scene.shop, &other).await, "400 authorization_pending");
}

#[tokio::test]
async fn a_decision_wakes_the_poll_of_its_own_request_alone() {
    let scene = scene().await;
    let (one, other) = (scene.polled().await, scene.polled().await);
    let (woken, held) = (scene.held(&one).await, scene.held(&other).await);
    scene.approve(&one).await;
    assert_eq!(answer(woken).await, "200");
    scene.holds(1);
    scene.approve(&other).await;
    assert_eq!(answer(held).await, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_decision_falls_between_a_poll_and_its_being_held() {
    let scene = scene_under(|policy| policy.prompt_limits = false).await;
    for _ in 0..30 {
        let asked = scene.polled().await;
        let prompt = scene.world.prompt(&scene.phone, &asked).await;
        let (phone, shop) = (scene.phone.clone(), scene.shop.clone());
        let approving = tokio::spawn(async move { phone.approve(&prompt).await });
        // Nobody releases it: it is answered by the decision or not at all.
        let answer = shop.poll(&asked).await.expect("an answer").in_short();
        assert_eq!(answer, "200");
        approving.await.expect("no panic").expect("approved");
    }
}
