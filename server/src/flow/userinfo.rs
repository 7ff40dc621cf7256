//! Who the user is, for the holder of an access token (OIDC Core §5.3). The one resource that this server protects.

use super::Unavailable;
use super::dpop::{Presented, Reason as Unproven, Unshown};
use super::provider::Provider;
use super::standing;
use crate::domain::grant::Grant;
use crate::domain::user::User;
use crate::store::{CommitError, Mark};

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not an access token that is valid here and now.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The token is bound to what was not shown (RFC 8705 §3, RFC 9449 §7).
    #[error(transparent)]
    Unshown(#[from] Unshown),
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

/// Judges an access token and what came with it.
pub async fn userinfo(provider: &Provider, presented: &Presented<'_>) -> Result<Told, Reason> {
    let grant = standing::grant(provider, presented.token, provider.now()).await?.ok_or(Reason::InvalidToken)?;
    let algorithms = provider.offer().client_algorithms(provider.policy().profile);
    let used = presented.shows(provider, grant.binding(), &grant.client, &algorithms)?;
    // RFC 8707 §2: a token for others' resources is of no use here.
    if !grant.audience.is_empty() && !is_for_us(provider, &grant) {
        return Err(Reason::InvalidToken);
    }
    if !grant.scope.iter().any(|scope| scope == "openid") {
        return Err(Reason::InsufficientScope);
    }
    let user = provider.store.user(provider.id(), &grant.subject).await.map_err(Unavailable::from)?;
    let user = user.ok_or(Reason::InvalidToken)?.record;
    use_up(provider, used).await?;
    Ok(Told { user, scope: grant.scope })
}

fn is_for_us(provider: &Provider, grant: &Grant) -> bool {
    grant.audience.iter().any(|audience| audience == provider.issuer() || audience == provider.default_audience())
}

/// A proof counts once among all processes of the realm (RFC 9449 §11.1).
async fn use_up(provider: &Provider, used: Option<Mark>) -> Result<(), Reason> {
    let Some(used) = used else { return Ok(()) };
    let mut change = provider.change();
    change.marks.push(used);
    match provider.store.commit(change).await {
        Ok(()) => Ok(()),
        Err(CommitError::Replayed(..)) => Err(Unshown::Proof(Unproven::Replayed).into()),
        Err(error) => Err(Unavailable::from(error).into()),
    }
}
