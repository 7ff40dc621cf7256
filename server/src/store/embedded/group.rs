//! One commit group: changes that become durable together, as one batch.

use std::collections::HashMap;

use sled::IVec;

use super::admission::Admission;
use super::draft::Draft;
use super::header;
use super::keys::{self, Kind};
use super::lists::{Audit, Expiring, Item};
use super::outbox::{Move, Outbox};
use super::recent::Recent;
use super::value;
use crate::domain::names::RealmId;
use crate::store::{CommitError, StoreError};

/// A key and what will stand under it; `None` removes it.
pub(super) type Step = (IVec, Option<IVec>);

pub(super) struct Group<'s> {
    recent: &'s Recent,
    outbox: &'s Outbox,
    pub(super) number: u64,
    /// What the group will leave behind, over what the tree holds.
    steps: HashMap<IVec, Option<IVec>>,
    pub(super) expiring: Expiring,
    pub(super) audit: Audit,
    pub(super) moves: Vec<(RealmId, Move)>,
    removes: bool,
    ordinal: u64,
}

/// A group ready to be written.
pub(super) struct Sealed {
    pub(super) batch: sled::Batch,
    /// The same, for those who remember values.
    pub(super) steps: Vec<Step>,
    /// Whether it removes anything.
    pub(super) removes: bool,
    /// What it does to the outbox, once it is durable.
    pub(super) moves: Vec<(RealmId, Move)>,
}

impl<'s> Group<'s> {
    pub(super) fn new(recent: &'s Recent, outbox: &'s Outbox, number: u64) -> Self {
        Self {
            recent,
            outbox,
            number,
            steps: HashMap::new(),
            expiring: Expiring::default(),
            audit: Audit::default(),
            moves: Vec::new(),
            removes: false,
            ordinal: 0,
        }
    }

    /// Takes a change, or leaves the group as it was and says why.
    pub(super) fn admit(&mut self, draft: Draft) -> Result<(), CommitError> {
        let Draft { realm, records, concluded, marks, events, bytes: _ } = draft;
        let mut admission = Admission::to(self, &realm);
        // Marks come first: whoever sends the same thing twice hears of that, whatever else has changed since.
        for mark in marks {
            admission.mark(mark)?;
        }
        for record in records {
            admission.record(record)?;
        }
        for (key, version) in concluded {
            admission.conclude(key, version)?;
        }
        admission.complete();
        for event in &events {
            self.audit.add(&realm, event);
        }
        Ok(())
    }

    /// What stands under a key once the group is written.
    pub(super) fn current(&self, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self.steps.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.recent.get(key)?),
        }
    }

    pub(super) const fn outbox(&self) -> &'s Outbox {
        self.outbox
    }

    /// Takes steps as they are.
    pub(super) fn take(&mut self, steps: impl IntoIterator<Item = Step>) {
        for (key, value) in steps {
            self.removes |= value.is_none();
            self.steps.insert(key, value);
        }
    }

    /// Rises with every call, over groups and restarts.
    pub(super) const fn next_order(&mut self) -> u64 {
        self.ordinal += 1;
        (self.number << 20) | self.ordinal
    }

    /// The batch, with the header that describes it; `None` if there is nothing to write.
    pub(super) fn seal(mut self) -> Option<Sealed> {
        if self.steps.is_empty() && self.audit.is_empty() {
            return None;
        }
        self.seal_audit();
        let expiring = std::mem::take(&mut self.expiring).into_steps(|| self.next_order());
        self.take(expiring.into_iter().map(|(key, list)| (key.into(), Some(list.into()))));
        let header = header::describe(self.number, &self.steps);
        let mut batch = sled::Batch::default();
        let steps: Vec<Step> = self.steps.into_iter().collect();
        for (key, value) in &steps {
            match value {
                Some(value) => batch.insert(key.clone(), value.clone()),
                None => batch.remove(key.clone()),
            }
        }
        batch.insert(keys::header(), header);
        Some(Sealed { batch, steps, removes: self.removes, moves: self.moves })
    }

    fn seal_audit(&mut self) {
        let records = std::mem::take(&mut self.audit).into_records(|| self.next_order());
        for (realm, key, keep_until, mut record) in records {
            value::seal(&mut record, &key, self.number);
            let (_, id) = keys::split(&key).expect("audit keys are made by keys");
            self.expiring.add(&realm, keep_until, &Item { kind: Kind::Audit, id });
            self.take([(key.into(), Some(record.into()))]);
        }
    }
}
