//! A user's own app enrols phones by an access token of the login where the user signed in (RFC 9068), bound to a key
//! (RFC 9449) or a certificate (RFC 8705) of the app's.

use axum::http::Request;
use device_core::{EnrolmentState, PushTarget};
use protocol::{Digest, Jwk};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::policy::{ENROLMENT_SCOPE, EnrolmentIssuer};
use simulator::client_key::ClientKey;
use simulator::stand_in::key_set::KeySetStandIn;
use simulator::wire::Answer;
use tests::{ISSUER, SHOP, World, a_request};

const LOGIN: &str = "https://login.example";
const APP: &str = "our-app";
const PASSPORT: &str = "urn:example:passport";
const TICKETS: &str = "/enrol/tickets";

struct Scene {
    world: World,
    /// Of the login.
    login: ClientKey,
    /// Of the app.
    own: ClientKey,
    _published: KeySetStandIn,
}

/// One call of the app's.
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    scheme: &'a str,
    token: &'a str,
    proof: Option<String>,
    certificate: Option<ClientCertificate>,
    body: Option<Value>,
}

impl<'a> Call<'a> {
    fn of(method: &'a str, path: &'a str, token: &'a str) -> Self {
        Self { method, path, scheme: "DPoP", token, proof: None, certificate: None, body: None }
    }
}

impl Scene {
    async fn new() -> Self {
        let (login, own) = (ClientKey::generate(Algorithm::Ps256), ClientKey::generate(Algorithm::Es256));
        let published = KeySetStandIn::publishing(login.jwks()).await;
        let issuer = EnrolmentIssuer {
            issuer: LOGIN.to_owned(),
            jwks_uri: published.url(),
            clients: vec![APP.to_owned()],
            recovery_acr: vec![PASSPORT.to_owned()],
        };
        let world = World::builder().policy(|policy| policy.enrolment_issuers = vec![issuer]).make().await;
        Self { world, login, own, _published: published }
    }

    /// What the login says of a user who signed in a minute ago, but for these members; `null` leaves one out.
    fn claims(&self, members: &Value) -> Value {
        let now = self.world.now().unix_seconds();
        let mut claims = json!({
            "iss": LOGIN, "aud": ISSUER, "sub": "1001", "client_id": APP, "scope": format!("openid {ENROLMENT_SCOPE}"),
            "iat": now - 5, "exp": now + 300, "auth_time": now - 60, "jti": "1", "acr": "urn:example:password",
            "cnf": { "jkt": thumbprint(&self.own) },
        });
        for (name, value) in members.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        claims
    }

    fn token(&self, members: &Value) -> String {
        self.login.sign(Some("at+jwt"), &self.claims(members))
    }

    /// A proof for a call, but for these members.
    fn proof(&self, call: &Call<'_>, members: &Value) -> String {
        let mut claims = json!({
            "htm": call.method, "htu": format!("{ISSUER}{}", call.path), "iat": self.world.now().unix_seconds(),
            "jti": (&server::app::system::SystemRandom as &dyn server::domain::random::Random).token(), "ath": Digest::of(call.token.as_bytes()),
        });
        for (name, value) in members.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        self.own.sign_under(&header(&self.own), &claims)
    }

    async fn send(&self, call: Call<'_>) -> Answer {
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{ISSUER}{}", call.path))
            .header("authorization", format!("{} {}", call.scheme, call.token));
        if let Some(proof) = &call.proof {
            request = request.header("dpop", proof);
        }
        if let Some(certificate) = call.certificate {
            request = request.extension(certificate);
        }
        if call.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = call.body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.world.public().send(request.body(body).expect("a request")).await.expect("an answer")
    }

    /// A call with a good proof.
    async fn proven(&self, mut call: Call<'_>) -> Answer {
        call.proof = Some(self.proof(&call, &json!({})));
        self.send(call).await
    }

    /// What asking for a ticket with such a token comes to.
    async fn asked(&self, members: &Value) -> String {
        self.proven(Call::of("POST", TICKETS, &self.token(members))).await.in_short()
    }
}

fn public(key: &ClientKey) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().expect("an object").retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    jwk
}

fn thumbprint(key: &ClientKey) -> Digest {
    serde_json::from_value::<Jwk>(public(key)).expect("a key").thumbprint()
}

fn header(key: &ClientKey) -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": public(key) })
}

#[tokio::test]
async fn an_app_asks_for_a_ticket_shows_it_and_types_the_digits() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let made = scene.proven(Call::of("POST", TICKETS, &token)).await;
    assert_eq!(made.in_short(), "201");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let (ticket, id) = (made.json()["ticket"].clone(), made.json()["id"].as_str().expect("an id").to_owned());
    let path = format!("{TICKETS}/{id}");
    assert_eq!(made.header("location"), Some(format!("{ISSUER}{path}").as_str()));
    let seen = async || scene.proven(Call::of("GET", &path, &token)).await.json();
    assert_eq!(seen().await["state"], "fresh");
    let mut phone = scene.world.new_phone("Alice's phone", ISSUER);
    let enrolment = phone.enrol(ticket.as_str().expect("a link"), PushTarget::None).await.expect("enrolling");
    let shown = seen().await;
    assert_eq!((&shown["state"], &shown["device"]["name"]), (&json!("awaits_digits"), &json!("Alice's phone")));
    let digits = enrolment.digits().expect("the phone shows digits");
    let at = format!("{path}/digits");
    let typed = Call { body: Some(json!({ "digits": digits })), ..Call::of("POST", &at, &token) };
    assert_eq!(scene.proven(typed).await.in_short(), "200");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    assert_eq!(seen().await["state"], "enrolled");
    let events = scene.world.admin().audit().await.expect("events");
    let created: Vec<_> = events.iter().filter(|event| event["event"] == "ticket_created").collect();
    assert_eq!(created.len(), 1);
    assert_eq!(created[0]["client"], APP);
}

#[tokio::test]
async fn the_ticket_may_be_had_as_a_picture() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let proof = scene.proof(&Call::of("POST", TICKETS, &token), &json!({}));
    let request = Request::builder().method("POST").uri(format!("{ISSUER}{TICKETS}"));
    let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let request = request.header("accept", "image/svg+xml").body(Vec::new()).expect("a request");
    let answer = scene.world.public().send(request).await.expect("an answer");
    assert_eq!((answer.in_short().as_str(), answer.header("content-type")), ("201", Some("image/svg+xml")));
}

#[tokio::test]
async fn wrong_digits_end_the_enrolment() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let made = scene.proven(Call::of("POST", TICKETS, &token)).await.json();
    let at = format!("{TICKETS}/{}/digits", made["id"].as_str().expect("an id"));
    let typed = |digits: &str| Call { body: Some(json!({ "digits": digits })), ..Call::of("POST", &at, &token) };
    assert_eq!(scene.proven(typed("000000")).await.in_short(), "404 unknown_ticket", "nobody began");
    let mut phone = scene.world.new_phone("Phone", ISSUER);
    let enrolment = phone.enrol(made["ticket"].as_str().expect("a link"), PushTarget::None).await.expect("enrolling");
    let right = enrolment.digits().expect("digits");
    let wrong = if right == "000000" { "000001" } else { "000000" };
    assert_eq!(scene.proven(typed(wrong)).await.in_short(), "403 wrong_digits");
    assert_eq!(scene.proven(typed(&right)).await.in_short(), "410 enrolment_cancelled");
    let unread = Call { body: Some(json!({ "digit": 1 })), ..Call::of("POST", &at, &token) };
    assert_eq!(scene.proven(unread).await.in_short(), "400 invalid_request");
}

#[tokio::test]
async fn a_ticket_is_no_business_of_another_user() {
    let scene = Scene::new().await;
    let (alice, bob) = (scene.token(&json!({})), scene.token(&json!({ "sub": "1002" })));
    let made = scene.proven(Call::of("POST", TICKETS, &alice)).await.json();
    let path = format!("{TICKETS}/{}", made["id"].as_str().expect("an id"));
    let digits = format!("{path}/digits");
    assert_eq!(scene.proven(Call::of("GET", &path, &bob)).await.in_short(), "404 unknown_ticket");
    let typed = Call { body: Some(json!({ "digits": "000000" })), ..Call::of("POST", &digits, &bob) };
    assert_eq!(scene.proven(typed).await.in_short(), "404 unknown_ticket");
    assert_eq!(scene.proven(Call::of("GET", &path, &alice)).await.in_short(), "200");
    assert_eq!(scene.proven(Call::of("GET", "/enrol/tickets/nothing", &alice)).await.in_short(), "404 unknown_ticket");
}

#[tokio::test]
async fn a_token_that_is_not_what_it_must_be_opens_nothing() {
    let scene = Scene::new().await;
    let now = scene.world.now().unix_seconds();
    assert_eq!(scene.asked(&json!({})).await, "201");
    assert_eq!(scene.asked(&json!({ "aud": ["https://other.example", ISSUER] })).await, "201");
    let rows = [
        (json!({ "iss": "https://other.example" }), "401 invalid_token"),
        (json!({ "iss": null }), "401 invalid_token"),
        (json!({ "aud": "https://other.example" }), "401 invalid_token"),
        (json!({ "aud": null }), "401 invalid_token"),
        (json!({ "sub": null }), "401 invalid_token"),
        (json!({ "iat": null }), "401 invalid_token"),
        (json!({ "exp": now - 61 }), "401 invalid_token"),
        (json!({ "exp": null }), "401 invalid_token"),
        (json!({ "exp": now + 100_000 }), "401 invalid_token"),
        (json!({ "client_id": "another-app" }), "401 invalid_token"),
        (json!({ "client_id": null }), "401 invalid_token"),
        (json!({ "cnf": null }), "401 invalid_token"),
        (json!({ "cnf": {} }), "401 invalid_token"),
        (json!({ "cnf": { "jkt": 1 } }), "401 invalid_token"),
        (json!({ "cnf": { "jkt": Digest::of(b"another key") } }), "401 invalid_token"),
        (json!({ "scope": "openid" }), "403 insufficient_scope"),
        (json!({ "scope": format!("{ENROLMENT_SCOPE}s") }), "403 insufficient_scope"),
        (json!({ "scope": null }), "403 insufficient_scope"),
        (json!({ "auth_time": null }), "401 insufficient_user_authentication"),
        (json!({ "auth_time": now - 300 }), "401 insufficient_user_authentication"),
        (json!({ "auth_time": now + 61 }), "401 insufficient_user_authentication"),
        (json!({ "sub": "nobody" }), "403 access_denied"),
    ];
    for (members, expected) in rows {
        assert_eq!(scene.asked(&members).await, expected, "{members}");
    }
    let claims = scene.claims(&json!({}));
    let unbelieved = [
        ("an ID token", scene.login.sign(Some("JWT"), &claims)),
        ("of no type", scene.login.sign(None, &claims)),
        ("of another key", ClientKey::generate(Algorithm::Ps256).sign(Some("at+jwt"), &claims)),
        ("by the app itself", scene.own.sign(Some("at+jwt"), &claims)),
        ("no JWT", "nonsense".to_owned()),
    ];
    for (what, token) in unbelieved {
        let answer = scene.proven(Call::of("POST", TICKETS, &token)).await;
        assert_eq!(answer.in_short(), "401 invalid_token", "{what}");
        assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("DPoP")), "{what}");
    }
    assert_eq!(scene.world.events("ticket_created").await, 2);
}

#[tokio::test]
async fn a_proof_that_is_not_for_this_call_opens_nothing() {
    let scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let now = scene.world.now().unix_seconds();
    let call = || Call::of("POST", TICKETS, &token);
    let rows = [
        json!({ "htm": "GET" }),
        json!({ "htu": format!("{ISSUER}{TICKETS}/other") }),
        json!({ "htu": format!("https://other.example{TICKETS}") }),
        json!({ "ath": Digest::of(b"another token") }),
        json!({ "ath": null }),
        json!({ "iat": now - 120 }),
        json!({ "iat": now + 61 }),
        json!({ "iat": null }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(256) }),
    ];
    for members in rows {
        let answer = scene.send(Call { proof: Some(scene.proof(&call(), &members)), ..call() }).await;
        assert_eq!(answer.in_short(), "401 invalid_dpop_proof", "{members}");
    }
    let claims = json!({
        "htm": "POST", "htu": format!("{ISSUER}{TICKETS}"), "iat": now, "jti": "a", "ath": Digest::of(token.as_bytes()),
    });
    let other = ClientKey::generate(Algorithm::Es256);
    let mut secret = header(&scene.own);
    secret["jwk"]["d"] = json!("AAAA");
    let rows = [
        ("of another type", json!({ "typ": "JWT", "alg": "ES256", "jwk": public(&scene.own) }), "invalid_dpop_proof"),
        ("without a key", json!({ "typ": "dpop+jwt", "alg": "ES256" }), "invalid_dpop_proof"),
        ("with a private key", secret, "invalid_dpop_proof"),
        ("with another's key", header(&other), "invalid_dpop_proof"),
    ];
    for (what, header, expected) in rows {
        let proof = scene.own.sign_under(&header, &claims);
        let answer = scene.send(Call { proof: Some(proof), ..call() }).await;
        assert_eq!(answer.in_short(), format!("401 {expected}"), "{what}");
    }
    let stolen = other.sign_under(&header(&other), &claims);
    let answer = scene.send(Call { proof: Some(stolen), ..call() }).await;
    assert_eq!(answer.in_short(), "401 invalid_token", "by a key that the token is not bound to");
    assert_eq!(scene.send(call()).await.in_short(), "401 invalid_token", "no proof");
    let good = scene.proof(&call(), &json!({}));
    let bearer = Call { scheme: "Bearer", proof: Some(good.clone()), ..call() };
    assert_eq!(scene.send(bearer).await.in_short(), "401 invalid_token", "RFC 9449 §7.2");
    assert_eq!(scene.send(Call { proof: Some(good.clone()), ..call() }).await.in_short(), "201");
    let again = scene.send(Call { proof: Some(good), ..call() }).await;
    assert_eq!(again.in_short(), "401 invalid_dpop_proof", "each proof opens once");
    assert_eq!(scene.world.events("ticket_created").await, 1);
}

#[tokio::test]
async fn a_proof_opens_once_on_whatever_node_and_after_a_restart() {
    let mut scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let proof = scene.proof(&Call::of("POST", TICKETS, &token), &json!({}));
    let call = || Call { proof: Some(proof.clone()), ..Call::of("POST", TICKETS, &token) };
    assert_eq!(scene.send(call()).await.in_short(), "201");
    scene.world.restart().await;
    assert_eq!(scene.send(call()).await.in_short(), "401 invalid_dpop_proof");
}

#[tokio::test]
async fn a_proof_lets_digits_be_typed_once_and_no_others_by_a_copy_of_it_elsewhere() {
    let mut scene = Scene::new().await;
    let token = scene.token(&json!({}));
    let made = scene.proven(Call::of("POST", TICKETS, &token)).await.json();
    let at = format!("{TICKETS}/{}/digits", made["id"].as_str().expect("an id"));
    let mut phone = scene.world.new_phone("Phone", ISSUER);
    let enrolment = phone.enrol(made["ticket"].as_str().expect("a link"), PushTarget::None).await.expect("enrolling");
    let right = enrolment.digits().expect("digits");
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let typed = |digits: &str| Call { body: Some(json!({ "digits": digits })), ..Call::of("POST", &at, &token) };
    let proof = scene.proof(&typed(&right), &json!({}));
    assert_eq!(scene.send(Call { proof: Some(proof.clone()), ..typed(&right) }).await.in_short(), "200");
    scene.world.restart().await;
    let copied = scene.send(Call { proof: Some(proof), ..typed(wrong) }).await;
    assert_eq!(copied.in_short(), "401 invalid_dpop_proof");
}

#[tokio::test]
async fn a_token_may_be_bound_to_a_certificate_instead() {
    let scene = Scene::new().await;
    let certificate = |name: &str| ClientCertificate::new(name.as_bytes().to_vec(), Vec::new());
    let token = scene.token(&json!({ "cnf": { "x5t#S256": certificate("one").thumbprint() } }));
    let call = |scheme, shown| Call { scheme, certificate: shown, ..Call::of("POST", TICKETS, &token) };
    assert_eq!(scene.send(call("Bearer", Some(certificate("one")))).await.in_short(), "201");
    assert_eq!(scene.send(call("Bearer", Some(certificate("other")))).await.in_short(), "401 invalid_token");
    assert_eq!(scene.send(call("Bearer", None)).await.in_short(), "401 invalid_token");
    assert_eq!(scene.proven(call("DPoP", Some(certificate("one")))).await.in_short(), "401 invalid_token");
    let both = json!({ "cnf": { "x5t#S256": certificate("one").thumbprint(), "jkt": thumbprint(&scene.own) } });
    let both = scene.token(&both);
    let call = |shown| Call { certificate: shown, ..Call::of("POST", TICKETS, &both) };
    assert_eq!(scene.proven(call(Some(certificate("one")))).await.in_short(), "201");
    assert_eq!(scene.proven(call(None)).await.in_short(), "401 invalid_token");
}

#[tokio::test]
async fn who_has_no_phone_left_must_have_signed_in_better() {
    let scene = Scene::new().await;
    scene.world.phone("1001").await;
    assert_eq!(scene.asked(&json!({})).await, "201", "another phone is there, and hears of it");
    for device in scene.world.admin().devices("1001").await.expect("a list") {
        scene.world.admin().revoke(device["id"].as_str().expect("an id")).await.expect("revoked");
    }
    let token = scene.token(&json!({}));
    let answer = scene.proven(Call::of("POST", TICKETS, &token)).await;
    assert_eq!(answer.in_short(), "401 insufficient_user_authentication");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains(&format!("acr_values=\"{PASSPORT}\"")) && challenge.contains("max_age=\"300\""));
    assert_eq!(scene.asked(&json!({ "acr": null })).await, "401 insufficient_user_authentication");
    assert_eq!(scene.asked(&json!({ "acr": PASSPORT })).await, "201");
}

#[tokio::test]
async fn who_may_not_sign_in_enrols_nothing() {
    let scene = Scene::new().await;
    for status in [server::domain::user::UserStatus::Locked, server::domain::user::UserStatus::Disabled] {
        scene.world.set_status("1001", status).await;
        assert_eq!(scene.asked(&json!({})).await, "403 access_denied");
    }
}

#[tokio::test]
async fn a_realm_that_believes_no_login_believes_none() {
    let scene = Scene::new().await;
    let world = World::new().await;
    let token = scene.token(&json!({}));
    let call = Call::of("POST", TICKETS, &token);
    let proof = scene.proof(&call, &json!({}));
    let request = Request::builder().method("POST").uri(format!("{ISSUER}{TICKETS}"));
    let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let answer = world.public().send(request.body(Vec::new()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.in_short(), "401 invalid_token");
}

#[tokio::test]
async fn the_scope_of_enrolment_never_comes_out_of_a_ciba_request() {
    let world = World::new().await;
    let metadata = json!({ "client_name": "Sly", "scope": format!("openid {ENROLMENT_SCOPE}") });
    assert!(world.admin().create_client(&metadata).await.is_err(), "it cannot be registered");
    // Nor asked for by a client whose record holds it all the same.
    world.edit_client(SHOP, |client| client.scope.push(ENROLMENT_SCOPE.to_owned())).await;
    let shop = world.shop().await;
    let scope = format!("openid {ENROLMENT_SCOPE}");
    assert_eq!(a_request().with("scope", &scope).sent(&shop).await.in_short(), "400 invalid_scope");
}
