//! Clients that a user wants to hear nothing of, by whichever of their phones said so (device protocol, "Limits").
//!
//! Blocking needs no fingerprint: the call is proven by `device`, over its body. Lifting is signed by `verified`, so that
//! a thief of an unlocked phone undoes nothing, and each such message counts once.

use protocol::endpoints::{BlockPeriod, BlockRequest};
use protocol::jws::Unverified;
use protocol::messages::{Block as Told, Blocks, Unblock};
use protocol::{Digest, Jws, KeyRef, KeyRole, Typ};
use tracing::info;

use super::Unavailable;
use super::prove::Proven;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided_of};
use crate::domain::attention::{Attention, AttentionKey, Block, MOST_BLOCKS};
use crate::domain::audit::What;
use crate::domain::device::Device;
use crate::domain::names::{ClientId, Subject};
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, MarkKey, Versioned};

/// Seconds by which the time in an unblocking may differ from ours. It is remembered for as long on both sides.
const TOLERANCE: i64 = 300;

/// Why nothing was blocked or lifted.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No such client.
    #[error("no such client")]
    UnknownClient,
    /// The user has as many blocks as may be.
    #[error("there are as many blocks as may be")]
    TooMany,
    /// Not an unblocking, or about another phone, issuer or time.
    #[error("not an unblocking by this phone at this time")]
    Malformed,
    /// Not signed by the phone's `verified` key.
    #[error("not signed by the verified key")]
    BadSignature,
    /// The message lifted a block before. Since then the user may have blocked the client again.
    #[error("the unblocking was used before")]
    Used,
    /// The proof was used before, by a call to another process.
    #[error("the proof was used before")]
    ProofReplayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Our signed word, for this phone, on what its user has blocked, oldest first.
pub async fn list(provider: &Provider, device: &Device) -> Result<Jws, Unavailable> {
    let now = provider.now();
    let found = provider.store.attention(provider.id(), &AttentionKey::of(&device.subject, None)).await?;
    let mut blocks = Vec::new();
    for block in found.into_iter().flat_map(|found| found.record.blocks).filter(|block| block.holds(now)) {
        let client = provider.store.client(provider.id(), &block.client).await?;
        blocks.push(Told {
            client: block.client.to_string(),
            name: client.map_or_else(|| block.client.to_string(), |client| client.record.name),
            since: block.at.unix_seconds(),
            until: block.until.map(Timestamp::unix_seconds),
        });
    }
    let listing = Blocks {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        enr: device.enrolment,
        blocks,
        now: now.unix_seconds(),
        v: protocol::VERSION,
    };
    Ok(provider.keys.sign_device(&listing)?)
}

/// Blocks a client for the user of the phone that proved its request. Doing it again replaces how long.
pub async fn block(provider: &Provider, proven: &Proven, wish: &BlockRequest) -> Result<(), Reason> {
    let client = ClientId::new(wish.client.as_str());
    let found = provider.store.client(provider.id(), &client).await.map_err(Unavailable::from)?;
    if found.is_none_or(|found| found.record.removed) {
        return Err(Reason::UnknownClient);
    }
    let gone = removed(provider, &proven.device.subject).await?;
    edit(provider, proven, |blocks, change, now| {
        let device = &proven.device;
        blocks.retain(|block| block.client != client);
        if blocks.len() >= MOST_BLOCKS {
            blocks.retain(|block| !gone.contains(&block.client));
        }
        if blocks.len() >= MOST_BLOCKS {
            return Err(Reason::TooMany);
        }
        let until = seconds(wish.lasts).map(|seconds| now.plus_seconds(seconds));
        blocks.push(Block { client: client.clone(), device: device.id, at: now, until });
        let (client, subject) = (client.clone(), device.subject.clone());
        Ok(change.recording(provider, now, What::ClientBlocked { client, subject, device: device.id, until }))
    })
    .await?;
    info!(%client, device = %proven.device.id, "client blocked");
    Ok(())
}

/// Clients that this user blocked and that are removed since, where there are as many blocks as may be: ids are never used
/// again, so those blocks keep nothing away, and make room.
async fn removed(provider: &Provider, subject: &Subject) -> Result<Vec<ClientId>, Unavailable> {
    let found = provider.store.attention(provider.id(), &AttentionKey::of(subject, None)).await?;
    let blocks = found.map(|found| found.record.blocks).filter(|blocks| blocks.len() >= MOST_BLOCKS);
    let mut gone = Vec::new();
    for Block { client, .. } in blocks.into_iter().flatten() {
        let found = provider.store.client(provider.id(), &client).await?;
        if found.is_none_or(|found| found.record.removed) {
            gone.push(client);
        }
    }
    Ok(gone)
}

const fn seconds(lasts: BlockPeriod) -> Option<i64> {
    match lasts {
        BlockPeriod::QuarterHour => Some(900),
        BlockPeriod::Day => Some(86_400),
        BlockPeriod::UntilLifted => None,
    }
}

/// Lifts a block. Where there is none, nothing changes.
pub async fn unblock(provider: &Provider, proven: &Proven, message: &Jws) -> Result<(), Reason> {
    let lifted = verify(provider, &proven.device, message)?;
    let client = ClientId::new(lifted.client);
    let used = MarkKey::Unblocking(Digest::of(message.signed_text().as_bytes()));
    let edited = edit(provider, proven, |blocks, change, now| {
        let device = &proven.device;
        let change = change.mark(used.clone(), message.digest(), now.plus_seconds(2 * TOLERANCE));
        let before = blocks.len();
        blocks.retain(|block| block.client != client);
        if blocks.len() == before {
            return Ok(change);
        }
        let (client, subject) = (client.clone(), device.subject.clone());
        Ok(change.recording(provider, now, What::ClientUnblocked { client, subject, device: device.id }))
    })
    .await;
    match edited {
        // The same message within the same second, because the answer got lost or the user is impatient.
        Err(Reason::Used) if !is_blocked(provider, &proven.device, &client).await? => Ok(()),
        Ok(()) => {
            info!(%client, device = %proven.device.id, "block lifted");
            Ok(())
        }
        refused => refused,
    }
}

async fn is_blocked(provider: &Provider, device: &Device, client: &ClientId) -> Result<bool, Unavailable> {
    let now = provider.now();
    let found = provider.store.attention(provider.id(), &AttentionKey::of(&device.subject, None)).await?;
    Ok(found.is_some_and(|found| found.record.blocks.iter().any(|block| block.client == *client && block.holds(now))))
}

fn verify(provider: &Provider, device: &Device, message: &Jws) -> Result<Unblock, Reason> {
    let unverified = Unverified::parse(message.as_str(), Typ::Unblock).map_err(|_| Reason::Malformed)?;
    if unverified.key_ref() != Ok(KeyRef { device: device.id, role: KeyRole::Verified }) {
        return Err(Reason::BadSignature);
    }
    let verifier = provider.proofs.key(&device.verified_key).ok_or(Reason::BadSignature)?;
    let unblock: Unblock = unverified.verify(&*verifier).map_err(|_| Reason::BadSignature)?;
    let off = unblock.iat.saturating_sub(provider.now().unix_seconds()).saturating_abs();
    let fits = unblock.iss == device.id
        && unblock.aud == provider.issuer()
        && unblock.v == protocol::VERSION
        && off <= TOLERANCE;
    if fits { Ok(unblock) } else { Err(Reason::Malformed) }
}

async fn edit(
    provider: &Provider,
    proven: &Proven,
    edit: impl Fn(&mut Vec<Block>, Change, Timestamp) -> Result<Change, Reason>,
) -> Result<(), Reason> {
    let (edit, subject) = (&edit, &proven.device.subject);
    until_decided_of(&provider.lines, subject, || async move {
        let now = provider.now();
        let found = provider.store.attention(provider.id(), &AttentionKey::of(subject, None)).await;
        let found = found.map_err(Unavailable::from)?;
        let (version, mut attention) = match found {
            Some(Versioned { version, record }) => (Some(version), record),
            None => (None, Attention::of(subject.clone(), None)),
        };
        attention.blocks.retain(|block| block.holds(now));
        let change = edit(&mut attention.blocks, proven.marking(provider.change(), now), now)?;
        let change = match version {
            Some(version) => change.replace(version, attention),
            None => change.create(attention),
        };
        match provider.store.commit(change).await {
            Err(CommitError::Replayed(MarkKey::Unblocking(_), _)) => Err(Reason::Used),
            Err(CommitError::Replayed(..)) => Err(Reason::ProofReplayed),
            committed => Ok(Attempt::after(committed, ())),
        }
    })
    .await
}
