//! Hints that somebody vouches for (CIBA §7.1): `login_hint_token` and `id_token_hint`.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::client::ClientKeys;
use server::domain::policy::{HintIssuer, LoginHint};
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::key_set::KeySetStandIn;
use tests::{ISSUER, SHOP, World, a_request};

const DAY: i64 = 86_400;

const HINTER: &str = "https://hints.example";

struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
    /// Of the shop.
    own: ClientKey,
    /// Of the realm's hint issuer.
    hinters: ClientKey,
    _published: KeySetStandIn,
}

impl Scene {
    async fn new() -> Self {
        let (own, hinters) = (ClientKey::generate(Algorithm::Es256), ClientKey::generate(Algorithm::Ps256));
        let published = KeySetStandIn::publishing(hinters.jwks()).await;
        let issuer = HintIssuer { issuer: HINTER.to_owned(), jwks_uri: published.url() };
        let world = World::builder().policy(|policy| {
            policy.prompt_limits = false;
            policy.hint_issuers = vec![issuer];
            // What somebody vouches for is not held to the ways in which anybody may name users.
            policy.login_hint = vec![LoginHint::Username];
        });
        let world = world.make().await;
        let (shop, phone) = (world.shop().await, world.phone("1001").await);
        world.edit_client(SHOP, |client| client.keys = ClientKeys::Jwks(own.jwks().to_string())).await;
        Self { world, shop, phone, own, hinters, _published: published }
    }

    fn claims(&self, members: &Value) -> Value {
        let now = self.world.now().unix_seconds();
        let mut claims = json!({ "iss": SHOP, "aud": ISSUER, "exp": now + 300 });
        for (name, value) in members.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        claims
    }

    /// What a request with such a hint by the client itself is answered.
    async fn hinted(&self, members: &Value) -> String {
        self.answer(&self.own.sign(None, &self.claims(members))).await
    }

    async fn answer(&self, jwt: &str) -> String {
        a_request().without("login_hint").with("login_hint_token", jwt).sent(&self.shop).await.in_short()
    }
}

#[tokio::test]
async fn a_client_may_vouch_for_its_own_hint_in_several_ways() {
    let scene = Scene::new().await;
    for members in [
        json!({ "sub": "1001" }),
        json!({ "sub_id": { "format": "iss_sub", "iss": ISSUER, "sub": "1001" } }),
        json!({ "sub_id": { "format": "email", "email": "alice@example.com" } }),
        json!({ "email": "Alice@example.com" }),
        json!({ "phone_number": "+49301001" }),
        json!({ "preferred_username": "alice" }),
        // The first of them counts.
        json!({ "sub_id": { "format": "opaque", "id": "1001" }, "sub": "nobody", "email": "nobody" }),
        json!({ "aud": ["https://other.example", ISSUER], "sub": "1001" }),
    ] {
        assert_eq!(scene.hinted(&members).await, "200", "{members}");
    }
    assert_eq!(scene.phone.pending().await.expect("the phone asks").len(), 8);
}

#[tokio::test]
async fn a_hint_that_means_nobody_is_unknown_user_id() {
    let scene = Scene::new().await;
    for members in [
        json!({ "sub": "nobody" }),
        json!({ "sub": "alice" }),
        json!({ "sub_id": { "format": "iss_sub", "iss": "https://other.example", "sub": "1001" } }),
    ] {
        assert_eq!(scene.hinted(&members).await, "400 unknown_user_id", "{members}");
    }
}

#[tokio::test]
async fn an_expired_hint_has_a_code_of_its_own_if_it_is_genuine() {
    // CIBA §13, REQUIREMENTS A17, G41.
    let scene = Scene::new().await;
    let past = scene.world.now().unix_seconds() - 61;
    let expired = json!({ "sub": "1001", "exp": past });
    assert_eq!(scene.hinted(&expired).await, "400 expired_login_hint_token");
    let forged = ClientKey::generate(Algorithm::Es256).sign(None, &scene.claims(&expired));
    assert_eq!(scene.answer(&forged).await, "400 invalid_request");
    let misdirected = json!({ "sub": "1001", "exp": past, "aud": "https://other.example" });
    assert_eq!(scene.hinted(&misdirected).await, "400 invalid_request");
}

#[tokio::test]
async fn a_hint_that_is_not_to_be_believed_or_says_nothing_is_invalid_request() {
    let scene = Scene::new().await;
    let now = scene.world.now().unix_seconds();
    for members in [
        json!({}),
        json!({ "sub": "1001", "exp": null }),
        json!({ "sub": "1001", "aud": null }),
        json!({ "sub": "1001", "aud": SHOP }),
        json!({ "sub": "1001", "iss": null }),
        json!({ "sub": "1001", "iss": "bank" }),
        json!({ "sub": "1001", "iss": "https://idp.example" }),
        json!({ "sub": "1001", "iss": HINTER }),
        json!({ "sub": "1001", "nbf": now + 600 }),
        json!({ "sub": "" }),
        json!({ "sub": 1001 }),
        json!({ "sub_id": "1001", "sub": "1001" }),
        json!({ "sub_id": { "format": "aliases", "identifiers": [] } }),
        json!({ "email": ["alice@example.com"] }),
        json!({ "login_hint": "alice" }),
    ] {
        assert_eq!(scene.hinted(&members).await, "400 invalid_request", "{members}");
    }
    let good = scene.claims(&json!({ "sub": "1001" }));
    for typ in ["oauth-authz-req+jwt", "at+jwt"] {
        assert_eq!(scene.answer(&scene.own.sign(Some(typ), &good)).await, "400 invalid_request", "{typ}");
    }
    assert_eq!(scene.answer(&scene.hinters.sign(None, &good)).await, "400 invalid_request");
    for jwt in ["x", "a.b.c", "e30.e30.AAAA", "e30.AAAA.AAAA.AAAA.AAAA"] {
        assert_eq!(scene.answer(jwt).await, "400 invalid_request", "{jwt}");
    }
    assert!(scene.phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn a_hint_issuer_of_the_realm_may_vouch_for_a_hint() {
    let scene = Scene::new().await;
    let claims = scene.claims(&json!({ "iss": HINTER, "sub": "1001" }));
    assert_eq!(scene.answer(&scene.hinters.sign(Some("JWT"), &claims)).await, "200");
    let forged = ClientKey::generate(Algorithm::Ps256).sign(None, &claims);
    assert_eq!(scene.answer(&forged).await, "400 invalid_request");
}

#[tokio::test]
async fn a_hint_token_may_stand_in_a_signed_request() {
    let scene = Scene::new().await;
    let hint = scene.own.sign(None, &scene.claims(&json!({ "sub": "1001" })));
    let parameters = [("scope", "openid"), ("login_hint_token", hint.as_str())];
    let answer = scene.shop.begin_signed(&scene.own, &parameters).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
}

/// An ID token of the shop's about alice, and what a request hinted by one is answered.
async fn id_token(world: &World, shop: &RelyingParty, phone: &Phone) -> String {
    let tokens = crate::tokens(world, shop, phone, a_request()).await;
    crate::text(&tokens, "id_token").to_owned()
}

async fn hinted_by(shop: &RelyingParty, id_token: &str) -> String {
    a_request().without("login_hint").with("id_token_hint", id_token).sent(shop).await.in_short()
}

#[tokio::test]
async fn an_id_token_of_the_client_is_a_hint_even_some_time_after_its_end() {
    // CIBA §7.1: the provider should accept it although it expired.
    let (mut world, shop, phone) = crate::scene().await;
    let hint = id_token(&world, &shop, &phone).await;
    assert_eq!(hinted_by(&shop, &hint).await, "200");
    world.advance(90 * DAY);
    world.restart().await;
    assert_eq!(hinted_by(&shop, &hint).await, "200", "its key may have been replaced since");
    world.advance(DAY);
    assert_eq!(hinted_by(&shop, &hint).await, "400 invalid_request");
}

#[tokio::test]
async fn a_realm_may_take_no_expired_id_token() {
    let strict = World::builder().policy(|policy| policy.id_token_hint_age = 0).make().await;
    let (shop, phone) = (strict.shop().await, strict.phone("1001").await);
    let hint = id_token(&strict, &shop, &phone).await;
    strict.advance(3_599);
    assert_eq!(hinted_by(&shop, &hint).await, "200");
    strict.advance(1);
    assert_eq!(hinted_by(&shop, &hint).await, "400 invalid_request");
}

#[tokio::test]
async fn a_token_of_another_client_kind_or_signer_is_no_hint() {
    let (world, shop, phone) = crate::scene().await;
    let hint = id_token(&world, &shop, &phone).await;
    world.add_client("bank", "the secret of the bank").await;
    let bank = world.client("bank", "the secret of the bank").await;
    assert_eq!(hinted_by(&bank, &hint).await, "400 invalid_request");
    let access_tokens = server::domain::client::AccessTokenFormat::Jwt;
    world.edit_client(SHOP, |client| client.access_token_format = access_tokens).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    assert_eq!(hinted_by(&shop, crate::text(&tokens, "access_token")).await, "400 invalid_request");
    assert_eq!(hinted_by(&shop, crate::text(&tokens, "id_token")).await, "200");
    // What looks like one and is signed by nobody we know.
    let claims = json!({ "iss": ISSUER, "aud": SHOP, "sub": "1001", "exp": world.now().unix_seconds() + 300 });
    let forged = ClientKey::generate(Algorithm::Es256).sign(Some("JWT"), &claims);
    for jwt in [forged.as_str(), "x", "a.b.c", "e30.e30.AAAA"] {
        assert_eq!(hinted_by(&shop, jwt).await, "400 invalid_request", "{jwt}");
    }
}
