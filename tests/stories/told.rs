//! What stories about clients that are told of outcomes have in common: such a client, its endpoint, and alice's phone.

use device_core::Outcome;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::Policy;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::notification::NotificationStandIn;
use tests::{World, a_request};

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
