//! `tls_client_auth` and `self_signed_tls_client_auth` (RFC 8705 §2). That the peer holds the certificate's key was shown
//! in the TLS handshake.

use std::sync::Arc;

use super::{Reason, Refused, find, registered};
use crate::certificates::Leaf;
use crate::domain::certificate::ClientCertificate;
use crate::domain::client::{AuthenticationMethod, Client};
use crate::domain::names::ClientId;
use crate::flow::provider::Provider;
use crate::flow::public_keys::Source;

/// The client, if the certificate is its own.
pub(super) async fn judge(
    provider: &Provider,
    id: &ClientId,
    certificate: Option<&ClientCertificate>,
) -> Result<Client, Reason> {
    let client = find(provider, id).await?;
    let method = match &client {
        Some(client) if client.authentication == AuthenticationMethod::SelfSignedTlsClientAuth => client.authentication,
        _ => AuthenticationMethod::TlsClientAuth,
    };
    let client = registered(provider, client, method)?;
    let certificate = certificate.ok_or(Refused::NoCertificate)?;
    let is_its_own = if method == AuthenticationMethod::TlsClientAuth {
        is_named(provider, &client, certificate)?
    } else {
        holds_key(provider, &client, certificate).await?
    };
    if is_its_own { Ok(client) } else { Err(Refused::OtherCertificate.into()) }
}

/// RFC 8705 §2.1: the path first, then the name. Before that anybody can have written it.
fn is_named(provider: &Provider, client: &Client, certificate: &ClientCertificate) -> Result<bool, Refused> {
    let anchors = provider.trust_anchors().ok_or(Refused::NotOffered)?;
    let leaf = anchors.judge(certificate, provider.now())?;
    Ok(client.certificate_name.as_ref().is_some_and(|name| leaf.is_named(name)))
}

/// RFC 8705 §2.2: only the key counts.
async fn holds_key(provider: &Provider, client: &Client, certificate: &ClientCertificate) -> Result<bool, Refused> {
    let leaf = Leaf::unchained(certificate, provider.now())?;
    let source = Source::of_client(provider, client)?;
    let keys = source.keys(provider).await?;
    if keys.holds_spki(leaf.spki()) {
        return Ok(true);
    }
    // It may have published the key of its new certificate since.
    let newer = source.newer(provider, &keys).await;
    Ok(newer.as_ref().map(Arc::as_ref).is_some_and(|keys| keys.holds_spki(leaf.spki())))
}
