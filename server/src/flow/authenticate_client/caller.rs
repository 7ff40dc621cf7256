//! A client that was let in, and what its call may be held to until it ends.

use super::super::provider::Provider;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::certificate::Thumbprint;
use crate::domain::client::Client;
use crate::domain::profile::Profile;
use crate::store::{Change, CommitError, Mark};

/// A client that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub client: Client,
    /// Which rules it is held to: its realm's, or stricter ones of its own.
    pub profile: Profile,
    /// The certificate of the connection, whatever it is used for.
    pub certificate: Option<Thumbprint>,
    /// The assertion it used, which no other call may use: part of every change that this call makes.
    used: Option<Mark>,
}

/// Another call used this call's assertion first, on another node or before a restart (RFC 7523 §3). To the client it
/// is as if it had not been let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client's assertion was used before")]
pub struct Replayed;

/// The request was begun by another method than the client authenticates by now (REQUIREMENTS Q23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request was begun by another authentication method")]
pub struct OtherMethod;

impl Caller {
    pub(super) fn new(
        provider: &Provider,
        client: Client,
        certificate: Option<Thumbprint>,
        used: Option<Mark>,
    ) -> Self {
        let profile = client.profile_in(provider.policy().profile);
        Self { client, profile, certificate, used }
    }

    /// Whether tokens are issued to it only with a certificate that they are bound to (RFC 8705 §3). The token endpoint
    /// lets it in only with one.
    #[must_use]
    pub fn requires_certificate(&self) -> bool {
        self.client.certificate_bound || self.profile == Profile::FapiCiba
    }

    /// What tokens that it collects here are bound to, where they must be.
    #[must_use]
    pub fn binding(&self) -> Option<Thumbprint> {
        self.certificate.filter(|_| self.requires_certificate())
    }

    /// REQUIREMENTS A13: one request, one method.
    pub fn began(&self, request: &AuthenticationRequest) -> Result<(), OtherMethod> {
        if request.authenticated_by == self.client.authentication { Ok(()) } else { Err(OtherMethod) }
    }

    /// A change that this call makes, with the mark of its assertion.
    #[must_use]
    pub(in crate::flow) fn change(&self, provider: &Provider) -> Change {
        let mut change = provider.change();
        change.marks.extend(self.used.clone());
        change
    }

    /// Commits a change made with [`Self::change`]. Outside is what no further attempt can mend.
    pub(in crate::flow) async fn commit(
        &self,
        provider: &Provider,
        change: Change,
    ) -> Result<Result<(), CommitError>, Replayed> {
        match provider.store.commit(change).await {
            Err(CommitError::Replayed(key, _)) if self.used.as_ref().is_some_and(|used| used.key == key) => {
                Err(Replayed)
            }
            outcome => Ok(outcome),
        }
    }
}
