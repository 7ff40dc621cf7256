//! Sectors of pairwise clients (OIDC Core §8.1, CIBA §4): who shares the subs of their users with whom. A client has to show
//! that it belongs where it says: by its `jwks_uri`, whose keys it must prove to hold, or with push by its notification endpoint.

use serde_json::Value;

use super::members::BadMember;
use super::metadata::Metadata;
use super::rules::{Judged, must};
use crate::domain::client::{AuthenticationMethod as Method, Client, ClientKeys, SubjectType};
use crate::domain::delivery::DeliveryMode;
use crate::domain::offer::Offer;
use crate::domain::profile::Profile;
use crate::outbound::endpoint::Endpoint;

const SECTOR_URI: &str = "sector_identifier_uri";

/// The client's sector, if it is pairwise and may be. That a `sector_identifier_uri` lists it is judged once that was fetched.
pub(super) fn judge(
    metadata: &Metadata,
    (method, delivery): (Method, DeliveryMode),
    offer: &Offer<'_>,
    profile: Profile,
) -> Judged<Option<String>> {
    let named = metadata.sector_identifier_uri.as_deref().map(|uri| host(SECTOR_URI, uri)).transpose()?;
    if metadata.subject_type == SubjectType::Public {
        return Ok(None);
    }
    let receipts = offer.policy.pairwise_receipts || !metadata.approval_receipt;
    must(receipts, "approval_receipt", "must be false for pairwise subjects: what it proves names the phone")?;
    let own = if delivery == DeliveryMode::Push {
        const NAME: &str = "backchannel_client_notification_endpoint";
        metadata.backchannel_client_notification_endpoint.as_deref().map(|uri| host(NAME, uri)).transpose()?
    } else {
        proven_keys(metadata, method, profile)?
    };
    Ok(named.or(own))
}

/// CIBA §4: with poll and ping the `jwks_uri` stands for the client, which must prove that it holds a key of it.
fn proven_keys(metadata: &Metadata, method: Method, profile: Profile) -> Judged<Option<String>> {
    let ClientKeys::JwksUri(uri) = &metadata.keys else {
        must(false, "jwks_uri", "must be there for pairwise subjects with poll and ping")?;
        return Ok(None);
    };
    let proves = matches!(method, Method::PrivateKeyJwt | Method::SelfSignedTlsClientAuth)
        || metadata.backchannel_authentication_request_signing_alg.is_some()
        || profile == Profile::FapiCiba;
    let rule = "must be public unless a key of jwks_uri is proven: by private_key_jwt, self_signed_tls_client_auth or signed requests";
    must(proves, "subject_type", rule)?;
    host("jwks_uri", uri).map(Some)
}

/// The host of a URL in one spelling: small letters, IDNA's for what is not ASCII, no dot at its end. The port does not count.
fn host(member: &'static str, url: &str) -> Judged<String> {
    let endpoint = Endpoint::foreign(url).map_err(|why| BadMember::new(member, why.to_string()))?;
    let host = endpoint.url().host_str().unwrap_or_default().trim_end_matches('.');
    must(!host.is_empty(), member, "must name a host")?;
    Ok(host.to_owned())
}

/// Whether a document that was fetched under a `sector_identifier_uri` lists the client.
pub(super) fn lists(document: &[u8], client: &Client) -> Judged {
    let uris: Vec<String> = protocol::json::from_slice::<Value>(document)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(|| BadMember::new(SECTOR_URI, "must lead to a JSON array of URIs"))?;
    let (wanted, rule) = match (client.delivery, &client.keys) {
        // REQUIREMENTS Q37
        (DeliveryMode::Push, _) => {
            (client.notification_endpoint.as_ref(), "must list backchannel_client_notification_endpoint")
        }
        (DeliveryMode::Poll | DeliveryMode::Ping, ClientKeys::JwksUri(uri)) => (Some(uri), "must list jwks_uri"),
        (DeliveryMode::Poll | DeliveryMode::Ping, ClientKeys::None | ClientKeys::Jwks(_)) => (None, ""),
    };
    must(wanted.is_none_or(|wanted| uris.contains(wanted)), SECTOR_URI, rule)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_sector_is_a_host_in_one_spelling() {
        for url in [
            "https://shop.example",
            "https://SHOP.example/jwks",
            "https://shop.example.:443/",
            "https://shop.example:8443/other?query",
        ] {
            assert_eq!(host("jwks_uri", url).as_deref(), Ok("shop.example"), "{url}");
        }
        assert_eq!(host("jwks_uri", "https://xn--bcher-kva.example/").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(host("jwks_uri", "https://XN--BCHER-KVA.example/").as_deref(), Ok("xn--bcher-kva.example"));
        assert!(host("jwks_uri", "https://b\u{fc}cher.example/").is_err(), "URLs are ASCII");
        assert_ne!(host("jwks_uri", "https://www.shop.example/"), host("jwks_uri", "https://shop.example/"));
    }
}
