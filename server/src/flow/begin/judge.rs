//! What the parameters mean for this client in this realm, before anybody is looked up. Nothing here depends on the user.

use serde_json::Value;

use super::super::authenticate_client::Caller;
use super::super::provider::Provider;
use super::parameters::{Parameters, check_notification_token};
use super::{Flaw, Reason, user_code};
use crate::domain::agent_action;
use crate::domain::binding_message;
use crate::domain::client::Client;
use crate::domain::delivery::DeliveryMode;
use crate::domain::details::{self, BadDetails, Details};
use crate::domain::policy::AboveMax;
use crate::domain::policy::ENROLMENT_SCOPE;
use crate::domain::profile::Profile;
use crate::domain::resource;

/// Whether the client may use CIBA, in its delivery mode. A realm that offers no mode has no CIBA (REQUIREMENTS Q20).
pub(super) fn may_ask(provider: &Provider, caller: &Caller) -> Result<(), Reason> {
    let client = &caller.client;
    let is_offered = provider.offer().delivery_modes(caller.profile).contains(&client.delivery);
    if client.ciba && is_offered { Ok(()) } else { Err(Reason::UnauthorizedClient) }
}

/// Judges all parameters but the hint and the value of the user code.
pub(super) fn parameters(provider: &Provider, caller: &Caller, parameters: &Parameters) -> Result<(), Reason> {
    let client = &caller.client;
    check_scope(provider, caller, &parameters.scope)?;
    check_resources(client, parameters.resources.as_deref())?;
    check_callback(client, parameters)?;
    check_expiry(provider, parameters)?;
    if let Some(message) = &parameters.binding_message {
        binding_message::check(message, provider.binding_pattern.as_ref())?;
    } else if caller.profile == Profile::FapiCiba && parameters.details.is_none() && !client.match_code {
        // FAPI-CIBA §5.2.2: a unique authorization context, or else a binding message.
        return Err(Flaw("binding_message", "is missing: the user could not tell this request from another").into());
    }
    if parameters.user_code.is_none() && user_code::is_demanded(provider, client) {
        return Err(Reason::MissingUserCode);
    }
    Ok(())
}

/// REQUIREMENTS Q48: `openid`, unless the realm is an authorization server too. A push holds an ID token (CIBA §10.3.1).
fn check_scope(provider: &Provider, caller: &Caller, scope: &[String]) -> Result<(), Reason> {
    let client = &caller.client;
    let must_ask = provider.policy().require_openid
        || caller.profile == Profile::FapiCiba
        || client.delivery == DeliveryMode::Push;
    let asks_openid = !must_ask || scope.iter().any(|scope| scope == "openid");
    let all_allowed = scope.iter().all(|scope| client.scope.contains(scope) && scope != ENROLMENT_SCOPE);
    if asks_openid && all_allowed { Ok(()) } else { Err(Reason::InvalidScope) }
}

/// RFC 8707 §2: only where the client may ask for tokens for them.
/// What is malformed is none either.
fn check_resources(client: &Client, named: Option<&[String]>) -> Result<(), Reason> {
    let may_name = |named: &[String]| named.iter().all(|uri| client.resources.contains(uri));
    let fit = named.is_some_and(|named| named.len() <= resource::MOST && may_name(named));
    if fit { Ok(()) } else { Err(Reason::InvalidTarget) }
}

/// `authorization_details` (RFC 9396 §5), as text out of a form or as JSON out of a signed request.
pub(super) fn details(
    provider: &Provider,
    client: &Client,
    parameters: &Parameters,
) -> Result<Option<Details>, BadDetails> {
    let list = match &parameters.details {
        None => return Ok(None),
        Some(Value::Array(list)) => list.clone(),
        Some(Value::String(text)) => details::read(text)?,
        Some(_) => return Err(BadDetails::Form),
    };
    let policy = provider.policy();
    let judged = if policy.agent_actions && agent_action::is_among(&list) {
        agent_action::judge(list)?
    } else {
        details::judge(&policy.authorization_details_types, list)?
    };
    // RFC 9396 §5: to a client, a type that it may not use is one that is not known.
    if judged.types().all(|kind| client.may_send(kind)) { Ok(Some(judged)) } else { Err(BadDetails::UnknownType) }
}

/// CIBA §7.1: required of ping and push clients; of a poll client not even looked at (REQUIREMENTS Q22).
fn check_callback(client: &Client, parameters: &Parameters) -> Result<(), Flaw> {
    match (client.delivery, &parameters.notification_token) {
        (DeliveryMode::Poll, _) => Ok(()),
        (DeliveryMode::Ping | DeliveryMode::Push, Some(token)) => check_notification_token(token.reveal()),
        (DeliveryMode::Ping | DeliveryMode::Push, None) => {
            Err(Flaw("client_notification_token", "is missing: this client is notified"))
        }
    }
}

/// REQUIREMENTS Q12.
fn check_expiry(provider: &Provider, parameters: &Parameters) -> Result<(), Flaw> {
    let policy = provider.policy();
    let above = parameters.requested_expiry.is_some_and(|seconds| seconds > policy.request_lifetime_max);
    match policy.requested_expiry_above_max {
        AboveMax::Refuse if above => Err(Flaw("requested_expiry", "is above the maximum")),
        AboveMax::Refuse | AboveMax::Cap => Ok(()),
    }
}

/// What the request names, or else the client's or the realm's default.
pub(super) fn requested_acr(provider: &Provider, client: &Client, named: &[String]) -> Vec<String> {
    let all = [named, &client.default_acr_values, &provider.policy().default_acr_values];
    all.into_iter().find(|values| !values.is_empty()).unwrap_or_default().to_vec()
}
