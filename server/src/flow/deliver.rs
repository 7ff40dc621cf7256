//! Empties the outbox: lease, carry, commit the fate. At least once, with back-off, until the prompt's time is over;
//! a process that dies in between leaves the message to the next one.

use std::sync::Arc;
use std::time::Duration;

use protocol::crypto::aws_lc::EphemeralKey;
use protocol::jwe;
use protocol::messages::{PushMode, PushTarget};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, info};

use super::Unavailable;
use super::maintain;
use super::provider::{Provider, Recorded as _};
use crate::domain::audit::{PushFate, What};
use crate::domain::authentication_request::State;
use crate::domain::device::Device;
use crate::domain::message::{Content, Message};
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;
use crate::outbound::{Courier, Fate, Push, PushBody};
use crate::store::{CommitError, Versioned};

/// Messages under way at once.
const MOST: usize = 64;

/// Seconds for which a leased message is nobody else's: longer than a courier may take.
const LEASE: i64 = 30;

/// A courier that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(25);

/// Without new messages the outbox is looked at this often, for retries and for messages of other processes.
const IDLE: Duration = Duration::from_millis(500);

/// The longest pause between two attempts, in seconds.
const LONGEST_PAUSE: i64 = 30;

/// A sealed push above this many bytes does not fit FCM's 4,096 beside its envelope and is sent as a wake.
const MOST_SEALED: usize = 3 * 1024;

/// Carries messages until told to stop.
pub async fn run(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    let Some(courier) = provider.courier.clone() else {
        return;
    };
    if let Err(error) = reclaim(&provider).await {
        error!(%error, "the outbox could not be read");
    }
    let mut carriages = JoinSet::new();
    while !*stop.borrow() {
        let free = MOST - carriages.len();
        let taken = start(&provider, &courier, free, &mut carriages).await.unwrap_or_else(|error| {
            error!(%error, "the outbox could not be worked on");
            0
        });
        if taken == free && free > 0 {
            continue;
        }
        // One that is slow holds up nobody else.
        tokio::select! {
            Some(carried) = carriages.join_next() => report(carried),
            () = provider.wake.outbox_filled() => {}
            () = tokio::time::sleep(IDLE) => {}
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    finish(carriages).await;
}

/// Makes one attempt for everything that is due; how many there were. For a hand-moved clock; [`run`] does the same.
pub async fn deliver_due(provider: &Arc<Provider>) -> Result<usize, Unavailable> {
    match provider.courier.clone() {
        Some(courier) => {
            let mut carriages = JoinSet::new();
            let count = start(provider, &courier, MOST, &mut carriages).await?;
            finish(carriages).await;
            Ok(count)
        }
        None => Ok(0),
    }
}

/// After a start with a store that nobody else can be using, leases are a dead process's: everything is due now.
async fn reclaim(provider: &Provider) -> Result<(), Unavailable> {
    if !provider.store.is_exclusive() {
        return Ok(());
    }
    let now = provider.now();
    let mut most = MOST;
    loop {
        let found = provider.store.due(provider.id(), now.plus_seconds(LEASE + LONGEST_PAUSE), most).await?;
        let all = found.len() < most;
        let leased: Vec<_> = found.into_iter().filter(|message| message.record.due_at > now).collect();
        for leased in leased.chunks(MOST) {
            let change = leased.iter().fold(provider.change(), |change, message| {
                change.replace(message.version, Message { due_at: now, ..message.record.clone() })
            });
            provider.store.commit(change).await?;
        }
        if all {
            return Ok(());
        }
        // What is due already comes first; behind it there may be more.
        most = most.saturating_mul(2);
    }
}

/// Takes at most `most` of what is due and sets out with each; how many there were.
async fn start(
    provider: &Arc<Provider>,
    courier: &Arc<dyn Courier>,
    most: usize,
    carriages: &mut JoinSet<Result<(), Unavailable>>,
) -> Result<usize, Unavailable> {
    let leased = lease(provider, most).await?;
    let count = leased.len();
    for message in leased {
        let (provider, courier) = (Arc::clone(provider), Arc::clone(courier));
        carriages.spawn(async move { carry(&provider, &*courier, message).await });
    }
    Ok(count)
}

async fn finish(mut carriages: JoinSet<Result<(), Unavailable>>) {
    while let Some(carried) = carriages.join_next().await {
        report(carried);
    }
}

fn report(carried: Result<Result<(), Unavailable>, JoinError>) {
    match carried {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "a message's fate could not be stored"),
        Err(panic) => error!(%panic, "a courier failed"),
    }
}

/// Takes what is due. When another process was faster, takes nothing this time.
async fn lease(provider: &Provider, most: usize) -> Result<Vec<Versioned<Message>>, Unavailable> {
    let now = provider.now();
    let due = provider.store.due(provider.id(), now, most).await?;
    if due.is_empty() {
        return Ok(due);
    }
    let leased: Vec<_> = due
        .into_iter()
        .map(|Versioned { version, record }| Versioned {
            version: version + 1,
            record: Message { due_at: now.plus_seconds(LEASE), attempts: record.attempts + 1, ..record },
        })
        .collect();
    let change = leased
        .iter()
        .fold(provider.change(), |change, message| change.replace(message.version - 1, message.record.clone()));
    match provider.store.commit(change).await {
        Ok(()) => Ok(leased),
        Err(CommitError::Conflict) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

async fn carry(provider: &Provider, courier: &dyn Courier, message: Versioned<Message>) -> Result<(), Unavailable> {
    let Some((device, push)) = push(provider, &message.record).await? else {
        return conclude(provider, &message, PushFate::GivenUp).await;
    };
    let slow = Fate::Later { retry_after_seconds: None, cause: "timed_out" };
    let fate = tokio::time::timeout(PATIENCE, courier.carry(&push)).await.unwrap_or(slow);
    info!(request = %message.record.request, device = %device.id, ?fate, "push carried");
    match fate {
        Fate::Delivered => conclude(provider, &message, PushFate::Delivered).await,
        Fate::Later { retry_after_seconds, .. } => postpone(provider, message, retry_after_seconds).await,
        Fate::Refused { .. } => conclude(provider, &message, PushFate::Refused).await,
        Fate::Gone { .. } => {
            match maintain::clear_push_target(provider, &device.id, &push.target).await {
                Ok(()) | Err(maintain::Reason::UnknownDevice) => {}
                Err(error) => error!(%error, "a push target that is gone could not be cleared"),
            }
            conclude(provider, &message, PushFate::Gone).await
        }
    }
}

/// The push as it is now, or `None` if there is nothing left to tell.
async fn push(provider: &Provider, message: &Message) -> Result<Option<(Device, Push)>, Unavailable> {
    let Content::Push { device, prompt, rid } = &message.content else {
        return Ok(None);
    };
    let now = provider.now();
    if now >= message.give_up_at {
        return Ok(None);
    }
    let device = provider.store.device(provider.id(), device).await?.map(|found| found.record);
    let prompt = provider.store.prompt(provider.id(), prompt).await?.map(|found| found.record);
    let (Some(device), Some(prompt)) = (device, prompt) else {
        return Ok(None);
    };
    let reachable = device.is_active() && device.push != PushTarget::None;
    if !(reachable && still_pending(provider, &prompt).await?) {
        return Ok(None);
    }
    let body = body(provider, &device, &prompt, rid.to_string())?;
    let ttl_seconds = u32::try_from(prompt.expires_at.unix_seconds() - now.unix_seconds()).unwrap_or(0);
    Ok(Some((device.clone(), Push { target: device.push, body, ttl_seconds })))
}

async fn still_pending(provider: &Provider, prompt: &StoredPrompt) -> Result<bool, Unavailable> {
    let request = provider.store.request(provider.id(), &prompt.request).await?;
    let Some(request) = request.filter(|request| request.record.state == State::Pending) else {
        return Ok(false);
    };
    let user = provider.store.user(provider.id(), &request.record.subject).await?;
    Ok(user.is_some_and(|user| user.record.status == UserStatus::Active))
}

fn body(provider: &Provider, device: &Device, prompt: &StoredPrompt, rid: String) -> Result<PushBody, Unavailable> {
    if provider.policy().push == PushMode::Wake {
        return Ok(PushBody::Wake { rid });
    }
    let ephemeral = EphemeralKey::generate().map_err(|_| Unavailable::Keys)?;
    let iv = provider.random().array();
    let sealed = jwe::seal(prompt.jws.as_str().as_bytes(), &device.sealing_key, &ephemeral, iv);
    let jwe = sealed.map_err(|_| Unavailable::Keys)?;
    Ok(if jwe.len() > MOST_SEALED { PushBody::Wake { rid } } else { PushBody::Sealed { jwe, rid } })
}

async fn conclude(provider: &Provider, message: &Versioned<Message>, fate: PushFate) -> Result<(), Unavailable> {
    let change = provider.change().conclude(message);
    let change = match message.record.content {
        Content::Push { device, .. } => {
            let what = What::PushConcluded { request: message.record.request, device, fate };
            change.recording(provider, provider.now(), what)
        }
        Content::Ping { .. } | Content::Tokens { .. } | Content::Error { .. } => change,
    };
    settle(provider, change).await
}

async fn postpone(
    provider: &Provider,
    message: Versioned<Message>,
    retry_after_seconds: Option<u32>,
) -> Result<(), Unavailable> {
    let due_at = provider.now().plus_millis(pause(provider, message.record.attempts, retry_after_seconds));
    if due_at >= message.record.give_up_at {
        return conclude(provider, &message, PushFate::GivenUp).await;
    }
    let later = Message { due_at, ..message.record };
    settle(provider, provider.change().replace(message.version, later)).await
}

/// Milliseconds until the next attempt: what the channel asked for, or 1, 2, 4 … seconds; both with up to a quarter of
/// jitter on top, so that retries of one outage do not come back together. A channel that asks for no pause gets ours:
/// a full outbox would otherwise spin.
fn pause(provider: &Provider, attempts: u32, retry_after_seconds: Option<u32>) -> i64 {
    let asked = retry_after_seconds.filter(|seconds| *seconds > 0);
    let seconds = asked.map_or_else(|| (1 << attempts.saturating_sub(1).min(5)).min(LONGEST_PAUSE), i64::from);
    let chance = i64::from(u16::from_be_bytes(provider.random().array()));
    seconds * 1000 + seconds * 250 * chance / i64::from(u16::MAX)
}

/// Commits a fate. If the message is no longer ours, whoever has it now settles it.
async fn settle(provider: &Provider, change: crate::store::Change) -> Result<(), Unavailable> {
    match provider.store.commit(change).await {
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When the next attempt for anything in the outbox is due, for tests that move the clock.
pub async fn next_due(provider: &Provider) -> Result<Option<Timestamp>, Unavailable> {
    let far = provider.now().plus_seconds(86_400);
    Ok(provider.store.due(provider.id(), far, 1).await?.first().map(|message| message.record.due_at))
}
