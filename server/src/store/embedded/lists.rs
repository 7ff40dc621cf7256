//! What one commit group writes together, so that it costs one entry and not one for each change: what may be forgotten
//! in the same second, and the audit events of the same second.

use std::collections::BTreeMap;

use super::draft::EventDraft;
use super::keys::{self, Kind};
use super::value;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::MAX_EVENT_BYTES;

/// A list longer than this is continued in another one.
const MOST_LIST_BYTES: usize = MAX_EVENT_BYTES;

/// Things that may be forgotten, by realm and second. An entry is a hint: the sweep asks the record itself, so that one
/// whose time was moved needs no entry taken away.
#[derive(Default)]
pub(super) struct Expiring(BTreeMap<(RealmId, i64), Vec<Vec<u8>>>);

impl Expiring {
    pub(super) fn add(&mut self, realm: &RealmId, time: Timestamp, item: &Item<'_>) {
        let lists = self.0.entry((realm.clone(), second_after(time))).or_default();
        let list = with_room(lists, item.id.len() + 3);
        list.push(item.kind.letter());
        list.extend_from_slice(&u16::try_from(item.id.len()).expect("ids are short").to_be_bytes());
        list.extend_from_slice(item.id);
    }

    /// Keys and values; `order` gives each a number of its own.
    pub(super) fn into_steps(self, mut order: impl FnMut() -> u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let lists =
            self.0.into_iter().flat_map(|(place, lists)| lists.into_iter().map(move |list| (place.clone(), list)));
        lists.map(|((realm, second), list)| (keys::expiry(&realm, second, order()), list)).collect()
    }
}

/// The first second that begins at or after `time`: nothing is forgotten early.
fn second_after(time: Timestamp) -> i64 {
    time.plus_millis(999).unix_seconds()
}

/// One thing that may be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'l> {
    pub(super) kind: Kind,
    pub(super) id: &'l [u8],
}

/// Reads a list from its beginning.
pub(super) struct Items<'l>(pub(super) &'l [u8]);

impl<'l> Iterator for Items<'l> {
    type Item = Item<'l>;

    fn next(&mut self) -> Option<Item<'l>> {
        let (head, rest) = self.0.split_first_chunk::<3>()?;
        let (id, rest) = rest.split_at_checked(u16::from_be_bytes([head[1], head[2]]).into())?;
        self.0 = rest;
        Some(Item { kind: Kind::of_letter(head[0])?, id })
    }
}

/// Audit events by realm and second, each list as the inside of a JSON array. All of a list are kept until the last of
/// them may be forgotten.
#[derive(Default)]
pub(super) struct Audit(BTreeMap<(RealmId, i64), Events>);

/// Of one second.
struct Events {
    lists: Vec<Vec<u8>>,
    keep_until: Timestamp,
}

impl Audit {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, realm: &RealmId, event: &EventDraft) {
        let place = (realm.clone(), event.at.unix_seconds());
        let events = self.0.entry(place);
        let events = events.or_insert_with(|| Events { lists: Vec::new(), keep_until: event.keep_until });
        events.keep_until = events.keep_until.max(event.keep_until);
        let list = with_room(&mut events.lists, event.json.len() + 1);
        if !list.is_empty() {
            list.push(b',');
        }
        list.extend_from_slice(&event.json);
    }

    /// Keys, times and values not yet sealed.
    pub(super) fn into_records(self, mut order: impl FnMut() -> u64) -> Vec<(RealmId, Vec<u8>, Timestamp, Vec<u8>)> {
        let mut records = Vec::new();
        for ((realm, second), Events { lists, keep_until }) in self.0 {
            for list in lists {
                let mut record = value::header(Kind::Audit, 1, Some(keep_until));
                record.push(b'[');
                record.extend_from_slice(&list);
                record.push(b']');
                records.push((realm.clone(), keys::audit(&realm, second, order()), keep_until, record));
            }
        }
        records
    }
}

/// The last list, or a new one if that is full.
fn with_room(lists: &mut Vec<Vec<u8>>, bytes: usize) -> &mut Vec<u8> {
    if lists.last().is_none_or(|list| list.len() + bytes > MOST_LIST_BYTES) {
        lists.push(Vec::new());
    }
    lists.last_mut().expect("one was just made sure of")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_goes_on_in_another_and_loses_nothing() {
        let realm = RealmId::new("main");
        let mut expiring = Expiring::default();
        let ids: Vec<_> = (0_u32..1_000).map(u32::to_be_bytes).collect();
        for id in &ids {
            expiring.add(
                &realm,
                Timestamp::from_unix_millis(4_001),
                &Item { kind: Kind::Grant, id: &[*id; 5].concat() },
            );
        }
        let mut orders = 0..;
        let steps = expiring.into_steps(|| orders.next().expect("numbers go on"));
        assert!(steps.len() > 1 && steps.iter().all(|(_, list)| list.len() <= MOST_LIST_BYTES));
        assert_eq!(steps[0].0, keys::expiry(&realm, 5, 0));
        let found: Vec<_> = steps.iter().flat_map(|(_, list)| Items(list)).map(|item| item.id[..4].to_vec()).collect();
        assert_eq!(found, ids);
    }

    #[test]
    fn a_list_cut_short_ends_without_its_last_item() {
        let mut expiring = Expiring::default();
        expiring.add(&RealmId::new("main"), Timestamp::from_unix_seconds(1), &Item { kind: Kind::Grant, id: b"id" });
        let list = expiring.into_steps(|| 0).remove(0).1;
        for length in 0..list.len() {
            assert_eq!(Items(&list[..length]).next(), None);
        }
    }
}
