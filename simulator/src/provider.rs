//! The provider in this process, set up as its operator would: `assent init`, a settings file with the environment laid
//! over it, and Google reached by the operator's own settings.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use server::app::system::{SystemClock, SystemRandom};
use server::app::{self, App, AppError, Init, InitError, Listeners, log};
use server::config::{Config, ConfigError, Environment};
use server::domain::profile::Profile;
use server::domain::time::Clock as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use crate::authority::{self, Authority};
use crate::cli::CommandLine;
use crate::stand_in::fcm::FcmStandIn;
use crate::wire::{BadPem, Wire};

/// Loopback, and a port that is free.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Seconds between polls where the command line does not say.
const INTERVAL: u32 = 5;

/// A running provider.
pub struct RunningProvider {
    /// Its issuer.
    pub issuer: String,
    /// The way for relying parties and phones.
    pub public: Wire,
    /// What `--tls` brings.
    pub tls: Option<Tls>,
    /// Where operators reach it.
    pub admin_address: SocketAddr,
    /// Their token.
    pub admin_token: String,
    /// What an earlier start of the same directory settled otherwise than the command line asks.
    pub remarks: Vec<String>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// What `--tls` brings.
pub struct Tls {
    /// Whose certificates are shown.
    pub authority: Authority,
    /// Where client certificates are asked for.
    pub mtls_url: String,
    /// The way there, for a relying party that shows the authority's certificate.
    pub mtls: Wire,
}

/// Why the provider does not run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address is taken or not ours.
    #[error("cannot listen on {address} ({source}): choose another address with --listen")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The directory belongs to another deployment.
    #[error(
        "{} holds the data of {issuer}, which cannot become {wanted}: give --public-url or --listen as at its first start, \
         or another --data",
        directory.display()
    )]
    OtherIssuer {
        /// Which one.
        directory: PathBuf,
        /// Its issuer.
        issuer: String,
        /// What the command line makes of it.
        wanted: String,
    },
    /// `assent init` failed.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server does not start.
    #[error(transparent)]
    App(#[from] AppError),
    /// The file of `--trust` or `--client-ca` is not there.
    #[error("{flag} {}: {source}", path.display())]
    NoFile {
        /// Which of the two.
        flag: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no authority for `--tls`.
    #[error(transparent)]
    Authority(#[from] authority::Failure),
    /// What the authority made cannot be used.
    #[error(transparent)]
    Pem(#[from] BadPem),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Starts the provider on what is in `directory`, or sets it up there.
pub async fn start(options: &CommandLine, directory: &Path, google: &FcmStandIn) -> Result<RunningProvider, Failure> {
    let public = bind(options.listen).await?;
    let admin = bind(ANY_PORT).await?;
    let mtls = if options.tls { Some(bind(options.mtls_listen).await?) } else { None };
    let place = Place::of(options, directory, public.local_addr()?, mtls.as_ref())?;
    let home = directory.join("provider");
    let settings = home.join("assent.toml");
    if !settings.exists() {
        let issuer = Some(place.issuer.clone());
        app::init(&Init { dir: home, issuer, listen: place.address, admin_listen: ANY_PORT })?;
    }
    let config = Config::load(&settings, &environment(options, directory, google, &place)?)?;
    log::install(&config.log);
    let (found, wanted) = (config.realms[0].issuer.clone(), place.issuer.clone());
    if found != wanted {
        return Err(Failure::OtherIssuer { directory: directory.to_owned(), issuer: found, wanted });
    }
    let (admin_token, admin_address) = (config.admin_token.reveal().to_owned(), admin.local_addr()?);
    let app = App::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let remarks = remarks(options, &app);
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(app.serve(Listeners { public, admin, mtls }, async {
        // A sender that is gone stops it as well.
        let _ = stopped.await;
    }));
    let (public, tls) = place.wires()?;
    Ok(RunningProvider { issuer: wanted, public, tls, admin_address, admin_token, remarks, stop, serving })
}

/// Where the provider is found, and by which certificates.
struct Place {
    issuer: String,
    address: SocketAddr,
    secured: Option<Secured>,
}

/// With `--tls`.
struct Secured {
    authority: Authority,
    host: String,
    mtls_address: SocketAddr,
    mtls_url: String,
}

impl Place {
    fn of(
        options: &CommandLine,
        directory: &Path,
        address: SocketAddr,
        mtls: Option<&TcpListener>,
    ) -> Result<Self, Failure> {
        let public_url = options.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let Some(mtls) = mtls else {
            let issuer = public_url.unwrap_or_else(|| format!("http://{address}"));
            return Ok(Self { issuer, address, secured: None });
        };
        // A name, because test suites and browsers send one in the handshake.
        let issuer = public_url.unwrap_or_else(|| format!("https://localhost:{}", address.port()));
        let host = Url::parse(&issuer).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let mtls_address = mtls.local_addr()?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(SystemClock.now().unix_seconds().unsigned_abs());
        let names = ["localhost", "127.0.0.1", "::1", host.trim_matches(['[', ']'])].map(str::to_owned);
        let names: BTreeSet<_> = names.into_iter().chain([address.ip().to_string()]).collect();
        let authority = Authority::in_directory(&directory.join("tls"), &names.into_iter().collect::<Vec<_>>(), now)?;
        let mtls_url = format!("https://{host}:{}", mtls_address.port());
        Ok(Self { issuer, address, secured: Some(Secured { authority, host, mtls_address, mtls_url }) })
    }

    fn wires(self) -> Result<(Wire, Option<Tls>), Failure> {
        let Some(Secured { authority, host, mtls_address, mtls_url }) = self.secured else {
            return Ok((Wire::to(reachable(self.address)), None));
        };
        let read = std::fs::read_to_string::<&PathBuf>;
        let roots = read(&authority.certificate)?;
        let (certificate, key) = (read(&authority.client_certificate)?, read(&authority.client_key)?);
        let public = Wire::secure(reachable(self.address), &host, &roots, None)?;
        let mtls = Wire::secure(reachable(mtls_address), &host, &roots, Some((&certificate, &key)))?;
        Ok((public, Some(Tls { authority, mtls_url, mtls })))
    }
}

impl RunningProvider {
    /// Ends what is under way, then the provider.
    pub async fn stop(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address, source })
}

/// What the demo changes of the settings file, at every start: the push service has another port each time.
fn environment(
    options: &CommandLine,
    directory: &Path,
    google: &FcmStandIn,
    place: &Place,
) -> Result<Environment, Failure> {
    let key_file = directory.join("service-account.json");
    std::fs::write(&key_file, google.service_account())?;
    // What the demo itself is called by listens on this machine.
    let ours = ["127.0.0.0/8", "::1/128"].map(str::to_owned);
    let networks: Vec<_> = ours.into_iter().chain(options.allow_network.iter().cloned()).collect();
    let mut settings = vec![
        ("LOG__FILTER", if options.headless { "off" } else { "warn" }.to_owned()),
        ("OUTBOUND__ALLOWED_NETWORKS", networks.join(",")),
        ("POLICY__AGENT_ACTIONS", true.to_string()),
        ("POLICY__INTERVAL", options.interval.unwrap_or(INTERVAL).to_string()),
        ("POLICY__PROMPT_LIMITS", options.limits.to_string()),
        // All there are, so that relying parties of every taste can be registered; under the FAPI profile, all it has.
        (
            "POLICY__SIGNING_ALGORITHMS",
            if options.fapi { "ES256,PS256" } else { "ES256,PS256,RS256,EdDSA,ES384" }.to_owned(),
        ),
        // Whatever registers itself here is gone with the demo.
        ("POLICY__REGISTRATION", "open".to_owned()),
        ("POLICY__TRUST_CLAIMED_UV", true.to_string()),
        ("PUSH__FCM__BASE_URL", google.base_url().to_string()),
        ("PUSH__FCM__TOKEN_URL", google.token_url().to_string()),
        ("PUSH__FCM__SERVICE_ACCOUNT_FILE", key_file.display().to_string()),
    ];
    let mut roots = Vec::new();
    if let Some(path) = &options.trust {
        let found = path.canonicalize().map_err(|source| no_file("--trust", path, source))?;
        roots.push(found.display().to_string());
    }
    if let Some(Secured { authority, mtls_address, mtls_url, .. }) = &place.secured {
        let file = |path: &Path| path.display().to_string();
        roots.push(file(&authority.certificate));
        settings.extend([
            ("PUBLIC__TLS__CERTIFICATE", file(&authority.server_certificate)),
            ("PUBLIC__TLS__KEY", file(&authority.server_key)),
            ("PUBLIC__TLS__MIN_VERSION", if options.tls12 { "1.2" } else { "1.3" }.to_owned()),
            ("MTLS__LISTEN", mtls_address.to_string()),
            ("MTLS__BASE_URL", mtls_url.clone()),
            ("CLIENT_TRUST_ANCHORS", file(&trust_anchors(options, directory, authority)?)),
        ]);
    }
    if options.fapi {
        settings.push(("POLICY__PROFILE", "fapi-ciba".to_owned()));
    }
    if !roots.is_empty() {
        settings.push(("OUTBOUND__EXTRA_ROOTS", roots.join(",")));
    }
    let ours = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
    let asked = options.setting.iter().map(|(name, value)| (name.to_uppercase().replace('.', "__"), value.clone()));
    let variables = ours.chain(asked);
    let variables = variables.map(|(name, value)| (OsString::from(format!("ASSENT__{name}")), OsString::from(value)));
    Ok(Environment::of(variables))
}

/// The authorities whose certificates relying parties may show: the demo's own, and those of `--client-ca`.
fn trust_anchors(options: &CommandLine, directory: &Path, authority: &Authority) -> Result<PathBuf, Failure> {
    let Some(path) = &options.client_ca else { return Ok(authority.certificate.clone()) };
    let theirs = std::fs::read_to_string(path).map_err(|source| no_file("--client-ca", path, source))?;
    let ours = std::fs::read_to_string(&authority.certificate)?;
    let both = directory.join("tls").join("client-authorities.pem");
    std::fs::write(&both, format!("{ours}\n{theirs}"))?;
    Ok(both)
}

fn no_file(flag: &'static str, path: &Path, source: io::Error) -> Failure {
    Failure::NoFile { flag, path: path.to_owned(), source }
}

/// Policies are records of the store: those of the first start hold.
fn remarks(options: &CommandLine, app: &App) -> Vec<String> {
    let policy = app.providers()[0].policy();
    let mut remarks = Vec::new();
    if options.interval.is_some_and(|interval| interval != policy.interval) {
        remarks.push(format!("--interval: this directory keeps the {} seconds of its first start", policy.interval));
    }
    if options.fapi != (policy.profile == Profile::FapiCiba) {
        remarks.push("--fapi: this directory keeps the profile of its first start".to_owned());
    }
    if options.limits != policy.prompt_limits {
        let kept = if policy.prompt_limits { "on" } else { "off" };
        remarks.push(format!("--limits: this directory keeps them {kept} as at its first start"));
    }
    remarks
}

/// Nobody connects to "any address".
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(any) if any.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, any.port()).into(),
        SocketAddr::V6(any) if any.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, any.port()).into(),
        ours => ours,
    }
}
