//! All channels that an operator set up, as one courier: each push goes by the channel that its phone named.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::messages::PushTarget;
use thiserror::Error;

use super::apns::{Apns, ApnsSettings, BadApnsSettings};
use super::client::Client;
use super::fcm::{BadFcmSettings, Fcm, FcmSettings};
use super::web_push::{BadWebPushSettings, WebPush, WebPushSettings};
use super::webhook::{BadWebhookSettings, Webhook, WebhookSettings};
use super::{Courier, Fate, Push};
use crate::domain::time::Clock;

/// What an operator sets to reach phones; every channel by itself.
#[derive(Debug, Default)]
pub struct ChannelSettings {
    /// `[push.fcm]`
    pub fcm: Option<FcmSettings>,
    /// `[push.apns]`
    pub apns: Option<ApnsSettings>,
    /// `[push.webpush]`
    pub web_push: Option<WebPushSettings>,
    /// `[push.webhook]`
    pub webhook: Option<WebhookSettings>,
}

/// Settings that cannot work, with their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadChannelSettings {
    /// Firebase's.
    #[error("push.fcm: {0}")]
    Fcm(#[from] BadFcmSettings),
    /// Apple's.
    #[error("push.apns: {0}")]
    Apns(#[from] BadApnsSettings),
    /// Web Push's.
    #[error("push.webpush: {0}")]
    WebPush(#[from] BadWebPushSettings),
    /// The notifier's.
    #[error("push.webhook: {0}")]
    Webhook(#[from] BadWebhookSettings),
}

/// The channels of a deployment. Clones share tokens and pace.
#[derive(Clone, Default)]
pub struct Channels {
    fcm: Option<Arc<Fcm>>,
    apns: Option<Arc<Apns>>,
    web_push: Option<Arc<WebPush>>,
    webhook: Option<Arc<Webhook>>,
}

impl Channels {
    /// Opens them; nothing is sent yet.
    pub fn new(settings: ChannelSettings, client: &Client, clock: &Arc<dyn Clock>) -> Result<Self, BadChannelSettings> {
        let ChannelSettings { fcm, apns, web_push, webhook } = settings;
        let fcm = fcm.map(|fcm| Fcm::new(fcm, client.clone(), Arc::clone(clock))).transpose()?;
        let apns = apns.map(|apns| Apns::new(apns, client.clone(), Arc::clone(clock))).transpose()?;
        let web_push = web_push.map(|web| WebPush::new(web, client.clone(), Arc::clone(clock))).transpose()?;
        let webhook = webhook.map(|hook| Webhook::new(hook, client.clone(), Arc::clone(clock))).transpose()?;
        Ok(Self {
            fcm: fcm.map(Arc::new),
            apns: apns.map(Arc::new),
            web_push: web_push.map(Arc::new),
            webhook: webhook.map(Arc::new),
        })
    }

    /// The same for a realm with networks of its own: what its phones name as push resources is reached by `client`.
    #[must_use]
    pub fn within(&self, client: &Client) -> Self {
        let web_push = self.web_push.as_ref().map(|web_push| Arc::new(web_push.within(client.clone())));
        Self { web_push, ..self.clone() }
    }

    /// Whether there is none: phones ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fcm.is_none() && self.apns.is_none() && self.web_push.is_none() && self.webhook.is_none()
    }
}

#[async_trait]
impl Courier for Channels {
    async fn carry(&self, push: &Push) -> Fate {
        // Nobody is to blame: the operator closed the channel, or never had it.
        let closed = Fate::Refused { cause: "channel_not_set_up" };
        match &push.target {
            PushTarget::Fcm { .. } => match &self.fcm {
                Some(fcm) => fcm.carry(push).await,
                None => closed,
            },
            PushTarget::Apns { .. } => match &self.apns {
                Some(apns) => apns.carry(push).await,
                None => closed,
            },
            PushTarget::WebPush { .. } => match &self.web_push {
                Some(web_push) => web_push.carry(push).await,
                None => closed,
            },
            PushTarget::Webhook { .. } => match &self.webhook {
                Some(webhook) => webhook.carry(push).await,
                None => closed,
            },
            PushTarget::None => Fate::Refused { cause: "no_target" },
        }
    }

    fn vapid_key(&self) -> Option<String> {
        self.web_push.as_ref().map(|web_push| web_push.public_key())
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("fcm", &self.fcm)
            .field("apns", &self.apns)
            .field("web_push", &self.web_push)
            .field("webhook", &self.webhook)
            .finish()
    }
}
