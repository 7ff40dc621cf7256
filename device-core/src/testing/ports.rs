//! Ports whose every answer a test can bend.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::task::Poll;

use async_trait::async_trait;

use crate::desktop::{MemoryStore, SoftwareVault};
use crate::ports::{
    Clock, ClockError, DeviceEvent, KeyProtection, KeyPurpose, KeyVault, Lock, LockError, Observer, ObserverError,
    SecureStore, SigningReason, StoreError, VaultError,
};

/// A software vault that remembers what it was asked and fails where a test wants it to.
pub(crate) struct TestVault {
    pub(crate) inner: SoftwareVault,
    pub(crate) signed: Mutex<Vec<SigningReason>>,
    /// What happens to keys of purpose `verified`.
    pub(crate) verified_fails: Mutex<Option<VaultError>>,
    /// Aliases that are unusable for good.
    pub(crate) sealing_fails: Mutex<Vec<String>>,
    pub(crate) aliases: Mutex<Vec<String>>,
    /// While it is set, no key is destroyed.
    pub(crate) keeps: AtomicBool,
    /// All keys that were made, and how they are protected.
    pub(crate) made: Mutex<Vec<(KeyPurpose, KeyProtection)>>,
}

#[async_trait]
impl KeyVault for TestVault {
    async fn generate(
        &self,
        alias: String,
        purpose: KeyPurpose,
        protection: KeyProtection,
    ) -> Result<Vec<u8>, VaultError> {
        self.aliases.lock().unwrap().push(alias.clone());
        self.made.lock().unwrap().push((purpose, protection));
        self.inner.generate(alias, purpose, protection).await
    }

    async fn sign(&self, alias: String, message: Vec<u8>, reason: SigningReason) -> Result<Vec<u8>, VaultError> {
        yield_once().await;
        let failure = self.verified_fails.lock().unwrap().clone();
        if let Some(failure) = failure.filter(|_| alias.ends_with(".verified")) {
            return Err(failure);
        }
        self.signed.lock().unwrap().push(reason.clone());
        self.inner.sign(alias, message, reason).await
    }

    async fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        if self.sealing_fails.lock().unwrap().contains(&alias) {
            return Err(VaultError::KeyInvalidated);
        }
        self.inner.agree(alias, peer).await
    }

    async fn delete(&self, alias: String) -> Result<(), VaultError> {
        while self.keeps.load(Ordering::SeqCst) {
            yield_once().await;
        }
        self.aliases.lock().unwrap().retain(|kept| *kept != alias);
        self.inner.delete(alias).await
    }
}

/// Lets other futures go on, as a dialogue with the user would.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl TestVault {
    /// As after a restore of the app's data on another phone.
    pub(crate) fn lose_all(&self) {
        for alias in std::mem::take(&mut *self.aliases.lock().unwrap()) {
            super::wait(self.inner.delete(alias)).unwrap();
        }
    }
}

/// A store that can be full, tear what it writes, find it damaged, or be slow for ever.
#[derive(Default)]
pub(crate) struct TestStore {
    inner: MemoryStore,
    pub(crate) full: Mutex<bool>,
    pub(crate) tears: Mutex<bool>,
    pub(crate) unreadable: Mutex<bool>,
    held: AtomicBool,
}

/// While it lives, no save ends.
pub(crate) struct Held<'a>(&'a AtomicBool);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl TestStore {
    pub(crate) fn hold(&self) -> Held<'_> {
        self.held.store(true, Ordering::SeqCst);
        Held(&self.held)
    }
}

#[async_trait]
impl SecureStore for TestStore {
    async fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError> {
        match self.inner.load(name).await {
            Ok(Some(_)) if *self.unreadable.lock().unwrap() => Err(StoreError::Damaged { detail: "bad tag".into() }),
            loaded => loaded,
        }
    }

    async fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError> {
        if *self.full.lock().unwrap() {
            return Err(StoreError::Failed { detail: "full".into() });
        }
        if *self.tears.lock().unwrap() {
            let half = content[..content.len() / 2].to_vec();
            self.inner.save(name, half).await?;
            return Err(StoreError::Failed { detail: "no power".into() });
        }
        while self.held.load(Ordering::SeqCst) {
            yield_once().await;
        }
        self.inner.save(name, content).await
    }

    async fn delete(&self, name: String) -> Result<(), StoreError> {
        self.inner.delete(name).await
    }
}

/// Counts who holds it; can be held by somebody else.
#[derive(Default)]
pub(crate) struct TestLock {
    pub(crate) held: Mutex<bool>,
    pub(crate) taken: Mutex<u32>,
}

#[async_trait]
impl Lock for TestLock {
    async fn acquire(&self) -> Result<(), LockError> {
        if std::mem::replace(&mut *self.held.lock().unwrap(), true) {
            return Err(LockError::Held);
        }
        *self.taken.lock().unwrap() += 1;
        Ok(())
    }

    fn release(&self) -> Result<(), LockError> {
        *self.held.lock().unwrap() = false;
        Ok(())
    }
}

/// Writes down what it is told.
#[derive(Default)]
pub(crate) struct TestObserver {
    pub(crate) events: Mutex<Vec<DeviceEvent>>,
}

impl Observer for TestObserver {
    fn observe(&self, event: DeviceEvent) -> Result<(), ObserverError> {
        self.events.lock().unwrap().push(event);
        Err(ObserverError::Unexpected { detail: "an observer that fails changes nothing".into() })
    }
}

/// Clocks set by hand.
pub(crate) struct HandClock {
    pub(crate) unix: AtomicI64,
    pub(crate) monotonic: AtomicI64,
}

impl Clock for HandClock {
    fn unix_millis(&self) -> Result<i64, ClockError> {
        Ok(self.unix.load(Ordering::SeqCst))
    }

    fn monotonic_millis(&self) -> Result<i64, ClockError> {
        Ok(self.monotonic.load(Ordering::SeqCst))
    }
}
