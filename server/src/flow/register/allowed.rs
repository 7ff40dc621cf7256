//! What a client may say of itself: less than an operator may, and nothing that undoes what an operator said of it.

use serde_json::{Map, Value, json};

use super::metadata::{Metadata, written};
use super::rules::{self, Judged, must};
use crate::domain::client::{Client, SubjectType};
use crate::domain::delivery::DeliveryMode;
use crate::flow::provider::Provider;
use protocol::messages::UserVerification;

const SCOPE: &str = "scope";
const DETAILS: &str = "authorization_details_types";

/// Members that an operator settles by replacing a client: from then on it may repeat them, and change none.
const SETTLED: [&str; 11] = [
    "profile",
    "match_code",
    "require_acr",
    "user_verification",
    "audiences",
    "resources",
    DETAILS,
    "dpop_bound_access_tokens",
    "dpop_bound_refresh_tokens",
    "tls_client_certificate_bound_access_tokens",
    "default_acr_values",
];

/// Whether an operator who replaces a client has the last word on this member.
pub(super) fn is_settled(name: &str) -> bool {
    name == SCOPE || SETTLED.contains(&name)
}

/// The client that these members of its own make of it, all but its secret: by the rules for all, and by those for clients
/// that speak for themselves. `before`: what it is already.
pub(super) fn judge(
    provider: &Provider,
    id: String,
    mut members: Map<String, Value>,
    before: Option<&Client>,
) -> Judged<Client> {
    let verified = before.is_some_and(|before| before.verified);
    let says_verified = members.remove("verified").is_some_and(|said| said == Value::Bool(true));
    must(verified || !says_verified, "verified", "must not be true: an operator confirms the name")?;
    let client = match before.filter(|before| before.settled) {
        Some(before) => as_settled(provider, id, members, before),
        None => as_allowed(provider, id, members),
    }?;
    let stays = before.is_none_or(|before| client.sector == before.sector);
    must(stays, "subject_type", "must stay, and with it the sector: register another client")?;
    Ok(client)
}

/// Of a client that no operator has replaced: within what the realm lets such clients have.
fn as_allowed(provider: &Provider, id: String, mut members: Map<String, Value>) -> Judged<Client> {
    let policy = provider.policy();
    let (scopes, details) = (&policy.registration_scopes, &policy.registration_details_types);
    let all = if scopes.is_empty() { "openid".to_owned() } else { scopes.join(" ") };
    let known: Vec<&str> = policy.details_types().filter(|kind| details.iter().any(|known| known == kind)).collect();
    for (name, default) in [(SCOPE, json!(all)), (DETAILS, json!(known))] {
        if is_absent(&members, name) {
            members.insert(name.to_owned(), default);
        }
    }
    let client = rules::judge(id, Metadata::read(members)?, &provider.offer())?;
    let may_ask = |scope: &String| scope == "openid" || scopes.contains(scope);
    let rule = "must be within what clients that register themselves may ask for here";
    must(client.scope.iter().all(may_ask), SCOPE, rule)?;
    let may_send = client.details_types.iter().flatten().all(|kind| details.contains(kind));
    must(may_send, DETAILS, "must be within what clients that register themselves may send here")?;
    must(client.audiences.is_empty(), "audiences", "must not be there: an operator says who serves what")?;
    must(client.resources.is_empty(), "resources", "must not be there: an operator says for what its tokens are")?;
    let required = client.user_verification == UserVerification::Required;
    must(required, "user_verification", "must be required")?;
    belongs(&client)?;
    Ok(client)
}

/// Of a client that an operator has replaced: what that settled stays, left out or repeated.
fn as_settled(provider: &Provider, id: String, mut members: Map<String, Value>, before: &Client) -> Judged<Client> {
    let was = written(before);
    for name in SETTLED.into_iter().chain([SCOPE]).filter(|name| is_absent(&members, name)).collect::<Vec<_>>() {
        members.remove(name);
        members.extend(was.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let client = rules::judge(id, Metadata::read(members)?, &provider.offer())?;
    let now = written(&client);
    for name in SETTLED {
        must(now.get(name) == was.get(name), name, "must stay as an operator set it, or not be there")?;
    }
    let narrowed = client.scope.iter().all(|scope| before.scope.contains(scope));
    must(narrowed, SCOPE, "must be within what an operator let it ask for")?;
    Ok(client)
}

fn is_absent(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_none_or(Value::is_null)
}

/// With push nothing else shows that the sector is its own: a stranger could name anybody's host as where it is notified.
fn belongs(client: &Client) -> Judged {
    let pushed = client.subject_type == SubjectType::Pairwise && client.delivery == DeliveryMode::Push;
    let listed = !pushed || client.sector_identifier_uri.is_some();
    must(
        listed,
        "sector_identifier_uri",
        "must be there for pairwise subjects with push, where nobody vouches for the client",
    )
}
