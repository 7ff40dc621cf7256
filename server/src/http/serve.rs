//! The accept loop: HTTP/1.1 over TCP, within limits that a slow, greedy or broken peer cannot pass.
//!
//! Our own rather than `axum::serve`, which has neither time-outs nor a cap and cannot say when its last connection is
//! done.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service as _;
use tracing::{debug, error, warn};

use self::taken::Taken;
use self::timely::Timely;
use super::error;

mod taken;
mod timely;

/// What one listener grants.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// For a request's line and headers, and for a connection to stay idle between two requests.
    pub head: Duration,
    /// For a request's body, from its head to its last byte.
    pub body: Duration,
    /// For a peer to make room for the next piece of an answer. Who asks and asks and reads nothing would otherwise hold
    /// a connection for ever.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let soon = Duration::from_secs(10);
        Self { connections: 20_000, head: soon, body: soon, answer: soon }
    }
}

/// A request with more headers, or with more bytes of line and headers, is answered 431.
const MOST_HEADERS: usize = 64;
const MOST_HEAD_BYTES: usize = 32 * 1024;

/// How long a failed accept (no file descriptors left, say) is followed by none, so that it does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `stop` turns true or its sender is gone. Then accepts nothing more, and returns when the
/// requests under way are answered and all connections closed; dropping the future cuts them off.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let connection = converse(stream, router.clone(), limits, connections.watcher());
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
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

fn converse(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    watcher: Watcher,
) -> impl Future<Output = hyper::Result<()>> {
    let service = service_fn(move |request| answer(router.clone(), request, limits.body));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_header_size(MOST_HEAD_BYTES)
        .max_buf_size(2 * MOST_HEAD_BYTES)
        .serve_connection(TokioIo::new(Taken::new(stream, limits.answer)), service);
    watcher.watch(connection)
}

/// A handler that panics costs its own request and nothing else.
async fn answer(mut router: Router, request: Request<Incoming>, body: Duration) -> Result<Response, Infallible> {
    let request = request.map(|incoming| Body::new(Timely::new(incoming, body)));
    let answered = AssertUnwindSafe(async { router.call(request).await }).catch_unwind().await;
    answered.unwrap_or_else(|_| {
        // What it said is not repeated: it may quote the request. Where it was is in the panic hook's line.
        error!("a handler panicked");
        Ok(error::oauth(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the server failed; try again later"))
    })
}
