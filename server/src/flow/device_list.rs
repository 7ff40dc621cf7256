//! The list of device signing keys while it is served: whether phones believe it, and who has to be told that it ends.

use protocol::Jws;

use super::Unavailable;
use super::provider::Provider;
use crate::keys::{ListEnds, OVERLAP};

/// The list that phones are given. [`Unavailable::Keys`] where they would believe nothing by it.
pub fn current(provider: &Provider) -> Result<Jws, Unavailable> {
    provider.keys.key_list().ok_or(Unavailable::Keys)
}

/// What an operator must do about a list that only a root which is kept elsewhere can renew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reminder {
    /// It ends in so many days, at most 30.
    #[error("the list of device signing keys ends in {0} days: have its root sign the next one")]
    Ends(i64),
    /// It is over: phones are told nothing.
    #[error("the list of device signing keys is over, and phones believe nothing: have its root sign the next one")]
    Over,
}

/// The reminder that is due now, if any.
#[must_use]
pub fn reminder(provider: &Provider) -> Option<Reminder> {
    let now = provider.now();
    match provider.keys.list_to_be_brought()? {
        ListEnds::At(end) if end > now => {
            let left = end.unix_seconds() - now.unix_seconds();
            (left < OVERLAP).then_some(Reminder::Ends(left / 86_400))
        }
        ListEnds::At(_) | ListEnds::Over => Some(Reminder::Over),
    }
}
