//! A courier that writes down what it is given and reports the fate that the story wants.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use protocol::messages::PushTarget;
use serde_json::Value;
use server::domain::message::MessageId;
use server::outbound::{Courier, Fate, Push};
use tokio::sync::watch;

/// One attempt to carry a push.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Under which it is known, at each attempt.
    pub id: MessageId,
    /// Whom it was for.
    pub target: PushTarget,
    /// Its data as the phone would receive it.
    pub data: Value,
    /// The app link of its notification.
    pub link: String,
    /// For how long the provider would keep trying.
    pub ttl_seconds: u32,
}

/// Takes everything, unless told otherwise.
#[derive(Debug, Default)]
pub struct RecordingCourier {
    script: Mutex<VecDeque<Script>>,
    carried: watch::Sender<Vec<Carried>>,
}

#[derive(Debug)]
enum Script {
    Answer(Fate),
    Hang,
}

impl RecordingCourier {
    /// The next attempt has this fate; fates queue up.
    pub fn answer_next(&self, fate: Fate) {
        self.script().push_back(Script::Answer(fate));
    }

    /// The next attempt never comes back.
    pub fn hang_next(&self) {
        self.script().push_back(Script::Hang);
    }

    /// All attempts so far, whatever their fate.
    #[must_use]
    pub fn carried(&self) -> Vec<Carried> {
        self.carried.borrow().clone()
    }

    /// Waits until there were so many attempts.
    pub async fn attempted(&self, attempts: usize) {
        let mut carried = self.carried.subscribe();
        let enough = carried.wait_for(|carried| carried.len() >= attempts).await;
        enough.expect("the courier records while it lives");
    }

    fn script(&self) -> MutexGuard<'_, VecDeque<Script>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Courier for RecordingCourier {
    async fn carry(&self, push: &Push) -> Fate {
        let data = Value::Object(push.body.members());
        let carried = Carried {
            id: push.id,
            target: push.target.clone(),
            data,
            link: push.link.clone(),
            ttl_seconds: push.ttl_seconds,
        };
        let scripted = self.script().pop_front();
        self.carried.send_modify(|all| all.push(carried));
        match scripted {
            None => Fate::Delivered,
            Some(Script::Answer(fate)) => fate,
            Some(Script::Hang) => std::future::pending().await,
        }
    }
}
