//! What clients are told: that there is an outcome (CIBA §10.2), or the outcome itself (§10.3, §12).

use serde_json::json;
use tracing::{info, warn};

use super::super::callback::Spoken;
use super::super::provider::{Provider, Recorded as _};
use super::super::{Unavailable, callback};
use super::lanes::Seat;
use super::{in_time, later, settle};
use crate::domain::audit::{Notification, NotificationFate, What};
use crate::domain::message::{Content, Message};
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::outbound::endpoint::Endpoint;
use crate::outbound::{Fate, notification};
use crate::store::Versioned;

/// A message ready to be sent.
struct Letter {
    endpoint: Endpoint,
    token: Secret,
    body: Vec<u8>,
}

/// Tells a client and commits what became of it.
pub(super) async fn carry(provider: &Provider, seat: &Seat, message: Versioned<Message>) -> Result<(), Unavailable> {
    let Some((client, what)) = addressed(&message.record.content) else {
        return Ok(());
    };
    let ended = async |fate| conclude(provider, &message, client, what, fate).await;
    let Some(letter) = letter(provider, &message.record, client).await? else {
        return ended(NotificationFate::GivenUp).await;
    };
    let Letter { endpoint, token, body } = letter;
    let fate = in_time(notification::tell(provider.client(), &endpoint, &token, body, provider.now())).await;
    seat.found(!matches!(fate, Fate::Later { .. }));
    info!(request = %message.record.request, %client, ?what, ?fate, "client told");
    match fate {
        Fate::Delivered => ended(NotificationFate::Delivered).await,
        Fate::Refused { .. } | Fate::Gone { .. } => ended(NotificationFate::Refused).await,
        Fate::Later { retry_after_seconds, .. } => match later(provider, message.record.clone(), retry_after_seconds) {
            Some(later) => settle(provider, provider.change().replace(message.version, later)).await,
            None => ended(NotificationFate::GivenUp).await,
        },
    }
}

/// Whom a message is for, and what it says.
fn addressed(content: &Content) -> Option<(&ClientId, Notification)> {
    match content {
        Content::Ping { client } => Some((client, Notification::Ping)),
        Content::Tokens { client, .. } => Some((client, Notification::Tokens)),
        Content::Error { client, error } => Some((client, (*error).into())),
        Content::Push { .. } | Content::Expiry { .. } => None,
    }
}

/// What is sent, or `None` when there is nobody to send it to any more, or no time.
async fn letter(provider: &Provider, message: &Message, client: &ClientId) -> Result<Option<Letter>, Unavailable> {
    if provider.now() >= message.give_up_at {
        return Ok(None);
    }
    let request = provider.store.request(provider.id(), &message.request).await?;
    let client = provider.store.client(provider.id(), client).await?;
    let (Some(request), Some(client)) = (request, client) else { return Ok(None) };
    let Some(sealed) = &request.record.callback else { return Ok(None) };
    let Ok(Spoken { auth_req_id, token }) = callback::open(&provider.keys, &message.request, sealed) else {
        warn!(request = %message.request, "what its client is called with cannot be opened: were the keys replaced?");
        return Ok(None);
    };
    let endpoint = client.record.notification_endpoint.as_deref().map(Endpoint::foreign);
    let Some(Ok(endpoint)) = endpoint else { return Ok(None) };
    let body = match &message.content {
        Content::Ping { .. } => json!({ "auth_req_id": auth_req_id.reveal() }),
        Content::Push { .. } | Content::Expiry { .. } | Content::Tokens { .. } | Content::Error { .. } => {
            return Ok(None);
        }
    };
    Ok(Some(Letter { endpoint, token, body: body.to_string().into_bytes() }))
}

async fn conclude(
    provider: &Provider,
    message: &Versioned<Message>,
    client: &ClientId,
    what: Notification,
    fate: NotificationFate,
) -> Result<(), Unavailable> {
    if fate != NotificationFate::Delivered {
        warn!(request = %message.record.request, %client, ?what, ?fate, "a client could not be told");
    }
    let what = What::ClientNotified { request: message.record.request, client: client.clone(), what, fate };
    settle(provider, provider.change().conclude(message).recording(provider, provider.now(), what)).await
}
