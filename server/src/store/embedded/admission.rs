//! One change judged against the store and against what its group holds already. Nothing of a refused change reaches the
//! group.

use sled::IVec;

use super::draft::{Index, MarkDraft, RecordDraft};
use super::group::{Group, Step};
use super::keys::{self, Kind};
use super::lists::Item;
use super::outbox::{Move, Place};
use super::value::{self, Header};
use crate::domain::message::MessageId;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::store::{CommitError, Expected, StoreError};

pub(super) struct Admission<'a, 's> {
    group: &'a mut Group<'s>,
    realm: &'a RealmId,
    steps: Vec<Step>,
    expiring: Vec<(Timestamp, Kind, Vec<u8>)>,
    moves: Vec<Move>,
}

/// What a record replaces.
type Old<'v> = Option<(Header, &'v [u8])>;

impl<'a, 's> Admission<'a, 's> {
    pub(super) fn to(group: &'a mut Group<'s>, realm: &'a RealmId) -> Self {
        Self { group, realm, steps: Vec::with_capacity(8), expiring: Vec::with_capacity(4), moves: Vec::new() }
    }

    /// Nothing was refused: all of it becomes the group's.
    pub(super) fn complete(self) {
        for (time, kind, key) in self.expiring {
            let (_, id) = keys::split(&key).expect("record keys are made by keys");
            self.group.expiring.add(self.realm, time, &Item { kind, id });
        }
        self.group.moves.extend(self.moves.into_iter().map(|step| (self.realm.clone(), step)));
        self.group.take(self.steps);
    }

    pub(super) fn mark(&mut self, mark: MarkDraft) -> Result<(), CommitError> {
        if let Some(found) = self.current(&mark.key)? {
            let (_, json) = value::open(Kind::Mark, &mark.key, &found)?;
            return Err(CommitError::Replayed(mark.name, value::parse(Kind::Mark, json)?));
        }
        self.expiring.push((mark.expires_at, Kind::Mark, mark.key.clone()));
        self.put_sealed(mark.key, mark.value);
        Ok(())
    }

    pub(super) fn record(&mut self, draft: RecordDraft) -> Result<(), CommitError> {
        let found = self.current(&draft.key)?;
        let old = match &found {
            Some(value) => Some(value::open(draft.kind, &draft.key, value)?),
            None => None,
        };
        match (draft.expected, &old) {
            (Expected::Absent, None) => {}
            (Expected::Version(wanted), Some((header, _))) if header.version == wanted => {}
            _ => return Err(CommitError::Conflict),
        }
        self.index(&draft, old)?;
        self.put_sealed(draft.key, draft.value);
        Ok(())
    }

    pub(super) fn conclude(&mut self, key: Vec<u8>, version: u64) -> Result<(), CommitError> {
        let found = self.current(&key)?.ok_or(CommitError::Conflict)?;
        let (header, _) = value::open(Kind::Message, &key, &found)?;
        if header.version != version {
            return Err(CommitError::Conflict);
        }
        self.moves.extend(place(&key, header.time).map(|place| Move::Leave { place }));
        self.remove(key);
        Ok(())
    }

    fn index(&mut self, draft: &RecordDraft, old: Old<'_>) -> Result<(), CommitError> {
        match &draft.index {
            Index::Identifiers(user) => self.identifiers(user, old)?,
            Index::Fixed(entry) if old.is_none() => {
                let order = self.group.next_order();
                self.put(entry.clone(), &order.to_be_bytes());
            }
            Index::Dropped(entry) => self.remove(entry.clone()),
            Index::Ordered(prefix) if old.is_none() => {
                let order = self.group.next_order();
                self.put(keys::under(prefix, &order.to_be_bytes()), self.realm.as_str());
            }
            Index::Nothing | Index::Fixed(_) | Index::Ordered(_) => {}
            Index::Due(give_up_at) => {
                self.queue(draft, old, *give_up_at);
                return Ok(());
            }
        }
        // An entry made for an earlier time stays: the sweep asks the record.
        if let Some(time) = draft.time
            && old.is_none_or(|(header, _)| header.time != Some(time))
        {
            self.expiring.push((time, draft.kind, draft.key.clone()));
        }
        Ok(())
    }

    fn queue(&mut self, draft: &RecordDraft, old: Old<'_>, give_up_at: Timestamp) {
        if !self.group.outbox().knows(self.realm) {
            self.put(keys::under(&keys::outboxes(), self.realm.as_str().as_bytes()), &[]);
        }
        let leaves = old.and_then(|(header, _)| place(&draft.key, header.time));
        self.moves.extend(leaves.map(|place| Move::Leave { place }));
        self.moves.extend(place(&draft.key, draft.time).map(|place| Move::Enter { place, give_up_at }));
    }

    fn identifiers(&mut self, user: &User, old: Old<'_>) -> Result<(), CommitError> {
        let wanted = user.identifiers();
        if let Some((_, json)) = old {
            let before: User = value::parse(Kind::User, json)?;
            for freed in before.identifiers().iter().filter(|name| !wanted.contains(name)) {
                self.remove(keys::identifier(self.realm, freed.as_str()));
            }
        }
        for name in wanted {
            let key = keys::identifier(self.realm, name.as_str());
            match self.current(&key)? {
                Some(owner) if owner == user.subject.as_str().as_bytes() => {}
                Some(_) => return Err(CommitError::IdentifierTaken),
                None => self.put(key, user.subject.as_str()),
            }
        }
        Ok(())
    }

    fn current(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.steps.iter().rev().find(|(taken, _)| taken == key) {
            Some((_, value)) => Ok(value.clone()),
            None => self.group.current(key),
        }
    }

    fn put(&mut self, key: Vec<u8>, value: impl Into<IVec>) {
        self.steps.push((key.into(), Some(value.into())));
    }

    fn put_sealed(&mut self, key: Vec<u8>, mut value: Vec<u8>) {
        value::seal(&mut value, &key, self.group.number);
        self.put(key, value);
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.steps.push((key.into(), None));
    }
}

/// The place in the queue of the message under this key.
fn place(key: &[u8], due_at: Option<Timestamp>) -> Option<Place> {
    let (_, id) = keys::split(key)?;
    Some(Place { due_at: due_at?, id: MessageId::from_bytes(id.try_into().ok()?) })
}
