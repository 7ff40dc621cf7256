//! Who may be called at the same time: so many in all, so many of them at one place, and few at a place that did not
//! answer the last time. A client whose endpoint hangs holds up itself; so does a channel, and so does a host that a phone
//! has chosen for its Web Push.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::messages::PushTarget;
use url::Url;

use super::super::provider::Provider;
use super::Unavailable;
use crate::domain::message::{Content, Message};
use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;

/// Carriages under way at once.
pub(super) const MOST: usize = 256;

/// Of them, to phones by one channel. The four of them together leave a quarter to clients.
const MOST_BY_CHANNEL: usize = 48;

/// Of them, to one host of Web Push.
const MOST_TO_HOST: usize = 16;

/// Of them, to the endpoint of one client.
const MOST_TO_CLIENT: usize = 32;

/// To one that was not reached the last time, until one is.
const MOST_TO_SILENT: usize = 2;

/// What finds no seat is put aside for so long, and each further one of the lane so much longer, in milliseconds.
const FIRST_TURN: i64 = 50;
const NEXT_TURN: i64 = 5;

/// Nothing is put aside for longer than so many milliseconds.
const LAST_TURN: i64 = 30_000;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// To phones, all at one place of Google's; and to those that turn out to be reached nowhere.
    Fcm,
    /// To phones, all at one place of Apple's.
    Apns,
    /// To phones, all at the operator's own notifier.
    Webhook,
    /// To phones, at hosts that they have chosen.
    WebPush,
    /// To one of those hosts.
    Host(String),
    /// To a client's endpoint.
    Client(ClientId),
}

impl Lane {
    pub(super) async fn of(provider: &Provider, message: &Message) -> Result<Self, Unavailable> {
        let device = match &message.content {
            Content::Push { device, .. } | Content::Dismiss { device, .. } => device,
            Content::Expiry { client }
            | Content::Ping { client }
            | Content::Tokens { client, .. }
            | Content::Error { client, .. } => return Ok(Self::Client(client.clone())),
        };
        let device = provider.store.device(provider.id(), device).await?;
        Ok(Self::to(&device.map_or(PushTarget::None, |device| device.record.push)))
    }

    fn to(target: &PushTarget) -> Self {
        match target {
            PushTarget::Fcm { .. } | PushTarget::None => Self::Fcm,
            PushTarget::Apns { .. } => Self::Apns,
            PushTarget::Webhook { .. } => Self::Webhook,
            PushTarget::WebPush { endpoint, .. } => {
                let host = Url::parse(endpoint).ok().and_then(|url| url.host_str().map(str::to_owned));
                host.map_or(Self::WebPush, Self::Host)
            }
        }
    }

    /// The wider one that this one is a part of.
    fn around(&self) -> Option<Self> {
        matches!(self, Self::Host(_)).then_some(Self::WebPush)
    }

    const fn most(&self, silent: bool) -> usize {
        match self {
            Self::Fcm | Self::Apns | Self::Webhook | Self::WebPush => MOST_BY_CHANNEL,
            Self::Host(_) | Self::Client(_) if silent => MOST_TO_SILENT,
            Self::Host(_) => MOST_TO_HOST,
            Self::Client(_) => MOST_TO_CLIENT,
        }
    }
}

/// All lanes of one worker.
#[derive(Default)]
pub(super) struct Lanes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    under_way: usize,
    lanes: HashMap<Lane, Traffic>,
}

/// What is known of one lane; forgotten when it is nothing but usual.
#[derive(Default)]
struct Traffic {
    under_way: usize,
    silent: bool,
    last_turn: Option<Timestamp>,
}

/// A place in a lane, given back when dropped, however its carriage ended.
pub(super) struct Seat {
    lanes: Arc<Lanes>,
    lane: Lane,
}

impl Lanes {
    /// Whether nothing more can set out.
    pub(super) fn are_full(&self) -> bool {
        self.lock().under_way >= MOST
    }

    /// A seat, if there is one.
    pub(super) fn seat(self: &Arc<Self>, lane: Lane) -> Option<Seat> {
        let mut inner = self.lock();
        let lanes = || std::iter::once(lane.clone()).chain(lane.around());
        if inner.under_way >= MOST || lanes().any(|lane| inner.is_full(&lane)) {
            return None;
        }
        for lane in lanes() {
            inner.lanes.entry(lane).or_default().under_way += 1;
        }
        inner.under_way += 1;
        drop(inner);
        Some(Seat { lanes: Arc::clone(self), lane })
    }

    /// When a message that found no seat tries again: one after the other, so that a long line does not come all at once.
    pub(super) fn turn(&self, lane: &Lane, now: Timestamp) -> Timestamp {
        let mut inner = self.lock();
        let traffic = inner.lanes.entry(lane.clone()).or_default();
        let first = now.plus_millis(FIRST_TURN);
        let turn = traffic.last_turn.map_or(first, |last| last.plus_millis(NEXT_TURN).max(first));
        let turn = turn.min(now.plus_millis(LAST_TURN));
        traffic.last_turn = Some(turn);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_full(&self, lane: &Lane) -> bool {
        self.lanes.get(lane).is_some_and(|traffic| traffic.under_way >= lane.most(traffic.silent))
    }
}

impl Seat {
    /// Says whether the place answered.
    pub(super) fn found(&self, answered: bool) {
        if let Some(traffic) = self.lanes.lock().lanes.get_mut(&self.lane) {
            traffic.silent = !answered;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = self.lanes.lock();
        inner.under_way -= 1;
        for lane in std::iter::once(self.lane.clone()).chain(self.lane.around()) {
            let Some(traffic) = inner.lanes.get_mut(&lane) else { continue };
            traffic.under_way -= 1;
            // There are as many hosts as phones care to name.
            if traffic.under_way == 0 && !(traffic.silent && matches!(lane, Lane::Client(_))) {
                inner.lanes.remove(&lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Lane {
        Lane::Client(ClientId::new(name))
    }

    fn fill(lanes: &Arc<Lanes>, lane: &Lane) -> Vec<Seat> {
        std::iter::from_fn(|| lanes.seat(lane.clone())).collect()
    }

    #[test]
    fn one_client_takes_no_more_than_its_share() {
        let lanes = Arc::new(Lanes::default());
        let busy = fill(&lanes, &client("slow"));
        assert_eq!(busy.len(), MOST_TO_CLIENT);
        assert_eq!(fill(&lanes, &Lane::Apns).len(), MOST_BY_CHANNEL);
        assert!(lanes.seat(client("quick")).is_some());
        drop(busy);
        assert!(lanes.seat(client("slow")).is_some());
    }

    #[test]
    fn all_together_take_no_more_than_there_is() {
        let lanes = Arc::new(Lanes::default());
        let taken: Vec<Seat> = (0..100).flat_map(|n| fill(&lanes, &client(&n.to_string()))).collect();
        assert_eq!(taken.len(), MOST);
        assert!(lanes.are_full());
        drop(taken);
        assert!(lanes.lock().lanes.is_empty(), "nothing is kept of lanes without traffic");
    }

    #[test]
    fn a_place_that_is_silent_gets_few_until_it_answers() {
        let lanes = Arc::new(Lanes::default());
        lanes.seat(client("away")).expect("a seat").found(false);
        let few = fill(&lanes, &client("away"));
        assert_eq!(few.len(), MOST_TO_SILENT);
        few[0].found(true);
        assert_eq!(few.len() + fill(&lanes, &client("away")).len(), MOST_TO_CLIENT);
    }

    #[test]
    fn neither_a_channel_nor_the_hosts_that_phones_chose_take_the_seats_of_the_others() {
        let lanes = Arc::new(Lanes::default());
        let host = |number: usize| Lane::Host(format!("{number}.example"));
        let hanging: Vec<Seat> = (0..100).flat_map(|number| fill(&lanes, &host(number))).collect();
        assert_eq!(hanging.len(), MOST_BY_CHANNEL, "of all hosts together");
        let channels = [Lane::Fcm, Lane::Apns, Lane::Webhook].map(|channel| fill(&lanes, &channel));
        assert!(channels.iter().all(|seats| seats.len() == MOST_BY_CHANNEL));
        assert_eq!(fill(&lanes, &client("shop")).len(), MOST_TO_CLIENT, "and clients have theirs");
        drop(hanging);
        let first = lanes.seat(host(0)).expect("a seat");
        first.found(false);
        assert_eq!(fill(&lanes, &host(0)).len() + 1, MOST_TO_SILENT);
        assert_eq!(fill(&lanes, &host(1)).len(), MOST_TO_HOST, "another host has its share");
        drop((first, channels));
        assert!(lanes.lock().lanes.is_empty(), "nothing is kept of hosts without traffic");
    }

    #[test]
    fn turns_come_one_after_the_other_and_none_is_far_away() {
        let lanes = Lanes::default();
        let now = Timestamp::from_unix_seconds(0);
        let turns: Vec<i64> = (0..3).map(|_| lanes.turn(&Lane::Fcm, now).unix_millis()).collect();
        assert_eq!(turns, [50, 55, 60]);
        let last = (0..100_000).map(|_| lanes.turn(&Lane::Fcm, now)).max();
        assert_eq!(last, Some(now.plus_millis(LAST_TURN)));
        let later = now.plus_seconds(60);
        assert_eq!(lanes.turn(&Lane::Fcm, later), later.plus_millis(FIRST_TURN));
    }
}
