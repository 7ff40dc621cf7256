//! TLS on a listener: which versions and suites, whose certificate we show, and whether we ask for the client's.
//!
//! TLS 1.3, or 1.2 besides with an RSA certificate and the two suites of BCP 195 that every client has
//! (FAPI 1.0 part 2 §8.5). The certificate can be exchanged while connections are open: each handshake takes what is
//! current when it begins.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs::{Ticketer, cipher_suite, default_provider};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, crypto::CryptoProvider};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::any_client::AnyClient;
use crate::domain::certificate::ClientCertificate;

mod any_client;
mod server_certificate;

pub use server_certificate::{BadServerCertificate, MinVersion, Part, ServerCertificate};

/// What both versions are spoken with; for TLS 1.2 nothing beyond it (OP acceptance: DHE draws a warning, all else fails).
const SUITES: [SupportedCipherSuite; 5] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Clients that speak HTTP/2 only are turned away in the handshake rather than by an answer that they cannot read.
const ALPN: &[u8] = b"http/1.1";

/// Whether a listener asks its peers for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not at all: browsers would show people a dialogue.
    NotAsked,
    /// Asked for, not required, and taken from any issuer or none: what it is worth is judged by the flows.
    Asked,
}

/// TLS as one listener speaks it.
pub struct Tls {
    clients: ClientCertificates,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Shows this certificate.
    pub fn new(
        certificate: &ServerCertificate,
        clients: ClientCertificates,
    ) -> Result<Arc<Self>, BadServerCertificate> {
        let current = RwLock::new(configuration(certificate, clients)?);
        Ok(Arc::new(Self { clients, current }))
    }

    /// Shows another one in all handshakes that begin from here on.
    pub fn replace(&self, certificate: &ServerCertificate) -> Result<(), BadServerCertificate> {
        let configuration = configuration(certificate, self.clients)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = configuration;
        Ok(())
    }

    /// Shakes hands; also what the client showed, with its key proven.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<(TlsStream<S>, Option<ClientCertificate>)> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let stream = TlsAcceptor::from(current).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::split_first);
        let certificate = shown.map(|(leaf, intermediates)| {
            ClientCertificate::new(leaf.to_vec(), intermediates.iter().map(|der| der.to_vec()).collect())
        });
        Ok((stream, certificate))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).finish_non_exhaustive()
    }
}

fn provider() -> CryptoProvider {
    CryptoProvider { cipher_suites: SUITES.to_vec(), ..default_provider() }
}

fn configuration(
    certificate: &ServerCertificate,
    clients: ClientCertificates,
) -> Result<Arc<ServerConfig>, BadServerCertificate> {
    let provider = Arc::new(provider());
    let versions = match certificate.min_version() {
        MinVersion::Tls13 => &[&TLS13][..],
        MinVersion::Tls12 => &[&TLS13, &TLS12],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("there are suites for each of these versions");
    let builder = match clients {
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
        ClientCertificates::Asked => builder.with_client_cert_verifier(Arc::new(AnyClient::new(&provider))),
    };
    let shown = SingleCertAndKey::from(certificate.load(&provider)?);
    let mut configuration = builder.with_cert_resolver(Arc::new(shown));
    configuration.alpn_protocols = vec![ALPN.to_vec()];
    match clients {
        // Phones come back again and again; a ticket spares both sides a signature, and needs no memory here.
        ClientCertificates::NotAsked => {
            configuration.send_tls13_tickets = 1;
            configuration.ticketer = Ticketer::new().expect("the library has randomness");
        }
        // Each connection proves that it has its certificate's key.
        ClientCertificates::Asked => {
            configuration.send_tls13_tickets = 0;
            configuration.session_storage = Arc::new(NoServerSessionStorage {});
        }
    }
    Ok(Arc::new(configuration))
}
