//! Which messages are due when, in memory: made from the messages themselves when the store is opened, moved on with
//! every durable group. A message waits here for as long as a phone or a client cannot be reached, so there are few.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::OpenError;
use super::keys::{self, Kind};
use super::value;
use crate::domain::message::{Message, MessageId};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;

/// A message's place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) due_at: Timestamp,
    pub(super) id: MessageId,
}

/// A change to the queue of a realm.
pub(super) enum Move {
    Enter { place: Place, give_up_at: Timestamp },
    Leave { place: Place },
}

/// `give_up_at` by place.
type Queue = BTreeMap<Place, Timestamp>;

#[derive(Default)]
pub(super) struct Outbox(Mutex<HashMap<RealmId, Queue>>);

impl Outbox {
    /// Reads all messages. A damaged one is left where it is and reported.
    pub(super) fn load(tree: &sled::Tree) -> Result<Self, OpenError> {
        let outbox = Self::default();
        let prefix = keys::outboxes();
        for entry in tree.scan_prefix(&prefix).keys() {
            let entry = entry.map_err(OpenError::of)?;
            let realm = RealmId::new(String::from_utf8_lossy(&entry[prefix.len()..]));
            let mut queue = Queue::new();
            for entry in tree.scan_prefix(keys::all(&realm, Kind::Message)) {
                let (key, bytes) = entry.map_err(OpenError::of)?;
                let message = value::open(Kind::Message, &key, &bytes)
                    .and_then(|(_, json)| value::parse::<Message>(Kind::Message, json));
                match message {
                    Ok(Message { id, due_at, give_up_at, .. }) => {
                        queue.insert(Place { due_at, id }, give_up_at);
                    }
                    Err(error) => tracing::error!(%error, "a message in the outbox will not be carried"),
                }
            }
            outbox.queues().insert(realm, queue);
        }
        Ok(outbox)
    }

    /// Whether a realm has had messages since the store was created.
    pub(super) fn knows(&self, realm: &RealmId) -> bool {
        self.queues().contains_key(realm)
    }

    /// Takes over what a durable group did, in its order.
    pub(super) fn advance(&self, moves: Vec<(RealmId, Move)>) {
        if moves.is_empty() {
            return;
        }
        let mut queues = self.queues();
        for (realm, step) in moves {
            let queue = queues.entry(realm).or_default();
            match step {
                Move::Enter { place, give_up_at } => drop(queue.insert(place, give_up_at)),
                Move::Leave { place } => drop(queue.remove(&place)),
            }
        }
    }

    /// The longest due messages. Those past their `give_up_at` too, so that whoever carries them notes how they ended.
    pub(super) fn due(&self, realm: &RealmId, now: Timestamp, most: usize) -> Vec<Place> {
        self.until(realm, now, most, |_| true)
    }

    /// Due messages that are given up.
    pub(super) fn given_up(&self, realm: &RealmId, now: Timestamp, most: usize) -> Vec<Place> {
        self.until(realm, now, most, |give_up_at| give_up_at <= now)
    }

    fn until(&self, realm: &RealmId, now: Timestamp, most: usize, wanted: impl Fn(Timestamp) -> bool) -> Vec<Place> {
        let queues = self.queues();
        let Some(queue) = queues.get(realm) else { return Vec::new() };
        let due = queue.iter().take_while(|(place, _)| place.due_at <= now);
        due.filter(|(_, give_up_at)| wanted(**give_up_at)).map(|(place, _)| *place).take(most).collect()
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<RealmId, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
