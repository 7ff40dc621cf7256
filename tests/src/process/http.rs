//! HTTP/1.1 over one connection that is kept: what a client library would do, and nothing that hides a broken connection.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// The request may or may not have been carried out: nobody will ever say.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the connection was lost: {0}")]
pub struct Lost(String);

impl Lost {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A connection to one server.
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    /// The server said that it ends the connection after its last reply (RFC 9112 §9.6).
    is_ended: bool,
}

/// A request to be sent.
pub struct Call<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl<'a> Call<'a> {
    /// Without body.
    #[must_use]
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new() }
    }

    /// A POST of this body.
    #[must_use]
    pub fn post(path: &'a str, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { method: Method::POST, path, headers, body: body.into() }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// If the value cannot stand in a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("the caller's value fits a header");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }
}

/// A reply, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body, read as JSON.
    ///
    /// # Panics
    /// If it is something else: the server broke its word, and the test ends here.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// Itself, if its status is this one.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

impl Connection {
    /// Connects; must be called within a Tokio runtime.
    pub async fn open(address: SocketAddr) -> Result<Self, Lost> {
        let stream = TcpStream::connect(address).await.map_err(Lost::of)?;
        stream.set_nodelay(true).map_err(Lost::of)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Lost::of)?;
        // Ends with the connection; what went wrong is told to whoever sends next.
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&address.to_string()).map_err(Lost::of)?;
        Ok(Self { address, sender, host, is_ended: false })
    }

    /// Sends, and reads the whole reply.
    pub async fn send(&mut self, call: Call<'_>) -> Result<Reply, Lost> {
        if self.is_ended {
            *self = Self::open(self.address).await?;
        }
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = call.path.parse().map_err(Lost::of)?;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().extend(call.headers);
        self.sender.ready().await.map_err(Lost::of)?;
        let reply = self.sender.send_request(request).await.map_err(Lost::of)?;
        let (head, body) = reply.into_parts();
        self.is_ended = head.headers.get(CONNECTION).is_some_and(|value| value == "close");
        let body = body.collect().await.map_err(Lost::of)?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }
}
