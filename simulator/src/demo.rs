//! The demo: a provider with user 1001, her phone, a relying party, and whoever else the command line names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use device_core::desktop::SystemClock as PhoneClock;
use device_core::{DeviceError, Platform, PushTarget};
use serde_json::{Value, json};
use server::app::system::SystemClock;
use server::domain::algorithm::Algorithm;
use server::domain::endpoint::Endpoint;
use server::keys::secret_file;
use tempfile::TempDir;

use crate::admin::{self, Admin};
use crate::authority;
use crate::cli::CommandLine;
use crate::client_key::ClientKey;
use crate::conformance::{self, Conformance};
use crate::phone::Phone;
use crate::provider::{self, RunningProvider, Tls};
use crate::relying_party::{self, Authentication, Credentials, RelyingParty};
use crate::stand_in::fcm::FcmStandIn;
use crate::stand_in::notification::NotificationStandIn;
use crate::wire::Wire;

/// Subject of the demo user.
pub const SUBJECT: &str = "1001";

/// `client_id` of the demo's relying party that polls.
pub const CLIENT: &str = "demo-client";

/// `client_id` of the one that is pinged.
pub const PING_CLIENT: &str = "demo-ping";

/// `client_id` of the one that is sent its tokens; there is none under the FAPI profile.
pub const PUSH_CLIENT: &str = "demo-push";

/// The registration token under which Google knows the demo user's phone.
pub const PUSH_TOKEN: &str = "demo-phone-registration-token";

/// Everything that runs.
pub struct Demo {
    /// The provider.
    pub provider: RunningProvider,
    /// Its operator.
    pub admin: Admin,
    /// Its push service.
    pub google: FcmStandIn,
    /// Where the client that is pinged is told.
    pub pinged: NotificationStandIn,
    /// Where the client of push mode gets its tokens.
    pub pushed: NotificationStandIn,
    /// What the demo's clients sign requests with, under the FAPI profile.
    pub key: Option<ClientKey>,
    /// The demo user's phone.
    pub phone: Phone,
    /// How it came about: who did what.
    pub beginnings: Vec<(&'static str, String)>,
    clients: Vec<Value>,
    conformance: Option<Conformance>,
    _directory: Option<TempDir>,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The provider does not run.
    #[error(transparent)]
    Provider(#[from] provider::Failure),
    /// The file of `--clients` cannot be used.
    #[error("--clients {}: {why}", path.display())]
    Clients {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There are no configurations for the suite.
    #[error("--conformance: {0}")]
    Conformance(#[from] conformance::Failure),
    /// The operator was refused something.
    #[error(transparent)]
    Admin(#[from] admin::Failure),
    /// The phone did not enrol.
    #[error("the phone: {0}")]
    Phone(#[from] DeviceError),
    /// The relying party found no provider.
    #[error(transparent)]
    RelyingParty(#[from] relying_party::Failure),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Demo {
    /// Starts everything. What an earlier demo left in `--data` is taken up.
    pub async fn start(options: &CommandLine) -> Result<Self, Failure> {
        let wanted = clients_of(options.clients.as_deref())?;
        let (directory, temporary) = directory(options.data.as_deref())?;
        let google = FcmStandIn::start(Arc::new(SystemClock)).await;
        let provider = provider::start(options, &directory, &google).await?;
        let admin = Admin::new(Wire::to(provider.admin_address), &provider.admin_token);
        let mut beginnings = vec![("provider", format!("serves {} on its embedded store", provider.issuer))];
        let created = admin.create_user(&user()).await?.is_some();
        let line = format!("{} user 1001: alice, with e-mail, phone number and user code", verb(created));
        beginnings.push(("operator", line));
        let mut secrets = Secrets::read(directory.join("client-secrets.json"))?;
        let (pinged, pushed) = (NotificationStandIn::start().await, NotificationStandIn::start().await);
        let key = options.fapi.then(|| ClientKey::generate(Algorithm::Es256));
        let told = [demo_client(PING_CLIENT, "ping", Some(&pinged), key.as_ref())]
            .into_iter()
            .chain((!options.fapi).then(|| demo_client(PUSH_CLIENT, "push", Some(&pushed), None)));
        let conformance = match (&options.conformance, &provider.tls) {
            (Some(directory), Some(tls)) => Some(Conformance::open(directory, &options.suite, &tls.authority)?),
            _ => None,
        };
        let examined = conformance.iter().flat_map(Conformance::clients);
        let ours = demo_client(CLIENT, "poll", None, key.as_ref());
        // Those of the demo itself have other endpoints and keys at each start; those of the suite follow its files.
        let current = told.chain(examined).map(|metadata| (metadata, true));
        let wanted = wanted.into_iter().map(|metadata| (metadata, false));
        let mut clients = Vec::new();
        for (metadata, current) in std::iter::once((ours, true)).chain(wanted).chain(current) {
            let (client, created) = create_client(&admin, &metadata, &mut secrets).await?;
            if current && !created {
                admin.replace_client(metadata["client_id"].as_str().unwrap_or_default(), &metadata).await?;
            }
            beginnings.push(("operator", format!("{} the client {}", verb(created), client["client_id"])));
            clients.push(client);
        }
        let transport = Arc::new(provider.public.clone());
        let clock = Arc::new(PhoneClock::new());
        let kept = directory.join("phone");
        let mut phone = Phone::kept_in(&kept, "Alice's phone", &provider.issuer, transport, clock).await?;
        beginnings.push(("phone", enrol(&admin, &mut phone, SUBJECT, Some(PUSH_TOKEN)).await?));
        let demo = Self {
            provider,
            admin,
            google,
            pinged,
            pushed,
            key,
            phone,
            beginnings,
            clients,
            conformance,
            _directory: temporary,
        };
        Ok(demo)
    }

    /// What `--describe` prints. With `--conformance`, its configurations are written by it.
    pub fn described(&self, automation: &str) -> Result<Value, Failure> {
        let RunningProvider { issuer, admin_address, admin_token, tls, .. } = &self.provider;
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        let resource = Endpoint::Userinfo.url(tls.as_ref().map_or(issuer, |tls| &tls.mtls_url));
        let mut described = json!({
            "issuer": issuer,
            "discovery": discovery,
            "resource": resource,
            "admin": { "url": format!("http://{admin_address}/admin/v1"), "token": admin_token },
            "automation": automation,
            "clients": self.clients,
            "users": [user()],
        });
        if let Some(Tls { authority, mtls_url, .. }) = tls {
            described["tls"] = json!({
                "ca": authority.certificate,
                "client_certificate": authority.client_certificate,
                "client_key": authority.client_key,
                "mtls": mtls_url,
            });
        }
        if let Some(conformance) = &self.conformance {
            described["conformance"] = conformance.write(&discovery, &resource, automation)?;
        }
        Ok(described)
    }

    /// One of the demo's own relying parties.
    pub async fn relying_party(&self, id: &str) -> Result<RelyingParty, Failure> {
        let client = self.clients.iter().find(|client| client["client_id"] == id);
        let secret = client.and_then(|client| client["client_secret"].as_str()).unwrap_or_default().to_owned();
        let provider = &self.provider;
        let (wire, authentication) = match (&provider.tls, &self.key) {
            (Some(tls), Some(_)) => (tls.mtls.clone(), Authentication::Certificate),
            _ => (provider.public.clone(), Authentication::Basic),
        };
        let credentials = Credentials { id: id.to_owned(), secret, authentication };
        Ok(RelyingParty::discover(wire, &provider.issuer, credentials).await?)
    }

    /// Another user's phone, which is forgotten with the demo's end.
    pub async fn strangers_phone(&self) -> Result<Phone, Failure> {
        self.admin.create_user(&json!({ "subject": "1002", "username": "mallory" })).await?;
        let transport = Arc::new(self.provider.public.clone());
        let mut phone = Phone::new("Mallory's phone", &self.provider.issuer, transport, Arc::new(PhoneClock::new()));
        enrol(&self.admin, &mut phone, "1002", None).await?;
        Ok(phone)
    }

    /// Ends everything.
    pub async fn stop(self) {
        self.provider.stop().await;
    }
}

/// The demo user.
fn user() -> Value {
    json!({
        "subject": SUBJECT,
        "username": "alice",
        "email": "alice@example.com",
        "phone": "+12025550100",
        "user_code": "675325",
    })
}

/// With a key, a client as the FAPI profile wants it: known by its certificate, signing its requests.
fn demo_client(id: &str, mode: &str, told: Option<&NotificationStandIn>, key: Option<&ClientKey>) -> Value {
    let mut client = json!({
        "client_id": id,
        "client_name": match mode {
            "ping" => "The Corner Shop (ping)",
            "push" => "The Corner Shop (push)",
            _ => "The Corner Shop",
        },
        "backchannel_token_delivery_mode": mode,
        "id_token_signed_response_alg": "ES256",
    });
    if let Some(endpoint) = told {
        client["backchannel_client_notification_endpoint"] = endpoint.url().into();
    }
    if let Some(key) = key {
        client["token_endpoint_auth_method"] = "tls_client_auth".into();
        client["tls_client_auth_subject_dn"] = authority::CLIENT_SUBJECT.into();
        client["tls_client_certificate_bound_access_tokens"] = true.into();
        client["backchannel_authentication_request_signing_alg"] = key.algorithm().name().into();
        client["jwks"] = key.jwks();
    } else {
        client["token_endpoint_auth_method"] = "client_secret_basic".into();
    }
    client
}

fn clients_of(file: Option<&Path>) -> Result<Vec<Value>, Failure> {
    let Some(path) = file else { return Ok(Vec::new()) };
    let wrong = |why: String| Failure::Clients { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let clients: Vec<Value> = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    match clients.iter().position(|client| !client["client_id"].is_string()) {
        Some(position) => Err(wrong(format!("client {} has no client_id", position + 1))),
        None => Ok(clients),
    }
}

fn directory(data: Option<&Path>) -> io::Result<(PathBuf, Option<TempDir>)> {
    if let Some(path) = data {
        std::fs::create_dir_all(path)?;
        return Ok((path.canonicalize()?, None));
    }
    let temporary = tempfile::Builder::new().prefix("assent-demo-").tempdir()?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

const fn verb(created: bool) -> &'static str {
    if created { "creates" } else { "finds" }
}

/// The client's metadata with its secret, and whether it is new. One that exists already is kept as it is.
async fn create_client(admin: &Admin, metadata: &Value, secrets: &mut Secrets) -> Result<(Value, bool), Failure> {
    let id = metadata["client_id"].as_str().unwrap_or_default();
    let mut client = metadata.clone();
    let created = admin.create_client(metadata).await?;
    if let Some(secret) = created.as_ref().and_then(|created| created["client_secret"].as_str()) {
        client["client_secret"] = secret.into();
        secrets.keep(id, secret)?;
    } else if let Some(secret) = secrets.known.get(id) {
        client["client_secret"] = secret.as_str().into();
    }
    Ok((client, created.is_some()))
}

/// Enrols a phone unless it is enrolled already, and types its digits as the operator; in words.
async fn enrol(admin: &Admin, phone: &mut Phone, subject: &str, token: Option<&str>) -> Result<String, Failure> {
    if phone.account().is_ok() {
        return Ok("is enrolled already".to_owned());
    }
    let ticket = admin.create_ticket(subject).await?;
    let enrolment = phone.enrol(&ticket, push_target(token)).await?;
    let Some(digits) = enrolment.digits() else { return Ok("enrols by a ticket".to_owned()) };
    admin.confirm(&enrolment.account(), &digits).await?;
    enrolment.refresh().await?;
    Ok(format!("enrols by a ticket; the operator types the digits it shows: {digits}"))
}

/// Where Google finds a phone; nowhere without a token.
#[must_use]
pub fn push_target(token: Option<&str>) -> PushTarget {
    token
        .map_or(PushTarget::None, |token| PushTarget::FcmToken { platform: Platform::Android, token: token.to_owned() })
}

/// The provider tells a secret once; the demo says it at every start.
struct Secrets {
    file: PathBuf,
    known: BTreeMap<String, String>,
}

impl Secrets {
    fn read(file: PathBuf) -> io::Result<Self> {
        let known = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file, known })
    }

    fn keep(&mut self, client: &str, secret: &str) -> io::Result<()> {
        self.known.insert(client.to_owned(), secret.to_owned());
        secret_file::replace(&self.file, &serde_json::to_string_pretty(&self.known)?).map_err(io::Error::other)
    }
}
