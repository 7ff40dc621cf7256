//! The deployment that a story happens in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use device_core::{ApprovalRequest, EnrolmentState, Platform, PushTarget};
use serde_json::{Value, json};
use server::attestation::Trust;
use server::certificates::TrustAnchors;
use server::domain::client::Client as RegisteredClient;
use server::domain::delivery::DeliveryMode;
use server::domain::names::{ClientId, RealmId};
use server::domain::profile::Profile;
use server::domain::realm::{Policy, Realm};
use server::domain::secret::Secret;
use server::domain::sign_in::SignIn;
use server::domain::time::{Clock as _, Timestamp};
use server::domain::user::UserStatus;
use server::flow::provider::{Parts, Provider};
use server::flow::{deliver, hold};
use server::http::{AdminToken, admin_router, health::Health, public_router};
use server::keys::{KeyFile, KeysError, WrappingKey};
use server::outbound::Courier;
use server::outbound::client::{Client, Limits, Reach};
use server::outbound::roots::Roots;
use server::store::{Change, Store};
use simulator::admin::Admin;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use simulator::stand_in::notification::NotificationStandIn;
use simulator::wire::{Answer, Wire};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::keeping::{Keeping, Kind};
use crate::pki::Authority;
use crate::postgres::Database;
use crate::{HandClock, RecordingCourier, Seeded};

/// Issuer of the first realm.
pub const ISSUER: &str = "https://op.example";

/// What stands in place of [`ISSUER`] where the world has mutual TLS.
pub const MTLS_BASE: &str = "https://mtls.op.example";

/// The bearer token of the admin API.
pub const ADMIN_TOKEN: &str = "the-admin-token-of-the-stories";

/// `client_id` of the relying party of most stories.
pub const SHOP: &str = "shop";

/// Its secret: what form-encoding changes is in it on purpose.
pub const SHOP_SECRET: &str = "s3cret: +&=%/ü of the shop";

/// A deployment with users `alice` (1001) and `bob` (1002) and the client [`SHOP`] in its first realm.
pub struct World {
    directory: Arc<TempDir>,
    keeping: Keeping,
    wrapping_key: String,
    clock: Arc<HandClock>,
    random: Arc<Seeded>,
    courier: Arc<RecordingCourier>,
    /// What really carries the pushes: the recording courier, unless a story brings its own.
    carrying: Arc<dyn Courier>,
    reach: Reach,
    mtls: Mtls,
    attestation: Option<Believed>,
    sign_in: Option<SignIn>,
    over: Option<Over>,
    providers: Vec<Arc<Provider>>,
    /// What the providers' keys are of.
    keys: Mutex<Option<KeyFile>>,
    public: Wire,
    admin: Wire,
}

/// What a story puts between its servers and their store.
type Over = Arc<dyn Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync>;

/// Whether client certificates arrive, and whom the realms believe.
#[derive(Clone, Default)]
struct Mtls {
    is_on: bool,
    anchors: Option<String>,
}

/// A world to be.
pub struct Builder {
    kind: Kind,
    policy: Policy,
    realms: Vec<(String, String)>,
    clock: Arc<HandClock>,
    courier: Option<Arc<dyn Courier>>,
    reach: Reach,
    mtls: Mtls,
    attestation: Option<Believed>,
    sign_in: Option<SignIn>,
    database: Option<Database>,
    over: Option<Over>,
    original: Option<PathBuf>,
}

/// What all realms believe of phones' platforms; made anew at each start.
type Believed = Arc<dyn Fn() -> Trust + Send + Sync>;

impl Builder {
    /// The clock that the world will have.
    #[must_use]
    pub fn clock(&self) -> Arc<HandClock> {
        Arc::clone(&self.clock)
    }

    /// With a courier of its own.
    #[must_use]
    pub fn courier(mut self, courier: Arc<dyn Courier>) -> Self {
        self.courier = Some(courier);
        self
    }

    /// With networks opened to what clients and phones name, and authorities to believe: none otherwise, not even the
    /// system's.
    #[must_use]
    pub fn reach(mut self, edit: impl FnOnce(&mut Reach)) -> Self {
        edit(&mut self.reach);
        self
    }

    /// With stand-ins on this machine within reach of what clients and phones name.
    #[must_use]
    pub fn reaching_stand_ins(self) -> Self {
        self.reach(|reach| reach.networks.open("127.0.0.0/8").expect("loopback may be opened"))
    }

    /// With mutual TLS: connections may show a certificate, and see [`MTLS_BASE`].
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.mtls.is_on = true;
        self
    }

    /// With mutual TLS and an authority that all realms believe.
    #[must_use]
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.mtls = Mtls { is_on: true, anchors: Some(authority.pem()) };
        self
    }

    /// With a belief in phones' platforms.
    #[must_use]
    pub fn believing(mut self, trust: impl Fn() -> Trust + Send + Sync + 'static) -> Self {
        self.attestation = Some(Arc::new(trust));
        self
    }

    /// With a login where users sign in to add phones by themselves, in all realms.
    #[must_use]
    pub fn signing_in(mut self, login: SignIn) -> Self {
        self.sign_in = Some(login);
        self
    }

    /// With rules of its own, in all realms.
    #[must_use]
    pub fn policy(mut self, edit: impl FnOnce(&mut Policy)) -> Self {
        edit(&mut self.policy);
        self
    }

    /// With one more realm.
    #[must_use]
    pub fn realm(mut self, id: &str, issuer: &str) -> Self {
        self.realms.push((id.to_owned(), issuer.to_owned()));
        self
    }

    /// On this kind of store, whatever this run of the tests is for.
    #[must_use]
    pub fn on(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// With this between every server and its store.
    #[must_use]
    pub fn over_store(mut self, over: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync + 'static) -> Self {
        self.over = Some(Arc::new(over));
        self
    }

    /// With all that another world left in its [`World::directory`] when it ended: realms, users, clients, phones. Not on
    /// PostgreSQL.
    #[must_use]
    pub fn copy_of(mut self, directory: &Path) -> Self {
        self.original = Some(directory.to_owned());
        self
    }

    /// In this database, which is empty.
    #[must_use]
    pub fn in_database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self.on(Kind::Postgres)
    }

    /// Makes it, with the usual users and, unless the FAPI profile refuses its secret, the usual client.
    pub async fn make(self) -> World {
        let directory = Arc::new(self.kind.directory());
        // A copy draws other ids than its original did.
        let random = Arc::new(Seeded::new(if self.original.is_some() { u64::MAX } else { 1 }));
        let courier = Arc::new(RecordingCourier::default());
        let nowhere = || Wire::into(axum::Router::new());
        let mut world = World {
            directory,
            keeping: Keeping::new(self.kind, self.database).await,
            wrapping_key: protocol::base64url::encode(&[7; 32]),
            clock: self.clock,
            random,
            carrying: self.courier.unwrap_or_else(|| Arc::clone(&courier) as Arc<dyn Courier>),
            courier,
            reach: self.reach,
            mtls: self.mtls,
            attestation: self.attestation,
            sign_in: self.sign_in,
            over: self.over,
            providers: Vec::new(),
            keys: Mutex::default(),
            public: nowhere(),
            admin: nowhere(),
        };
        if let Some(original) = &self.original {
            copy(original, world.directory()).expect("the original can be copied");
            world.start().await;
            return world;
        }
        world.found(&self.realms, &self.policy).await;
        world.start().await;
        world.add_user("1001", "alice").await;
        world.add_user("1002", "bob").await;
        if self.policy.profile == Profile::Core {
            world.add_client(SHOP, SHOP_SECRET).await;
        }
        world
    }
}

impl World {
    /// One realm, the usual users and the usual client, on the embedded store.
    pub async fn new() -> Self {
        Self::builder().make().await
    }

    /// The same, with room for other wishes.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            kind: Kind::of_this_run(),
            policy: Policy::default(),
            realms: vec![("main".to_owned(), ISSUER.to_owned())],
            clock: Arc::default(),
            courier: None,
            reach: Reach { roots: Roots::none(), ..Reach::default() },
            mtls: Mtls::default(),
            attestation: None,
            sign_in: None,
            database: None,
            over: None,
            original: None,
        }
    }

    /// Where it keeps its store and its keys.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes realms and keys into an empty store.
    async fn found(&self, realms: &[(String, String)], policy: &Policy) {
        let store = self.keeping.open(self.directory.path()).await;
        let key_file = self.directory.path().join("keys.json");
        let mut keys = KeyFile::create(&key_file, self.wrapping()).expect("a key file");
        for (id, issuer) in realms {
            let realm = Realm::new(RealmId::parse(id).expect("a realm id"), issuer.clone(), policy.clone());
            keys.add(&realm, self.now(), &*self.random).expect("keys of a realm");
            let change = Change::in_realm(&realm.id).create(realm);
            store.commit(change).await.expect("a realm is stored");
        }
    }

    fn wrapping(&self) -> WrappingKey {
        WrappingKey::parse(&self.wrapping_key).expect("a wrapping key")
    }

    /// Opens the store and serves every realm in it.
    async fn start(&mut self) {
        let store = self.keeping.open(self.directory.path()).await;
        let store = self.over.as_ref().map_or_else(|| Arc::clone(&store), |over| over(Arc::clone(&store)));
        let mut key_file =
            KeyFile::open(&self.directory.path().join("keys.json"), self.wrapping()).expect("the key file opens");
        let client = Client::new(Limits::default(), &self.reach).expect("a client");
        for realm in store.realms().await.expect("the realms") {
            let realm = realm.record;
            let keys = key_file.keys(&realm, self.now()).expect("the realm's keys");
            let trust_anchors =
                self.mtls.anchors.as_ref().map(|pem| TrustAnchors::from_pem(pem.as_bytes()).expect("PEM"));
            let mtls_base_url = self.mtls.is_on.then(|| realm.issuer.replace(ISSUER, MTLS_BASE));
            self.providers.push(Provider::new(Parts {
                realm,
                keys,
                store: Arc::clone(&store),
                clock: self.clock.clone(),
                random: self.random.clone(),
                courier: Some(self.carrying.clone()),
                client: client.clone(),
                trust_anchors,
                attestation: self.attestation.as_ref().map(|trust| trust()).unwrap_or_default(),
                sign_in: self.sign_in.clone(),
                mtls_base_url,
            }));
        }
        *self.keys.lock().expect("nobody panics") = Some(key_file);
        let health = Health::new(&self.providers);
        let token = AdminToken::new(&Secret::new(ADMIN_TOKEN.to_owned()));
        self.public.reconnect(Some(public_router(&self.providers, health.router())));
        self.admin.reconnect(Some(admin_router(&self.providers, token, health.router())));
    }

    /// Another server on the same database, with the same keys and clock, and with chance and a courier of its own.
    pub async fn another_node(&self) -> Self {
        static SEED: AtomicU64 = AtomicU64::new(2);
        let courier = Arc::new(RecordingCourier::default());
        let nowhere = || Wire::into(axum::Router::new());
        let mut node = Self {
            directory: Arc::clone(&self.directory),
            keeping: self.keeping.shared(),
            wrapping_key: self.wrapping_key.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::new(Seeded::new(SEED.fetch_add(1, Ordering::Relaxed))),
            carrying: Arc::clone(&courier) as Arc<dyn Courier>,
            courier,
            reach: self.reach.clone(),
            mtls: self.mtls.clone(),
            attestation: self.attestation.clone(),
            sign_in: self.sign_in.clone(),
            over: self.over.clone(),
            providers: Vec::new(),
            keys: Mutex::default(),
            public: nowhere(),
            admin: nowhere(),
        };
        node.start().await;
        node
    }

    /// The process ends, and what it had leased and not carried is left to others.
    pub fn dies(mut self) {
        self.public.reconnect(None);
        self.admin.reconnect(None);
        self.providers.clear();
    }

    /// The database that its store is in.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.keeping.database()
    }

    /// Ends the process, as it were, and starts it again on what it had stored. Whoever held a wire still holds it.
    pub async fn restart(&mut self) {
        self.public.reconnect(None);
        self.admin.reconnect(None);
        self.providers.clear();
        self.start().await;
    }

    /// Changes the key file as a command beside the server does, and lets every realm that is served take up what stands in
    /// it then; gives what came of both.
    pub fn change_keys<T>(&self, change: impl FnOnce(&mut KeyFile) -> T) -> (T, Result<(), KeysError>) {
        let path = self.directory.path().join("keys.json");
        let changed = change(&mut KeyFile::open(&path, self.wrapping()).expect("it opens"));
        let mut keys = self.keys.lock().expect("nobody panics");
        let keys = keys.as_mut().expect("it is served");
        let taken_up = |provider: &Arc<Provider>| keys.tend(provider.realm(), provider.keys(), self.now()).map(drop);
        (changed, self.providers.iter().try_for_each(taken_up))
    }

    /// Gives the first realm other rules, with a restart in between: clients registered before may break them.
    pub async fn change_policy(&mut self, edit: impl FnOnce(&mut Policy)) {
        let store = self.provider().store();
        let mut found = store.realms().await.expect("the realms").remove(0);
        edit(&mut found.record.policy);
        let change = Change::in_realm(&found.record.id.clone()).replace(found.version, found.record);
        store.commit(change).await.expect("the realm is stored");
        self.restart().await;
    }

    /// Ends the trust in every authority, with a restart in between.
    pub async fn distrust(&mut self) {
        self.mtls.anchors = None;
        self.restart().await;
    }

    /// What the clock of its servers and phones is.
    #[must_use]
    pub fn clock(&self) -> Arc<HandClock> {
        Arc::clone(&self.clock)
    }

    /// The process ends, and what it stored is left.
    ///
    /// # Panics
    /// If another node has the same directory.
    #[must_use]
    pub fn ends(mut self) -> TempDir {
        self.public.reconnect(None);
        self.admin.reconnect(None);
        self.providers.clear();
        let directory = std::mem::replace(&mut self.directory, Arc::new(Kind::Unsynced.directory()));
        Arc::into_inner(directory).expect("nobody else has it")
    }

    /// The story's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets so many seconds pass.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance_millis(seconds * 1_000);
    }

    /// Lets so many milliseconds pass.
    pub fn advance_millis(&self, millis: i64) {
        self.clock.advance_millis(millis);
    }

    /// Makes one attempt for every push and every notification that is due; how many there were.
    pub async fn deliver(&self) -> usize {
        let mut attempts = 0;
        for provider in &self.providers {
            attempts += deliver::deliver_due(provider).await.expect("the outbox is worked on");
        }
        attempts
    }

    /// The process ends while it is carrying a push, and starts again.
    pub async fn die_while_carrying(&mut self) {
        self.courier.hang_next();
        let attempts = self.courier.carried().len();
        let provider = Arc::clone(self.provider());
        let worker = tokio::spawn(async move { deliver::deliver_due(&provider).await });
        self.courier.attempted(attempts + 1).await;
        worker.abort();
        assert!(worker.await.is_err(), "it was carrying when it ended");
        self.restart().await;
    }

    /// Runs the worker as a server does, until there were so many attempts in all.
    pub async fn run_worker_until(&self, attempts: usize) {
        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn(deliver::run(Arc::clone(self.provider()), stopping));
        self.courier.attempted(attempts).await;
        stop.send_replace(true);
        worker.await.expect("the worker ends when it is told to");
    }

    /// When the next push is due.
    pub async fn next_push(&self) -> Option<Timestamp> {
        let provider = self.provider();
        deliver::next_due(&**provider.store(), provider.id(), self.now()).await.expect("the outbox is read")
    }

    /// What carries the pushes.
    #[must_use]
    pub fn courier(&self) -> &RecordingCourier {
        &self.courier
    }

    /// The way for relying parties and phones.
    #[must_use]
    pub fn public(&self) -> &Wire {
        &self.public
    }

    /// The way for operators.
    #[must_use]
    pub fn admin_wire(&self) -> &Wire {
        &self.admin
    }

    /// The operator.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.admin.clone(), ADMIN_TOKEN)
    }

    /// The first realm, from inside.
    #[must_use]
    pub fn provider(&self) -> &Arc<Provider> {
        &self.providers[0]
    }

    /// Adds a user with an e-mail address and a telephone number.
    pub async fn add_user(&self, subject: &str, username: &str) {
        let user = json!({
            "subject": subject,
            "username": username,
            "email": format!("{username}@example.com"),
            "phone": format!("+49 30 {subject}"),
        });
        self.admin().create_user(&user).await.expect("a user").expect("a new user");
    }

    /// Locks, disables or unlocks a user.
    pub async fn set_status(&self, subject: &str, status: UserStatus) {
        self.admin().change_user(subject, &json!({ "status": status })).await.expect("the user is changed");
    }

    /// Registers a client; what it is told.
    pub async fn register(&self, metadata: &Value) -> Value {
        self.admin().create_client(metadata).await.expect("a client").expect("a new client")
    }

    /// Adds a client that authenticates by `client_secret_basic`.
    pub async fn add_client(&self, id: &str, secret: &str) {
        let metadata = json!({ "client_id": id, "client_secret": secret, "client_name": format!("The {id}") });
        self.admin().create_client(&metadata).await.expect("a client").expect("a new client");
    }

    /// Changes what is registered of a client. Directly in the store, where the admin API has no call for it.
    pub async fn edit_client(&self, id: &str, edit: impl FnOnce(&mut RegisteredClient)) {
        let provider = self.provider();
        let found = provider.store().client(provider.id(), &ClientId::new(id)).await.expect("a look-up");
        let mut found = found.expect("the client");
        edit(&mut found.record);
        let change = Change::in_realm(provider.id()).replace(found.version, found.record);
        provider.store().commit(change).await.expect("the client is stored");
    }

    /// The client of most stories, told of outcomes at this endpoint: `Ping` or `Push`.
    pub async fn told_shop(&self, delivery: DeliveryMode, endpoint: &NotificationStandIn) -> RelyingParty {
        self.edit_client(SHOP, |client| {
            client.delivery = delivery;
            client.notification_endpoint = Some(endpoint.url());
        })
        .await;
        self.shop().await
    }

    /// The client of most stories.
    pub async fn shop(&self) -> RelyingParty {
        self.client(SHOP, SHOP_SECRET).await
    }

    /// A client that authenticates by `client_secret_basic`.
    pub async fn client(&self, id: &str, secret: &str) -> RelyingParty {
        let credentials =
            Credentials { id: id.to_owned(), secret: secret.to_owned(), authentication: Authentication::Basic };
        self.client_with(credentials).await
    }

    /// A client in the first realm.
    pub async fn client_with(&self, credentials: Credentials) -> RelyingParty {
        self.client_at(ISSUER, credentials).await
    }

    /// A client in any realm.
    pub async fn client_at(&self, issuer: &str, credentials: Credentials) -> RelyingParty {
        let found = RelyingParty::discover(self.public.clone(), issuer, credentials).await;
        found.expect("a discovery document").by_clock(self.clock.clone())
    }

    /// A phone out of its box.
    #[must_use]
    pub fn new_phone(&self, name: &str, issuer: &str) -> Phone {
        Phone::new(name, issuer, Arc::new(self.public.clone()), self.clock.clone())
    }

    /// A phone of this user that gets no pushes.
    pub async fn phone(&self, subject: &str) -> Phone {
        self.enrolled(subject, "Phone", PushTarget::None).await
    }

    /// A phone of this user that is reached by this registration token.
    pub async fn phone_with_push(&self, subject: &str, token: &str) -> Phone {
        let target = PushTarget::FcmToken { platform: Platform::Android, token: token.to_owned() };
        self.enrolled(subject, "Phone with push", target).await
    }

    /// Enrols a phone by a ticket, digits and all.
    pub async fn enrolled(&self, subject: &str, name: &str, push: PushTarget) -> Phone {
        let phone = self.new_phone(name, ISSUER);
        self.enrol(&self.admin(), phone, subject, push).await
    }

    /// Enrols a phone in the realm of this operator.
    pub async fn enrol(&self, admin: &Admin, phone: Phone, subject: &str, push: PushTarget) -> Phone {
        enrolled_by(admin, phone, subject, push).await
    }

    /// A phone of this or another node, which speaks to this one from now on.
    #[must_use]
    pub fn moved(&self, phone: &Phone) -> Phone {
        phone.over(ISSUER, Arc::new(self.public.clone()))
    }

    /// The prompt of one request on a phone that asks for it.
    pub async fn prompt(&self, phone: &Phone, auth_req_id: &str) -> Arc<ApprovalRequest> {
        let found = phone.prompt_of(auth_req_id).await.expect("the phone asks");
        found.expect("the prompt is there")
    }

    /// What a client is told when it polls, as `400 authorization_pending`.
    pub async fn poll(&self, client: &RelyingParty, auth_req_id: &str) -> String {
        client.poll(auth_req_id).await.expect("an answer").in_short()
    }

    /// A poll that is held: it has been sent, kept the interval, and nobody has answered.
    pub async fn held_poll(&self, client: &RelyingParty, auth_req_id: &str) -> JoinHandle<String> {
        let (client, auth_req_id) = (client.clone(), auth_req_id.to_owned());
        let before = hold::polls(self.provider());
        let poll = tokio::spawn(async move { client.poll(&auth_req_id).await.expect("an answer").in_short() });
        while hold::polls(self.provider()) == before {
            assert!(!poll.is_finished(), "it was answered at once: {:?}", poll.await);
            tokio::task::yield_now().await;
        }
        poll
    }

    /// Collects tokens and expects them.
    pub async fn redeem(&self, client: &RelyingParty, auth_req_id: &str) -> Answer {
        let answer = client.poll(auth_req_id).await.expect("an answer");
        assert_eq!(answer.in_short(), "200");
        answer
    }

    /// How many realms have undelivered messages. For the runtime it is called in.
    async fn waiting(&self) -> usize {
        let Some(first) = self.providers.first() else { return 0 };
        let store = self.keeping.elsewhere(first.store()).await;
        let mut waiting = 0;
        for provider in &self.providers {
            waiting += usize::from(deliver::next_due(&*store, provider.id(), self.now()).await != Ok(None));
        }
        waiting
    }

    /// Every byte that was written to disk.
    #[must_use]
    pub fn stored_bytes(&self) -> Vec<u8> {
        let (mut bytes, mut folders) = (Vec::new(), vec![self.directory.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    bytes.extend(std::fs::read(path).expect("a file"));
                }
            }
        }
        bytes
    }

    /// How many events of this name are in the audit trail.
    pub async fn events(&self, name: &str) -> usize {
        let events = self.admin().audit().await.expect("the audit trail");
        events.iter().filter(|event| event["event"] == name).count()
    }
}

/// Copies all files and folders.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&to)?;
            copy(&path, &to)?;
        } else {
            std::fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

/// Enrols a phone by a ticket of this operator, digits and all.
pub async fn enrolled_by(admin: &Admin, mut phone: Phone, subject: &str, push: PushTarget) -> Phone {
    let ticket = admin.create_ticket(subject).await.expect("a ticket");
    let enrolment = phone.enrol(&ticket, push).await.expect("the phone enrols");
    let digits = enrolment.digits().expect("six digits to type");
    admin.confirm(&enrolment.account(), &digits).await.expect("the digits are right");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    phone
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A thread of its own, because a runtime cannot wait inside another one.
        let waiting = std::thread::scope(|scope| {
            let look = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(self.waiting())
            };
            scope.spawn(look).join().expect("the outbox is read")
        });
        assert_eq!(waiting, 0, "realms with undelivered messages at the end of the story");
    }
}
