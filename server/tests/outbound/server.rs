//! A server on all addresses of this machine, which counts who reached it and where.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What becomes of a request.
#[derive(Clone)]
pub(crate) enum Manner {
    /// This text, whole; the connection stays open.
    Answer(String),
    /// This text, then nothing more for ever.
    Stall(&'static str),
    /// This text, then another for ever.
    Endless(&'static str, &'static str),
    /// Not even TLS: silence.
    Mute,
    /// This text, once somebody opens the gate.
    Gated(Arc<Semaphore>, String),
}

impl Manner {
    /// A reply with a body.
    pub(crate) fn reply(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Answer(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
    }
}

/// Where a connection arrived, and the requests that came over it, without their line ends.
#[derive(Debug, Default)]
struct Seen {
    connections: Vec<IpAddr>,
    requests: Vec<String>,
}

pub(crate) struct Server {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    seen: Arc<Mutex<Seen>>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Speaks TLS where an acceptor is given, and HTTP in the clear otherwise.
    pub(crate) async fn start(tls: Option<TlsAcceptor>, manner: Manner) -> Self {
        // IPv6 takes IPv4 too; a machine without it has one kind of address only.
        let listener = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.expect("a port"),
        };
        let address = listener.local_addr().expect("an address");
        let (seen, manner) = (Arc::<Mutex<Seen>>::default(), Arc::new(Mutex::new(manner)));
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, tls, Arc::clone(&manner), Arc::clone(&seen)));
        Self { address, manner, seen, _serving: serving }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// At which addresses it was reached, in order.
    pub(crate) async fn reached(&self) -> Vec<IpAddr> {
        // Connections are taken in the order in which they were made: once ours is, so are all before it.
        let mark = TcpStream::connect(("127.9.9.9", self.port())).await.expect("a connection");
        let mark_end = mark.peer_addr().expect("an address").ip();
        loop {
            let mut connections = self.seen.lock().expect("no panic").connections.clone();
            if connections.last() == Some(&mark_end) {
                connections.retain(|end| *end != mark_end);
                return connections;
            }
            tokio::task::yield_now().await;
        }
    }

    /// From the next request on.
    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("no panic") = manner;
    }

    /// Returns when so many requests have come.
    pub(crate) async fn asked(&self, times: usize) {
        while self.requests().len() < times {
            tokio::task::yield_now().await;
        }
    }

    /// The heads of all requests, and their bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").requests.clone()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, manner: Arc<Mutex<Manner>>, seen: Arc<Mutex<Seen>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let end = stream.local_addr().expect("an address").ip().to_canonical();
        seen.lock().expect("no panic").connections.push(end);
        let (tls, manner, seen) = (tls.clone(), Arc::clone(&manner), Arc::clone(&seen));
        let mute = matches!(*manner.lock().expect("no panic"), Manner::Mute);
        connections.spawn(async move {
            match tls {
                _ if mute => std::future::pending().await,
                None => serve(stream, &manner, &seen).await,
                Some(tls) => serve(tls.accept(stream).await.ok()?, &manner, &seen).await,
            }
        });
    }
}

/// Ends when the other side does.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: &Mutex<Manner>,
    seen: &Mutex<Seen>,
) -> Option<()> {
    loop {
        let request = read_request(&mut stream).await?;
        seen.lock().expect("no panic").requests.push(request);
        let manner = manner.lock().expect("no panic").clone();
        match &manner {
            Manner::Answer(text) => stream.write_all(text.as_bytes()).await.ok()?,
            Manner::Stall(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                stream.flush().await.ok()?;
                std::future::pending::<()>().await;
            }
            Manner::Endless(text, again) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                loop {
                    stream.write_all(again.as_bytes()).await.ok()?;
                }
            }
            Manner::Mute => unreachable!("it reads nothing"),
            Manner::Gated(gate, text) => {
                gate.acquire().await.ok()?.forget();
                stream.write_all(text.as_bytes()).await.ok()?;
            }
        }
        stream.flush().await.ok()?;
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = String::new();
    let mut piece = [0; 4_096];
    loop {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        request.push_str(std::str::from_utf8(&piece[..read]).expect("a text"));
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().expect("a length")) {
            return Some(request);
        }
    }
}
