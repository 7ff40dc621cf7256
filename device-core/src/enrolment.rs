//! Joining an account, as values: ticket → begin → offer → finish → six digits (`DEVICE_PROTOCOL` "Enrolment").
//!
//! Each step takes what the one before it made, so none can be left out.

use protocol::digest::{check_digits, nonce_commitment};
use protocol::endpoints::OfferReply;
use protocol::jws::{General, KeyHint, Unsigned, UnsignedGeneral};
use protocol::messages::{
    Begin, DeviceInfo, Enrolment, Evidence, EvidenceFormat, Finish, Offer, PushTarget, Ticket, VerifiedKind,
};
use protocol::text::{self, Kind, TextError, UNICODE_VERSION};
use protocol::{Digest, Jwk, Jws, VERSION};
use url::{Host, Url};

use crate::error::DeviceError;
use crate::ports::KeyProtection;
use crate::state::{AccountState, KeySlot, PublicKeys};
use crate::trust::{Distrust, Trust};

/// Where this app may enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Settings {
    /// Issuers whose tickets are accepted, exactly as the tickets spell them, without trailing slash. A ticket is a link
    /// that anyone can show a user, so the app decides whom it may lead to.
    pub issuers: Vec<String>,
    /// Lets those issuers use plain `http` on a loopback address. Never in an app that is given out.
    pub development: bool,
}

impl Settings {
    /// Reads a ticket and refuses it unless its issuer is on the list and speaks TLS.
    ///
    /// The expiry is not judged here: the phone's clock may be wrong, and the server judges it anyway.
    pub fn admit(&self, ticket: &str) -> Result<Ticket, DeviceError> {
        let ticket: Ticket = ticket.trim().parse().map_err(|_| DeviceError::NotATicket)?;
        if self.issuers.contains(&ticket.issuer) && self.is_protected(&ticket.issuer) {
            Ok(ticket)
        } else {
            Err(DeviceError::WrongIssuer { issuer: ticket.issuer })
        }
    }

    fn is_protected(&self, issuer: &str) -> bool {
        let Ok(url) = Url::parse(issuer) else { return false };
        match url.scheme() {
            "https" => true,
            "http" => self.development && url.host().is_some_and(|host| is_loopback(&host)),
            _ => false,
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The first message, for the new `device` key to sign.
#[must_use]
pub fn begin(ticket: &Ticket, device: Jwk, now: i64) -> Unsigned {
    let message = Begin {
        aud: ticket.issuer.clone(),
        code: ticket.code,
        jwk: device,
        iat: now,
        v: VERSION,
    };
    Unsigned::new(KeyHint::Jwk(device), &message)
}

/// An offer that holds what the ticket promised.
#[derive(Debug, Clone)]
pub struct Accepted {
    offer: Offer,
    hash: Digest,
    trust: Trust,
    device: Jwk,
}

/// Checks the reply to `begin`: root key against the pinned thumbprint, key list against the root, offer against the
/// list, and that it is for this key and this ticket.
pub fn accept(ticket: &Ticket, device: Jwk, reply: &OfferReply, now: i64) -> Result<Accepted, Distrust> {
    let trust = Trust::pin(&ticket.issuer, &ticket.root, reply.root, &reply.keys)?;
    let offer: Offer = trust.open(&reply.offer, now)?;
    if offer.v != VERSION {
        return Err(Distrust::Version);
    }
    if offer.iss != ticket.issuer {
        return Err(Distrust::Issuer);
    }
    if offer.aud != device.thumbprint() {
        return Err(Distrust::Audience);
    }
    // Binds the offer to the ticket that was scanned: without it, an offer for another user's ticket would pass.
    if offer.th != Offer::ticket_hash(&ticket.root, &ticket.code, ticket.expires_at) {
        return Err(Distrust::Ticket);
    }
    if offer.exp <= now {
        return Err(Distrust::Expired);
    }
    Ok(Accepted {
        hash: reply.offer.digest(),
        offer,
        trust,
        device,
    })
}

impl Accepted {
    /// How the `verified` key must be protected.
    #[must_use]
    pub const fn protection(&self) -> KeyProtection {
        match self.offer.policy.verified {
            VerifiedKind::Biometric => KeyProtection::Biometric,
            VerifiedKind::Credential => KeyProtection::Credential,
        }
    }

    /// The last message, for `device` and then `verified` to sign.
    #[must_use]
    pub fn finish(&self, verified: Jwk, sealing: Jwk, about: Introduction, now: i64) -> UnsignedGeneral {
        let message = Finish {
            aud: self.offer.iss.clone(),
            enr: self.offer.enr,
            oh: self.hash,
            device: self.device,
            verified,
            verified_kind: self.offer.policy.verified,
            sealing,
            info: about.info,
            push: about.push,
            capabilities: capabilities(),
            evidence: Evidence {
                fmt: EvidenceFormat::None,
                data: String::new(),
            },
            iat: now,
            v: VERSION,
        };
        UnsignedGeneral::new(vec![KeyHint::Jwk(self.device), KeyHint::Jwk(verified)], &message)
    }

    /// Checks the reply to `finish` and ends in an account: the server received what was sent, and reveals the nonce it
    /// had committed to, so neither side could choose the digits.
    pub fn conclude(&self, finish: &General, reply: &Jws, slot: KeySlot, now: i64) -> Result<AccountState, Distrust> {
        let sent: Finish = finish.unverified_payload()?;
        let enrolment: Enrolment = self.trust.open(reply, now)?;
        check_enrolment(&enrolment, &self.offer.iss, &self.device.thumbprint())?;
        if enrolment.enr != self.offer.enr {
            return Err(Distrust::Audience);
        }
        if enrolment.fh != finish.digest() {
            return Err(Distrust::Finish);
        }
        if nonce_commitment(&enrolment.nonce) != self.offer.cs {
            return Err(Distrust::Commitment);
        }
        Ok(AccountState {
            enr: enrolment.enr,
            device: enrolment.device,
            label: self.offer.account.clone(),
            trust: self.trust.clone(),
            slot,
            keys: PublicKeys {
                device: self.device,
                verified: sent.verified,
                sealing: sent.sealing,
            },
            protection: self.protection(),
            standing: enrolment.state,
            digits: Some(check_digits(&self.hash, &enrolment.fh, &enrolment.nonce)),
            counter: 0,
            decisions: Vec::new(),
        })
    }
}

/// What the phone says of itself at `finish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Name, model, system and app.
    pub info: DeviceInfo,
    /// Where pushes go.
    pub push: PushTarget,
}

impl Introduction {
    /// The server refuses names that cannot be shown; better to know before a ticket is burnt.
    pub fn check(&self) -> Result<(), TextError> {
        [&self.info.name, &self.info.model, &self.info.os]
            .into_iter()
            .try_for_each(|text| text::check(Kind::DeviceName, text))
    }
}

/// What this phone can do beyond version 1: `unicode-<major>`, the Unicode version its text rules know.
fn capabilities() -> Vec<String> {
    let major = UNICODE_VERSION.split('.').next().unwrap_or(UNICODE_VERSION);
    vec![format!("unicode-{major}")]
}

/// Checks a later word on where the enrolment stands.
pub fn standing(account: &AccountState, reply: &Jws, now: i64) -> Result<Enrolment, Distrust> {
    let enrolment: Enrolment = account.trust.open(reply, now)?;
    check_enrolment(&enrolment, account.trust.issuer(), &account.keys.device.thumbprint())?;
    if enrolment.enr != account.enr || enrolment.device != account.device {
        return Err(Distrust::Audience);
    }
    Ok(enrolment)
}

fn check_enrolment(enrolment: &Enrolment, issuer: &str, device: &Digest) -> Result<(), Distrust> {
    if enrolment.v != VERSION {
        return Err(Distrust::Version);
    }
    if enrolment.iss != issuer {
        return Err(Distrust::Issuer);
    }
    if enrolment.aud != *device {
        return Err(Distrust::Audience);
    }
    Ok(())
}
