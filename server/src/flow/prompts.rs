//! A phone asks what awaits an answer, and may wait for it.

use std::collections::HashMap;
use std::time::Duration;

use protocol::{DeviceId, Jws, PromptId};

use super::Unavailable;
use super::own;
use super::provider::Provider;
use crate::domain::authentication_request::State;
use crate::domain::device::Device;
use crate::domain::names::ClientId;
use crate::domain::policy::NoDevice;
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;

mod late;

/// One reply holds no more prompts once they are this long: phones read at most 256 KiB. The others come when these are
/// answered.
const ENOUGH_BYTES: usize = 128 * 1024;

/// Why a prompt is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// There is no such prompt for this phone.
    #[error("no such prompt for this device")]
    UnknownPrompt,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Prompts of this phone that await an answer, oldest first, as many as one reply may hold. Waits up to `wait` for the first one.
pub async fn pending(provider: &Provider, device: &Device, wait: Duration) -> Result<Vec<Jws>, Unavailable> {
    // Without a seat the call is answered at once: a phone that holds too many gains nothing by one more.
    let seat = if wait.is_zero() { None } else { provider.wake.seat(device.id) };
    let Some(seat) = seat else { return pending_now(provider, device).await };
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    loop {
        let woken = seat.next();
        let prompts = pending_now(provider, device).await?;
        if !prompts.is_empty() || seat.is_closed() {
            return Ok(prompts);
        }
        tokio::select! {
            () = woken => {}
            () = &mut deadline => return Ok(prompts),
        }
    }
}

/// How many phones wait for a prompt.
#[must_use]
pub fn waiting(provider: &Provider) -> usize {
    provider.wake.waiting()
}

async fn pending_now(provider: &Provider, device: &Device) -> Result<Vec<Jws>, Unavailable> {
    if provider.policy().no_device == NoDevice::Accept {
        late::take_up(provider, device).await?;
    }
    let now = provider.now();
    let mut asked = HashMap::<Option<ClientId>, usize>::new();
    let mut waiting = Vec::new();
    for prompt in provider.store.unanswered(provider.id(), &device.id).await? {
        if let Some(asker) = who_awaits(provider, &prompt, now).await? {
            let before = asked.entry(asker).or_default();
            waiting.push((*before, prompt));
            *before += 1;
        }
    }
    // One of each who asks before a second of anybody: no crowd of prompts keeps another's from being read.
    waiting.sort_by_key(|(before, _)| *before);
    let (mut pending, mut bytes) = (Vec::new(), 0);
    for (_, prompt) in waiting {
        if bytes >= ENOUGH_BYTES {
            break;
        }
        provider.opened.note(prompt.id, now, prompt.expires_at);
        bytes += prompt.jws.as_str().len();
        pending.push(prompt.jws);
    }
    Ok(pending)
}

/// The client that awaits the answer to this prompt, or `Some(None)` if it is we ourselves.
async fn who_awaits(
    provider: &Provider,
    prompt: &StoredPrompt,
    now: Timestamp,
) -> Result<Option<Option<ClientId>>, Unavailable> {
    if prompt.answer.is_some() || now >= prompt.expires_at {
        return Ok(None);
    }
    if !prompt.about.is_request() {
        return Ok(own::is_open(provider, prompt).await?.then_some(None));
    }
    let request = provider.store.request(provider.id(), &prompt.request).await?;
    let pending = request.map(|request| request.record).filter(|request| request.state == State::Pending);
    Ok(pending.map(|request| Some(request.client)))
}

/// One prompt of this phone, answered or not, exactly as signed.
pub async fn one(provider: &Provider, device: &DeviceId, id: &PromptId) -> Result<Jws, Reason> {
    let prompt = find(provider, device, id).await?.record;
    provider.opened.note(prompt.id, provider.now(), prompt.expires_at);
    Ok(prompt.jws)
}

/// A prompt that belongs to this phone; another phone's is as unknown as one that never was.
pub(super) async fn find(
    provider: &Provider,
    device: &DeviceId,
    id: &PromptId,
) -> Result<crate::store::Versioned<StoredPrompt>, Reason> {
    let prompt = provider.store.prompt(provider.id(), id).await.map_err(Unavailable::from)?;
    prompt.filter(|prompt| prompt.record.device == *device).ok_or(Reason::UnknownPrompt)
}
