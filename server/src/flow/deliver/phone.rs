//! Pushes to phones: a hint that a prompt awaits them.

use protocol::crypto::aws_lc::EphemeralKey;
use protocol::jwe;
use protocol::messages::{PushMode, PushTarget};
use tracing::{error, info};

use super::super::provider::{Provider, Recorded as _};
use super::super::{Unavailable, maintain};
use super::lanes::Seat;
use super::{in_time, later, settle};
use crate::domain::audit::{PushFate, What};
use crate::domain::authentication_request::State;
use crate::domain::device::Device;
use crate::domain::message::{Content, Message};
use crate::domain::prompt::StoredPrompt;
use crate::domain::user::UserStatus;
use crate::outbound::{Fate, Push, PushBody};
use crate::store::Versioned;

/// A sealed push above this many bytes does not fit FCM's 4,096 beside its envelope and is sent as a wake.
const MOST_SEALED: usize = 3 * 1024;

/// Carries a push and commits its fate.
pub(super) async fn carry(provider: &Provider, seat: &Seat, message: Versioned<Message>) -> Result<(), Unavailable> {
    let push = push(provider, &message.record).await?;
    let (Some((device, push)), Some(courier)) = (push, &provider.courier) else {
        return conclude(provider, &message, PushFate::GivenUp).await;
    };
    let fate = in_time(courier.carry(&push)).await;
    seat.found(!matches!(fate, Fate::Later { .. }));
    info!(request = %message.record.request, device = %device.id, ?fate, "push carried");
    match fate {
        Fate::Delivered => conclude(provider, &message, PushFate::Delivered).await,
        Fate::Later { retry_after_seconds, .. } => match later(provider, message.record.clone(), retry_after_seconds) {
            Some(later) => settle(provider, provider.change().replace(message.version, later)).await,
            None => conclude(provider, &message, PushFate::GivenUp).await,
        },
        Fate::Refused { .. } => conclude(provider, &message, PushFate::Refused).await,
        Fate::Gone { .. } => {
            match maintain::clear_push_target(provider, &device.id, &push.target).await {
                Ok(()) | Err(maintain::Reason::UnknownDevice) => {}
                Err(error) => error!(%error, "a push target that is gone could not be cleared"),
            }
            conclude(provider, &message, PushFate::Gone).await
        }
    }
}

/// The push as it is now, or `None` if there is nothing left to tell.
async fn push(provider: &Provider, message: &Message) -> Result<Option<(Device, Push)>, Unavailable> {
    let Content::Push { device, prompt, rid } = &message.content else {
        return Ok(None);
    };
    let now = provider.now();
    if now >= message.give_up_at {
        return Ok(None);
    }
    let device = provider.store.device(provider.id(), device).await?.map(|found| found.record);
    let prompt = provider.store.prompt(provider.id(), prompt).await?.map(|found| found.record);
    let (Some(device), Some(prompt)) = (device, prompt) else {
        return Ok(None);
    };
    let reachable = device.is_active() && device.push != PushTarget::None;
    if !(reachable && still_pending(provider, &prompt).await?) {
        return Ok(None);
    }
    let body = body(provider, &device, &prompt, rid.to_string())?;
    let ttl_seconds = u32::try_from(prompt.expires_at.unix_seconds() - now.unix_seconds()).unwrap_or(0);
    Ok(Some((device.clone(), Push { target: device.push, body, ttl_seconds })))
}

async fn still_pending(provider: &Provider, prompt: &StoredPrompt) -> Result<bool, Unavailable> {
    let request = provider.store.request(provider.id(), &prompt.request).await?;
    let Some(request) = request.filter(|request| request.record.state == State::Pending) else {
        return Ok(false);
    };
    let user = provider.store.user(provider.id(), &request.record.subject).await?;
    Ok(user.is_some_and(|user| user.record.status == UserStatus::Active))
}

fn body(provider: &Provider, device: &Device, prompt: &StoredPrompt, rid: String) -> Result<PushBody, Unavailable> {
    if provider.policy().push == PushMode::Wake {
        return Ok(PushBody::Wake { rid });
    }
    let ephemeral = EphemeralKey::generate().map_err(|_| Unavailable::Keys)?;
    let iv = provider.random().array();
    let sealed = jwe::seal(prompt.jws.as_str().as_bytes(), &device.sealing_key, &ephemeral, iv);
    let jwe = sealed.map_err(|_| Unavailable::Keys)?;
    Ok(if jwe.len() > MOST_SEALED { PushBody::Wake { rid } } else { PushBody::Sealed { jwe, rid } })
}

async fn conclude(provider: &Provider, message: &Versioned<Message>, fate: PushFate) -> Result<(), Unavailable> {
    let change = provider.change().conclude(message);
    let change = match message.record.content {
        Content::Push { device, .. } => {
            let what = What::PushConcluded { request: message.record.request, device, fate };
            change.recording(provider, provider.now(), what)
        }
        Content::Expiry { .. } | Content::Ping { .. } | Content::Tokens { .. } | Content::Error { .. } => change,
    };
    settle(provider, change).await
}
