//! Provider tokens as Apple judges them: ES256 by the team's key, at most an hour old, replaced every 20 minutes at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use server::domain::time::{Clock, Timestamp};

use super::super::script::lock;
use super::{KEY_ID, TEAM_ID};

const HOUR: i64 = 3_600;
const LEAST_BETWEEN_UPDATES: i64 = 20 * 60;

pub(super) struct Providers {
    public: Vec<u8>,
    clock: Arc<dyn Clock>,
    seen: Mutex<HashMap<String, Seen>>,
}

struct Seen {
    first_at: Timestamp,
    expired: bool,
}

impl Providers {
    pub(super) fn new(key: &EcdsaKeyPair, clock: Arc<dyn Clock>) -> Self {
        Self { public: key.public_key().as_ref().to_vec(), clock, seen: Mutex::default() }
    }

    pub(super) fn expire_all(&self) {
        lock(&self.seen).values_mut().for_each(|seen| seen.expired = true);
    }

    pub(super) fn seen(&self) -> usize {
        lock(&self.seen).len()
    }

    pub(super) fn judge(&self, authorization: Option<&str>) -> Result<(), (u16, &'static str)> {
        let token = authorization.and_then(|value| value.strip_prefix("bearer "));
        let token = token.ok_or((403, "MissingProviderToken"))?;
        let issued = self.issued(token).ok_or((403, "InvalidProviderToken"))?;
        let now = self.clock.now();
        if issued + HOUR < now.unix_seconds() || issued > now.unix_seconds() + 60 {
            return Err((403, "ExpiredProviderToken"));
        }
        let mut seen = lock(&self.seen);
        let recent = |seen: &Seen| now < seen.first_at.plus_seconds(LEAST_BETWEEN_UPDATES);
        // Two within 20 minutes are one update.
        if !seen.contains_key(token) && seen.values().filter(|seen| recent(seen)).count() >= 2 {
            return Err((429, "TooManyProviderTokenUpdates"));
        }
        let known = seen.entry(token.to_owned()).or_insert(Seen { first_at: now, expired: false });
        if known.expired { Err((403, "ExpiredProviderToken")) } else { Ok(()) }
    }

    /// `iat` of a token by the team's key.
    fn issued(&self, token: &str) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
        let (header, claims) = (json(header)?, json(claims)?);
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public);
        verifier.verify(signed.as_bytes(), &decode(signature)?).ok()?;
        let is_ours = header["alg"] == "ES256" && header["kid"] == KEY_ID && claims["iss"] == TEAM_ID;
        claims["iat"].as_i64().filter(|_| is_ours)
    }
}
