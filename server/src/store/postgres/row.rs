//! Where a record stands and how it is found: one line for each kind.

use serde::Serialize;

use super::super::{HEADER_BYTES, MAX_ID_BYTES, MAX_RECORD_BYTES};
use crate::domain::time::Timestamp;
use crate::domain::user::{Identifier, User};
use crate::store::{CommitError, Record};

pub(super) const ATTENTION: &str = "attention";
pub(super) const CLIENT: &str = "client";
pub(super) const DEVICE: &str = "device";
pub(super) const ENROLMENT: &str = "enrolment";
pub(super) const FAMILY: &str = "family";
pub(super) const GRANT: &str = "grant";
pub(super) const HISTORY: &str = "history";
pub(super) const LOGO: &str = "logo";
pub(super) const MESSAGE: &str = "message";
pub(super) const PROMPT: &str = "prompt";
pub(super) const REALM: &str = "realm";
pub(super) const REGISTRATION_TOKEN: &str = "registration_token";
pub(super) const REQUEST: &str = "request";
pub(super) const TICKET: &str = "ticket";
pub(super) const USER: &str = "user";

/// A row of the table `record`, without what stands in it from the beginning.
pub(super) struct Row {
    pub(super) kind: &'static str,
    pub(super) id: Vec<u8>,
    pub(super) document: String,
    pub(super) listed: Option<Vec<u8>>,
    pub(super) due_at: Option<Timestamp>,
    pub(super) forget_at: Option<Timestamp>,
    /// A user's; each belongs to nobody else.
    pub(super) names: Vec<Identifier>,
}

impl Row {
    /// Refuses what is too large.
    pub(super) fn of(record: &Record) -> Result<Self, CommitError> {
        let row = match record {
            Record::Realm(it) => Self::new(REALM, it.id.as_str(), it),
            Record::Client(it) => Self { forget_at: it.forget_at, ..Self::new(CLIENT, it.id.as_str(), it) },
            Record::User(it) => Self::new(USER, it.subject.as_str(), it).named(it),
            Record::Device(it) => Self::new(DEVICE, it.id.as_bytes(), it).listed_under(it.subject.as_str()),
            Record::Ticket(it) => Self::new(TICKET, it.key.digest().as_bytes(), it).until(it.expires_at),
            Record::Enrolment(it) => Self::new(ENROLMENT, it.id.as_bytes(), it).until(it.expires_at),
            Record::Request(it) => Self::new(REQUEST, it.key.digest().as_bytes(), it).until(it.keep_until),
            Record::Prompt(it) => {
                let listed = it.answer.is_none().then(|| it.device.as_bytes().to_vec());
                Self { listed, forget_at: it.keep_until(), ..Self::new(PROMPT, it.id.as_bytes(), it) }
            }
            Record::Grant(it) => Self::new(GRANT, it.token.digest().as_bytes(), it).until(it.expires_at),
            Record::Family(it) => Self::new(FAMILY, it.key.digest().as_bytes(), it).until(it.expires_at),
            Record::Message(it) => Self::new(MESSAGE, it.id.as_bytes(), it).due(it.due_at).until(it.give_up_at),
            Record::History(it) => Self::new(HISTORY, it.key.digest().as_bytes(), it).until(it.forget_at()),
            Record::RegistrationToken(it) => {
                Self::new(REGISTRATION_TOKEN, it.key.digest().as_bytes(), it).until(it.expires_at)
            }
            Record::Logo(it) => Self { forget_at: it.forget_at, ..Self::new(LOGO, it.client.as_str(), it) },
            Record::Attention(it) => {
                let row = Self::new(ATTENTION, it.key.digest().as_bytes(), it);
                Self { forget_at: it.forget_at(), ..row }
            }
        };
        row.within_limits()
    }

    fn new(kind: &'static str, id: impl AsRef<[u8]>, record: &impl Serialize) -> Self {
        Self {
            kind,
            id: id.as_ref().to_vec(),
            document: serde_json::to_string(record).expect("records are plain data"),
            listed: None,
            due_at: None,
            forget_at: None,
            names: Vec::new(),
        }
    }

    fn listed_under(self, owner: impl AsRef<[u8]>) -> Self {
        Self { listed: Some(owner.as_ref().to_vec()), ..self }
    }

    fn due(self, at: Timestamp) -> Self {
        Self { due_at: Some(at), ..self }
    }

    fn until(self, at: Timestamp) -> Self {
        Self { forget_at: Some(at), ..self }
    }

    fn named(self, user: &User) -> Self {
        let mut names = user.identifiers();
        names.sort_unstable(); // and locked in this order
        names.dedup();
        Self { names, ..self }
    }

    fn within_limits(self) -> Result<Self, CommitError> {
        let longest =
            self.names.iter().map(|name| name.as_str().len()).chain([self.id.len()]).max().unwrap_or_default();
        if longest > MAX_ID_BYTES {
            return Err(CommitError::TooLarge(self.kind, longest));
        }
        let bytes = self.document.len() + HEADER_BYTES;
        if bytes > MAX_RECORD_BYTES {
            return Err(CommitError::TooLarge(self.kind, bytes));
        }
        Ok(self)
    }
}
