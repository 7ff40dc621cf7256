//! Everything that is said, in its full shape from the first version: later work adds values, not members.
//!
//! Signed messages implement [`Message`]; what is not signed (replies that wrap signed ones) is a plain type in
//! [`crate::endpoints`]. Unknown members are ignored when reading, except inside `authorization_details`. Times are
//! seconds since 1970 (RFC 7519 `NumericDate`, whole).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Typ;

mod blocks;
mod decision;
mod enrolment;
mod history;
mod lifecycle;
mod prompt;
mod proof;
mod push;
mod receipt;
mod ticket;

pub use blocks::*;
pub use decision::*;
pub use enrolment::*;
pub use history::*;
pub use lifecycle::*;
pub use prompt::*;
pub use proof::*;
pub use push::*;
pub use receipt::*;
pub use ticket::*;

/// A payload that is always signed, and the `typ` it is signed under.
pub trait Message: Serialize + DeserializeOwned {
    /// The only `typ` this payload is accepted under.
    const TYP: Typ;
}

macro_rules! signed_as {
    ($($message:ty => $typ:ident),* $(,)?) => {$(
        impl Message for $message {
            const TYP: Typ = Typ::$typ;
        }
    )*};
}

signed_as! {
    Begin => Begin,
    Offer => Offer,
    Finish => Finish,
    Enrolment => Enrolment,
    Prompt => Prompt,
    Decision => Decision,
    DecisionResult => Result,
    Proof => Proof,
    KeyList => Keys,
    Revocation => Revocation,
    Rotation => Rotation,
    History => History,
    Blocks => Blocks,
    Unblock => Unblock,
    Receipt => Receipt,
}
