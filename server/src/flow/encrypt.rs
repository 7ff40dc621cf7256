//! What a client registered to get encrypted is encrypted to a key of its own (OIDC Core §10.2). Where none can be had it
//! gets nothing for now, and nothing ever in clear.

use std::sync::Arc;

use tracing::warn;

use super::Unavailable;
use super::provider::Provider;
use super::public_keys::Source;
use crate::domain::client::Client;
use crate::domain::encryption::{Encryption, KeyManagement};
use crate::jose::{NESTED, Recipient};

/// What is encrypted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// A JWT that is signed (RFC 7519 §5.2).
    Jwt(&'a str),
    /// Claims in JSON.
    Claims(&'a str),
}

/// To whom it is encrypted, where the client registered that: by the newest keys if those known do not do. Asked before
/// anything is signed.
pub(super) async fn recipient(
    provider: &Provider,
    client: &Client,
    wanted: Option<Encryption>,
) -> Result<Option<Arc<Recipient>>, Unavailable> {
    let Some(Encryption { alg, .. }) = wanted else { return Ok(None) };
    let found = find(provider, client, alg).await;
    found.map(Some).ok_or_else(|| {
        warn!(client = %client.id, algorithm = alg.name(), "the client has no key to encrypt to");
        Unavailable::ClientKeys
    })
}

/// Encrypts.
pub(super) fn encrypt(provider: &Provider, to: &Recipient, content: Content<'_>) -> Result<String, Unavailable> {
    let (text, cty) = match content {
        Content::Jwt(jwt) => (jwt, Some(NESTED)),
        Content::Claims(json) => (json, None),
    };
    to.encrypt(text.as_bytes(), cty, provider.random()).map_err(|error| {
        warn!(%error, "a client's key cannot be encrypted to");
        Unavailable::ClientKeys
    })
}

async fn find(provider: &Provider, client: &Client, algorithm: KeyManagement) -> Option<Arc<Recipient>> {
    let source = Source::of_client(provider, client).ok()?;
    let keys = source.keys(provider).await.ok()?;
    if let Some(recipient) = keys.recipient(algorithm) {
        return Some(recipient);
    }
    source.newer(provider, &keys).await?.recipient(algorithm)
}
