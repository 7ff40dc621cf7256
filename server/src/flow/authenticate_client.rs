//! Who is calling: client authentication by secret (RFC 6749 §2.3.1), the same method at both endpoints.

use super::Unavailable;
use super::provider::Provider;
use crate::domain::client::{AuthenticationMethod, Client};
use crate::domain::names::ClientId;
use crate::domain::secret::{Secret, SecretHash};

/// What a client sent of itself.
#[derive(Debug)]
pub struct Credentials {
    /// Who it says it is.
    pub client: ClientId,
    /// How it proves it.
    pub method: AuthenticationMethod,
    /// With what.
    pub secret: Secret,
}

/// Why a client was not let in. On the wire both are `invalid_client`, and nothing tells them apart.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No credentials, an unknown client, the wrong secret, or not the registered method.
    #[error("the client could not be authenticated")]
    Unauthenticated,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Lets a client in, or not.
pub async fn authenticate(provider: &Provider, credentials: Option<Credentials>) -> Result<Client, Reason> {
    let credentials = credentials.ok_or(Reason::Unauthenticated)?;
    let found = provider.store.client(provider.id(), &credentials.client).await.map_err(Unavailable::from)?;
    let Some(found) = found else {
        // The same work as for a known client, so that time does not tell which clients exist.
        let _ = credentials.secret.matches(&SecretHash::of(&Secret::new(String::new())));
        return Err(Reason::Unauthenticated);
    };
    let client = found.record;
    if credentials.secret.matches(&client.secret) && credentials.method == client.authentication {
        Ok(client)
    } else {
        Err(Reason::Unauthenticated)
    }
}
