//! Long polling (CIBA §10.1): a poll of a pending request that waits here for the outcome, rather than to be sent again.
//!
//! A held poll only wakes. Whoever wakes looks at the request anew and redeems it in the usual way. One poll of a request
//! is held: a later one takes the seat over, and the earlier one, whose connection the client has given up, is answered at
//! once. No poll has a timer of its own: [`run`] releases those whose time is over, a few times a second.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::authenticate_client::Caller;
use super::provider::Provider;
use crate::domain::names::RequestKey;
use crate::domain::profile::Profile;
use crate::domain::time::Timestamp;

/// So many polls of a realm are held at once; further ones are answered as if nobody had asked to be held. A listener
/// takes 20,000 connections, and phones must find one, too.
const MOST: usize = 16_000;

/// No poll is held for longer than so many seconds, whatever the settings say: clients and proxies give up at 30.
const LONGEST: u32 = 25;

/// How often polls are released whose time is over.
const TICK: Duration = Duration::from_millis(250);

/// The held polls of one realm in this process.
#[derive(Default)]
pub(super) struct Held(Mutex<Room>);

#[derive(Default)]
struct Room {
    seats: HashMap<RequestKey, Waiting>,
    /// When each seat's time is over; told apart by their tickets.
    ends: BTreeMap<(Timestamp, u64), RequestKey>,
    tickets: u64,
    closed: bool,
    released_at: Option<Timestamp>,
}

struct Waiting {
    ticket: u64,
    ends_at: Timestamp,
    call: oneshot::Sender<Woken>,
}

/// Why a held poll woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Something happened, or its time is over: it is to look at the request.
    Look,
    /// Another poll of the same request took its place.
    Replaced,
}

/// A held poll's place. Given back when dropped: the connection may have ended.
pub(super) struct Seat<'a> {
    held: &'a Held,
    request: RequestKey,
    ticket: u64,
    called: oneshot::Receiver<Woken>,
}

impl Held {
    /// Takes the seat of a request, until `ends_at` at most. Take it before the last look at the request, so that nothing
    /// falls in between. `None` when there is no room, or the server is going down.
    pub(super) fn seat(&self, request: RequestKey, ends_at: Timestamp) -> Option<Seat<'_>> {
        let mut room = self.lock();
        if room.closed || room.seats.len() >= MOST && !room.seats.contains_key(&request) {
            return None;
        }
        room.leave(&request, None, Woken::Replaced);
        room.tickets += 1;
        let (ticket, (call, called)) = (room.tickets, oneshot::channel());
        room.seats.insert(request, Waiting { ticket, ends_at, call });
        room.ends.insert((ends_at, ticket), request);
        drop(room);
        Some(Seat { held: self, request, ticket, called })
    }

    /// Wakes the held poll of a request.
    pub(super) fn wake(&self, request: &RequestKey) {
        self.lock().leave(request, None, Woken::Look);
    }

    /// Wakes everybody, for good.
    pub(super) fn close(&self) {
        let mut room = self.lock();
        room.closed = true;
        room.empty();
    }

    /// Wakes everybody: news may have been lost.
    pub(super) fn wake_all(&self) {
        self.lock().empty();
    }

    fn count(&self) -> usize {
        self.lock().seats.len()
    }

    fn release(&self, now: Timestamp) {
        let mut room = self.lock();
        // By a clock that was set back nobody's time would be over for a long while.
        if room.released_at.is_some_and(|before| now < before) {
            room.empty();
        }
        room.released_at = Some(now);
        while let Some((&(ends_at, ticket), &request)) = room.ends.first_key_value()
            && ends_at <= now
        {
            room.leave(&request, Some(ticket), Woken::Look);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Takes a seat away, if it is still this ticket's where one is named, and says why.
    fn leave(&mut self, request: &RequestKey, ticket: Option<u64>, why: Woken) {
        let Some(waiting) = self.seats.get(request) else { return };
        if ticket.is_some_and(|ticket| ticket != waiting.ticket) {
            return;
        }
        if let Some(Waiting { ticket, ends_at, call }) = self.seats.remove(request) {
            self.ends.remove(&(ends_at, ticket));
            // A poll whose connection ended hears nothing.
            let _ = call.send(why);
        }
    }

    fn empty(&mut self) {
        self.ends.clear();
        for (_, waiting) in self.seats.drain() {
            let _ = waiting.call.send(Woken::Look);
        }
    }
}

impl Seat<'_> {
    /// Ends when the poll is to be answered.
    pub(super) async fn woken(&mut self) -> Woken {
        let why = (&mut self.called).await.unwrap_or(Woken::Look);
        // The runtime looks for news of all connections before this goes on: where the poll's own has ended, the server
        // drops the poll here, before it redeems what nobody would receive.
        tokio::task::yield_now().await;
        why
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.held.lock().leave(&self.request, Some(self.ticket), Woken::Look);
    }
}

/// Until when a poll sent at `now` is held, if at all: never under the FAPI profile, and no longer than the request lives.
pub(super) fn until(provider: &Provider, caller: &Caller, expires_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let seconds = caller.client.long_poll.min(provider.policy().long_poll_max).min(LONGEST);
    let holds = seconds > 0 && caller.profile != Profile::FapiCiba;
    holds.then(|| now.plus_seconds(seconds.into()).min(expires_at))
}

/// How many polls are held.
#[must_use]
pub fn polls(provider: &Provider) -> usize {
    provider.held.count()
}

/// Releases the polls whose time is over.
pub fn release(provider: &Provider) {
    provider.held.release(provider.now());
}

/// Does so from time to time until told to stop.
pub async fn run(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => release(&provider),
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    fn request(name: &str) -> RequestKey {
        RequestKey::of(name)
    }

    fn answered(seat: &mut Seat<'_>) -> Option<Woken> {
        seat.called.try_recv().ok()
    }

    #[test]
    fn a_poll_wakes_when_its_own_request_does() {
        let held = Held::default();
        let (mut one, mut other) = (held.seat(request("one"), at(25)), held.seat(request("other"), at(25)));
        let (one, other) = (one.as_mut().expect("a seat"), other.as_mut().expect("a seat"));
        held.wake(&request("one"));
        assert_eq!((answered(one), answered(other)), (Some(Woken::Look), None));
    }

    #[test]
    fn a_later_poll_takes_the_seat_over() {
        let held = Held::default();
        let mut earlier = held.seat(request("one"), at(25)).expect("a seat");
        let mut later = held.seat(request("one"), at(30)).expect("a seat");
        assert_eq!((answered(&mut earlier), answered(&mut later)), (Some(Woken::Replaced), None));
        drop(earlier);
        assert_eq!(held.count(), 1, "the seat is the later one's");
        held.release(at(25));
        assert_eq!(answered(&mut later), None, "and so is its time");
        held.release(at(30));
        assert_eq!(answered(&mut later), Some(Woken::Look));
    }

    #[test]
    fn polls_are_released_when_their_time_is_over_and_at_once_when_the_clock_is_set_back() {
        let held = Held::default();
        let mut first = held.seat(request("one"), at(10)).expect("a seat");
        let mut second = held.seat(request("two"), at(20)).expect("a seat");
        held.release(at(9));
        assert_eq!(answered(&mut first), None);
        held.release(at(10));
        assert_eq!((answered(&mut first), answered(&mut second)), (Some(Woken::Look), None));
        held.release(at(5));
        assert_eq!(answered(&mut second), Some(Woken::Look));
    }

    #[test]
    fn nothing_is_left_of_polls_whose_connection_ended() {
        let held = Held::default();
        drop(held.seat(request("one"), at(25)));
        assert_eq!(held.count(), 0);
        assert!(held.lock().ends.is_empty());
    }

    #[test]
    fn a_server_that_goes_down_answers_all_and_holds_none() {
        let held = Held::default();
        let mut seat = held.seat(request("one"), at(25)).expect("a seat");
        held.close();
        assert_eq!(answered(&mut seat), Some(Woken::Look));
        assert!(held.seat(request("two"), at(25)).is_none());
    }

    #[test]
    fn no_more_polls_are_held_than_there_is_room_for() {
        let held = Held::default();
        let seats: Vec<_> = (0..=MOST).map(|number| held.seat(request(&number.to_string()), at(25))).collect();
        assert_eq!(seats.iter().flatten().count(), MOST);
        assert!(held.seat(request("0"), at(25)).is_some(), "taking over needs no more room");
    }
}
