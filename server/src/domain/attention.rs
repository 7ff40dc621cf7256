//! How much of a user's attention clients have taken of late (device protocol, "Limits"): prompts, refusals, cool-downs,
//! blocks. Committed with what it was judged on, so that the limits hold over restarts and over any number of processes.
//!
//! A user has one record, and nearly always it is the only one that a new request writes. It holds the [`Share`]s of the
//! first [`MOST_SHARES`] clients that are busy at the same time; a client beyond that has a record of its own, *apart*, so
//! that no record grows with the number of clients and no client can push another one's share out.

use protocol::{DeviceId, Digest};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::names::{ClientId, RequestKey, Subject};
use super::policy::Policy;
use super::time::Timestamp;
use super::times::Times;

/// Shares in a user's own record. With this many and [`MOST_BLOCKS`] the longest record fits into a store's.
pub const MOST_SHARES: usize = 6;

/// Clients that a user may block at the same time.
pub const MOST_BLOCKS: usize = 20;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Under what such a record is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttentionKey(Digest);

impl AttentionKey {
    /// Of the user's own record, or of a client's apart from it.
    #[must_use]
    pub fn of(subject: &Subject, apart: Option<&Counted>) -> Self {
        let client = apart.map_or("", Counted::as_str);
        Self(Digest::labelled("assent-attention", &[subject.as_str().as_bytes(), client.as_bytes()]))
    }

    /// The hash.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// What clients have taken of one user's attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Under what it is found.
    pub key: AttentionKey,
    /// Whose.
    pub subject: Subject,
    /// Whose share stands apart here; `None`: this is the user's own record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Counted>,
    /// Prompts of all clients in the last hour, the newest of them.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub prompts: Times,
    /// Of each client that was busy of late.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Clients that the user wants to hear nothing of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// Until when there may be shares apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart_until: Option<Timestamp>,
}

/// What one client has taken, or all that are counted as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Who.
    pub client: Counted,
    /// Its prompts of the last hour.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub prompts: Times,
    /// Its requests that may still be pending, with the end of their lives. What concludes a request writes nothing here:
    /// whoever finds the limit reached asks the requests themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<(RequestKey, Timestamp)>,
    /// When the user refused it, since the last cool-down.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub refusals: Times,
    /// It may not ask before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_until: Option<Timestamp>,
}

/// A client that the user wants to hear nothing of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Who.
    pub client: ClientId,
    /// The phone that said so.
    pub device: DeviceId,
    /// Since when.
    pub at: Timestamp,
    /// Until when; `None`: until it is lifted.
    pub until: Option<Timestamp>,
}

/// Why a client may not put a prompt before a user now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Too many prompts in a minute.
    PerMinute,
    /// Too many in an hour.
    PerHour,
    /// Too many that nobody has answered.
    Pending,
    /// The user refused it too often.
    CoolDown,
    /// The user blocked it.
    Blocked,
}

/// Under what a client's prompts, refusals and wrong user codes are counted: its own id, or one for all that registered
/// themselves and that nobody confirmed. Whoever registers again gets another id, and not another count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counted(ClientId);

/// No client has this id: ids are without spaces.
const UNCONFIRMED: &str = "registered themselves";

impl Counted {
    /// Of this client.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        let alone = client.verified || !client.registered_itself();
        Self(if alone { client.id.clone() } else { ClientId::new(UNCONFIRMED) })
    }

    /// Of a client that stands for itself.
    #[must_use]
    pub const fn alone(client: ClientId) -> Self {
        Self(client)
    }

    fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// A client that wants a prompt put before the user.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Who.
    pub client: &'a ClientId,
    /// Under what that is counted.
    pub counted: &'a Counted,
    /// For what.
    pub request: RequestKey,
    /// The end of that request's life.
    pub until: Timestamp,
    /// Whether it sent the user's code, which passes a block.
    pub has_code: bool,
    /// When.
    pub now: Timestamp,
}

/// A user's own record, and the client's share apart from it where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's own.
    pub own: Attention,
    /// The client's apart.
    pub apart: Option<Attention>,
}

impl Attention {
    /// Of somebody who was left in peace.
    #[must_use]
    pub fn of(subject: Subject, apart: Option<Counted>) -> Self {
        let key = AttentionKey::of(&subject, apart.as_ref());
        Self { key, subject, apart, prompts: Times::NONE, shares: Vec::new(), blocks: Vec::new(), apart_until: None }
    }

    /// From when on nothing in it matters; `None`: never, because something is blocked until that is lifted.
    #[must_use]
    pub fn forget_at(&self) -> Option<Timestamp> {
        if self.blocks.iter().any(|block| block.until.is_none()) {
            return None;
        }
        let blocks = self.blocks.iter().filter_map(|block| block.until);
        let prompts = self.prompts.newest().map(|at| at.plus_seconds(HOUR));
        let times = self.shares.iter().filter_map(Share::idle_at).chain(blocks).chain(prompts).chain(self.apart_until);
        Some(times.max().unwrap_or(Timestamp::from_unix_seconds(0)))
    }

    /// Whether `client` may have a record of its own beside this one.
    #[must_use]
    pub fn may_stand_apart(&self, client: &Counted, now: Timestamp) -> bool {
        self.share(client).is_none() && self.apart_until.is_some_and(|until| now < until)
    }

    fn share(&self, client: &Counted) -> Option<&Share> {
        self.shares.iter().find(|share| share.client == *client)
    }

    fn blocks(&self, client: &ClientId, now: Timestamp) -> bool {
        self.blocks.iter().any(|block| block.client == *client && block.holds(now))
    }
}

impl Block {
    /// Whether it stands at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Share {
    const fn of(client: Counted) -> Self {
        Self { client, prompts: Times::NONE, open: Vec::new(), refusals: Times::NONE, cool_until: None }
    }

    /// When nothing in it matters any more. Refusals count for an hour at most.
    fn idle_at(&self) -> Option<Timestamp> {
        let counted = self.prompts.newest().into_iter().chain(self.refusals.newest());
        let open = self.open.iter().map(|(_, until)| *until);
        counted.map(|at| at.plus_seconds(HOUR)).chain(open).chain(self.cool_until).max()
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        self.idle_at().is_none_or(|at| at <= now)
    }

    fn take(&mut self, wish: &Wish<'_>, policy: &Policy) -> Result<(), Limit> {
        if self.cool_until.is_some_and(|until| wish.now < until) {
            return Err(Limit::CoolDown);
        }
        self.cool_until = None;
        self.prompts.keep_after(wish.now.plus_seconds(-HOUR), wish.now);
        self.open.retain(|(_, until)| wish.now < *until);
        if self.open.len() >= number(policy.client_prompts_pending) {
            return Err(Limit::Pending);
        }
        if self.prompts.after(wish.now.plus_seconds(-MINUTE)) >= number(policy.client_prompts_per_minute) {
            return Err(Limit::PerMinute);
        }
        if self.prompts.len() >= number(policy.client_prompts_per_hour) {
            return Err(Limit::PerHour);
        }
        self.prompts.add(wish.now, number(policy.client_prompts_per_hour));
        self.open.push((wish.request, wish.until));
        Ok(())
    }

    fn refused(&mut self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let most = number(policy.refusals_before_cool_down);
        self.refusals.keep_after(now.plus_seconds(-i64::from(policy.refusal_window)), now);
        self.refusals.add(now, most);
        if self.refusals.len() < most {
            return None;
        }
        self.refusals = Times::NONE;
        self.cool_until = Some(now.plus_seconds(policy.cool_down.into()));
        self.cool_until
    }
}

impl Account {
    /// The client's requests that may be pending, where they are as many as may be: only then it matters which of them
    /// still are.
    #[must_use]
    pub fn open(&self, wish: &Wish<'_>, policy: &Policy) -> &[(RequestKey, Timestamp)] {
        let apart = self.apart.iter().flat_map(|apart| &apart.shares);
        let share = self.own.share(wish.counted).or_else(|| apart.into_iter().next());
        let open = share.map_or(&[][..], |share| &share.open);
        let live = open.iter().filter(|(_, until)| wish.now < *until).count();
        if live >= number(policy.client_prompts_pending) { open } else { &[] }
    }

    /// Takes one prompt out of what the client may still have; whether phones may be woken for it. `concluded` of its
    /// requests are no longer pending.
    pub fn take(&mut self, wish: &Wish<'_>, concluded: &[RequestKey], policy: &Policy) -> Result<Loudness, Limit> {
        let now = wish.now;
        if self.own.blocks(wish.client, now) && !wish.has_code {
            return Err(Limit::Blocked);
        }
        if !policy.prompt_limits {
            return Ok(Loudness::Push);
        }
        let share = self.share(wish.counted, now);
        share.open.retain(|(request, _)| !concluded.contains(request));
        share.take(wish, policy)?;
        let all = &mut self.own.prompts;
        all.keep_after(now.plus_seconds(-HOUR), now);
        let enough = all.after(now.plus_seconds(-MINUTE)) >= number(policy.user_prompts_per_minute)
            || all.len() >= number(policy.user_prompts_per_hour);
        all.add(now, number(policy.user_prompts_per_hour));
        self.settle(now);
        Ok(if enough { Loudness::Quiet } else { Loudness::Push })
    }

    /// Counts that the user refused the client; until when it must leave them alone, if that was once too often.
    pub fn refused(&mut self, client: &Counted, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let cool_until = self.share(client, now).refused(policy, now);
        self.settle(now);
        cool_until
    }

    /// The client's share, wherever it is, or a new one where there is room.
    fn share(&mut self, client: &Counted, now: Timestamp) -> &mut Share {
        let own = &mut self.own.shares;
        let apart = self.apart.as_ref().is_some_and(|apart| apart.shares.iter().any(|share| !share.is_idle(now)));
        let here = own.iter().position(|share| share.client == *client);
        let place = here.or_else(|| {
            own.retain(|share| apart || !share.is_idle(now));
            (!apart && own.len() < MOST_SHARES).then(|| {
                own.push(Share::of(client.clone()));
                own.len() - 1
            })
        });
        if let Some(place) = place {
            return &mut own[place];
        }
        let subject = &self.own.subject;
        let apart = self.apart.get_or_insert_with(|| Attention::of(subject.clone(), Some(client.clone())));
        if apart.shares.is_empty() {
            apart.shares.push(Share::of(client.clone()));
        }
        &mut apart.shares[0]
    }

    fn settle(&mut self, now: Timestamp) {
        self.own.blocks.retain(|block| block.holds(now));
        let apart = self.apart.as_ref().and_then(Attention::forget_at);
        self.own.apart_until = self.own.apart_until.filter(|until| now < *until).max(apart);
    }
}

/// Whether a new prompt may wake the phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// Yes.
    Push,
    /// The user was woken often enough: it is there when the app is opened.
    Quiet,
}

fn number(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
