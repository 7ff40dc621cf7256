//! One commit group: changes judged one after the other against the store and what the group holds already, then written
//! as one batch.

use std::collections::HashMap;

use sled::IVec;

use super::draft::{Draft, EventDraft, Index, MarkDraft, RecordDraft};
use super::header;
use super::keys::{self, Kind};
use super::value::{self, Header};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::store::{CommitError, Expected, StoreError};

/// A key and what will stand under it; `None` removes it.
type Step = (IVec, Option<IVec>);

/// Changes that become durable together.
pub(super) struct Group<'db> {
    tree: &'db sled::Tree,
    number: u64,
    /// What the group will leave behind, over what the tree holds.
    steps: HashMap<IVec, Option<IVec>>,
    removes: bool,
    ordinal: u64,
}

impl<'db> Group<'db> {
    pub(super) fn new(tree: &'db sled::Tree, number: u64) -> Self {
        Self {
            tree,
            number,
            steps: HashMap::new(),
            removes: false,
            ordinal: 0,
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(super) const fn removes(&self) -> bool {
        self.removes
    }

    /// Takes a change, or leaves the group as it was and says why.
    pub(super) fn admit(&mut self, draft: Draft) -> Result<(), CommitError> {
        let Draft {
            realm,
            records,
            concluded,
            marks,
            events,
            bytes: _,
        } = draft;
        let mut admission = Admission {
            group: self,
            steps: Vec::with_capacity(16),
        };
        // Marks come first: whoever sends the same thing twice hears of that, whatever else has changed since.
        for mark in marks {
            admission.mark(mark)?;
        }
        for record in records {
            admission.record(&realm, record)?;
        }
        for (key, version) in concluded {
            admission.conclude(key, version)?;
        }
        for event in events {
            admission.event(&realm, event);
        }
        let steps = admission.steps;
        self.take(steps);
        Ok(())
    }

    /// Takes steps as they are.
    pub(super) fn take(&mut self, steps: impl IntoIterator<Item = Step>) {
        for (key, value) in steps {
            self.removes |= value.is_none();
            self.steps.insert(key, value);
        }
    }

    /// The batch, with the header that describes it.
    pub(super) fn into_batch(self) -> sled::Batch {
        let header = header::describe(self.number, &self.steps);
        let mut batch = sled::Batch::default();
        for (key, value) in self.steps {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::header(), header);
        batch
    }
}

/// A change being judged: its steps are not yet the group's.
struct Admission<'g, 'db> {
    group: &'g mut Group<'db>,
    steps: Vec<Step>,
}

impl Admission<'_, '_> {
    fn current(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        if let Some((_, value)) = self.steps.iter().rev().find(|(taken, _)| taken == key) {
            return Ok(value.clone());
        }
        if let Some(value) = self.group.steps.get(key) {
            return Ok(value.clone());
        }
        Ok(self.group.tree.get(key)?)
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

    /// Rises with every call, over groups and restarts.
    fn next_order(&mut self) -> u64 {
        self.group.ordinal += 1;
        (self.group.number << 20) | self.group.ordinal
    }

    fn mark(&mut self, mark: MarkDraft) -> Result<(), CommitError> {
        if let Some(found) = self.current(&mark.key)? {
            let (_, json) = value::open(Kind::Mark, &mark.key, &found)?;
            return Err(CommitError::Replayed(mark.name, value::parse(Kind::Mark, json)?));
        }
        self.put(keys::timed(&mark.key, Kind::Mark, mark.expires_at), &[]);
        self.put_sealed(mark.key, mark.value);
        Ok(())
    }

    fn record(&mut self, realm: &RealmId, draft: RecordDraft) -> Result<(), CommitError> {
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
        self.index(realm, &draft, old)?;
        self.put_sealed(draft.key, draft.value);
        Ok(())
    }

    fn index(&mut self, realm: &RealmId, draft: &RecordDraft, old: Option<(Header, &[u8])>) -> Result<(), CommitError> {
        let old_time = old.and_then(|(header, _)| header.time);
        let give_up_at = match draft.index {
            Index::Due(give_up_at) => give_up_at.unix_millis().to_be_bytes().to_vec(),
            _ => Vec::new(),
        };
        if old_time != draft.time || !give_up_at.is_empty() {
            self.retime(draft, old_time, give_up_at);
        }
        match &draft.index {
            Index::Nothing | Index::Due(_) => {}
            Index::Identifiers(user) => self.identifiers(realm, user, old)?,
            Index::Fixed(entry) if old.is_none() => {
                let order = self.next_order();
                self.put(entry.clone(), &order.to_be_bytes());
            }
            Index::Dropped(entry) => self.remove(entry.clone()),
            Index::Ordered(prefix) if old.is_none() => {
                let order = self.next_order();
                self.put(keys::under(prefix, &order.to_be_bytes()), realm.as_str());
            }
            Index::Fixed(_) | Index::Ordered(_) => {}
        }
        Ok(())
    }

    fn retime(&mut self, draft: &RecordDraft, old: Option<Timestamp>, value: Vec<u8>) {
        if let Some(old) = old.filter(|old| draft.time != Some(*old)) {
            self.remove(keys::timed(&draft.key, draft.kind, old));
        }
        if let Some(time) = draft.time {
            self.put(keys::timed(&draft.key, draft.kind, time), value);
        }
    }

    fn identifiers(&mut self, realm: &RealmId, user: &User, old: Option<(Header, &[u8])>) -> Result<(), CommitError> {
        let wanted = user.identifiers();
        if let Some((_, json)) = old {
            let before: User = value::parse(Kind::User, json)?;
            for freed in before.identifiers().iter().filter(|name| !wanted.contains(name)) {
                self.remove(keys::identifier(realm, freed.as_str()));
            }
        }
        for name in wanted {
            let key = keys::identifier(realm, name.as_str());
            match self.current(&key)? {
                Some(owner) if owner == user.subject.as_str().as_bytes() => {}
                Some(_) => return Err(CommitError::IdentifierTaken),
                None => self.put(key, user.subject.as_str()),
            }
        }
        Ok(())
    }

    fn conclude(&mut self, key: Vec<u8>, version: u64) -> Result<(), CommitError> {
        let found = self.current(&key)?.ok_or(CommitError::Conflict)?;
        let (header, _) = value::open(Kind::Message, &key, &found)?;
        if header.version != version {
            return Err(CommitError::Conflict);
        }
        if let Some(due_at) = header.time {
            self.remove(keys::timed(&key, Kind::Message, due_at));
        }
        self.remove(key);
        Ok(())
    }

    fn event(&mut self, realm: &RealmId, event: EventDraft) {
        let key = keys::audit(realm, event.at, self.next_order());
        self.put(keys::timed(&key, Kind::Audit, event.keep_until), &[]);
        self.put_sealed(key, event.value);
    }
}
