//! Has a phone approve, and looks at what its core takes for that by itself: without the vault's time, which on a phone
//! is the hardware's and the user's, and without the network's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use benches::Times;
use clap::Args;
use device_core::ports::{
    HttpRequest, HttpResponse, KeyProtection, KeyPurpose, KeyVault, SigningReason, Transport, TransportError,
    VaultError,
};
use device_core::{DeviceCore, Outcome, Ports, Settings};
use tests::process::now;
use tests::{ISSUER, World, a_request};

/// What approving costs the phone's core.
#[derive(Args)]
pub(crate) struct Options {
    /// How many requests are approved.
    #[arg(long, default_value_t = 1000)]
    requests: usize,
}

/// Ports whose time is counted and taken off.
struct Timed {
    ports: Ports,
    nanos: AtomicU64,
}

impl Timed {
    async fn counted<T>(&self, work: impl Future<Output = T>) -> T {
        let begun = now();
        let done = work.await;
        let nanos = u64::try_from(now().duration_since(begun).as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        done
    }
}

#[async_trait]
impl KeyVault for Timed {
    async fn generate(
        &self,
        alias: String,
        purpose: KeyPurpose,
        protection: KeyProtection,
    ) -> Result<Vec<u8>, VaultError> {
        self.counted(self.ports.vault.generate(alias, purpose, protection)).await
    }

    async fn sign(&self, alias: String, message: Vec<u8>, reason: SigningReason) -> Result<Vec<u8>, VaultError> {
        self.counted(self.ports.vault.sign(alias, message, reason)).await
    }

    async fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.counted(self.ports.vault.agree(alias, peer)).await
    }

    async fn delete(&self, alias: String) -> Result<(), VaultError> {
        self.counted(self.ports.vault.delete(alias)).await
    }
}

#[async_trait]
impl Transport for Timed {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.counted(self.ports.transport.send(request)).await
    }
}

pub(crate) async fn run(options: &Options) {
    let world = World::new().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let timed = Arc::new(Timed { ports: phone.ports().clone(), nanos: AtomicU64::new(0) });
    let ports = Ports { vault: timed.clone(), transport: timed.clone(), ..timed.ports.clone() };
    let core = DeviceCore::new(Settings { issuers: vec![ISSUER.to_owned()], development: true }, ports);
    let account = phone.account().expect("it is enrolled");
    let mut own = Times::default();
    for _ in 0..options.requests {
        // Beyond every limit on how often a user is asked.
        world.advance(200);
        a_request().accepted(&shop).await;
        let request = core.pending(account.clone(), 0).await.expect("an answer").remove(0);
        let _shown = request.display();
        timed.nanos.store(0, Ordering::Relaxed);
        let begun = now();
        let outcome = core.approve(request).await;
        let took = now().duration_since(begun);
        assert_eq!(outcome, Ok(Outcome::Approved));
        own.note(took.saturating_sub(Duration::from_nanos(timed.nanos.load(Ordering::Relaxed))));
    }
    println!("{}", Times::heading());
    println!("{}", own.line("approve, without key and network"));
}
