//! The public keys that others publish under a URL of theirs (`jwks_uri`), fetched when they are first needed and
//! remembered (RFC 7517 §5, OIDC Core §10.1.1).
//!
//! A set is fresh for as long as its server says, within bounds. Keys change while it is fresh, too: whoever meets a
//! signature under an unknown `kid` asks for a [newer](KeySets::newer) set. Strangers can cause both, so a URL is
//! fetched once every [`PAUSE`] at most, whatever came of it, and by one call at a time, for which the others wait.
//! While a server does not answer, its last set goes on to count until it is [`OLDEST`].

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use thiserror::Error;
use tracing::Instrument as _;

use super::client::{Client, Unreachable};
use super::endpoint::Endpoint;
use crate::domain::time::{Clock, Timestamp};

/// How long a set is fresh, in seconds. The most is what a key that its owner withdrew may still be good for.
pub const FRESH: RangeInclusive<u32> = 300..=3_600;

/// Between two fetches of one URL, in seconds.
pub const PAUSE: u32 = 30;

/// How old a set may become in seconds while its server gives no other.
pub const OLDEST: u32 = 86_400;

/// So many URLs are remembered; beyond them those that were not needed for longest are forgotten.
pub const MOST_URLS: usize = 1_000;

/// The sets of many URLs, each read into a `T`. Clones share them.
pub struct KeySets<T>(Arc<Inner<T>>);

struct Inner<T> {
    client: Client,
    clock: Arc<dyn Clock>,
    read: Box<Read<T>>,
    sources: Mutex<LruCache<Endpoint, Arc<Source<T>>>>,
}

/// Makes a set of a reply's body, or says why it is none.
type Read<T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync;

/// Why there are no keys. The same answer holds until the URL may be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoKeys {
    /// No reply.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// A reply of another status than 200; a redirect is one.
    #[error("the reply has status {0}")]
    Status(u16),
    /// A reply longer than the client reads.
    #[error("the reply is too long or was cut short")]
    Cut,
    /// A reply that is no key set.
    #[error("the reply is no key set")]
    Malformed,
}

/// One URL.
struct Source<T> {
    state: Mutex<State<T>>,
    /// Held by the one call that fetches.
    flight: Arc<tokio::sync::Mutex<()>>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// When the last fetch began.
    tried: Option<Timestamp>,
    /// What it came to if that was no set.
    failure: NoKeys,
}

struct Held<T> {
    keys: Arc<T>,
    since: Timestamp,
    fresh_seconds: u32,
}

impl<T: Send + Sync + 'static> KeySets<T> {
    /// Sets fetched through `client`. What `read` refuses is no set; its reason goes to the log.
    pub fn new<E: Display + 'static>(client: Client, clock: Arc<dyn Clock>, read: fn(&[u8]) -> Result<T, E>) -> Self {
        let most = NonZeroUsize::new(MOST_URLS).expect("some are remembered");
        Self(Arc::new(Inner {
            client,
            clock,
            read: Box::new(move |bytes| read(bytes).map_err(|error| error.to_string())),
            sources: Mutex::new(LruCache::new(most)),
        }))
    }

    /// The keys at `url`: from memory while they are fresh, else fetched, else from memory while they may count.
    pub async fn keys(&self, url: &Endpoint) -> Result<Arc<T>, NoKeys> {
        let source = self.0.source(url);
        if let Some(keys) = source.fresh(self.0.clock.now()) {
            return Ok(keys);
        }
        self.fetch_if(url, &source, |source, now| source.fresh(now).is_none()).await;
        source.usable(self.0.clock.now())
    }

    /// The keys at `url` if they are others than `seen`, in which the wanted one was missing.
    pub async fn newer(&self, url: &Endpoint, seen: &Arc<T>) -> Option<Arc<T>> {
        let source = self.0.source(url);
        let is_seen = |keys: &Arc<T>| Arc::ptr_eq(keys, seen);
        let unchanged = |source: &Source<T>, now| source.usable(now).as_ref().map_or(true, is_seen);
        if unchanged(&source, self.0.clock.now()) {
            self.fetch_if(url, &source, unchanged).await;
        }
        source.usable(self.0.clock.now()).ok().filter(|keys| !is_seen(keys))
    }

    /// Fetches once, if that is `needed` still when it is our turn, and if the last time was long enough ago.
    async fn fetch_if(&self, url: &Endpoint, source: &Arc<Source<T>>, needed: impl Fn(&Source<T>, Timestamp) -> bool) {
        let flight = Arc::clone(&source.flight).lock_owned().await;
        let now = self.0.clock.now();
        if !needed(source, now) || !source.take_turn(now) {
            return;
        }
        let (inner, source, url) = (Arc::clone(&self.0), Arc::clone(source), url.clone());
        // A task of its own: whoever hangs up must not use up the turn of all others.
        let fetching = async move {
            source.settle(inner.fetch(&url).await, now);
            drop(flight);
        };
        // It fails only when the process ends.
        let _ = tokio::spawn(fetching.in_current_span()).await;
    }
}

// By hand: a derived one would ask for `T: Clone`.
impl<T> Clone for KeySets<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Inner<T> {
    fn source(&self, url: &Endpoint) -> Arc<Source<T>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sources.get_or_insert_ref(url, Arc::default))
    }

    async fn fetch(&self, url: &Endpoint) -> Result<(T, u32), NoKeys> {
        let reply = self.client.get(url).await?;
        if reply.status != 200 {
            return Err(NoKeys::Status(reply.status));
        }
        let keys = (self.read)(reply.body.whole().ok_or(NoKeys::Cut)?).map_err(|why| {
            tracing::warn!(why, "a key set cannot be read");
            NoKeys::Malformed
        })?;
        Ok((keys, fresh_seconds(reply.cache_control.as_deref())))
    }
}

/// RFC 9111 §5.2.2. Who forbids to remember is asked as often as may be.
fn fresh_seconds(cache_control: Option<&str>) -> u32 {
    let directives = cache_control.unwrap_or_default().split(',');
    let max_age = directives.filter_map(|directive| directive.trim().split_once('=')).find_map(|(name, seconds)| {
        name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse::<u32>().unwrap_or(0))
    });
    max_age.unwrap_or(0).clamp(*FRESH.start(), *FRESH.end())
}

impl<T> Default for Source<T> {
    fn default() -> Self {
        let failure = NoKeys::Unreachable(Unreachable::Broken); // until the first fetch has ended
        Self { state: Mutex::new(State { held: None, tried: None, failure }), flight: Arc::default() }
    }
}

impl<T> Source<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set, if nobody need ask again. One from the future was fetched before the clock was set back.
    fn fresh(&self, now: Timestamp) -> Option<Arc<T>> {
        let state = self.state();
        let held = state.held.as_ref()?;
        let until = held.since.plus_seconds(held.fresh_seconds.into());
        (held.since <= now && now < until).then(|| Arc::clone(&held.keys))
    }

    /// The set, if it may still count.
    fn usable(&self, now: Timestamp) -> Result<Arc<T>, NoKeys> {
        let state = self.state();
        let held = state.held.as_ref().filter(|held| now < held.since.plus_seconds(OLDEST.into()));
        held.map(|held| Arc::clone(&held.keys)).ok_or(state.failure)
    }

    /// Whether the URL may be fetched now; if so, it counts as tried.
    fn take_turn(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let rests = state.tried.is_some_and(|tried| tried <= now && now < tried.plus_seconds(PAUSE.into()));
        if !rests {
            state.tried = Some(now);
        }
        !rests
    }

    fn settle(&self, outcome: Result<(T, u32), NoKeys>, since: Timestamp) {
        let mut state = self.state();
        match outcome {
            Ok((keys, fresh_seconds)) => state.held = Some(Held { keys: Arc::new(keys), since, fresh_seconds }),
            Err(failure) => {
                tracing::warn!(%failure, "no keys from their URL");
                state.failure = failure;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_fresh_for_as_long_as_its_server_says_within_bounds() {
        for (header, expected) in [
            (None, 300),
            (Some(""), 300),
            (Some("no-store"), 300),
            (Some("no-cache, max-age=0"), 300),
            (Some("max-age=301"), 301),
            (Some("public, MAX-AGE=600, must-revalidate"), 600),
            (Some("max-age=\"900\""), 900),
            (Some("max-age = 900"), 300),
            (Some("max-age=3600"), 3_600),
            (Some("max-age=31536000"), 3_600),
            (Some("max-age=99999999999999999999"), 300),
            (Some("max-age=-1"), 300),
            (Some("s-maxage=900"), 300),
            (Some("max-age"), 300),
        ] {
            assert_eq!(fresh_seconds(header), expected, "{header:?}");
        }
    }
}
