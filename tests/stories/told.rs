//! What stories about clients that are told of outcomes have in common: such a client, its endpoint, and alice's phone.

use std::sync::Arc;

use device_core::Outcome;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::Policy;
use server::flow::deliver;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::notification::{Call, NotificationStandIn, Reply};
use tests::{World, a_request};
use tokio::sync::watch;

/// `client_notification_token`
pub(crate) const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) shop: RelyingParty,
    pub(crate) phone: Phone,
    pub(crate) endpoint: NotificationStandIn,
}

impl Scene {
    /// The shop learns of outcomes this way.
    pub(crate) async fn of(delivery: DeliveryMode) -> Self {
        Self::under(delivery, |_| {}).await
    }

    /// The same with rules of its own.
    pub(crate) async fn under(delivery: DeliveryMode, policy: impl FnOnce(&mut Policy)) -> Self {
        let endpoint = NotificationStandIn::start().await;
        let world = World::builder().policy(policy).reaching_stand_ins().make().await;
        let shop = world.told_shop(delivery, &endpoint).await;
        let phone = world.phone("1001").await;
        Self { world, shop, phone, endpoint }
    }

    /// A request that nobody has answered.
    pub(crate) async fn asked(&self) -> String {
        a_request().told_by(TOKEN).accepted(&self.shop).await
    }

    /// A request that the phone approved.
    pub(crate) async fn approved(&self) -> String {
        let asked = self.asked().await;
        self.approve(&asked).await;
        asked
    }

    pub(crate) async fn approve(&self, asked: &str) {
        let prompt = self.world.prompt(&self.phone, asked).await;
        assert_eq!(self.phone.approve(&prompt).await, Ok(Outcome::Approved));
    }

    /// The process dies while it calls the endpoint, and the next one goes on: what the one sent and the other.
    pub(crate) async fn dies_while_calling(&mut self) -> [Call; 2] {
        self.endpoint.answer_next(Reply::Hang);
        let provider = Arc::clone(self.world.provider());
        let worker = tokio::spawn(async move { deliver::deliver_due(&provider).await });
        self.endpoint.called(1).await;
        worker.abort();
        assert!(worker.await.is_err(), "it was calling when it ended");
        self.world.restart().await;
        if !self.world.provider().store().is_exclusive() {
            // For all that anybody knows, another process is alive and calling.
            self.world.advance(30);
        }
        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn(deliver::run(Arc::clone(self.world.provider()), stopping));
        let calls = self.endpoint.called(2).await;
        stop.send_replace(true);
        worker.await.expect("the worker ends when it is told to");
        calls.try_into().expect("two calls")
    }

    /// Revokes all phones of alice.
    pub(crate) async fn revoke(&self) {
        for device in self.world.admin().devices("1001").await.expect("a list") {
            self.world.admin().revoke(device["id"].as_str().expect("an id")).await.expect("revoked");
        }
    }

    /// What clients were told and how that ended, in order.
    pub(crate) async fn fates(&self) -> Vec<String> {
        let events = self.world.admin().audit().await.expect("the audit trail");
        let told = events.iter().filter(|event| event["event"] == "client_notified");
        told.map(|event| format!("{} {}", event["what"], event["fate"]).replace('"', "")).collect()
    }
}
