//! By which `sub` a client knows a user (OIDC Core §8): the one that all know, or the one of the client's sector. Whatever
//! leaves for a client is named here, and whatever a client names is read here; inside there is one subject.

use protocol::crypto::CryptoError;

use super::provider::Provider;
use crate::domain::client::Client;
use crate::domain::names::Subject;

/// The `sub` that this client is told. [`CryptoError::Unavailable`] of a user who has none for it, about whom it cannot ask
/// either.
pub(super) fn told(provider: &Provider, client: &Client, subject: &Subject) -> Result<Subject, CryptoError> {
    let Some(sector) = &client.sector else { return Ok(subject.clone()) };
    let sub = provider.keys.pairwise(sector, subject.as_str()).ok_or(CryptoError::Unavailable)?;
    Ok(Subject::new(sub))
}

/// Whom this client means by a `sub`; `None`: nobody, as far as it can know.
pub(super) fn meant(provider: &Provider, client: &Client, sub: &str) -> Option<Subject> {
    match &client.sector {
        None => Some(Subject::new(sub)),
        Some(sector) => provider.keys.subject_of(sector, sub).map(Subject::new),
    }
}
