//! Somebody asks what a token stands for (RFC 7662). A resource server hears of access tokens for it alone, a client of
//! its own refresh tokens; of everything else, whether it exists or not, each hears the same: it is not active.

use super::Unavailable;
use super::authenticate_client::Caller;
use super::mint::RefreshToken;
use super::narrow::{Granted, Narrowed};
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
    /// Of the caller, and what is left of it for the caller.
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
        return Ok(family.map(Introspected::RefreshToken));
    }
    let found = standing::grant_to(provider, token, now).await?;
    let is_for = |grant: &Grant| grant.audience.iter().any(|audience| caller.client.audiences.contains(audience));
    let Some((grant, client)) = found.filter(|(grant, _)| is_for(grant)) else { return Ok(None) };
    let subject = subjects::told(provider, &client, &grant.subject)?;
    Ok(Some(Introspected::AccessToken(Grant { subject, ..grant })))
}

/// What a refresh would bring, under the name that the client knows the user by.
async fn refresh_token(
    provider: &Provider,
    caller: &Caller,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Option<RefreshFamily>, Unavailable> {
    let found = provider.store.family(provider.id(), &token.family()).await?;
    let is_valid = |family: &RefreshFamily| {
        family.client == caller.client.id
            && caller.client.refresh
            && standing::is_alive(provider, family, now)
            && token.recognised_by(family, now).is_some()
    };
    let Some(family) = found.map(|found| found.record).filter(is_valid) else { return Ok(None) };
    let subject = subjects::told(provider, &caller.client, &family.subject)?;
    let is_told_so = family.told.as_ref().is_none_or(|before| *before == subject);
    let approval = Some((family.device, family.auth_time));
    if !is_told_so || !standing::approval_stands(provider, &family.subject, approval).await? {
        return Ok(None);
    }
    let left = Granted::to_family(&family).to(provider, &caller.client);
    Ok(left.ok().map(|Narrowed { scope, audience, details }| {
        let resources = if family.resources.is_empty() { Vec::new() } else { audience };
        RefreshFamily { subject, scope, resources, details, ..family }
    }))
}
