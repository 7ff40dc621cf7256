//! The end of a request's life: its client is told, if nobody concluded the request before.

use tracing::info;

use super::super::Unavailable;
use super::super::notify;
use super::super::provider::Provider;
use super::settle;
use crate::domain::authentication_request::{Event, Notice, Transition};
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::store::{CommitError, Versioned};

/// Makes a timer that has run out into what the client is to be told, leased to this process; `None` where there is
/// nothing to tell.
pub(super) async fn expire(
    provider: &Provider,
    timer: Versioned<Message>,
    now: Timestamp,
) -> Result<Option<Versioned<Message>>, Unavailable> {
    let found = provider.store.request(provider.id(), &timer.record.request).await?;
    let expired = found.and_then(|found| {
        let applied = found.record.clone().apply(Event::Expire, now).ok()?;
        let Transition::Changed(next, notice) = applied else { return None };
        Some((found, next, notice))
    });
    let Some((found, next, notice)) = expired else {
        // It was concluded in the meantime, and the timer with it; one that is left all the same is of no use.
        settle(provider, provider.change().conclude(&timer)).await?;
        return Ok(None);
    };
    let wanted = notice != Notice::Ping || provider.policy().ping_on_expiry;
    let notice = if wanted { notice } else { Notice::None };
    let (change, told) = notify::tell(provider, provider.change(), &found.record, notice, now);
    match provider.store.commit(change.replace(found.version, *next)).await {
        Ok(()) => {
            info!(request = %timer.record.request, told = wanted, "request expired");
            Ok(told.wake(provider))
        }
        // Somebody concluded it at the last moment.
        Err(CommitError::Conflict) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
