//! Stories of whole requests, each in a world of its own on a hand-moved clock.

mod acting;
mod adding;
mod answering;
mod asking;
mod asking_codes;
mod asking_hints;
mod asking_rules;
mod asking_signed;
mod asking_vouched;
mod attacks;
mod attesting;
mod authenticating;
mod binding;
mod blocking;
mod cancelling;
mod collecting;
mod coming_from;
mod deciding;
mod detailing;
mod discovery;
mod disputing;
mod encrypting;
mod enrolling;
mod explaining;
mod holding;
mod introspecting;
mod limiting;
mod looking_back;
mod matching;
mod naming;
mod naming_push_tokens;
mod narrowing;
mod own;
mod pairing;
mod pinging;
mod possessing;
mod proving;
mod pushing;
mod pushing_together;
mod pushing_tokens;
mod racing;
mod realms;
mod receipting;
mod recovering;
mod refreshing;
mod registering;
mod registering_itself;
mod restarting;
mod revoking;
mod rotating;
mod server_keys;
mod signing;
mod signing_in;
mod syncing;
mod ticketing;
mod told;
mod userinfo;
mod wandering;

use serde_json::{Value, json};
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, RelyingParty};
use tests::{ISSUER, Request, SHOP, World};

/// The shop of most stories, which from here on signs by this key and may refresh.
async fn keyed_shop(world: &World, key: &ClientKey) -> RelyingParty {
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": key.jwks(),
        "grant_types": [CIBA_GRANT, "refresh_token"],
    });
    world.admin().replace_client(SHOP, &metadata).await.expect("replaced");
    let authentication = Authentication::PrivateKeyJwt(key.clone());
    world.client_with(Credentials { id: SHOP.to_owned(), secret: String::new(), authentication }).await
}

/// A world, its shop, and alice's phone.
async fn scene() -> (World, RelyingParty, Phone) {
    let world = World::new().await;
    let shop = world.shop().await;
    let phone = world.phone("1001").await;
    (world, shop, phone)
}

/// Tokens out of a request that alice's phone approves.
async fn tokens(world: &World, client: &RelyingParty, phone: &Phone, request: Request) -> Value {
    let asked = request.accepted(client).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    world.redeem(client, &asked).await.json()
}

/// One of these tokens.
fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

/// A resource server for which this realm's access tokens are.
async fn resource_server(world: &World) -> RelyingParty {
    world.add_client("api", "the secret of the resource server").await;
    world.edit_client("api", |client| client.audiences = vec![ISSUER.to_owned()]).await;
    world.client("api", "the secret of the resource server").await
}

/// What a token is said to stand for.
async fn introspected(caller: &RelyingParty, token: &str) -> Value {
    let answer = caller.introspect(token).await.expect("an answer");
    assert_eq!((answer.in_short().as_str(), answer.header("cache-control")), ("200", Some("no-store")));
    answer.json()
}
