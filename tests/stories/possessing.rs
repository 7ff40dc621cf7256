//! DPoP (RFC 9449): tokens that are of no use without the key they are bound to.

use axum::http::Request;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::realm::Policy;
use simulator::phone::Phone;
use simulator::prover::{DPOP, Prover};
use simulator::relying_party::RelyingParty;
use simulator::wire::Answer;
use tests::{ISSUER, MTLS_BASE, SHOP, World, a_request};

use crate::{introspected, resource_server, text};

const TOKEN: &str = "https://op.example/token";
const USERINFO: &str = "https://op.example/userinfo";

struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
    prover: Prover,
}

impl Scene {
    async fn by(policy: impl FnOnce(&mut Policy)) -> Self {
        let world = World::builder().policy(policy).make().await;
        world.edit_client(SHOP, |client| client.refresh = true).await;
        let (shop, phone) = (world.shop().await, world.phone("1001").await);
        Self { world, shop, phone, prover: Prover::generate(Algorithm::Es256) }
    }

    async fn new() -> Self {
        Self::by(|_| {}).await
    }

    fn now(&self) -> i64 {
        self.world.now().unix_seconds()
    }

    /// The claims of a good proof for the token endpoint.
    fn claims(&self) -> Value {
        self.prover.claims("POST", TOKEN, self.now())
    }

    /// The shop, whose calls bring this proof.
    fn with(&self, proof: &str) -> RelyingParty {
        self.shop.also_sending(&[(DPOP, proof)])
    }

    /// The shop, whose next call brings a good proof.
    fn proving(&self) -> RelyingParty {
        self.with(&self.prover.prove(&self.claims()))
    }

    /// An approved request that nobody has collected.
    async fn approved(&self) -> String {
        let asked = a_request().accepted(&self.shop).await;
        self.phone.approve(&self.world.prompt(&self.phone, &asked).await).await.expect("approved");
        asked
    }

    async fn collect(&self, shop: &RelyingParty) -> Answer {
        shop.poll(&self.approved().await).await.expect("an answer")
    }

    /// Tokens bound to the prover's key.
    async fn bound(&self) -> Value {
        let tokens = self.collect(&self.proving()).await;
        assert_eq!(tokens.in_short(), "200");
        tokens.json()
    }

    /// What userinfo says to this token with a proof that differs in these members.
    async fn userinfo(&self, token: &str, members: Value) -> Answer {
        let mut claims = self.prover.claims_with(token, "GET", USERINFO, self.now());
        merge(&mut claims, members);
        self.with(&self.prover.prove(&claims)).userinfo_by("DPoP", token).await.expect("an answer")
    }
}

/// `null` leaves a member out.
fn merge(claims: &mut Value, members: Value) {
    let claims = claims.as_object_mut().expect("an object");
    let Value::Object(members) = members else { panic!("an object") };
    claims.extend(members);
    claims.retain(|_, value| !value.is_null());
}

#[tokio::test]
async fn a_proof_binds_what_is_issued_to_its_key() {
    let scene = Scene::new().await;
    let api = resource_server(&scene.world).await;
    let tokens = scene.bound().await;
    assert_eq!(tokens["token_type"], "DPoP");
    let token = text(&tokens, "access_token");
    let said = introspected(&api, token).await;
    assert_eq!((&said["token_type"], &said["cnf"]), (&json!("DPoP"), &json!({ "jkt": scene.prover.thumbprint() })));
    assert_eq!(scene.userinfo(token, json!({})).await.in_short(), "200");
    let post = scene.prover.claims_with(token, "POST", USERINFO, scene.now());
    let posted = Request::post(USERINFO)
        .header("authorization", format!("dpop {token}"))
        .header(DPOP, scene.prover.prove(&post))
        .body(Vec::new());
    assert_eq!(scene.shop.show(posted.expect("a request")).await.expect("an answer").in_short(), "200");
}

#[tokio::test]
async fn a_jwt_access_token_says_what_it_is_bound_to() {
    let scene = Scene::new().await;
    scene
        .world
        .edit_client(SHOP, |client| client.access_token_format = server::domain::client::AccessTokenFormat::Jwt)
        .await;
    let tokens = scene.bound().await;
    let claims = text(&tokens, "access_token").split('.').nth(1).expect("a JWT");
    let claims: Value = serde_json::from_slice(&protocol::base64url::decode(claims).expect("base64url")).expect("JSON");
    assert_eq!(claims["cnf"], json!({ "jkt": scene.prover.thumbprint() }));
}

#[tokio::test]
async fn every_offered_algorithm_proves_and_no_other() {
    let scene = Scene::new().await;
    let offered: Vec<Algorithm> =
        serde_json::from_value(scene.shop.document()["dpop_signing_alg_values_supported"].clone()).expect("a list");
    assert!(offered.len() > 3 && offered.iter().all(|algorithm| algorithm.is_asymmetric()), "{offered:?}");
    for algorithm in offered {
        scene.world.advance(60);
        let prover = Prover::generate(algorithm);
        let proof = prover.prove(&prover.claims("POST", TOKEN, scene.now()));
        assert_eq!(scene.collect(&scene.with(&proof)).await.json()["token_type"], "DPoP", "{algorithm}");
    }
    scene.world.advance(60);
    let rs256 = Prover::generate(Algorithm::Rs256);
    let proof = rs256.prove(&rs256.claims("POST", TOKEN, scene.now()));
    assert_eq!(scene.collect(&scene.with(&proof)).await.in_short(), "400 invalid_dpop_proof");
}

#[tokio::test]
async fn a_proof_that_does_not_hold_for_the_call_is_refused_and_the_request_can_still_be_collected() {
    let scene = Scene::new().await;
    let asked = scene.approved().await;
    for members in [
        json!({ "htm": "GET" }),
        json!({ "htm": "post" }),
        json!({ "htm": null }),
        json!({ "htu": USERINFO }),
        json!({ "htu": "http://op.example/token" }),
        json!({ "htu": "/token" }),
        json!({ "htu": null }),
        json!({ "iat": null }),
        json!({ "iat": "now" }),
        json!({ "iat": scene.now() - 120 }),
        json!({ "iat": scene.now() + 61 }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(256) }),
        json!({ "nonce": 1 }),
        json!({ "exp": scene.now() - 60 }),
        json!({ "exp": "soon" }),
        json!({ "nbf": scene.now() + 61 }),
    ] {
        let mut claims = scene.claims();
        merge(&mut claims, members.clone());
        let answer = scene.with(&scene.prover.prove(&claims)).poll(&asked).await.expect("an answer");
        assert_eq!(answer.in_short(), "400 invalid_dpop_proof", "{members}");
        assert_eq!(answer.header("www-authenticate"), None, "never with a 400");
    }
    let other = Prover::generate(Algorithm::Es256);
    let mut secret = scene.prover.header();
    secret["jwk"]["d"] = "AA".into();
    for (what, header) in [
        ("of another type", json!({ "typ": "JWT", "alg": "ES256", "jwk": scene.prover.jwk() })),
        ("without a key", json!({ "typ": "dpop+jwt", "alg": "ES256" })),
        ("with a key by name", json!({ "typ": "dpop+jwt", "alg": "ES256", "kid": "one" })),
        ("with a private key", secret),
        ("with another's key", other.header()),
        ("by no algorithm", json!({ "typ": "dpop+jwt", "alg": "none", "jwk": scene.prover.jwk() })),
        ("by a MAC", json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": scene.prover.jwk() })),
        (
            "that must be understood",
            json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": scene.prover.jwk(), "crit": ["x"] }),
        ),
    ] {
        let proof = scene.prover.prove_under(&header, &scene.claims());
        assert_eq!(
            scene.with(&proof).poll(&asked).await.expect("an answer").in_short(),
            "400 invalid_dpop_proof",
            "{what}"
        );
    }
    let (one, two) = (scene.prover.prove(&scene.claims()), scene.prover.prove(&scene.claims()));
    let both = scene.shop.also_sending(&[(DPOP, &one), (DPOP, &two)]);
    assert_eq!(both.poll(&asked).await.expect("an answer").in_short(), "400 invalid_dpop_proof", "RFC 9449 §4.3 (1)");
    assert_eq!(scene.with("no proof").poll(&asked).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    assert_eq!(scene.proving().poll(&asked).await.expect("an answer").in_short(), "200", "nothing was lost");
}

#[tokio::test]
async fn the_url_may_be_written_in_any_way_and_as_the_alias_for_mutual_tls() {
    let world = World::builder().mutual_tls().make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let scene = Scene { world, shop, phone, prover: Prover::generate(Algorithm::Es256) };
    for url in ["https://OP.example:443/token?x=1#y".to_owned(), format!("{MTLS_BASE}/token")] {
        let proof = scene.prover.prove(&scene.prover.claims("POST", &url, scene.now()));
        assert_eq!(scene.collect(&scene.with(&proof)).await.in_short(), "200", "{url}");
    }
}

#[tokio::test]
async fn a_client_that_registered_bound_tokens_needs_a_proof_at_every_token_request() {
    let scene = Scene::new().await;
    let metadata = json!({ "dpop_bound_access_tokens": true, "grant_types": ["urn:openid:params:grant-type:ciba", "refresh_token"], "client_secret": tests::SHOP_SECRET });
    scene.world.admin().replace_client(SHOP, &metadata).await.expect("replaced");
    let pending = a_request().accepted(&scene.shop).await;
    assert_eq!(scene.shop.poll(&pending).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    assert_eq!(scene.proving().poll(&pending).await.expect("an answer").in_short(), "400 authorization_pending");
    let asked = scene.approved().await;
    assert_eq!(scene.shop.poll(&asked).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    let tokens = scene.proving().poll(&asked).await.expect("an answer").json();
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(scene.shop.refresh(refresh).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    assert_eq!(scene.proving().refresh(refresh).await.expect("an answer").json()["token_type"], "DPoP");
}

#[tokio::test]
async fn push_has_no_token_request_so_it_can_register_no_bound_tokens() {
    let scene = Scene::new().await;
    let metadata = json!({
        "client_id": "pushed", "dpop_bound_access_tokens": true, "backchannel_token_delivery_mode": "push",
        "backchannel_client_notification_endpoint": "https://rp.example/cb",
    });
    let refused = scene.world.admin().create_client(&metadata).await.expect_err("refused");
    assert!(refused.to_string().contains("dpop_bound_access_tokens"), "{refused}");
    let alone = json!({ "client_id": "alone", "dpop_bound_refresh_tokens": true });
    let refused = scene.world.admin().create_client(&alone).await.expect_err("refused");
    assert!(refused.to_string().contains("dpop_bound_refresh_tokens"), "{refused}");
}

#[tokio::test]
async fn a_copied_token_is_of_no_use_without_the_key() {
    let scene = Scene::new().await;
    let tokens = scene.bound().await;
    let token = text(&tokens, "access_token");
    let answer = scene.shop.userinfo(token).await.expect("an answer");
    assert_eq!(answer.in_short(), "401 invalid_token", "RFC 9449 §7.2: as a bearer token");
    assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer")));
    let answer = scene.shop.userinfo_by("DPoP", token).await.expect("an answer");
    assert_eq!(answer.in_short(), "401 invalid_token", "without a proof");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.starts_with("DPoP") && challenge.contains("algs=\"") && challenge.contains("ES256"),
        "{challenge}"
    );
    let thief = Prover::generate(Algorithm::Es256);
    let proof = thief.prove(&thief.claims_with(token, "GET", USERINFO, scene.now()));
    assert_eq!(scene.with(&proof).userinfo_by("DPoP", token).await.expect("an answer").in_short(), "401 invalid_token");
    for members in [
        json!({ "ath": null }),
        json!({ "ath": protocol::Digest::of(b"another token") }),
        json!({ "htm": "POST" }),
        json!({ "htu": TOKEN }),
        json!({ "iat": scene.now() - 120 }),
    ] {
        assert_eq!(scene.userinfo(token, members.clone()).await.in_short(), "401 invalid_dpop_proof", "{members}");
    }
    assert_eq!(scene.userinfo(token, json!({})).await.in_short(), "200");
}

#[tokio::test]
async fn a_bearer_token_is_not_taken_as_a_bound_one() {
    let scene = Scene::new().await;
    let tokens = scene.collect(&scene.shop).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(scene.userinfo(token, json!({})).await.in_short(), "401 invalid_token");
    assert_eq!(scene.shop.userinfo(token).await.expect("an answer").in_short(), "200");
}

#[tokio::test]
async fn without_a_token_both_schemes_are_asked_for() {
    let scene = Scene::new().await;
    let answer = scene.shop.show(Request::get(USERINFO).body(Vec::new()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.in_short(), "401 invalid_token");
    let challenge = answer.header("www-authenticate").expect("one challenge header");
    assert!(challenge.starts_with("Bearer realm=\"assent\", DPoP realm=\"assent\", algs=\"PS256 ES256"), "{challenge}");
}

#[tokio::test]
async fn a_proof_counts_once_on_all_nodes_and_after_a_restart() {
    let mut scene = Scene::new().await;
    let (first, second) = (scene.approved().await, scene.approved().await);
    let proof = scene.prover.prove(&scene.claims());
    assert_eq!(scene.with(&proof).poll(&first).await.expect("an answer").in_short(), "200");
    assert_eq!(scene.with(&proof).poll(&second).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    scene.world.restart().await;
    scene.shop = scene.world.shop().await;
    assert_eq!(scene.with(&proof).poll(&second).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    let tokens = scene.proving().poll(&second).await.expect("an answer").json();
    let token = text(&tokens, "access_token");
    let at_userinfo = scene.prover.prove(&scene.prover.claims_with(token, "GET", USERINFO, scene.now()));
    assert_eq!(scene.with(&at_userinfo).userinfo_by("DPoP", token).await.expect("an answer").in_short(), "200");
    scene.world.restart().await;
    scene.shop = scene.world.shop().await;
    let again = scene.with(&at_userinfo).userinfo_by("DPoP", token).await.expect("an answer");
    assert_eq!(again.in_short(), "401 invalid_dpop_proof");
}

#[tokio::test]
async fn of_calls_at_once_with_one_proof_one_counts() {
    let scene = Scene::new().await;
    let tokens = scene.bound().await;
    let token = text(&tokens, "access_token").to_owned();
    let proof = scene.prover.prove(&scene.prover.claims_with(&token, "GET", USERINFO, scene.now()));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (shop, token) = (scene.with(&proof), token.clone());
        calls.spawn(async move { shop.userinfo_by("DPoP", &token).await.expect("an answer").in_short() });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "200").count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| *answer == "401 invalid_dpop_proof").count(), 7, "{answers:?}");
}

#[tokio::test]
async fn each_answer_to_a_proof_brings_the_nonce_of_the_next_one() {
    let scene = Scene::new().await;
    let pending = a_request().accepted(&scene.shop).await;
    assert_eq!(
        scene.shop.poll(&pending).await.expect("an answer").header("dpop-nonce"),
        None,
        "nobody proved anything"
    );
    let answer = scene.proving().poll(&pending).await.expect("an answer");
    let nonce = answer.header("dpop-nonce").expect("a nonce").to_owned();
    let mut claims = scene.claims();
    merge(&mut claims, json!({ "nonce": nonce }));
    let tokens = scene.collect(&scene.with(&scene.prover.prove(&claims))).await.json();
    let answer = scene.userinfo(text(&tokens, "access_token"), json!({ "nonce": nonce })).await;
    assert_eq!((answer.in_short().as_str(), answer.header("dpop-nonce").is_some()), ("200", true));
}

#[tokio::test]
async fn a_nonce_that_is_not_ours_or_too_old_is_answered_with_a_fresh_one() {
    let scene = Scene::new().await;
    let nonce = scene.proving().poll(&a_request().accepted(&scene.shop).await).await.expect("an answer");
    let nonce = nonce.header("dpop-nonce").expect("a nonce").to_owned();
    scene.world.advance(300);
    let asked_again = scene.approved().await;
    for nonce in ["", "made-up", &nonce] {
        let mut claims = scene.claims();
        merge(&mut claims, json!({ "nonce": nonce }));
        let answer = scene.with(&scene.prover.prove(&claims)).poll(&asked_again).await.expect("an answer");
        assert_eq!(answer.in_short(), "400 use_dpop_nonce", "{nonce:?}");
        assert!(answer.header("dpop-nonce").is_some());
    }
    let tokens = scene.bound().await;
    let answer = scene.userinfo(text(&tokens, "access_token"), json!({ "nonce": nonce })).await;
    assert_eq!(answer.in_short(), "401 use_dpop_nonce");
    assert!(answer.header("www-authenticate").is_some_and(|it| it.contains("use_dpop_nonce")));
}

#[tokio::test]
async fn where_the_realm_wants_nonces_a_proof_without_one_is_not_enough() {
    let scene = Scene::by(|policy| policy.dpop_nonce = true).await;
    let asked = scene.approved().await;
    let answer = scene.proving().poll(&asked).await.expect("an answer");
    assert_eq!(answer.in_short(), "400 use_dpop_nonce", "RFC 9449 §8");
    let mut claims = scene.claims();
    merge(&mut claims, json!({ "nonce": answer.header("dpop-nonce").expect("a nonce") }));
    let tokens = scene.with(&scene.prover.prove(&claims)).poll(&asked).await.expect("an answer").json();
    let token = text(&tokens, "access_token");
    let answer = scene.userinfo(token, json!({})).await;
    assert_eq!(answer.in_short(), "401 use_dpop_nonce", "RFC 9449 §9");
    let nonce = answer.header("dpop-nonce").expect("a nonce");
    assert_eq!(scene.userinfo(token, json!({ "nonce": nonce })).await.in_short(), "200");
}

#[tokio::test]
async fn a_refresh_binds_to_the_key_that_it_shows() {
    let scene = Scene::new().await;
    let api = resource_server(&scene.world).await;
    let tokens = scene.bound().await;
    let other = Prover::generate(Algorithm::Es256);
    let proof = other.prove(&other.claims("POST", TOKEN, scene.now()));
    let next = scene.with(&proof).refresh(text(&tokens, "refresh_token")).await.expect("an answer").json();
    assert_eq!(
        next["token_type"], "DPoP",
        "RFC 9449 §5: a confidential client's refresh tokens are bound to the client"
    );
    assert_eq!(introspected(&api, text(&next, "access_token")).await["cnf"], json!({ "jkt": other.thumbprint() }));
    let plain = scene.shop.refresh(text(&next, "refresh_token")).await.expect("an answer").json();
    assert_eq!(
        (&plain["token_type"], introspected(&api, text(&plain, "access_token")).await.get("cnf")),
        (&json!("Bearer"), None)
    );
}

#[tokio::test]
async fn refresh_tokens_that_are_bound_are_refreshed_by_their_key_alone() {
    let scene = Scene::new().await;
    scene
        .world
        .edit_client(SHOP, |client| {
            client.dpop_bound = true;
            client.dpop_bound_refresh = true;
        })
        .await;
    let tokens = scene.bound().await;
    let refresh = text(&tokens, "refresh_token");
    let thief = Prover::generate(Algorithm::Es256);
    let proof = thief.prove(&thief.claims("POST", TOKEN, scene.now()));
    assert_eq!(scene.with(&proof).refresh(refresh).await.expect("an answer").in_short(), "400 invalid_grant");
    assert_eq!(scene.shop.refresh(refresh).await.expect("an answer").in_short(), "400 invalid_dpop_proof");
    let next = scene.proving().refresh(refresh).await.expect("an answer").json();
    assert_eq!(next["token_type"], "DPoP");
    let said = introspected(&scene.shop, text(&next, "refresh_token")).await;
    assert_eq!(said["cnf"], json!({ "jkt": scene.prover.thumbprint() }));
}

#[tokio::test]
async fn the_fapi_profile_does_not_speak_of_proofs() {
    let offered =
        World::builder().policy(|policy| policy.profile = server::domain::profile::Profile::FapiCiba).make().await;
    let document =
        offered.public().get(&format!("{ISSUER}/.well-known/openid-configuration")).await.expect("an answer");
    assert_eq!(document.in_short(), "200");
    assert_eq!(
        (&document.json()["issuer"], document.json().get("dpop_signing_alg_values_supported")),
        (&json!(ISSUER), None)
    );
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_and_a_key_is_presented_with_both() {
    let world = World::builder().mutual_tls().make().await;
    world.edit_client(SHOP, |client| client.certificate_bound = true).await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let (own, other) = (tests::pki::self_signed("shop").0, tests::pki::self_signed("thief").0);
    let scene = Scene { world, shop: shop.showing(Some(own)), phone, prover: Prover::generate(Algorithm::Es256) };
    let tokens = scene.bound().await;
    let token = text(&tokens, "access_token");
    let api = resource_server(&scene.world).await;
    let confirmation = introspected(&api, token).await["cnf"].clone();
    assert!(confirmation["jkt"].is_string() && confirmation["x5t#S256"].is_string(), "{confirmation}");
    assert_eq!(scene.userinfo(token, json!({})).await.in_short(), "200");
    let bare = Scene { shop: scene.shop.showing(None), ..scene };
    assert_eq!(bare.userinfo(token, json!({})).await.in_short(), "401 invalid_token", "no certificate");
    let strange = Scene { shop: bare.shop.showing(Some(other)), ..bare };
    assert_eq!(strange.userinfo(token, json!({})).await.in_short(), "401 invalid_token", "another certificate");
}

#[tokio::test]
async fn in_a_realm_below_a_path_proofs_are_for_urls_below_it() {
    const TWO: &str = "https://op.example/realms/two";
    let world = World::builder().realm("two", TWO).make().await;
    let document = world.public().get(&format!("{TWO}/.well-known/openid-configuration")).await.expect("an answer");
    assert_eq!(document.json()["token_endpoint"], format!("{TWO}/token"));
    let prover = Prover::generate(Algorithm::Es256);
    let made = json!({ "client_id": "far", "client_name": "Far Away", "client_secret": "a secret of some length" });
    world.admin().in_realm("two").create_client(&made).await.expect("created");
    let credentials = simulator::relying_party::Credentials {
        id: "far".to_owned(),
        secret: "a secret of some length".to_owned(),
        authentication: simulator::relying_party::Authentication::Basic,
    };
    let far = RelyingParty::discover(world.public().clone(), TWO, credentials).await.expect("discovered");
    let now = world.now().unix_seconds();
    for (url, expected) in [(format!("{TWO}/token"), "400 invalid_grant"), (TOKEN.to_owned(), "400 invalid_dpop_proof")]
    {
        let proof = prover.prove(&prover.claims("POST", &url, now));
        assert_eq!(far.also_sending(&[(DPOP, &proof)]).poll("nobody's").await.expect("an answer").in_short(), expected);
    }
}
