//! Prompts of the server's own, on a phone; and tests, which are nothing else.

use std::sync::Arc;

use axum::http::Method;
use device_core::exchange::Call;
use device_core::{ApprovalRequest, DenyReason, Outcome};
use protocol::endpoints;
use protocol::messages::PromptKind;
use simulator::forger::Forger;
use simulator::phone::Phone;
use tests::{ISSUER, World};

/// What awaits an answer on this phone, of one kind.
pub(crate) async fn of_kind(phone: &Phone, kind: PromptKind) -> Vec<Arc<ApprovalRequest>> {
    let pending = phone.pending().await.expect("the phone asks");
    pending.into_iter().filter(|request| request.prompt().content().kind == kind).collect()
}

/// The values that must be shown.
pub(crate) fn lines(request: &ApprovalRequest) -> Vec<String> {
    request.prompt().content().display.iter().map(|line| line.value.clone()).collect()
}

async fn test_from_admin(world: &World) -> String {
    let devices = world.admin().devices("1001").await.expect("a list");
    let path = format!("/devices/{}/test", devices[0]["id"].as_str().expect("an id"));
    world.admin().call(Method::POST, &path, None).await.expect("an answer").in_short()
}

#[tokio::test]
async fn an_operator_sends_a_test_that_is_pushed_and_decides_nothing() {
    let world = World::new().await;
    let phone = world.phone_with_push("1001", "a-token").await;
    assert_eq!(test_from_admin(&world).await, "204");
    assert_eq!(world.deliver().await, 1);
    let opened = phone.open_push(&world.courier().carried()[0].data).await.expect("it is ours");
    assert_eq!(opened[0].prompt().content().kind, PromptKind::Test);
    assert_eq!(phone.approve(&opened[0]).await, Ok(Outcome::Approved));
    assert!(of_kind(&phone, PromptKind::Test).await.is_empty());
    assert_eq!(test_from_admin(&world).await, "204");
    let second = of_kind(&phone, PromptKind::Test).await.remove(0);
    assert_eq!(phone.deny(&second, DenyReason::NotMe).await, Ok(Outcome::Denied));
    assert!(phone.pending().await.is_ok(), "not even *not me* does anything");
    assert_eq!((world.events("test_sent").await, world.events("own_prompt_answered").await), (2, 2));
    world.advance(2);
    world.deliver().await;
}

#[tokio::test]
async fn a_phone_asks_for_a_test_itself_and_no_more_than_three_wait() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let forger = Forger::of(&phone).await.expect("a forger");
    let call = Call::to(ISSUER, endpoints::TEST);
    for _ in 0..3 {
        assert_eq!(forger.call(&call).await.expect("a reply").status, 204);
    }
    let fourth = forger.call(&call).await.expect("a reply");
    assert_eq!((fourth.status, fourth.code()), (429, "too_many_tests"));
    assert_eq!(test_from_admin(&world).await, "429 too_many_tests");
    assert_eq!(of_kind(&phone, PromptKind::Test).await.len(), 3);
    world.advance(300);
    assert!(of_kind(&phone, PromptKind::Test).await.is_empty());
    assert_eq!(forger.call(&call).await.expect("a reply").status, 204);
}

#[tokio::test]
async fn nobody_is_tested_who_is_not_there() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    phone.core().forget(phone.account().expect("an account")).await.expect("left");
    assert_eq!(test_from_admin(&world).await, "404 unknown_device");
    let answer = world.admin().call(Method::POST, "/devices/nobody/test", None).await.expect("an answer");
    assert_eq!(answer.in_short(), "404 unknown_device");
}
