//! A phone joins an account: `begin` burns the ticket for one key and makes the offer, `finish` brings the three keys.

use protocol::crypto::aws_lc::VerifyingKey;
use protocol::display::Line;
use protocol::jws::{General, JwsError, KeyHint, Unverified};
use protocol::messages::{
    Attestation, Begin, Confirm, EnrolmentPolicy, EnrolmentState, Finish, KeyLevel, Offer, RevocationReason,
};
use protocol::text::{self, Kind};
use protocol::{DeviceId, Digest, EnrolmentId, Jwk, Jws, Nonce, Typ, digest};
use tracing::{info, warn};

use super::Unavailable;
use super::attest::{self, Refused, Worth};
use super::maintain;
use super::own::{self, Asking, News};
use super::prove::{self, Presented};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::attestation::Flaw;
use crate::domain::audit::What;
use crate::domain::device::{
    Device, DeviceStatus, Enrolment, EnrolmentProgress, EnrolmentTicket, Finished, TicketState,
};
use crate::domain::names::{Subject, TicketKey};
use crate::domain::prompt::About;
use crate::domain::realm::Policy;
use crate::domain::time::Timestamp;
use crate::domain::times::Times;
use crate::domain::user::{User, UserStatus};
use crate::store::{Change, Versioned};

/// From `begin` on, seconds until `finish` and the digits must have come.
const ENROLMENT_LIFETIME: i64 = 600;

/// For how many seconds a recovered phone proves no more than presence.
const RECOVERY_LIMIT: i64 = 86_400;

/// A user has no more phones than this. Every one of them gets a prompt of every request, and each prompt has its place in
/// the request's record.
const MOST_PHONES: usize = 20;

/// A phone may list this many capabilities.
const MOST_CAPABILITIES: usize = 32;

/// Why a phone does not join.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not the message that belongs here.
    #[error("not an enrolment message: {0}")]
    Malformed(#[from] JwsError),
    /// A value in it is missing, too long or of something else.
    #[error("the message does not fit this enrolment")]
    Mismatch,
    /// No such ticket, or its time is over, or it was used by another key. The phone is not told which.
    #[error("the ticket is not valid")]
    InvalidTicket,
    /// No such enrolment, or its time is over.
    #[error("no such enrolment")]
    UnknownEnrolment,
    /// A wrong digit or a second key ended it.
    #[error("the enrolment was cancelled")]
    Cancelled,
    /// The realm wants proof of the hardware, and there is none.
    #[error("attestation is required")]
    AttestationRequired,
    /// The realm wants proof of the hardware, and this is none.
    #[error("attestation is required, and did not stand a check: {0}")]
    AttestationFailed(Flaw),
    /// The user has as many phones as anybody may have.
    #[error("there are phones enough")]
    TooMany,
    /// The phone's proof on the status call.
    #[error(transparent)]
    Proof(#[from] prove::Reason),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// `begin`: returns the signed offer.
pub async fn begin(provider: &Provider, message: &Jws) -> Result<Jws, Reason> {
    let begin = verified_begin(provider, message)?;
    let (key, begin) = (begin.jwk.thumbprint(), &begin);
    until_decided(|| async move {
        let now = provider.now();
        let ticket_key = TicketKey::of(&begin.code.to_string());
        let found = provider.store.ticket(provider.id(), &ticket_key).await.map_err(Unavailable::from)?;
        let ticket = found.filter(|found| now < found.record.expires_at).ok_or(Reason::InvalidTicket)?;
        match ticket.record.state.clone() {
            TicketState::Fresh => open(provider, ticket, begin, key, now).await,
            TicketState::Begun { key: first, enrolment } if first == key => repeat(provider, &enrolment).await,
            TicketState::Begun { enrolment, .. } => cancel(provider, ticket, &enrolment, now).await,
            TicketState::Cancelled => Err(Reason::InvalidTicket),
        }
    })
    .await?
}

fn verified_begin(provider: &Provider, message: &Jws) -> Result<Begin, Reason> {
    let unverified = Unverified::parse(message.as_str(), Typ::Begin)?;
    let KeyHint::Jwk(jwk) = *unverified.key_hint() else {
        return Err(Reason::Mismatch);
    };
    let begin: Begin = unverified.verify(&stranger(&jwk)?)?;
    let fits = begin.jwk == jwk && begin.aud == provider.issuer() && begin.v == protocol::VERSION;
    if fits { Ok(begin) } else { Err(Reason::Mismatch) }
}

/// A key that nobody knows yet. Not kept in memory like those of enrolled phones: whoever makes up keys would push
/// theirs out.
pub(super) fn stranger(jwk: &Jwk) -> Result<VerifyingKey, Reason> {
    VerifyingKey::new(jwk).map_err(|_| Reason::Mismatch)
}

async fn open(
    provider: &Provider,
    ticket: Versioned<EnrolmentTicket>,
    begin: &Begin,
    key: Digest,
    now: Timestamp,
) -> Result<Attempt<Result<Jws, Reason>>, Reason> {
    let Versioned { version, record: ticket } = ticket;
    let id = EnrolmentId::from_bytes(provider.random().array());
    let nonce = Nonce::from_bytes(provider.random().array());
    let user = active(provider, &ticket.subject).await?.ok_or(Reason::InvalidTicket)?;
    let expires_at = now.plus_seconds(ENROLMENT_LIFETIME);
    let root = provider.keys.device_root().thumbprint();
    let th = Offer::ticket_hash(&root, &begin.code, ticket.expires_at.unix_seconds());
    let offer = Offer {
        iss: provider.issuer().to_owned(),
        aud: key,
        enr: id,
        account: masked(&user.record.username),
        policy: policy(provider),
        att_nonce: Nonce::from_bytes(provider.random().array()),
        cs: digest::nonce_commitment(&nonce),
        th,
        iat: now.unix_seconds(),
        exp: expires_at.unix_seconds(),
        v: protocol::VERSION,
    };
    let offer = provider.keys.sign_device(&offer).map_err(|_| Unavailable::Keys)?;
    let opened = What::EnrolmentBegun { subject: ticket.subject.clone(), enrolment: id };
    let enrolment = Enrolment {
        id,
        ticket: ticket.key,
        subject: ticket.subject.clone(),
        key,
        nonce,
        offer: offer.clone(),
        progress: EnrolmentProgress::Offered,
        finished: None,
        confirmed_by: None,
        expires_at,
    };
    let burnt = EnrolmentTicket { state: TicketState::Begun { key, enrolment: id }, ..ticket };
    let change = provider.change().replace(version, burnt).create(enrolment).recording(provider, now, opened);
    Ok(Attempt::after(provider.store.commit(change).await, Ok(offer)))
}

/// The user, unless there is none any more, or an operator has locked them since the ticket was made.
pub(super) async fn active(provider: &Provider, subject: &Subject) -> Result<Option<Versioned<User>>, Unavailable> {
    let user = provider.store.user(provider.id(), subject).await?;
    Ok(user.filter(|user| user.record.status == UserStatus::Active))
}

async fn repeat(provider: &Provider, id: &EnrolmentId) -> Result<Attempt<Result<Jws, Reason>>, Reason> {
    let enrolment = find(provider, id).await?.record;
    Ok(Attempt::Done(match enrolment.progress {
        EnrolmentProgress::Cancelled => Err(Reason::Cancelled),
        EnrolmentProgress::Offered | EnrolmentProgress::Unconfirmed | EnrolmentProgress::Active => Ok(enrolment.offer),
    }))
}

/// A second key: somebody photographed the ticket. Nobody enrols by it any more, and the operator hears of it.
async fn cancel(
    provider: &Provider,
    ticket: Versioned<EnrolmentTicket>,
    id: &EnrolmentId,
    now: Timestamp,
) -> Result<Attempt<Result<Jws, Reason>>, Reason> {
    let Versioned { version, record: ticket } = ticket;
    warn!(enrolment = %id, "an enrolment ticket was used by a second key");
    let reused = What::TicketReused { subject: ticket.subject.clone() };
    let burnt = EnrolmentTicket { state: TicketState::Cancelled, ..ticket };
    let mut change = provider.change().replace(version, burnt).recording(provider, now, reused);
    let enrolment = provider.store.enrolment(provider.id(), id).await.map_err(Unavailable::from)?;
    // Of a phone that somebody said is the user's, the report is enough. Where nobody had to, it may be a stranger's.
    let was_confirmed =
        |enrolment: &Enrolment| enrolment.progress == EnrolmentProgress::Active && enrolment.confirmed_by.is_some();
    if let Some(found) = enrolment.filter(|found| !was_confirmed(&found.record)) {
        if let (EnrolmentProgress::Active, Some(finished)) = (found.record.progress, &found.record.finished) {
            let device = provider.store.device(provider.id(), &finished.device.id).await.map_err(Unavailable::from)?;
            if let Some(device) = device.filter(|device| device.record.is_active()) {
                (_, change) = maintain::ended(provider, change, device, RevocationReason::Disputed, now);
            }
        }
        let cancelled = Enrolment { progress: EnrolmentProgress::Cancelled, ..found.record };
        change = change.replace(found.version, cancelled);
    }
    Ok(Attempt::after(provider.store.commit(change).await, Err(Reason::InvalidTicket)))
}

fn policy(provider: &Provider) -> EnrolmentPolicy {
    let policy = provider.policy();
    EnrolmentPolicy {
        confirm: policy.confirm,
        attestation: policy.attestation,
        verified: policy.verified_kind,
        push: policy.push,
    }
}

/// First and last character of the user name: enough to recognise one's own account, too little to learn another's.
fn masked(username: &str) -> String {
    let mut characters = username.chars();
    match (characters.next(), characters.next_back()) {
        (Some(first), Some(last)) => format!("{first}•••{last}"),
        (Some(only), None) => format!("{only}•••"),
        (None, _) => "•••".to_owned(),
    }
}

/// `finish`: returns the signed state of the enrolment. The same message again gets the same answer.
pub async fn finish(provider: &Provider, message: &General) -> Result<Jws, Reason> {
    let claimed: &Finish = &message.unverified_payload()?;
    let decided = until_decided(|| async move {
        let now = provider.now();
        let found = find(provider, &claimed.enr).await?;
        let finish = verified_finish(provider, &found.record, message, claimed)?;
        let hash = message.digest();
        match (found.record.progress, &found.record.finished) {
            (EnrolmentProgress::Cancelled, _) => Err(Reason::Cancelled),
            (EnrolmentProgress::Offered, _) => match attest::judge(provider, &found.record, message, &finish, now)? {
                Ok(worth) => take(provider, found, finish, worth, hash, now).await,
                Err(refused) => unproven(provider, found, refused, now).await,
            },
            (EnrolmentProgress::Unconfirmed | EnrolmentProgress::Active, Some(finished)) if finished.hash == hash => {
                Ok(Attempt::Done(Ok((state(provider, &found.record, now)?, Vec::new()))))
            }
            (EnrolmentProgress::Unconfirmed | EnrolmentProgress::Active, _) => Err(Reason::Mismatch),
        }
    });
    let (reply, phones) = decided.await??;
    own::wake(provider, &phones);
    Ok(reply)
}

fn verified_finish(
    provider: &Provider,
    enrolment: &Enrolment,
    message: &General,
    claimed: &Finish,
) -> Result<Finish, Reason> {
    let (device, verified) = (stranger(&claimed.device)?, stranger(&claimed.verified)?);
    // Parsed only to learn that the point is on the curve.
    stranger(&claimed.sealing)?;
    let finish: Finish = message.verify(&[&device, &verified])?;
    let keys = [&finish.device, &finish.verified, &finish.sealing];
    let distinct = keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2];
    let fits = distinct
        && finish.aud == provider.issuer()
        && finish.v == protocol::VERSION
        && finish.device.thumbprint() == enrolment.key
        && finish.oh == enrolment.offer.digest()
        && maintain::check_target(&finish.push).is_ok()
        && finish.capabilities.len() <= MOST_CAPABILITIES
        && finish.capabilities.iter().all(|capability| capability.len() <= 64)
        && [&finish.info.name, &finish.info.model, &finish.info.os, &finish.info.app.id, &finish.info.app.version]
            .iter()
            .all(|text| text::check(Kind::DeviceName, text).is_ok() || text.is_empty());
    if fits { Ok(finish) } else { Err(Reason::Mismatch) }
}

/// Evidence does not get better by being sent again: the enrolment ends, and is reported once.
async fn unproven(
    provider: &Provider,
    found: Versioned<Enrolment>,
    refused: Refused,
    now: Timestamp,
) -> Result<Attempt<Result<Taken, Reason>>, Reason> {
    let Refused { what, reason } = refused;
    let cancelled = Enrolment { progress: EnrolmentProgress::Cancelled, ..found.record };
    let change = provider.change().replace(found.version, cancelled).recording(provider, now, what);
    Ok(Attempt::after(provider.store.commit(change).await, Err(reason)))
}

/// Our signed word on a `finish`, and the phones to wake.
type Taken = (Jws, Vec<Device>);

async fn take(
    provider: &Provider,
    found: Versioned<Enrolment>,
    finish: Finish,
    worth: Worth,
    hash: Digest,
    now: Timestamp,
) -> Result<Attempt<Result<Taken, Reason>>, Reason> {
    let Versioned { version, record: enrolment } = found;
    let user = active(provider, &enrolment.subject).await?.ok_or(Reason::Cancelled)?;
    let Worth { level, verified_level, attestation, what } = worth;
    let device = Device { level, verified_level, attestation, ..device(provider, &enrolment, finish, hash, now) };
    let finished =
        What::EnrolmentFinished { subject: enrolment.subject.clone(), enrolment: enrolment.id, device: device.id };
    let mut change = provider.change().recording(provider, now, finished);
    if let Some(what) = what {
        change = change.recording(provider, now, what);
    }
    let devices = provider.store.devices_of(provider.id(), &enrolment.subject).await.map_err(Unavailable::from)?;
    if !has_room(provider, &enrolment.subject).await? {
        return Err(Reason::TooMany);
    }
    let must_confirm = must_confirm(provider.policy(), !devices.is_empty());
    let progress = if must_confirm { EnrolmentProgress::Unconfirmed } else { EnrolmentProgress::Active };
    let next = Enrolment { progress, finished: Some(Finished { device: device.clone(), hash }), ..enrolment };
    let (change, phones) = if must_confirm {
        asking_others(provider, change, &next, &device, now).await?
    } else {
        enrolled(provider, change, user, &device, now).await?
    };
    let reply = state(provider, &next, now)?;
    Ok(Attempt::after(provider.store.commit(change.replace(version, next)).await, Ok((reply, phones))))
}

/// `confirm: none` never holds for a user who has a phone, or had one, unless every phone is attested.
fn must_confirm(policy: &Policy, has_devices: bool) -> bool {
    policy.confirm == Confirm::Page || (has_devices && policy.attestation != Attestation::Require)
}

/// Asks the user's other phones, where the realm wants that. They show the digits of the new one, so that nobody approves
/// a phone that somebody else is enrolling at the same moment.
async fn asking_others(
    provider: &Provider,
    change: Change,
    enrolment: &Enrolment,
    device: &Device,
    now: Timestamp,
) -> Result<(Change, Vec<Device>), Unavailable> {
    let Some(finished) = enrolment.finished.as_ref().filter(|_| provider.policy().add_device.asks_phones()) else {
        return Ok((change, Vec::new()));
    };
    let phones = own::others(provider, &enrolment.subject, &device.id).await?;
    let digits = digest::check_digits(&enrolment.offer.digest(), &finished.hash, &enrolment.nonce);
    let mut lines = own::lines_of("New phone", device);
    lines.push(Line::new("It must show", digits));
    let asking = Asking {
        about: About::AddDevice { enrolment: enrolment.id },
        lines,
        expires_at: enrolment.expires_at,
        phones: &phones,
    };
    let change = own::ask(provider, change, &asking, now)?;
    Ok((change, phones))
}

/// Adds an enrolled phone to a change, with the notices to all others; gives those, to be woken afterwards. One that joins
/// when no other is left was recovered, by whoever could make a ticket: it proves little for a while, and so does one that
/// joins when all others do.
///
/// `user` was read before anything that this was judged on. It is written again as it is: of two phones that join at once,
/// the second is judged anew.
pub(super) async fn enrolled(
    provider: &Provider,
    change: Change,
    user: Versioned<User>,
    device: &Device,
    now: Timestamp,
) -> Result<(Change, Vec<Device>), Reason> {
    let (subject, id) = (device.subject.clone(), device.id);
    let devices = provider.store.devices_of(provider.id(), &subject).await.map_err(Unavailable::from)?;
    if !has_room(provider, &subject).await? {
        return Err(Reason::TooMany);
    }
    info!(device = %device.id, "device enrolled");
    let change = change.replace(user.version, user.record);
    let is_recovery = !devices.is_empty()
        && !devices.iter().any(|device| device.record.is_active() && !device.record.is_limited(now));
    let limited_until = is_recovery.then(|| now.plus_seconds(RECOVERY_LIMIT));
    let what = What::DeviceEnrolled { subject: subject.clone(), device: id };
    let mut change = change.create(Device { limited_until, ..device.clone() }).recording(provider, now, what);
    if let Some(limited_until) = limited_until {
        change = change.recording(provider, now, What::DeviceRecovered { subject, device: id, limited_until });
    }
    Ok(own::announce(provider, change, device, News::Enrolled, now).await?)
}

/// Whether another phone of this user may join.
pub(super) async fn has_room(provider: &Provider, subject: &Subject) -> Result<bool, Unavailable> {
    Ok(own::phones(provider, subject).await?.len() < MOST_PHONES)
}

fn device(provider: &Provider, enrolment: &Enrolment, finish: Finish, hash: Digest, now: Timestamp) -> Device {
    Device {
        id: DeviceId::from_bytes(provider.random().array()),
        enrolment: enrolment.id,
        subject: enrolment.subject.clone(),
        device_key: finish.device,
        verified_key: finish.verified,
        verified_kind: finish.verified_kind,
        sealing_key: finish.sealing,
        level: KeyLevel::Claimed,
        verified_level: KeyLevel::Claimed,
        attestation: None,
        info: finish.info,
        push: finish.push,
        push_named_at: None,
        status: DeviceStatus::Active,
        transcript: Digest::labelled("adp1-transcript", &[enrolment.offer.digest().as_bytes(), hash.as_bytes()]),
        enrolled_at: now,
        limited_until: None,
        rotated: None,
        rotations: Times::NONE,
        proposed: None,
    }
}

/// Where an enrolment stands, for the phone that proved to be the one enrolling.
pub async fn status(provider: &Provider, id: &EnrolmentId, presented: Presented<'_>) -> Result<Jws, Reason> {
    let enrolment = find(provider, id).await?.record;
    let finished = enrolment.finished.clone().ok_or(Reason::UnknownEnrolment)?;
    // Once it is enrolled it may have been revoked, which its enrolment does not know.
    let enrolled = provider.store.device(provider.id(), &finished.device.id).await.map_err(Unavailable::from)?;
    prove::prove_as(provider, enrolled.map_or(finished.device, |enrolled| enrolled.record), presented)?;
    state(provider, &enrolment, provider.now())
}

/// An enrolment whose time is not over.
pub(super) async fn find(provider: &Provider, id: &EnrolmentId) -> Result<Versioned<Enrolment>, Reason> {
    let found = provider.store.enrolment(provider.id(), id).await.map_err(Unavailable::from)?;
    found.filter(|found| provider.now() < found.record.expires_at).ok_or(Reason::UnknownEnrolment)
}

/// The signed word that an enrolled phone is, and what the realm asks of its phones by now.
pub fn standing(provider: &Provider, device: &Device) -> Result<Jws, Unavailable> {
    let message = protocol::messages::Enrolment {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        enr: device.enrolment,
        device: device.id,
        state: EnrolmentState::Active,
        nonce: Nonce::from_bytes([0; 16]),
        fh: Digest::from_bytes([0; 32]),
        policy: Some(policy(provider)),
        now: provider.now().unix_seconds(),
        v: protocol::VERSION,
    };
    provider.keys.sign_device(&message).map_err(|_| Unavailable::Keys)
}

fn state(provider: &Provider, enrolment: &Enrolment, now: Timestamp) -> Result<Jws, Reason> {
    let finished = enrolment.finished.as_ref().ok_or(Reason::UnknownEnrolment)?;
    let message = protocol::messages::Enrolment {
        iss: provider.issuer().to_owned(),
        aud: enrolment.key,
        enr: enrolment.id,
        device: finished.device.id,
        state: match enrolment.progress {
            EnrolmentProgress::Offered | EnrolmentProgress::Unconfirmed => EnrolmentState::Unconfirmed,
            EnrolmentProgress::Active => EnrolmentState::Active,
            EnrolmentProgress::Cancelled => EnrolmentState::Cancelled,
        },
        nonce: enrolment.nonce,
        fh: finished.hash,
        policy: None,
        now: now.unix_seconds(),
        v: protocol::VERSION,
    };
    Ok(provider.keys.sign_device(&message).map_err(|_| Unavailable::Keys)?)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_account_label_shows_only_its_ends() {
        let labels = ["alice", "ab", "1", ""].map(masked);
        assert_eq!(labels, ["a•••e", "a•••b", "1•••", "•••"]);
    }
}
