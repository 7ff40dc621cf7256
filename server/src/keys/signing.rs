//! The keys that relying parties verify with, over time. One key of an algorithm signs. Its successor is published
//! [`LEAD`] before it signs, so that whoever caches our keys knows it by then; its predecessor is published for
//! [`PUBLISHED`] after, until nothing that it signed is alive, and known to ourselves for [`KNOWN`].
//!
//! Who signs follows from the clock alone: processes that share a key file agree without a word.

use protocol::crypto::CryptoError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::material::Pkcs8;
use super::signer::Signer;
use crate::domain::algorithm::Algorithm;
use crate::domain::policy::Policy;
use crate::domain::time::Timestamp;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Seconds for which a key is published before it signs: four times what `/jwks` lets others cache.
pub const LEAD: i64 = HOUR;

/// Seconds for which a key is published after it signed: the longest life of a token, and a day for slow clocks.
pub const PUBLISHED: i64 = 2 * DAY;

/// Seconds for which we recognise what a key signed after it signed: `id_token_hint` lives long.
pub const KNOWN: i64 = 400 * DAY;

/// Keys that are known but no longer published; of more, the oldest are forgotten.
const MOST_KNOWN: usize = 100;

/// How soon the next key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// After [`LEAD`].
    Announced,
    /// At once: whoever caches our keys may refuse a token or two.
    AtOnce,
    /// At once, and nothing is believed any more that the keys before it signed.
    Leaked,
}

/// What a key does at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Published; signs from then on.
    Next(Timestamp),
    /// Signs since then.
    Signing(Timestamp),
    /// Published until then.
    Published(Timestamp),
    /// Known to ourselves until then.
    Known(Timestamp),
}

/// One key, for an operator to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it signs by.
    pub algorithm: Algorithm,
    /// Its thumbprint.
    pub kid: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it does.
    pub phase: Phase,
}

/// A key that signs, or will.
#[derive(Clone)]
pub(super) struct Private {
    pub(super) algorithm: Algorithm,
    pub(super) created: Timestamp,
    pub(super) signs_from: Timestamp,
    pub(super) kid: String,
    pub(super) jwk: Value,
    pub(super) pkcs8: Pkcs8,
}

/// The public half of a key that signed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    pub(super) created: Timestamp,
    pub(super) retired: Timestamp,
    pub(super) jwk: Value,
}

/// A key that leaked: nothing that it signed is believed any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// What it signed by.
    pub algorithm: Algorithm,
    /// Its thumbprint.
    pub kid: String,
    /// Since when.
    pub at: Timestamp,
}

/// All of a realm's.
#[derive(Clone, Default)]
pub(super) struct SigningKeys {
    /// In the order in which they sign.
    pub(super) keys: Vec<Private>,
    /// In the order in which they ended.
    pub(super) past: Vec<Past>,
    /// In the order in which they were withdrawn: only to be told of.
    pub(super) withdrawn: Vec<Withdrawn>,
}

impl Private {
    fn make(algorithm: Algorithm, created: Timestamp, signs_from: Timestamp) -> Result<Self, CryptoError> {
        let (signer, pkcs8) = Signer::generate(algorithm)?;
        Ok(Self::of(&signer, pkcs8, created, signs_from))
    }

    pub(super) fn of(signer: &Signer, pkcs8: Pkcs8, created: Timestamp, signs_from: Timestamp) -> Self {
        let (algorithm, kid, jwk) = (signer.algorithm(), signer.kid().to_owned(), signer.jwk().clone());
        Self { algorithm, created, signs_from, kid, jwk, pkcs8 }
    }
}

impl SigningKeys {
    /// Whether [`Self::tend`] would change anything.
    pub(super) fn is_due(&self, policy: &Policy, now: Timestamp) -> bool {
        let superseded = self.keys.iter().any(|key| self.ended(key, now).is_some());
        let forgotten = self.past.iter().any(|past| is_over(past, KNOWN, now));
        superseded || forgotten || !self.wanted(policy, now).is_empty()
    }

    /// Makes the keys that the policy wants by now, and lets go of those whose time is over.
    pub(super) fn tend(&mut self, policy: &Policy, now: Timestamp) -> Result<(), CryptoError> {
        for (algorithm, signs_from) in self.wanted(policy, now) {
            self.add(Private::make(algorithm, now, signs_from)?);
        }
        self.let_go(now);
        Ok(())
    }

    /// Brings the next key of an algorithm on its way. Whether anything changed: one that is announced already is enough.
    pub(super) fn rotate(
        &mut self,
        algorithm: Algorithm,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<bool, CryptoError> {
        let next = self.keys.iter().position(|key| key.algorithm == algorithm && key.signs_from > now);
        match (rotation, next) {
            (Rotation::Announced, Some(_)) => return Ok(false),
            (Rotation::Announced, None) => self.add(Private::make(algorithm, now, now.plus_seconds(LEAD))?),
            (Rotation::AtOnce, Some(next)) => {
                let next = self.keys.remove(next);
                self.add(Private { signs_from: now, ..next });
            }
            (Rotation::AtOnce, None) => self.add(Private::make(algorithm, now, now)?),
            (Rotation::Leaked, _) => {
                let made = Private::make(algorithm, now, now)?;
                self.note_withdrawn(algorithm, now);
                self.keys.retain(|key| key.algorithm != algorithm);
                self.past.retain(|past| past.algorithm != algorithm);
                self.add(made);
            }
        }
        self.let_go(now);
        Ok(true)
    }

    /// Every algorithm that there is a key for.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<_> = self.keys.iter().map(|key| key.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        algorithms
    }

    /// The key of each algorithm that signs. A clock that was set back finds the first one.
    pub(super) fn signing(&self, now: Timestamp) -> Vec<&Private> {
        let signing = |algorithm| {
            let mut keys = self.keys.iter().filter(move |key| key.algorithm == algorithm);
            let first = keys.clone().next();
            keys.rfind(|key| key.signs_from <= now).or(first)
        };
        self.algorithms().into_iter().filter_map(signing).collect()
    }

    /// What relying parties are told: those that sign first.
    pub(super) fn published(&self, now: Timestamp) -> Vec<&Value> {
        let signing = self.signing(now);
        let others = self.keys.iter().filter(|key| signing.iter().all(|signing| signing.kid != key.kid));
        let past = self.past.iter().filter(|past| !is_over(past, PUBLISHED, now));
        signing.iter().copied().chain(others).map(|key| &key.jwk).chain(past.map(|past| &past.jwk)).collect()
    }

    /// What we recognise ourselves.
    pub(super) fn known(&self) -> Vec<&Value> {
        self.keys.iter().map(|key| &key.jwk).chain(self.past.iter().map(|past| &past.jwk)).collect()
    }

    /// When [`Self::signing`] or [`Self::published`] will next be another.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let begins = self.keys.iter().map(|key| key.signs_from);
        let ends = self.past.iter().map(|past| past.retired.plus_seconds(PUBLISHED));
        begins.chain(ends).filter(|change| *change > now).min()
    }

    /// For an operator.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Listed> {
        let keys = self.keys.iter().map(|key| {
            let Private { algorithm, ref kid, created, signs_from, .. } = *key;
            let phase = match self.ended(key, now) {
                Some(ended) => Phase::Published(ended.plus_seconds(PUBLISHED)),
                None if signs_from > now => Phase::Next(signs_from),
                None => Phase::Signing(signs_from),
            };
            Listed { algorithm, kid: kid.clone(), created, phase }
        });
        let past = self.past.iter().map(|past| {
            let Past { algorithm, ref kid, created, retired, .. } = *past;
            let known = is_over(past, PUBLISHED, now);
            let phase = if known {
                Phase::Known(retired.plus_seconds(KNOWN))
            } else {
                Phase::Published(retired.plus_seconds(PUBLISHED))
            };
            Listed { algorithm, kid: kid.clone(), created, phase }
        });
        let mut listed: Vec<_> = keys.chain(past).collect();
        listed.sort_by_key(|key| (key.algorithm, std::cmp::Reverse(key.created)));
        listed
    }

    /// Algorithms that want a key, and when it is to sign.
    fn wanted(&self, policy: &Policy, now: Timestamp) -> Vec<(Algorithm, Timestamp)> {
        let rotation = i64::from(policy.key_rotation_days) * DAY;
        let mut algorithms = self.algorithms();
        algorithms.extend(&policy.signing_algorithms);
        algorithms.sort_unstable();
        algorithms.dedup();
        let wanted = |algorithm: Algorithm| {
            let Some(newest) = self.keys.iter().rfind(|key| key.algorithm == algorithm) else {
                return Some((algorithm, now));
            };
            let end = newest.signs_from.plus_seconds(rotation);
            let soon = now.plus_seconds(LEAD);
            (rotation > 0 && soon >= end && newest.signs_from <= now).then(|| (algorithm, end.max(soon)))
        };
        algorithms.into_iter().filter_map(wanted).collect()
    }

    fn add(&mut self, key: Private) {
        self.keys.push(key);
        self.keys.sort_by_key(|key| key.signs_from);
    }

    /// When a key's successor took over, if it has.
    fn ended(&self, key: &Private, now: Timestamp) -> Option<Timestamp> {
        let later = self.keys.iter().skip_while(|other| other.kid != key.kid).skip(1);
        later.filter(|later| later.algorithm == key.algorithm).map(|later| later.signs_from).find(|from| *from <= now)
    }

    fn note_withdrawn(&mut self, algorithm: Algorithm, at: Timestamp) {
        let keys = self.keys.iter().map(|key| (key.algorithm, &key.kid));
        let known = keys.chain(self.past.iter().map(|past| (past.algorithm, &past.kid)));
        let withdrawn = known.filter(|(of, _)| *of == algorithm);
        self.withdrawn.extend(withdrawn.map(|(algorithm, kid)| Withdrawn { algorithm, kid: kid.clone(), at }));
        let surplus = self.withdrawn.len().saturating_sub(MOST_KNOWN);
        self.withdrawn.drain(..surplus);
    }

    fn let_go(&mut self, now: Timestamp) {
        let (ended, keys): (Vec<_>, Vec<_>) =
            self.keys.iter().cloned().map(|key| (self.ended(&key, now), key)).partition(|(ended, _)| ended.is_some());
        self.keys = keys.into_iter().map(|(_, key)| key).collect();
        for (retired, key) in ended {
            let Private { algorithm, kid, created, jwk, .. } = key;
            self.past.extend(retired.map(|retired| Past { algorithm, kid, created, retired, jwk }));
        }
        self.past.retain(|past| !is_over(past, KNOWN, now));
        let surplus = self.past.len().saturating_sub(MOST_KNOWN);
        let published = self.past.iter().position(|past| !is_over(past, PUBLISHED, now)).unwrap_or(self.past.len());
        self.past.drain(..surplus.min(published));
    }
}

fn is_over(past: &Past, life: i64, now: Timestamp) -> bool {
    past.retired.plus_seconds(life) <= now
}
