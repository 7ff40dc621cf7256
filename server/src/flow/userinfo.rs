//! Who the user is, for the holder of an access token (OIDC Core §5.3). The one resource that this server protects.

use super::Unavailable;
use super::provider::Provider;
use super::standing;
use crate::domain::certificate::Thumbprint;
use crate::domain::user::User;

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not an access token that is valid here and now.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The token is bound to another certificate than the one shown (RFC 8705 §3).
    #[error("the access token is bound to another certificate")]
    OtherCertificate,
    /// The user did not agree to `openid`.
    #[error("the access token is not for openid")]
    InsufficientScope,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A user, and what may be told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The user.
    pub user: User,
    /// What they agreed to.
    pub scope: Vec<String>,
}

/// Judges an access token and the certificate of the connection that brought it.
pub async fn userinfo(provider: &Provider, token: &str, shown: Option<Thumbprint>) -> Result<Told, Reason> {
    let grant = standing::grant(provider, token, provider.now()).await?.ok_or(Reason::InvalidToken)?;
    if grant.certificate.is_some() && grant.certificate != shown {
        return Err(Reason::OtherCertificate);
    }
    if !grant.scope.iter().any(|scope| scope == "openid") {
        return Err(Reason::InsufficientScope);
    }
    let user = provider.store.user(provider.id(), &grant.subject).await.map_err(Unavailable::from)?;
    let user = user.ok_or(Reason::InvalidToken)?.record;
    Ok(Told { user, scope: grant.scope })
}
