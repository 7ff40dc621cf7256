//! A client that was let in, and what its call may be held to until it ends.

use protocol::Digest;

use super::super::provider::Provider;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::binding::Binding;
use crate::domain::certificate::Thumbprint;
use crate::domain::client::Client;
use crate::domain::profile::Profile;
use crate::store::{Change, CommitError, Mark, MarkKey};

/// A client that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub client: Client,
    /// Which rules it is held to: its realm's, or stricter ones of its own.
    pub profile: Profile,
    /// The certificate of the connection, whatever it is used for.
    pub certificate: Option<Thumbprint>,
    /// The key of its DPoP proof, by its thumbprint.
    key: Option<Digest>,
    /// The assertion it used, which no other call may use: part of every change that this call makes.
    used: Option<Mark>,
    /// Its DPoP proof, likewise.
    proof: Option<Mark>,
}

/// Another call used what this call may use once first, on another node or before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// The client's assertion (RFC 7523 §3). To the client it is as if it had not been let in.
    #[error("the client's assertion was used before")]
    Assertion,
    /// The DPoP proof (RFC 9449 §11.1).
    #[error("the DPoP proof was used before")]
    Proof,
}

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
        Self { client, profile, certificate, key: None, used, proof: None }
    }

    /// Once it has shown a key by a DPoP proof.
    pub(in crate::flow) fn showing(self, key: Digest, proof: Mark) -> Self {
        Self { key: Some(key), proof: Some(proof), ..self }
    }

    /// The key that it showed.
    pub(in crate::flow) const fn key(&self) -> Option<Digest> {
        self.key
    }

    /// Whether tokens are issued to it only with a certificate that they are bound to (RFC 8705 §3). The token endpoint
    /// lets it in only with one.
    #[must_use]
    pub fn requires_certificate(&self) -> bool {
        self.client.certificate_bound || self.profile == Profile::FapiCiba
    }

    /// What tokens that it collects here are bound to: its certificate where they must be, and the key of any proof.
    #[must_use]
    pub fn binding(&self) -> Binding {
        let certificate = self.certificate.filter(|_| self.requires_certificate());
        Binding { certificate, key: self.key }
    }

    /// REQUIREMENTS A13: one request, one method.
    pub fn began(&self, request: &AuthenticationRequest) -> Result<(), OtherMethod> {
        if request.authenticated_by == self.client.authentication { Ok(()) } else { Err(OtherMethod) }
    }

    /// A change that this call makes, with the marks of its assertion and its proof.
    #[must_use]
    pub(in crate::flow) fn change(&self, provider: &Provider) -> Change {
        let mut change = provider.change();
        change.marks.extend(self.used.iter().chain(&self.proof).cloned());
        change
    }

    /// Commits a change made with [`Self::change`]. Outside is what no further attempt can mend.
    pub(in crate::flow) async fn commit(
        &self,
        provider: &Provider,
        change: Change,
    ) -> Result<Result<(), CommitError>, Replayed> {
        match provider.store.commit(change).await {
            Err(CommitError::Replayed(key, _)) if is(self.used.as_ref(), &key) => Err(Replayed::Assertion),
            Err(CommitError::Replayed(key, _)) if is(self.proof.as_ref(), &key) => Err(Replayed::Proof),
            outcome => Ok(outcome),
        }
    }
}

fn is(used: Option<&Mark>, key: &MarkKey) -> bool {
    used.is_some_and(|used| used.key == *key)
}
