//! What a client registered to get encrypted is encrypted to a key of its own (OIDC Core §10.2). Where none can be had it
//! gets nothing for now, and nothing ever in clear.

use std::sync::Arc;

use tracing::warn;

use super::Unavailable;
use super::provider::Provider;
use super::public_keys::Source;
use crate::domain::client::Client;
use crate::domain::encryption::KeyManagement;
use crate::jose::{NESTED, Recipient};

/// What is encrypted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// A JWT that is signed (RFC 7519 §5.2).
    Jwt(&'a str),
    /// Claims in JSON.
    Claims(&'a str),
}

/// Encrypts for a client, by its newest keys if those known do not do.
pub(super) async fn encrypt(
    provider: &Provider,
    client: &Client,
    algorithm: KeyManagement,
    content: Content<'_>,
) -> Result<String, Unavailable> {
    let recipient = recipient(provider, client, algorithm).await.ok_or_else(|| {
        warn!(client = %client.id, algorithm = algorithm.name(), "the client has no key to encrypt to");
        Unavailable::ClientKeys
    })?;
    let (text, cty) = match content {
        Content::Jwt(jwt) => (jwt, Some(NESTED)),
        Content::Claims(json) => (json, None),
    };
    recipient.encrypt(text.as_bytes(), cty, provider.random()).map_err(|error| {
        warn!(client = %client.id, %error, "the client's key cannot be encrypted to");
        Unavailable::ClientKeys
    })
}

async fn recipient(provider: &Provider, client: &Client, algorithm: KeyManagement) -> Option<Arc<Recipient>> {
    let source = Source::of_client(provider, client).ok()?;
    let keys = source.keys(provider).await.ok()?;
    if let Some(recipient) = keys.recipient(algorithm) {
        return Some(recipient);
    }
    source.newer(provider, &keys).await?.recipient(algorithm)
}
