//! `assent verify-receipt`: what a kept receipt proves. Offline: it asks nobody, and needs no settings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::KeyRole;
use protocol::crypto::aws_lc::VerifyingKey;
use protocol::messages::KeyLevel;
use protocol::receipt::{Approval, Expected, PublishedKeys, ReceiptError, verify};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::time::Timestamp;

/// A receipt is below this many bytes, and so are ten years of keys.
const MOST_BYTES: u64 = 1024 * 1024;

/// What to verify, and against what.
#[derive(Debug)]
pub struct Claim<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The relying party's `client_id`.
    pub client: &'a str,
    /// The request that it made.
    pub auth_req_id: &'a str,
    /// The issuer's `/receipt-keys`, kept in a file.
    pub keys: &'a Path,
    /// A token response with `approval_receipt`, or that member alone.
    pub receipt: &'a Path,
}

/// Why nothing is proven.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// A file is not what it should be.
    #[error("{0} is not {1}")]
    Form(PathBuf, &'static str),
    /// The receipt does not hold.
    #[error("the receipt proves nothing: {0}")]
    Receipt(#[from] ReceiptError),
}

/// A whole token response, or what matters of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Tokens { approval_receipt: Approval },
    Alone(Approval),
}

/// Verifies a receipt; what it proves, as lines for people.
pub fn verify_receipt(claim: &Claim<'_>, now: Timestamp) -> Result<Vec<String>, VerifyError> {
    let keys: PublishedKeys = read(claim.keys, "a set of receipt keys")?;
    let approval = match read(claim.receipt, "a token response with an approval_receipt")? {
        Kept::Tokens { approval_receipt } | Kept::Alone(approval_receipt) => approval_receipt,
    };
    let Claim { issuer, client, auth_req_id, .. } = *claim;
    let expected = Expected { issuer, client, auth_req_id, now: now.unix_seconds() };
    let proven = verify(&approval, &expected, &keys, VerifyingKey::new)?;
    let mut lines = vec![
        format!("subject {} approved, received at {} (seconds since 1970)", proven.subject, proven.received_at),
        format!("signed by the phone's {} key {}, {}", role(proven.role), proven.key.thumbprint(), level(proven.level)),
    ];
    lines.extend(proven.display.iter().map(|line| format!("shown: {}: {}", line.label, line.value)));
    Ok(lines)
}

const fn role(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Device => "device",
        KeyRole::Verified => "verified",
    }
}

const fn level(level: KeyLevel) -> &'static str {
    match level {
        KeyLevel::Claimed => "of which nobody proved where it is",
        KeyLevel::App => "vouched for by its app",
        KeyLevel::Attested => "attested to be in hardware",
    }
}

fn read<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, VerifyError> {
    let failed = |error| VerifyError::Io(path.to_owned(), error);
    if fs::metadata(path).map_err(failed)?.len() > MOST_BYTES {
        return Err(VerifyError::Form(path.to_owned(), what));
    }
    let bytes = fs::read(path).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|_| VerifyError::Form(path.to_owned(), what))
}
