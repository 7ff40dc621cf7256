//! A relying party shows who it is: by secret, by assertion, by certificate, and always as it registered.

use axum::http::header::AUTHORIZATION;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::policy::Policy;
use server::domain::profile::Profile;
use simulator::client_key::{ClientKey, sign_by_secret};
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, JWT_BEARER, RelyingParty, basic, form};
use simulator::stand_in::key_set::KeySetStandIn;
use tests::pki::{Authority, self_signed};
use tests::{ISSUER, MTLS_BASE, SHOP, World, a_request};

use crate::{keyed_shop, scene};

const SECRET: &str = "a secret of more than sixty-four bytes, because HS512 wants that many of them";

/// A token request of the bank for a request that it never made: `invalid_grant` is told to a client that was let in.
const LET_IN: &str = "400 invalid_grant";
const KEPT_OUT: &str = "401 invalid_client";

fn nothing() -> [(&'static str, &'static str); 2] {
    [("grant_type", CIBA_GRANT), ("auth_req_id", "never-asked")]
}

/// Registers `bank` and gives its relying party.
async fn bank(world: &World, metadata: Value, authentication: Authentication) -> RelyingParty {
    let mut metadata = metadata;
    metadata["client_id"] = "bank".into();
    world.register(&metadata).await;
    let credentials = Credentials { id: "bank".to_owned(), secret: SECRET.to_owned(), authentication };
    world.client_with(credentials).await
}

/// A bank that signs with this key, in whatever algorithm suits it.
async fn keyed(world: &World, key: &ClientKey) -> RelyingParty {
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": for_any_use(key) });
    bank(world, metadata, Authentication::PrivateKeyJwt(key.clone())).await
}

fn for_any_use(key: &ClientKey) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().expect("an object").remove("alg");
    json!({ "keys": [jwk] })
}

async fn told(party: &RelyingParty, assertion: &str) -> String {
    let answer = party.post_asserting(party.endpoint("token_endpoint"), &nothing(), assertion).await;
    answer.expect("an answer").in_short()
}

/// The claims of a fresh assertion with others in their place; `null` takes one away.
fn claims(party: &RelyingParty, different: &Value) -> Value {
    let mut claims = party.assertion();
    for (name, value) in different.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Every method, registered by a client of its name in a world that offers all of them.
async fn everybody() -> (World, Vec<RelyingParty>) {
    let authority = Authority::new("CA");
    let world = World::builder().trusting(&authority).make().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let (own, jwk) = self_signed("own");
    let ways: [(&str, Value, Authentication, Option<ClientCertificate>); 6] = [
        ("client_secret_basic", json!({ "client_secret": SECRET }), Authentication::Basic, None),
        ("client_secret_post", json!({ "client_secret": SECRET }), Authentication::Post, None),
        ("client_secret_jwt", json!({ "client_secret": SECRET }), Authentication::SecretJwt, None),
        ("private_key_jwt", json!({ "jwks": key.jwks() }), Authentication::PrivateKeyJwt(key), None),
        (
            "tls_client_auth",
            json!({ "tls_client_auth_san_dns": "bank.example" }),
            Authentication::Certificate,
            Some(authority.certify("bank")),
        ),
        ("self_signed_tls_client_auth", json!({ "jwks": { "keys": [jwk] } }), Authentication::Certificate, Some(own)),
    ];
    let mut parties = Vec::new();
    for (method, mut metadata, authentication, certificate) in ways {
        metadata["client_id"] = method.into();
        metadata["token_endpoint_auth_method"] = method.into();
        world.register(&metadata).await;
        let credentials = Credentials { id: method.to_owned(), secret: SECRET.to_owned(), authentication };
        parties.push(world.client_with(credentials).await.showing(certificate));
    }
    (world, parties)
}

/// CIBA §7.1, RFC 7009 §2.1, RFC 7662 §2.1.
#[tokio::test]
async fn each_method_lets_its_client_in_at_every_endpoint() {
    let (world, parties) = everybody().await;
    let _phone = world.phone("1001").await;
    for party in &parties {
        let asked = a_request().accepted(party).await;
        assert_eq!(world.poll(party, &asked).await, "400 authorization_pending", "{}", party.id());
        for (endpoint, parameter) in [("revocation_endpoint", "token"), ("introspection_endpoint", "token")] {
            let answer = party.post(party.endpoint(endpoint), &[(parameter, "unknown")]).await;
            assert_eq!(answer.expect("an answer").in_short(), "200", "{} at {endpoint}", party.id());
        }
        let cancelling = [("auth_req_id", asked.as_str())];
        let cancelled = party.post(party.endpoint("backchannel_cancellation_endpoint"), &cancelling).await;
        assert!(cancelled.expect("an answer").status.is_success(), "{}", party.id());
        world.advance(60);
    }
}

/// REQUIREMENTS A12; CIBA §4: the registered method is the one.
#[tokio::test]
async fn no_other_method_than_the_registered_one_lets_a_client_in() {
    let (_world, parties) = everybody().await;
    for registered in &parties {
        for other in &parties {
            // The other's way of authenticating, under this client's id. All secrets are the same.
            let credentials = Credentials { id: registered.id().to_owned(), ..other.credentials().clone() };
            let answer = other.with(credentials).poll("never-asked").await.expect("an answer").in_short();
            let expected = if registered.id() == other.id() { LET_IN } else { KEPT_OUT };
            assert_eq!(answer, expected, "{} by {}", registered.id(), other.id());
        }
    }
}

/// RFC 7523 §3, OIDC Core §9, `OP_ACCEPTANCE` §5.5.
#[tokio::test]
async fn an_assertion_may_be_meant_for_the_issuer_or_any_of_our_endpoints() {
    let world = World::builder().mutual_tls().make().await;
    let party = keyed(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let (token, revoke) = (format!("{ISSUER}/token"), format!("{ISSUER}/revoke"));
    let backchannel = format!("{ISSUER}/backchannel/authenticate");
    let ours = [ISSUER.to_owned(), token.clone(), backchannel, format!("{MTLS_BASE}/token")];
    for audience in ours.iter().map(|one| json!(one)).chain([json!(ours), json!([token])]) {
        let assertion = party.assert(&claims(&party, &json!({ "aud": audience })));
        assert_eq!(told(&party, &assertion).await, LET_IN, "{audience}");
    }
    let revoking = party.assert(&claims(&party, &json!({ "aud": revoke })));
    assert_eq!(told(&party, &revoking).await, KEPT_OUT, "another endpoint than the one that is called");
    let answer = party.post_asserting(party.endpoint("revocation_endpoint"), &[("token", "x")], &revoking).await;
    assert_eq!(answer.expect("an answer").in_short(), "200");
    let strangers = [
        json!("https://other.example"),
        json!(format!("{ISSUER}/")),
        json!(format!("{token}?x=1")),
        json!([ISSUER, "https://other.example"]),
        json!([]),
        json!(7),
        Value::Null,
    ];
    for audience in strangers {
        let assertion = party.assert(&claims(&party, &json!({ "aud": audience })));
        assert_eq!(told(&party, &assertion).await, KEPT_OUT, "{audience}");
    }
}

#[tokio::test]
async fn a_client_that_registered_it_is_let_in_by_assertions_for_the_issuer_alone() {
    let world = World::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let metadata =
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks(), "assertion_aud": "issuer" });
    let party = bank(&world, metadata, Authentication::PrivateKeyJwt(key)).await;
    for (audience, expected) in
        [(json!(ISSUER), LET_IN), (json!([ISSUER]), LET_IN), (json!(format!("{ISSUER}/token")), KEPT_OUT)]
    {
        let assertion = party.assert(&claims(&party, &json!({ "aud": audience })));
        assert_eq!(told(&party, &assertion).await, expected, "{audience}");
    }
}

/// RFC 7523 §3: a minute's difference between clocks is forgiven.
#[tokio::test]
async fn an_assertion_says_who_for_how_long_and_which_one_it_is() {
    let world = World::new().await;
    let party = keyed(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let now = world.now().unix_seconds();
    let longest = "j".repeat(255);
    let cases = [
        (json!({}), LET_IN),
        (json!({ "iat": null, "nbf": null }), LET_IN),
        (json!({ "exp": now - 59 }), LET_IN),
        (json!({ "exp": now - 60 }), KEPT_OUT),
        (json!({ "exp": now + 3_600 }), LET_IN),
        (json!({ "exp": now + 3_601 }), KEPT_OUT),
        (json!({ "exp": now + 3_661, "iat": null, "nbf": null }), KEPT_OUT),
        (json!({ "exp": null }), KEPT_OUT),
        (json!({ "exp": "soon" }), KEPT_OUT),
        (json!({ "iat": now + 60, "nbf": now + 60, "exp": now + 120 }), LET_IN),
        (json!({ "iat": now + 61 }), KEPT_OUT),
        (json!({ "nbf": now + 61 }), KEPT_OUT),
        (json!({ "iss": "shop" }), KEPT_OUT),
        (json!({ "sub": "shop" }), KEPT_OUT),
        (json!({ "iss": "shop", "sub": "shop" }), KEPT_OUT),
        (json!({ "iss": "nobody", "sub": "nobody" }), KEPT_OUT),
        (json!({ "iss": null }), KEPT_OUT),
        (json!({ "sub": null }), KEPT_OUT),
        (json!({ "sub": ["bank"] }), KEPT_OUT),
        (json!({ "jti": null }), KEPT_OUT),
        (json!({ "jti": "" }), KEPT_OUT),
        (json!({ "jti": 7 }), KEPT_OUT),
        (json!({ "jti": longest }), LET_IN),
        (json!({ "jti": format!("{longest}j") }), KEPT_OUT),
    ];
    for (different, expected) in cases {
        let assertion = party.assert(&claims(&party, &different));
        assert_eq!(told(&party, &assertion).await, expected, "{different}");
    }
}

/// RFC 7515 §4.1, OIDC Core §9, RFC 8725 §3.
#[tokio::test]
async fn an_assertion_is_signed_by_the_clients_own_key_in_an_offered_algorithm_and_made_for_this() {
    let world = World::new().await;
    let (key, strangers) = (ClientKey::generate(Algorithm::Ps256), ClientKey::generate(Algorithm::Ps256));
    let party = keyed(&world, &key).await;
    let fresh = || party.assertion();
    let (head, signature) =
        key.sign(None, &fresh()).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let turned: String = signature.chars().rev().collect();
    let unsigned = format!("{}.{}.", base64url(&json!({ "alg": "none" })), base64url(&fresh()));
    let public = key.jwk()["n"].as_str().expect("a modulus").to_owned();
    let cases = [
        ("its own", key.sign(None, &fresh()), LET_IN),
        ("in another algorithm of its key", key.sign_as(Algorithm::Ps512, None, &fresh()), LET_IN),
        ("of the general type", key.sign(Some("JWT"), &fresh()), LET_IN),
        ("of its own type", key.sign(Some("application/client-authentication+jwt"), &fresh()), LET_IN),
        ("a signed request", key.sign(Some("oauth-authz-req+jwt"), &fresh()), KEPT_OUT),
        ("an access token", key.sign(Some("at+jwt"), &fresh()), KEPT_OUT),
        ("a stranger's", strangers.sign(None, &fresh()), KEPT_OUT),
        ("in an algorithm that is not offered", key.sign_as(Algorithm::Rs256, None, &fresh()), KEPT_OUT),
        ("by its public key as a secret", sign_by_secret(&public, Algorithm::Hs256, &fresh()), KEPT_OUT),
        ("unsigned", unsigned, KEPT_OUT),
        ("another's signature", format!("{head}.{turned}"), KEPT_OUT),
        ("without a signature", format!("{head}."), KEPT_OUT),
        ("two parts", head, KEPT_OUT),
        ("no JWT", "assertion".to_owned(), KEPT_OUT),
        ("too long", "a".repeat(20_000), KEPT_OUT),
    ];
    for (what, assertion, expected) in cases {
        assert_eq!(told(&party, &assertion).await, expected, "{what}");
    }
}

fn base64url(value: &Value) -> String {
    protocol::base64url::encode(value.to_string().as_bytes())
}

/// `token_endpoint_auth_signing_alg`: OIDC Registration §2.
#[tokio::test]
async fn a_registered_algorithm_is_the_only_one() {
    let world = World::new().await;
    let key = ClientKey::generate(Algorithm::Ps256);
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "jwks": for_any_use(&key),
    });
    let party = bank(&world, metadata, Authentication::PrivateKeyJwt(key.clone())).await;
    assert_eq!(told(&party, &key.sign(None, &party.assertion())).await, LET_IN);
    assert_eq!(told(&party, &key.sign_as(Algorithm::Ps512, None, &party.assertion())).await, KEPT_OUT);
}

#[tokio::test]
async fn a_mac_is_taken_in_the_registered_algorithm_under_the_clients_secret() {
    let rules = |policy: &mut Policy| policy.client_algorithms = vec![Algorithm::Hs256, Algorithm::Hs512];
    let world = World::builder().policy(rules).make().await;
    let metadata = json!({
        "token_endpoint_auth_method": "client_secret_jwt",
        "token_endpoint_auth_signing_alg": "HS512",
        "client_secret": SECRET,
    });
    let party = bank(&world, metadata, Authentication::SecretJwt).await;
    let by = |secret: &str, algorithm| sign_by_secret(secret, algorithm, &party.assertion());
    assert_eq!(told(&party, &by(SECRET, Algorithm::Hs512)).await, LET_IN);
    assert_eq!(told(&party, &by(SECRET, Algorithm::Hs256)).await, KEPT_OUT);
    assert_eq!(told(&party, &by(&SECRET.replace('a', "b"), Algorithm::Hs512)).await, KEPT_OUT);
}

/// FAPI 1.0 Advanced §8.6, modules 33 and 34.
#[tokio::test]
async fn under_the_fapi_profile_rs256_and_secrets_let_nobody_in() {
    let (mut world, shop, _phone) = scene().await;
    let key = ClientKey::generate(Algorithm::Ps256);
    let party = keyed(&world, &key).await;
    let fapi = |policy: &mut Policy| {
        policy.profile = Profile::FapiCiba;
        policy.client_algorithms.push(Algorithm::Rs256);
    };
    world.change_policy(fapi).await;
    for endpoint in ["token_endpoint", "backchannel_authentication_endpoint", "revocation_endpoint"] {
        let url = party.endpoint(endpoint);
        let in_rs256 = key.sign_as(Algorithm::Rs256, None, &party.assertion());
        let answer = party.post_asserting(url, &nothing(), &in_rs256).await.expect("an answer");
        assert_eq!(answer.in_short(), KEPT_OUT, "{endpoint}");
        assert_eq!(shop.post(url, &nothing()).await.expect("an answer").in_short(), KEPT_OUT, "{endpoint}");
    }
    // In PS256 it is let in, and then lacks the certificate that tokens are bound to.
    assert_eq!(told(&party, &party.assert(&party.assertion())).await, "400 invalid_request");
    let showing = party.showing(Some(Authority::new("any").certify("any")));
    assert_eq!(told(&showing, &showing.assert(&showing.assertion())).await, LET_IN);
}

/// RFC 7523 §3: `jti` once.
#[tokio::test]
async fn an_assertion_is_used_once() {
    let world = World::new().await;
    let party = keyed(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let assertion = party.assert(&party.assertion());
    assert_eq!(told(&party, &assertion).await, LET_IN);
    assert_eq!(told(&party, &assertion).await, KEPT_OUT);
    let again = party.assert(&claims(&party, &json!({ "jti": "once" })));
    assert_eq!(told(&party, &again).await, LET_IN);
    world.advance(1);
    let differing = party.assert(&claims(&party, &json!({ "jti": "once" })));
    assert_eq!(told(&party, &differing).await, KEPT_OUT, "another assertion under the same jti");
    world.advance(7_200);
    let later = party.assert(&claims(&party, &json!({ "jti": "once" })));
    assert_eq!(told(&party, &later).await, LET_IN, "by then the first one has long ended");
}

#[tokio::test]
async fn an_assertion_that_changed_something_is_known_after_a_restart() {
    let mut world = World::new().await;
    let party = keyed(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let phone = world.phone("1001").await;
    let backchannel = party.endpoint("backchannel_authentication_endpoint").to_owned();
    let parameters = [("scope", "openid"), ("login_hint", "alice")];
    let assertion = party.assert(&party.assertion());
    let begun = party.post_asserting(&backchannel, &parameters, &assertion).await.expect("an answer");
    assert_eq!(begun.in_short(), "200");
    let asked = begun.json()["auth_req_id"].as_str().expect("an id").to_owned();
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.restart().await;
    let again = party.post_asserting(&backchannel, &parameters, &assertion).await.expect("an answer");
    assert_eq!(again.in_short(), KEPT_OUT);
    world.restart().await;
    let redeeming = [("grant_type", CIBA_GRANT), ("auth_req_id", &asked)];
    let token = party.endpoint("token_endpoint").to_owned();
    let stolen = party.post_asserting(&token, &redeeming, &assertion).await.expect("an answer");
    assert_eq!(stolen.in_short(), KEPT_OUT, "at another endpoint either");
    world.redeem(&party, &asked).await;
}

#[tokio::test]
async fn published_keys_are_fetched_and_fetched_again_when_the_client_rotates_them() {
    let world = World::builder().reaching_stand_ins().make().await;
    let (first, second) = (ClientKey::generate(Algorithm::Es256), ClientKey::generate(Algorithm::Es256));
    let published = KeySetStandIn::publishing(first.jwks()).await;
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": published.url() });
    let party = bank(&world, metadata, Authentication::PrivateKeyJwt(first.clone())).await;
    assert_eq!(told(&party, &first.sign(None, &party.assertion())).await, LET_IN);
    published.publish(second.jwks());
    world.advance(30);
    assert_eq!(told(&party, &second.sign(None, &party.assertion())).await, LET_IN);
    assert_eq!(told(&party, &first.sign(None, &party.assertion())).await, KEPT_OUT);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_let_nobody_in() {
    let world = World::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let published = KeySetStandIn::publishing(key.jwks()).await;
    // No network is opened to it.
    let url = published.url().replacen("http:", "https:", 1);
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": url });
    let party = bank(&world, metadata, Authentication::PrivateKeyJwt(key.clone())).await;
    assert_eq!(told(&party, &key.sign(None, &party.assertion())).await, KEPT_OUT);
}

/// RFC 6749 §2.3 and §5.2, RFC 7521 §4.2.
#[tokio::test]
async fn one_way_at_a_time_and_one_client_at_a_time() {
    let world = World::new().await;
    let party = keyed(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let url = party.endpoint("token_endpoint");
    let sent = async |credentials: &[(&str, &str)], header: bool| {
        let header = header.then(|| (AUTHORIZATION, basic(SHOP, tests::SHOP_SECRET)));
        let form = form(&[&nothing()[..], credentials].concat());
        party.send(url, &form, header.as_slice()).await.expect("an answer").in_short()
    };
    let fresh = || party.assert(&party.assertion());
    let by = ("client_assertion_type", JWT_BEARER);
    assert_eq!(sent(&[by, ("client_assertion", &fresh())], false).await, LET_IN);
    assert_eq!(sent(&[by, ("client_assertion", &fresh()), ("client_id", "bank")], false).await, LET_IN);
    assert_eq!(sent(&[by, ("client_assertion", &fresh()), ("client_id", "shop")], false).await, KEPT_OUT);
    let contradiction = "400 invalid_request";
    assert_eq!(sent(&[by, ("client_assertion", &fresh())], true).await, contradiction);
    assert_eq!(sent(&[by, ("client_assertion", &fresh()), ("client_secret", "x")], false).await, contradiction);
    assert_eq!(sent(&[("client_assertion", &fresh())], false).await, KEPT_OUT, "without its type");
    let saml = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    assert_eq!(sent(&[saml, ("client_assertion", &fresh())], false).await, KEPT_OUT);
    assert_eq!(sent(&[by], false).await, KEPT_OUT, "a type without its assertion");
    // Modules 31 and 32.
    assert_eq!(sent(&[("client_id", "bank")], false).await, KEPT_OUT);
}

/// RFC 8705 §2.1: the authority first, then the registered name.
#[tokio::test]
async fn a_certificate_lets_in_only_whom_a_trusted_authority_named() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut world = World::builder().trusting(&ours).make().await;
    let metadata = json!({ "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=bank" });
    let party = bank(&world, metadata, Authentication::Certificate).await;
    let cases = [
        ("its own", Some(ours.certify("bank")), LET_IN),
        ("its own of another day", Some(ours.certify("bank")), LET_IN),
        ("none", None, KEPT_OUT),
        ("another client's", Some(ours.certify("shop")), KEPT_OUT),
        ("one of another authority", Some(theirs.certify("bank")), KEPT_OUT),
        ("one that it made itself", Some(self_signed("bank").0), KEPT_OUT),
        ("no certificate", Some(ClientCertificate::new(vec![0x30, 0], Vec::new())), KEPT_OUT),
    ];
    for (what, certificate, expected) in cases {
        let answer = party.showing(certificate).poll("never-asked").await.expect("an answer").in_short();
        assert_eq!(answer, expected, "{what}");
    }
    world.distrust().await;
    let answer = party.showing(Some(ours.certify("bank"))).poll("never-asked").await.expect("an answer");
    assert_eq!(answer.in_short(), KEPT_OUT, "without anchors nobody is let in so");
}

/// RFC 8705 §2.2: the key is registered, whatever the certificate says.
#[tokio::test]
async fn a_self_signed_certificate_lets_in_by_its_key_alone() {
    let world = World::builder().mutual_tls().reaching_stand_ins().make().await;
    let ((first, first_jwk), (second, second_jwk)) = (self_signed("first"), self_signed("second"));
    let published = KeySetStandIn::publishing(json!({ "keys": [first_jwk] })).await;
    let metadata = json!({
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks_uri": published.url(),
    });
    let party = bank(&world, metadata, Authentication::Certificate).await;
    let polled = async |certificate: &ClientCertificate| {
        party.showing(Some(certificate.clone())).poll("never-asked").await.expect("an answer").in_short()
    };
    assert_eq!(polled(&first).await, LET_IN);
    assert_eq!(polled(&second).await, KEPT_OUT);
    published.publish(json!({ "keys": [second_jwk] }));
    world.advance(30);
    assert_eq!(polled(&second).await, LET_IN, "its keys were rotated");
    assert_eq!(party.poll("never-asked").await.expect("an answer").in_short(), KEPT_OUT, "without any");
}

/// Modules 28 and 29: one client's id over another's certificate.
#[tokio::test]
async fn the_certificate_of_one_client_does_not_let_another_in() {
    let authority = Authority::new("CA");
    let world = World::builder().trusting(&authority).make().await;
    let mut parties = Vec::new();
    for id in ["one", "two"] {
        let metadata = json!({
            "client_id": id,
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": format!("{id}.example"),
        });
        world.register(&metadata).await;
        let credentials =
            Credentials { id: id.to_owned(), secret: String::new(), authentication: Authentication::Certificate };
        parties.push(world.client_with(credentials).await);
    }
    let one = Some(authority.certify("one"));
    assert_eq!(parties[0].showing(one.clone()).poll("never-asked").await.expect("an answer").in_short(), LET_IN);
    let two = parties[1].showing(one);
    assert_eq!(two.poll("never-asked").await.expect("an answer").in_short(), KEPT_OUT);
    assert_eq!(a_request().sent(&two).await.in_short(), KEPT_OUT);
}

/// RFC 8705 §3, module 43.
#[tokio::test]
async fn a_client_of_bound_tokens_needs_a_certificate_at_the_token_endpoint() {
    let world = World::builder().mutual_tls().make().await;
    let metadata = json!({ "client_secret": SECRET, "tls_client_certificate_bound_access_tokens": true });
    let party = bank(&world, metadata, Authentication::Basic).await;
    let _phone = world.phone("1001").await;
    let asked = a_request().accepted(&party).await;
    assert_eq!(world.poll(&party, &asked).await, "400 invalid_request");
    let any = party.showing(Some(self_signed("any").0));
    assert_eq!(world.poll(&any, &asked).await, "400 authorization_pending");
}

/// REQUIREMENTS A13 and Q23.
#[tokio::test]
async fn a_request_is_collected_by_the_method_that_began_it() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let keyed = keyed_shop(&world, &ClientKey::generate(Algorithm::Es256)).await;
    assert_eq!(world.poll(&shop, &asked).await, KEPT_OUT);
    assert_eq!(world.poll(&keyed, &asked).await, KEPT_OUT);
    assert_eq!(keyed.poll("never-asked").await.expect("an answer").in_short(), LET_IN);
}

/// RFC 6749 §5.2: libraries read the challenge before the body, so it is for those who tried the header.
#[tokio::test]
async fn only_a_401_to_the_authorization_header_carries_a_challenge() {
    let world = World::builder().mutual_tls().make().await;
    let metadata = json!({ "client_secret": SECRET, "tls_client_certificate_bound_access_tokens": true });
    let party = bank(&world, metadata, Authentication::Basic).await;
    let refused = party.poll("never-asked").await.expect("an answer");
    assert_eq!((refused.in_short().as_str(), refused.header("www-authenticate")), ("400 invalid_request", None));
    let wrong = party.with(Credentials { secret: "wrong".to_owned(), ..party.credentials().clone() });
    let refused = wrong.poll("never-asked").await.expect("an answer");
    assert_eq!(refused.in_short(), KEPT_OUT);
    assert!(refused.header("www-authenticate").is_some());
    for authentication in [Authentication::Post, Authentication::Certificate] {
        let other = party.with(Credentials { authentication, ..party.credentials().clone() });
        let refused = other.poll("never-asked").await.expect("an answer");
        assert_eq!((refused.in_short().as_str(), refused.header("www-authenticate")), (KEPT_OUT, None));
    }
}
