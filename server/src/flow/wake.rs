//! Wakes the long polls of one phone when something for it was committed. A hint only: whoever wakes reads the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::DeviceId;
use tokio::sync::Notify;

/// The waiting phones of one realm in this process.
#[derive(Default)]
pub struct Wake {
    phones: Mutex<HashMap<DeviceId, Arc<Notify>>>,
    outbox: Notify,
    closed: AtomicBool,
}

/// A phone's place in the waiting room. Take it before reading the store, so that nothing falls in between.
pub struct Seat<'a> {
    wake: &'a Wake,
    device: DeviceId,
    notify: Arc<Notify>,
}

impl Wake {
    /// Takes a seat for a phone.
    pub(super) fn seat(&self, device: DeviceId) -> Seat<'_> {
        let notify = Arc::clone(self.lock().entry(device).or_default());
        Seat { wake: self, device, notify }
    }

    /// Wakes every held call of a phone.
    pub(super) fn phone(&self, device: &DeviceId) {
        if let Some(notify) = self.lock().get(device) {
            notify.notify_waiters();
        }
    }

    /// Wakes the delivery worker.
    pub(super) fn outbox(&self) {
        self.outbox.notify_one();
    }

    /// Ends when a message was put into the outbox since the last call.
    pub(super) async fn outbox_filled(&self) {
        self.outbox.notified().await;
    }

    /// Wakes everybody, for good.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.outbox.notify_one();
        for notify in self.lock().values() {
            notify.notify_waiters();
        }
    }

    /// How many phones wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Arc<Notify>>> {
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
        // Two holders are left when the map and this seat are the only ones.
        if Arc::strong_count(&self.notify) <= 2 {
            phones.remove(&self.device);
        }
    }
}
