//! What the server does, one file for each verb of the story. Parsing and rendering are `http`'s, keeping is `store`'s;
//! here everything is decided.
//!
//! | a relying party | a phone | an operator | by itself |
//! |---|---|---|---|
//! | [`authenticate_client`] | [`enrol`] | [`administer`] · [`register`] | [`deliver`] |
//! | [`begin`] | [`prove`] | [`confirm`] | [`sweep`] |
//! | [`redeem`] · [`cancel`] | [`prompts`] · [`decide`] · [`maintain`] | | [`key_history`] |
//! | [`refresh`] · [`revoke`] | [`rotate`] · [`own`] | | |
//! | [`introspect`] · [`userinfo`] | | | |
//! | [`replace_push_token`] | | | |
//!
//! Between them stands [`first_party`]: a user's own app, which asks for tickets as an operator does.

pub mod administer;
mod attest;
pub mod authenticate_client;
pub mod begin;
pub mod blocks;
pub mod callback;
pub mod cancel;
pub mod confirm;
pub mod decide;
pub mod deliver;
pub mod device_list;
mod disturb;
pub mod dpop;
mod encrypt;
pub mod enrol;
pub mod explain;
pub mod export;
pub mod first_party;
pub mod history;
pub mod hold;
pub mod introspect;
pub mod key_history;
pub mod listen;
pub mod maintain;
mod match_code;
pub mod mint;
pub mod narrow;
mod notify;
mod opened;
pub mod own;
mod paces;
pub mod prompts;
pub mod prove;
pub mod provider;
pub mod public_keys;
pub mod redeem;
pub mod refresh;
mod refusals;
pub mod register;
pub mod replace_push_token;
mod retry;
pub mod revoke;
pub mod rotate;
pub mod sign_in;
mod standing;
mod subjects;
pub mod sweep;
pub mod userinfo;
pub mod wake;

use crate::authenticator::StartError;
use crate::store::{CommitError, StoreError};

/// The store could not be used, or changed under our hands three times in a row: nothing was done, try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// See the log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else kept changing the same record.
    #[error("the record kept changing")]
    Contended,
    /// As much is being done as may be done at the same time.
    #[error("too much is being done at once")]
    Busy,
    /// A signing key refused.
    #[error("a signing key could not be used")]
    Keys,
    /// What a client wants encrypted cannot be: none of its keys can be had that fits.
    #[error("there is no key of the client's to encrypt to")]
    ClientKeys,
}

impl From<CommitError> for Unavailable {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            // Every value a flow writes is bounded at the door, and an operator's are judged by `administer`.
            CommitError::TooLarge(..) => Self::Store(StoreError::Unavailable(error.to_string())),
            CommitError::Conflict | CommitError::Replayed(..) | CommitError::IdentifierTaken => Self::Contended,
        }
    }
}

impl From<StartError> for Unavailable {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => Self::Store(error),
            StartError::Keys => Self::Keys,
            // Somebody revoked the phone meanwhile.
            StartError::NoDevice => Self::Contended,
        }
    }
}

impl From<protocol::jws::JwsError> for Unavailable {
    fn from(_: protocol::jws::JwsError) -> Self {
        Self::Keys
    }
}

impl From<protocol::crypto::CryptoError> for Unavailable {
    fn from(_: protocol::crypto::CryptoError) -> Self {
        Self::Keys
    }
}
