//! What became of a request, for the operator who is asked: where it stands, and everything the audit trail says of it.
//! No secret, no hint and no binding message is in it.

use protocol::{DeviceId, PromptId};
use serde::Serialize;

use super::Unavailable;
use super::provider::Provider;
use crate::domain::audit::{Event, What};
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::delivery::DeliveryMode;
use crate::domain::names::{ClientId, RealmId, RequestKey, Subject};
use crate::domain::prompt::nobodys_phone;
use crate::domain::time::Timestamp;
use crate::store::{Store, StoreError};

/// The audit trail is read so far back at first, then ten times as far, until the request's beginning is found.
const FIRST_LOOK: usize = 1_000;

/// How far back at most.
const FURTHEST_LOOK: usize = 1_000_000;

/// The story of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Hash of the `auth_req_id`, as logs and the audit trail name it.
    pub request: RequestKey,
    /// What is stored; absent once its tombstone is gone.
    pub standing: Option<Standing>,
    /// What happened, oldest first. At most as old as the audit trail.
    pub events: Vec<Event>,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Who asked.
    pub client: ClientId,
    /// Whom.
    pub subject: Subject,
    /// How the client learns of it.
    pub delivery: DeliveryMode,
    /// One word: `pending`, `expired`, `approved`, `denied`, `cancelled`, `failed`, `redeemed` or `disputed`.
    pub state: &'static str,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// End of its life.
    pub expires_at: Timestamp,
    /// The phones that were asked.
    pub phones: Vec<Phone>,
}

/// A phone that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phone {
    /// Which.
    pub device: DeviceId,
    /// By which prompt.
    pub prompt: PromptId,
    /// When it first fetched it, as far as this process knows.
    pub opened_at: Option<Timestamp>,
}

/// Tells the story; `None` if nobody knows such a request.
pub async fn explain(provider: &Provider, auth_req_id: &str) -> Result<Option<Explanation>, Unavailable> {
    let mut story = tell(&*provider.store, provider.id(), auth_req_id, provider.now()).await?;
    if let Some(standing) = story.as_mut().and_then(|story| story.standing.as_mut()) {
        for phone in &mut standing.phones {
            phone.opened_at = provider.opened.at(&phone.prompt);
        }
    }
    Ok(story)
}

/// The same without a server: nobody knows what was opened and not answered.
pub async fn tell(
    store: &dyn Store,
    realm: &RealmId,
    auth_req_id: &str,
    now: Timestamp,
) -> Result<Option<Explanation>, StoreError> {
    let request = RequestKey::of(auth_req_id);
    let standing = store.request(realm, &request).await?.map(|found| Standing::of(found.record, now));
    let events = events(store, realm, &request).await?;
    let known = standing.is_some() || !events.is_empty();
    Ok(known.then_some(Explanation { request, standing, events }))
}

impl Standing {
    fn of(request: AuthenticationRequest, now: Timestamp) -> Self {
        let has_expired = request.has_expired(now);
        Self {
            state: match &request.state {
                State::Pending | State::Approved { .. } if has_expired => "expired",
                State::Pending => "pending",
                State::Approved { .. } => "approved",
                State::Denied { .. } => "denied",
                State::Cancelled { .. } => "cancelled",
                State::Failed { .. } => "failed",
                State::Redeemed { disputed: false, .. } => "redeemed",
                State::Redeemed { disputed: true, .. } => "disputed",
            },
            phones: request
                .prompts
                .into_iter()
                // Where it waited for one.
                .filter(|(device, _)| *device != nobodys_phone(&request.subject))
                .map(|(device, prompt)| Phone { device, prompt, opened_at: None })
                .collect(),
            client: request.client,
            subject: request.subject,
            delivery: request.delivery,
            created_at: request.created_at,
            expires_at: request.expires_at,
        }
    }
}

async fn events(store: &dyn Store, realm: &RealmId, request: &RequestKey) -> Result<Vec<Event>, StoreError> {
    let mut most = FIRST_LOOK;
    loop {
        let all = store.audit(realm, most).await?;
        let (read, mut events) = (all.len(), all);
        events.retain(|event| event.what.request() == Some(request));
        let is_whole = events.iter().any(|event| matches!(event.what, What::RequestAccepted { .. }));
        if is_whole || read < most || most >= FURTHEST_LOOK {
            return Ok(events);
        }
        most *= 10;
    }
}
