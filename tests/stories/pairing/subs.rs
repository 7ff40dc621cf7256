//! The `sub` itself: the same wherever the client meets it, another one for everybody else, and read back where the client
//! names the user by it.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::client::{AccessTokenFormat, Client};
use server::domain::delivery::DeliveryMode;
use server::domain::names::{ClientId, RealmId};
use server::keys::{DeviceRotation, KeyFile, LONGEST_PAIRWISE, Rotation};
use simulator::client_key::ClientKey;
use simulator::relying_party::{Authentication, Credentials};
use simulator::stand_in::notification::NotificationStandIn;
use tests::a_request;

use super::Scene;
use crate::{introspected, resource_server, text};

/// OIDC Core §8.1: "not reversible by anyone other than the OpenID Provider", different for different sectors.
#[tokio::test]
async fn a_sector_knows_a_user_by_a_sub_of_its_own_everywhere() {
    let scene = Scene::new().await;
    let party = scene.party("shop-1", "127.0.0.1", json!({})).await;
    let tokens = scene.tokens(&party, a_request()).await;
    let sub = scene.claims(&party, &tokens).await["sub"].clone();
    let sub = sub.as_str().expect("a sub");
    assert!(sub.len() <= 255 && !sub.contains("1001") && sub.bytes().all(|byte| byte.is_ascii_graphic()));
    let told = party.userinfo(text(&tokens, "access_token")).await.expect("an answer").json();
    assert_eq!(told, json!({ "sub": sub }));
    let api = resource_server(&scene.world).await;
    assert_eq!(introspected(&api, text(&tokens, "access_token")).await["sub"], sub);
    assert_eq!(introspected(&party, text(&tokens, "refresh_token")).await["sub"], sub);
    let refreshed = party.refresh(text(&tokens, "refresh_token")).await.expect("an answer").json();
    assert_eq!(scene.claims(&party, &refreshed).await["sub"], sub);
    assert_eq!(introspected(&api, text(&refreshed, "access_token")).await["sub"], sub);
    let jwt = |client: &mut Client| client.access_token_format = AccessTokenFormat::Jwt;
    scene.world.edit_client("shop-1", jwt).await;
    let tokens = scene.tokens(&party, a_request()).await;
    assert_eq!(payload(text(&tokens, "access_token"))["sub"], sub);
    assert_eq!(scene.claims(&party, &tokens).await["sub"], sub, "each time the same");
    let same_host = scene.party("shop-2", "127.0.0.1", json!({})).await;
    assert_eq!(scene.sub(&same_host).await, sub, "one host, one sector");
    let elsewhere = scene.party("bank", "localhost", json!({})).await;
    assert_ne!(scene.sub(&elsewhere).await, sub);
    let public = scene.party("public", "127.0.0.1", json!({ "subject_type": "public" })).await;
    assert_eq!(scene.sub(&public).await, "1001");
}

fn payload(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&protocol::base64url::decode(payload).expect("base64url")).expect("JSON")
}

/// CIBA §4 with push: the sector is the host of the notification endpoint.
#[tokio::test]
async fn pushed_tokens_hold_the_sub_of_the_sector() {
    let scene = Scene::new().await;
    let endpoint = NotificationStandIn::start().await;
    let metadata = json!({
        "client_id": "pushed",
        "client_secret": "a secret of the pushed client",
        "backchannel_token_delivery_mode": "push",
        "backchannel_client_notification_endpoint": endpoint.url(),
        "subject_type": "pairwise",
    });
    scene.world.register(&metadata).await;
    let party = scene.world.client("pushed", "a secret of the pushed client").await;
    let asked = a_request().told_by("a-token-of-enough-bits-for-this-1").accepted(&party).await;
    endpoint.expect_token("a-token-of-enough-bits-for-this-1");
    scene.phone.approve(&scene.world.prompt(&scene.phone, &asked).await).await.expect("approved");
    scene.world.deliver().await;
    let pushed = endpoint.called(1).await[0].json();
    let sub = scene.claims(&party, &pushed).await["sub"].clone();
    let host = scene.party("poller", "127.0.0.1", json!({})).await;
    assert_eq!(scene.sub(&host).await, sub.as_str().expect("a sub"), "the endpoint has the same host");
}

/// CIBA §7.1.
#[tokio::test]
async fn a_client_names_a_user_by_the_sub_that_it_was_told_and_by_no_other() {
    let scene = Scene::new().await;
    let (shop, bank) =
        (scene.party("shop-1", "127.0.0.1", json!({})).await, scene.party("bank", "localhost", json!({})).await);
    let public = scene.world.shop().await;
    let (of_shop, of_bank) = (scene.sub(&shop).await, scene.sub(&bank).await);
    let issuer = tests::ISSUER;
    let plain = str::to_owned;
    let iss_sub = |sub: &str| json!({ "format": "iss_sub", "iss": issuer, "sub": sub }).to_string();
    let opaque = |sub: &str| json!({ "format": "opaque", "id": sub }).to_string();
    for as_hint in [&plain as &dyn Fn(&str) -> String, &iss_sub, &opaque] {
        let mut answers = Vec::new();
        for (party, sub) in [
            (&shop, of_shop.as_str()),
            (&shop, &of_bank),
            (&shop, "1001"),
            (&bank, &of_bank),
            (&bank, &of_shop),
            (&public, &of_shop),
            (&public, "1001"),
        ] {
            answers.push(a_request().about(&as_hint(sub)).sent(party).await.in_short());
        }
        let (known, unknown) = ("200", "400 unknown_user_id");
        assert_eq!(answers, [known, unknown, unknown, known, unknown, unknown, known], "{}", as_hint("sub"));
    }
    assert_eq!(a_request().about("alice").sent(&shop).await.in_short(), "200", "other names are the user's own");
}

#[tokio::test]
async fn an_id_token_is_a_hint_to_the_client_that_got_it() {
    let scene = Scene::new().await;
    let (shop, bank) =
        (scene.party("shop-1", "127.0.0.1", json!({})).await, scene.party("bank", "localhost", json!({})).await);
    let tokens = scene.tokens(&shop, a_request()).await;
    let hinted = || a_request().without("login_hint").with("id_token_hint", text(&tokens, "id_token"));
    assert_eq!(hinted().sent(&shop).await.in_short(), "200");
    assert_eq!(hinted().sent(&bank).await.in_short(), "400 invalid_request");
    scene.world.edit_client("shop-1", |client| client.sector = Some("moved.example".to_owned())).await;
    assert_eq!(hinted().sent(&shop).await.in_short(), "400 invalid_request", "of another sector by now");
}

/// What the client itself signs names users as it knows them; what a hint issuer signs, as all know them.
#[tokio::test]
async fn a_login_hint_token_of_the_client_names_the_user_by_its_own_sub() {
    let hinters = ClientKey::generate(Algorithm::Ps256);
    let published = simulator::stand_in::key_set::KeySetStandIn::publishing(hinters.jwks()).await;
    let issuer =
        server::domain::policy::HintIssuer { issuer: "https://hints.example".to_owned(), jwks_uri: published.url() };
    let scene = Scene::with(|policy| policy.hint_issuers = vec![issuer]).await;
    let shop = scene.party("shop-1", "127.0.0.1", json!({})).await;
    let sub = scene.sub(&shop).await;
    let Authentication::PrivateKeyJwt(own) = &shop.credentials().authentication else { panic!("it has a key") };
    let exp = scene.world.now().unix_seconds() + 60;
    let hint = |key: &ClientKey, iss: &str, sub: &str| {
        key.sign(None, &json!({ "iss": iss, "aud": tests::ISSUER, "exp": exp, "sub": sub }))
    };
    for (jwt, expected) in [
        (hint(own, "shop-1", &sub), "200"),
        (hint(own, "shop-1", "1001"), "400 unknown_user_id"),
        (hint(&hinters, "https://hints.example", "1001"), "200"),
        (hint(&hinters, "https://hints.example", &sub), "400 unknown_user_id"),
    ] {
        let request = a_request().without("login_hint").with("login_hint_token", &jwt);
        assert_eq!(request.sent(&shop).await.in_short(), expected);
    }
}

/// OIDC Core §12.2: the `sub` of a refreshed ID token must be that of the first.
#[tokio::test]
async fn a_client_that_would_be_told_another_sub_refreshes_nothing() {
    let scene = Scene::new().await;
    let pairwise = scene.party("shop-1", "127.0.0.1", json!({})).await;
    let public = scene.party("shop-2", "127.0.0.1", json!({ "subject_type": "public" })).await;
    for (id, party) in [("shop-1", &pairwise), ("shop-2", &public)] {
        let tokens = scene.tokens(party, a_request()).await;
        let sub = scene.claims(party, &tokens).await["sub"].clone();
        let refresh = async || party.refresh(text(&tokens, "refresh_token")).await.expect("an answer");
        let provider = scene.world.provider();
        let found = provider.store().client(provider.id(), &ClientId::new(id)).await.expect("a look-up");
        let before = found.expect("the client").record.sector;
        for sector in [None, Some("127.0.0.1"), Some("moved.example")].map(|sector| sector.map(str::to_owned)) {
            if sector != before {
                scene.world.edit_client(id, |client| client.sector = sector.clone()).await;
                assert_eq!(refresh().await.in_short(), "400 invalid_grant", "{id} {sector:?}");
            }
        }
        scene.world.edit_client(id, |client| client.sector = before).await;
        let refreshed = refresh().await;
        assert_eq!(refreshed.in_short(), "200", "back where it was");
        assert_eq!(scene.claims(party, &refreshed.json()).await["sub"], sub);
    }
}

#[tokio::test]
async fn a_sub_outlives_restarts_and_every_rotation_of_keys() {
    let mut scene = Scene::new().await;
    let party = scene.party("shop-1", "127.0.0.1", json!({})).await;
    let sub = scene.sub(&party).await;
    let (main, now) = (RealmId::new("main"), scene.world.now());
    let changes: [&dyn Fn(&mut KeyFile); 2] =
        [&|file| file.rotate_device(&main, DeviceRotation::default(), &now).expect("a new device key"), &|file| {
            file.rotate(&main, None, Rotation::AtOnce, &now).expect("new signing keys");
        }];
    for change in changes {
        scene.world.change_keys(change).1.expect("the server uses them");
        assert_eq!(scene.sub(&party).await, sub);
    }
    scene.world.restart().await;
    assert_eq!(scene.sub(&party).await, sub);
}

#[tokio::test]
async fn about_a_user_whose_subject_is_too_long_for_a_pairwise_one_only_public_clients_ask() {
    let scene = Scene::new().await;
    let party = scene.party("shop-1", "127.0.0.1", json!({})).await;
    let public = scene.world.shop().await;
    scene.world.add_user(&"s".repeat(LONGEST_PAIRWISE), "fits").await;
    scene.world.add_user(&"s".repeat(LONGEST_PAIRWISE + 1), "long").await;
    assert_eq!(a_request().about("fits").sent(&party).await.in_short(), "403 access_denied", "there is no phone");
    assert_eq!(a_request().about("long").sent(&party).await.in_short(), "400 unknown_user_id");
    assert_eq!(a_request().about("long").sent(&public).await.in_short(), "403 access_denied");
}

/// A receipt names the phone and its keys, by which clients of two sectors could tell that they know the same user.
#[tokio::test]
async fn a_pairwise_client_has_no_receipts_unless_the_realm_lets_it() {
    let scene = Scene::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let metadata = json!({
        "client_id": "evident",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": scene.published("127.0.0.1", "/evident", &key),
        "subject_type": "pairwise",
        "approval_receipt": true,
    });
    let refused = scene.answered(&metadata).await;
    assert_eq!(refused.in_short(), "400 invalid_client_metadata");
    assert!(text(&refused.json(), "error_description").starts_with("approval_receipt: "));
    // Registered while the realm allowed it.
    let party = scene.party("shop-1", "127.0.0.1", json!({})).await;
    scene.world.edit_client("shop-1", |client| client.approval_receipt = true).await;
    assert_eq!(scene.tokens(&party, a_request()).await.get("approval_receipt"), None);
    let allowing = Scene::with(|policy| policy.pairwise_receipts = true).await;
    let party = allowing.party("shop-1", "127.0.0.1", json!({ "approval_receipt": true })).await;
    let tokens = allowing.tokens(&party, a_request()).await;
    let receipt = payload(text(&tokens["approval_receipt"], "receipt"));
    assert_eq!(receipt["sub"], allowing.claims(&party, &tokens).await["sub"]);
}

/// Of a client whose registration says another delivery since, too.
#[tokio::test]
async fn a_client_that_is_pinged_has_the_sector_of_its_keys() {
    let scene = Scene::new().await;
    let endpoint = NotificationStandIn::start().await;
    let members = json!({
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": endpoint.url(),
    });
    let pinged = scene.party("pinged", "localhost", members).await;
    scene.world.edit_client("pinged", |client| client.delivery = DeliveryMode::Poll).await;
    let polling = scene.party("bank", "localhost", json!({})).await;
    assert_eq!(scene.sub(&pinged).await, scene.sub(&polling).await);
    let Credentials { id, .. } = pinged.credentials();
    assert_eq!(id, "pinged");
}
