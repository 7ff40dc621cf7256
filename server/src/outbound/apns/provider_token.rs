//! The token by which we are a provider to Apple: a JWT by the operator's key, which Apple wants to be used for 20
//! minutes at least and for an hour at most.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::domain::time::{Clock, Timestamp};
use crate::outbound::pem::Es256;

/// A token is replaced when it is so many seconds old.
const RENEWED_AFTER: i64 = 40 * 60;

/// Apple answers `TooManyProviderTokenUpdates` to who makes a new one more often. One that Apple calls expired before its
/// time is replaced all the same, but not twice within this.
const LEAST_BETWEEN_UPDATES: i64 = 20 * 60;

/// The provider tokens of one key.
pub(super) struct ProviderTokens {
    key: Es256,
    key_id: String,
    team_id: String,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<Held>>,
}

struct Held {
    token: Arc<str>,
    made_at: Timestamp,
    /// When one was last replaced before its time.
    hurried_at: Option<Timestamp>,
}

impl ProviderTokens {
    pub(super) fn new(key: Es256, key_id: String, team_id: String, clock: Arc<dyn Clock>) -> Self {
        Self { key, key_id, team_id, clock, held: Mutex::default() }
    }

    /// The token of now.
    pub(super) fn current(&self) -> Arc<str> {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(held) if now < held.made_at.plus_seconds(RENEWED_AFTER) => Arc::clone(&held.token),
            Some(_) | None => self.make(&mut held, now, None),
        }
    }

    /// Another token than `refused`, which Apple calls expired; `None` where it is too early for one.
    pub(super) fn instead_of(&self, refused: &Arc<str>) -> Option<Arc<str>> {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let last = held.as_ref()?;
        if !Arc::ptr_eq(&last.token, refused) {
            return Some(Arc::clone(&last.token));
        }
        let is_early = |at: Timestamp| now < at.plus_seconds(LEAST_BETWEEN_UPDATES);
        if last.hurried_at.is_some_and(is_early) {
            return None;
        }
        Some(self.make(&mut held, now, Some(now)))
    }

    fn make(&self, held: &mut Option<Held>, now: Timestamp, hurried_at: Option<Timestamp>) -> Arc<str> {
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let claims = json!({ "iss": self.team_id, "iat": now.unix_seconds() });
        let token: Arc<str> = self.key.jwt(&header, &claims).into();
        *held = Some(Held { token: Arc::clone(&token), made_at: now, hurried_at });
        token
    }
}

impl fmt::Debug for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderTokens")
            .field("key_id", &self.key_id)
            .field("team_id", &self.team_id)
            .finish_non_exhaustive()
    }
}
