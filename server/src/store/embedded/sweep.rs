//! Forgetting what is past its time.

use super::group::Group;
use super::keys::{self, Kind};
use super::value;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::names::RealmId;
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
    for entry in tree.range(keys::expired(realm, now)).keys().take(most) {
        let entry = entry?;
        if let Some((kind, key)) = keys::record_of(&entry) {
            if kind == Kind::Request {
                forget_prompts(tree, group, realm, &key)?;
            }
            group.take([(key.into(), None)]);
        }
        group.take([(entry, None)]);
        forgotten += 1;
    }
    for entry in tree.range(keys::due(realm, now)) {
        if forgotten == most {
            break;
        }
        let (entry, give_up_at) = entry?;
        if given_up(&give_up_at, now)
            && let Some(id) = keys::message_of(&entry)
        {
            group.take([(keys::record(realm, Kind::Message, id).into(), None), (entry, None)]);
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

/// Whether a message with this entry in the index by due time will not be carried any more.
pub(super) fn given_up(give_up_at: &[u8], now: Timestamp) -> bool {
    give_up_at
        .try_into()
        .is_ok_and(|bytes| i64::from_be_bytes(bytes) <= now.unix_millis())
}

fn forget_prompts(tree: &sled::Tree, group: &mut Group<'_>, realm: &RealmId, key: &[u8]) -> Result<(), StoreError> {
    let Some(found) = tree.get(key)? else { return Ok(()) };
    let request = value::open(Kind::Request, key, &found)
        .and_then(|(_, json)| value::parse::<AuthenticationRequest>(Kind::Request, json));
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            // Kept, it would stop every later sweep at this point.
            tracing::error!(%error, "a damaged request is past its time and forgotten; its prompts stay behind");
            return Ok(());
        }
    };
    for (device, prompt) in &request.prompts {
        let entry = keys::under(&keys::unanswered(realm, device), prompt.as_bytes());
        let record = keys::record(realm, Kind::Prompt, prompt.as_bytes());
        group.take([(entry.into(), None), (record.into(), None)]);
    }
    Ok(())
}
