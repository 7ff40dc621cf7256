//! Proofs of possession (RFC 9449): who asks for an access token shows the key that it will be bound to, and who presents
//! one shows the key that it is bound to.
//!
//! | where | what a proof does |
//! |---|---|
//! | token endpoint, refresh | [`show`]: what is issued is bound to its key |
//! | userinfo, a first party's calls | [`Presented::shows`]: together with the token, which it names by hash |
//!
//! A proof counts once: within this process by [`super::authenticate_client::Assertions`], and wherever it has an effect
//! by a mark in the store, in the same commit. A pending poll has none, and touches no disk.
//!
//! Nonces of ours are stateless (a MAC over the time), and every process of a realm takes those of the others.

use protocol::{Digest, base64url};
use subtle::ConstantTimeEq as _;

use super::Unavailable;
use super::authenticate_client::Caller;
use super::provider::Provider;
use crate::domain::algorithm::Algorithm;
use crate::domain::binding::Binding;
use crate::domain::certificate::Thumbprint;
use crate::domain::endpoint::Endpoint;
use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;
use crate::jose::{Proof, ProofError, ProvenRequest, SKEW};
use crate::store::{CommitError, Mark, MarkKey};

/// For how many seconds a nonce may be used.
const NONCE_LIFETIME: i64 = 300;

/// Why a proof is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is none, and there must be.
    #[error("there is no proof")]
    Missing,
    /// It does not hold for this call.
    #[error(transparent)]
    Invalid(#[from] ProofError),
    /// It counted before.
    #[error("it was used before")]
    Replayed,
    /// It holds, and has no nonce of ours that is still good.
    #[error("a fresh nonce is needed")]
    UseNonce,
}

/// Takes the proof of a token request. A client that registered `dpop_bound_access_tokens` needs one.
pub fn show(provider: &Provider, caller: Caller, proof: Option<&str>) -> Result<Caller, Reason> {
    let Some(proof) = proof else {
        return if caller.client.dpop_bound { Err(Reason::Missing) } else { Ok(caller) };
    };
    let wanted = ProvenRequest {
        method: "POST",
        urls: urls(provider, Endpoint::Token.path()),
        token: None,
        algorithms: &provider.offer().client_algorithms(caller.profile),
    };
    let (key, mark) = take(provider, &caller.client.id, proof, &wanted)?;
    Ok(caller.showing(key, mark))
}

/// How a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750: what it is bound to, if to anything, is the connection.
    Bearer,
    /// RFC 9449 §7.1
    Dpop,
}

/// An access token, and what came with it.
pub struct Presented<'a> {
    /// The access token.
    pub token: &'a str,
    /// How it came.
    pub scheme: Scheme,
    /// The `DPoP` header.
    pub proof: Option<&'a str>,
    /// The certificate of the connection.
    pub certificate: Option<Thumbprint>,
    /// In capitals.
    pub method: &'a str,
    /// Below the issuer.
    pub path: &'a str,
}

/// Why a token is not taken from whoever presented it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unshown {
    /// It is bound to something of which nothing was shown, or was presented as another kind (RFC 8705 §3, RFC 9449 §7.1).
    #[error("the access token is not shown to be the sender's")]
    NotItsOwn,
    /// The proof is not taken.
    #[error("the DPoP proof: {0}")]
    Proof(#[from] Reason),
}

impl Presented<'_> {
    /// That the sender is whom the token was given to: everything that it is bound to must be shown. With a proof comes
    /// what keeps that from being used again.
    pub(super) fn shows(
        &self,
        provider: &Provider,
        binding: Binding,
        client: &ClientId,
        algorithms: &[Algorithm],
    ) -> Result<Option<Mark>, Unshown> {
        // RFC 9449 §7.2: a token of one kind is not taken as one of the other.
        let scheme = if binding.key.is_some() { Scheme::Dpop } else { Scheme::Bearer };
        let other_certificate = binding.certificate.is_some() && binding.certificate != self.certificate;
        if self.scheme != scheme || other_certificate {
            return Err(Unshown::NotItsOwn);
        }
        let Some(wanted) = binding.key else { return Ok(None) };
        let urls = urls(provider, self.path);
        let request = ProvenRequest { method: self.method, urls, token: Some(self.token), algorithms };
        let (key, mark) = take(provider, client, self.proof.ok_or(Unshown::NotItsOwn)?, &request)?;
        if key == wanted { Ok(Some(mark)) } else { Err(Unshown::NotItsOwn) }
    }
}

/// Uses up a proof among all processes of the realm (RFC 9449 §11.1), for a call that changes nothing itself, or not in one
/// step. Once a proof has come this far, another attempt needs another one.
pub(super) async fn use_up<E: From<Unshown> + From<Unavailable>>(
    provider: &Provider,
    proof: Option<Mark>,
) -> Result<(), E> {
    let Some(proof) = proof else { return Ok(()) };
    let mut change = provider.change();
    change.marks.push(proof);
    match provider.store.commit(change).await {
        Ok(()) => Ok(()),
        Err(CommitError::Replayed(..)) => Err(Unshown::Proof(Reason::Replayed).into()),
        Err(error) => Err(Unavailable::from(error).into()),
    }
}

/// Under what URLs a path may have been called: the issuer's, and the alias for mutual TLS.
fn urls(provider: &Provider, path: &str) -> Vec<String> {
    let bases = std::iter::once(provider.issuer()).chain(provider.mtls_base_url());
    bases.map(|base| format!("{base}{path}")).collect()
}

/// Judges a proof and uses it up; its key, and the mark that keeps it from counting elsewhere.
fn take(
    provider: &Provider,
    client: &ClientId,
    proof: &str,
    wanted: &ProvenRequest<'_>,
) -> Result<(Digest, Mark), Reason> {
    let now = provider.now();
    let Proof { key, jti, until, nonce } = Proof::judge(proof, wanted, now)?;
    let is_wanted = provider.policy().dpop_nonce;
    let is_good = nonce.map_or(!is_wanted, |nonce| is_fresh(provider, &nonce, now));
    // Before it is used up: the client sends another one anyway.
    if !is_good {
        return Err(Reason::UseNonce);
    }
    if !provider.assertions.first_time(client, &jti, until, now) {
        return Err(Reason::Replayed);
    }
    let mark = Mark { key: MarkKey::Jwt(client.clone(), jti), value: Digest::of(proof.as_bytes()), expires_at: until };
    Ok((key, mark))
}

const NONCE_LABEL: &str = "assent-dpop-nonce";

/// A nonce for the next proof (RFC 9449 §8.2), good at every process of the realm.
#[must_use]
pub fn nonce(provider: &Provider) -> String {
    let time = provider.now().unix_seconds().to_be_bytes();
    let mac = provider.keys.mac(NONCE_LABEL, &[&time]);
    base64url::encode(&[&time[..], &mac[..16]].concat())
}

fn is_fresh(provider: &Provider, nonce: &str, now: Timestamp) -> bool {
    let Ok(bytes) = base64url::decode_exact::<24>(nonce) else { return false };
    let (time, mac) = bytes.split_at(8);
    let expected = provider.keys.mac(NONCE_LABEL, &[time]);
    let made_at = i64::from_be_bytes(time.try_into().expect("split at eight"));
    let age = now.unix_seconds().saturating_sub(made_at);
    // One of another process whose clock is a little ahead is fine.
    bool::from(mac.ct_eq(&expected[..16])) && (-SKEW..NONCE_LIFETIME).contains(&age)
}
