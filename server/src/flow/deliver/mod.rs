//! Empties the outbox: lease, carry, commit the fate. At least once, with back-off, until there is no more time for it; a
//! process that dies in between leaves the message to the next one.
//!
//! `phone` carries pushes to phones, gathered by `moment`, and `dismissal` takes their notifications away; `client` what clients are told: `timer` makes it of requests that nobody answered in
//! time, `outcome` of approvals. `lanes` keeps one who is slow from holding up the others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::error;

use self::lanes::{Lane, Lanes, Seat};
use super::Unavailable;
use super::provider::Provider;
use crate::domain::message::{Content, Message};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::outbound::Fate;
use crate::store::{Change, CommitError, Store, Versioned};

pub(super) use self::dismissal::{from_the_others, of_question};

mod client;
mod dismissal;
mod lanes;
pub(super) mod moment;
mod outcome;
mod phone;
mod timer;

/// So many messages are looked at together.
const MOST: usize = lanes::MOST;

/// Seconds for which a leased message is nobody else's: longer than a carriage may take.
const LEASE: i64 = 30;

/// A carriage that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(25);

/// Without new messages the outbox is looked at this often, for retries and for messages of other processes.
const IDLE: Duration = Duration::from_millis(500);

/// The longest pause between two attempts that we choose ourselves, in seconds.
const LONGEST_PAUSE: i64 = 30;

/// Carries messages until told to stop.
pub async fn run(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = reclaim(&provider).await {
        error!(%error, "the outbox could not be read");
    }
    let mut worker = Worker::new(&provider);
    while !*stop.borrow() {
        let looked = worker.set_out().await.unwrap_or_else(|error| {
            error!(%error, "the outbox could not be worked on");
            Looked { set_out: 0, more: false }
        });
        if looked.more && looked.set_out > 0 {
            continue;
        }
        worker.rest(looked.more, &mut stop).await;
    }
    worker.lay_down().await;
    worker.finish().await;
}

/// Makes one attempt for everything that is due; how many there were. For a hand-moved clock; [`run`] does the same.
pub async fn deliver_due(provider: &Arc<Provider>) -> Result<usize, Unavailable> {
    let mut worker = Worker::new(provider);
    let looked = worker.set_out().await?;
    worker.finish().await;
    Ok(looked.set_out)
}

/// When the next attempt for anything in the outbox is due, for tests that move the clock. What waits for the end of a
/// request's life is not yet a message.
pub async fn next_due(store: &dyn Store, realm: &RealmId, now: Timestamp) -> Result<Option<Timestamp>, Unavailable> {
    let waiting = store.due(realm, now.plus_seconds(86_400), 10_000).await?;
    let mut messages = waiting.iter().map(|message| &message.record);
    let is_owed = |message: &&Message| match message.content {
        // A notification that stays a little longer owes nobody anything.
        Content::Dismiss { at_end: true, .. } => false,
        _ => message.due_at <= now || !message.content.waits_for_the_end(),
    };
    let next = messages.find(is_owed);
    Ok(next.map(|message| message.due_at))
}

/// The message as whoever carries it has it.
pub(super) fn leased(message: Message, now: Timestamp) -> Message {
    Message { due_at: now.plus_seconds(LEASE), attempts: message.attempts + 1, ..message }
}

/// The same for one who has it already.
fn leased_on(message: Message, now: Timestamp) -> Message {
    Message { due_at: now.plus_seconds(LEASE), ..message }
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
        let is_leased = |message: &Message| message.due_at > now && !message.content.waits_for_the_end();
        let leased: Vec<_> = found.into_iter().filter(|message| is_leased(&message.record)).collect();
        for leased in leased.chunks(MOST) {
            let change = leased.iter().fold(provider.change(), |change, message| due_at(change, message, now));
            provider.store.commit(change).await?;
        }
        if all {
            return Ok(());
        }
        // What is due already comes first; behind it there may be more.
        most = most.saturating_mul(2);
    }
}

fn due_at(change: Change, message: &Versioned<Message>, due_at: Timestamp) -> Change {
    change.replace(message.version, Message { due_at, ..message.record.clone() })
}

/// What one look at the outbox came to.
struct Looked {
    /// So many carriages set out.
    set_out: usize,
    /// Something that is due is still there.
    more: bool,
}

struct Worker {
    provider: Arc<Provider>,
    lanes: Arc<Lanes>,
    carriages: JoinSet<Result<(), Unavailable>>,
}

impl Worker {
    fn new(provider: &Arc<Provider>) -> Self {
        Self { provider: Arc::clone(provider), lanes: Arc::default(), carriages: JoinSet::new() }
    }

    /// Takes over what was handed to it and what is due, and sets out with it.
    async fn set_out(&mut self) -> Result<Looked, Unavailable> {
        let (mut handed, now) = (self.provider.wake.handed(), self.provider.now());
        // What was left lying for longer than its lease is anybody's, and found below.
        handed.retain(|message| message.record.due_at > now);
        let before = self.carriages.len();
        self.carry_leased(handed).await?;
        let more = !self.lanes.are_full() && self.look().await?;
        Ok(Looked { set_out: self.carriages.len() - before, more: more || self.lanes.are_full() })
    }

    /// Sets out with messages that are leased already. What finds no seat goes back into the outbox.
    async fn carry_leased(&mut self, messages: Vec<Versioned<Message>>) -> Result<(), Unavailable> {
        let mut left = self.provider.change();
        let now = self.provider.now();
        for message in messages {
            match self.lanes.seat(Lane::of(&self.provider, &message.record).await?) {
                Some(seat) => self.spawn(seat, message),
                None => left = due_at(left, &message, now),
            }
        }
        if left.is_empty() { Ok(()) } else { settle(&self.provider, left).await }
    }

    /// Looks at what is due; whether there is more of it than could set out.
    async fn look(&mut self) -> Result<bool, Unavailable> {
        let now = self.provider.now();
        let due = self.provider.store.due(self.provider.id(), now, MOST).await?;
        let whole = due.len() == MOST;
        let is_timer = |message: &Versioned<Message>| matches!(message.record.content, Content::Expiry { .. });
        let (timers, messages): (Vec<_>, Vec<_>) = due.into_iter().partition(is_timer);
        let messages = moment::gather(&self.provider, messages, now).await?;
        let left = self.lease(messages, now, whole).await?;
        let provider = &self.provider;
        let run_out = join_all(timers.into_iter().map(|timer| timer::expire(provider, timer, now))).await;
        let told = run_out.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        self.carry_leased(told).await?;
        Ok(left || whole)
    }

    /// Leases what finds a seat and sets out with it; whether something found none. That is left where it is, unless it
    /// may hide others behind it: then it is put aside.
    async fn lease(
        &mut self,
        messages: Vec<Versioned<Message>>,
        now: Timestamp,
        hides_others: bool,
    ) -> Result<bool, Unavailable> {
        let mut change = self.provider.change();
        let (mut seated, mut left) = (Vec::new(), false);
        for Versioned { version, record } in messages {
            let lane = Lane::of(&self.provider, &record).await?;
            if let Some(seat) = self.lanes.seat(lane.clone()) {
                let record = leased(record, now);
                change = change.replace(version, record.clone());
                seated.push((seat, Versioned { version: version + 1, record }));
                continue;
            }
            left = true;
            if hides_others {
                let due_at = self.lanes.turn(&lane, now);
                change = change.replace(version, Message { due_at, ..record });
            }
        }
        if change.is_empty() {
            return Ok(left);
        }
        match self.provider.store.commit(change).await {
            Ok(()) => seated.into_iter().for_each(|(seat, message)| self.spawn(seat, message)),
            Err(CommitError::Conflict) => self.lease_each(seated).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(left)
    }

    /// Another process took some of them: each by itself, then.
    async fn lease_each(&mut self, seated: Vec<(Seat, Versioned<Message>)>) -> Result<(), Unavailable> {
        let provider = &self.provider;
        let leases = seated.into_iter().map(async |(seat, message)| {
            let change = provider.change().replace(message.version - 1, message.record.clone());
            (provider.store.commit(change).await, seat, message)
        });
        for (committed, seat, message) in join_all(leases).await {
            match committed {
                Ok(()) => self.spawn(seat, message),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn spawn(&mut self, seat: Seat, message: Versioned<Message>) {
        let provider = Arc::clone(&self.provider);
        self.carriages.spawn(async move {
            match message.record.content {
                Content::Push { .. } => phone::carry(&provider, &seat, message).await,
                Content::Dismiss { .. } => dismissal::carry(&provider, &seat, message).await,
                Content::Expiry { .. } | Content::Ping { .. } | Content::Tokens { .. } | Content::Error { .. } => {
                    client::carry(&provider, &seat, message).await
                }
            }
        });
    }

    /// Until there may be something to do. One that is slow holds up nobody else.
    async fn rest(&mut self, more: bool, stop: &mut watch::Receiver<bool>) {
        let idle = tokio::time::sleep(IDLE);
        tokio::pin!(idle);
        loop {
            tokio::select! {
                Some(carried) = self.carriages.join_next() => {
                    report(carried);
                    // Its seat is free for one that had none.
                    if more { return }
                }
                () = self.provider.wake.outbox_filled() => return,
                () = &mut idle => return,
                _ = stop.changed() => return,
            }
        }
    }

    /// What was handed over and has not set out is due for the next process.
    async fn lay_down(&self) {
        let now = self.provider.now();
        let handed = self.provider.wake.handed();
        let change = handed.iter().fold(self.provider.change(), |change, message| due_at(change, message, now));
        if !change.is_empty()
            && let Err(error) = settle(&self.provider, change).await
        {
            error!(%error, "messages wait until their lease is over");
        }
    }

    async fn finish(mut self) {
        while let Some(carried) = self.carriages.join_next().await {
            report(carried);
        }
    }
}

fn report(carried: Result<Result<(), Unavailable>, JoinError>) {
    match carried {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "a message's fate could not be stored"),
        Err(panic) => error!(%panic, "a carriage failed"),
    }
}

/// What a carriage is answered, or that it took too long.
async fn in_time(carriage: impl Future<Output = Fate>) -> Fate {
    let slow = Fate::Later { retry_after_seconds: None, cause: "timed_out" };
    tokio::time::timeout(PATIENCE, carriage).await.unwrap_or(slow)
}

/// The message with its next attempt, after the pause that was asked for or one of ours; `None` when that is too late.
fn later(provider: &Provider, message: Message, retry_after_seconds: Option<u32>) -> Option<Message> {
    let due_at = provider.now().plus_millis(pause(provider, message.attempts, retry_after_seconds));
    (due_at < message.give_up_at).then_some(Message { due_at, ..message })
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
async fn settle(provider: &Provider, change: Change) -> Result<(), Unavailable> {
    match provider.store.commit(change).await {
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
