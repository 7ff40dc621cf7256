//! What clients are told: that there is an outcome (CIBA §10.2), or the outcome itself (§10.3, §12).

use serde_json::json;
use tracing::{info, warn};

use super::super::callback::Spoken;
use super::super::provider::{Provider, Recorded as _};
use super::super::{Unavailable, callback};
use super::lanes::Seat;
use super::{in_time, later, outcome, settle};
use crate::domain::audit::{Notification, NotificationFate, What};
use crate::domain::authentication_request::{AuthenticationRequest, PushError};
use crate::domain::client::Client;
use crate::domain::message::{Content, Message};
use crate::domain::names::ClientId;
use crate::outbound::endpoint::Endpoint;
use crate::outbound::{Fate, notification};
use crate::store::Versioned;

/// Whom a message goes to, and how.
struct Address {
    client: Client,
    endpoint: Endpoint,
    spoken: Spoken,
}

/// Tells a client and commits what became of it.
pub(super) async fn carry(provider: &Provider, seat: &Seat, message: Versioned<Message>) -> Result<(), Unavailable> {
    let Some(address) = address(provider, &message.record).await? else {
        return conclude(provider, &message, NotificationFate::GivenUp).await;
    };
    let message = match &message.record.content {
        Content::Tokens { minted: None, .. } => {
            match outcome::decide(provider, &message, &address.client, &address.spoken.auth_req_id).await {
                Ok(Some(decided)) => decided,
                Ok(None) => return Ok(()),
                // Nothing was minted: it waits for the client's keys as it would for its endpoint.
                Err(Unavailable::ClientKeys) => {
                    seat.found(false);
                    return put_off(provider, message, None).await;
                }
                Err(error) => return Err(error),
            }
        }
        _ => message,
    };
    let Some(body) = body(provider, &message.record, &address.spoken) else {
        return conclude(provider, &message, NotificationFate::GivenUp).await;
    };
    let Address { endpoint, spoken, .. } = address;
    let fate = in_time(notification::tell(provider.client(), &endpoint, &spoken.token, body, provider.now())).await;
    seat.found(!matches!(fate, Fate::Later { .. }));
    info!(request = %message.record.request, ?fate, "client told");
    match fate {
        Fate::Delivered => conclude(provider, &message, NotificationFate::Delivered).await,
        Fate::Refused { .. } | Fate::Gone { .. } => conclude(provider, &message, NotificationFate::Refused).await,
        Fate::Later { retry_after_seconds, .. } => put_off(provider, message, retry_after_seconds).await,
    }
}

/// Another attempt, unless that is too late.
async fn put_off(
    provider: &Provider,
    message: Versioned<Message>,
    retry_after_seconds: Option<u32>,
) -> Result<(), Unavailable> {
    match later(provider, message.record.clone(), retry_after_seconds) {
        Some(later) => settle(provider, provider.change().replace(message.version, later)).await,
        None => conclude(provider, &message, NotificationFate::GivenUp).await,
    }
}

/// `None` when there is nobody to tell any more, or no time.
async fn address(provider: &Provider, message: &Message) -> Result<Option<Address>, Unavailable> {
    let Some((client, _)) = addressed(&message.content).filter(|_| provider.now() < message.give_up_at) else {
        return Ok(None);
    };
    let request = provider.store.request(provider.id(), &message.request).await?;
    let client = provider.store.client(provider.id(), client).await?;
    // Its record stays, but a removed client is told nothing.
    let client = client.filter(|client| !client.record.removed);
    let (Some(request), Some(client)) = (request, client) else { return Ok(None) };
    let endpoint = client.record.notification_endpoint.as_deref().map(Endpoint::foreign);
    let (Some(Ok(endpoint)), Some(spoken)) = (endpoint, spoken(provider, &request.record)) else { return Ok(None) };
    Ok(Some(Address { client: client.record, endpoint, spoken }))
}

fn spoken(provider: &Provider, request: &AuthenticationRequest) -> Option<Spoken> {
    let opened = callback::open(&provider.keys, &request.key, request.callback.as_ref()?);
    if opened.is_err() {
        warn!(request = %request.key, "what its client is called with cannot be opened: were the keys replaced?");
    }
    opened.ok()
}

/// Whom a message is for, and what it says.
fn addressed(content: &Content) -> Option<(&ClientId, Notification)> {
    match content {
        Content::Ping { client } => Some((client, Notification::Ping)),
        Content::Tokens { client, .. } => Some((client, Notification::Tokens)),
        Content::Error { client, error } => Some((client, (*error).into())),
        Content::Push { .. } | Content::Dismiss { .. } | Content::Expiry { .. } => None,
    }
}

fn body(provider: &Provider, message: &Message, spoken: &Spoken) -> Option<Vec<u8>> {
    let auth_req_id = spoken.auth_req_id.reveal();
    match &message.content {
        Content::Ping { .. } => Some(json!({ "auth_req_id": auth_req_id }).to_string().into_bytes()),
        Content::Error { error, .. } => {
            let (error, description) = described(*error);
            let body = json!({ "auth_req_id": auth_req_id, "error": error, "error_description": description });
            Some(body.to_string().into_bytes())
        }
        Content::Tokens { minted: Some(sealed), .. } => outcome::open(provider, &message.request, sealed),
        Content::Tokens { minted: None, .. }
        | Content::Push { .. }
        | Content::Dismiss { .. }
        | Content::Expiry { .. } => None,
    }
}

/// CIBA §12; the texts are those of the token endpoint.
const fn described(error: PushError) -> (&'static str, &'static str) {
    match error {
        PushError::AccessDenied => ("access_denied", "the request was not granted"),
        PushError::ExpiredToken => ("expired_token", "the request has expired"),
        PushError::TransactionFailed => ("transaction_failed", "the request could not be brought to an end"),
    }
}

async fn conclude(
    provider: &Provider,
    message: &Versioned<Message>,
    fate: NotificationFate,
) -> Result<(), Unavailable> {
    let Message { request, content, .. } = &message.record;
    let change = provider.change().conclude(message);
    let Some((client, what)) = addressed(content) else {
        return settle(provider, change).await;
    };
    if fate != NotificationFate::Delivered {
        warn!(%request, %client, ?what, ?fate, "a client could not be told");
    }
    let what = What::ClientNotified { request: *request, client: client.clone(), what, fate };
    settle(provider, change.recording(provider, provider.now(), what)).await
}
