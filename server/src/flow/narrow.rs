//! A token request asks for an access token to less than was granted: for some of its resources (RFC 8707 §2.2), to some of
//! its details (RFC 9396 §6). A user who was asked about all of it is not asked again.

use serde_json::Value;

use super::provider::Provider;
use crate::domain::details::{self, BadDetails};
use crate::domain::resource;

/// What a token request asks for.
#[derive(Debug, Default, Clone)]
pub struct Wish {
    /// `resource`; none: all that were granted.
    pub resources: Vec<String>,
    /// `authorization_details`; absent: all that were granted.
    pub details: Option<Vec<Value>>,
}

/// Why it is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
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
    /// `aud`
    pub(super) audience: Vec<String>,
    /// `authorization_details`
    pub(super) details: Vec<Value>,
}

impl Wish {
    /// Reads the parameters of a token request.
    pub fn read(resources: &[String], details: Option<&str>) -> Result<Self, Reason> {
        Ok(Self { resources: resource::once(resources.to_vec()), details: details.map(details::read).transpose()? })
    }

    /// What is wished for out of what was granted.
    pub(super) fn of(&self, provider: &Provider, resources: &[String], details: &[Value]) -> Result<Narrowed, Reason> {
        let all = Narrowed::all(provider, resources, details);
        if !self.resources.iter().all(|uri| resources.contains(uri)) {
            return Err(Reason::InvalidTarget);
        }
        let audience = if self.resources.is_empty() { all.audience } else { self.resources.clone() };
        Ok(Narrowed { audience, details: details::narrowed(details, self.details.clone())? })
    }
}

impl Narrowed {
    /// Not at all.
    pub(super) fn all(provider: &Provider, resources: &[String], details: &[Value]) -> Self {
        let default = || vec![provider.default_audience().to_owned()];
        let audience = if resources.is_empty() { default() } else { resources.to_vec() };
        Self { audience, details: details.to_vec() }
    }
}
