//! Somebody asks what a token stands for (RFC 7662). A resource server hears of access tokens for it alone, a client of
//! its own refresh tokens; of everything else, whether it exists or not, each hears the same: it is not active.

use super::Unavailable;
use super::authenticate_client::Caller;
use super::mint::RefreshToken;
use super::provider::Provider;
use super::{standing, subjects};
use crate::domain::grant::Grant;
use crate::domain::refresh::RefreshFamily;
use crate::domain::time::Timestamp;

/// A token that is valid now, with the `sub` that the client knows the user by to which it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introspected {
    /// Of the caller's audience.
    AccessToken(Grant),
    /// Of the caller.
    RefreshToken(RefreshFamily),
}

/// Looks a token up. What kind it is shows by itself, so `token_type_hint` is not needed.
pub async fn introspect(
    provider: &Provider,
    caller: &Caller,
    token: &str,
) -> Result<Option<Introspected>, Unavailable> {
    let now = provider.now();
    if let Some(token) = RefreshToken::parse(token) {
        let family = refresh_token(provider, caller, &token, now).await?;
        let Some(family) = family else { return Ok(None) };
        let subject = subjects::told(provider, &caller.client, &family.subject)?;
        return Ok(Some(Introspected::RefreshToken(RefreshFamily { subject, ..family })));
    }
    let found = standing::grant_to(provider, token, now).await?;
    let is_for = |grant: &Grant| grant.audience.iter().any(|audience| caller.client.audiences.contains(audience));
    let Some((grant, client)) = found.filter(|(grant, _)| is_for(grant)) else { return Ok(None) };
    let subject = subjects::told(provider, &client, &grant.subject)?;
    Ok(Some(Introspected::AccessToken(Grant { subject, ..grant })))
}

async fn refresh_token(
    provider: &Provider,
    caller: &Caller,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Option<RefreshFamily>, Unavailable> {
    let found = provider.store.family(provider.id(), &token.family()).await?;
    let is_valid = |family: &RefreshFamily| {
        family.client == caller.client.id
            && standing::is_alive(provider, family, now)
            && token.recognised_by(family, now).is_some()
    };
    let Some(family) = found.map(|found| found.record).filter(is_valid) else { return Ok(None) };
    let approval = Some((family.device, family.auth_time));
    let stands = standing::approval_stands(provider, &family.subject, approval).await?;
    Ok(stands.then_some(family))
}
