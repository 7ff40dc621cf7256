//! One push a moment for each phone: prompts that come together are told of by one wake, and what comes right behind a
//! push waits until its moment is over. Nobody's phone rings ten times for ten clients, and no phone's own quota at its
//! provider is used up.
//!
//! Kept in this process; with several processes a phone may get one push a moment from each.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::DeviceId;

use super::super::Unavailable;
use super::super::provider::{Provider, Recorded as _};
use super::due_at;
use crate::domain::audit::{PushFate, What};
use crate::domain::message::{Content, Message};
use crate::domain::time::Timestamp;
use crate::store::{CommitError, Versioned};

/// Seconds.
const MOMENT: i64 = 2;

/// More phones than this are not remembered; then all are forgotten.
const MOST_PHONES: usize = 100_000;

/// When each phone was last pushed to.
#[derive(Default)]
pub(in crate::flow) struct Moments(Mutex<HashMap<DeviceId, Timestamp>>);

impl Moments {
    /// Until when a phone is left in peace.
    fn until(&self, phone: &DeviceId, now: Timestamp) -> Option<Timestamp> {
        let last = self.lock().get(phone).copied()?;
        let until = last.plus_seconds(MOMENT);
        // What lies ahead was noted before the clock was set back.
        (last <= now && now < until).then_some(until)
    }

    fn begin(&self, phone: DeviceId, now: Timestamp) {
        let mut phones = self.lock();
        if phones.len() >= MOST_PHONES {
            phones.retain(|_, last| now < last.plus_seconds(MOMENT));
        }
        if phones.len() >= MOST_PHONES {
            phones.clear();
        }
        phones.insert(phone, now);
    }

    /// The push did not get there: the next one need not wait for it.
    pub(super) fn forget(&self, phone: &DeviceId) {
        self.lock().remove(phone);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may set out now. Several pushes to one phone have become one of them; what comes too early is put off.
pub(super) async fn gather(
    provider: &Provider,
    due: Vec<Versioned<Message>>,
    now: Timestamp,
) -> Result<Vec<Versioned<Message>>, Unavailable> {
    let (mut ready, mut carriers) = (Vec::with_capacity(due.len()), HashMap::new());
    let (mut change, mut fuller) = (provider.change(), BTreeSet::new());
    for message in due {
        let Content::Push { device, .. } = message.record.content else {
            ready.push(message);
            continue;
        };
        // What is tried again had its moment.
        let until = provider.moments.until(&device, now).filter(|_| message.record.attempts == 0);
        if let Some(until) = until {
            change = due_at(change, &message, until);
            continue;
        }
        match carriers.entry(device) {
            Entry::Vacant(vacant) => {
                vacant.insert(ready.len());
                ready.push(message);
            }
            Entry::Occupied(carrier) => {
                let place = *carrier.get();
                take_along(&mut ready[place].record, &message.record);
                fuller.insert(place);
                let what = What::PushConcluded { request: message.record.request, device, fate: PushFate::Coalesced };
                change = change.conclude(&message).recording(provider, now, what);
            }
        }
    }
    for place in fuller {
        let Versioned { version, record } = &mut ready[place];
        change = change.replace(*version, record.clone());
        *version += 1;
    }
    if !change.is_empty() {
        match provider.store.commit(change).await {
            Ok(()) => {}
            // Another process took some of them: the next look sees what is left.
            Err(CommitError::Conflict) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
    }
    for phone in carriers.into_keys() {
        provider.moments.begin(phone, now);
    }
    Ok(ready)
}

fn take_along(carrier: &mut Message, other: &Message) {
    let Content::Push { also, .. } = &mut carrier.content else { return };
    if let Content::Push { prompt, also: others, .. } = &other.content {
        also.push(*prompt);
        also.extend(others);
    }
    carrier.give_up_at = carrier.give_up_at.max(other.give_up_at);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn a_phone_is_left_in_peace_for_a_moment() {
        let (moments, phone) = (Moments::default(), DeviceId::from_bytes([1; 16]));
        assert_eq!(moments.until(&phone, NOW), None);
        moments.begin(phone, NOW);
        let until = Some(NOW.plus_seconds(MOMENT));
        assert_eq!([moments.until(&phone, NOW), moments.until(&phone, NOW.plus_seconds(1))], [until, until]);
        assert_eq!(moments.until(&phone, NOW.plus_seconds(MOMENT)), None);
        assert_eq!(moments.until(&DeviceId::from_bytes([2; 16]), NOW), None);
        assert_eq!(moments.until(&phone, NOW.plus_seconds(-1)), None, "the clock was set back");
        moments.forget(&phone);
        assert_eq!(moments.until(&phone, NOW), None);
    }

    #[test]
    fn phones_beyond_counting_are_forgotten() {
        let moments = Moments::default();
        for n in 0..=u32::try_from(MOST_PHONES).expect("few") {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            moments.begin(DeviceId::from_bytes(id), NOW);
        }
        assert_eq!(moments.lock().len(), 1);
    }
}
