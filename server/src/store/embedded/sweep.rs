//! Forgetting what is past its time.

use super::group::Group;
use super::keys::{self, Kind};
use super::lists::{Item, Items};
use super::outbox::Move;
use super::value;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::names::RealmId;
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// Adds to the group the removal of at most `most` expired records, and of messages nobody needs to carry any more; how
/// many they are. A request takes its prompts along.
pub(super) fn forget(
    tree: &sled::Tree,
    group: &mut Group<'_>,
    realm: &RealmId,
    now: Timestamp,
    most: usize,
) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    for list in tree.range(keys::expired(realm, now)) {
        if forgotten == most {
            break;
        }
        let (key, list) = list?;
        let mut items = Items(&list);
        while forgotten < most
            && let Some(item) = items.next()
        {
            forgotten += usize::from(forget_one(tree, group, realm, &item, now)?);
        }
        let left = (!items.0.is_empty() && forgotten == most).then(|| items.0.into());
        group.take([(key, left)]);
    }
    for place in group.outbox().given_up(realm, now, most - forgotten) {
        group.take([(keys::record(realm, Kind::Message, place.id.as_bytes()).into(), None)]);
        group.moves.push((realm.clone(), Move::Leave { place }));
        forgotten += 1;
    }
    Ok(forgotten)
}

/// Whether it was there and past its time: a record whose time was moved has another entry.
fn forget_one(
    tree: &sled::Tree,
    group: &mut Group<'_>,
    realm: &RealmId,
    item: &Item<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = keys::record(realm, item.kind, item.id);
    let Some(found) = tree.get(&key)? else { return Ok(false) };
    let taken_along = match value::open(item.kind, &key, &found) {
        Ok((header, _)) if header.time.is_none_or(|time| time > now) => return Ok(false),
        Ok((_, json)) if item.kind == Kind::Request => prompts_of(json, realm),
        Ok((_, json)) if item.kind == Kind::Prompt => entry_of(json, realm),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    match taken_along {
        Ok(taken_along) => group.take(taken_along.into_iter().map(|key| (key.into(), None))),
        Err(error) => {
            // Kept as evidence. Stopping here would stop every later sweep too.
            tracing::error!(%error, "what should be forgotten is damaged and stays behind");
            return Ok(false);
        }
    }
    group.take([(key.into(), None)]);
    Ok(true)
}

/// Key of the index entry of a prompt that nobody answered.
fn entry_of(json: &[u8], realm: &RealmId) -> Result<Vec<Vec<u8>>, StoreError> {
    let prompt: StoredPrompt = value::parse(Kind::Prompt, json)?;
    Ok(vec![keys::under(&keys::unanswered(realm, &prompt.device), prompt.id.as_bytes())])
}

/// Keys of a request's prompts and of their index entries.
fn prompts_of(json: &[u8], realm: &RealmId) -> Result<Vec<Vec<u8>>, StoreError> {
    let request: AuthenticationRequest = value::parse(Kind::Request, json)?;
    let keys = request.prompts.iter().flat_map(|(device, prompt)| {
        let entry = keys::under(&keys::unanswered(realm, device), prompt.as_bytes());
        [entry, keys::record(realm, Kind::Prompt, prompt.as_bytes())]
    });
    Ok(keys.collect())
}
