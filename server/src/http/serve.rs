//! The accept loop: HTTP/1.1 over TCP or TLS, within limits that a slow, greedy or broken peer cannot pass.
//!
//! Our own rather than `axum::serve`, which has neither time-outs nor a cap and cannot say when its last connection is
//! done.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use axum::response::Response;
use axum::{BoxError, Router};
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service as _;
use tracing::{debug, error, warn};

use self::taken::Taken;
use self::timely::Timely;
use super::error;
use super::proxies::{Peer, Proxies};
use super::tls::Tls;

mod taken;
mod timely;

/// How one listener lets peers in.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// What it grants them.
    pub limits: Limits,
    /// What they must speak; plain TCP where there is none.
    pub tls: Option<Arc<Tls>>,
    /// Which of them are believed when they say what certificate a client showed them.
    pub proxies: Proxies,
}

/// What one listener grants.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// For the handshake of TLS.
    pub handshake: Duration,
    /// For a request's line and headers, and for a connection to stay idle between two requests.
    pub head: Duration,
    /// For a request's body, from its head to its last byte.
    pub body: Duration,
    /// For a peer to make room for the next piece of an answer. Who asks and asks and reads nothing would otherwise hold
    /// a connection for ever.
    pub answer: Duration,
}

impl From<Limits> for Door {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let soon = Duration::from_secs(10);
        Self { connections: 20_000, handshake: soon, head: soon, body: soon, answer: soon }
    }
}

/// A request with more headers, or with more bytes of line and headers, is answered 431.
const MOST_HEADERS: usize = 64;
const MOST_HEAD_BYTES: usize = 32 * 1024;

/// How long a failed accept (no file descriptors left, say) is followed by none, so that it does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `stop` turns true or its sender is gone. Then accepts nothing more, and returns when the
/// requests under way are answered and all connections closed; dropping the future cuts them off.
pub async fn serve(listener: TcpListener, router: Router, door: Door, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(door.limits.connections));
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let guest = Guest { stream, peer, watcher: connections.watcher() };
                let (router, door, stop) = (router.clone(), door.clone(), stop.clone());
                tokio::spawn(async move {
                    if let Err(error) = receive(guest, router, &door, stop).await {
                        debug!(%peer, %error, "connection ended early");
                    }
                    drop(slot);
                });
            }
            Err(error) if concerns_one_connection(&error) => debug!(%error, "connection not accepted"),
            Err(error) => {
                warn!(%error, "no connection can be accepted; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // A slot first: what is accepted without one could only be turned away.
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput)
}

/// A connection that was just accepted.
struct Guest {
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
}

/// Shakes hands where there is TLS, then converses.
async fn receive(guest: Guest, router: Router, door: &Door, stop: watch::Receiver<bool>) -> Result<(), BoxError> {
    let Guest { stream, peer, watcher } = guest;
    let is_proxy = door.proxies.include(peer.ip());
    let stream = Taken::new(stream, door.limits.answer);
    let Some(tls) = &door.tls else {
        let peer = Peer { certificate: None, is_proxy };
        return Ok(converse(stream, peer, router, door.limits, watcher).await?);
    };
    let Some(shaken) = shake_hands(tls.accept(stream), door.limits.handshake, stop).await else { return Ok(()) };
    let (stream, certificate) = shaken?;
    let peer = Peer { certificate, is_proxy };
    Ok(converse(stream, peer, router, door.limits, watcher).await?)
}

/// `None` where we stop before it is done: nobody has asked for anything yet.
async fn shake_hands<T>(
    accepting: impl Future<Output = io::Result<T>>,
    within: Duration,
    mut stop: watch::Receiver<bool>,
) -> Option<io::Result<T>> {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => None,
        shaken = tokio::time::timeout(within, accepting) => Some(shaken.unwrap_or_else(|late| Err(late.into()))),
    }
}

fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) -> impl Future<Output = hyper::Result<()>> {
    let peer = Arc::new(peer);
    let service = service_fn(move |request| answer(router.clone(), request, Arc::clone(&peer), limits.body));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_header_size(MOST_HEAD_BYTES)
        .max_buf_size(2 * MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection)
}

/// RFC 9112 §3.2. Nothing here depends on it; but a proxy in front must not see another host than we do.
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(host), None) => {
            let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            authority.is_some_and(|authority| {
                let is_all = authority.host() == authority.as_str() || authority.port_u16().is_some();
                is_all && !authority.host().is_empty() && !authority.as_str().contains('@')
            })
        }
        (Some(_), Some(_)) => false,
    }
}

/// A handler that panics costs its own request and nothing else.
async fn answer(
    mut router: Router,
    mut request: Request<Incoming>,
    peer: Arc<Peer>,
    body: Duration,
) -> Result<Response, Infallible> {
    if !names_its_host(&request) {
        return Ok(error::invalid_request("one Host, and a host in it, is needed (RFC 9112, section 3.2)"));
    }
    if peer.introduce(&mut request).is_err() {
        return Ok(error::invalid_request("the proxy's Client-Cert or Client-Cert-Chain is malformed (RFC 9440)"));
    }
    let (head, incoming) = request.into_parts();
    let body = Timely::new(incoming, body);
    let read = body.read();
    let request = Request::from_parts(head, Body::new(body));
    let answered = AssertUnwindSafe(async { router.call(request).await }).catch_unwind().await;
    let answered = answered.unwrap_or_else(|_| {
        // What it said is not repeated: it may quote the request. Where it was is in the panic hook's line.
        error!("a handler panicked");
        Ok(error::oauth(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the server failed; try again later"))
    });
    answered.map(|mut response| {
        // hyper closes the connection then and does not say so; the peer would lose its next request (RFC 9112 §9.6).
        if !read.to_its_end() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}
