//! The one place that opens outgoing connections. Every call has a short life and a small reply, follows no redirect
//! and uses no proxy from the environment; no other file names the HTTP library.
//!
//! Who chose the URL decides what it may lead to ([`Endpoint`]). An operator's goes where it says. A stranger's goes to
//! public addresses and to the networks that the operator opened, whatever it is spelled like and whatever its name
//! resolves to. Both kinds have connections of their own, so a stranger's call never travels on a connection that an
//! operator's URL opened; a connection that is used again was judged when it was made.

use std::{error::Error, fmt, io, net::IpAddr, sync::Arc, time::Duration};

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use thiserror::Error;
use url::Host;

use super::endpoint::{ChosenBy, Endpoint};
use super::networks::Networks;
use super::resolve::{Forbidden, Guard, Resolver, SystemResolver};
use super::roots::Roots;

/// Connections kept open to one host of a stranger's, and for how long nobody need use them.
const IDLE: (usize, Duration) = (32, Duration::from_secs(30));

/// How long a call may take and how much of its reply is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// For the whole call, from name look-up to the last byte of the reply.
    pub total: Duration,
    /// Bytes of the reply's body.
    pub reply_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(10), reply_bytes: 64 * 1024 }
    }
}

/// What a deployment's calls may reach beside the public Internet, and whom they believe.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Opened to strangers' URLs.
    pub networks: Networks,
    /// Believed under every URL.
    pub roots: Roots,
}

/// An HTTP client within [`Limits`]. Clones share connections.
#[derive(Clone)]
pub struct Client {
    operators: reqwest::Client,
    strangers: reqwest::Client,
    networks: Arc<Networks>,
    reply_bytes: usize,
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error("no HTTP client: {0}")]
pub struct Unusable(#[source] reqwest::Error);

/// No reply was had. Says nothing of the address: it may be a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreachable {
    /// A stranger's URL that leads to no address that may be called. Nothing was sent.
    #[error("forbidden address")]
    Forbidden,
    /// Name look-up or connection failed.
    #[error("no connection")]
    Connect,
    /// The server's certificate is not believed, or it does not speak TLS as we do.
    #[error("no trust")]
    Tls,
    /// [`Limits::connect`] or [`Limits::total`] passed.
    #[error("timed out")]
    Timeout,
    /// The connection ended, or spoke something else, before a reply.
    #[error("connection broke")]
    Broken,
}

/// What a request carries.
pub enum Payload {
    /// `application/x-www-form-urlencoded`, already encoded.
    Form(String),
    /// `application/json`, already written.
    Json(Vec<u8>),
    /// `application/octet-stream`.
    Octets(Vec<u8>),
}

/// Headers of one request. Their values are kept out of every log.
pub type Headers<'a> = &'a [(&'static str, String)];

/// A reply of any status; a redirect is one like any other.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The `Retry-After` header as sent.
    pub retry_after: Option<String>,
    /// The `Cache-Control` header as sent.
    pub cache_control: Option<String>,
    /// The `Content-Type` header as sent.
    pub content_type: Option<String>,
    /// The body.
    pub body: Body,
}

/// As much of a reply's body as was read.
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// Longer than [`Limits::reply_bytes`], not wanted, or the connection broke: the status stands, the rest was not read.
    Cut,
}

impl Reply {
    fn unread(response: &reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            retry_after: header(response, RETRY_AFTER),
            cache_control: header(response, CACHE_CONTROL),
            content_type: header(response, CONTENT_TYPE),
            body: Body::Cut,
        }
    }
}

/// What all clients have in common.
#[expect(clippy::disallowed_methods, reason = "the one adapter through which connections are opened")]
pub(super) fn plain() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_rustls()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
}

impl Client {
    /// A client that verifies servers by the authorities of `reach`. Where the system has none, the others still count.
    pub fn new(limits: Limits, reach: &Reach) -> Result<Self, Unusable> {
        // One each: strangers' slow names take no place from the operator's.
        let system = || Arc::new(SystemResolver::default()) as Arc<dyn Resolver>;
        Self::build(limits, reach, [system(), system()])
    }

    /// The same with another resolver than the system's.
    pub fn resolving_by(limits: Limits, reach: &Reach, resolver: Arc<dyn Resolver>) -> Result<Self, Unusable> {
        Self::build(limits, reach, [Arc::clone(&resolver), resolver])
    }

    /// Where strangers' URLs may lead.
    #[must_use]
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    fn build(limits: Limits, reach: &Reach, resolvers: [Arc<dyn Resolver>; 2]) -> Result<Self, Unusable> {
        let networks = Arc::new(reach.networks.clone());
        let [operators, strangers] = resolvers;
        let operators = Arc::new(Guard { resolver: operators, networks: None });
        let strangers = Arc::new(Guard { resolver: strangers, networks: Some(Arc::clone(&networks)) });
        let both = |roots: &Roots| {
            let within = |guard: &Arc<Guard>| {
                let builder = plain().connect_timeout(limits.connect).timeout(limits.total);
                roots.of(builder).dns_resolver(Arc::clone(guard))
            };
            let strangers = within(&strangers).pool_max_idle_per_host(IDLE.0).pool_idle_timeout(IDLE.1);
            Ok((within(&operators).build()?, strangers.build()?))
        };
        let built = both(&reach.roots).or_else(|error: reqwest::Error| {
            if !reach.roots.with_system() {
                return Err(error);
            }
            tracing::warn!(%error, "no certificate authorities of the system: only outbound.extra_roots are believed");
            both(&reach.roots.without_system())
        });
        let (operators, strangers) = built.map_err(Unusable)?;
        Ok(Self { operators, strangers, networks, reply_bytes: limits.reply_bytes })
    }

    /// Whether a call to this endpoint would be tried. Of a name it is not known before it is resolved.
    #[must_use]
    pub fn admits(&self, endpoint: &Endpoint) -> bool {
        let literal = match endpoint.url().host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return true,
        };
        endpoint.chosen_by() == ChosenBy::Operator || self.networks.admit(literal)
    }

    /// One GET.
    pub async fn get(&self, endpoint: &Endpoint) -> Result<Reply, Unreachable> {
        let request = self.http(endpoint)?.get(endpoint.url().clone());
        self.send(request).await
    }

    /// One POST, with `Authorization: Bearer` where a token is given.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        bearer: Option<&str>,
        payload: Payload,
    ) -> Result<Reply, Unreachable> {
        self.send(self.posting(endpoint, bearer, payload)?).await
    }

    /// One POST with headers of its own.
    pub async fn post_with(
        &self,
        endpoint: &Endpoint,
        headers: Headers<'_>,
        payload: Payload,
    ) -> Result<Reply, Unreachable> {
        let mut request = self.posting(endpoint, None, payload)?;
        for (name, value) in headers {
            // What cannot stand in a header was refused where it was read.
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| Unreachable::Broken)?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        self.send(request).await
    }

    /// One POST under a bearer token, done as soon as the reply's head has come: its body is not read, however long it is or takes.
    pub async fn tell(
        &self,
        endpoint: &Endpoint,
        bearer: Option<&str>,
        payload: Payload,
    ) -> Result<Reply, Unreachable> {
        let request = self.posting(endpoint, bearer, payload)?;
        let response = request.send().await.map_err(|error| Unreachable::from(&error))?;
        Ok(Reply::unread(&response))
    }

    fn posting(
        &self,
        endpoint: &Endpoint,
        bearer: Option<&str>,
        payload: Payload,
    ) -> Result<reqwest::RequestBuilder, Unreachable> {
        let (content_type, body) = match payload {
            Payload::Form(form) => ("application/x-www-form-urlencoded", form.into_bytes()),
            Payload::Json(json) => ("application/json", json),
            Payload::Octets(octets) => ("application/octet-stream", octets),
        };
        let request = self.http(endpoint)?.post(endpoint.url().clone()).header(CONTENT_TYPE, content_type).body(body);
        Ok(match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// One GET under a bearer token whose reply may be long: hands over what comes for as long as `take` wants more, and
    /// returns the status. Of any other status than 200 the body is not read.
    pub async fn download(
        &self,
        endpoint: &Endpoint,
        bearer: &str,
        take: &mut (dyn FnMut(&[u8]) -> bool + Send),
    ) -> Result<u16, Unreachable> {
        let request = self.http(endpoint)?.get(endpoint.url().clone()).bearer_auth(bearer);
        let mut response = request.send().await.map_err(|error| Unreachable::from(&error))?;
        let status = response.status().as_u16();
        while status == 200
            && let Some(chunk) = response.chunk().await.map_err(|_| Unreachable::Broken)?
            && take(&chunk)
        {}
        Ok(status)
    }

    /// Addresses are judged here, because the library resolves only names.
    fn http(&self, endpoint: &Endpoint) -> Result<&reqwest::Client, Unreachable> {
        if !self.admits(endpoint) {
            return Err(Unreachable::Forbidden);
        }
        Ok(match endpoint.chosen_by() {
            ChosenBy::Operator => &self.operators,
            ChosenBy::Stranger => &self.strangers,
        })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply, Unreachable> {
        let response = request.send().await.map_err(|error| Unreachable::from(&error))?;
        let head = Reply::unread(&response);
        Ok(Reply { body: self.read(response).await, ..head })
    }

    /// Reads by chunks, so that a reply without an honest length cannot fill memory.
    async fn read(&self, mut response: reqwest::Response) -> Body {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= self.reply_bytes => body.extend_from_slice(&chunk),
                Ok(None) => return Body::Whole(body),
                Ok(Some(_)) | Err(_) => return Body::Cut,
            }
        }
    }
}

fn header(response: &reqwest::Response, name: HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

impl From<&reqwest::Error> for Unreachable {
    fn from(error: &reqwest::Error) -> Self {
        if causes(error).any(<dyn Error>::is::<Forbidden>) {
            Self::Forbidden
        } else if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() && causes(error).any(is_tls) {
            Self::Tls
        } else if error.is_connect() {
            Self::Connect
        } else {
            Self::Broken
        }
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// The TLS library reports what it does not take as invalid data, which the connector wraps once more.
fn is_tls(cause: &(dyn Error + 'static)) -> bool {
    let Some(error) = cause.downcast_ref::<io::Error>() else { return false };
    error.kind() == io::ErrorKind::InvalidData || error.get_ref().is_some_and(|wrapped| is_tls(wrapped))
}

impl Unreachable {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Forbidden => "address_forbidden",
            Self::Connect => "no_connection",
            Self::Tls => "tls_failed",
            Self::Timeout => "timed_out",
            Self::Broken => "connection_broke",
        }
    }
}

impl Body {
    /// The bytes, if all of them were read.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Cut => None,
        }
    }
}

// Default headers and the resolver of the library would be printed otherwise.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

// A body may hold a token.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}
