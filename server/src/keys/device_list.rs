//! Lists that a device root signs elsewhere, on a machine without a network: what goes there, what comes back, and the
//! file that the root is in (`assent keys request-device`, `sign-device`, `install-device`).

use std::path::Path;

use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::SigningKey;
use protocol::jws::General;
use protocol::{Digest, Jwk, Jws, base64url};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key_list::{self, Next};
use super::{KeysError, secret_file};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;

/// What the root is asked to sign. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// Which realm's, for people.
    pub realm: RealmId,
    /// Its issuer.
    pub issuer: String,
    /// The root that phones have pinned so far.
    pub root: Jwk,
    /// Whether the server has it, and so signs itself that another one takes over.
    pub held: bool,
    /// The list in use, signed by that root.
    pub list: Jws,
    /// Keys to be added.
    pub add: Vec<Jwk>,
    /// Thumbprints of keys never to be believed again.
    pub revoke: Vec<Digest>,
}

/// What it signed. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListAnswer {
    /// The root that signed the list.
    pub root: Jwk,
    /// The list.
    pub list: Jws,
    /// The same list in general serialisation, where the root is another one than before: by both, or by the new one alone
    /// where the server has the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<General>,
}

/// What whoever holds the root decides about a list, beside what the server asks for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// For how many days new keys are believed: 1 to [`key_list::MOST_DAYS`].
    pub days: u32,
    /// Keys that are never believed again, beside those that the server asks to revoke.
    pub revoke: Vec<Digest>,
    /// The list's number, where one more than that of the list before is too low.
    pub sequence: u64,
}

/// A device root that is kept elsewhere.
pub struct OfflineRoot(SigningKey);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    /// Its thumbprint, which phones pin.
    device_root: Digest,
    /// Private, in PKCS #8 and base64url. In clear: what protects it is where the file is kept.
    pkcs8: String,
}

impl OfflineRoot {
    /// Reads the file, which must be its owner's alone.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        const BAD: KeysError = KeysError::Damaged("not a device root");
        let Form { device_root, pkcs8 } = serde_json::from_str(&secret_file::read(path)?).map_err(|_| BAD)?;
        let pkcs8 = Zeroizing::new(pkcs8);
        let pkcs8 = Zeroizing::new(base64url::decode(&pkcs8).map_err(|_| BAD)?);
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(|_| BAD)?;
        if key.public().thumbprint() == device_root { Ok(Self(key)) } else { Err(BAD) }
    }

    /// Makes a new one, in a file that must not exist yet.
    pub fn create(path: &Path) -> Result<Self, KeysError> {
        let (key, pkcs8) = SigningKey::generate()?;
        let pkcs8 = Zeroizing::new(base64url::encode(&pkcs8));
        let kid = key.public().thumbprint();
        let text = format!("{{\n  \"device_root\": \"{kid}\",\n  \"pkcs8\": \"{}\"\n}}\n", *pkcs8);
        let text = Zeroizing::new(text);
        secret_file::create(path, &text)?;
        Ok(Self(key))
    }

    /// Its thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> Digest {
        self.0.public().thumbprint()
    }

    /// Signs the list that follows the one in the request. `before` is the root before, where that is another one and is
    /// kept elsewhere too.
    pub fn answer(
        &self,
        request: &ListRequest,
        before: Option<&Self>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<ListAnswer, KeysError> {
        let stays = request.root == *self.0.public();
        let signed_before = before.is_some_and(|before| request.root == *before.0.public());
        if !stays && !signed_before && (before.is_some() || !request.held) {
            return Err(KeysError::BadList("is to be signed by another root"));
        }
        let list = key_list::open(&request.list, &request.root)
            .map_err(|_| KeysError::BadList("stands on one that its root did not sign"))?;
        if list.iss != request.issuer {
            return Err(KeysError::BadList("is another issuer's"));
        }
        if !(1..=key_list::MOST_DAYS).contains(&terms.days) {
            return Err(KeysError::BadList("lets a key live for 1 to 400 days"));
        }
        let revoked: Vec<Digest> = request.revoke.iter().chain(&terms.revoke).copied().collect();
        let Terms { days, sequence, .. } = *terms;
        let next = Next { issuer: &request.issuer, added: &request.add, days, revoked: &revoked, sequence };
        let list = key_list::next(list, next, now);
        let succession = match before {
            _ if stays => None,
            Some(before) => Some(key_list::whole_succession(key_list::half_succession(&list, &self.0)?, &before.0)?),
            None => Some(key_list::half_succession(&list, &self.0)?),
        };
        Ok(ListAnswer { root: *self.0.public(), list: key_list::sign(&list, &self.0)?, succession })
    }
}

/// The device signing keys of a realm, for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKeys {
    /// Thumbprint of the root.
    pub root: Digest,
    /// Whether the root is in the key file.
    pub held: bool,
    /// The number of the list in use.
    pub sequence: u64,
    /// Those on it that phones believe, the newest last.
    pub listed: Vec<ListedDevice>,
    /// Thumbprints of those that no list names yet.
    pub waiting: Vec<Digest>,
    /// Thumbprints of those that are never believed again.
    pub revoked: Vec<Digest>,
}

/// One device signing key on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDevice {
    /// Its thumbprint.
    pub kid: Digest,
    /// Until when phones believe it.
    pub not_after: Timestamp,
    /// Whether it is here.
    pub held: bool,
    /// Whether it is what signs.
    pub signs: bool,
}

impl ListAnswer {
    /// The list as it reads.
    pub fn read(&self) -> Result<protocol::messages::KeyList, KeysError> {
        key_list::open(&self.list, &self.root)
    }
}
