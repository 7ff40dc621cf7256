//! Pushes to phones: a hint that a prompt awaits them.

use protocol::crypto::aws_lc::EphemeralKey;
use protocol::messages::{PushMode, PushTarget};
use protocol::{RoutingId, jwe};
use tracing::{error, info};

use super::super::provider::{Provider, Recorded as _};
use super::super::{Unavailable, maintain, own, refusals, standing};
use super::lanes::Seat;
use super::{dismissal, in_time, later, settle};
use crate::domain::audit::{Point, PushFate, What};
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::device::Device;
use crate::domain::message::{Content, Message};
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;
use crate::outbound::{Fate, Push, PushBody};
use crate::store::{Change, Versioned};

/// Every sealed prompt is padded to so many bytes, so that the length of a push tells nothing of what is asked. Sealed
/// it has not quite 3 KB, which fits into the 4,096 bytes of every channel beside its envelope. What is longer is sent as
/// a wake of the same length.
const SEALED_BYTES: usize = 4 * jwe::PADDING_STEP;

/// Carries a push and commits its fate.
pub(super) async fn carry(provider: &Provider, seat: &Seat, message: Versioned<Message>) -> Result<(), Unavailable> {
    let push = push(provider, &message.record).await?;
    let (Some((push, shown)), Some(courier)) = (push, &provider.courier) else {
        return conclude(provider, &message, PushFate::GivenUp).await;
    };
    let fate = in_time(courier.carry(&push)).await;
    seat.found(!matches!(fate, Fate::Later { .. }));
    info!(request = %message.record.request, device = %push.device, ?fate, "push carried");
    if fate != Fate::Delivered {
        provider.moments.forget(&push.device);
    }
    match fate {
        Fate::Delivered => {
            let at_end = dismissal::at_end_of(provider, &message.record, &shown);
            let change = at_end.into_iter().fold(provider.change(), Change::create);
            concluded(provider, change, &message, PushFate::Delivered).await
        }
        Fate::Later { retry_after_seconds, .. } => match later(provider, message.record.clone(), retry_after_seconds) {
            Some(later) => settle(provider, provider.change().replace(message.version, later)).await,
            None => conclude(provider, &message, PushFate::GivenUp).await,
        },
        Fate::Refused { .. } => conclude(provider, &message, PushFate::Refused).await,
        Fate::Gone { since, .. } => {
            clear(provider, &push, since).await;
            conclude(provider, &message, PushFate::Gone).await
        }
    }
}

/// The target is gone: the phone polls from now on.
pub(super) async fn clear(provider: &Provider, push: &Push, since: Option<Timestamp>) {
    match maintain::clear_push_target(provider, &push.device, &push.target, since).await {
        Ok(()) | Err(maintain::Reason::UnknownDevice) => {}
        Err(error) => error!(%error, "a push target that is gone could not be cleared"),
    }
}

/// The push as it is now, or `None` if there is nothing left to tell.
/// With the prompt that its notification goes by: the first that still awaits an answer.
async fn push(provider: &Provider, message: &Message) -> Result<Option<(Push, StoredPrompt)>, Unavailable> {
    let Content::Push { device, prompt, also, .. } = &message.content else {
        return Ok(None);
    };
    let now = provider.now();
    if now >= message.give_up_at {
        return Ok(None);
    }
    let device = provider.store.device(provider.id(), device).await?.map(|found| found.record);
    let Some(device) = device.filter(|device| device.is_active() && device.push != PushTarget::None) else {
        return Ok(None);
    };
    let mut pending = Vec::new();
    for prompt in std::iter::once(prompt).chain(also) {
        let prompt = provider.store.prompt(provider.id(), prompt).await?.map(|found| found.record);
        if let Some(prompt) = prompt
            && still_pending(provider, &prompt, now).await?
        {
            pending.push(prompt);
        }
    }
    let (Some(first), Some(end)) = (pending.first(), pending.iter().map(|prompt| prompt.expires_at).max()) else {
        return Ok(None);
    };
    let rid = RoutingId::of(&first.id);
    let push = Push {
        id: message.id,
        device: device.id,
        link: link(provider, &rid),
        body: body(provider, &device, &pending, rid.to_string())?,
        subject: device.subject,
        target: device.push,
        ttl_seconds: u32::try_from(end.unix_seconds() - now.unix_seconds()).unwrap_or(0),
    };
    Ok(Some((push, pending.swap_remove(0))))
}

/// The app link of a push.
pub(super) fn link(provider: &Provider, rid: &RoutingId) -> String {
    format!("{}/a/{rid}", provider.issuer().trim_end_matches('/'))
}

async fn still_pending(provider: &Provider, prompt: &StoredPrompt, now: Timestamp) -> Result<bool, Unavailable> {
    if now >= prompt.expires_at || prompt.answer.is_some() {
        return Ok(false);
    }
    if !prompt.about.is_request() {
        return own::is_open(provider, prompt).await;
    }
    let request = provider.store.request(provider.id(), &prompt.request).await?;
    let Some(request) = request.filter(|request| request.record.state == State::Pending) else {
        return Ok(false);
    };
    let AuthenticationRequest { client, subject, .. } = &request.record;
    let may_sign_in = standing::may_sign_in(provider, subject).await?;
    if !may_sign_in {
        refusals::locked(provider, client, subject, Point::Notify).await?;
    }
    Ok(may_sign_in)
}

/// One prompt is sealed; of several the phone is told that they are there.
fn body(provider: &Provider, device: &Device, pending: &[StoredPrompt], rid: String) -> Result<PushBody, Unavailable> {
    if provider.policy().push == PushMode::Wake {
        return Ok(PushBody::Wake { rid, pad: None });
    }
    match pending {
        [one] if one.jws.as_str().len() <= SEALED_BYTES => {
            Ok(PushBody::Sealed { jwe: sealed(provider, device, one.jws.as_str().as_bytes())?, rid })
        }
        _ => Ok(PushBody::Wake { rid, pad: Some(sealed(provider, device, &[])?) }),
    }
}

fn sealed(provider: &Provider, device: &Device, text: &[u8]) -> Result<String, Unavailable> {
    let ephemeral = EphemeralKey::generate().map_err(|_| Unavailable::Keys)?;
    let iv = provider.random().array();
    jwe::seal_to(SEALED_BYTES, text, &device.sealing_key, &ephemeral, iv).map_err(|_| Unavailable::Keys)
}

async fn conclude(provider: &Provider, message: &Versioned<Message>, fate: PushFate) -> Result<(), Unavailable> {
    concluded(provider, provider.change(), message, fate).await
}

async fn concluded(
    provider: &Provider,
    change: Change,
    message: &Versioned<Message>,
    fate: PushFate,
) -> Result<(), Unavailable> {
    let change = change.conclude(message);
    let Content::Push { device, .. } = message.record.content else {
        return settle(provider, change).await;
    };
    let what = What::PushConcluded { request: message.record.request, device, fate };
    settle(provider, change.recording(provider, provider.now(), what)).await
}
