//! Who is calling: client authentication, the same at every endpoint (RFC 6749 §2.3, CIBA §7.1).
//!
//! | what it sends | where it is judged |
//! |---|---|
//! | id and secret, in the header or in the form | [`secret`] |
//! | a JWT under a MAC by its secret, or signed by its key (RFC 7523) | [`assertion`], once each: [`replay`] |
//! | its id, over a connection that shows its certificate (RFC 8705) | [`certificate`] |
//!
//! Exactly the registered method is taken, and only as long as the realm offers it to the client's profile. On the wire
//! all that is wrong is `invalid_client`; the log says what.

use tracing::info;

use super::Unavailable;
use super::provider::Provider;
use super::public_keys::Unbelieved;
use crate::certificates;
use crate::domain::certificate::ClientCertificate;
use crate::domain::client::{AuthenticationMethod, Client};
use crate::domain::endpoint::Endpoint;
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::store::Mark;

mod assertion;
mod caller;
mod certificate;
mod replay;
mod secret;

pub use caller::{Caller, OtherMethod, Replayed};
pub use replay::Assertions;

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
pub enum Credentials {
    /// Its id and its secret.
    Secret {
        /// Who it says it is.
        client: ClientId,
        /// Where they stood: `ClientSecretBasic` or `ClientSecretPost`.
        method: AuthenticationMethod,
        /// The secret.
        secret: Secret,
    },
    /// `client_assertion`
    Assertion {
        /// The id beside it, if any.
        client: Option<ClientId>,
        /// The JWT, which nobody else may use either.
        jwt: Secret,
    },
    /// Its id alone: the connection's certificate must prove it.
    Id(ClientId),
}

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It did not show that it is a client of this realm: nothing tells the reasons apart.
    #[error("the client could not be authenticated: {0}")]
    Unauthenticated(#[from] Refused),
    /// It is who it says, and its tokens are bound to certificates, but it showed none (RFC 8705 §3).
    #[error("a client certificate is needed")]
    NoCertificate,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What was wrong, for the log alone. Quotes nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither secret nor assertion nor id, or none that can be read.
    #[error("it sent no credentials that can be read")]
    NoCredentials,
    /// Nobody of this id is registered, or any more.
    #[error("no client of this id is registered")]
    UnknownClient,
    /// By another method than the registered one.
    #[error("it used another method than its registered one")]
    OtherMethod,
    /// By a method that the realm does not offer, or no longer, or not to this profile.
    #[error("its method is not offered to it here")]
    NotOffered,
    /// Not its secret.
    #[error("its secret is wrong")]
    WrongSecret,
    /// Beside the assertion stands the id of another client, or `iss` and `sub` differ.
    #[error("its assertion is about another client")]
    AnotherClient,
    /// The assertion is not to be believed.
    #[error("its assertion: {0}")]
    Assertion(#[from] Unbelieved),
    /// The connection showed none.
    #[error("it showed no certificate")]
    NoCertificate,
    /// The certificate authenticates nobody.
    #[error("its certificate: {0}")]
    Certificate(#[from] certificates::Refused),
    /// The certificate is somebody's, but not this client's.
    #[error("its certificate is not the registered one")]
    OtherCertificate,
}

/// Lets a client in, or not.
pub async fn authenticate(provider: &Provider, presented: Presented) -> Result<Caller, Reason> {
    let Presented { credentials, certificate, endpoint } = presented;
    let credentials = credentials.ok_or(Refused::NoCredentials)?;
    let named = credentials.named();
    let identified = identify(provider, credentials, certificate.as_ref(), endpoint).await;
    let (client, used) = identified.inspect_err(|reason| info!(client = named, %reason, "a client was not let in"))?;
    let caller = Caller::new(provider, client, certificate.map(|certificate| certificate.thumbprint()), used);
    if endpoint == Endpoint::Token && caller.requires_certificate() && caller.certificate.is_none() {
        return Err(Reason::NoCertificate);
    }
    Ok(caller)
}

async fn identify(
    provider: &Provider,
    credentials: Credentials,
    certificate: Option<&ClientCertificate>,
    endpoint: Endpoint,
) -> Result<(Client, Option<Mark>), Reason> {
    match credentials {
        Credentials::Secret { client, method, secret } => {
            Ok((secret::judge(provider, &client, method, &secret).await?, None))
        }
        Credentials::Assertion { client, jwt } => {
            let (client, used) = assertion::judge(provider, client.as_ref(), jwt.reveal(), endpoint).await?;
            Ok((client, Some(used)))
        }
        Credentials::Id(client) => Ok((certificate::judge(provider, &client, certificate).await?, None)),
    }
}

/// A client of this id that authenticates as it registered, and as the realm still offers it.
fn registered(provider: &Provider, client: Option<Client>, method: AuthenticationMethod) -> Result<Client, Refused> {
    let client = client.ok_or(Refused::UnknownClient)?;
    if client.authentication != method {
        return Err(Refused::OtherMethod);
    }
    let offer = provider.offer();
    let is_offered = offer.methods(client.profile_in(offer.policy.profile)).contains(&method);
    if is_offered { Ok(client) } else { Err(Refused::NotOffered) }
}

async fn find(provider: &Provider, id: &ClientId) -> Result<Option<Client>, Unavailable> {
    let found = provider.store.client(provider.id(), id).await?;
    Ok(found.map(|found| found.record).filter(|client| !client.removed))
}

impl Credentials {
    /// Whom they name, for the log: only what could be an id.
    fn named(&self) -> Option<String> {
        let id = match self {
            Self::Secret { client, .. } | Self::Id(client) => Some(client),
            Self::Assertion { client, .. } => client.as_ref(),
        };
        let could_be = |id: &str| id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_graphic());
        id.map(ClientId::as_str).filter(|id| could_be(id)).map(str::to_owned)
    }
}
