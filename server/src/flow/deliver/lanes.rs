//! Who may be called at the same time: so many in all, so many of them at one place, and few at a place that did not
//! answer the last time. A client whose endpoint hangs holds up itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::message::{Content, Message};
use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;

/// Carriages under way at once.
pub(super) const MOST: usize = 256;

/// Of them, to phones. All of these go to one place of a provider, which takes many at a time.
const MOST_TO_PHONES: usize = 64;

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
    /// To phones.
    Phones,
    /// To a client's endpoint.
    Client(ClientId),
}

impl Lane {
    pub(super) fn of(message: &Message) -> Self {
        match &message.content {
            Content::Push { .. } | Content::Dismiss { .. } => Self::Phones,
            Content::Expiry { client }
            | Content::Ping { client }
            | Content::Tokens { client, .. }
            | Content::Error { client, .. } => Self::Client(client.clone()),
        }
    }

    const fn most(&self, silent: bool) -> usize {
        match self {
            Self::Phones => MOST_TO_PHONES,
            Self::Client(_) if silent => MOST_TO_SILENT,
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
        if inner.under_way >= MOST {
            return None;
        }
        let traffic = inner.lanes.entry(lane.clone()).or_default();
        if traffic.under_way >= lane.most(traffic.silent) {
            return None;
        }
        traffic.under_way += 1;
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
        if let Some(traffic) = inner.lanes.get_mut(&self.lane) {
            traffic.under_way -= 1;
            if traffic.under_way == 0 && !traffic.silent {
                inner.lanes.remove(&self.lane);
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
        assert_eq!(fill(&lanes, &Lane::Phones).len(), MOST_TO_PHONES);
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
    fn turns_come_one_after_the_other_and_none_is_far_away() {
        let lanes = Lanes::default();
        let now = Timestamp::from_unix_seconds(0);
        let turns: Vec<i64> = (0..3).map(|_| lanes.turn(&Lane::Phones, now).unix_millis()).collect();
        assert_eq!(turns, [50, 55, 60]);
        let last = (0..100_000).map(|_| lanes.turn(&Lane::Phones, now)).max();
        assert_eq!(last, Some(now.plus_millis(LAST_TURN)));
        let later = now.plus_seconds(60);
        assert_eq!(lanes.turn(&Lane::Phones, later), later.plus_millis(FIRST_TURN));
    }
}
