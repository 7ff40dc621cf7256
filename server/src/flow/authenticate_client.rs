//! Who is calling: client authentication by secret (RFC 6749 §2.3.1), the same method at both endpoints.

use super::Unavailable;
use super::provider::Provider;
use crate::domain::certificate::Thumbprint;
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::names::ClientId;
use crate::domain::secret::{Secret, SecretHash};
use crate::store::{Change, Mark};

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

/// A client that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub client: Client,
    /// The certificate of the connection, whatever it is used for.
    pub certificate: Option<Thumbprint>,
    /// The assertion it used, which no other call may use: part of every change that this call makes.
    pub(super) used: Option<Mark>,
}

impl Caller {
    /// A change that this call makes; one that finds the assertion used before is refused.
    #[must_use]
    pub(super) fn change(&self, provider: &Provider) -> Change {
        let mut change = provider.change();
        change.marks.extend(self.used.clone());
        change
    }
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
pub async fn authenticate(provider: &Provider, credentials: Option<Credentials>) -> Result<Caller, Reason> {
    let credentials = credentials.ok_or(Reason::Unauthenticated)?;
    let found = provider.store.client(provider.id(), &credentials.client).await.map_err(Unavailable::from)?;
    let Some(found) = found else {
        // The same work as for a known client, so that time does not tell which clients exist.
        let _ = credentials.secret.matches(&SecretHash::of(&Secret::new(String::new())));
        return Err(Reason::Unauthenticated);
    };
    let client = found.record;
    let knows = matches!(&client.secret, Some(ClientSecret::Hashed(hash)) if credentials.secret.matches(hash));
    if knows && credentials.method == client.authentication {
        Ok(Caller { client, certificate: None, used: None })
    } else {
        Err(Reason::Unauthenticated)
    }
}
