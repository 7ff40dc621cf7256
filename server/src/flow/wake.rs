//! Wakes the long polls of one phone when something for it was committed, and the delivery worker when it has work. A hint
//! only: whoever wakes reads the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::DeviceId;
use tokio::sync::Notify;

use crate::domain::message::Message;
use crate::store::Versioned;

/// The waiting phones of one realm in this process.
#[derive(Default)]
pub struct Wake {
    phones: Mutex<HashMap<DeviceId, Waiting>>,
    outbox: Notify,
    handed: Mutex<Vec<Versioned<Message>>>,
    closed: AtomicBool,
}

/// One phone's held calls.
#[derive(Default)]
struct Waiting {
    notify: Arc<Notify>,
    seats: usize,
}

/// A phone holds no more calls than this at once: it needs one, and a second while it changes networks.
const MOST_SEATS: usize = 4;

/// So many messages at most wait for the worker to take them over. It takes all at once, at least twice a second; what
/// finds no room waits in the outbox until its lease is over.
const MOST_HANDED: usize = 4096;

/// A phone's place in the waiting room. Take it before reading the store, so that nothing falls in between.
pub struct Seat<'a> {
    wake: &'a Wake,
    device: DeviceId,
    notify: Arc<Notify>,
}

impl Wake {
    /// Takes a seat for a phone, unless it holds [`MOST_SEATS`] already.
    pub(super) fn seat(&self, device: DeviceId) -> Option<Seat<'_>> {
        let mut phones = self.lock();
        let waiting = phones.entry(device).or_default();
        if waiting.seats >= MOST_SEATS {
            return None;
        }
        waiting.seats += 1;
        Some(Seat { wake: self, device, notify: Arc::clone(&waiting.notify) })
    }

    /// Wakes every held call of a phone.
    pub(super) fn phone(&self, device: &DeviceId) {
        if let Some(waiting) = self.lock().get(device) {
            waiting.notify.notify_waiters();
        }
    }

    /// Wakes the held calls of all phones: news may have been lost.
    pub(super) fn all_phones(&self) {
        for waiting in self.lock().values() {
            waiting.notify.notify_waiters();
        }
    }

    /// Wakes the delivery worker.
    pub(super) fn outbox(&self) {
        self.outbox.notify_one();
    }

    /// Hands over to the delivery worker a message that was leased in the commit that made it.
    pub(super) fn hand(&self, message: Versioned<Message>) {
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        if handed.len() < MOST_HANDED {
            handed.push(message);
        }
        drop(handed);
        self.outbox();
    }

    /// What was handed over since the last call.
    pub(super) fn handed(&self) -> Vec<Versioned<Message>> {
        std::mem::take(&mut *self.handed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends when a message was put into the outbox since the last call.
    pub(super) async fn outbox_filled(&self) {
        self.outbox.notified().await;
    }

    /// Wakes everybody, for good.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.outbox.notify_one();
        self.all_phones();
    }

    /// How many phones wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Waiting>> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// A future that ends at the next wake-up after this call, even if it is first polled later.
    pub(super) fn next(&self) -> std::pin::Pin<Box<tokio::sync::futures::OwnedNotified>> {
        let mut next = Box::pin(Arc::clone(&self.notify).notified_owned());
        next.as_mut().enable();
        next
    }

    /// Whether the server is going down and holds no call any longer.
    pub(super) fn is_closed(&self) -> bool {
        self.wake.closed.load(Ordering::SeqCst)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut phones = self.wake.lock();
        if let Some(waiting) = phones.get_mut(&self.device) {
            waiting.seats -= 1;
            if waiting.seats == 0 {
                phones.remove(&self.device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_holds_four_calls_and_no_fifth() {
        let wake = Wake::default();
        let phone = DeviceId::from_bytes([1; 16]);
        let mut seats: Vec<_> = (0..MOST_SEATS).filter_map(|_| wake.seat(phone)).collect();
        assert_eq!(seats.len(), MOST_SEATS);
        assert!(wake.seat(phone).is_none());
        assert!(wake.seat(DeviceId::from_bytes([2; 16])).is_some(), "another phone is not concerned");
        seats.pop();
        assert!(wake.seat(phone).is_some());
    }

    #[test]
    fn nothing_is_left_of_phones_that_went_away() {
        let wake = Wake::default();
        let phone = DeviceId::from_bytes([1; 16]);
        let (first, second) = (wake.seat(phone), wake.seat(phone));
        assert_eq!(wake.waiting(), 1);
        drop(first);
        assert_eq!(wake.waiting(), 1);
        drop(second);
        assert_eq!(wake.waiting(), 0);
    }
}
