//! ID tokens that are encrypted for their client, and userinfo that is signed, encrypted or both (OIDC Core §2, §5.3.2,
//! §10.2; RFC 7516). Never is anything sent in clear that a client wants encrypted.

use std::collections::BTreeSet;

use protocol::{Digest, base64url};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::client::ClientKeys;
use server::domain::delivery::DeliveryMode;
use server::domain::encryption::{ContentEncryption, Encryption, KeyManagement};
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use simulator::decryption_key::DecryptionKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, RelyingParty};
use simulator::stand_in::key_set::KeySetStandIn;
use simulator::wire::Answer;
use tests::{ISSUER, SHOP, World, a_request};

use crate::told::Scene;
use crate::{scene, text, tokens};

/// Registers the shop anew with these members, for refreshing.
async fn registered(world: &World, members: &[(&str, Value)]) {
    let mut metadata = json!({ "client_name": "The shop", "grant_types": [CIBA_GRANT, "refresh_token"] });
    for (name, value) in members {
        metadata[name] = value.clone();
    }
    world.admin().replace_client(SHOP, &metadata).await.expect("replaced");
}

/// The members by which ID tokens are encrypted to a key of such an algorithm, in this set.
fn id_tokens_to(alg: &str, jwks: Value) -> [(&'static str, Value); 3] {
    [
        ("jwks", jwks),
        ("id_token_encrypted_response_alg", json!(alg)),
        ("id_token_encrypted_response_enc", json!("A256GCM")),
    ]
}

/// The header of a JWE or a JWS.
fn header(jwt: &str) -> Value {
    let (header, _) = jwt.split_once('.').expect("there are dots");
    serde_json::from_slice(&base64url::decode(header).expect("base64url")).expect("JSON")
}

fn left_half(token: &str) -> String {
    base64url::encode(&Digest::of(token.as_bytes()).as_bytes()[..16])
}

fn keys() -> [DecryptionKey; 4] {
    [DecryptionKey::on("P-256"), DecryptionKey::on("P-384"), DecryptionKey::on("X25519"), DecryptionKey::rsa()]
}

/// RFC 7519 §5.2, OIDC Core §2: signed first, then encrypted.
#[tokio::test]
async fn an_id_token_is_signed_and_then_encrypted_to_the_key_of_the_client() {
    let (world, shop, phone) = scene().await;
    for key in keys() {
        registered(&world, &id_tokens_to(key.alg(), key.jwks())).await;
        let answer = tokens(&world, &shop, &phone, a_request()).await;
        let id_token = text(&answer, "id_token");
        let mut outside = header(id_token);
        if key.alg() == "ECDH-ES" {
            let epk = outside.as_object_mut().and_then(|header| header.remove("epk")).expect("an ephemeral key");
            assert_eq!((&epk["crv"], epk.get("d")), (&key.jwk()["crv"], None));
        }
        let expected = json!({ "alg": key.alg(), "enc": "A256GCM", "kid": key.kid(), "cty": "JWT" });
        assert_eq!(outside, expected);
        let signed = key.open(id_token).and_then(|opened| opened.jwt()).expect("opens");
        assert_eq!((&header(&signed)["alg"], &header(&signed)["typ"]), (&json!("ES256"), &json!("JWT")));
        let decrypting = shop.decrypting(&[&key]);
        let claims = decrypting.verify(id_token, world.now().unix_seconds()).await.expect("believed");
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("1001"), &json!(SHOP)));
        assert_eq!(claims["at_hash"], left_half(text(&answer, "access_token")));
        assert!(claims["urn:openid:params:jwt:claim:auth_req_id"].is_string());
        let in_clear = decrypting.verify(&signed, world.now().unix_seconds()).await;
        assert!(in_clear.is_err(), "the double of a relying party takes nothing less");
    }
}

/// RFC 7518 §4.6: the key agreed on is used as it is, so that every ID token needs an ephemeral key of its own.
#[tokio::test]
async fn every_id_token_is_encrypted_under_a_key_of_its_own_at_a_refresh_too() {
    let (world, shop, phone) = scene().await;
    for key in [DecryptionKey::on("P-256"), DecryptionKey::rsa()] {
        registered(&world, &id_tokens_to(key.alg(), key.jwks())).await;
        let answer = tokens(&world, &shop, &phone, a_request()).await;
        let (mut refresh_token, mut seen) = (text(&answer, "refresh_token").to_owned(), BTreeSet::new());
        let mut id_token = text(&answer, "id_token").to_owned();
        for _ in 0..3 {
            let claims =
                shop.decrypting(&[&key]).verify(&id_token, world.now().unix_seconds()).await.expect("believed");
            assert_eq!(claims["sub"], "1001");
            let [epk, encrypted_key, iv] =
                [&header(&id_token)["epk"].to_string()[..], part(&id_token, 1), part(&id_token, 2)];
            let made_of = if key.alg() == "ECDH-ES" { epk } else { encrypted_key };
            assert!(seen.insert(made_of.to_owned()) && seen.insert(iv.to_owned()), "used twice");
            let answer = shop.refresh(&refresh_token).await.expect("an answer").json();
            id_token = text(&answer, "id_token").to_owned();
            refresh_token = text(&answer, "refresh_token").to_owned();
        }
    }
}

fn part(jwe: &str, at: usize) -> &str {
    jwe.split('.').nth(at).expect("five parts")
}

/// CIBA §10.3.1: the hashes of what is pushed beside stand in the encrypted token as in the signed one.
#[tokio::test]
async fn a_pushed_id_token_is_encrypted_and_binds_what_is_beside_it() {
    let scene = Scene::of(DeliveryMode::Push).await;
    let key = DecryptionKey::on("P-256");
    push_encrypted(&scene, ClientKeys::Jwks(key.jwks().to_string())).await;
    let asked = scene.approved().await;
    assert_eq!(scene.world.deliver().await, 1);
    let sent = scene.endpoint.calls().pop().expect("a call").json();
    let shop = scene.shop.decrypting(&[&key]);
    let claims = shop.verify(text(&sent, "id_token"), scene.world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims["urn:openid:params:jwt:claim:auth_req_id"], asked);
    assert_eq!(claims["at_hash"], left_half(text(&sent, "access_token")));
    assert_eq!(claims["urn:openid:params:jwt:claim:rt_hash"], left_half(text(&sent, "refresh_token")));
}

/// Directly in the store: the endpoint of a story is no https, which registration wants.
async fn push_encrypted(scene: &Scene, keys: ClientKeys) {
    scene
        .world
        .edit_client(SHOP, |client| {
            (client.refresh, client.keys) = (true, keys);
            client.id_token_encryption = Some(AGREED);
        })
        .await;
}

const AGREED: Encryption = Encryption { alg: KeyManagement::EcdhEs, enc: ContentEncryption::A256Gcm };

/// Who the shop is told that alice is.
async fn told(world: &World, shop: &RelyingParty, phone: &Phone) -> Answer {
    let answer = tokens(world, shop, phone, a_request().with("scope", "openid email")).await;
    shop.userinfo(text(&answer, "access_token")).await.expect("an answer")
}

/// OIDC Core §5.3.2.
#[tokio::test]
async fn userinfo_is_signed_encrypted_or_both_as_the_client_registered() {
    let (world, shop, phone) = scene().await;
    let key = DecryptionKey::on("P-384");
    let claims = json!({ "sub": "1001", "email": "alice@example.com" });
    let for_shop = json!({ "sub": "1001", "email": "alice@example.com", "iss": ISSUER, "aud": SHOP });
    let signed = ("userinfo_signed_response_alg", json!("ES256"));
    let encrypted = [
        ("jwks", key.jwks()),
        ("userinfo_encrypted_response_alg", json!("ECDH-ES")),
        ("userinfo_encrypted_response_enc", json!("A256GCM")),
    ];

    registered(&world, std::slice::from_ref(&signed)).await;
    let answer = told(&world, &shop, &phone).await;
    assert_eq!((answer.in_short().as_str(), answer.header("content-type")), ("200", Some("application/jwt")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(shop.verify_userinfo(&body(&answer)).await.expect("believed"), for_shop);

    registered(&world, &encrypted).await;
    let answer = told(&world, &shop, &phone).await;
    assert_eq!((answer.in_short().as_str(), answer.header("content-type")), ("200", Some("application/jwt")));
    assert_eq!(header(&body(&answer)).get("cty"), None, "it holds claims");
    assert_eq!(key.open(&body(&answer)).and_then(|opened| opened.claims()), Ok(claims));

    registered(&world, &[&encrypted[..], &[signed]].concat()).await;
    let answer = told(&world, &shop, &phone).await;
    assert_eq!((answer.in_short().as_str(), answer.header("content-type")), ("200", Some("application/jwt")));
    assert_eq!(header(&body(&answer))["cty"], "JWT");
    let believed = shop.decrypting(&[&key]).verify_userinfo(&body(&answer)).await.expect("believed");
    assert_eq!(believed, for_shop);
}

fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("ASCII")
}

/// RFC 6750 §3.1.
#[tokio::test]
async fn refusals_of_userinfo_stay_json_for_a_client_that_wants_jwts() {
    let (world, shop, phone) = scene().await;
    registered(&world, &[("userinfo_signed_response_alg", json!("ES256"))]).await;
    let answer = tokens(&world, &shop, &phone, a_request()).await;
    let access_token = text(&answer, "access_token");
    shop.revoke(access_token).await.expect("an answer");
    let answer = shop.userinfo(access_token).await.expect("an answer");
    assert_eq!(answer.in_short(), "401 invalid_token");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// OIDC Core §5.3.2: `iss` and `aud`, and nothing that would make it an ID token.
#[tokio::test]
async fn signed_userinfo_is_no_id_token() {
    let (world, shop, phone) = scene().await;
    registered(&world, &[("userinfo_signed_response_alg", json!("ES256"))]).await;
    let userinfo = body(&told(&world, &shop, &phone).await);
    assert!(shop.verify(&userinfo, world.now().unix_seconds()).await.is_err());
    let hinted = a_request().without("login_hint").with("id_token_hint", &userinfo).sent(&shop).await;
    assert_eq!(hinted.in_short(), "400 invalid_request");
}

/// RFC 7517 §4.2 to §4.4, OIDC Core §10.2.
#[tokio::test]
async fn the_key_is_one_that_is_for_encryption_and_has_a_name_if_any_has() {
    let (world, shop, phone) = scene().await;
    let [one, other, rsa] = [DecryptionKey::on("P-256"), DecryptionKey::on("P-256"), DecryptionKey::rsa()];
    let changed = |key: &DecryptionKey, name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        jwk
    };
    let nameless = |key: &DecryptionKey| {
        let mut jwk = key.jwk();
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().expect("an object").remove(name);
        }
        jwk
    };
    let purposeless = |key: &DecryptionKey| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().expect("an object").remove("use");
        jwk
    };
    let unnamed = |key: &DecryptionKey| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().expect("an object").remove("kid");
        jwk
    };
    let signing = ClientKey::generate(Algorithm::Es256).jwk();
    for (keys, expected, what) in [
        (vec![one.jwk(), other.jwk()], &one, "the first"),
        (vec![other.jwk(), one.jwk()], &other, "the first"),
        (vec![signing, other.jwk()], &other, "not one for signatures"),
        (vec![changed(&one, "alg", json!("ECDH-ES+A256KW")), other.jwk()], &other, "not one for another algorithm"),
        (vec![changed(&one, "key_ops", json!(["sign"])), other.jwk()], &other, "not one for other operations"),
        (vec![changed(&one, "key_ops", json!(["deriveBits"])), other.jwk()], &one, "one for this operation"),
        (vec![changed(&one, "key_ops", json!([])), other.jwk()], &one, "one as browsers export it"),
        (vec![changed(&one, "y", one.jwk()["x"].clone()), other.jwk()], &other, "not one off the curve"),
        (vec![rsa.jwk(), other.jwk()], &other, "not one of another type"),
        (vec![nameless(&one), other.jwk()], &other, "one with a name"),
        (vec![purposeless(&one), other.jwk()], &other, "rather one that says what it is for"),
        (vec![purposeless(&one), nameless(&other)], &one, "else one with a name"),
        (vec![purposeless(&one), unnamed(&other)], &one, "also if the other says what it is for"),
        (vec![nameless(&one)], &one, "one without, where there is no other"),
    ] {
        registered(&world, &id_tokens_to("ECDH-ES", json!({ "keys": keys }))).await;
        let answer = tokens(&world, &shop, &phone, a_request()).await;
        let id_token = text(&answer, "id_token");
        let kid = header(id_token).get("kid").cloned();
        let named = keys.iter().any(|key| key["kid"] == expected.kid());
        assert_eq!(kid, named.then(|| json!(expected.kid())), "{what}");
        expected.open(id_token).unwrap_or_else(|refused| panic!("{what}: {refused}"));
        world.advance(60);
    }
}

/// A world with the shop's keys published by a stand-in, to which its ID tokens are encrypted.
async fn published(key: &DecryptionKey) -> (World, RelyingParty, Phone, KeySetStandIn) {
    let keys = KeySetStandIn::publishing(key.jwks()).await;
    let world = World::builder().reaching_stand_ins().make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    // Directly in the store: the stand-in is no https, which registration wants.
    world
        .edit_client(SHOP, |client| {
            (client.refresh, client.keys) = (true, ClientKeys::JwksUri(keys.url()));
            client.id_token_encryption = Some(AGREED);
            client.userinfo_encryption = Some(AGREED);
        })
        .await;
    (world, shop, phone, keys)
}

/// OIDC Core §10.2.1.
#[tokio::test]
async fn a_published_key_is_fetched_once_and_its_successor_is_taken_when_it_is_gone_or_the_set_is_old() {
    let (one, other) = (DecryptionKey::on("P-256"), DecryptionKey::on("P-256"));
    let (world, shop, phone, keys) = published(&one).await;
    let kid = async || header(text(&tokens(&world, &shop, &phone, a_request()).await, "id_token"))["kid"].clone();
    assert_eq!([kid().await, kid().await], [one.kid(), one.kid()]);
    assert_eq!(keys.fetched(), 1);
    keys.publish(json!({ "keys": [other.jwk(), one.jwk()] }));
    assert_eq!(kid().await, one.kid(), "the set that is known is fresh");
    world.advance(301);
    assert_eq!([kid().await, kid().await], [other.kid(), other.kid()]);
    assert_eq!(keys.fetched(), 2);
}

#[tokio::test]
async fn where_the_known_set_has_no_fitting_key_a_newer_one_is_asked_for() {
    let (rsa, key) = (DecryptionKey::rsa(), DecryptionKey::on("P-256"));
    let (world, shop, phone, keys) = published(&rsa).await;
    let asked = approved(&world, &shop, &phone).await;
    assert_eq!(world.poll(&shop, &asked).await, "503 temporarily_unavailable");
    keys.publish(json!({ "keys": [rsa.jwk(), key.jwk()] }));
    world.advance(30);
    let answer = world.redeem(&shop, &asked).await.json();
    key.open(text(&answer, "id_token")).expect("opens");
}

async fn approved(world: &World, shop: &RelyingParty, phone: &Phone) -> String {
    let asked = a_request().accepted(shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    asked
}

/// Nothing is issued in clear, nothing is used up, and once there is a key everything goes on.
#[tokio::test]
async fn without_a_key_nothing_is_issued_and_nothing_is_used_up() {
    let key = DecryptionKey::on("P-256");
    let (world, shop, phone, keys) = published(&key).await;
    keys.break_down();
    let asked = approved(&world, &shop, &phone).await;
    for _ in 0..2 {
        let answer = shop.poll(&asked).await.expect("an answer");
        assert_eq!(answer.in_short(), "503 temporarily_unavailable");
        assert_eq!((answer.header("retry-after"), answer.json().get("id_token")), (Some("1"), None));
    }
    assert_eq!(keys.fetched(), 1, "who polls does not make the provider fetch");
    assert_eq!(world.events("request_redeemed").await, 0);
    keys.publish(key.jwks());
    world.advance(30);
    let answer = world.redeem(&shop, &asked).await.json();
    let (access_token, refresh_token) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    assert_eq!(world.events("request_redeemed").await, 1);

    // By then the last set is too old to count.
    world.edit_client(SHOP, |client| client.keys = ClientKeys::JwksUri(format!("{}?other", keys.url()))).await;
    keys.break_down();
    assert_eq!(shop.userinfo(access_token).await.expect("an answer").in_short(), "503 temporarily_unavailable");
    assert_eq!(shop.refresh(refresh_token).await.expect("an answer").in_short(), "503 temporarily_unavailable");
    keys.publish(key.jwks());
    world.advance(61);
    let refreshed = shop.refresh(refresh_token).await.expect("an answer");
    assert_eq!(refreshed.in_short(), "200", "the token that was sent had not been used up: {}", refreshed.json());
    key.open(text(&refreshed.json(), "id_token")).expect("opens");
}

/// OIDC Core §3.1.2.1: without `openid` there is no ID token, and nothing to encrypt.
#[tokio::test]
async fn tokens_without_an_id_token_need_no_key() {
    let key = DecryptionKey::on("P-256");
    let (mut world, shop, phone, keys) = published(&key).await;
    keys.break_down();
    world.change_policy(|policy| policy.require_openid = false).await;
    world.edit_client(SHOP, |client| client.scope.push("read".to_owned())).await;
    let answer = tokens(&world, &shop, &phone, a_request().with("scope", "read")).await;
    assert_eq!((answer.get("id_token"), keys.fetched()), (None, 0));
}

#[tokio::test]
async fn a_client_whose_registered_keys_no_longer_fit_gets_nothing_in_clear() {
    let (world, shop, phone) = scene().await;
    for keys in [ClientKeys::None, ClientKeys::Jwks(DecryptionKey::rsa().jwks().to_string())] {
        world
            .edit_client(SHOP, |client| {
                client.keys = keys;
                client.id_token_encryption = Some(AGREED);
            })
            .await;
        let asked = approved(&world, &shop, &phone).await;
        assert_eq!(world.poll(&shop, &asked).await, "503 temporarily_unavailable");
        world.advance(120);
    }
}

#[tokio::test]
async fn a_push_waits_for_the_key_and_then_brings_the_tokens_once() {
    let key = DecryptionKey::on("X25519");
    let scene = Scene::of(DeliveryMode::Push).await;
    let keys = KeySetStandIn::publishing(key.jwks()).await;
    push_encrypted(&scene, ClientKeys::JwksUri(keys.url())).await;
    keys.break_down();
    scene.approved().await;
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.world.deliver().await, 0, "its next attempt is not due yet");
    scene.world.advance(3);
    assert_eq!(scene.world.deliver().await, 1);
    assert!(scene.endpoint.calls().is_empty());
    assert_eq!(scene.world.events("request_redeemed").await, 0);
    keys.publish(key.jwks());
    scene.world.advance(30);
    assert_eq!(scene.world.deliver().await, 1);
    let sent = scene.endpoint.calls().pop().expect("a call").json();
    key.open(text(&sent, "id_token")).expect("opens");
    assert_eq!(
        (scene.fates().await, scene.world.events("request_redeemed").await),
        (vec!["tokens delivered".to_owned()], 1)
    );
}

/// CIBA §12: what the client is told at the end of the request's life, as of every approval that brought no tokens in it.
#[tokio::test]
async fn a_push_whose_key_stays_away_ends_as_expired_token() {
    let scene = Scene::of(DeliveryMode::Push).await;
    let keys = KeySetStandIn::publishing(json!({ "keys": [] })).await;
    push_encrypted(&scene, ClientKeys::JwksUri(keys.url())).await;
    let asked = scene.approved().await;
    while scene.endpoint.calls().is_empty() {
        let due = scene.world.next_push().await.expect("it is still owed");
        scene.world.advance_millis((due.unix_millis() - scene.world.now().unix_millis()).max(0));
        scene.world.deliver().await;
    }
    let sent = scene.endpoint.calls().pop().expect("a call").json();
    assert_eq!((&sent["auth_req_id"], &sent["error"]), (&json!(asked), &json!("expired_token")));
    assert_eq!(sent.get("id_token"), None);
    assert_eq!(scene.fates().await, ["expired_token delivered"]);
    assert!(keys.fetched() <= 6, "fetched {} times in two minutes", keys.fetched());
}

/// OIDC Core §3.1.2.1: who got it encrypted decrypts it before it is a hint.
#[tokio::test]
async fn an_encrypted_id_token_is_no_hint_and_the_one_in_it_is() {
    let (world, shop, phone) = scene().await;
    let key = DecryptionKey::on("P-256");
    registered(&world, &id_tokens_to("ECDH-ES", key.jwks())).await;
    let answer = tokens(&world, &shop, &phone, a_request()).await;
    let id_token = text(&answer, "id_token");
    let hinted = |hint: &str| a_request().without("login_hint").with("id_token_hint", hint);
    let refused = hinted(id_token).sent(&shop).await;
    assert_eq!(refused.in_short(), "400 invalid_request");
    let description = "id_token_hint: it is encrypted, which is not supported";
    assert_eq!(refused.json()["error_description"], description);
    let signed = key.open(id_token).and_then(|opened| opened.jwt()).expect("opens");
    assert_eq!(hinted(&signed).sent(&shop).await.in_short(), "200");
}

/// FAPI 1.0 Advanced §8.6.1 forbids `RSA1_5`, which nobody is offered; signatures are by its two algorithms.
#[tokio::test]
async fn under_the_fapi_profile_id_tokens_are_encrypted_alike() {
    let world = World::builder().policy(|policy| policy.profile = Profile::FapiCiba).make().await;
    let (signing, key) = (ClientKey::generate(Algorithm::Es256), DecryptionKey::rsa());
    let metadata = json!({
        "client_id": "bank",
        "token_endpoint_auth_method": "private_key_jwt",
        "backchannel_authentication_request_signing_alg": "ES256",
        "jwks": { "keys": [signing.jwk(), key.jwk()] },
        "id_token_encrypted_response_alg": "RSA-OAEP-256",
        "id_token_encrypted_response_enc": "A256GCM",
    });
    world.register(&metadata).await;
    let authentication = Authentication::PrivateKeyJwt(signing.clone());
    let credentials = Credentials { id: "bank".to_owned(), secret: String::new(), authentication };
    // Under this profile tokens are bound to the certificate of the connection, whatever it is.
    let certificate = ClientCertificate::new(b"any".to_vec(), Vec::new());
    let bank = world.client_with(credentials).await.decrypting(&[&key]).showing(Some(certificate));
    let phone = world.phone("1001").await;
    let parameters = [("scope", "openid"), ("login_hint", "alice"), ("binding_message", "K7")];
    let answer = bank.begin_signed(&signing, &parameters).await.expect("an answer").json();
    let asked = text(&answer, "auth_req_id");
    phone.approve(&world.prompt(&phone, asked).await).await.expect("approved");
    let answer = world.redeem(&bank, asked).await.json();
    let claims = bank.verify(text(&answer, "id_token"), world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims["aud"], "bank");
}

#[tokio::test]
async fn what_is_registered_of_encryption_holds_after_a_restart() {
    let (mut world, shop, phone) = scene().await;
    let key = DecryptionKey::on("P-256");
    registered(&world, &id_tokens_to("ECDH-ES", key.jwks())).await;
    let asked = approved(&world, &shop, &phone).await;
    world.restart().await;
    let answer = world.redeem(&shop, &asked).await.json();
    key.open(text(&answer, "id_token")).expect("opens");
}
