//! Users block clients from their phones (device protocol, "Limits"): what the client, the phones and the operator see.

use device_core::exchange::Call;
use device_core::{BlockPeriod, BlockedClient, DenyReason, DeviceError};
use protocol::KeyRole;
use protocol::endpoints::{self, SignedRequest};
use protocol::messages::Unblock;
use serde_json::json;
use simulator::forger::{Forger, Reply};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, SHOP, World, a_request};

use crate::scene;

const REFUSED: &str = "403 access_denied";
const DAY: i64 = 86_400;

async fn asked(client: &RelyingParty) -> String {
    a_request().sent(client).await.in_short()
}

async fn block(phone: &Phone, client: &str, lasts: BlockPeriod) -> Result<(), DeviceError> {
    phone.core().block_client(phone.account()?, client.to_owned(), lasts).await
}

async fn unblock(phone: &Phone, client: &str) -> Result<(), DeviceError> {
    phone.core().unblock_client(phone.account()?, client.to_owned()).await
}

async fn blocked(phone: &Phone) -> Vec<BlockedClient> {
    phone.core().blocked_clients(phone.account().expect("an account")).await.expect("a list")
}

fn refused(code: &str) -> Result<(), DeviceError> {
    Err(DeviceError::Refused { refusal: code.to_owned() })
}

#[tokio::test]
async fn after_not_me_the_user_blocks_the_client_for_as_long_as_they_say() {
    for (lasts, seconds) in [(BlockPeriod::QuarterHour, 900), (BlockPeriod::Day, DAY)] {
        let (world, shop, phone) = scene().await;
        let prompt = world.prompt(&phone, &a_request().accepted(&shop).await).await;
        phone.deny(&prompt, DenyReason::NotMe).await.expect("denied");
        assert_eq!(asked(&shop).await, "200", "one refusal alone silences nobody");
        block(&phone, &prompt.client_id(), lasts).await.expect("blocked");
        world.advance(seconds - 1);
        assert_eq!(asked(&shop).await, REFUSED, "{lasts:?}");
        world.advance(1);
        assert_eq!(asked(&shop).await, "200", "{lasts:?}");
        assert_eq!(blocked(&phone).await, [], "{lasts:?}");
    }
}

#[tokio::test]
async fn a_block_without_end_holds_over_restarts_until_it_is_lifted_by_any_phone_of_the_user() {
    let (mut world, shop, phone) = scene().await;
    let tablet = world.phone("1001").await;
    block(&phone, SHOP, BlockPeriod::UntilLifted).await.expect("blocked");
    let since = world.now().unix_seconds();
    assert_eq!(world.events("client_blocked").await, 1);
    world.advance(400 * DAY);
    world.restart().await;
    server::flow::sweep::sweep(world.provider()).await.expect("swept");
    assert_eq!(asked(&shop).await, REFUSED);
    let listed = BlockedClient { client: SHOP.to_owned(), name: "The shop".to_owned(), since, until: None };
    assert_eq!(blocked(&tablet).await, [listed]);
    unblock(&tablet, SHOP).await.expect("lifted");
    assert_eq!((blocked(&phone).await, asked(&shop).await), (Vec::new(), "200".to_owned()));
    unblock(&tablet, SHOP).await.expect("nothing is left to lift");
    assert_eq!(world.events("client_unblocked").await, 1);
}

#[tokio::test]
async fn a_block_is_of_one_client_and_one_user_and_is_answered_as_every_limit_is() {
    let (world, shop, phone) = scene().await;
    let _bobs = world.phone("1002").await;
    world.add_client("bank", "the secret of the bank").await;
    let bank = world.client("bank", "the secret of the bank").await;
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked");
    assert_eq!(asked(&bank).await, "200", "another client");
    assert_eq!(a_request().about("bob").sent(&shop).await.in_short(), "200", "another user");
    let refused = a_request().sent(&shop).await;
    world.set_status("1001", server::domain::user::UserStatus::Locked).await;
    assert_eq!(refused.body, a_request().sent(&shop).await.body, "the client learns no more than of a locked user");
    let events = world.admin().audit().await.expect("the audit trail");
    let told: Vec<_> = events.iter().filter(|event| event["event"] == "prompt_refused").collect();
    assert_eq!((told.len(), &told[0]["limit"], &told[0]["client"]), (1, &json!("blocked"), &json!(SHOP)));
}

#[tokio::test]
async fn blocking_again_says_anew_for_how_long() {
    let (world, shop, phone) = scene().await;
    block(&phone, SHOP, BlockPeriod::UntilLifted).await.expect("blocked");
    world.advance(100);
    block(&phone, SHOP, BlockPeriod::QuarterHour).await.expect("blocked");
    let until = world.now().unix_seconds() + 900;
    let listed = blocked(&phone).await;
    assert_eq!((listed.len(), listed[0].until), (1, Some(until)));
    world.advance(900);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test]
async fn a_block_holds_where_limits_are_switched_off_and_for_a_request_that_is_open_nothing_changes() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let open = a_request().accepted(&shop).await;
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked");
    assert_eq!(asked(&shop).await, REFUSED);
    phone.approve(&world.prompt(&phone, &open).await).await.expect("approved");
    world.redeem(&shop, &open).await;
}

#[tokio::test]
async fn a_valid_user_code_passes_a_block_and_a_wrong_one_does_not() {
    let world = World::new().await;
    world.edit_client(SHOP, |client| client.user_code = true).await;
    let carol = json!({ "subject": "1003", "username": "carol", "user_code": "675325" });
    world.admin().create_user(&carol).await.expect("an answer").expect("created");
    let (shop, phone) = (world.shop().await, world.phone("1003").await);
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked");
    let sent = async |code: &str| a_request().about("carol").with("user_code", code).sent(&shop).await.in_short();
    assert_eq!(sent("675326").await, "400 invalid_user_code");
    assert_eq!(sent("675325").await, "200");
    // A client that did not register codes passes nothing by sending one.
    world.edit_client(SHOP, |client| client.user_code = false).await;
    assert_eq!(sent("675325").await, REFUSED);
}

#[tokio::test]
async fn only_clients_that_exist_are_blocked_and_no_more_than_twenty() {
    let (world, _, phone) = scene().await;
    for unknown in ["nobody", ISSUER, ""] {
        assert_eq!(block(&phone, unknown, BlockPeriod::Day).await, refused("unknown_client"), "{unknown}");
    }
    for number in 0..20 {
        world.add_client(&format!("client-{number}"), "the secret of this client").await;
        block(&phone, &format!("client-{number}"), BlockPeriod::UntilLifted).await.expect("blocked");
    }
    assert_eq!(block(&phone, SHOP, BlockPeriod::QuarterHour).await, refused("too_many_blocks"));
    assert_eq!(blocked(&phone).await.len(), 20);
    unblock(&phone, "client-7").await.expect("lifted");
    block(&phone, SHOP, BlockPeriod::QuarterHour).await.expect("blocked");
    world.admin().remove_client("client-8").await.expect("removed");
    assert_eq!(blocked(&phone).await.len(), 20, "it is still there to be lifted");
}

/// What an unblocking by this phone says, to be spoilt.
fn lifting(forger: &Forger, world: &World) -> Unblock {
    let (iss, iat) = (forger.account().device, world.now().unix_seconds());
    Unblock { iss, aud: ISSUER.to_owned(), client: SHOP.to_owned(), iat, v: protocol::VERSION }
}

async fn sent(forger: &Forger, role: KeyRole, message: &Unblock) -> Reply {
    let message = forger.sign(role, message).await.expect("signed");
    let call = Call::to(ISSUER, endpoints::UNBLOCK).with(&SignedRequest { message });
    forger.call(&call).await.expect("a reply")
}

#[tokio::test]
async fn a_block_is_lifted_only_by_the_verified_key_of_this_phone_at_this_time() {
    let (world, shop, phone) = scene().await;
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked");
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let bobs = Forger::of(&world.phone("1002").await).await.expect("a phone taken apart");
    let sound = lifting(&forger, &world);

    assert_eq!(sent(&forger, KeyRole::Device, &sound).await.code(), "bad_signature");
    let mut others = sound.clone();
    others.iss = bobs.account().device;
    let spoilt = [
        others,
        Unblock { aud: "https://other.example".to_owned(), ..sound.clone() },
        Unblock { v: 2, ..sound.clone() },
        Unblock { iat: sound.iat - 301, ..sound.clone() },
        Unblock { iat: sound.iat + 301, ..sound.clone() },
        Unblock { iat: i64::MIN, ..sound.clone() },
    ];
    for message in &spoilt {
        let reply = sent(&forger, KeyRole::Verified, message).await;
        assert_eq!((reply.status, reply.code()), (400, "malformed"), "{message:?}");
    }
    // Signed by another phone's key under this one's name.
    let kid = protocol::KeyRef { device: forger.account().device, role: KeyRole::Verified };
    let message = bobs.sign_as(kid, KeyRole::Verified, &sound).await.expect("signed");
    let call = Call::to(ISSUER, endpoints::UNBLOCK).with(&SignedRequest { message });
    assert_eq!(forger.call(&call).await.expect("a reply").code(), "bad_signature");
    // Another user's phone lifts what its own user blocked, which is nothing.
    assert_eq!(sent(&bobs, KeyRole::Verified, &lifting(&bobs, &world)).await.status, 204);
    assert_eq!((asked(&shop).await.as_str(), world.events("client_unblocked").await), (REFUSED, 0));

    let late = Unblock { iat: sound.iat - 300, ..sound };
    assert_eq!(sent(&forger, KeyRole::Verified, &late).await.status, 204);
    assert_eq!(asked(&shop).await, "200");
}

#[tokio::test]
async fn a_message_that_lifted_a_block_lifts_no_later_one() {
    let (mut world, shop, phone) = scene().await;
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked");
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let message = forger.sign(KeyRole::Verified, &lifting(&forger, &world)).await.expect("signed");
    let call = Call::to(ISSUER, endpoints::UNBLOCK).with(&SignedRequest { message });
    assert_eq!(forger.call(&call).await.expect("a reply").status, 204);
    block(&phone, SHOP, BlockPeriod::Day).await.expect("blocked again");
    world.restart().await;
    world.advance(299);
    let again = forger.call(&call).await.expect("a reply");
    assert_eq!((again.status, again.code()), (409, "already_lifted"));
    world.advance(2);
    assert_eq!(forger.call(&call).await.expect("a reply").code(), "malformed", "it is too old by now");
    assert_eq!(asked(&shop).await, REFUSED);
}
