//! The ports of a notification extension, made of the desktop's.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::notice::ExtensionPorts;
use crate::ports::{KeyVault, Lock, LockError, SecureStore, StoreError, VaultError};

/// The app's own ports, asked without waiting: those of this module answer at once, others fail here.
#[derive(Clone)]
pub struct Extension {
    vault: Arc<dyn KeyVault>,
    store: Arc<dyn SecureStore>,
    lock: Option<Arc<dyn Lock>>,
}

impl Extension {
    /// Beside an app with these ports.
    #[must_use]
    pub const fn of(vault: Arc<dyn KeyVault>, store: Arc<dyn SecureStore>, lock: Option<Arc<dyn Lock>>) -> Self {
        Self { vault, store, lock }
    }
}

/// What the future says at once.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn slow() -> String {
    "the port does not answer at once".to_owned()
}

impl ExtensionPorts for Extension {
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError> {
        at_once(self.store.load(name)).ok_or_else(|| StoreError::Unexpected { detail: slow() })?
    }

    fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError> {
        at_once(self.store.save(name, content)).ok_or_else(|| StoreError::Unexpected { detail: slow() })?
    }

    fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        at_once(self.vault.agree(alias, peer)).ok_or_else(|| VaultError::Unexpected { detail: slow() })?
    }

    fn lock(&self) -> Result<(), LockError> {
        let Some(lock) = &self.lock else { return Ok(()) };
        at_once(lock.acquire()).ok_or_else(|| LockError::Unexpected { detail: slow() })?
    }

    fn unlock(&self) -> Result<(), LockError> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.release())
    }
}
