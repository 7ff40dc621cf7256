//! Joining an account, as values: ticket → begin → offer → finish → six digits (`DEVICE_PROTOCOL` "Enrolment").
//!
//! Each step takes what the one before it made, so none can be left out.

use std::net::{Ipv4Addr, Ipv6Addr};

use protocol::digest::{attestation_challenge, check_digits, nonce_commitment};
use protocol::endpoints::OfferReply;
use protocol::evidence::client_data_hash_of;
use protocol::jws::{General, KeyHint, Unsigned, UnsignedGeneral};
use protocol::messages::{
    Attestation, Begin, DeviceInfo, Enrolment, Evidence, Finish, Offer, PushTarget, Ticket, VerifiedKind,
};
use protocol::text::{self, Kind, TextError, UNICODE_VERSION};
use protocol::{Digest, Jwk, Jws, VERSION};

use crate::error::DeviceError;
use crate::ports::KeyProtection;
use crate::state::{AccountState, KeySlot, KnownPolicy, MovedKeys, PublicKeys};
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
        self.admit_issuer(&ticket.issuer)?;
        Ok(ticket)
    }

    /// Refuses an issuer unless it is on the list and speaks TLS.
    pub(crate) fn admit_issuer(&self, issuer: &str) -> Result<(), DeviceError> {
        if self.issuers.iter().any(|known| known == issuer) && self.is_protected(issuer) {
            Ok(())
        } else {
            Err(DeviceError::WrongIssuer { issuer: issuer.to_owned() })
        }
    }

    /// Whether what is said to this issuer is protected on its way, or stays on this machine in development.
    pub(crate) fn is_protected(&self, issuer: &str) -> bool {
        issuer.starts_with("https://") || (self.development && is_on_loopback(issuer))
    }
}

/// Whether this is `http` to an address of this machine, in its plainest spelling. A URL parser would add a fifth to the
/// library; what this does not understand is no loopback.
fn is_on_loopback(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or(rest);
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((host, port)) if host.parse() == Ok(Ipv6Addr::LOCALHOST) => ("localhost", port),
            _ => return false,
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok());
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback());
    is_loopback && (port.is_empty() || is_port(port))
}

/// The first message, for the new `device` key to sign.
#[must_use]
pub fn begin(ticket: &Ticket, device: Jwk, now: i64) -> Unsigned {
    let message = Begin { aud: ticket.issuer.clone(), code: ticket.code, jwk: device, iat: now, v: VERSION };
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
    Ok(Accepted { hash: reply.offer.digest(), offer, trust, device })
}

impl Accepted {
    /// How the `verified` key must be protected.
    #[must_use]
    pub const fn protection(&self) -> KeyProtection {
        protection_of(self.offer.policy.verified)
    }

    /// Whether, and how urgently, the server wants platform attestation.
    #[must_use]
    pub const fn attestation(&self) -> Attestation {
        self.offer.policy.attestation
    }

    /// What the platform attests the `verified` key over.
    #[must_use]
    pub fn attestation_challenge(&self) -> Digest {
        attestation_challenge(&self.hash)
    }

    /// The last message without evidence, for `device` and then `verified` to sign.
    #[must_use]
    pub fn finish(&self, verified: Jwk, sealing: Jwk, about: Introduction, now: i64) -> UnsignedGeneral {
        self.draft(verified, sealing, about, now).with(Evidence::none())
    }

    /// The last message, which only lacks its evidence.
    #[must_use]
    pub fn draft(&self, verified: Jwk, sealing: Jwk, about: Introduction, now: i64) -> Draft {
        Draft(Finish {
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
            evidence: Evidence::none(),
            iat: now,
            v: VERSION,
        })
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
            keys: PublicKeys { device: self.device, verified: sent.verified, sealing: sent.sealing },
            protection: self.protection(),
            standing: enrolment.state,
            digits: Some(check_digits(&self.hash, &enrolment.fh, &enrolment.nonce)),
            counter: 0,
            decisions: Vec::new(),
            clock_ahead: 0,
            ended: None,
            moved: MovedKeys::default(),
            rotation: None,
            doubtful: Vec::new(),
            policy: Some(KnownPolicy { policy: self.offer.policy.clone(), at: self.offer.iat }),
            former: None,
        })
    }
}

/// A finish message that awaits its evidence.
#[derive(Debug, Clone)]
pub struct Draft(Finish);

impl Draft {
    /// What App Attest is made over: SHA-256 of the message as it will be sent, with nothing between the quotes of `data`.
    #[must_use]
    pub fn client_data_hash(&self) -> Digest {
        client_data_hash_of(&self.0)
    }

    /// The message, for `device` and then `verified` to sign.
    #[must_use]
    pub fn with(self, evidence: Evidence) -> UnsignedGeneral {
        let message = Finish { evidence, ..self.0 };
        UnsignedGeneral::new(vec![KeyHint::Jwk(message.device), KeyHint::Jwk(message.verified)], &message)
    }
}

/// What the platform attests a `device` key over: it is made before there is an offer, so over what the ticket says.
#[must_use]
pub fn early_challenge(ticket: &Ticket) -> Digest {
    attestation_challenge(&Offer::ticket_hash(&ticket.root, &ticket.code, ticket.expires_at))
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

/// How a `verified` key of the kind that a policy asks for is protected.
#[must_use]
pub const fn protection_of(kind: VerifiedKind) -> KeyProtection {
    match kind {
        VerifiedKind::Biometric => KeyProtection::Biometric,
        VerifiedKind::Credential => KeyProtection::Credential,
    }
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

#[cfg(test)]
mod tests {
    use protocol::crypto::p256::VerifyingKey;
    use protocol::crypto::{Sign as _, Verify};
    use protocol::evidence::client_data_hash;
    use protocol::jws::JwsError;
    use protocol::messages::{EnrolmentState, EvidenceFormat};
    use protocol::{DeviceId, EnrolmentId, Nonce};

    use super::*;
    use crate::testing::{ISSUER, NOW, Op, REVEALED, account, introduction, key, other_digest};

    fn settings(issuer: &str, development: bool) -> Settings {
        Settings { issuers: vec![issuer.into()], development }
    }

    fn ticket_at(issuer: &str) -> String {
        Ticket { issuer: issuer.into(), ..Op::new().ticket() }.to_string()
    }

    fn accepted(op: &Op) -> Accepted {
        let device = *key(11).public();
        accept(&op.ticket(), device, &op.offer(&op.ticket(), &device, |_| ()), NOW).unwrap()
    }

    fn finished(accepted: &Accepted) -> General {
        let unsigned = accepted.finish(*key(12).public(), *key(13).public(), introduction(), NOW);
        let keys = [key(11), key(12)];
        let signatures: Vec<_> =
            unsigned.signing_inputs().zip(&keys).map(|(input, key)| key.sign(input).unwrap()).collect();
        unsigned.attach(&signatures)
    }

    fn conclude(op: &Op, reply: impl FnOnce(&General) -> Jws) -> Result<AccountState, Distrust> {
        let accepted = accepted(op);
        let finish = finished(&accepted);
        accepted.conclude(&finish, &reply(&finish), KeySlot::new([9; 16]), NOW)
    }

    #[test]
    fn a_ticket_of_a_listed_issuer_is_admitted() {
        assert_eq!(settings(ISSUER, false).admit(&ticket_at(ISSUER)), Ok(Op::new().ticket()));
        assert_eq!(settings(ISSUER, false).admit("https://op.example/enrol"), Err(DeviceError::NotATicket));
    }

    #[test]
    fn a_ticket_of_another_issuer_is_refused() {
        for issuer in ["https://evil.example", "https://op.example.evil.example", "https://op.example/other"] {
            let refused = settings(ISSUER, true).admit(&ticket_at(issuer));
            assert_eq!(refused, Err(DeviceError::WrongIssuer { issuer: issuer.into() }));
        }
    }

    #[test]
    fn plain_http_is_for_loopback_in_development_only() {
        for issuer in
            ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "http://127.0.0.2/realm", "http://[::1]"]
        {
            assert!(settings(issuer, true).admit(&ticket_at(issuer)).is_ok(), "{issuer}");
            assert!(settings(issuer, false).admit(&ticket_at(issuer)).is_err(), "{issuer}");
        }
        for issuer in [
            "http://op.example",
            "http://10.0.0.1",
            "http://localhost@op.example",
            "http://localhost.example",
            "http://127.0.0.1@op.example",
            "http://127.0.0.1.op.example",
            "http://127.0.0.1:80@op.example",
            "http://[::1]op.example",
            "http://[::1]@op.example",
            "http://[::2]",
            "http://2130706433",
            "http://localhost:http",
            "http:/localhost",
            "HTTP://localhost",
        ] {
            assert!(settings(issuer, true).admit(&ticket_at(issuer)).is_err(), "{issuer}");
        }
    }

    #[test]
    fn begin_is_signed_by_the_key_it_introduces() {
        let op = Op::new();
        let unsigned = begin(&op.ticket(), *key(11).public(), NOW);
        let signature = key(11).sign(unsigned.signing_input()).unwrap();
        let begin: Begin = unsigned.attach(&signature).open(&VerifyingKey::new(key(11).public()).unwrap()).unwrap();
        assert_eq!((begin.aud.as_str(), begin.code, begin.jwk), (ISSUER, op.ticket().code, *key(11).public()));
    }

    #[test]
    fn an_offer_that_is_not_what_the_ticket_promised_is_refused() {
        let op = Op::new();
        let device = *key(11).public();
        let judge = |reply: OfferReply| accept(&op.ticket(), device, &reply, NOW).map(|_| ());
        let bent = |bend: fn(&mut Offer)| judge(op.offer(&op.ticket(), &device, bend));
        assert_eq!(bent(|_| ()), Ok(()));
        assert_eq!(bent(|offer| offer.th = other_digest()), Err(Distrust::Ticket));
        assert_eq!(bent(|offer| offer.aud = other_digest()), Err(Distrust::Audience));
        assert_eq!(bent(|offer| offer.iss = "https://other.example".into()), Err(Distrust::Issuer));
        assert_eq!(bent(|offer| offer.exp = NOW), Err(Distrust::Expired));
        assert_eq!(bent(|offer| offer.v = 2), Err(Distrust::Version));
        let other_ticket = Ticket { expires_at: NOW + 301, ..op.ticket() };
        assert_eq!(judge(op.offer(&other_ticket, &device, |_| ())), Err(Distrust::Ticket));
    }

    #[test]
    fn an_offer_of_an_issuer_with_another_root_is_refused() {
        let (op, impostor) = (Op::new(), Op { root: key(77), signing: key(78) });
        let device = *key(11).public();
        let reply = impostor.offer(&op.ticket(), &device, |_| ());
        assert_eq!(accept(&op.ticket(), device, &reply, NOW).map(|_| ()), Err(Distrust::Root));
        let with_our_root = OfferReply { root: *op.root.public(), ..reply };
        assert!(matches!(accept(&op.ticket(), device, &with_our_root, NOW), Err(Distrust::Jws(JwsError::Crypto(_)))));
    }

    #[test]
    fn a_tampered_offer_is_refused() {
        let op = Op::new();
        let device = *key(11).public();
        let mut reply = op.offer(&op.ticket(), &device, |_| ());
        let text = reply.offer.as_str();
        let at = text.find('.').unwrap() + 20;
        let flipped = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        reply.offer = Jws::from_text(format!("{}{flipped}{}", &text[..at], &text[at + 1..]));
        assert!(matches!(accept(&op.ticket(), device, &reply, NOW), Err(Distrust::Jws(JwsError::Crypto(_)))));
    }

    #[test]
    fn finish_is_signed_by_both_keys_over_the_offer_as_received() {
        let accepted = accepted(&Op::new());
        let finish = finished(&accepted);
        let keys = [key(11), key(12)].map(|key| VerifyingKey::new(key.public()).unwrap());
        let read: Finish = finish.verify(&[&keys[0] as &dyn Verify, &keys[1]]).unwrap();
        assert_eq!((read.oh, read.enr), (accepted.hash, accepted.offer.enr));
        assert_eq!(read.verified_kind, VerifiedKind::Biometric);
        assert_eq!(read.capabilities, ["unicode-18"]);
    }

    #[test]
    fn the_server_finds_the_hash_that_app_attest_was_made_over() {
        let draft = accepted(&Op::new()).draft(*key(12).public(), *key(13).public(), introduction(), NOW);
        let made_over = draft.client_data_hash();
        let evidence = Evidence { fmt: EvidenceFormat::AppleAppAttest, data: "b2JqZWN0".into() };
        let unsigned = draft.with(evidence);
        let keys = [key(11), key(12)];
        let signatures: Vec<_> =
            unsigned.signing_inputs().zip(&keys).map(|(input, key)| key.sign(input).unwrap()).collect();
        let payload = unsigned.attach(&signatures).payload_bytes().unwrap();
        assert_eq!(client_data_hash(&payload, "b2JqZWN0"), Some(made_over));
    }

    #[test]
    fn a_device_key_is_attested_over_what_the_ticket_and_its_offer_say() {
        let op = Op::new();
        assert_eq!(early_challenge(&op.ticket()), attestation_challenge(&accepted(&op).offer.th));
        let other = Ticket { expires_at: NOW + 301, ..op.ticket() };
        assert_ne!(early_challenge(&other), early_challenge(&op.ticket()));
    }

    #[test]
    fn a_sound_enrolment_ends_in_an_account_with_the_digits_both_sides_compute() {
        let op = Op::new();
        let accepted = accepted(&op);
        let finish = finished(&accepted);
        let account = accepted.conclude(&finish, &op.enrolment(&finish, |_| ()), KeySlot::new([9; 16]), NOW).unwrap();
        assert_eq!(account.digits, Some(check_digits(&accepted.hash, &finish.digest(), &REVEALED)));
        assert_eq!(account.standing, EnrolmentState::Unconfirmed);
        assert_eq!(account.keys.sealing, *key(13).public());
    }

    #[test]
    fn a_nonce_other_than_the_committed_one_is_refused() {
        let op = Op::new();
        let other = |finish: &General| op.enrolment(finish, |said| said.nonce = Nonce::from_bytes([0x34; 16]));
        assert_eq!(conclude(&op, other), Err(Distrust::Commitment));
    }

    #[test]
    fn a_reply_about_another_finish_phone_or_enrolment_is_refused() {
        let op = Op::new();
        let bent = |bend: fn(&mut Enrolment)| conclude(&op, |finish| op.enrolment(finish, bend)).map(|_| ());
        assert_eq!(bent(|said| said.fh = other_digest()), Err(Distrust::Finish));
        assert_eq!(bent(|said| said.aud = other_digest()), Err(Distrust::Audience));
        assert_eq!(bent(|said| said.enr = EnrolmentId::from_bytes([1; 16])), Err(Distrust::Audience));
        assert_eq!(bent(|said| said.iss = "https://other.example".into()), Err(Distrust::Issuer));
        assert_eq!(bent(|said| said.v = 2), Err(Distrust::Version));
    }

    #[test]
    fn a_later_word_counts_only_if_it_is_about_this_phone() {
        let op = Op::new();
        let account = account(&op);
        let finish = finished(&accepted(&op));
        let judge =
            |bend: fn(&mut Enrolment)| standing(&account, &op.enrolment(&finish, bend), NOW).map(|said| said.state);
        assert_eq!(judge(|said| said.state = EnrolmentState::Active), Ok(EnrolmentState::Active));
        assert_eq!(judge(|said| said.device = DeviceId::from_bytes([1; 16])), Err(Distrust::Audience));
        assert_eq!(judge(|said| said.aud = other_digest()), Err(Distrust::Audience));
    }

    #[test]
    fn a_name_that_cannot_be_shown_is_refused_before_anything_is_sent() {
        let mut about = introduction();
        assert_eq!(about.check(), Ok(()));
        about.info.name = "phone\u{202e}".into();
        assert_eq!(about.check(), Err(TextError::BidiControl));
    }
}
