//! Signed authentication requests (CIBA §7.1.1, `OP_ACCEPTANCE` §2.6).

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::client::ClientKeys;
use server::domain::policy::Policy;
use server::domain::profile::Profile;
use simulator::client_key::{ClientKey, sign_by_secret};
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use simulator::stand_in::key_set::KeySetStandIn;
use tests::{ISSUER, SHOP, SHOP_SECRET, World, a_request};

const PARAMETERS: [(&str, &str); 3] =
    [("scope", "openid"), ("login_hint", "alice"), ("binding_message", "Pay 12 euros")];

/// A world whose shop registered a key.
struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
    key: ClientKey,
}

impl Scene {
    async fn new() -> Self {
        Self::of(Algorithm::Es256, |_| {}).await
    }

    async fn of(algorithm: Algorithm, policy: impl FnOnce(&mut Policy)) -> Self {
        let unlimited = World::builder().policy(|policy| policy.prompt_limits = false);
        let world = unlimited.policy(policy).make().await;
        let (shop, phone, key) = (world.shop().await, world.phone("1001").await, ClientKey::generate(algorithm));
        let scene = Self { world, shop, phone, key };
        scene.register(&scene.key).await;
        scene
    }

    /// The same under the FAPI profile, which lets nobody in by a secret: the shop has a key for that, too.
    async fn under_fapi(algorithm: Algorithm) -> Self {
        let mut scene = Self::of(algorithm, |_| {}).await;
        let own = ClientKey::generate(Algorithm::Es256);
        let keys = json!({ "keys": [own.jwk(), scene.key.jwk()] });
        let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": keys });
        scene.world.admin().replace_client(SHOP, &metadata).await.expect("replaced");
        let authentication = Authentication::PrivateKeyJwt(own);
        scene.shop = scene.shop.with(Credentials { authentication, ..scene.shop.credentials().clone() });
        scene.world.change_policy(|policy| policy.profile = Profile::FapiCiba).await;
        scene
    }

    async fn register(&self, key: &ClientKey) {
        self.world.edit_client(SHOP, |client| client.keys = ClientKeys::Jwks(key.jwks().to_string())).await;
    }

    /// The claims of a good request.
    fn claims(&self) -> Value {
        self.shop.request_object(&PARAMETERS)
    }

    /// What such a request is answered.
    async fn answer(&self, jwt: &str) -> String {
        let answer = self.shop.begin(&[("request", jwt)]).await.expect("an answer");
        if let Some(description) = answer.json()["error_description"].as_str() {
            let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
            assert!(description.bytes().all(is_plain), "{description}");
        }
        answer.in_short()
    }

    async fn signed(&self, claims: &Value) -> String {
        self.answer(&self.key.sign(None, claims)).await
    }

    /// What a good request with these members changed is answered; `null` leaves a member out.
    async fn changed(&self, members: Value) -> String {
        let mut claims = self.claims();
        for (name, value) in members.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        self.signed(&claims).await
    }
}

#[tokio::test]
async fn a_signed_request_says_all_that_a_form_says() {
    let scene = Scene::new().await;
    let answer = scene.shop.begin_signed(&scene.key, &PARAMETERS).await.expect("an answer").json();
    let asked = answer["auth_req_id"].as_str().expect("an auth_req_id").to_owned();
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    assert_eq!(prompt.binding_message().as_deref(), Some("Pay 12 euros"));
    scene.phone.approve(&prompt).await.expect("approved");
    scene.world.redeem(&scene.shop, &asked).await;
}

#[tokio::test]
async fn every_algorithm_that_the_realm_lists_is_taken_and_no_other() {
    let listed =
        [Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512, Algorithm::EdDsa];
    for algorithm in listed {
        let scene = Scene::of(algorithm, |_| {}).await;
        assert_eq!(scene.signed(&scene.claims()).await, "200", "{algorithm}");
    }
    let scene = Scene::of(Algorithm::Rs256, |_| {}).await;
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
    let scene = Scene::of(Algorithm::Rs256, |policy| policy.client_algorithms.push(Algorithm::Rs256)).await;
    assert_eq!(scene.signed(&scene.claims()).await, "200");
    let scene = Scene::of(Algorithm::Es256, |policy| policy.client_algorithms = vec![Algorithm::Ps256]).await;
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
}

#[tokio::test]
async fn under_the_fapi_profile_only_ps256_and_es256_are_taken() {
    // OP_ACCEPTANCE §2.6, modules 22 and 24.
    for (algorithm, answer) in [
        (Algorithm::Es256, "200"),
        (Algorithm::Ps256, "200"),
        (Algorithm::Es384, "400 invalid_request"),
        (Algorithm::Ps512, "400 invalid_request"),
        (Algorithm::EdDsa, "400 invalid_request"),
    ] {
        let scene = Scene::under_fapi(algorithm).await;
        assert_eq!(scene.signed(&scene.claims()).await, answer, "{algorithm}");
    }
}

#[tokio::test]
async fn a_client_that_registered_an_algorithm_signs_with_exactly_it() {
    // CIBA §4.
    let scene = Scene::of(Algorithm::Ps256, |_| {}).await;
    for (registered, answer) in [
        (Algorithm::Ps256, "200"),
        (Algorithm::Ps384, "400 invalid_request"),
        (Algorithm::Es256, "400 invalid_request"),
    ] {
        scene.world.edit_client(SHOP, |client| client.request_algorithm = Some(registered)).await;
        assert_eq!(scene.signed(&scene.claims()).await, answer, "{registered}");
        assert_eq!(a_request().sent(&scene.shop).await.in_short(), "400 invalid_request");
    }
}

#[tokio::test]
async fn six_claims_are_needed_and_each_is_judged() {
    // OP_ACCEPTANCE modules 10 to 21; CIBA §7.1.1.
    let scene = Scene::new().await;
    let now = scene.world.now().unix_seconds();
    let refused = [
        json!({ "aud": null }),
        json!({ "aud": "https://other.example" }),
        json!({ "aud": format!("{ISSUER}/") }),
        json!({ "aud": [] }),
        json!({ "aud": 1 }),
        json!({ "iss": null }),
        json!({ "iss": "bank" }),
        json!({ "iss": ["shop"] }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "exp": now - 3600 }),
        json!({ "exp": now - 60 }),
        json!({ "exp": now + 70 * 60 }),
        json!({ "exp": now + 3601 }),
        json!({ "iat": null }),
        json!({ "iat": now + 600 }),
        json!({ "iat": true }),
        json!({ "nbf": null }),
        json!({ "nbf": now + 600, "exp": now + 900 }),
        json!({ "nbf": now + 61 }),
        json!({ "nbf": now - 70 * 60 }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": 1 }),
    ];
    for members in refused {
        assert_eq!(scene.changed(members.clone()).await, "400 invalid_request", "{members}");
    }
    assert!(scene.phone.pending().await.expect("the phone asks").is_empty());
    let taken = [
        json!({ "aud": [ISSUER] }),
        json!({ "aud": ["https://other.example", ISSUER] }),
        json!({ "exp": now + 3600 }),
        json!({ "exp": now + 3600, "nbf": now + 60 }),
        json!({ "nbf": now - 3300, "iat": now - 3300 }),
        json!({ "iat": f64::from(u32::try_from(now).expect("before 2106")) + 0.5 }),
        json!({ "sub": "whatever" }),
        json!({ "client_id": SHOP }),
    ];
    for members in taken {
        assert_eq!(scene.changed(members.clone()).await, "200", "{members}");
    }
}

#[tokio::test]
async fn parameters_of_the_wrong_type_are_invalid_request() {
    let scene = Scene::new().await;
    for members in [
        json!({ "scope": ["openid"] }),
        json!({ "scope": null }),
        json!({ "login_hint": { "format": "email", "email": "alice@example.com" } }),
        json!({ "login_hint": 1001 }),
        json!({ "login_hint": null }),
        json!({ "login_hint_token": "a.b.c" }),
        json!({ "binding_message": 12 }),
        json!({ "user_code": 675_325 }),
        json!({ "acr_values": ["urn:assent:acr:uv"] }),
        json!({ "requested_expiry": 0 }),
        json!({ "requested_expiry": 30.5 }),
        json!({ "requested_expiry": "30 s" }),
        json!({ "request_context": "text" }),
        json!({ "request": "a.b.c" }),
        json!({ "request_uri": "https://rp.example/request" }),
        json!({ "client_id": "bank" }),
    ] {
        assert_eq!(scene.changed(members.clone()).await, "400 invalid_request", "{members}");
    }
}

#[tokio::test]
async fn a_requested_expiry_may_be_a_number_or_a_text() {
    // OP_ACCEPTANCE modules 5 and 8.
    let scene = Scene::new().await;
    for (requested, granted) in [(json!(30), 30), (json!("30"), 30), (json!(10), 10), (json!(99_999), 3_600)] {
        let mut claims = scene.claims();
        claims["requested_expiry"] = requested;
        let jwt = scene.key.sign(None, &claims);
        let answer = scene.shop.begin(&[("request", &jwt)]).await.expect("an answer");
        assert_eq!(answer.json()["expires_in"], granted);
    }
}

#[tokio::test]
async fn the_type_may_be_missing_general_or_its_own_in_any_case_and_no_other() {
    // OP_ACCEPTANCE §5.7; RFC 9101 §10.8.
    let scene = Scene::new().await;
    for typ in [None, Some("JWT"), Some("jwt"), Some("oauth-authz-req+jwt"), Some("OAuth-Authz-REQ+jwt")] {
        assert_eq!(scene.answer(&scene.key.sign(typ, &scene.claims())).await, "200", "{typ:?}");
    }
    for typ in [Some("at+jwt"), Some("logout+jwt"), Some("dpop+jwt"), Some("")] {
        assert_eq!(scene.answer(&scene.key.sign(typ, &scene.claims())).await, "400 invalid_request", "{typ:?}");
    }
}

#[tokio::test]
async fn what_is_not_signed_by_the_clients_own_key_is_refused() {
    // OP_ACCEPTANCE modules 22, 23 and 25.
    let scene = Scene::new().await;
    let good = scene.key.sign(None, &scene.claims());
    let (input, signature) = good.rsplit_once('.').expect("three parts");
    let part = |value: Value| protocol::base64url::encode(value.to_string().as_bytes());
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let strangers = ClientKey::generate(Algorithm::Es256);
    for (label, jwt) in [
        ("unsigned", format!("{}.{}.", part(json!({ "alg": "none" })), part(scene.claims()))),
        ("without a signature", format!("{input}.")),
        ("another signature", format!("{input}.{flipped}{}", &signature[1..])),
        ("another's key", strangers.sign(None, &scene.claims())),
        ("by the secret", sign_by_secret(SHOP_SECRET, Algorithm::Hs256, &scene.claims())),
        ("encrypted", "e30.AAAA.AAAA.AAAA.AAAA".to_owned()),
        ("no JWT", "request".to_owned()),
        ("two parts", input.to_owned()),
        ("too long", format!("{input}.{}", "A".repeat(20_000))),
    ] {
        assert_eq!(scene.answer(&jwt).await, "400 invalid_request", "{label}");
    }
    assert_eq!(scene.answer(&good).await, "200");
}

#[tokio::test]
async fn a_client_without_keys_cannot_sign() {
    let scene = Scene::new().await;
    scene.world.edit_client(SHOP, |client| client.keys = ClientKeys::None).await;
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
}

#[tokio::test]
async fn no_parameter_may_stand_outside_the_signed_request() {
    // CIBA §7.1.1, REQUIREMENTS Q15.
    let scene = Scene::new().await;
    let sent = async |name: &str, value: &str| {
        let jwt = scene.key.sign(None, &scene.claims());
        let answer = scene.shop.begin(&[("request", &jwt), (name, value)]).await;
        answer.expect("an answer").in_short()
    };
    for (name, value) in [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("login_hint_token", "a.b.c"),
        ("id_token_hint", "a.b.c"),
        ("binding_message", "Pay 12 euros"),
        ("user_code", "1"),
        ("acr_values", "urn:assent:acr:uv"),
        ("client_notification_token", "token"),
        ("requested_expiry", "30"),
        ("request_context", "{}"),
        ("resource", "https://api.example"),
        ("authorization_details", "[]"),
        ("request_uri", "https://rp.example/request"),
    ] {
        assert_eq!(sent(name, value).await, "400 invalid_request", "{name}");
    }
    for (name, value) in [("client_id", SHOP), ("scope", ""), ("future_parameter", "x")] {
        assert_eq!(sent(name, value).await, "200", "{name}");
    }
}

#[tokio::test]
async fn a_request_object_may_be_used_once_even_after_a_restart() {
    // OP_ACCEPTANCE §4.3.
    let mut scene = Scene::new().await;
    let jwt = scene.key.sign(None, &scene.claims());
    assert_eq!(scene.answer(&jwt).await, "200");
    assert_eq!(scene.answer(&jwt).await, "400 invalid_request");
    scene.world.restart().await;
    assert_eq!(scene.answer(&jwt).await, "400 invalid_request");
    // The `jti` counts, whatever else is said.
    let mut claims = scene.claims();
    claims["jti"] = "once".into();
    assert_eq!(scene.signed(&claims).await, "200");
    claims["binding_message"] = "Pay 13 euros".into();
    assert_eq!(scene.signed(&claims).await, "400 invalid_request");
    assert_eq!(scene.phone.pending().await.expect("the phone asks").len(), 2);
}

#[tokio::test]
async fn a_refused_request_uses_up_nothing_and_clients_have_ids_of_their_own() {
    let scene = Scene::new().await;
    let mut claims = scene.claims();
    claims["login_hint"] = "nobody".into();
    claims["jti"] = "once".into();
    assert_eq!(scene.signed(&claims).await, "400 unknown_user_id");
    claims["login_hint"] = "alice".into();
    assert_eq!(scene.signed(&claims).await, "200");
    scene.world.add_client("bank", "the secret of the bank").await;
    scene.world.edit_client("bank", |client| client.keys = ClientKeys::Jwks(scene.key.jwks().to_string())).await;
    let bank = scene.world.client("bank", "the secret of the bank").await;
    claims["iss"] = "bank".into();
    let answer = bank.begin(&[("request", &scene.key.sign(None, &claims))]).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
}

#[tokio::test]
async fn the_same_request_object_at_the_same_time_is_accepted_once() {
    let scene = Scene::new().await;
    let jwt = scene.key.sign(None, &scene.claims());
    let (first, second, third) = tokio::join!(scene.answer(&jwt), scene.answer(&jwt), scene.answer(&jwt));
    let accepted = [first, second, third].iter().filter(|answer| *answer == "200").count();
    assert_eq!(accepted, 1);
    assert_eq!(scene.phone.pending().await.expect("the phone asks").len(), 1);
}

#[tokio::test]
async fn under_the_fapi_profile_a_binding_message_is_needed() {
    // OP_ACCEPTANCE §6 "FAPI-CIBA".
    let scene = Scene::under_fapi(Algorithm::Es256).await;
    assert_eq!(scene.changed(json!({ "binding_message": null })).await, "400 invalid_request");
    assert_eq!(scene.changed(json!({ "binding_message": "1234" })).await, "200");
}

#[tokio::test]
async fn keys_may_be_published_and_replaced() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).reaching_stand_ins().make().await;
    let (shop, phone, key) = (world.shop().await, world.phone("1001").await, ClientKey::generate(Algorithm::Es256));
    let published = KeySetStandIn::publishing(key.jwks()).await;
    world.edit_client(SHOP, |client| client.keys = ClientKeys::JwksUri(published.url())).await;
    let scene = Scene { world, shop, phone, key };
    assert_eq!(scene.signed(&scene.claims()).await, "200");
    assert_eq!(scene.signed(&scene.claims()).await, "200");
    assert_eq!(published.fetched(), 1);
    let newer = ClientKey::generate(Algorithm::Es256);
    published.publish(newer.jwks());
    let signed = async || scene.answer(&newer.sign(None, &scene.claims())).await;
    assert_eq!(signed().await, "400 invalid_request", "the URL rests between two fetches");
    scene.world.advance(31);
    assert_eq!(signed().await, "200");
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_verify_nothing() {
    let world = World::builder().reaching_stand_ins().make().await;
    let (shop, phone, key) = (world.shop().await, world.phone("1001").await, ClientKey::generate(Algorithm::Es256));
    let published = KeySetStandIn::publishing(key.jwks()).await;
    published.break_down();
    world.edit_client(SHOP, |client| client.keys = ClientKeys::JwksUri(published.url())).await;
    let scene = Scene { world, shop, phone, key };
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
    // A URL that may not be called is not.
    let inside = "http://169.254.169.254/jwks".to_owned();
    scene.world.edit_client(SHOP, |client| client.keys = ClientKeys::JwksUri(inside)).await;
    assert_eq!(scene.signed(&scene.claims()).await, "400 invalid_request");
}
