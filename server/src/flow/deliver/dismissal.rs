//! Takes notifications away from phones: at once from the others when one phone answered or the request ended, and from
//! all at the end of a prompt's life. Silent, and of no weight: what cannot be delivered is dropped.

use protocol::messages::PushTarget;
use protocol::{DeviceId, RoutingId};
use tracing::info;

use super::super::provider::Provider;
use super::super::{Unavailable, own};
use super::lanes::Seat;
use super::phone::{clear, link};
use super::{in_time, later, settle};
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::message::{Content, Message, MessageId};
use crate::domain::names::{RequestKey, Subject};
use crate::domain::prompt::{About, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::outbound::{Fate, Push, PushBody};
use crate::store::{Change, Versioned};

/// For how many seconds a provider keeps it for a phone that is switched off.
const TTL: u32 = 3_600;

/// For how many seconds we try.
const TRIED_FOR: i64 = 60;

/// Adds to the change that concludes a request what takes its notifications away, from all phones but the one that
/// answered.
pub(in crate::flow) async fn from_the_others(
    provider: &Provider,
    change: Change,
    request: &AuthenticationRequest,
    answered_by: Option<&DeviceId>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let others = request.prompts.iter().filter(|(device, _)| Some(device) != answered_by);
    if request.state != State::Pending || provider.courier.is_none() || others.clone().next().is_none() {
        return Ok(change);
    }
    let phones = provider.store.devices_of(provider.id(), &request.subject).await?;
    let reachable = |id: &DeviceId| {
        let phone = phones.iter().map(|phone| &phone.record).find(|phone| phone.id == *id);
        phone.is_some_and(|phone| phone.is_active() && phone.push != PushTarget::None)
    };
    Ok(others.filter(|(device, _)| reachable(device)).fold(change, |change, (device, prompt)| {
        change.create(at_once(provider, *device, RoutingId::of(prompt), request.key, now))
    }))
}

/// Adds to the change that settles a question of our own what takes its notifications away, from all phones but the one
/// that answered.
pub(in crate::flow) async fn of_question(
    provider: &Provider,
    mut change: Change,
    (subject, about): (&Subject, &About),
    answered_by: Option<&DeviceId>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    if provider.courier.is_none() {
        return Ok(change);
    }
    for phone in own::phones(provider, subject).await? {
        if Some(&phone.id) == answered_by || phone.push == PushTarget::None {
            continue;
        }
        for prompt in provider.store.unanswered(provider.id(), &phone.id).await? {
            if prompt.about == *about {
                change = change.create(at_once(provider, phone.id, RoutingId::of(&prompt.id), prompt.request, now));
            }
        }
    }
    Ok(change)
}

fn at_once(provider: &Provider, device: DeviceId, rid: RoutingId, request: RequestKey, now: Timestamp) -> Message {
    Message {
        id: MessageId::from_bytes(provider.random().array()),
        content: Content::Dismiss { device, rid, at_end: false },
        request,
        attempts: 0,
        due_at: now,
        give_up_at: now.plus_seconds(TRIED_FOR),
    }
}

/// What a push becomes that was delivered as one of `prompt`: due when the lives of all that it told of end.
/// Under an id of its own: whoever it is carried to may know the push by its id, and do nothing when that comes again.
pub(super) fn at_end_of(provider: &Provider, message: &Message, prompt: &StoredPrompt) -> Option<Message> {
    let Content::Push { device, .. } = &message.content else { return None };
    Some(Message {
        id: MessageId::from_bytes(provider.random().array()),
        content: Content::Dismiss { device: *device, rid: RoutingId::of(&prompt.id), at_end: true },
        request: prompt.request,
        attempts: 0,
        due_at: message.give_up_at,
        give_up_at: message.give_up_at.plus_seconds(TRIED_FOR),
    })
}

/// Makes one attempt and commits what became of it.
pub(super) async fn carry(provider: &Provider, seat: &Seat, message: Versioned<Message>) -> Result<(), Unavailable> {
    let push = push(provider, &message.record).await?;
    let (Some(push), Some(courier)) = (push, &provider.courier) else {
        return settle(provider, provider.change().conclude(&message)).await;
    };
    let fate = in_time(courier.carry(&push)).await;
    seat.found(!matches!(fate, Fate::Later { .. }));
    info!(request = %message.record.request, device = %push.device, ?fate, "notification taken away");
    let again = match fate {
        Fate::Delivered | Fate::Refused { .. } => None,
        Fate::Gone { since, .. } => {
            clear(provider, &push, since).await;
            None
        }
        Fate::Later { retry_after_seconds, .. } => later(provider, message.record.clone(), retry_after_seconds),
    };
    let change = match again {
        Some(again) => provider.change().replace(message.version, again),
        None => provider.change().conclude(&message),
    };
    settle(provider, change).await
}

async fn push(provider: &Provider, message: &Message) -> Result<Option<Push>, Unavailable> {
    let Content::Dismiss { device, rid, at_end } = &message.content else { return Ok(None) };
    if provider.now() >= message.give_up_at || (*at_end && was_concluded(provider, message).await?) {
        return Ok(None);
    }
    let device = provider.store.device(provider.id(), device).await?.map(|found| found.record);
    let device = device.filter(|device| device.is_active() && device.push != PushTarget::None);
    Ok(device.map(|device| Push {
        id: message.id,
        device: device.id,
        subject: device.subject,
        target: device.push,
        link: link(provider, rid),
        body: PushBody::Dismiss { rid: rid.to_string() },
        ttl_seconds: TTL,
    }))
}

/// Then its phones were told at once.
async fn was_concluded(provider: &Provider, message: &Message) -> Result<bool, Unavailable> {
    let request = provider.store.request(provider.id(), &message.request).await?;
    Ok(request.is_some_and(|request| request.record.state != State::Pending))
}
