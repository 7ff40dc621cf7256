//! A relying party asks: the backchannel authentication request (CIBA §7).

use protocol::digest::request_digest;
use protocol::text::{self, Kind};
use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, Replayed};
use super::provider::{Provider, Recorded as _};
use crate::authenticator::{self, Asked, Question};
use crate::domain::audit::What;
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::client::Client;
use crate::domain::delivery::DeliveryMode;
use crate::domain::names::RequestKey;
use crate::domain::user::{Identifier, User, UserStatus};
use crate::store::Versioned;

/// The request's parameters, each of the right type and none of them judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// `scope`, split at spaces.
    pub scope: Vec<String>,
    /// `login_hint`
    pub login_hint: Identifier,
    /// `binding_message`
    pub binding_message: Option<String>,
    /// `requested_expiry`, seconds.
    pub requested_expiry: Option<u32>,
}

/// The acknowledgement (CIBA §7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// 256 random bits as 43 base64url characters. Spoken here and never stored.
    pub auth_req_id: String,
    /// Seconds.
    pub expires_in: u32,
    /// Seconds; absent in push mode.
    pub interval: Option<u32>,
}

/// Why a request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The client may not use this grant.
    #[error("this client may not use CIBA")]
    UnauthorizedClient,
    /// `openid` is missing, or a scope is not allowed for this client.
    #[error("a scope is missing or not allowed")]
    InvalidScope,
    /// The text breaks the rules for text on phones.
    #[error("the binding message breaks a rule: {0}")]
    InvalidBindingMessage(text::TextError),
    /// No such user.
    #[error("no such user")]
    UnknownUser,
    /// The user is locked or disabled.
    #[error("the user may not sign in")]
    UserNotActive,
    /// This client has disturbed this user often enough.
    #[error("the limit of prompts for this client and user is reached")]
    LimitReached,
    /// The user has no phone to ask.
    #[error("the user has no device")]
    NoDevice,
    /// The client's assertion was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Accepts a request: the question, its prompts, its messages and its audit event in one commit.
pub async fn begin(provider: &Provider, caller: &Caller, parameters: Parameters) -> Result<Begun, Reason> {
    let client = &caller.client;
    check(client, &parameters)?;
    let user = find_user(provider, &parameters.login_hint).await?;
    let now = provider.now();
    if provider.policy().prompt_limits && !provider.budget.take(&client.id, &user.record.subject, now) {
        return Err(Reason::LimitReached);
    }
    let auth_req_id = provider.random().token();
    let lifetime = provider.policy().lifetime(parameters.requested_expiry);
    let expires_at = now.plus_seconds(lifetime.into());
    let mut request = AuthenticationRequest {
        key: RequestKey::of(&auth_req_id),
        client: client.id.clone(),
        authenticated_by: client.authentication,
        subject: user.record.subject.clone(),
        delivery: client.delivery,
        scope: parameters.scope,
        binding_message: parameters.binding_message,
        interval: provider.policy().interval,
        created_at: now,
        expires_at,
        keep_until: expires_at.plus_seconds(provider.policy().tombstone.into()),
        prompts: Vec::new(),
        notified: false,
        callback: None,
        acr_values: Vec::new(),
        certificate: None,
        state: State::Pending,
    };
    let question = Question { client, request: &request, req: request_digest(&auth_req_id) };
    let port = authenticator::Port {
        realm: provider.id(),
        issuer: provider.issuer(),
        keys: &provider.keys,
        store: &*provider.store,
        random: provider.random(),
        pushes: provider.courier.is_some(),
    };
    let asked = authenticator::devices::start(&port, &question, now).await.map_err(|error| match error {
        authenticator::StartError::NoDevice => Reason::NoDevice,
        authenticator::StartError::Store(error) => Unavailable::from(error).into(),
        authenticator::StartError::Keys => Unavailable::Keys.into(),
    })?;
    request.prompts = asked.prompts.iter().map(|prompt| (prompt.device, prompt.id)).collect();
    commit(provider, caller, request, asked).await?;
    let interval = (client.delivery != DeliveryMode::Push).then_some(provider.policy().interval);
    Ok(Begun { auth_req_id, expires_in: lifetime, interval })
}

fn check(client: &Client, parameters: &Parameters) -> Result<(), Reason> {
    if !client.ciba {
        return Err(Reason::UnauthorizedClient);
    }
    let asks_openid = parameters.scope.iter().any(|scope| scope == "openid");
    let all_allowed = parameters.scope.iter().all(|scope| client.scope.contains(scope));
    if !(asks_openid && all_allowed) {
        return Err(Reason::InvalidScope);
    }
    parameters
        .binding_message
        .as_deref()
        .map_or(Ok(()), |message| text::check(Kind::BindingMessage, message))
        .map_err(Reason::InvalidBindingMessage)
}

async fn find_user(provider: &Provider, hint: &Identifier) -> Result<Versioned<User>, Reason> {
    let user = provider.store.user_named(provider.id(), hint).await.map_err(Unavailable::from)?;
    let user = user.ok_or(Reason::UnknownUser)?;
    match user.record.status {
        UserStatus::Active => Ok(user),
        UserStatus::Locked | UserStatus::Disabled => Err(Reason::UserNotActive),
    }
}

async fn commit(
    provider: &Provider,
    caller: &Caller,
    request: AuthenticationRequest,
    asked: Asked,
) -> Result<(), Reason> {
    let at = request.created_at;
    let accepted = What::RequestAccepted {
        request: request.key,
        client: request.client.clone(),
        subject: request.subject.clone(),
        prompts: asked.prompts.iter().map(|prompt| prompt.id).collect(),
    };
    let (key, client) = (request.key, request.client.clone());
    let phones: Vec<_> = asked.prompts.iter().map(|prompt| prompt.device).collect();
    let mut change = caller.change(provider).create(request).recording(provider, at, accepted);
    for prompt in asked.prompts {
        change = change.create(prompt);
    }
    for message in asked.messages {
        change = change.create(message);
    }
    caller.commit(provider, change).await?.map_err(Unavailable::from)?;
    info!(request = %key, %client, phones = phones.len(), "request accepted");
    for phone in &phones {
        provider.wake.phone(phone);
    }
    provider.wake.outbox();
    Ok(())
}
