//! The enrolment ticket: `https://<issuer>/enrol#v=1&c=<code>&k=<thumbprint>&x=<expiry>`, as link and as QR code.
//! The secret stands in the fragment, which browsers do not send.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, TicketCode};

/// A ticket as the phone reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The realm's issuer, without trailing slash.
    pub issuer: String,
    /// The secret, used once.
    pub code: TicketCode,
    /// Thumbprint of the realm's device root key, pinned by the phone.
    pub root: Digest,
    /// End of the ticket's life, seconds since 1970.
    pub expires_at: i64,
}

/// The text is no ticket of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an enrolment ticket of version 1")]
pub struct NotATicket;

impl fmt::Display for Ticket {
    /// Writes the link, secret and all: this is the one place where the code leaves its type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/enrol#v=1&c={}&k={}&x={}", self.issuer, self.code, self.root, self.expires_at)
    }
}

impl FromStr for Ticket {
    type Err = NotATicket;

    /// Members may come in any order and others are ignored; each of ours stands exactly once.
    fn from_str(text: &str) -> Result<Self, NotATicket> {
        let (issuer, fragment) = text.split_once("/enrol#").ok_or(NotATicket)?;
        if !is_issuer(issuer) {
            return Err(NotATicket);
        }
        let [mut version, mut code, mut root, mut expiry] = [None; 4];
        for pair in fragment.split('&') {
            let (name, value) = pair.split_once('=').ok_or(NotATicket)?;
            let slot = match name {
                "v" => &mut version,
                "c" => &mut code,
                "k" => &mut root,
                "x" => &mut expiry,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(NotATicket);
            }
        }
        if version != Some("1") {
            return Err(NotATicket);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            code: code.and_then(|code| code.parse().ok()).ok_or(NotATicket)?,
            root: root.and_then(|root| root.parse().ok()).ok_or(NotATicket)?,
            expires_at: expiry.and_then(seconds).ok_or(NotATicket)?,
        })
    }
}

/// An http or https URL of host and perhaps path. Whether this issuer is one the app knows is the app's own list.
fn is_issuer(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    // Without user, query, fragment or backslash there is no second way to read which host is meant.
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'#' | b'\\');
    !rest.is_empty() && !rest.starts_with('/') && !rest.ends_with('/') && rest.bytes().all(plain)
}

/// Digits only, so that one time has one spelling.
fn seconds(text: &str) -> Option<i64> {
    let seconds: i64 = text.parse().ok()?;
    (seconds >= 0 && seconds.to_string() == text).then_some(seconds)
}
