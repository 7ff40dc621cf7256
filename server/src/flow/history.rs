//! What a user was asked and answered, and where it still can be said that it was not them: `GET …/self/history`.

use std::collections::HashMap;

use protocol::messages::{self, HistoryEntry, HistoryReason, Outcome};
use protocol::{DeviceId, Jws, PromptId};

use super::Unavailable;
use super::provider::Provider;
use crate::domain::authentication_request::{AuthenticationRequest, DISPUTE_SECONDS, DenialReason, State};
use crate::domain::device::Device;
use crate::domain::history::{Answered, History, HistoryKey};
use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;
use crate::store::{Change, Versioned};

/// Entries of one reply.
const MOST_ENTRIES: usize = 20;

/// What they may take as JSON; a signed message is at most 16 KiB of base64url.
const MOST_BYTES: usize = 9 * 1024;

/// Adds to the change that takes an answer what becomes of its user's history.
pub(super) async fn note(
    provider: &Provider,
    change: Change,
    request: &AuthenticationRequest,
    (device, outcome, reason): (DeviceId, Outcome, Option<DenialReason>),
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let found = provider.store.history(provider.id(), &HistoryKey::of(&request.subject)).await?;
    let answered = Answered {
        number: 0,
        request: request.key,
        client: request.client.clone(),
        message: request.binding_message.clone(),
        asked_at: request.created_at,
        answered_at: now,
        outcome,
        reason,
        device,
    };
    let (version, mut history) = match found {
        Some(Versioned { version, record }) => (Some(version), record),
        None => (None, History::of(&request.subject)),
    };
    history.note(answered);
    Ok(match version {
        Some(version) => change.replace(version, history),
        None => change.create(history),
    })
}

/// Our signed word, for this phone, on what its user has answered since it joined: newest first, from before the entry of
/// that number.
pub async fn list(provider: &Provider, device: &Device, before: Option<u64>) -> Result<Jws, Unavailable> {
    let now = provider.now();
    let found = provider.store.history(provider.id(), &HistoryKey::of(&device.subject)).await?;
    let answered = found.map(|found| found.record.entries).unwrap_or_default();
    // Whoever got hold of a new phone of somebody's does not get their past.
    let mut wanted = answered
        .into_iter()
        .rev()
        .filter(|entry| before.is_none_or(|before| entry.number < before) && entry.asked_at >= device.enrolled_at);
    let mut teller = Teller::of(provider, device, now).await?;
    let (mut entries, mut bytes, mut more) = (Vec::new(), 0, false);
    for answered in wanted.by_ref() {
        let entry = teller.told(answered).await?;
        bytes += serde_json::to_vec(&entry).map_or(MOST_BYTES, |json| json.len());
        if entries.len() == MOST_ENTRIES || (bytes > MOST_BYTES && !entries.is_empty()) {
            more = true;
            break;
        }
        entries.push(entry);
    }
    let history = messages::History {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        enr: device.enrolment,
        entries,
        more,
        now: now.unix_seconds(),
        v: protocol::VERSION,
    };
    Ok(provider.keys.sign_device(&history)?)
}

/// Puts names to ids.
struct Teller<'a> {
    provider: &'a Provider,
    device: &'a Device,
    now: Timestamp,
    phones: HashMap<DeviceId, String>,
    clients: HashMap<ClientId, String>,
}

impl<'a> Teller<'a> {
    async fn of(provider: &'a Provider, device: &'a Device, now: Timestamp) -> Result<Self, Unavailable> {
        let phones = provider.store.devices_of(provider.id(), &device.subject).await?;
        let phones = phones.into_iter().map(|phone| (phone.record.id, phone.record.info.name)).collect();
        Ok(Self { provider, device, now, phones, clients: HashMap::new() })
    }

    async fn told(&mut self, answered: Answered) -> Result<HistoryEntry, Unavailable> {
        let objection = self.objection(&answered).await?;
        Ok(HistoryEntry {
            number: answered.number,
            name: self.client(&answered.client).await?,
            client: answered.client.to_string(),
            message: answered.message,
            asked_at: answered.asked_at.unix_seconds(),
            answered_at: answered.answered_at.unix_seconds(),
            outcome: answered.outcome,
            reason: answered.reason.map(told),
            device_name: self.phones.get(&answered.device).cloned().unwrap_or_default(),
            device: answered.device,
            prompt: objection.map(|(prompt, _)| prompt),
            object_until: objection.map(|(_, until)| until.unix_seconds()),
        })
    }

    async fn client(&mut self, id: &ClientId) -> Result<String, Unavailable> {
        if let Some(name) = self.clients.get(id) {
            return Ok(name.clone());
        }
        let client = self.provider.store.client(self.provider.id(), id).await?;
        let name = client.map_or_else(|| id.to_string(), |client| client.record.name);
        self.clients.insert(id.clone(), name.clone());
        Ok(name)
    }

    /// By which prompt, and until when, this phone may still say that what was approved was not its user: as a decision is
    /// judged.
    async fn objection(&self, answered: &Answered) -> Result<Option<(PromptId, Timestamp)>, Unavailable> {
        if answered.outcome != Outcome::Approved {
            return Ok(None);
        }
        let found = self.provider.store.request(self.provider.id(), &answered.request).await?;
        let Some(Versioned { record: request, .. }) = found else { return Ok(None) };
        let until = match request.state {
            State::Approved { .. } => request.expires_at,
            State::Redeemed { at, disputed: false, .. } => at.plus_seconds(DISPUTE_SECONDS),
            State::Redeemed { .. }
            | State::Pending
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Failed { .. } => return Ok(None),
        };
        let own = request.prompts.iter().find(|(device, _)| *device == self.device.id);
        Ok(own.filter(|_| self.now < until).map(|(_, prompt)| (*prompt, until)))
    }
}

const fn told(reason: DenialReason) -> HistoryReason {
    match reason {
        DenialReason::NotMe => HistoryReason::NotMe,
        DenialReason::WrongDetails => HistoryReason::WrongDetails,
        DenialReason::Cancelled => HistoryReason::Cancelled,
        DenialReason::WrongCode => HistoryReason::WrongCode,
    }
}
