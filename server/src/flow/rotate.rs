//! A phone replaces its keys. The new ones sign for themselves, the `device` key before for the phone. Another `verified`
//! key also needs a word that its user agrees: of the one before, of another phone, or of an operator who had the user
//! sign in (`DEVICE_PROTOCOL` "Lifecycle"). Until then it is a proposal.

use protocol::crypto::Verify;
use protocol::jws::{General, JwsError};
use protocol::messages::{EnrolmentState, Rotation};
use protocol::{DeviceId, Digest, Jwk, Jws, Nonce};
use tracing::info;

use super::own::{self, Asking, News};
use super::prove::Proven;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided, until_decided_of};
use super::{Unavailable, deliver};
use crate::domain::audit::{Agreed, What};
use crate::domain::device::{Device, NewKeys, Proposed};
use crate::domain::prompt::About;
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, Versioned};

/// For how many seconds a proposal may be agreed to.
const PROPOSAL_LIFETIME: i64 = 600;

/// A phone brings no more new keys than this in a day: each time the others are told.
const MOST_ROTATIONS: usize = 10;

const DAY: i64 = 86_400;

/// Why no key was replaced.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not a rotation.
    #[error("not a rotation: {0}")]
    Malformed(JwsError),
    /// A key that must have signed did not.
    #[error("the rotation is not signed by the keys that it needs")]
    BadSignature,
    /// It is for another phone or issuer, brings no key, or one that is in use already.
    #[error("the rotation does not fit this device")]
    Mismatch,
    /// Proven by a key that was replaced.
    #[error("a former key rotates nothing")]
    FormerKey,
    /// Somebody said no to it, or nobody yes in time.
    #[error("nobody agreed to these keys")]
    Refused,
    /// It brought [`MOST_ROTATIONS`] in a day.
    #[error("enough keys for a day")]
    TooMany,
    /// Nothing is proposed, or it was something else, or its time is over.
    #[error("nothing is proposed")]
    UnknownProposal,
    /// The proof was used before, by a call to another process.
    #[error("the proof was used before")]
    ProofReplayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Where a rotation stands; our signed word on it.
pub enum Answered {
    /// The new keys hold.
    Done(Jws),
    /// Somebody else is asked.
    Awaiting(Jws),
}

/// What a message asks for, once all signatures hold.
struct Asked {
    keys: NewKeys,
    hash: Digest,
    /// Whether nobody else needs to agree.
    is_agreed: bool,
}

/// Takes a rotation from the phone that proved its request. The same one again gets the same answer, also by the former
/// key: a phone whose answer got lost knows no better.
pub async fn rotate(provider: &Provider, proven: &Proven, message: &General) -> Result<Answered, Reason> {
    let hash = message.digest();
    let decided = until_decided_of(&provider.lines, &proven.device.subject, || async move {
        let now = provider.now();
        let found = provider.store.device(provider.id(), &proven.device.id).await.map_err(Unavailable::from)?;
        let mut found = found.ok_or(Reason::UnknownProposal)?;
        let device = &found.record;
        if device.rotated.as_ref().is_some_and(|rotated| rotated.hash == hash) {
            return Ok(Attempt::Done((answer(provider, device, hash, EnrolmentState::Active, now)?, Vec::new())));
        }
        if proven.by_former_key {
            return Err(Reason::FormerKey);
        }
        if device.proposes(&hash, now) {
            return Ok(Attempt::Done((answer(provider, device, hash, EnrolmentState::Unconfirmed, now)?, Vec::new())));
        }
        if device.proposed.as_ref().is_some_and(|proposed| proposed.hash == hash) {
            return Err(Reason::Refused);
        }
        let asked = verified(provider, device, message, hash)?;
        let rotations = &mut found.record.rotations;
        rotations.keep_after(now.plus_seconds(-DAY), now);
        if rotations.len() >= MOST_ROTATIONS {
            return Err(Reason::TooMany);
        }
        rotations.add(now, MOST_ROTATIONS);
        let (next, change, phones) = if asked.is_agreed {
            replaced(provider, provider.change(), found, &asked.keys, hash, Agreed::Itself, now).await?
        } else {
            proposed(provider, found, asked, now).await?
        };
        let state = if next.proposed.is_some() { EnrolmentState::Unconfirmed } else { EnrolmentState::Active };
        let answer = answer(provider, &next, hash, state, now)?;
        match provider.store.commit(proven.marking(change, now)).await {
            Err(CommitError::Replayed(..)) => Err(Reason::ProofReplayed),
            committed => Ok(Attempt::after(committed, (answer, phones))),
        }
    });
    let (answer, phones) = decided.await?;
    own::wake(provider, &phones);
    provider.wake.outbox();
    Ok(answer)
}

/// An operator agrees to what a phone proposes, after the user signed in.
pub async fn agree(provider: &Provider, id: &DeviceId) -> Result<(), Reason> {
    let phones = until_decided(|| async move {
        let now = provider.now();
        let found = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
        let found = found.ok_or(Reason::UnknownProposal)?;
        let proposed = found.record.proposed.clone().ok_or(Reason::UnknownProposal)?;
        if !found.record.proposes(&proposed.hash, now) {
            return Err(Reason::UnknownProposal);
        }
        let (change, hash) = (provider.change(), proposed.hash);
        let (_, change, phones) =
            replaced(provider, change, found, &proposed.keys, hash, Agreed::Operator, now).await?;
        Ok(Attempt::after(provider.store.commit(change).await, phones))
    });
    own::wake(provider, &phones.await?);
    provider.wake.outbox();
    Ok(())
}

/// Adds the replacement to a change, with its event and the notices; gives the phones to wake afterwards.
pub(super) async fn replaced(
    provider: &Provider,
    change: Change,
    found: Versioned<Device>,
    keys: &NewKeys,
    hash: Digest,
    agreed: Agreed,
    now: Timestamp,
) -> Result<(Device, Change, Vec<Device>), Unavailable> {
    let change = no_longer_asked(provider, change, &found.record, &agreed, now).await?;
    let next = found.record.with_keys(hash, keys, now);
    info!(device = %next.id, ?agreed, "keys rotated");
    let roles = [("device", keys.device), ("verified", keys.verified), ("sealing", keys.sealing)];
    let roles = roles.into_iter().filter(|(_, key)| key.is_some()).map(|(role, _)| role.to_owned()).collect();
    let what = What::KeysRotated { subject: next.subject.clone(), device: next.id, roles, agreed };
    let change = change.replace(found.version, next.clone()).recording(provider, now, what);
    let (change, phones) = own::announce(provider, change, &next, News::Rotated, now).await?;
    Ok((next, change, phones))
}

/// What the phone proposed before is over, agreed to or not.
async fn no_longer_asked(
    provider: &Provider,
    change: Change,
    device: &Device,
    agreed: &Agreed,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let Some(proposed) = device.proposed.as_ref().filter(|proposed| device.proposes(&proposed.hash, now)) else {
        return Ok(change);
    };
    let by = if let Agreed::Phone { device } = agreed { Some(device) } else { None };
    let asked = (&device.subject, &About::Rotate { device: device.id, rotation: proposed.hash });
    deliver::of_question(provider, change, asked, by, now).await
}

async fn proposed(
    provider: &Provider,
    found: Versioned<Device>,
    asked: Asked,
    now: Timestamp,
) -> Result<(Device, Change, Vec<Device>), Unavailable> {
    let change = no_longer_asked(provider, provider.change(), &found.record, &Agreed::Itself, now).await?;
    let until = now.plus_seconds(PROPOSAL_LIFETIME);
    let proposal = Proposed { hash: asked.hash, keys: asked.keys, until };
    let next = Device { proposed: Some(proposal), ..found.record };
    let what = What::KeysProposed { subject: next.subject.clone(), device: next.id };
    let change = change.replace(found.version, next.clone()).recording(provider, now, what);
    let phones = own::others(provider, &next.subject, &next.id).await?;
    let asking = Asking {
        about: About::Rotate { device: next.id, rotation: asked.hash },
        lines: own::lines_of("New approval key on", &next),
        expires_at: until,
        phones: &phones,
    };
    let change = own::ask(provider, change, &asking, now)?;
    Ok((next, change, phones))
}

/// Which keys must have signed stands in the message itself; whether it does is judged by the keys that the phone has.
fn verified(provider: &Provider, device: &Device, message: &General, hash: Digest) -> Result<Asked, Reason> {
    let claimed: Rotation = message.unverified_payload().map_err(Reason::Malformed)?;
    let keys = NewKeys { device: claimed.device, verified: claimed.verified, sealing: claimed.sealing };
    let fits = claimed.iss == device.id
        && claimed.aud == provider.issuer()
        && claimed.v == protocol::VERSION
        && are_new(device, &keys);
    if !fits {
        return Err(Reason::Mismatch);
    }
    let mut signers: Vec<&Jwk> = keys.device.iter().chain(&keys.verified).collect();
    // One signature more than the new keys and the old `device` key make: that of the `verified` key before.
    let by_old_verified = keys.verified.is_some() && message.signers() == signers.len() + 2;
    signers.extend(by_old_verified.then_some(&device.verified_key));
    signers.push(&device.device_key);
    let parsed = signers.into_iter().chain(&keys.sealing).map(super::enrol::stranger);
    let parsed = parsed.collect::<Result<Vec<_>, _>>().map_err(|_| Reason::Mismatch)?;
    // The sealing key was parsed only to learn that the point is on the curve.
    let signing = parsed.len() - usize::from(keys.sealing.is_some());
    let signing: Vec<&dyn Verify> = parsed[..signing].iter().map(|key| key as &dyn Verify).collect();
    message.verify::<Rotation>(&signing).map_err(|error| match error {
        JwsError::Crypto(_) => Reason::BadSignature,
        other => Reason::Malformed(other),
    })?;
    Ok(Asked { keys, hash, is_agreed: keys.verified.is_none() || by_old_verified })
}

/// At least one, and none that is or just was in use: keys are never shared, and none comes back.
fn are_new(device: &Device, keys: &NewKeys) -> bool {
    let new: Vec<&Jwk> = keys.device.iter().chain(&keys.verified).chain(&keys.sealing).collect();
    let former = device.rotated.as_ref().and_then(|rotated| rotated.former.as_ref());
    let used: Vec<&Jwk> =
        [&device.device_key, &device.verified_key, &device.sealing_key].into_iter().chain(former).collect();
    let differ = (1..new.len()).all(|at| !new[..at].contains(&new[at]));
    !new.is_empty() && differ && new.iter().all(|key| !used.contains(key))
}

fn answer(
    provider: &Provider,
    device: &Device,
    hash: Digest,
    state: EnrolmentState,
    now: Timestamp,
) -> Result<Answered, Unavailable> {
    let message = protocol::messages::Enrolment {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        enr: device.enrolment,
        device: device.id,
        state,
        nonce: Nonce::from_bytes([0; 16]),
        fh: hash,
        policy: None,
        now: now.unix_seconds(),
        v: protocol::VERSION,
    };
    let message = provider.keys.sign_device(&message)?;
    Ok(match state {
        EnrolmentState::Active => Answered::Done(message),
        EnrolmentState::Unconfirmed | EnrolmentState::Cancelled | EnrolmentState::Revoked => {
            Answered::Awaiting(message)
        }
    })
}
