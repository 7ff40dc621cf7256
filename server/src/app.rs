//! The wiring: settings in, a serving process out.
//!
//! [`App::open`] opens the store and the keys and builds one provider for each realm; [`App::run`] serves them until it
//! is told to stop. The binary does nothing else, so the simulator, the benchmarks and the tests start the same server.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use self::doors::Doors;
use crate::config::{Config, ConfigError, EmbeddedSettings, StoreKind, StoreSettings};
use crate::domain::random::Random;
use crate::domain::realm::Realm;
use crate::domain::time::Clock;
use crate::flow::provider::{Parts, Provider};
use crate::flow::sweep::{self, Sweep};
use crate::flow::{deliver, hold, listen, register};
use crate::http::app_link::AppLink;
use crate::http::health::Health;
use crate::http::serve;
use crate::http::{self, AdminToken};
use crate::keys::{KeyFile, KeysError};
use crate::outbound::Courier;
use crate::outbound::channels::{BadChannelSettings, Channels};
use crate::outbound::client::{Client, Limits as CallLimits, Unusable};
use crate::store::embedded::{EmbeddedStore, OpenError, Options, Sync};
use crate::store::journal::Journaled;
use crate::store::postgres::{self, PostgresStore};
use crate::store::{CommitError, Store, StoreError};

mod check;
mod clients;
mod device_keys;
mod doors;
pub mod import;
mod init;
mod keys;
pub mod log;
pub mod operate;
mod realms;
mod receipts;
pub mod recover;
mod renewal;
pub mod system;

pub use check::check;
pub use device_keys::{Signing, install_device_list, request_device_list, rotate_device_keys, sign_device_list};
pub use doors::{Addresses, Listeners};
pub use init::{Init, InitError, init};
pub use keys::{Which, adopt_keys, list_keys, rotate_keys};
pub use receipts::{Claim, VerifyError, verify_receipt};

/// Requests under way get this long to end when the server stops.
const DRAIN: Duration = Duration::from_secs(25);

/// Why a server cannot start. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("store.directory: {0}")]
    Store(OpenError),
    /// The database cannot be used.
    #[error("store.url: {0}")]
    Postgres(#[from] postgres::OpenError),
    /// The key file cannot be opened.
    #[error("keys.file: {0}")]
    Keys(KeysError),
    /// The store was begun with other keys.
    #[error(
        "keys.file: these are not the keys that realm {0} of this store was begun with: its other servers would not know what \
         this one signs, and its phones would trust nobody. Use their key file and wrapping key; if those are lost, \
         `assent keys adopt` gives the store these, and every phone must enrol again"
    )]
    OtherKeys(crate::domain::names::RealmId),
    /// Phones have seen a later list of device signing keys than the key file has, or another one of the same number.
    #[error(
        "keys.file: realm {realm}: the list of device signing keys here has number {ours}, and phones have seen another one \
         with {seen}: they would refuse this one. Put the newest key file back; if it is lost, make the next list with a \
         higher number (`--sequence {next}` of `assent keys rotate-device`, or of `assent keys sign-device`)",
        next = seen.saturating_add(1)
    )]
    OldList {
        /// Whose.
        realm: crate::domain::names::RealmId,
        /// Its number.
        ours: u64,
        /// That of the newest one served.
        seen: u64,
    },
    /// An import did not come to its end.
    #[error(
        "the store holds records of realm {0} but not the realm: an import was cut off; empty the store and import again"
    )]
    Torn(crate::domain::names::RealmId),
    /// The journal of revocations cannot be written.
    #[error("store.journal: {path}: {source}", path = path.display())]
    Journal {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A realm could not be created.
    #[error("a realm could not be created: {0}")]
    Create(#[from] CommitError),
    /// A client of the file could not be registered.
    #[error("client {id}: {reason}")]
    Seed {
        /// Its id.
        id: String,
        /// Why not.
        reason: register::Reason,
    },
    /// The settings of a push channel cannot work.
    #[error(transparent)]
    Push(#[from] BadChannelSettings),
    /// No outgoing connections.
    #[error(transparent)]
    Client(#[from] Unusable),
    /// A certificate cannot be shown.
    #[error("{setting}: {why}")]
    Tls {
        /// Which file.
        setting: String,
        /// Why not.
        why: String,
    },
    /// An address cannot be listened on.
    #[error("{setting}: {address}: {source}")]
    Bind {
        /// Which one.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Opening the store failed half-way.
    #[error("a thread failed: {0}")]
    Thread(#[from] JoinError),
}

/// A server, ready to serve.
pub struct App {
    doors: Doors,
    reload: watch::Sender<()>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    keys: KeyFile,
    providers: Vec<Arc<Provider>>,
    admin_token: AdminToken,
    links: AppLink,
    health: Arc<Health>,
    sweep: Sweep,
}

impl App {
    /// Opens store and keys, creates the realms and clients that the store does not hold yet, and starts nothing.
    pub async fn open(config: Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, AppError> {
        let doors = Doors::open(&config)?;
        let Config {
            admin_token,
            store,
            key_file,
            wrapping_key,
            outbound,
            push,
            app_link,
            realms,
            clients,
            mut trust_anchors,
            mut attestation,
            mut sign_in,
            mtls,
            ..
        } = config;
        let sweep = store.sweep;
        let store = journaled(open_store(&store).await?, &store.journal, &clock)?;
        let mut keys = KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)?;
        let realms = realms::settle(&*store, &mut keys, realms, clock.now(), &*random).await?;
        let client = Client::new(CallLimits::default(), &outbound.reach)?;
        let channels = Channels::new(push, &client, &clock)?;
        let provide = |realm: Realm| {
            let keys = keys.keys(&realm, clock.now()).map_err(AppError::Keys)?;
            let (store, clock, random) = (store.clone(), clock.clone(), random.clone());
            let client = match outbound.of_its_own(&realm.id) {
                Some(reach) => Client::new(CallLimits::default(), &reach)?,
                None => client.clone(),
            };
            let courier = (!channels.is_empty()).then(|| Arc::new(channels.within(&client)) as Arc<dyn Courier>);
            let trust_anchors = trust_anchors.remove(&realm.id);
            let attestation = attestation.remove(&realm.id).unwrap_or_default();
            let sign_in = sign_in.remove(&realm.id);
            let mtls_base_url = mtls.as_ref().map(|mtls| format!("{}{}", mtls.base_url, http::path_of(&realm.issuer)));
            Ok::<_, AppError>(Provider::new(Parts {
                realm,
                keys,
                store,
                clock,
                random,
                courier,
                client,
                trust_anchors,
                attestation,
                sign_in,
                mtls_base_url,
            }))
        };
        let providers: Vec<_> = realms.into_iter().map(provide).collect::<Result<_, _>>()?;
        clients::settle(&providers, &clients).await?;
        Ok(Self {
            doors,
            reload: watch::Sender::default(),
            clock,
            health: Health::new(&providers),
            store,
            keys,
            providers,
            admin_token: AdminToken::new(&admin_token),
            links: app_link,
            sweep,
        })
    }

    /// The realms' providers, the first realm's first.
    #[must_use]
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Whatever is sent has the certificates that listeners show read again, for new connections.
    #[must_use]
    pub fn reload(&self) -> watch::Sender<()> {
        self.reload.clone()
    }

    /// Listens where the settings say, without answering yet.
    pub async fn bind(&self) -> Result<Listeners, AppError> {
        self.doors.bind().await
    }

    /// Listens and serves until `shutdown` ends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), AppError> {
        let listeners = self.bind().await?;
        self.serve(listeners, shutdown).await;
        Ok(())
    }

    /// Serves until `shutdown` ends; then says so at `/readyz`, accepts nothing more, answers what is held and what is
    /// under way, stops the workers and closes the store. Returns when all that is done.
    pub async fn serve(mut self, listeners: Listeners, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(false);
        let (stop_workers, workers_stopping) = watch::channel(false);
        let mut listeners = self.listen(listeners, &stopping);
        let mut workers = self.work(&workers_stopping);
        for watched in std::mem::take(&mut self.doors.watched) {
            let (asked, clock) = (self.reload.subscribe(), Arc::clone(&self.clock));
            workers.spawn(doors::watch_files(watched, asked, clock, workers_stopping.clone()));
        }
        workers.spawn(renewal::run(self.keys, self.providers.clone(), workers_stopping));
        info!(realms = self.providers.len(), "serving");
        shutdown.await;
        info!("stopping");
        self.health.stopping();
        stop.send_replace(true);
        self.providers.iter().for_each(|provider| provider.shut_down());
        let drained = async { while listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            warn!("some requests took too long and are cut off");
        }
        stop_workers.send_replace(true);
        workers.join_all().await;
        self.store.close().await;
        info!("stopped");
    }

    fn listen(&self, listeners: Listeners, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let Listeners { public, admin, mtls } = listeners;
        let public_router =
            http::public_router(&self.providers, self.health.router().merge(self.links.router(&self.providers)));
        let admin_router = http::admin_router(&self.providers, self.admin_token.clone(), self.health.router());
        let doors = self.doors.opened();
        let mut serving = JoinSet::new();
        if let Some((mtls, door)) = mtls.zip(doors.mtls) {
            serving.spawn(serve::serve(mtls, public_router.clone(), door, stopping.clone()));
        }
        serving.spawn(serve::serve(public, public_router, doors.public, stopping.clone()));
        serving.spawn(serve::serve(admin, admin_router, doors.admin, stopping.clone()));
        serving
    }

    fn work(&self, stopping: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for provider in &self.providers {
            workers.spawn(deliver::run(provider.clone(), stopping.clone()));
            workers.spawn(sweep::run(provider.clone(), self.sweep, stopping.clone()));
            workers.spawn(hold::run(provider.clone(), stopping.clone()));
            workers.spawn(listen::run(provider.clone(), stopping.clone()));
        }
        workers
    }
}

fn journaled(store: Arc<dyn Store>, path: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, AppError> {
    let journaled = Journaled::open(path, store, clock.clone());
    Ok(Arc::new(journaled.map_err(|source| AppError::Journal { path: path.to_owned(), source })?))
}

async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn Store>, AppError> {
    match &settings.kind {
        StoreKind::Embedded(embedded) => open_embedded(embedded).await,
        StoreKind::Postgres(options) => Ok(Arc::new(PostgresStore::open(options).await?)),
    }
}

async fn open_embedded(settings: &EmbeddedSettings) -> Result<Arc<dyn Store>, AppError> {
    if settings.sync == Sync::NeverForTesting {
        warn!("NOTHING IS DURABLE: acknowledged changes are lost with the machine. For tests only.");
    }
    let options = Options { cache_bytes: u64::from(settings.cache_mib) * 1024 * 1024, sync: settings.sync };
    let directory = settings.directory.clone();
    let store = tokio::task::spawn_blocking(move || EmbeddedStore::open(&directory, options)).await?;
    Ok(Arc::new(store.map_err(AppError::Store)?))
}
