//! What the user was asked and answered, as values.

use protocol::Jws;
use protocol::messages::{self, HistoryReason};
use protocol::text::{self, Kind};

use crate::app::{DenialReason, History, HistoryEntry};
use crate::state::AccountState;
use crate::trust::Distrust;

/// Reads the server's word on the history: signed by a listed key, for this phone and this enrolment.
pub fn check(account: &AccountState, message: &Jws, now: i64) -> Result<History, Distrust> {
    let said: messages::History = account.trust.open(message, now)?;
    account.check_addressed(&said.iss, &said.aud, &said.enr, said.v)?;
    let older = said.entries.last().filter(|_| said.more).map(|entry| entry.number);
    Ok(History { entries: said.entries.into_iter().map(|entry| shown(account, entry)).collect(), older })
}

/// With nothing in it that must not be shown.
fn shown(account: &AccountState, entry: messages::HistoryEntry) -> HistoryEntry {
    let fit = |kind, text: String| text::check(kind, &text).is_ok().then_some(text);
    HistoryEntry {
        client_name: fit(Kind::ClientName, entry.name).unwrap_or_else(|| entry.client.clone()),
        client: entry.client,
        message: entry.message.and_then(|message| fit(Kind::BindingMessage, message)),
        asked_at: entry.asked_at,
        answered_at: entry.answered_at,
        outcome: entry.outcome.into(),
        reason: entry.reason.map(|reason| match reason {
            HistoryReason::NotMe => DenialReason::NotMe,
            HistoryReason::WrongDetails => DenialReason::WrongDetails,
            HistoryReason::Cancelled => DenialReason::Cancelled,
            HistoryReason::WrongCode => DenialReason::WrongCode,
        }),
        device_name: fit(Kind::DeviceName, entry.device_name).unwrap_or_default(),
        on_this_phone: entry.device == account.device,
        prompt: entry.prompt.map(|prompt| prompt.to_string()),
        object_until: entry.object_until,
    }
}
