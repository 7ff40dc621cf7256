//! Resource servers ask what a token stands for, and clients end tokens.

use serde_json::{Value, json};
use server::domain::user::UserStatus;
use tests::{ISSUER, Request, SHOP, World, a_request};

use crate::{introspected, resource_server, scene, text, tokens};

/// A request for `openid email`.
fn request() -> Request {
    a_request().with("scope", "openid email")
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_resource_server_hears_all_that_it_needs_of_a_token_for_it() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let now = world.now().unix_seconds();
    let tokens = tokens(&world, &shop, &phone, request()).await;
    let expected = json!({
        "active": true,
        "scope": "openid email",
        "client_id": SHOP,
        "token_type": "Bearer",
        "exp": now + 3_600,
        "iat": now,
        "sub": "1001",
        "aud": [ISSUER],
        "iss": ISSUER,
        "acr": "urn:assent:acr:presence",
        "auth_time": now,
    });
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await, expected);
}

#[tokio::test]
async fn nobody_else_learns_whether_a_token_exists() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = tokens(&world, &shop, &phone, request()).await;
    let token = text(&tokens, "access_token");
    assert_eq!(introspected(&shop, token).await, inactive(), "its own client is no resource server");
    world.edit_client("api", |client| client.audiences = vec!["https://other.example".to_owned()]).await;
    assert_eq!(introspected(&api, token).await, inactive());
    assert_eq!(introspected(&api, "nonsense").await, inactive());
    assert_eq!(introspected(&api, text(&tokens, "id_token")).await, inactive());
    assert_eq!(
        api.post(api.endpoint("introspection_endpoint"), &[]).await.expect("an answer").in_short(),
        "400 invalid_request"
    );
}

#[tokio::test]
async fn the_audience_is_the_realms_default_where_it_has_one() {
    let world =
        World::builder().policy(|policy| policy.default_audience = Some("https://api.example".to_owned())).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let api = resource_server(&world).await;
    let token = tokens(&world, &shop, &phone, request()).await;
    assert_eq!(introspected(&api, text(&token, "access_token")).await, inactive());
    world.edit_client("api", |client| client.audiences.push("https://api.example".to_owned())).await;
    assert_eq!(introspected(&api, text(&token, "access_token")).await["aud"], json!(["https://api.example"]));
}

#[tokio::test]
async fn a_token_is_active_until_its_end_and_while_its_user_may_sign_in() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = tokens(&world, &shop, &phone, request()).await;
    let token = text(&tokens, "access_token");
    world.set_status("1001", UserStatus::Locked).await;
    assert_eq!(introspected(&api, token).await, inactive());
    world.set_status("1001", UserStatus::Active).await;
    assert_eq!(introspected(&api, token).await["active"], true);
    world.advance(3_600);
    assert_eq!(introspected(&api, token).await, inactive());
}

#[tokio::test]
async fn a_phone_that_is_revoked_later_does_not_undo_what_it_approved_before() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = tokens(&world, &shop, &phone, request()).await;
    world.advance(1);
    phone.core().forget(phone.account().expect("an account")).await.expect("left");
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["active"], true);
}

#[tokio::test]
async fn a_client_ends_its_own_access_token_for_good() {
    let (mut world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let (first, second) =
        (tokens(&world, &shop, &phone, request()).await, tokens(&world, &shop, &phone, request()).await);
    let token = text(&first, "access_token");
    for _ in 0..2 {
        let answer = shop.revoke(token).await.expect("an answer");
        assert_eq!((answer.in_short().as_str(), answer.json()), ("200", json!({})));
        assert_eq!(introspected(&api, token).await, inactive());
        assert_eq!(shop.userinfo(token).await.expect("an answer").in_short(), "401 invalid_token");
        world.restart().await;
    }
    assert_eq!(introspected(&api, text(&second, "access_token")).await["active"], true, "another approval's token");
    assert_eq!(world.events("token_revoked").await, 1);
}

#[tokio::test]
async fn revoking_what_is_unknown_is_fine_and_what_is_anothers_is_refused() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = tokens(&world, &shop, &phone, request()).await;
    let token = text(&tokens, "access_token");
    assert_eq!(shop.revoke("nonsense").await.expect("an answer").in_short(), "200");
    assert_eq!(api.revoke(token).await.expect("an answer").in_short(), "400 invalid_grant");
    assert_eq!(introspected(&api, token).await["active"], true);
    let without = shop.post(shop.endpoint("revocation_endpoint"), &[("token_type_hint", "access_token")]).await;
    assert_eq!(without.expect("an answer").in_short(), "400 invalid_request");
}

#[tokio::test]
async fn a_removed_clients_tokens_end_with_it() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = tokens(&world, &shop, &phone, request()).await;
    world.admin().remove_client(SHOP).await.expect("removed");
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await, inactive());
    assert_eq!(shop.userinfo(text(&tokens, "access_token")).await.expect("an answer").in_short(), "401 invalid_token");
}
