//! The provider in this process, set up as its operator would: `assent init`, a settings file with the environment laid
//! over it, and Google reached by the operator's own settings.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use server::app::system::{SystemClock, SystemRandom};
use server::app::{self, App, AppError, Init, InitError, Listeners, log};
use server::config::{Config, ConfigError, Environment};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::CommandLine;
use crate::stand_in::fcm::FcmStandIn;
use crate::wire::Wire;

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
    /// Where operators reach it.
    pub admin_address: SocketAddr,
    /// Their token.
    pub admin_token: String,
    /// What an earlier start of the same directory settled otherwise than the command line asks.
    pub remarks: Vec<String>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
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
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Starts the provider on what is in `directory`, or sets it up there.
pub async fn start(options: &CommandLine, directory: &Path, google: &FcmStandIn) -> Result<RunningProvider, Failure> {
    let public = bind(options.listen).await?;
    let admin = bind(ANY_PORT).await?;
    let (address, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let issuer = options.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
    let home = directory.join("provider");
    let settings = home.join("assent.toml");
    if !settings.exists() {
        app::init(&Init { dir: home, issuer: issuer.clone(), listen: address, admin_listen: ANY_PORT })?;
    }
    let config = Config::load(&settings, &environment(options, directory, google)?)?;
    log::install(&config.log);
    let found = config.realms[0].issuer.clone();
    let wanted = issuer.unwrap_or_else(|| format!("http://{address}"));
    if found != wanted {
        return Err(Failure::OtherIssuer { directory: directory.to_owned(), issuer: found, wanted });
    }
    let admin_token = config.admin_token.reveal().to_owned();
    let app = App::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let remarks = remarks(options, &app);
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(app.serve(Listeners { public, admin, mtls: None }, async {
        // A sender that is gone stops it as well.
        let _ = stopped.await;
    }));
    let public = Wire::to(reachable(address));
    Ok(RunningProvider { issuer: wanted, public, admin_address, admin_token, remarks, stop, serving })
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
fn environment(options: &CommandLine, directory: &Path, google: &FcmStandIn) -> io::Result<Environment> {
    let key_file = directory.join("service-account.json");
    std::fs::write(&key_file, google.service_account())?;
    let settings = [
        ("LOG__FILTER", if options.headless { "off" } else { "warn" }.to_owned()),
        // Everything that the provider calls in the demo listens on this machine.
        ("OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8,::1/128".to_owned()),
        ("POLICY__INTERVAL", options.interval.unwrap_or(INTERVAL).to_string()),
        ("POLICY__PROMPT_LIMITS", options.limits.to_string()),
        ("POLICY__TRUST_CLAIMED_UV", true.to_string()),
        ("PUSH__FCM__BASE_URL", google.base_url().to_string()),
        ("PUSH__FCM__TOKEN_URL", google.token_url().to_string()),
        ("PUSH__FCM__SERVICE_ACCOUNT_FILE", key_file.display().to_string()),
    ];
    let variables = settings.map(|(name, value)| (OsString::from(format!("ASSENT__{name}")), OsString::from(value)));
    Ok(Environment::of(variables.into_iter()))
}

/// Policies are records of the store: those of the first start hold.
fn remarks(options: &CommandLine, app: &App) -> Vec<String> {
    let policy = app.providers()[0].policy();
    let mut remarks = Vec::new();
    if options.interval.is_some_and(|interval| interval != policy.interval) {
        remarks.push(format!("--interval: this directory keeps the {} seconds of its first start", policy.interval));
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
