//! Everything of one kind, page by page.

use serde::de::DeserializeOwned;

use super::keys::{self, Kind};
use super::{EmbeddedStore, value};
use crate::domain::audit::Event;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::page::{Entry, Kept, MarkName, Page, Position};
use crate::store::{Record, StoreError, Versioned};

impl EmbeddedStore {
    /// At least one key's worth, and at most `most` keys'.
    pub(super) fn read_page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<(Page, u64), StoreError> {
        let kind = kind_of(kept);
        let prefix = keys::all(realm, kind);
        let begin = after.map_or(std::ops::Bound::Included(prefix.as_slice()), |position| {
            std::ops::Bound::Excluded(position.0.as_slice())
        });
        let (mut page, mut newest) = (Page { entries: Vec::new(), next: None }, 0);
        let range = (begin, std::ops::Bound::Unbounded);
        for (read, found) in self.db.range::<&[u8], _>(range).enumerate() {
            let (key, bytes) = found?;
            if !key.starts_with(&prefix) {
                break;
            }
            let (header, json) = value::open(kind, &key, &bytes)?;
            newest = newest.max(header.group);
            entries(kept, &key[prefix.len()..], header, json, &mut page.entries)?;
            if read + 1 >= most {
                page.next = Some(Position(key.to_vec()));
                break;
            }
        }
        Ok((page, newest))
    }
}

const fn kind_of(kept: Kept) -> Kind {
    match kept {
        Kept::Client => Kind::Client,
        Kept::User => Kind::User,
        Kept::Device => Kind::Device,
        Kept::Ticket => Kind::Ticket,
        Kept::Enrolment => Kind::Enrolment,
        Kept::Request => Kind::Request,
        Kept::Prompt => Kind::Prompt,
        Kept::Grant => Kind::Grant,
        Kept::Family => Kind::Family,
        Kept::Message => Kind::Message,
        Kept::Attention => Kind::Attention,
        Kept::History => Kind::History,
        Kept::RegistrationToken => Kind::RegistrationToken,
        Kept::Logo => Kind::Logo,
        Kept::Mark => Kind::Mark,
        Kept::Event => Kind::Audit,
    }
}

fn entries(kept: Kept, id: &[u8], header: value::Header, json: &[u8], into: &mut Vec<Entry>) -> Result<(), StoreError> {
    // What is kept for ever has no time; marks and events always have one.
    let until = || header.time.unwrap_or(Timestamp::from_unix_seconds(0));
    let record = match kept {
        Kept::Client => Record::Client(parsed(kept, json)?),
        Kept::User => Record::User(parsed(kept, json)?),
        Kept::Device => Record::Device(parsed(kept, json)?),
        Kept::Ticket => Record::Ticket(parsed(kept, json)?),
        Kept::Enrolment => Record::Enrolment(parsed(kept, json)?),
        Kept::Request => Record::Request(parsed(kept, json)?),
        Kept::Prompt => Record::Prompt(parsed(kept, json)?),
        Kept::Grant => Record::Grant(parsed(kept, json)?),
        Kept::Family => Record::Family(parsed(kept, json)?),
        Kept::Message => Record::Message(parsed(kept, json)?),
        Kept::Attention => Record::Attention(parsed(kept, json)?),
        Kept::History => Record::History(parsed(kept, json)?),
        Kept::RegistrationToken => Record::RegistrationToken(parsed(kept, json)?),
        Kept::Logo => Record::Logo(parsed(kept, json)?),
        Kept::Mark => {
            let name = id.try_into().map_err(|_| StoreError::Damaged("the name of a mark".to_owned()))?;
            into.push(Entry::Mark(MarkName::from_bytes(name), parsed(kept, json)?, until()));
            return Ok(());
        }
        Kept::Event => {
            let events: Vec<Event> = parsed(kept, json)?;
            into.extend(events.into_iter().map(|event| Entry::Event(event, until())));
            return Ok(());
        }
    };
    into.push(Entry::Record(Versioned { version: header.version, record }));
    Ok(())
}

fn parsed<T: DeserializeOwned>(kept: Kept, json: &[u8]) -> Result<T, StoreError> {
    value::parse(kind_of(kept), json)
}
