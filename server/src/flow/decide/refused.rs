//! Every refused decision is an event with the check that it failed: who tries, and how, is what an operator looks for
//! after an incident. A phone that goes on and on does not fill the audit trail: what is above the limit is logged only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use protocol::{DeviceId, PromptId};
use tracing::warn;

use super::super::Unavailable;
use super::super::provider::{Provider, Recorded as _};
use crate::domain::audit::{Check, What};
use crate::domain::time::Timestamp;

/// So many refusals of a phone are recorded in so many seconds.
const MOST: u32 = 60;
const WINDOW: i64 = 600;

/// More phones than this are not counted; then all counting starts anew.
const MOST_DEVICES: usize = 100_000;

/// How many refusals of each phone were recorded since when, in this process.
#[derive(Default)]
pub(in crate::flow) struct Refused(Mutex<HashMap<DeviceId, (Timestamp, u32)>>);

impl Refused {
    fn may_be_recorded(&self, device: DeviceId, now: Timestamp) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MOST_DEVICES {
            counted.clear();
        }
        let (since, count) = counted.entry(device).or_insert((now, 0));
        // What lies ahead was counted before the clock was set back.
        if now >= since.plus_seconds(WINDOW) || now < *since {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MOST
    }

    /// Forgets phones whose time is over.
    pub(in crate::flow) fn sweep(&self, now: Timestamp) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, (since, _)| now < since.plus_seconds(WINDOW));
    }
}

/// Records which check a decision failed.
pub(super) async fn record(
    provider: &Provider,
    device: &DeviceId,
    prompt: &PromptId,
    check: Check,
) -> Result<(), Unavailable> {
    let now = provider.now();
    warn!(%device, ?check, "a decision was refused");
    if !provider.refused.may_be_recorded(*device, now) {
        return Ok(());
    }
    let found = provider.store.prompt(provider.id(), prompt).await?;
    let request = found.filter(|found| found.record.device == *device).map(|found| found.record.request);
    let what = What::DecisionRefused { request, device: *device, prompt: *prompt, check };
    provider.store.commit(provider.change().recording(provider, now, what)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_is_refused_without_end_is_recorded_so_often_and_again_later() {
        let (refused, device) = (Refused::default(), DeviceId::from_bytes([1; 16]));
        let at = Timestamp::from_unix_seconds;
        assert!((0..60).all(|second| refused.may_be_recorded(device, at(second))));
        assert!(!refused.may_be_recorded(device, at(599)));
        assert!(refused.may_be_recorded(DeviceId::from_bytes([2; 16]), at(599)), "another phone is another matter");
        assert!(refused.may_be_recorded(device, at(600)));
    }
}
