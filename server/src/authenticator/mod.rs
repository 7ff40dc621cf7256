//! The port through which a request is put to the user: `start`, `check`, `cancel`. What `start` yields is committed
//! together with the request, so asking the user is part of the same atomic step.
//!
//! [`devices`] asks the user's own phones. Their answers come in by `flow::decide`, so it needs no `check`; cancelling is
//! the request's state, which every phone reads. A remote handler will implement the same three calls over HTTP.

use protocol::Digest;
use serde_json::{Map, Value};

use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::message::Message;
use crate::domain::names::RealmId;
use crate::domain::prompt::StoredPrompt;
use crate::domain::random::Random;
use crate::keys::RealmKeys;
use crate::store::{Store, StoreError};

pub mod devices;

/// What is to be put to the user.
pub struct Question<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// What for; not stored yet.
    pub request: &'a AuthenticationRequest,
    /// Binds every prompt to the `auth_req_id`.
    pub req: Digest,
    /// What the client says of the circumstances (FAPI-CIBA `request_context`). Passed on to whoever judges risk, and kept
    /// nowhere; phones never see it.
    pub context: Option<&'a Map<String, Value>>,
}

/// What an authenticator works with.
pub struct Port<'a> {
    /// The realm.
    pub realm: &'a RealmId,
    /// Its issuer.
    pub issuer: &'a str,
    /// Its keys.
    pub keys: &'a RealmKeys,
    /// Where devices are found.
    pub store: &'a dyn Store,
    /// Chance.
    pub random: &'a dyn Random,
    /// Whether a push channel is configured.
    pub pushes: bool,
    /// Whether a `verified` key that nobody attested counts as user verification here.
    pub trust_claimed_uv: bool,
}

/// What must be committed together with the request.
#[derive(Debug, Default)]
pub struct Asked {
    /// One copy for each phone.
    pub prompts: Vec<StoredPrompt>,
    /// Pushes that tell of them.
    pub messages: Vec<Message>,
    /// The question for phones that enrol in time, where there was none to ask.
    pub awaiting: Option<StoredPrompt>,
}

/// Why a request could not be put to the user.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody to ask.
    #[error("the user has no active device")]
    NoDevice,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key refused.
    #[error("a signing key could not be used")]
    Keys,
}
