//! What the client of a ping or push request is told, and when (CIBA §10.2, §10.3, §12).
//!
//! Such a request has one message in the outbox from its first commit on: a timer, due when its life ends. Whatever
//! concludes the request earlier makes the timer into what the client is told, in the same commit; otherwise the delivery
//! worker does, at the end of that life. So a client is told once, nothing looks for expired requests, and an outbox
//! without messages is one in which nobody is owed anything.
//!
//! The timer is never leased: as long as it is one, it has its first version, and the request's own version decides who
//! may replace it.

use super::deliver;
use super::provider::Provider;
use crate::domain::authentication_request::{AuthenticationRequest, Notice, State};
use crate::domain::delivery::DeliveryMode;
use crate::domain::message::{Content, Message, MessageId};
use crate::domain::names::RequestKey;
use crate::domain::time::Timestamp;
use crate::store::{Change, Versioned};

/// The version of a timer.
const TIMER: u64 = 1;

/// What follows a request's next state once it is durable.
#[must_use = "the client waits until it is sent"]
#[derive(Default)]
pub(super) struct Told {
    /// Whose held poll wakes.
    request: Option<RequestKey>,
    message: Option<Versioned<Message>>,
}

impl Told {
    /// Wakes the poll that is held for the outcome, and hands the message to the delivery worker. To be called after the
    /// commit.
    pub(super) fn send(self, provider: &Provider) {
        if let Some(message) = self.wake(provider) {
            provider.wake.hand(message);
        }
    }

    /// The same for the delivery worker itself, which gets the message.
    pub(super) fn wake(self, provider: &Provider) -> Option<Versioned<Message>> {
        if let Some(request) = &self.request {
            provider.held.wake(request);
        }
        self.message
    }
}

/// Until when the client of a request may be told.
pub(super) fn give_up_at(provider: &Provider, request: &AuthenticationRequest) -> Timestamp {
    request.expires_at.plus_seconds(provider.policy().notification_grace.into())
}

/// The timer of a request, to be created with it; a poll client is never told.
pub(super) fn timer(provider: &Provider, request: &AuthenticationRequest) -> Option<Message> {
    (request.delivery != DeliveryMode::Poll).then(|| Message {
        id: MessageId::of_notification(&request.key),
        content: Content::Expiry { client: request.client.clone() },
        request: request.key,
        attempts: 0,
        due_at: request.expires_at,
        give_up_at: give_up_at(provider, request),
    })
}

/// Adds to the change that takes a request on from `before` what becomes of its timer: the message that the notice asks
/// for, or nothing where the client needs no telling.
pub(super) fn tell(
    provider: &Provider,
    change: Change,
    before: &AuthenticationRequest,
    notice: Notice,
    now: Timestamp,
) -> (Change, Told) {
    let request = Some(before.key);
    let runs = before.state == State::Pending && !before.notified;
    let Some(timer) = timer(provider, before).filter(|_| runs) else {
        return (change, Told { request, message: None });
    };
    let Some(content) = content(before, notice) else {
        let change = change.conclude(&Versioned { version: TIMER, record: timer });
        return (change, Told { request, message: None });
    };
    let record = deliver::leased(Message { content, ..timer }, now);
    let change = change.replace(TIMER, record.clone());
    (change, Told { request, message: Some(Versioned { version: TIMER + 1, record }) })
}

fn content(request: &AuthenticationRequest, notice: Notice) -> Option<Content> {
    let client = request.client.clone();
    match notice {
        Notice::None => None,
        Notice::Ping => Some(Content::Ping { client }),
        Notice::PushTokens => Some(Content::Tokens { client, minted: None }),
        Notice::PushError(error) => Some(Content::Error { client, error }),
    }
}
