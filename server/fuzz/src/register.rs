//! Registration documents (RFC 7591), and sector documents (OIDC Core §8.1).

use protocol::json;
use protocol::text::{self, Kind};
use serde_json::{Map, Value};

use crate::domain::client::{Client, ClientKeys, SubjectType};
use crate::domain::delivery::DeliveryMode;
use crate::domain::offer::Offer;
use crate::domain::policy::Policy;
use crate::domain::profile::Profile;
use crate::outbound::endpoint::Endpoint;

#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/register/members.rs"]
mod members;
#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/register/metadata.rs"]
mod metadata;
#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/register/rules.rs"]
mod rules;
#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/register/sector.rs"]
mod sector;
#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/flow/register/table.rs"]
mod table;

use metadata::{Metadata, written};

/// As much as the endpoint reads.
const MOST_BYTES: usize = 64 * 1024;

/// A document, in realms of both profiles: a client that is taken keeps every bound, and is taken again as it is written.
pub fn registration(bytes: &[u8]) {
    let Ok(document) = json::from_slice_within::<Map<String, Value>>(bytes, MOST_BYTES) else { return };
    for profile in [Profile::Core, Profile::FapiCiba] {
        let policy = Policy { profile, ..Policy::default() };
        let offer = Offer { policy: &policy, mutual_tls: true, trust_anchors: true, loopback: false };
        let Some(client) = judged(document.clone(), &offer) else { continue };
        bounded(&client, profile);
        let again = judged(written(&client), &offer).expect("what is written can be read");
        assert_eq!(again, client);
        // Whatever it is, it is judged.
        let _ = sector::lists(bytes, &client);
    }
}

fn judged(mut document: Map<String, Value>, offer: &Offer<'_>) -> Option<Client> {
    document.remove("client_id");
    document.remove("client_secret");
    rules::judge("id".to_owned(), Metadata::read(document).ok()?, offer).ok()
}

fn bounded(client: &Client, profile: Profile) {
    assert!(text::check(Kind::ClientName, &client.name).is_ok());
    assert!(client.scope.iter().any(|scope| scope == "openid") && client.scope.len() <= 32);
    assert_eq!(client.sector.is_some(), client.subject_type == SubjectType::Pairwise);
    assert!(client.delivery == DeliveryMode::Poll || client.notification_endpoint.is_some());
    assert!(profile == Profile::Core || client.delivery != DeliveryMode::Push);
    let urls = [&client.notification_endpoint, &client.sector_identifier_uri, &client.logo_uri];
    let keys = match &client.keys {
        ClientKeys::JwksUri(uri) => Some(uri),
        ClientKeys::None | ClientKeys::Jwks(_) => None,
    };
    assert!(urls.into_iter().flatten().chain(keys).all(|url| Endpoint::foreign(url).is_ok()));
    assert!(
        client
            .sector
            .as_ref()
            .is_none_or(|sector| !sector.ends_with('.') && !sector.contains(':') || sector.starts_with('['))
    );
}
