//! Tokens that are bound to the certificate of the client (RFC 8705 §3), opaque and as JWTs.

use protocol::base64url;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::client::AccessTokenFormat;
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, SHOP, World, a_request};

use crate::{introspected, resource_server, text};

/// What is bound to is the hash of whatever stands in the handshake: nothing in these stories looks into it.
fn certificate(name: &str) -> ClientCertificate {
    ClientCertificate::new(name.as_bytes().to_vec(), Vec::new())
}

/// A world whose shop has its tokens bound, and shows a certificate.
async fn scene() -> (World, RelyingParty, Phone) {
    let world = World::new().await;
    world.edit_client(SHOP, |client| (client.certificate_bound, client.refresh) = (true, true)).await;
    let (shop, phone) = (world.shop().await.showing(Some(certificate("one"))), world.phone("1001").await);
    (world, shop, phone)
}

fn part(jwt: &str, at: usize) -> Value {
    let part = jwt.split('.').nth(at).expect("a part");
    serde_json::from_slice(&base64url::decode(part).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_token_request_without_a_certificate_is_refused_and_costs_nothing() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    assert_eq!(world.poll(&shop.showing(None), &asked).await, "400 invalid_request");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_bound_token_opens_nothing_without_its_certificate() {
    for format in [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt] {
        let (world, shop, phone) = scene().await;
        world.edit_client(SHOP, |client| client.access_token_format = format).await;
        let api = resource_server(&world).await;
        let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
        let token = text(&tokens, "access_token");
        let bound_to = json!({ "x5t#S256": certificate("one").thumbprint() });
        assert_eq!(introspected(&api, token).await["cnf"], bound_to, "{format:?}");
        let answer = shop.userinfo(token).await.expect("an answer");
        assert_eq!(answer.in_short(), "200");
        for shown in [None, Some(certificate("other"))] {
            let answer = shop.showing(shown).userinfo(token).await.expect("an answer");
            assert_eq!(answer.in_short(), "401 invalid_token");
            assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.contains("invalid_token")));
        }
        if format == AccessTokenFormat::Jwt {
            assert_eq!(part(token, 1)["cnf"], bound_to);
        }
    }
}

#[tokio::test]
async fn a_refresh_wants_the_same_certificate() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    let token = text(&tokens, "refresh_token");
    let other = shop.showing(Some(certificate("other"))).refresh(token).await.expect("an answer");
    assert_eq!(other.in_short(), "400 invalid_grant");
    assert_eq!(shop.showing(None).refresh(token).await.expect("an answer").in_short(), "400 invalid_request");
    let tokens = shop.refresh(token).await.expect("an answer").json();
    let bound_to = json!({ "x5t#S256": certificate("one").thumbprint() });
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["cnf"], bound_to);
    assert_eq!(introspected(&shop, text(&tokens, "refresh_token")).await["cnf"], bound_to);
}

#[tokio::test]
async fn a_certificate_binds_nothing_where_nobody_wants_it_to() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.certificate_bound = false).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    let answer = shop.showing(None).userinfo(text(&tokens, "access_token")).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
}

#[tokio::test]
async fn what_was_not_bound_is_bound_from_the_first_refresh_after_the_client_must() {
    let (world, shop, phone) = scene().await;
    let api = resource_server(&world).await;
    world.edit_client(SHOP, |client| client.certificate_bound = false).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    world.edit_client(SHOP, |client| client.certificate_bound = true).await;
    let tokens = shop.refresh(text(&tokens, "refresh_token")).await.expect("an answer").json();
    let bound_to = json!({ "x5t#S256": certificate("one").thumbprint() });
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["cnf"], bound_to);
    let other = shop.showing(Some(certificate("other"))).refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(other.expect("an answer").in_short(), "400 invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_that_does_not_rotate_is_bound_all_the_same() {
    let world = World::builder().policy(|policy| policy.refresh_rotation = false).make().await;
    world.edit_client(SHOP, |client| client.refresh = true).await;
    let (shop, phone) = (world.shop().await.showing(Some(certificate("one"))), world.phone("1001").await);
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    let token = text(&tokens, "refresh_token");
    world.edit_client(SHOP, |client| client.certificate_bound = true).await;
    assert_eq!(shop.refresh(token).await.expect("an answer").in_short(), "200");
    let other = shop.showing(Some(certificate("other"))).refresh(token).await.expect("an answer");
    assert_eq!(other.in_short(), "400 invalid_grant");
}

#[tokio::test]
async fn the_fapi_profile_binds_every_token_and_rotates_no_refresh_token() {
    let (world, _shop, phone) = scene().await;
    let shop = crate::keyed_shop(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let shop = shop.showing(Some(certificate("one")));
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    world.edit_client(SHOP, |client| client.profile = Some(Profile::FapiCiba)).await;
    let token = text(&tokens, "refresh_token");
    assert_eq!(shop.showing(None).refresh(token).await.expect("an answer").in_short(), "400 invalid_request");
    for _ in 0..2 {
        let refreshed = shop.refresh(token).await.expect("an answer").json();
        assert_eq!(refreshed.get("refresh_token"), None);
        let without = shop.showing(None).userinfo(text(&refreshed, "access_token")).await.expect("an answer");
        assert_eq!(without.in_short(), "401 invalid_token");
        world.advance(61);
    }
}

#[tokio::test]
async fn a_jwt_access_token_says_what_rfc_9068_wants_and_can_be_revoked() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.access_token_format = AccessTokenFormat::Jwt).await;
    let api = resource_server(&world).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request().with("scope", "openid email")).await;
    let token = text(&tokens, "access_token");
    let header = part(token, 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert!(header["kid"].is_string());
    let mut claims = part(token, 1);
    let jti = claims["jti"].take();
    assert_eq!(jti.as_str().map(str::len), Some(22), "128 bits in base64url");
    let now = world.now().unix_seconds();
    let expected = json!({
        "iss": ISSUER,
        "exp": now + 3_600,
        "aud": ISSUER,
        "sub": "1001",
        "client_id": SHOP,
        "iat": now,
        "jti": null,
        "scope": "openid email",
        "auth_time": now,
        "acr": "urn:assent:acr:presence",
        "amr": ["pop"],
        "cnf": { "x5t#S256": certificate("one").thumbprint() },
    });
    assert_eq!(claims, expected);
    assert_eq!(introspected(&api, token).await["active"], true);
    assert_eq!(introspected(&api, &format!("{token}A")).await["active"], false);
    assert_eq!(shop.revoke(token).await.expect("an answer").in_short(), "200");
    assert_eq!(introspected(&api, token).await["active"], false);
    assert_eq!(shop.userinfo(token).await.expect("an answer").in_short(), "401 invalid_token");
}
