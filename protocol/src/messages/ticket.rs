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
        write!(
            f,
            "{}/enrol#v=1&c={}&k={}&x={}",
            self.issuer, self.code, self.root, self.expires_at
        )
    }
}

impl FromStr for Ticket {
    type Err = NotATicket;

    fn from_str(text: &str) -> Result<Self, NotATicket> {
        let (issuer, fragment) = text.split_once("/enrol#").ok_or(NotATicket)?;
        if !issuer.starts_with("https://") && !issuer.starts_with("http://") {
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
            code: code.and_then(|c| c.parse().ok()).ok_or(NotATicket)?,
            root: root.and_then(|k| k.parse().ok()).ok_or(NotATicket)?,
            expires_at: expiry.and_then(|x| x.parse().ok()).ok_or(NotATicket)?,
        })
    }
}
