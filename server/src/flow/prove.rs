//! A phone proves each request: one signature by its `device` key over method, URL, body and a fresh nonce.
//!
//! Nonces are stateless (a MAC over time and device) and serve parallel requests. A proof counts once: within this
//! process by [`Proofs`], and for calls that change something by a mark in the store, in the same commit as the change.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::crypto::aws_lc::VerifyingKey;
use protocol::endpoints::{self, Method};
use protocol::jws::Unverified;
use protocol::messages::{Proof, Revocation};
use protocol::{DeviceId, Digest, Jwk, Jws, KeyRef, KeyRole, Nonce, Typ, base64url};
use subtle::ConstantTimeEq as _;

use super::Unavailable;
use super::provider::Provider;
use crate::domain::device::{Device, DeviceStatus};
use crate::domain::time::Timestamp;
use crate::store::{Change, MarkKey};

/// How long a nonce may be used, in seconds.
const NONCE_LIFETIME: i64 = 300;

/// How long a proof is remembered, in seconds: longer than any nonce it could carry.
const REMEMBERED: i64 = 360;

/// More proofs than this are not remembered in this process; then the oldest go first.
const MOST_PROOFS: usize = 500_000;

/// More parsed keys than this are not kept.
const MOST_KEYS: usize = 20_000;

/// What came with a request.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The proof header, if any.
    pub proof: Option<&'a str>,
    /// Method, upper case.
    pub method: &'a str,
    /// Path below the issuer, as the router saw it.
    pub path: &'a str,
    /// Body, empty where there is none.
    pub body: &'a [u8],
}

impl Presented<'_> {
    /// Whose proof it says it is.
    pub(super) fn device(&self) -> Option<DeviceId> {
        let unverified = Unverified::parse(self.proof?, Typ::Proof).ok()?;
        unverified.key_ref().ok().map(|key| key.device)
    }
}

/// A phone that proved its request.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The phone.
    pub device: Device,
    /// By its `device` key before: it may only read, and ask what became of the rotation.
    pub by_former_key: bool,
    mark: MarkKey,
    hash: Digest,
}

impl Proven {
    /// Adds the mark that makes this proof count once across all processes.
    #[must_use]
    pub(super) fn marking(&self, change: Change, now: Timestamp) -> Change {
        change.mark(self.mark.clone(), self.hash, now.plus_seconds(REMEMBERED))
    }
}

/// Why a proof was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No proof, or one that no enrolled phone can have made for this request.
    #[error("the request is not proven by an enrolled device")]
    Unproven,
    /// The nonce is missing, stale or someone else's. Here is a fresh one.
    #[error("a fresh nonce is needed")]
    UseNonce(String),
    /// The phone was revoked. Here is our word on it, signed, for the phone to end its account by.
    #[error("the device was revoked")]
    Revoked(Jws),
    /// Proven by the `device` key before, by which nothing is changed.
    #[error("a former key may only read")]
    FormerKey,
    /// The same proof came before.
    #[error("the proof was used before")]
    Replayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Makes a nonce for a phone. Whether such a phone exists is not told.
#[must_use]
pub fn nonce(provider: &Provider, device: &DeviceId, now: Timestamp) -> String {
    let time = now.unix_seconds().to_be_bytes();
    let mac = provider.keys.mac("adp1-nonce", &[device.as_bytes(), &time]);
    base64url::encode(&[&time[..], &mac[..16]].concat())
}

/// Lets a phone in, or not.
pub async fn prove(provider: &Provider, presented: Presented<'_>) -> Result<Proven, Reason> {
    still_there(provider, prove_even_revoked(provider, presented).await?)
}

fn still_there(provider: &Provider, proven: Proven) -> Result<Proven, Reason> {
    match revocation(provider, &proven.device)? {
        None => Ok(proven),
        Some(revocation) => Err(Reason::Revoked(revocation)),
    }
}

/// The same where whether the phone was revoked is judged later.
pub async fn prove_even_revoked(provider: &Provider, presented: Presented<'_>) -> Result<Proven, Reason> {
    let now = provider.now();
    let text = presented.proof.ok_or(Reason::Unproven)?;
    let unverified = Unverified::parse(text, Typ::Proof).map_err(|_| Reason::Unproven)?;
    let key = unverified.key_ref().map_err(|_| Reason::Unproven)?;
    let found = provider.store.device(provider.id(), &key.device).await.map_err(Unavailable::from)?;
    judge(provider, found.ok_or(Reason::Unproven)?.record, text, presented, now)
}

/// The same for a phone that is not enrolled yet, whose key the enrolment knows.
pub(super) fn prove_as(provider: &Provider, device: Device, presented: Presented<'_>) -> Result<Proven, Reason> {
    let text = presented.proof.ok_or(Reason::Unproven)?;
    still_there(provider, judge(provider, device, text, presented, provider.now())?)
}

fn judge(
    provider: &Provider,
    device: Device,
    text: &str,
    presented: Presented<'_>,
    now: Timestamp,
) -> Result<Proven, Reason> {
    let unverified = Unverified::parse(text, Typ::Proof).map_err(|_| Reason::Unproven)?;
    if unverified.key_ref() != Ok(KeyRef { device: device.id, role: KeyRole::Device }) {
        return Err(Reason::Unproven);
    }
    let (proof, by_former_key) = signed_by(provider, &device, text, now)?;
    let fits = proof.htm == presented.method
        && proof.htu.strip_prefix(provider.issuer()) == Some(presented.path)
        && proof.bh == Digest::of(presented.body);
    if !fits {
        return Err(Reason::Unproven);
    }
    let reads = presented.method == Method::Get.as_str();
    // Whoever lost our answer to a rotation still has the key before alone, and may ask by it how that ended.
    if by_former_key && !reads && presented.path != endpoints::KEYS.path {
        return Err(Reason::FormerKey);
    }
    if !is_fresh(provider, &device.id, &proof.nonce, now) {
        return Err(Reason::UseNonce(nonce(provider, &device.id, now)));
    }
    if !provider.proofs.first_time(device.id, proof.jti, now) {
        return Err(Reason::Replayed);
    }
    Ok(Proven { mark: MarkKey::Proof(device.id, proof.jti), hash: Digest::of(text.as_bytes()), by_former_key, device })
}

/// The proof, and whether the phone's former `device` key made it.
fn signed_by(provider: &Provider, device: &Device, text: &str, now: Timestamp) -> Result<(Proof, bool), Reason> {
    let keys = std::iter::once((&device.device_key, false)).chain(device.former_key(now).map(|former| (former, true)));
    for (key, is_former) in keys {
        let verifier = provider.proofs.key(key).ok_or(Reason::Unproven)?;
        let unverified = Unverified::parse(text, Typ::Proof).map_err(|_| Reason::Unproven)?;
        if let Ok(proof) = unverified.verify(&*verifier) {
            return Ok((proof, is_former));
        }
    }
    Err(Reason::Unproven)
}

/// Our signed word on a phone that was revoked. Signed anew each time: it says the same, and the list of the day knows its
/// key.
pub(super) fn revocation(provider: &Provider, device: &Device) -> Result<Option<Jws>, Unavailable> {
    let DeviceStatus::Revoked { reason, at } = device.status else { return Ok(None) };
    let revocation = Revocation {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        enr: device.enrolment,
        reason,
        at: at.unix_seconds(),
        v: protocol::VERSION,
    };
    Ok(Some(provider.keys.sign_device(&revocation)?))
}

fn is_fresh(provider: &Provider, device: &DeviceId, nonce: &str, now: Timestamp) -> bool {
    let Ok(bytes) = base64url::decode_exact::<24>(nonce) else {
        return false;
    };
    let (time, mac) = bytes.split_at(8);
    let expected = provider.keys.mac("adp1-nonce", &[device.as_bytes(), time]);
    let made_at = i64::from_be_bytes(time.try_into().expect("split at eight"));
    let age = now.unix_seconds().saturating_sub(made_at);
    // A nonce from another node whose clock is a little ahead is fine.
    bool::from(mac.ct_eq(&expected[..16])) && (-60..NONCE_LIFETIME).contains(&age)
}

/// What this process remembers of proofs, and device keys parsed once.
#[derive(Default)]
pub struct Proofs {
    seen: Mutex<Seen>,
    keys: Mutex<std::collections::HashMap<Jwk, Arc<VerifyingKey>>>,
}

#[derive(Default)]
struct Seen {
    proofs: HashSet<(DeviceId, Nonce)>,
    order: VecDeque<(Timestamp, DeviceId, Nonce)>,
}

impl Proofs {
    fn first_time(&self, device: DeviceId, jti: Nonce, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = now.plus_seconds(-REMEMBERED);
        while seen.order.front().is_some_and(|oldest| oldest.0 < stale) || seen.order.len() >= MOST_PROOFS {
            let Some((_, device, jti)) = seen.order.pop_front() else {
                break;
            };
            seen.proofs.remove(&(device, jti));
        }
        let first = seen.proofs.insert((device, jti));
        if first {
            seen.order.push_back((now, device, jti));
        }
        first
    }

    /// The key ready for use; `None` if it is not on the curve.
    pub(super) fn key(&self, jwk: &Jwk) -> Option<Arc<VerifyingKey>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(jwk) {
            return Some(Arc::clone(key));
        }
        if keys.len() >= MOST_KEYS {
            keys.clear();
        }
        let key = Arc::new(VerifyingKey::new(jwk).ok()?);
        keys.insert(*jwk, Arc::clone(&key));
        Some(key)
    }
}
