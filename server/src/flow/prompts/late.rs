//! Questions that were accepted while their user had no phone (`no_device = "accept"`): whichever phone of the user asks
//! first, or next, gets a copy of its own, as long as nobody has answered.

use protocol::Digest;

use super::super::Unavailable;
use super::super::provider::Provider;
use super::super::retry::{Attempt, until_decided};
use crate::authenticator::{Question, devices};
use crate::domain::authentication_request::State;
use crate::domain::device::Device;
use crate::domain::prompt::{StoredPrompt, nobodys_phone};
use crate::store::Versioned;

/// Makes the copies that this phone lacks.
pub(super) async fn take_up(provider: &Provider, device: &Device) -> Result<(), Unavailable> {
    for waiting in provider.store.unanswered(provider.id(), &nobodys_phone(&device.subject)).await? {
        let Some(req) = waiting.req else { continue };
        until_decided(|| copy(provider, device, &waiting, req)).await?;
    }
    Ok(())
}

async fn copy(
    provider: &Provider,
    device: &Device,
    waiting: &StoredPrompt,
    req: Digest,
) -> Result<Attempt<()>, Unavailable> {
    let now = provider.now();
    let Some(found) = provider.store.request(provider.id(), &waiting.request).await? else {
        return Ok(Attempt::Done(()));
    };
    let Versioned { version, record: mut request } = found;
    let has_one = request.prompts.iter().any(|(phone, _)| *phone == device.id);
    if has_one || request.state != State::Pending || now >= waiting.expires_at {
        return Ok(Attempt::Done(()));
    }
    let client = provider.store.client(provider.id(), &request.client).await?;
    let Some(client) = client.map(|client| client.record).filter(|client| !client.removed) else {
        return Ok(Attempt::Done(()));
    };
    let question = Question { client: &client, request: &request, req, context: None };
    let prompt = devices::copy(&provider.port(), &question, device, now)?;
    request.prompts.push((device.id, prompt.id));
    let change = provider.change().replace(version, request).create(prompt);
    Ok(Attempt::after(provider.store.commit(change).await, ()))
}
