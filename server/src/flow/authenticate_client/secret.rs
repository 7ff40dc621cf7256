//! `client_secret_basic` and `client_secret_post` (RFC 6749 §2.3.1).

use super::{Reason, Refused, find, registered};
use crate::domain::client::{AuthenticationMethod, Client, ClientSecret};
use crate::domain::names::ClientId;
use crate::domain::secret::{Secret, SecretHash};
use crate::flow::provider::Provider;

/// The client, if the secret is its own.
pub(super) async fn judge(
    provider: &Provider,
    id: &ClientId,
    method: AuthenticationMethod,
    secret: &Secret,
) -> Result<Client, Reason> {
    let client = find(provider, id).await?;
    // The same work for every id, so that time does not tell which clients exist.
    let kept = client.as_ref().and_then(hash).unwrap_or_else(|| SecretHash::of(&Secret::new(String::new())));
    let knows = secret.matches(&kept);
    let client = registered(provider, client, method)?;
    if knows && !secret.reveal().is_empty() { Ok(client) } else { Err(Refused::WrongSecret.into()) }
}

fn hash(client: &Client) -> Option<SecretHash> {
    match &client.secret {
        Some(ClientSecret::Hashed(hash)) => Some(hash.clone()),
        Some(ClientSecret::Sealed { .. }) | None => None,
    }
}
