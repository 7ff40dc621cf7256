//! The settings file: TOML, with the environment laid over it, read once and whole at start.
//!
//! `ASSENT__STORE__CACHE_MIB=128` sets `store.cache_mib`: two underscores between levels, a number for the place in an
//! array (`ASSENT__REALM__0__ISSUER`). Every complaint names its setting, and all of them are made at once. Paths are
//! relative to the settings file. What is a record in the store (realms with their policies, clients) is only seeded from
//! here; [`drift`] tells the differences.
//!
//! What each setting is, may be and is by default stands in one table, [`settings`]; the readers, the file that `assent
//! init` writes ([`template`]) and `docs/configuration.md` ([`manual`]) all go by it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

pub use self::client::Offered;
use self::read::{Problem, Section};
use self::realm::Realms;
use crate::attestation::Trust;
use crate::certificates::TrustAnchors;
use crate::domain::names::RealmId;
use crate::domain::realm::Realm;
use crate::domain::secret::Secret;
use crate::domain::sign_in::SignIn;
use crate::flow::register::seed::Seed;
use crate::http::app_link::AppLink;
use crate::http::proxies::Proxies;
use crate::keys::{WrappingKey, secret_file};
use crate::outbound::channels::ChannelSettings;

mod app_link;
mod attestation;
mod client;
pub mod drift;
pub mod elsewhere;
pub mod gluu;
pub mod manual;
mod outbound;
mod push;
mod read;
mod realm;
pub mod settings;
mod sign_in;
mod store;
pub mod table;
pub mod template;
mod tls;

pub use tls::{BadTls, MtlsSettings, TlsSettings};

pub use outbound::OutboundSettings;
pub use store::{EmbeddedSettings, StoreKind, StoreSettings};

/// Everything that was set, checked.
#[derive(Debug)]
pub struct Config {
    /// Where relying parties and phones reach us.
    pub public: Listener,
    /// Where operators do.
    pub admin: Listener,
    /// Where clients show certificates, if anywhere.
    pub mtls: Option<MtlsSettings>,
    /// Who terminates TLS for us.
    pub proxies: Proxies,
    /// Their bearer token.
    pub admin_token: Secret,
    /// Where everything is kept.
    pub store: StoreSettings,
    /// The key file.
    pub key_file: PathBuf,
    /// What its keys are wrapped by.
    pub wrapping_key: WrappingKey,
    /// What is logged.
    pub log: Log,
    /// What calls to other servers may reach.
    pub outbound: OutboundSettings,
    /// How pushes reach phones.
    pub push: ChannelSettings,
    /// The app that the links of their notifications open.
    pub app_link: AppLink,
    /// The realms as the file has them, the first one first; never empty.
    pub realms: Vec<Realm>,
    /// Clients that the first start registers.
    pub clients: Vec<Seed>,
    /// Whose certificates authenticate the clients of a realm; no record of the store.
    pub trust_anchors: BTreeMap<RealmId, TrustAnchors>,
    /// What each realm believes of phones' platforms.
    pub attestation: BTreeMap<RealmId, Trust>,
    /// Where the users of realms sign in to enrol phones by themselves.
    pub sign_in: BTreeMap<RealmId, SignIn>,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it shows; without, it speaks plain HTTP.
    pub tls: Option<TlsSettings>,
}

/// What is logged, to the standard error stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// Which events: directives of `tracing_subscriber::EnvFilter`, such as `info,server::flow=debug`.
    pub filter: String,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// These settings are wrong, each with its name.
    #[error("{}", Lines(.0))]
    Wrong(Vec<String>),
}

struct Lines<'a>(&'a [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// What the environment may say, taken from it once.
#[derive(Default)]
pub struct Environment {
    /// `ASSENT__…`: path in lower case, dots between levels, and the value.
    settings: Vec<(String, String)>,
    /// `ASSENT_WRAPPING_KEY`
    wrapping_key: Option<Secret>,
}

impl Environment {
    /// Picks what concerns us out of the variables of a process. A value that is no UTF-8 counts as empty.
    #[must_use]
    pub fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let value = value.into_string().unwrap_or_default();
            if name == "ASSENT_WRAPPING_KEY" {
                environment.wrapping_key = Some(Secret::new(value));
            } else if let Some(path) = name.strip_prefix("ASSENT__") {
                environment.settings.push((path.to_lowercase().replace("__", "."), value));
            }
        }
        environment
    }
}

impl Config {
    /// Reads and checks the settings file and every file it names, except the key file.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base, environment)
    }

    /// The same with the file's text at hand; `base` is where its relative paths begin.
    pub fn parse(text: &str, base: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let (root, problems) = read::lay_over(text, &environment.settings).map_err(|problem| wrong(&[problem]))?;
        let config = Self::take(root, base, environment);
        match (config, problems.take()) {
            (Some(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(wrong(&problems)),
        }
    }

    /// `None` only where a problem was noted. A section notes what nobody took out of it when it is dropped.
    fn take(mut root: Section, base: &Path, environment: &Environment) -> Option<Self> {
        let public = listener(&mut root.section("public"), base);
        let (admin, admin_token) = admin(root.section("admin"), base, public.as_ref());
        let proxies = tls::proxies(root.section("proxy"));
        let mtls = mtls(&mut root, base, [public.as_ref(), admin.as_ref()], &proxies);
        let store = store::store(root.section("store"), base);
        let (key_file, wrapping_key) = keys(root.section("keys"), base, environment);
        let log = log(root.section("log"));
        let mut outbound = outbound::outbound(root.section("outbound"), base);
        let push = push::push(root.section("push"), base);
        let app_link = app_link::app_link(root.section("app"));
        let Realms { all: realms, trust_anchors, attestation, sign_in } = realm::realms(&mut root, base, &mut outbound);
        let offered = Offered { trust_anchors: &trust_anchors, outbound: &outbound, mutual_tls: mtls.is_some() };
        let clients = client::clients(&mut root, base, &realms, &offered);
        check_scheme(&root, &realms, public.as_ref());
        Some(Self {
            public: public?,
            admin: admin?,
            mtls,
            proxies,
            admin_token: admin_token?,
            store: store?,
            key_file: key_file?,
            wrapping_key: wrapping_key?,
            log: log?,
            outbound,
            push,
            app_link,
            realms,
            clients,
            trust_anchors,
            attestation,
            sign_in,
        })
    }
}

fn listener(section: &mut Section, base: &Path) -> Option<Listener> {
    let listen = section.address("listen");
    let tls = tls::tls(section, base);
    Some(Listener { listen: listen?, tls })
}

fn admin(mut section: Section, base: &Path, public: Option<&Listener>) -> (Option<Listener>, Option<Secret>) {
    let listener = listener(&mut section, base);
    if is_one_of(listener.as_ref().map(|listener| listener.listen), [public]) {
        section.complain("listen", "is public.listen too: operators have a listener of their own");
    }
    (listener, admin_token(&mut section, base))
}

fn mtls(root: &mut Section, base: &Path, others: [Option<&Listener>; 2], proxies: &Proxies) -> Option<MtlsSettings> {
    let public_tls = others[0].and_then(|public| public.tls.as_ref());
    let mtls = tls::mtls(root.section("mtls"), base, public_tls, proxies)?;
    if is_one_of(mtls.listener.as_ref().map(|(listen, _)| *listen), others) {
        root.complain("mtls.listen", "is another listener's: only this one asks for certificates");
    }
    Some(mtls)
}

fn is_one_of<const N: usize>(listen: Option<SocketAddr>, others: [Option<&Listener>; N]) -> bool {
    let taken = |listen: SocketAddr| others.into_iter().flatten().any(|other| other.listen == listen);
    listen.is_some_and(|listen| listen.port() != 0 && taken(listen))
}

/// What the issuer says of the public listener must be so, since everybody goes by it.
fn check_scheme(root: &Section, realms: &[Realm], public: Option<&Listener>) {
    let is_plain = realms.first().is_some_and(|realm| realm.issuer.starts_with("http://"));
    if is_plain && public.is_some_and(|public| public.tls.is_some()) {
        root.complain("issuer", "is http, and public.tls is set: nobody would find it there");
    }
}

fn admin_token(section: &mut Section, base: &Path) -> Option<Secret> {
    let (name, token) = secret(section, base, "token", "token_file")?;
    if !is_strong(token.reveal()) {
        section.complain(name, "needs at least 128 bits of chance: 22 characters or more, as `assent init` makes them");
        return None;
    }
    Some(token)
}

/// A secret that stands in the settings, or better in a file of its own; and which of the two settings it was.
fn secret(
    section: &mut Section,
    base: &Path,
    as_text: &'static str,
    in_file: &'static str,
) -> Option<(&'static str, Secret)> {
    match (section.text(as_text), section.text(in_file)) {
        (Some(_), Some(_)) => {
            section.complain(as_text, format_args!("and {} are both set: choose one", section.path_of(in_file)));
            None
        }
        (None, None) => {
            section.complain(in_file, "is missing");
            None
        }
        (Some(text), None) => Some((as_text, Secret::new(text))),
        (None, Some(file)) => match secret_file::read(&base.join(file)) {
            Ok(text) => Some((in_file, Secret::new(text.trim().to_owned()))),
            Err(error) => {
                section.complain(in_file, error);
                None
            }
        },
    }
}

/// Chance cannot be seen in a text; what is surely too little can. 22 characters of base64url hold 132 bits.
fn is_strong(token: &str) -> bool {
    let distinct = token.bytes().collect::<BTreeSet<_>>().len();
    token.len() >= 22 && distinct >= 8 && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn keys(mut section: Section, base: &Path, environment: &Environment) -> (Option<PathBuf>, Option<WrappingKey>) {
    let file = section.text("file").map(|file| base.join(file));
    let in_file = section.text("wrapping_key_file").map(|file| base.join(file));
    let (name, read) = match (&environment.wrapping_key, in_file) {
        (Some(text), _) => ("wrapping_key_file (ASSENT_WRAPPING_KEY)", WrappingKey::parse(text.reveal())),
        (None, Some(file)) => ("wrapping_key_file", WrappingKey::read(&file)),
        (None, None) => {
            section.complain("wrapping_key_file", "is missing, and so is ASSENT_WRAPPING_KEY in the environment");
            return (file, None);
        }
    };
    (file, read.map_err(|error| section.complain(name, error)).ok())
}

fn log(mut section: Section) -> Option<Log> {
    let format = section.word("format").map(|word| if word == "json" { LogFormat::Json } else { LogFormat::Text });
    let filter = section.text("filter")?;
    if let Err(error) = EnvFilter::try_new(&filter) {
        section.complain("filter", error);
    }
    Some(Log { format: format?, filter })
}

fn wrong(problems: &[Problem]) -> ConfigError {
    ConfigError::Wrong(problems.iter().map(Problem::to_string).collect())
}
