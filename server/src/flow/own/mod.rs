//! Prompts of our own, which no relying party asked for: may another phone join, may one replace its key, what became of
//! one, do pushes arrive. They are signed, stored, pushed and answered like any other; what their answers do is in
//! `decide::own`.

use protocol::display::Line;
use protocol::messages::{Match, Prompt, PromptClient, PromptKind, PushTarget, UserVerification};
use protocol::{Digest, Nonce, PromptId, RoutingId};

use super::Unavailable;
use super::provider::Provider;
use crate::domain::device::{Device, EnrolmentProgress};
use crate::domain::message::{Content, Message, MessageId};
use crate::domain::names::{RequestKey, Subject};
use crate::domain::prompt::{About, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::store::Change;

mod notice;
mod test;

pub(super) use notice::{News, announce};
pub use test::{Reason as TestReason, test};

/// Who asks, in every prompt of our own. No client may be called so.
pub(super) const OURSELVES: &str = "Your account";

/// What is asked of a user's phones.
pub(super) struct Asking<'a> {
    pub(super) about: About,
    /// What follows "Who asks", in order.
    pub(super) lines: Vec<Line>,
    pub(super) expires_at: Timestamp,
    pub(super) phones: &'a [Device],
}

/// Adds the prompts to a change, with a push for each phone that has somewhere to push to. Once it is committed, wake the
/// phones.
pub(super) fn ask(
    provider: &Provider,
    mut change: Change,
    asking: &Asking<'_>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    for phone in asking.phones {
        let prompt = prompt(provider, asking, phone, now)?;
        if provider.courier.is_some() && phone.push != PushTarget::None {
            change = change.create(push(provider, &prompt, now));
        }
        change = change.create(prompt);
    }
    Ok(change)
}

/// To be called after the commit.
pub(super) fn wake(provider: &Provider, phones: &[Device]) {
    for phone in phones {
        provider.wake.phone(&phone.id);
    }
    if !phones.is_empty() {
        provider.wake.outbox();
    }
}

/// A user's active phones.
pub(super) async fn phones(provider: &Provider, subject: &Subject) -> Result<Vec<Device>, Unavailable> {
    let devices = provider.store.devices_of(provider.id(), subject).await?.into_iter().map(|device| device.record);
    Ok(devices.filter(Device::is_active).collect())
}

/// A user's active phones without one of them.
pub(super) async fn others(
    provider: &Provider,
    subject: &Subject,
    without: &protocol::DeviceId,
) -> Result<Vec<Device>, Unavailable> {
    let mut phones = phones(provider, subject).await?;
    phones.retain(|phone| phone.id != *without);
    Ok(phones)
}

/// Whether an answer would still do anything.
pub(super) async fn is_open(provider: &Provider, prompt: &StoredPrompt) -> Result<bool, Unavailable> {
    if prompt.answer.is_some() {
        return Ok(false);
    }
    Ok(match &prompt.about {
        About::Request | About::Test => true,
        About::Notice { device } => {
            let device = provider.store.device(provider.id(), device).await?;
            device.is_some_and(|device| device.record.is_active())
        }
        About::AddDevice { enrolment } => {
            let enrolment = provider.store.enrolment(provider.id(), enrolment).await?;
            enrolment.is_some_and(|enrolment| enrolment.record.progress == EnrolmentProgress::Unconfirmed)
        }
        About::Rotate { device, rotation } => {
            let device = provider.store.device(provider.id(), device).await?;
            device.is_some_and(|device| device.record.proposes(rotation, provider.now()))
        }
    })
}

fn prompt(
    provider: &Provider,
    asking: &Asking<'_>,
    phone: &Device,
    now: Timestamp,
) -> Result<StoredPrompt, Unavailable> {
    let (kind, uv) = match asking.about {
        About::AddDevice { .. } => (PromptKind::AddDevice, UserVerification::Required),
        About::Rotate { .. } => (PromptKind::Rotate, UserVerification::Required),
        About::Notice { .. } => (PromptKind::Notice, UserVerification::None),
        About::Test | About::Request => (PromptKind::Test, UserVerification::None),
    };
    let jti = PromptId::from_bytes(provider.random().array());
    let display = std::iter::once(Line::new("Who asks", OURSELVES)).chain(asking.lines.iter().cloned()).collect();
    let message = Prompt {
        iss: provider.issuer().to_owned(),
        aud: phone.device_key.thumbprint(),
        enr: phone.enrolment,
        jti,
        kind,
        nonce: Nonce::from_bytes(provider.random().array()),
        iat: now.unix_seconds(),
        exp: asking.expires_at.unix_seconds(),
        v: protocol::VERSION,
        // Of no request: a hash of the prompt's own id, so that no `auth_req_id` leads here.
        req: Digest::labelled("adp1-own", &[jti.as_bytes()]),
        client: PromptClient {
            id: provider.issuer().to_owned(),
            name: OURSELVES.to_owned(),
            verified: true,
            logo: None,
        },
        binding_message: None,
        scope: Vec::new(),
        resource: Vec::new(),
        authorization_details: Vec::new(),
        display,
        acr: None,
        uv,
        match_code: Match::NONE,
        context: Vec::new(),
        lang: "en".to_owned(),
    };
    let jws = provider.keys.sign_device(&message)?;
    Ok(StoredPrompt {
        id: jti,
        device: phone.id,
        request: RequestKey::of(&jti.to_string()),
        about: asking.about.clone(),
        nonce: message.nonce,
        display: message.display_digest(),
        user_verification: uv,
        jws,
        // Whole seconds, as the prompt says it.
        expires_at: Timestamp::from_unix_seconds(message.exp),
        answer: None,
        approval: None,
        req: None,
    })
}

fn push(provider: &Provider, prompt: &StoredPrompt, now: Timestamp) -> Message {
    Message {
        id: MessageId::from_bytes(provider.random().array()),
        content: Content::Push {
            device: prompt.device,
            prompt: prompt.id,
            rid: RoutingId::of(&prompt.id),
            also: Vec::new(),
        },
        request: prompt.request,
        attempts: 0,
        due_at: now,
        give_up_at: prompt.expires_at,
    }
}

/// What a phone calls itself, fit to be shown: what it said was judged at the door, but may be nothing.
pub(super) fn name_of(device: &Device) -> &str {
    if device.info.name.is_empty() { "A phone without a name" } else { &device.info.name }
}

/// The lines that tell one phone from another.
pub(super) fn lines_of(label: &str, device: &Device) -> Vec<Line> {
    let mut lines = vec![Line::new(label, name_of(device))];
    if !device.info.model.is_empty() {
        lines.push(Line::new("Model", &device.info.model));
    }
    lines
}
