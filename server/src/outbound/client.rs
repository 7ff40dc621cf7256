//! The one place that opens outgoing connections. Every call has a short life and a small reply, follows no redirect
//! and uses no proxy from the environment; no other file names the HTTP library.

use std::{fmt, time::Duration};

use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use thiserror::Error;
use url::Url;

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

/// An HTTP client within [`Limits`]. Clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    reply_bytes: usize,
}

/// The client could not be set up.
#[derive(Debug, Error)]
#[error("no HTTP client: {0}")]
pub struct Unusable(#[source] reqwest::Error);

/// No reply was had. Says nothing of the address: it may be a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreachable {
    /// Name look-up, connection or TLS failed.
    #[error("no connection")]
    Connect,
    /// [`Limits::connect`] or [`Limits::total`] passed.
    #[error("timed out")]
    Timeout,
    /// The connection ended, or spoke something else, before a reply.
    #[error("connection broke")]
    Broken,
}

/// What a request carries.
pub(super) enum Payload {
    /// `application/x-www-form-urlencoded`, already encoded.
    Form(String),
    /// `application/json`, already written.
    Json(Vec<u8>),
}

/// A reply of any status.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The `Retry-After` header as sent.
    pub(super) retry_after: Option<String>,
    pub(super) body: Body,
}

/// As much of a reply's body as was read.
pub(super) enum Body {
    Whole(Vec<u8>),
    /// Longer than [`Limits::reply_bytes`], or the connection broke: the status stands, the rest was not read.
    Cut,
}

#[expect(clippy::disallowed_methods, reason = "the one adapter through which connections are opened")]
fn builder(limits: Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_rustls()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.connect)
        .timeout(limits.total)
}

impl Client {
    /// A client that verifies servers by the system's certificate authorities. Where it has none, plain http on this
    /// machine still works, and every https call fails.
    pub fn new(limits: Limits) -> Result<Self, Unusable> {
        let http = builder(limits).build().or_else(|error| {
            tracing::warn!(%error, "no certificate authorities found: no https endpoint can be reached");
            builder(limits).tls_certs_only([]).build()
        });
        Ok(Self { http: http.map_err(Unusable)?, reply_bytes: limits.reply_bytes })
    }

    /// One POST, with `Authorization: Bearer` where a token is given.
    pub(super) async fn post(&self, url: &Url, bearer: Option<&str>, payload: Payload) -> Result<Reply, Unreachable> {
        let (content_type, body) = match payload {
            Payload::Form(form) => ("application/x-www-form-urlencoded", form.into_bytes()),
            Payload::Json(json) => ("application/json", json),
        };
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, content_type).body(body);
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| Unreachable::from(&error))?;
        Ok(Reply {
            status: response.status().as_u16(),
            retry_after: header(&response, RETRY_AFTER),
            body: self.read(response).await,
        })
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
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connect
        } else {
            Self::Broken
        }
    }
}

impl Unreachable {
    /// The word for logs and metrics.
    pub(super) const fn cause(self) -> &'static str {
        match self {
            Self::Connect => "no_connection",
            Self::Timeout => "timed_out",
            Self::Broken => "connection_broke",
        }
    }
}

impl Body {
    /// The bytes, if all of them were read.
    pub(super) fn whole(&self) -> Option<&[u8]> {
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

/// Plain `http` is for a stand-in on this machine: anywhere else it would show credentials to the network. A password
/// within the URL would be printed with it.
pub(crate) fn is_safe_endpoint(url: &Url) -> bool {
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(url::Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(url::Host::Ipv6(address))) => address.is_loopback(),
        ("http", Some(url::Host::Domain(name))) => name == "localhost",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (url, safe) in [
            ("https://fcm.googleapis.com", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost:8080/", true),
            ("http://fcm.googleapis.com", false),
            ("http://10.0.0.1/", false),
            ("http://localhost.example.com/", false),
            ("ftp://127.0.0.1/", false),
            ("data:,x", false),
            ("https://gateway:password@fcm.example.com/", false),
        ] {
            assert_eq!(is_safe_endpoint(&Url::parse(url).expect("a URL")), safe, "{url}");
        }
    }
}
