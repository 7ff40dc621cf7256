//! From names to addresses, and the filter between them. The filter stands where the connection is made: what it lets
//! through is what is connected to, so a name that answers otherwise the second time (re-binding) gains nothing.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;
use tokio::sync::Semaphore;

use super::endpoint::LOCALHOST;
use super::networks::Networks;

/// So many look-ups at once: each holds a thread until the system's resolver is done, and slow name servers must not
/// take the threads that others need.
const LOOKUPS: usize = 64;

/// So many addresses of a name are tried.
const ADDRESSES: usize = 8;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All of them, in the order in which they are to be tried.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
pub(super) struct SystemResolver {
    places: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        // A task of its own: a look-up cannot be called off, so whoever stops waiting for it must not free its place.
        let found = tokio::spawn(async move {
            let _place = place;
            Ok(lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect())
        });
        found.await.map_err(io::Error::other)?
    }
}

/// No address of the name may be called.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no address that may be called")]
pub(super) struct Forbidden;

/// What the HTTP library asks for addresses.
pub(super) struct Guard {
    pub(super) resolver: Arc<dyn Resolver>,
    /// What strangers' names may lead to; `None` for operators' names.
    pub(super) networks: Option<Arc<Networks>>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, networks) = (Arc::clone(&self.resolver), self.networks.clone());
        Box::pin(async move {
            let found = resolver.addresses(name.as_str()).await?;
            admitted(name.as_str(), found, networks.as_deref())
        })
    }
}

/// One forbidden address does not condemn its name: others of the same name may be right, and only those are tried.
fn admitted(
    name: &str,
    found: Vec<IpAddr>,
    networks: Option<&Networks>,
) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    let admitted: Vec<_> = found
        .into_iter()
        .map(|address| address.to_canonical())
        .filter(|address| name != LOCALHOST || address.is_loopback())
        .filter(|address| networks.is_none_or(|networks| networks.admit(*address)))
        .map(|address| SocketAddr::new(address, 0)) // the port is the URL's
        .take(ADDRESSES)
        .collect();
    if admitted.is_empty() { Err(Box::new(Forbidden)) } else { Ok(Box::new(admitted.into_iter())) }
}
