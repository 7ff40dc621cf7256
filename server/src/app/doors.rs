//! The listeners: what each speaks, whom it believes, and how the certificates that they show are exchanged while they
//! are in use.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::AppError;
use crate::certificates::Leaf;
use crate::config::{Config, Listener, TlsSettings};
use crate::domain::time::Clock;
use crate::http::serve::{Door, Limits};
use crate::http::tls::{ClientCertificates, ServerCertificate, Tls};

/// A certificate that ends sooner than this is told of.
pub(super) const SOON: i64 = 14 * 24 * 60 * 60;

/// Connections from operators; relying parties and phones get the default.
const ADMIN_CONNECTIONS: usize = 256;

/// Where a server is reached.
pub struct Listeners {
    /// By relying parties and phones.
    pub public: TcpListener,
    /// By operators.
    pub admin: TcpListener,
    /// By relying parties that show certificates, where there is such a listener.
    pub mtls: Option<TcpListener>,
}

impl Listeners {
    /// The addresses in use: where port 0 was set, with the port that was free.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            public: self.public.local_addr()?,
            admin: self.admin.local_addr()?,
            mtls: self.mtls.as_ref().map(TcpListener::local_addr).transpose()?,
        })
    }
}

/// Where [`Listeners`] listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For relying parties and phones.
    pub public: SocketAddr,
    /// For operators.
    pub admin: SocketAddr,
    /// For relying parties that show certificates.
    pub mtls: Option<SocketAddr>,
}

/// All that stands between a socket and a router.
pub(super) struct Doors {
    public: (SocketAddr, Door),
    admin: (SocketAddr, Door),
    mtls: Option<(SocketAddr, Door)>,
    pub(super) watched: Vec<Watched>,
}

/// One door for each of [`Listeners`].
pub(super) struct Opened {
    pub(super) public: Door,
    pub(super) admin: Door,
    pub(super) mtls: Option<Door>,
}

impl Doors {
    pub(super) fn open(config: &Config) -> Result<Self, AppError> {
        let mut watched = Vec::new();
        let mut door = |setting, tls: Option<&TlsSettings>, clients| {
            let tls = tls.map(|tls| Watched::open(setting, tls, clients)).transpose()?;
            let door = Door { tls: tls.as_ref().map(|tls| Arc::clone(&tls.tls)), ..Door::default() };
            watched.extend(tls);
            Ok::<_, AppError>(door)
        };
        let Listener { listen, tls } = &config.public;
        let public = (*listen, door("public.tls", tls.as_ref(), ClientCertificates::NotAsked)?);
        let Listener { listen, tls } = &config.admin;
        let admin = (*listen, door("admin.tls", tls.as_ref(), ClientCertificates::NotAsked)?);
        let mtls = config.mtls.as_ref().and_then(|mtls| mtls.listener.as_ref());
        let mtls = mtls
            .map(|(listen, tls)| Ok::<_, AppError>((*listen, door("mtls.tls", Some(tls), ClientCertificates::Asked)?)))
            .transpose()?;
        let mut doors = Self { public, admin, mtls, watched };
        doors.public.1.proxies = config.proxies.clone();
        doors.admin.1.limits = Limits { connections: ADMIN_CONNECTIONS, ..Limits::default() };
        Ok(doors)
    }

    pub(super) async fn bind(&self) -> Result<Listeners, AppError> {
        let mtls = match &self.mtls {
            Some((address, _)) => Some(bind("mtls.listen", *address).await?),
            None => None,
        };
        let (public, admin) = (self.public.0, self.admin.0);
        Ok(Listeners { public: bind("public.listen", public).await?, admin: bind("admin.listen", admin).await?, mtls })
    }

    pub(super) fn opened(&self) -> Opened {
        let mtls = self.mtls.as_ref().map(|(_, door)| door.clone());
        Opened { public: self.public.1.clone(), admin: self.admin.1.clone(), mtls }
    }
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|source| AppError::Bind { setting, address, source })
}

/// The certificate that a listener shows, and the files it came from.
pub(super) struct Watched {
    setting: &'static str,
    settings: TlsSettings,
    tls: Arc<Tls>,
    seen: [Stamp; 2],
}

/// Tells whether a file was written or another put in its place; `None` where there is none. Through links, as those
/// who renew certificates exchange links.
type Stamp = Option<(i64, i64, u64, u64)>;

fn stamp(path: &Path) -> Stamp {
    let file = std::fs::metadata(path).ok()?;
    Some((file.mtime(), file.mtime_nsec(), file.size(), file.ino()))
}

impl Watched {
    fn open(setting: &'static str, settings: &TlsSettings, clients: ClientCertificates) -> Result<Self, AppError> {
        // Stamps first: what changes in between is looked at once more.
        let seen = stamps(settings);
        let failed = |part: &str, why: String| AppError::Tls { setting: format!("{setting}.{part}"), why };
        let certificate = settings.load().map_err(|bad| failed(bad.setting, bad.why))?;
        let tls = Tls::new(&certificate, clients).map_err(|why| failed("certificate", why.to_string()))?;
        Ok(Self { setting, settings: settings.clone(), tls, seen })
    }

    fn tell(&self, clock: &dyn Clock) {
        if let Ok(certificate) = self.settings.load() {
            tell(self.setting, &certificate, clock);
        }
    }

    /// Takes what the files hold, if they are others than when they were last looked at, or if `asked`. What cannot be
    /// used changes nothing, and is not looked at again before it changes.
    fn look(&mut self, asked: bool, clock: &dyn Clock) {
        let (seen, setting) = (stamps(&self.settings), self.setting);
        if !asked && seen == self.seen {
            return;
        }
        self.seen = seen;
        let taken = self.settings.load().map_err(|bad| bad.why).and_then(|certificate| {
            self.tls.replace(&certificate).map_err(|why| why.to_string()).map(|()| certificate)
        });
        match taken {
            Ok(certificate) => {
                info!(setting, "new connections are shown the certificate that was read again");
                tell(setting, &certificate, clock);
            }
            Err(why) => error!(setting, why, "the new certificate is not taken; the old one stays in use"),
        }
    }
}

fn tell(setting: &str, certificate: &ServerCertificate, clock: &dyn Clock) {
    if let Some(remark) = remark(setting, certificate, clock) {
        warn!("{remark}");
    }
}

fn stamps(settings: &TlsSettings) -> [Stamp; 2] {
    [stamp(&settings.certificate), stamp(&settings.key)]
}

/// What an operator should know of a certificate that is as it should be.
pub(super) fn remark(setting: &str, certificate: &ServerCertificate, clock: &dyn Clock) -> Option<String> {
    let leaf = Leaf::read(certificate.leaf()).ok()?;
    let now = clock.now();
    let left = leaf.not_after().unix_seconds() - now.unix_seconds();
    if left < 0 {
        Some(format!("{setting}.certificate has expired"))
    } else if !leaf.is_valid_at(now) {
        Some(format!("{setting}.certificate is not valid yet"))
    } else {
        (left < SOON).then(|| format!("{setting}.certificate ends in {} days", left / (24 * 60 * 60)))
    }
}

/// Looks at the files of one listener from time to time, and whenever asked, until told to stop.
pub(super) async fn watch_files(
    mut watched: Watched,
    mut asked: watch::Receiver<()>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    watched.tell(&*clock);
    loop {
        let asked = tokio::select! {
            () = tokio::time::sleep(watched.settings.reload_interval) => false,
            Ok(()) = asked.changed() => true,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // Small files, and seldom: they may as well be read here.
        watched.look(asked, &*clock);
    }
}
