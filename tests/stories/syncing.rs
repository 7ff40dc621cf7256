//! A phone catches up: what it had signed, what a notification was answered with, what the server says of it.

use std::sync::Arc;

use async_trait::async_trait;
use device_core::desktop::Extension;
use device_core::ports::{HttpRequest, HttpResponse, Transport, TransportError};
use device_core::{
    DenyReason, DeviceError, EnrolmentState, NoticeOpener, Outcome, Platform, PushMode, PushTarget, RevocationReason,
    Synced, Warning,
};
use server::outbound::Fate;
use simulator::phone::Phone;
use tests::{ISSUER, World, a_request};

use crate::scene;

const TOKEN: &str = "a-registration-token";

/// The network breaks before a decision arrives, or after.
struct Breaking {
    way: Arc<dyn Transport>,
    arrives: bool,
}

#[async_trait]
impl Transport for Breaking {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if !request.url.ends_with("/decision") {
            return self.way.send(request).await;
        }
        if self.arrives {
            self.way.send(request).await?;
        }
        Err(TransportError::TimedOut)
    }
}

fn breaking(phone: &Phone, arrives: bool) -> Phone {
    phone.over(ISSUER, Arc::new(Breaking { way: Arc::clone(&phone.ports().transport), arrives }))
}

async fn synced(phone: &Phone, push: Option<PushTarget>) -> Synced {
    phone.core().sync(push).await.expect("its state can be read").remove(0)
}

#[tokio::test]
async fn an_approval_that_did_not_arrive_or_whose_reply_was_lost_is_made_good_by_sync_once() {
    for arrives in [false, true] {
        let (world, shop, phone) = scene().await;
        let asked = a_request().accepted(&shop).await;
        let broken = breaking(&phone, arrives);
        let lost = broken.approve(&world.prompt(&broken, &asked).await).await;
        assert!(matches!(lost, Err(DeviceError::Unreachable { .. })), "{lost:?}");
        assert_eq!(world.events("request_decided").await, usize::from(arrives));
        let restarted = phone.restarted(ISSUER);
        let first = synced(&restarted, None).await;
        assert_eq!((first.concluded, first.failure), (1, None));
        assert_eq!(synced(&restarted, None).await.concluded, 0, "again changes nothing");
        assert_eq!(world.events("request_decided").await, 1);
        world.redeem(&shop, &asked).await;
    }
}

#[tokio::test]
async fn what_waits_is_listed_and_requests_of_one_client_warn_of_each_other() {
    let (_world, shop, phone) = scene().await;
    a_request().accepted(&shop).await;
    assert_eq!(synced(&phone, None).await.requests[0].display().warnings, []);
    a_request().accepted(&shop).await;
    let both = synced(&phone, None).await;
    assert_eq!((both.requests.len(), both.state, both.failure), (2, EnrolmentState::Active, None));
    for request in both.requests {
        assert_eq!(request.display().warnings, [Warning::Conflict { others: 1 }]);
    }
}

#[tokio::test]
async fn a_notice_says_who_asks_and_its_denial_reaches_the_client() {
    let world = World::new().await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", TOKEN).await);
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    let carried = world.courier().carried().remove(0);
    let data = carried.data.as_object().expect("members").iter();
    let data = data.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect();
    let ports = phone.ports();
    let extension = Extension::of(Arc::clone(&ports.vault), Arc::clone(&ports.store), ports.lock.clone());
    let opener = NoticeOpener::new(Arc::new(extension), Arc::clone(&ports.clock));
    let notice = opener.open(std::collections::HashMap::clone(&data)).expect("it is ours").expect("it is sealed");
    assert_eq!((notice.title.as_str(), notice.body.as_str()), ("The shop", "wants your approval"));
    assert!(!format!("{notice:?}").contains("Pay 12"));
    opener.hand_over_denial(data, DenyReason::NotMe).expect("handed over");
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending", "the app has not run yet");
    world.advance(5);
    assert_eq!(synced(&phone, None).await.concluded, 1);
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn a_target_that_the_server_forgot_is_told_again() {
    let world = World::new().await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", TOKEN).await);
    a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Gone { cause: "unregistered", since: None });
    assert_eq!(world.deliver().await, 1);
    let target = PushTarget::FcmToken { platform: Platform::Android, token: "another-token".to_owned() };
    assert_eq!(synced(&phone, Some(target)).await.failure, None);
    assert_eq!(world.admin().devices("1001").await.expect("a list")[0]["has_push_target"], true);
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1, "pushed to again");
}

#[tokio::test]
async fn a_revoked_phone_learns_why_and_keeps_no_keys() {
    let (world, _shop, phone) = scene().await;
    let devices = world.admin().devices("1001").await.expect("a list");
    world.admin().revoke(devices[0]["id"].as_str().expect("an id")).await.expect("revoked");
    let ended = synced(&phone, None).await;
    assert_eq!(ended.state, EnrolmentState::Revoked);
    assert_eq!(ended.failure.map(|failure| failure.code), Some("revoked".to_owned()));
    let accounts = phone.restarted(ISSUER).core().accounts().await.expect("a list");
    assert_eq!(accounts[0].revoked, Some(RevocationReason::Operator));
    let restarted = phone.restarted(ISSUER);
    assert_eq!(restarted.pending().await.err(), Some(DeviceError::Revoked));
}

#[tokio::test]
async fn an_answered_object_is_no_way_to_answer_again() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::AlreadyAnswered));
    let reused = phone.core().deny(Arc::clone(&prompt), DenyReason::NotMe).await;
    assert_eq!(reused, Err(DeviceError::AlreadyAnswered));
    let receipt = prompt.receipt().expect("a receipt");
    assert_eq!((receipt.approved, receipt.received_at), (true, world.now().unix_seconds()));
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_phone_learns_what_its_realm_asks_of_phones_by_now() {
    let (mut world, _, phone) = scene().await;
    let push = |synced: Synced| (synced.failure, synced.policy.map(|policy| policy.push));
    assert_eq!(push(synced(&phone, None).await), (None, Some(PushMode::Sealed)));
    world.change_policy(|policy| policy.push = protocol::messages::PushMode::Wake).await;
    world.advance(1);
    assert_eq!(push(synced(&phone, None).await), (None, Some(PushMode::Wake)));
    let elsewhere = phone.restarted(ISSUER);
    assert_eq!(push(synced(&elsewhere, None).await), (None, Some(PushMode::Wake)), "it was kept");
}
