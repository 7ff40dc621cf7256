//! Where things are kept. Reads are a few typed look-ups; every write is one atomic [`Change`].
//!
//! A commit is acknowledged only when it is durable, and a read never returns what is not. [`embedded`] keeps everything
//! in one directory of one machine, [`postgres`] in a database that several processes share; [`contract`] is the suite that
//! every implementation passes.

use async_trait::async_trait;
use protocol::{DeviceId, Digest, EnrolmentId, PromptId};
use tokio::sync::broadcast;

use crate::domain::attention::{Attention, AttentionKey};
use crate::domain::audit::Event;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::device::{Device, Enrolment, EnrolmentTicket};
use crate::domain::grant::Grant;
use crate::domain::history::{History, HistoryKey};
use crate::domain::message::Message;
use crate::domain::names::{ClientId, FamilyKey, RealmId, RegistrationKey, RequestKey, Subject, TicketKey, TokenKey};
use crate::domain::prompt::StoredPrompt;
use crate::domain::realm::Realm;
use crate::domain::refresh::RefreshFamily;
use crate::domain::registration::{Logo, RegistrationToken};
use crate::domain::time::Timestamp;
use crate::domain::user::{Identifier, User};

mod change;
#[doc(hidden)]
pub mod contract;
pub mod embedded;
mod hint;
pub mod journal;
pub mod page;
pub mod postgres;

use page::{Kept, Page, Position};

pub use change::{Change, Expected, Mark, MarkKey, Record, Write};
pub use hint::{About, Heard, Hint};

/// A record longer than this, as JSON with its header of [`HEADER_BYTES`], is refused.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;

/// What the embedded store writes before a record. Counted in every store, so that each can take what another holds.
const HEADER_BYTES: usize = 29;

/// A longer id or identifier is refused, which keeps the index pages of the embedded store far from the size at which
/// sled moves them into files of their own, and keys of PostgreSQL from the third of a page that an index takes.
const MAX_ID_BYTES: usize = 300;

/// A longer audit event is refused.
const MAX_EVENT_BYTES: usize = 8 * 1024;

/// A record and the version it was read at; a [`Change`] that replaces it names that version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Raised by one with every write.
    pub version: u64,
    /// The record.
    pub record: T,
}

/// The store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is closed, full or broken; the text is for the log.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A value does not match its checksum or cannot be read.
    #[error("a stored value is damaged: {0}")]
    Damaged(String),
}

/// Why a change was not made. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something it read has changed: read again and decide again.
    #[error("a record has changed since it was read")]
    Conflict,
    /// One of its marks was set before; the value found there.
    #[error("a mark was set before")]
    Replayed(MarkKey, Digest),
    /// What a record is, and its length in bytes: longer than [`MAX_RECORD_BYTES`], or its id longer than 300 bytes.
    #[error("a {0} of {1} bytes is too large to be stored")]
    TooLarge(&'static str, usize),
    /// An identifier of the user belongs to someone else.
    #[error("an identifier is taken")]
    IdentifierTaken,
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The look-ups and the one write. Every look-up names its realm; none returns a record past its `keep_until` or
/// `expires_at` for longer than a sweep takes, so flows still judge times by themselves.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes a change, all of it or nothing, and returns when it is durable.
    async fn commit(&self, change: Change) -> Result<(), CommitError>;

    /// All realms, the first one first.
    async fn realms(&self) -> Result<Vec<Versioned<Realm>>, StoreError>;

    /// A request by the hash of its `auth_req_id`.
    async fn request(
        &self,
        realm: &RealmId,
        key: &RequestKey,
    ) -> Result<Option<Versioned<AuthenticationRequest>>, StoreError>;

    /// One copy of a prompt.
    async fn prompt(&self, realm: &RealmId, id: &PromptId) -> Result<Option<Versioned<StoredPrompt>>, StoreError>;

    /// Prompts that this phone has not answered, oldest first: never all that were ever answered, however busy it is.
    async fn unanswered(&self, realm: &RealmId, device: &DeviceId) -> Result<Vec<StoredPrompt>, StoreError>;

    /// A user by subject.
    async fn user(&self, realm: &RealmId, subject: &Subject) -> Result<Option<Versioned<User>>, StoreError>;

    /// A user by any identifier.
    async fn user_named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Versioned<User>>, StoreError>;

    /// A relying party.
    async fn client(&self, realm: &RealmId, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError>;

    /// All relying parties, by id.
    async fn clients(&self, realm: &RealmId) -> Result<Vec<Versioned<Client>>, StoreError>;

    /// A phone.
    async fn device(&self, realm: &RealmId, id: &DeviceId) -> Result<Option<Versioned<Device>>, StoreError>;

    /// A user's phones, revoked ones too.
    async fn devices_of(&self, realm: &RealmId, subject: &Subject) -> Result<Vec<Versioned<Device>>, StoreError>;

    /// An enrolment ticket.
    async fn ticket(&self, realm: &RealmId, key: &TicketKey) -> Result<Option<Versioned<EnrolmentTicket>>, StoreError>;

    /// An enrolment.
    async fn enrolment(&self, realm: &RealmId, id: &EnrolmentId) -> Result<Option<Versioned<Enrolment>>, StoreError>;

    /// What an access token stands for.
    async fn grant(&self, realm: &RealmId, token: &TokenKey) -> Result<Option<Versioned<Grant>>, StoreError>;

    /// A family of refresh tokens.
    async fn family(&self, realm: &RealmId, key: &FamilyKey) -> Result<Option<Versioned<RefreshFamily>>, StoreError>;

    /// How much of a user's attention was taken.
    async fn attention(&self, realm: &RealmId, key: &AttentionKey) -> Result<Option<Versioned<Attention>>, StoreError>;

    /// What a user answered of late.
    async fn history(&self, realm: &RealmId, key: &HistoryKey) -> Result<Option<Versioned<History>>, StoreError>;

    /// What lets clients register themselves.
    async fn registration_token(
        &self,
        realm: &RealmId,
        key: &RegistrationKey,
    ) -> Result<Option<Versioned<RegistrationToken>>, StoreError>;

    /// A client's logo.
    async fn logo(&self, realm: &RealmId, client: &ClientId) -> Result<Option<Versioned<Logo>>, StoreError>;

    /// The value under a mark.
    async fn mark(&self, realm: &RealmId, key: &MarkKey) -> Result<Option<Digest>, StoreError>;

    /// Outbox messages due at `now`, the longest due first.
    async fn due(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<Vec<Versioned<Message>>, StoreError>;

    /// Audit events, newest last, at most the newest `most`.
    async fn audit(&self, realm: &RealmId, most: usize) -> Result<Vec<Event>, StoreError>;

    /// Forgets what is past its time: at most `most` entries; how many it forgot.
    async fn sweep(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError>;

    /// Some of one kind, at most `most` records (or lists of events) behind `after`, in an order of the store's own.
    async fn page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError>;

    /// Whether no other process can be using this store, so that leases left by an earlier run are void.
    fn is_exclusive(&self) -> bool;

    /// What other processes commit to this store, as far as it is heard; `None` where there can be no other.
    fn hints(&self) -> Option<broadcast::Receiver<Heard>>;

    /// Finishes the commits that are waiting; every later one is refused.
    async fn close(&self);
}
