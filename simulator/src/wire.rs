//! How requests reach the provider: over a socket, or straight into its router in the same process. Whoever speaks over a
//! wire does not notice which.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use device_core::ports::{HttpHeader, HttpRequest, HttpResponse, Transport, TransportError};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tower::ServiceExt as _;

/// A reply larger than this is not read.
const MOST_BYTES: usize = 1024 * 1024;

/// Longer than any long poll.
const PATIENCE: Duration = Duration::from_mins(1);

/// A way to one listener of one provider. Clones share it.
#[derive(Clone)]
pub struct Wire(Arc<Way>);

enum Way {
    Socket {
        client: Box<Client<HttpsConnector<HttpConnector>, Body>>,
        /// `http` or `https`, and the address.
        base: String,
    },
    /// Empty while the provider restarts.
    Router(RwLock<Option<Router>>),
}

/// A reply of whatever status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// There was no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no reply: {why}")]
pub struct NoAnswer {
    why: String,
    /// Somebody is there, and shows a certificate that is not trusted.
    is_distrusted: bool,
}

/// A certificate or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("not usable as a certificate or key: {0}")]
pub struct BadPem(String);

impl BadPem {
    fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

fn anonymous(roots: RootCertStore) -> ClientConfig {
    builder().with_root_certificates(roots).with_no_client_auth()
}

fn showing(roots: RootCertStore, chain: &str, key: &str) -> Result<ClientConfig, BadPem> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(BadPem::new)?;
    let config = builder().with_root_certificates(roots);
    config.with_client_auth_cert(chain.map_err(BadPem::new)?, key).map_err(BadPem::new)
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.expect("the provider speaks the default versions")
}

impl Wire {
    /// Plain HTTP to this address, whatever host a URL names: a proxy with TLS may stand before it.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        Self::socket(anonymous(RootCertStore::empty()), "localhost", format!("http://{address}"))
    }

    /// HTTPS to this address, with these authorities trusted (PEM), for this name, and showing a certificate where the
    /// server asks for one: certificate and key, PEM.
    pub fn secure(
        address: SocketAddr,
        name: &str,
        authorities: &str,
        certificate: Option<(&str, &str)>,
    ) -> Result<Self, BadPem> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            roots.add(authority.map_err(BadPem::new)?).map_err(BadPem::new)?;
        }
        let config = match certificate {
            None => anonymous(roots),
            Some((chain, key)) => showing(roots, chain, key)?,
        };
        Ok(Self::socket(config, name, format!("https://{address}")))
    }

    fn socket(config: ClientConfig, name: &str, base: String) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| "localhost".try_into().expect("a name"));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .with_server_name_resolver(FixedServerNameResolver::new(name))
            .enable_http1()
            .build();
        Self(Arc::new(Way::Socket { client: Box::new(Client::builder(TokioExecutor::new()).build(connector)), base }))
    }

    /// Straight into a router.
    #[must_use]
    pub fn into(router: Router) -> Self {
        Self(Arc::new(Way::Router(RwLock::new(Some(router)))))
    }

    /// Takes the router away (nobody answers any more) or puts another one in its place. A socket stays as it is.
    pub fn reconnect(&self, router: Option<Router>) {
        if let Way::Router(current) = &*self.0 {
            *current.write().unwrap_or_else(PoisonError::into_inner) = router;
        }
    }

    /// Sends one request. Of the URL only path and query count.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
        let (mut head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        if let Some(host) = head.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
            head.headers.entry(HOST).or_insert(host);
        }
        let response = match &*self.0 {
            Way::Socket { client, base } => {
                head.uri = format!("{base}{target}").parse().map_err(no_answer)?;
                let sent = client.request(Request::from_parts(head, Body::from(body)));
                let response = tokio::time::timeout(PATIENCE, sent).await.map_err(no_answer)?;
                response
                    .map_err(|error| NoAnswer { is_distrusted: is_distrust(&error), ..no_answer(error) })?
                    .map(Body::new)
            }
            Way::Router(router) => {
                head.uri = target.parse().map_err(no_answer)?;
                let router = router.read().unwrap_or_else(PoisonError::into_inner).clone();
                let router = router.ok_or_else(|| NoAnswer::new("nobody listens"))?;
                let Ok(response) = router.oneshot(Request::from_parts(head, Body::from(body))).await;
                response
            }
        };
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MOST_BYTES).await.map_err(no_answer)?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// `GET`
    pub async fn get(&self, url: &str) -> Result<Answer, NoAnswer> {
        self.send(Request::get(url).body(Vec::new()).map_err(no_answer)?).await
    }
}

impl Answer {
    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value, where there is exactly one of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The OAuth error code, if the body is such an error.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.json()["error"].as_str().map(str::to_owned)
    }

    /// The code of a problem document, if the body is one.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let kind = self.json()["type"].as_str()?.to_owned();
        kind.strip_prefix("urn:assent:problem:").map(str::to_owned)
    }

    /// Status and error code in a few characters, for people.
    #[must_use]
    pub fn in_short(&self) -> String {
        let code = self.error().or_else(|| self.problem());
        code.map_or_else(|| self.status.as_u16().to_string(), |code| format!("{} {code}", self.status.as_u16()))
    }
}

/// A phone's way to the provider.
#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let request = as_http(request).map_err(|error| TransportError::Unexpected { detail: error.to_string() })?;
        let answer = Wire::send(self, request).await;
        let answer = answer.map_err(|error| {
            if error.is_distrusted {
                TransportError::UntrustedCertificate { detail: error.why }
            } else {
                TransportError::Unreachable { detail: error.to_string() }
            }
        })?;
        let headers = answer.headers.iter().filter_map(|(name, value)| {
            Some(HttpHeader { name: name.to_string(), value: value.to_str().ok()?.to_owned() })
        });
        Ok(HttpResponse { status: answer.status.as_u16(), headers: headers.collect(), body: answer.body.to_vec() })
    }
}

fn as_http(request: HttpRequest) -> Result<Request<Vec<u8>>, axum::http::Error> {
    let mut http = Request::new(request.body);
    *http.method_mut() = Method::from_bytes(request.method.as_bytes())?;
    *http.uri_mut() = request.url.parse::<Uri>()?;
    for header in request.headers {
        http.headers_mut().append(HeaderName::try_from(header.name)?, HeaderValue::try_from(header.value)?);
    }
    Ok(http)
}

fn no_answer(error: impl fmt::Display) -> NoAnswer {
    NoAnswer::new(error)
}

impl NoAnswer {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), is_distrusted: false }
    }
}

/// Whether the cause of a failed connection is the certificate that was shown. TLS hides it in an I/O error.
fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
        return true;
    }
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    if let Some(inner) = inner {
        return is_distrust(inner);
    }
    error.source().is_some_and(is_distrust)
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Way::Socket { base, .. } => write!(f, "Wire(to {base})"),
            Way::Router(_) => f.write_str("Wire(into a router)"),
        }
    }
}
