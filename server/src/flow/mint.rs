//! Tokens out of an approval (OIDC Core §3.1.3.3), once more out of a refresh token (§12.2): an access token, an ID token
//! and, for clients registered for it, a refresh token.
//!
//! Nothing is stored here: what [`Minted`] holds goes into the commit of whoever hands the tokens out.

use std::sync::Arc;

use protocol::receipt::Approval as Receipt;
use protocol::{DeviceId, Digest};
use serde_json::{Map, Value, json};

use super::Unavailable;
use super::encrypt;
use super::narrow::{Lasting, Narrowed};
use super::provider::Provider;
use super::subjects;
use crate::domain::authentication_request::{Approval, AuthenticationRequest, Issued};
use crate::domain::binding::Binding;
use crate::domain::client::Client;
use crate::domain::context::Proven;
use crate::domain::grant::Grant;
use crate::domain::names::{FamilyKey, RequestKey, Subject};
use crate::domain::refresh::RefreshFamily;
use crate::domain::time::Timestamp;
use crate::jose::Recipient;
use crate::store::Change;

mod access_token;
mod id_token;
mod refresh_token;
mod signed;

pub(super) use refresh_token::RefreshToken;
pub(super) use signed::receipt;

/// A token response (OIDC Core §3.1.3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// As registered: 256 random bits, or a JWT.
    pub access_token: String,
    /// `Bearer`, or `DPoP` where it is bound to a key.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// Signed, and then encrypted if the client wants it; absent where a refresh asked for less than `openid`.
    pub id_token: Option<String>,
    /// Where the client is registered for it, and at a refresh only if it is another one than was sent.
    pub refresh_token: Option<String>,
    /// What was granted.
    pub scope: Vec<String>,
    /// What was granted of `authorization_details` (RFC 9396 §7).
    pub authorization_details: Vec<Value>,
    /// What the user signed, for clients registered for it; never at a refresh.
    pub receipt: Option<Receipt>,
}

impl Tokens {
    /// Its members as they go over the wire.
    #[must_use]
    pub fn members(self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("access_token".into(), self.access_token.into());
        members.insert("token_type".into(), self.token_type.into());
        members.insert("expires_in".into(), self.expires_in.into());
        members.extend(self.id_token.map(|token| ("id_token".into(), token.into())));
        members.extend(self.refresh_token.map(|token| ("refresh_token".into(), token.into())));
        members.insert("scope".into(), self.scope.join(" ").into());
        if !self.authorization_details.is_empty() {
            members.insert("authorization_details".into(), self.authorization_details.into());
        }
        members.extend(self.receipt.map(|receipt| ("approval_receipt".into(), json!(receipt))));
        members
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// An approved request, and the client to which its tokens go.
pub(super) struct Approved<'a> {
    pub(super) client: &'a Client,
    pub(super) request: &'a AuthenticationRequest,
    pub(super) approval: &'a Approval,
    /// The request's secret name, which the ID token repeats.
    pub(super) auth_req_id: &'a str,
    /// What the tokens are bound to, where they are.
    pub(super) binding: Binding,
    /// What its access token is for.
    pub(super) narrowed: Narrowed,
    /// What the user signed, where the client wants it.
    pub(super) receipt: Option<Receipt>,
}

/// Tokens, and what must be stored with them.
pub(super) struct Minted {
    pub(super) tokens: Tokens,
    grant: Grant,
    family: Option<RefreshFamily>,
}

impl Minted {
    /// What the request must remember of them.
    pub(super) fn issued(&self) -> Issued {
        Issued { grant: self.grant.token, family: self.family.as_ref().map(|family| family.key) }
    }

    /// Adds what must be stored; gives out the tokens, which are good once `change` is committed.
    pub(super) fn stored_by(self, change: Change) -> (Change, Tokens) {
        let change = change.create(self.grant);
        let change = self.family.into_iter().fold(change, Change::create);
        (change, self.tokens)
    }
}

/// What the user agreed to and what was proven: the same in every token that comes of it.
struct Agreed {
    subject: Subject,
    request: RequestKey,
    device: DeviceId,
    auth_time: Timestamp,
    acr: String,
    amr: Vec<String>,
    narrowed: Narrowed,
    binding: Binding,
    /// The refresh tokens beside it, and the end of their life.
    family: Option<(FamilyKey, Timestamp)>,
}

/// Why an approval gets no tokens.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    /// The client registered `require_acr`, and the phone proved none of those that were requested.
    #[error("none of the requested authentication contexts was reached")]
    AcrNotReached,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Mints the first tokens of an approval.
pub(super) async fn mint(provider: &Provider, approved: &Approved<'_>, now: Timestamp) -> Result<Minted, Reason> {
    let Approved { client, request, approval, auth_req_id, binding, ref narrowed, ref receipt } = *approved;
    let recipient = recipient(provider, client, &narrowed.scope).await?;
    let proven = Proven::by(approval, provider.policy().trust_claimed_uv);
    let refresh = client.refresh.then(|| RefreshToken::new(provider.random()));
    let ends_at = now.plus_seconds(provider.policy().refresh_lifetime.into());
    let agreed = Agreed {
        subject: request.subject.clone(),
        request: request.key,
        device: approval.device,
        auth_time: approval.at,
        acr: acr(proven, client, &request.acr_values)?.to_owned(),
        amr: proven.amr().into_iter().map(str::to_owned).collect(),
        narrowed: narrowed.clone(),
        binding,
        family: refresh.as_ref().map(|token| (token.family(), ends_at)),
    };
    let (access_token, grant) = access_token::mint(provider, client, &agreed, now)?;
    let beside = id_token::Beside {
        access_token: &access_token,
        asked_by: Some((request.delivery, auth_req_id)),
        refresh_token: refresh.as_ref().map(RefreshToken::text),
        receipt: receipt.as_ref().map(|receipt| receipt.receipt.digest()),
        recipient: recipient.as_deref(),
    };
    let id_token = id_token_if_asked(provider, client, &agreed, &beside, now)?;
    let tokens = Tokens {
        access_token,
        token_type: binding.token_type(),
        expires_in: expires_in(&grant, now),
        id_token,
        refresh_token: refresh.as_ref().map(|token| token.text().to_owned()),
        scope: narrowed.scope.clone(),
        authorization_details: narrowed.details.clone(),
        receipt: receipt.clone(),
    };
    let told = subjects::told(provider, client, &request.subject).map_err(Unavailable::from)?;
    let granted = Lasting::of(provider.policy(), request);
    let family = refresh.map(|token| token.founding(client, (agreed, granted, told), now, ends_at));
    Ok(Minted { tokens, grant, family })
}

/// What was proven, by the name that was asked for where there is one; never more than was proven.
fn acr(proven: Proven, client: &Client, requested: &[String]) -> Result<&'static str, Reason> {
    match proven.acr_for(requested) {
        Some(acr) => Ok(acr),
        None if client.require_acr && !requested.is_empty() => Err(Reason::AcrNotReached),
        None => Ok(proven.acr()),
    }
}

/// Mints tokens for a refresh: of the same approval, for all of the family's or less, bound to the `key` that was shown now.
/// Without a refresh token.
pub(super) async fn mint_again(
    provider: &Provider,
    client: &Client,
    (family, key): (&RefreshFamily, Option<Digest>),
    narrowed: Narrowed,
    now: Timestamp,
) -> Result<Minted, Unavailable> {
    let recipient = recipient(provider, client, &narrowed.scope).await?;
    let agreed = Agreed {
        subject: family.subject.clone(),
        request: family.request,
        device: family.device,
        auth_time: family.auth_time,
        acr: family.acr.clone(),
        amr: family.amr.clone(),
        narrowed,
        binding: Binding { certificate: family.certificate, key },
        family: Some((family.key, family.expires_at)),
    };
    let (access_token, grant) = access_token::mint(provider, client, &agreed, now)?;
    let beside = id_token::Beside {
        access_token: &access_token,
        asked_by: None,
        refresh_token: None,
        receipt: None,
        recipient: recipient.as_deref(),
    };
    let id_token = id_token_if_asked(provider, client, &agreed, &beside, now)?;
    let expires_in = expires_in(&grant, now);
    let tokens = Tokens {
        access_token,
        token_type: agreed.binding.token_type(),
        expires_in,
        id_token,
        refresh_token: None,
        scope: agreed.narrowed.scope,
        authorization_details: agreed.narrowed.details,
        receipt: None,
    };
    Ok(Minted { tokens, grant, family: None })
}

/// OIDC Core §3.1.2.1: without the scope `openid` there is none.
fn id_token_if_asked(
    provider: &Provider,
    client: &Client,
    agreed: &Agreed,
    beside: &id_token::Beside<'_>,
    now: Timestamp,
) -> Result<Option<String>, Unavailable> {
    asks_openid(&agreed.narrowed.scope).then(|| id_token::mint(provider, client, agreed, beside, now)).transpose()
}

/// To whom the ID token will be encrypted. Without a key of the client's there are no tokens, so it is the first question.
async fn recipient(
    provider: &Provider,
    client: &Client,
    scope: &[String],
) -> Result<Option<Arc<Recipient>>, Unavailable> {
    encrypt::recipient(provider, client, client.id_token_encryption.filter(|_| asks_openid(scope))).await
}

fn asks_openid(scope: &[String]) -> bool {
    scope.iter().any(|scope| scope == "openid")
}

/// Whole seconds, and never 0: clients want a positive number (RFC 6749 §5.1).
fn expires_in(grant: &Grant, now: Timestamp) -> i64 {
    (grant.expires_at.unix_seconds() - now.unix_seconds()).max(1)
}
