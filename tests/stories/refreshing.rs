//! Refresh tokens: rotation and its grace, copies, what ends them.

use protocol::messages::RevocationReason;
use serde_json::{Value, json};
use server::domain::realm::Policy;
use server::domain::user::UserStatus;
use server::flow::{maintain, sweep};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{SHOP, World, a_request};
use tokio::task::JoinSet;

use crate::{introspected, resource_server, text};

/// A world by these rules, its shop, registered for refresh tokens, alice's phone, and the tokens of an approval.
async fn scene_by(edit: impl FnOnce(&mut Policy)) -> (World, RelyingParty, Phone, Value) {
    let world = World::builder().policy(edit).make().await;
    world.edit_client(SHOP, |client| client.refresh = true).await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let tokens = crate::tokens(&world, &shop, &phone, a_request().with("scope", "openid email")).await;
    (world, shop, phone, tokens)
}

async fn scene() -> (World, RelyingParty, Phone, Value) {
    scene_by(|_| {}).await
}

/// The tokens of a refresh that succeeds.
async fn refreshed(shop: &RelyingParty, refresh_token: &str) -> Value {
    let answer = shop.refresh(refresh_token).await.expect("an answer");
    assert_eq!((answer.in_short().as_str(), answer.header("cache-control")), ("200", Some("no-store")));
    answer.json()
}

/// What a refresh is answered, as `400 invalid_grant`.
async fn refresh(shop: &RelyingParty, refresh_token: &str) -> String {
    shop.refresh(refresh_token).await.expect("an answer").in_short()
}

async fn refresh_for(shop: &RelyingParty, refresh_token: &str, scope: &str) -> simulator::wire::Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("scope", scope)];
    shop.post(shop.endpoint("token_endpoint"), &form).await.expect("an answer")
}

#[tokio::test]
async fn a_refresh_brings_tokens_of_the_same_approval() {
    let (world, shop, _phone, first) = scene().await;
    let api = resource_server(&world).await;
    let before = shop.verify(text(&first, "id_token"), world.now().unix_seconds()).await.expect("believed");
    world.advance(1_000);
    let tokens = refreshed(&shop, text(&first, "refresh_token")).await;
    let members: Vec<&String> = tokens.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
    assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!("openid email")));
    assert_ne!(tokens["access_token"], first["access_token"]);
    assert_ne!(tokens["refresh_token"], first["refresh_token"]);
    let after = shop.verify(text(&tokens, "id_token"), world.now().unix_seconds()).await.expect("believed");
    // OIDC Core §12.2.
    for claim in ["iss", "sub", "aud", "azp", "auth_time", "acr", "amr"] {
        assert_eq!(after[claim], before[claim], "{claim}");
    }
    for claims in [&before, &after] {
        for pushed in ["urn:openid:params:jwt:claim:rt_hash", "nonce", "s_hash", "c_hash"] {
            assert_eq!(claims.get(pushed), None, "{pushed}");
        }
    }
    assert_eq!(after.get("urn:openid:params:jwt:claim:auth_req_id"), None, "nobody asked by it");
    assert_eq!(after["iat"], world.now().unix_seconds());
    assert_ne!(after["at_hash"], before["at_hash"]);
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["auth_time"], before["auth_time"]);
    assert_eq!(introspected(&api, text(&first, "access_token")).await["active"], true, "it lives to its own end");
    assert_eq!(world.events("token_refreshed").await, 1);
}

#[tokio::test]
async fn refresh_tokens_are_for_clients_that_registered_for_them() {
    let (world, shop, phone, first) = scene().await;
    world.edit_client(SHOP, |client| client.refresh = false).await;
    assert_eq!(refresh(&shop, text(&first, "refresh_token")).await, "400 unauthorized_client");
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    assert_eq!(tokens.get("refresh_token"), None);
}

#[tokio::test]
async fn the_scope_may_be_repeated_or_narrowed_and_never_widened() {
    let (_world, shop, _phone, first) = scene().await;
    let token = text(&first, "refresh_token");
    for wider in ["openid email phone", "phone", "openid  email OPENID", " "] {
        assert_eq!(refresh_for(&shop, token, wider).await.in_short(), "400 invalid_scope", "{wider:?}");
    }
    let narrow = refresh_for(&shop, token, "email email").await.json();
    assert_eq!((&narrow["scope"], narrow.get("id_token")), (&json!("email"), None), "no openid, no ID token");
    assert_eq!(
        shop.userinfo(text(&narrow, "access_token")).await.expect("an answer").in_short(),
        "403 insufficient_scope"
    );
    let whole = refresh_for(&shop, text(&narrow, "refresh_token"), "email openid").await.json();
    assert_eq!(whole["scope"], "openid email", "the refresh token itself was not narrowed (RFC 6749 §6)");
}

#[tokio::test]
async fn within_its_grace_the_token_before_gets_the_same_successor_again() {
    let (mut world, shop, _phone, first) = scene().await;
    let old = text(&first, "refresh_token");
    let tokens = refreshed(&shop, old).await;
    world.restart().await;
    world.advance(59);
    let again = refreshed(&shop, old).await;
    assert_eq!(again["refresh_token"], tokens["refresh_token"], "the family does not fork");
    assert_ne!(again["access_token"], tokens["access_token"]);
    refreshed(&shop, text(&tokens, "refresh_token")).await;
    assert_eq!(world.events("refresh_reused").await, 0);
}

#[tokio::test]
async fn a_token_that_was_replaced_longer_ago_is_a_copy_and_ends_the_family() {
    let (world, shop, _phone, first) = scene().await;
    let api = resource_server(&world).await;
    let tokens = refreshed(&shop, text(&first, "refresh_token")).await;
    world.advance(60);
    assert_eq!(refresh(&shop, text(&first, "refresh_token")).await, "400 invalid_grant");
    assert_eq!(refresh(&shop, text(&tokens, "refresh_token")).await, "400 invalid_grant");
    for tokens in [&first, &tokens] {
        assert_eq!(introspected(&api, text(tokens, "access_token")).await, json!({ "active": false }));
    }
    assert_eq!(world.events("refresh_reused").await, 1);
}

#[tokio::test]
async fn once_the_successor_was_used_the_token_before_has_no_grace_left() {
    let (world, shop, _phone, first) = scene().await;
    let second = refreshed(&shop, text(&first, "refresh_token")).await;
    let third = refreshed(&shop, text(&second, "refresh_token")).await;
    assert_eq!(refresh(&shop, text(&first, "refresh_token")).await, "400 invalid_grant");
    assert_eq!(refresh(&shop, text(&third, "refresh_token")).await, "400 invalid_grant");
    assert_eq!(world.events("refresh_reused").await, 1);
}

#[tokio::test]
async fn without_rotation_one_token_serves_for_its_whole_life() {
    let (world, shop, _phone, first) = scene_by(|policy| {
        policy.refresh_rotation = false;
        policy.refresh_lifetime = 7_200;
    })
    .await;
    let token = text(&first, "refresh_token");
    world.advance(7_199);
    for _ in 0..3 {
        let tokens = refreshed(&shop, token).await;
        assert_eq!(tokens.get("refresh_token"), None);
        assert_eq!(tokens["expires_in"], 1, "no access token outlives what could revoke it");
    }
    world.advance(1);
    assert_eq!(refresh(&shop, token).await, "400 invalid_grant");
    sweep::sweep(world.provider()).await.expect("a sweep");
    assert_eq!(refresh(&shop, token).await, "400 invalid_grant");
}

#[tokio::test]
async fn another_clients_use_is_refused_and_does_no_harm() {
    let (world, shop, _phone, first) = scene().await;
    world.add_client("thief", "the secret of the thief").await;
    world.edit_client("thief", |client| client.refresh = true).await;
    let thief = world.client("thief", "the secret of the thief").await;
    let token = text(&first, "refresh_token");
    let nearly = format!("{}A", &token[..token.len() - 1]);
    for token in [token, &nearly] {
        assert_eq!(refresh(&thief, token).await, "400 invalid_grant");
        assert_eq!(introspected(&thief, token).await, json!({ "active": false }));
        assert_eq!(thief.revoke(token).await.expect("an answer").in_short(), "400 invalid_grant");
    }
    refreshed(&shop, token).await;
}

#[tokio::test]
async fn a_user_who_may_not_sign_in_gets_no_tokens_until_they_may_again() {
    let (world, shop, _phone, first) = scene().await;
    let token = text(&first, "refresh_token");
    for status in [UserStatus::Locked, UserStatus::Disabled] {
        world.set_status("1001", status).await;
        assert_eq!(refresh(&shop, token).await, "400 invalid_grant");
    }
    world.set_status("1001", UserStatus::Active).await;
    refreshed(&shop, token).await;
}

#[tokio::test]
async fn a_phone_that_leaves_later_changes_nothing_and_one_that_was_disowned_ends_its_tokens() {
    for (reason, expected) in [
        (RevocationReason::User, "200"),
        (RevocationReason::Operator, "200"),
        (RevocationReason::Disputed, "400 invalid_grant"),
        (RevocationReason::Cloned, "400 invalid_grant"),
    ] {
        let (world, shop, phone, first) = scene().await;
        let api = resource_server(&world).await;
        world.advance(1);
        let device = world.admin().devices("1001").await.expect("a list")[0]["id"].as_str().map(str::parse);
        let device = device.expect("an id").expect("a device id");
        maintain::revoke(world.provider(), &device, reason).await.expect("revoked");
        assert_eq!(refresh(&shop, text(&first, "refresh_token")).await, expected, "{reason:?}");
        assert_eq!(introspected(&api, text(&first, "access_token")).await["active"], expected == "200", "{reason:?}");
        drop(phone);
    }
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_all_that_came_of_the_approval() {
    let (mut world, shop, _phone, first) = scene().await;
    let api = resource_server(&world).await;
    let second = refreshed(&shop, text(&first, "refresh_token")).await;
    assert_eq!(introspected(&shop, text(&second, "refresh_token")).await["active"], true);
    for _ in 0..2 {
        let answer = shop.revoke(text(&second, "refresh_token")).await.expect("an answer");
        assert_eq!((answer.in_short().as_str(), answer.json()), ("200", json!({})));
        world.restart().await;
    }
    assert_eq!(refresh(&shop, text(&second, "refresh_token")).await, "400 invalid_grant");
    assert_eq!(introspected(&shop, text(&second, "refresh_token")).await, json!({ "active": false }));
    for tokens in [&first, &second] {
        assert_eq!(introspected(&api, text(tokens, "access_token")).await, json!({ "active": false }));
        assert_eq!(
            shop.userinfo(text(tokens, "access_token")).await.expect("an answer").in_short(),
            "401 invalid_token"
        );
    }
    assert_eq!(world.events("token_revoked").await, 1);
    assert_eq!(world.events("refresh_reused").await, 0, "what is ended is not reused");
}

#[tokio::test]
async fn revoking_an_access_token_leaves_its_family_alone() {
    let (_world, shop, _phone, first) = scene().await;
    shop.revoke(text(&first, "access_token")).await.expect("an answer");
    assert_eq!(shop.userinfo(text(&first, "access_token")).await.expect("an answer").in_short(), "401 invalid_token");
    let tokens = refreshed(&shop, text(&first, "refresh_token")).await;
    assert_eq!(shop.userinfo(text(&tokens, "access_token")).await.expect("an answer").in_short(), "200");
}

#[tokio::test]
async fn a_client_may_ask_about_its_own_refresh_token() {
    let (world, shop, _phone, first) = scene().await;
    let now = world.now().unix_seconds();
    let expected = json!({
        "active": true,
        "scope": "openid email",
        "client_id": SHOP,
        "exp": now + 2_592_000,
        "iat": now,
        "sub": "1001",
        "iss": tests::ISSUER,
        "acr": "urn:assent:acr:presence",
        "auth_time": now,
    });
    assert_eq!(introspected(&shop, text(&first, "refresh_token")).await, expected);
}

#[tokio::test]
async fn a_refresh_token_is_active_only_while_it_brings_something() {
    let (world, shop, _phone, first) = scene().await;
    let token = text(&first, "refresh_token");
    world.edit_client(SHOP, |client| client.scope = vec!["openid".to_owned()]).await;
    assert_eq!(introspected(&shop, token).await["scope"], "openid");
    for scope in [Vec::new(), vec!["phone".to_owned()]] {
        world.edit_client(SHOP, |client| client.scope = scope).await;
        assert_eq!(introspected(&shop, token).await, json!({ "active": false }));
        assert_eq!(refresh(&shop, token).await, "400 invalid_scope");
    }
    world.edit_client(SHOP, |client| client.scope = vec!["openid".to_owned(), "email".to_owned()]).await;
    world.edit_client(SHOP, |client| client.refresh = false).await;
    assert_eq!(introspected(&shop, token).await, json!({ "active": false }));
    assert_eq!(refresh(&shop, token).await, "400 unauthorized_client");
    world.edit_client(SHOP, |client| client.refresh = true).await;
    assert_eq!(introspected(&shop, token).await["scope"], "openid email");
    assert_eq!(refresh(&shop, token).await, "200");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_an_invalid_grant() {
    let (_world, shop, _phone, first) = scene().await;
    let token = text(&first, "refresh_token");
    for wrong in
        ["x", ".", "a.b", text(&first, "access_token"), text(&first, "id_token"), &token[1..], &format!("{token}.")]
    {
        assert_eq!(refresh(&shop, wrong).await, "400 invalid_grant");
    }
    let long = "A".repeat(60_000);
    assert_eq!(refresh(&shop, &long).await, "400 invalid_grant");
    refreshed(&shop, token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_refresh_at_once_all_get_the_same_successor() {
    let (world, shop, _phone, first) = scene().await;
    let mut token = text(&first, "refresh_token").to_owned();
    for _ in 0..3 {
        let mut refreshes = JoinSet::new();
        for _ in 0..16 {
            let (shop, token) = (shop.clone(), token.clone());
            refreshes.spawn(async move { text(&refreshed(&shop, &token).await, "refresh_token").to_owned() });
        }
        let mut successors = refreshes.join_all().await;
        successors.dedup();
        assert_eq!(successors.len(), 1);
        token = successors.remove(0);
    }
    assert_eq!(world.events("token_refreshed").await, 48);
    assert_eq!(world.events("refresh_reused").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_and_a_revocation_at_once_leave_nothing_valid() {
    let (world, shop, phone, _first) = scene_by(|policy| policy.prompt_limits = false).await;
    let api = resource_server(&world).await;
    for _ in 0..10 {
        let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
        let token = text(&tokens, "refresh_token").to_owned();
        let (one, other) = (shop.clone(), shop.clone());
        let (mine, same) = (token.clone(), token.clone());
        let refreshing = tokio::spawn(async move { one.refresh(&mine).await.expect("an answer") });
        let revoking = tokio::spawn(async move { other.revoke(&same).await.expect("an answer") });
        let (refreshed, revoked) = (refreshing.await.expect("no panic"), revoking.await.expect("no panic"));
        assert_eq!(revoked.in_short(), "200");
        match refreshed.in_short().as_str() {
            "200" => {
                let tokens = refreshed.json();
                assert_eq!(introspected(&api, text(&tokens, "access_token")).await["active"], false);
                assert_eq!(refresh(&shop, text(&tokens, "refresh_token")).await, "400 invalid_grant");
            }
            other => assert_eq!(other, "400 invalid_grant"),
        }
    }
}
