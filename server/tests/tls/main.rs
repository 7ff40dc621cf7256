//! TLS on real sockets with real certificates: versions and suites, client certificates, slow and broken peers.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

#[path = "../pki/mod.rs"]
mod pki;

mod clients;
mod connections;
mod hello;
mod proxied;
mod replaced;
mod versions;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::http::HeaderMap;
use axum::routing::get;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use server::domain::certificate::ClientCertificate;
use server::http::serve::{Door, Limits, serve};
use server::http::tls::{ClientCertificates, MinVersion, ServerCertificate, Tls};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use pki::{Authority, Certified};

/// Short enough to wait for.
pub(crate) const SOON: Duration = Duration::from_millis(100);
pub(crate) const LONG: Duration = Duration::from_mins(1);
pub(crate) const PATIENT: Limits = Limits { connections: 100, handshake: LONG, head: LONG, body: LONG, answer: LONG };

/// A listener behind a door, and the authority that its clients trust.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) root: Authority,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) served: JoinHandle<()>,
    pub(crate) release: Arc<Notify>,
    pub(crate) reached: Arc<Notify>,
}

impl Serving {
    /// TLS 1.3, asking or not.
    pub(crate) async fn tls(clients: ClientCertificates) -> Self {
        Self::tls_within(clients, PATIENT).await
    }

    pub(crate) async fn tls_within(clients: ClientCertificates, limits: Limits) -> Self {
        let root = Authority::root("root");
        let tls = Tls::new(&shown(&root.server(&["localhost"]), MinVersion::Tls13), clients).unwrap();
        Self::behind(root, Door { limits, tls: Some(tls), ..Door::default() }).await
    }

    /// TLS 1.2 besides, with an RSA certificate.
    pub(crate) async fn both_versions(clients: ClientCertificates) -> Self {
        let root = Authority::root("root");
        let tls = Tls::new(&shown(&root.rsa_server(&["localhost"]), MinVersion::Tls12), clients).unwrap();
        Self::behind(root, Door { limits: PATIENT, tls: Some(tls), ..Door::default() }).await
    }

    pub(crate) async fn behind(root: Authority, door: Door) -> Self {
        let (release, reached) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = {
            let (release, reached) = (Arc::clone(&release), Arc::clone(&reached));
            async move || {
                reached.notify_one();
                release.notified().await;
                "released"
            }
        };
        let router = Router::new().route("/", get(who)).route("/held", get(held));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let served = tokio::spawn(serve(listener, router, door, stopping));
        Self { address, root, stop, served, release, reached }
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Shakes hands as this client would.
    pub(crate) async fn connect(&self, client: Client) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(client.configuration(&self.root)));
        connector.connect(ServerName::try_from("localhost").unwrap(), self.tcp().await).await
    }

    /// What one request over TLS is answered.
    pub(crate) async fn asked(&self, client: Client) -> io::Result<String> {
        let mut stream = self.connect(client).await?;
        ask(&mut stream, "/", "").await
    }
}

/// Says whose certificate the request came with, and whether headers say so, too.
async fn who(shown: Option<Extension<ClientCertificate>>, headers: HeaderMap) -> String {
    let headers = ["client-cert", "client-cert-chain"].iter().filter(|name| headers.contains_key(**name)).count();
    match shown {
        Some(Extension(shown)) => format!("{} +{} {headers} headers", shown.thumbprint(), shown.intermediates().len()),
        None => format!("nobody {headers} headers"),
    }
}

pub(crate) fn shown(certified: &Certified, min_version: MinVersion) -> ServerCertificate {
    ServerCertificate::from_pem(certified.pem().as_bytes(), certified.key_pem().as_bytes(), min_version).unwrap()
}

/// Sends a request and returns the body of its answer.
pub(crate) async fn ask<S>(stream: &mut S, path: &str, headers: &str) -> io::Result<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(body.to_owned()) } else { Ok(format!("{status} {body}")) }
}

/// What the peer's alert said.
pub(crate) fn alert(error: &io::Error) -> rustls::AlertDescription {
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => *alert,
        _ => panic!("no alert, but {error:?}"),
    }
}

/// A client of these tests; without more it speaks TLS 1.2 and 1.3 and shows nothing.
pub(crate) struct Client {
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    pub(crate) provider: CryptoProvider,
    pub(crate) certificate: Option<Arc<dyn ResolvesClientCert>>,
    pub(crate) alpn: &'static [&'static str],
}

impl Client {
    pub(crate) fn new() -> Self {
        Self { versions: rustls::ALL_VERSIONS.to_vec(), provider: default_provider(), certificate: None, alpn: &[] }
    }

    pub(crate) fn speaking(versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self { versions: versions.to_vec(), ..Self::new() }
    }

    /// Shows a certificate, with these authorities' beside it, and signs with `key`, whosever it is.
    pub(crate) fn showing(self, certified: &Certified, authorities: &[&Authority], key: &Certified) -> Self {
        let chain = [certified.certificate.clone()].into_iter().chain(authorities.iter().map(|it| it.der()));
        let key = PrivateKeyDer::try_from(key.key.clone()).unwrap();
        let key = self.provider.key_provider.load_private_key(key).unwrap();
        let certified = CertifiedKey::new(chain.map(CertificateDer::from).collect(), key);
        Self { certificate: Some(Arc::new(Shows(Arc::new(certified)))), ..self }
    }

    fn configuration(self, root: &Authority) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().into()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider));
        let builder = builder.with_protocol_versions(&self.versions).unwrap().with_root_certificates(roots);
        let mut configuration = match self.certificate {
            Some(certificate) => builder.with_client_cert_resolver(certificate),
            None => builder.with_no_client_auth(),
        };
        configuration.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        configuration
    }
}

#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
