//! Whose JWT is this? The public keys of clients, registered or published, and of those whose hints a realm believes.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tracing::info;

use super::provider::Provider;
use crate::domain::algorithm::Algorithm;
use crate::domain::client::{Client, ClientKeys};
use crate::domain::names::ClientId;
use crate::jose::{self, ClaimsError, JwkSet, JwtError, Token, Unverified};
use crate::outbound::endpoint::Endpoint;

/// So many registered sets are kept parsed.
const MOST_SETS: usize = 2_000;

/// Why a JWT is not acted on. Each text is fixed and quotes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// Five parts (RFC 7516 §7.1).
    #[error("it is encrypted, which is not supported")]
    Encrypted,
    /// It does not verify.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// It verifies, and says what it must not.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// It is for something else.
    #[error("typ is that of something else")]
    Type,
    /// Nobody whose word counts here signs under this `iss`.
    #[error("iss is nobody who may sign this")]
    Issuer,
    /// The signer registered no keys.
    #[error("no keys are registered to verify it by")]
    NoKeys,
    /// The signer's keys are published where they cannot be had.
    #[error("the keys to verify it by cannot be fetched")]
    Unreachable,
    /// It may be used once.
    #[error("it was used before")]
    Replayed,
}

/// Registered sets, each parsed once.
pub(super) struct Registered(Mutex<LruCache<ClientId, (String, Arc<JwkSet>)>>);

impl Default for Registered {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(MOST_SETS).expect("some are kept"))))
    }
}

impl Registered {
    /// A set that cannot be read is one without keys: registration refuses it, and whoever stored it all the same will
    /// find that nothing verifies.
    fn set(&self, client: &ClientId, jwks: &str) -> Arc<JwkSet> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((text, set)) = sets.get(client)
            && text == jwks
        {
            return Arc::clone(set);
        }
        let set = Arc::new(JwkSet::parse(jwks.as_bytes()).unwrap_or_default());
        sets.put(client.clone(), (jwks.to_owned(), Arc::clone(&set)));
        set
    }
}

/// Where a signer's keys are.
#[derive(Debug)]
pub(super) enum Source {
    /// Here.
    Registered(Arc<JwkSet>),
    /// Under a URL of the signer's.
    Published(Endpoint),
}

impl Source {
    /// The client's own keys.
    pub(super) fn of_client(provider: &Provider, client: &Client) -> Result<Self, Unbelieved> {
        match &client.keys {
            ClientKeys::None => Err(Unbelieved::NoKeys),
            ClientKeys::Jwks(jwks) => Ok(Self::Registered(provider.registered_keys.set(&client.id, jwks))),
            ClientKeys::JwksUri(url) => {
                Endpoint::foreign(url).map(Self::Published).map_err(|_| Unbelieved::Unreachable)
            }
        }
    }

    /// Keys under a URL that the operator wrote.
    pub(super) fn of_operator(url: &str) -> Result<Self, Unbelieved> {
        let endpoint = url::Url::parse(url).ok().and_then(|url| Endpoint::operator(url).ok());
        endpoint.map(Self::Published).ok_or(Unbelieved::Unreachable)
    }

    /// The keys.
    pub(super) async fn keys(&self, provider: &Provider) -> Result<Arc<JwkSet>, Unbelieved> {
        match self {
            Self::Registered(set) => Ok(Arc::clone(set)),
            Self::Published(url) => provider.key_sets().keys(url).await.map_err(|why| {
                info!(%why, "no keys to verify a JWT by");
                Unbelieved::Unreachable
            }),
        }
    }

    /// The keys, if the signer has published others than those `seen`.
    pub(super) async fn newer(&self, provider: &Provider, seen: &Arc<JwkSet>) -> Option<Arc<JwkSet>> {
        match self {
            Self::Registered(_) => None,
            Self::Published(url) => provider.key_sets().newer(url, seen).await,
        }
    }

    /// Verifies a JWT, by the signer's newest keys if those known do not do.
    pub(super) async fn verify(
        &self,
        provider: &Provider,
        jwt: &str,
        allowed: &[Algorithm],
    ) -> Result<Token, Unbelieved> {
        if is_encrypted(jwt) {
            return Err(Unbelieved::Encrypted);
        }
        // Sound, before anything is fetched for its sake.
        let names_key = Unverified::parse(jwt)?.header().kid.is_some();
        let keys = self.keys(provider).await?;
        let judged = jose::verify(jwt, &keys, allowed);
        let may_be_rotated = match judged {
            Err(JwtError::UnknownKey) => true,
            Err(JwtError::Signature) => !names_key,
            _ => false,
        };
        if may_be_rotated && let Some(newer) = self.newer(provider, &keys).await {
            return Ok(jose::verify(jwt, &newer, allowed)?);
        }
        Ok(judged?)
    }
}

/// Whether it has the form of a JWE (RFC 7516 §7.1). Nothing that is sent to us is encrypted.
pub(super) fn is_encrypted(jwt: &str) -> bool {
    jwt.bytes().filter(|byte| *byte == b'.').count() == 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn a_registered_set_is_parsed_once_until_it_is_replaced() {
        let (registered, client) = (Registered::default(), ClientId::new("shop"));
        let set = registered.set(&client, ONE);
        assert!(Arc::ptr_eq(&set, &registered.set(&client, ONE)));
        let replaced = registered.set(&client, r#"{"keys":[]}"#);
        assert!(set.len() == 1 && replaced.is_empty());
        assert!(registered.set(&client, "no set").is_empty());
    }
}
