//! Who is calling: client authentication (RFC 6749 §2.3), the same method at every endpoint.

use super::Unavailable;
use super::provider::Provider;
use crate::domain::certificate::ClientCertificate;
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::endpoint::Endpoint;
use crate::domain::names::ClientId;
use crate::domain::secret::{Secret, SecretHash};

mod caller;

pub use caller::{Caller, OtherMethod, Replayed};

/// What a client's secret is sealed for.
#[must_use]
pub(in crate::flow) fn secret_context(client: &ClientId) -> String {
    format!("client_secret {client}")
}

/// What came with a call, of the client itself.
#[derive(Debug)]
pub struct Presented {
    /// What it says of itself.
    pub credentials: Option<Credentials>,
    /// The certificate of the connection, whatever it is used for.
    pub certificate: Option<ClientCertificate>,
    /// Where it called.
    pub endpoint: Endpoint,
}

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

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No credentials, an unknown client, the wrong secret, or not the registered method: nothing tells them apart.
    #[error("the client could not be authenticated")]
    Unauthenticated,
    /// It is who it says, and its tokens are bound to certificates, but it showed none (RFC 8705 §3).
    #[error("a client certificate is needed")]
    NoCertificate,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Lets a client in, or not.
pub async fn authenticate(provider: &Provider, presented: Presented) -> Result<Caller, Reason> {
    let Presented { credentials, certificate, endpoint } = presented;
    let client = identify(provider, credentials.ok_or(Reason::Unauthenticated)?).await?;
    let certificate = certificate.map(|certificate| certificate.thumbprint());
    let caller = Caller::new(provider, client, certificate, None);
    if endpoint == Endpoint::Token && caller.requires_certificate() && caller.certificate.is_none() {
        return Err(Reason::NoCertificate);
    }
    Ok(caller)
}

async fn identify(provider: &Provider, credentials: Credentials) -> Result<Client, Reason> {
    let found = provider.store.client(provider.id(), &credentials.client).await.map_err(Unavailable::from)?;
    let Some(found) = found.filter(|found| !found.record.removed) else {
        // The same work as for a known client, so that time does not tell which clients exist.
        let _ = credentials.secret.matches(&SecretHash::of(&Secret::new(String::new())));
        return Err(Reason::Unauthenticated);
    };
    let client = found.record;
    let knows = matches!(&client.secret, Some(ClientSecret::Hashed(hash)) if credentials.secret.matches(hash));
    if knows && credentials.method == client.authentication { Ok(client) } else { Err(Reason::Unauthenticated) }
}
