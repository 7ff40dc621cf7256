//! A token request asks for an access token to less than was granted: for some of its scope (RFC 6749 §6), for some of its
//! resources (RFC 8707 §2.2), to some of its details (RFC 9396 §6). A user who was asked about all of it is not asked again.

use serde_json::Value;

use super::provider::Provider;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::details::{self, BadDetails};
use crate::domain::policy::Policy;
use crate::domain::refresh::RefreshFamily;
use crate::domain::resource;

/// What a token request asks for.
#[derive(Debug, Default, Clone)]
pub struct Wish {
    /// `scope`; absent: all that was granted.
    pub scope: Option<Vec<String>>,
    /// `resource`; none: all that were granted.
    pub resources: Vec<String>,
    /// `authorization_details`; absent: all that were granted.
    pub details: Option<Vec<Value>>,
}

/// Why it is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A scope that the user was not asked about, or none at all.
    #[error("a scope was not granted")]
    InvalidScope,
    /// A resource that the user was not asked about.
    #[error("a resource was not granted")]
    InvalidTarget,
    /// A detail that the user was not asked about.
    #[error(transparent)]
    InvalidAuthorizationDetails(#[from] BadDetails),
}

/// What an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrowed {
    /// `scope`
    pub(super) scope: Vec<String>,
    /// `aud`
    pub(super) audience: Vec<String>,
    /// `authorization_details`
    pub(super) details: Vec<Value>,
}

impl Wish {
    /// Reads the parameters of a token request. `scope` is one of refreshes alone (CIBA §10.1 has none).
    pub fn read(scope: Option<&str>, resources: &[String], details: Option<&str>) -> Result<Self, Reason> {
        let split = |scope: &str| scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let details = details.map(details::read).transpose()?;
        Ok(Self { scope: scope.map(split), resources: resource::once(resources.to_vec()), details })
    }

    /// What is wished for out of what was granted.
    pub(super) fn of(&self, provider: &Provider, client: &Client, granted: &Granted<'_>) -> Result<Narrowed, Reason> {
        let all = granted.to(provider, client)?;
        if !self.resources.iter().all(|uri| all.audience.contains(uri) && granted.resources.contains(uri)) {
            return Err(Reason::InvalidTarget);
        }
        let scope = narrowed(all.scope, self.scope.as_deref())?;
        let audience = if self.resources.is_empty() { all.audience } else { self.resources.clone() };
        Ok(Narrowed { scope, audience, details: details::narrowed(all.details, self.details.clone())? })
    }
}

/// RFC 6749 §6: all of it or less, never more.
fn narrowed(granted: Vec<String>, asked: Option<&[String]>) -> Result<Vec<String>, Reason> {
    let Some(asked) = asked else { return Ok(granted) };
    if asked.is_empty() || !asked.iter().all(|scope| granted.contains(scope)) {
        return Err(Reason::InvalidScope);
    }
    Ok(granted.into_iter().filter(|scope| asked.contains(scope)).collect())
}

/// What was granted once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Granted<'a> {
    scope: &'a [String],
    pub(super) resources: &'a [String],
    pub(super) details: &'a [Value],
}

impl<'a> Granted<'a> {
    /// In a request.
    pub(super) fn in_request(request: &'a AuthenticationRequest) -> Self {
        let details = request.details.as_ref().map(|asked| asked.details.as_slice()).unwrap_or_default();
        Self { scope: &request.scope, resources: &request.resources, details }
    }

    /// To a family of refresh tokens.
    pub(super) fn to_family(family: &'a RefreshFamily) -> Self {
        Self { scope: &family.scope, resources: &family.resources, details: &family.details }
    }

    /// All of it that the client may still have. Where none of its scope is left there is no token; nor where none of its
    /// resources is: one for everything is not less.
    pub(super) fn to(self, provider: &Provider, client: &Client) -> Result<Narrowed, Reason> {
        let scope: Vec<String> = self.scope.iter().filter(|scope| client.scope.contains(scope)).cloned().collect();
        if scope.is_empty() {
            return Err(Reason::InvalidScope);
        }
        let resources = self.resources.iter().filter(|uri| client.resources.contains(uri));
        let audience: Vec<String> = if self.resources.is_empty() {
            vec![provider.default_audience().to_owned()]
        } else {
            resources.cloned().collect()
        };
        if audience.is_empty() {
            return Err(Reason::InvalidTarget);
        }
        let details = self.details.iter().filter(|detail| client.may_send(kind(detail)));
        Ok(Narrowed { scope, audience, details: details.cloned().collect() })
    }
}

/// What stays granted for refreshes.
pub(super) struct Lasting {
    pub(super) scope: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) details: Vec<Value>,
}

impl Lasting {
    /// Of a request: all but what is granted once.
    pub(super) fn of(policy: &Policy, request: &AuthenticationRequest) -> Self {
        let Granted { scope, resources, details } = Granted::in_request(request);
        let details = details.iter().filter(|detail| !policy.grants_once(kind(detail)));
        Self { scope: scope.to_vec(), resources: resources.to_vec(), details: details.cloned().collect() }
    }
}

fn kind(detail: &Value) -> &str {
    detail["type"].as_str().unwrap_or_default()
}
