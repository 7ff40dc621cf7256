//! One deployment, two servers, any of which may get the next call: what one has done the other holds to.

use std::sync::Arc;

use device_core::{DenyReason, DeviceError, Outcome};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::prover::{DPOP, Prover};
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, RelyingParty};
use tests::{SHOP, World, a_request};
use tokio::task::JoinSet;

use crate::{approve, nodes};

/// Two servers, the shop's way to each, and alice's phone at the first.
struct Scene {
    one: World,
    other: World,
    at_one: RelyingParty,
    at_other: RelyingParty,
    phone: Phone,
}

impl Scene {
    async fn new() -> Self {
        let (one, other, phone) = nodes().await;
        let (at_one, at_other) = (one.shop().await, other.shop().await);
        Self { one, other, at_one, at_other, phone }
    }

    /// The same with a shop that signs by a key and may refresh.
    async fn keyed(key: &ClientKey) -> Self {
        let scene = Self::new().await;
        let metadata = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": key.jwks(),
            "grant_types": [CIBA_GRANT, "refresh_token"],
        });
        scene.one.admin().replace_client(SHOP, &metadata).await.expect("replaced");
        let authentication = Authentication::PrivateKeyJwt(key.clone());
        let credentials = Credentials { id: SHOP.to_owned(), secret: String::new(), authentication };
        let at_one = scene.one.client_with(credentials.clone()).await;
        let at_other = scene.other.client_with(credentials).await;
        Self { at_one, at_other, ..scene }
    }

    /// Calls at the same moment, in turn at either server, all with this proof.
    async fn at_both(&self, proof: &str, call: Proven, with: &[String]) -> Vec<String> {
        let mut calls = JoinSet::new();
        for (shop, with) in [&self.at_one, &self.at_other].into_iter().cycle().zip(with.to_vec()) {
            let shop = shop.also_sending(&[(DPOP, proof)]);
            calls.spawn(async move {
                let answer = match call {
                    Proven::Poll => shop.poll(&with).await,
                    Proven::Refresh => shop.refresh(&with).await,
                    Proven::Userinfo => shop.userinfo_by("DPoP", &with).await,
                };
                answer.expect("an answer").in_short()
            });
        }
        calls.join_all().await
    }

    async fn asked(&self) -> String {
        a_request().accepted(&self.at_one).await
    }

    async fn approved(&self) -> String {
        let asked = self.asked().await;
        approve(&self.one, &self.phone, &asked).await;
        asked
    }

    async fn tokens(&self) -> Value {
        let asked = self.approved().await;
        self.one.redeem(&self.at_one, &asked).await.json()
    }
}

#[tokio::test]
async fn a_login_may_wander_from_server_to_server() {
    let Scene { one, other, at_one, at_other, phone } = Scene::new().await;
    for _ in 0..3 {
        let asked = a_request().accepted(&at_one).await;
        assert_eq!(other.poll(&at_other, &asked).await, "400 authorization_pending");
        approve(&other, &other.moved(&phone), &asked).await;
        let tokens = one.redeem(&at_one, &asked).await.json();
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        at_other.verify(id_token, one.now().unix_seconds()).await.expect("the other one publishes its key");
        let access_token = tokens["access_token"].as_str().expect("an access token");
        assert_eq!(at_other.userinfo(access_token).await.expect("an answer").in_short(), "200");
        assert_eq!(other.poll(&at_other, &asked).await, "400 invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_redemptions_at_two_servers_at_once_exactly_one_gets_tokens() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        let asked = scene.approved().await;
        let mut polls = JoinSet::new();
        for number in 0..16 {
            let shop = if number % 2 == 0 { scene.at_one.clone() } else { scene.at_other.clone() };
            let asked = asked.clone();
            polls.spawn(async move { shop.poll(&asked).await.expect("an answer").in_short() });
        }
        let mut answers = polls.join_all().await;
        answers.sort_unstable();
        let mut expected = vec!["200"];
        expected.resize(16, "400 invalid_grant");
        assert_eq!(answers, expected);
    }
    assert_eq!(scene.other.events("request_redeemed").await, 5);
}

/// A call that a proof is brought to.
#[derive(Clone, Copy)]
enum Proven {
    Poll,
    Refresh,
    Userinfo,
}

/// RFC 9449 §11.1
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_calls_with_one_proof_at_two_servers_at_once_exactly_one_counts() {
    let scene = Scene::keyed(&ClientKey::generate(Algorithm::Es256)).await;
    let prover = Prover::generate(Algorithm::Es256);
    let [token, userinfo] = ["token_endpoint", "userinfo_endpoint"].map(|name| scene.at_one.endpoint(name).to_owned());
    for _ in 0..3 {
        let now = scene.one.now().unix_seconds();
        let proof = || prover.prove(&prover.claims("POST", &token, now));
        let asked = [scene.approved().await, scene.approved().await];
        let answers = scene.at_both(&proof(), Proven::Poll, &asked).await;
        assert_eq!(counted(&answers, "400 invalid_dpop_proof"), (1, 1), "{answers:?}");
        let mut left = Vec::new();
        for id in &asked {
            let answer = scene.at_one.also_sending(&[(DPOP, &proof())]).poll(id).await.expect("an answer");
            left.extend((answer.in_short() == "200").then(|| answer.json()));
        }
        assert_eq!(left.len(), 1, "what was refused can still be collected");
        let text = |name: &str| left[0][name].as_str().expect("a token").to_owned();
        let refreshes = vec![text("refresh_token"); 6];
        let answers = scene.at_both(&proof(), Proven::Refresh, &refreshes).await;
        assert_eq!(counted(&answers, "400 invalid_dpop_proof"), (1, 5), "{answers:?}");
        let proof = prover.prove(&prover.claims_with(&text("access_token"), "GET", &userinfo, now));
        let calls = vec![text("access_token"); 6];
        let answers = scene.at_both(&proof, Proven::Userinfo, &calls).await;
        assert_eq!(counted(&answers, "401 invalid_dpop_proof"), (1, 5), "{answers:?}");
        scene.one.advance(61);
    }
}

/// How many succeeded, and how many were refused so.
fn counted(answers: &[String], refused: &str) -> (usize, usize) {
    let count = |wanted: &str| answers.iter().filter(|answer| *answer == wanted).count();
    (count("200"), count(refused))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_decision_here_and_a_cancellation_there_exactly_one_is_heard() {
    let scene = Scene::new().await;
    for _ in 0..15 {
        let asked = scene.asked().await;
        let prompt = scene.one.prompt(&scene.phone, &asked).await;
        let (phone, shop, id) = (scene.phone.clone(), scene.at_other.clone(), asked.clone());
        let approving = tokio::spawn(async move { phone.approve(&prompt).await });
        let cancelling = tokio::spawn(async move { shop.cancel(&id).await.expect("an answer").in_short() });
        match (approving.await.expect("no panic"), cancelling.await.expect("no panic").as_str()) {
            (Ok(Outcome::Approved), "400 already_approved") => drop(scene.other.redeem(&scene.at_other, &asked).await),
            (Err(DeviceError::Withdrawn), "200") => {
                assert_eq!(scene.one.poll(&scene.at_one, &asked).await, "400 access_denied");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_denial_here_and_a_redemption_there_never_both_happen() {
    let scene = Scene::new().await;
    for _ in 0..15 {
        let asked = scene.asked().await;
        let prompt = scene.one.prompt(&scene.phone, &asked).await;
        scene.phone.approve(&prompt).await.expect("approved");
        let (phone, shop) = (scene.phone.clone(), scene.at_other.clone());
        let denying = tokio::spawn(async move { phone.deny(&prompt, DenyReason::Cancelled).await });
        let redeeming = tokio::spawn(async move { shop.poll(&asked).await.expect("an answer").in_short() });
        match (denying.await.expect("no panic"), redeeming.await.expect("no panic").as_str()) {
            (Ok(Outcome::Denied), "400 access_denied") | (Err(DeviceError::AlreadyAnswered), "200") => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_refreshed_at_two_servers_at_once_has_one_successor() {
    let scene = Scene::keyed(&ClientKey::generate(Algorithm::Es256)).await;
    let mut token = scene.tokens().await["refresh_token"].as_str().expect("a refresh token").to_owned();
    for _ in 0..5 {
        let mut refreshes = JoinSet::new();
        for number in 0..8 {
            let shop = if number % 2 == 0 { scene.at_one.clone() } else { scene.at_other.clone() };
            let token = token.clone();
            refreshes.spawn(async move {
                let answer = shop.refresh(&token).await.expect("an answer");
                assert_eq!(answer.in_short(), "200");
                answer.json()["refresh_token"].as_str().expect("a refresh token").to_owned()
            });
        }
        let mut successors = refreshes.join_all().await;
        successors.dedup();
        assert_eq!(successors.len(), 1);
        token = successors.remove(0);
    }
    assert_eq!(scene.one.events("refresh_reused").await, 0);
}

/// RFC 7523 §3: whoever overhears an assertion must not be able to take it to another server.
#[tokio::test]
async fn an_assertion_that_changed_something_here_is_refused_there() {
    let scene = Scene::keyed(&ClientKey::generate(Algorithm::Es256)).await;
    let Scene { at_one, at_other, .. } = &scene;
    let tokens = scene.tokens().await;
    let (pending, approved, second) = (scene.asked().await, scene.approved().await, scene.approved().await);
    let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    let ask = [("scope", "openid"), ("login_hint", "alice")];
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    let cases: [(&str, Vec<(&str, &str)>); 5] = [
        ("backchannel_authentication_endpoint", ask.to_vec()),
        ("backchannel_cancellation_endpoint", vec![("auth_req_id", &pending)]),
        ("token_endpoint", vec![("grant_type", CIBA_GRANT), ("auth_req_id", &approved)]),
        ("token_endpoint", vec![("grant_type", "refresh_token"), ("refresh_token", &refresh)]),
        ("revocation_endpoint", vec![("token", &access)]),
    ];
    for (endpoint, parameters) in cases {
        let url = at_one.endpoint(endpoint);
        let assertion = at_one.assert(&at_one.assertion());
        let here = at_one.post_asserting(url, &parameters, &assertion).await.expect("an answer");
        assert_eq!(here.in_short(), "200", "{parameters:?}");
        for (endpoint, parameters) in [
            ("backchannel_authentication_endpoint", ask.to_vec()),
            ("token_endpoint", vec![("grant_type", CIBA_GRANT), ("auth_req_id", &second)]),
        ] {
            let url = at_other.endpoint(endpoint);
            let there = at_other.post_asserting(url, &parameters, &assertion).await.expect("an answer");
            assert_eq!(there.in_short(), "401 invalid_client", "{parameters:?}");
        }
    }
    scene.other.redeem(at_other, &second).await;
}

/// RFC 9101 §10.8.
#[tokio::test]
async fn a_request_object_that_was_used_here_is_refused_there() {
    let key = ClientKey::generate(Algorithm::Es256);
    let scene = Scene::keyed(&key).await;
    let ask = [("scope", "openid"), ("login_hint", "alice")];
    let request = scene.at_one.sign_request(&key, &ask);
    let sent = [("request", request.as_str())];
    assert_eq!(scene.at_one.begin(&sent).await.expect("an answer").in_short(), "200");
    for shop in [&scene.at_other, &scene.at_one] {
        assert_ne!(shop.begin(&sent).await.expect("an answer").in_short(), "200");
    }
    assert_eq!(scene.phone.pending().await.expect("the phone asks").len(), 1);
    assert_eq!(scene.at_other.begin_signed(&key, &ask).await.expect("an answer").in_short(), "200");
}

#[tokio::test]
async fn a_phone_that_is_revoked_here_approves_nothing_there() {
    let scene = Scene::new().await;
    let phone = scene.other.moved(&scene.phone);
    let asked = scene.asked().await;
    let prompt = scene.other.prompt(&phone, &asked).await;
    let devices = scene.one.admin().devices("1001").await.expect("a list");
    scene.one.admin().revoke(devices[0]["id"].as_str().expect("an id")).await.expect("revoked");
    assert!(phone.approve(&prompt).await.is_err());
    assert_ne!(scene.other.poll(&scene.at_other, &asked).await, "200");
}

#[tokio::test]
async fn a_client_registered_here_is_let_in_there_and_out_again() {
    let scene = Scene::new().await;
    scene.one.add_client("bank", "the secret of the bank").await;
    let bank = scene.other.client("bank", "the secret of the bank").await;
    a_request().accepted(&bank).await;
    scene.one.admin().remove_client("bank").await.expect("removed");
    assert_eq!(a_request().sent(&bank).await.in_short(), "401 invalid_client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_decision_sent_to_two_servers_at_once_gets_one_result() {
    let scene = Scene::new().await;
    for round in 0..5 {
        let asked = scene.asked().await;
        let prompt = scene.one.prompt(&scene.phone, &asked).await;
        let forger =
            |phone: Phone| async move { simulator::forger::Forger::of(&phone).await.expect("a phone taken apart") };
        let here = Arc::new(forger(scene.phone.clone()).await);
        let there = Arc::new(forger(scene.other.moved(&scene.phone)).await);
        let mut decision =
            here.decision(prompt.prompt().message(), protocol::messages::Answer::Approve).expect("a prompt");
        decision.ctr += round;
        let signed = here.sign(protocol::KeyRole::Verified, &decision).await.expect("signed");
        let sendings: Vec<_> = [&here, &there, &here, &there]
            .into_iter()
            .map(|forger| {
                let (forger, signed, prompt) = (Arc::clone(forger), signed.clone(), decision.prompt);
                tokio::spawn(async move { forger.send(&prompt, signed).await.expect("an answer").message() })
            })
            .collect();
        let mut results = Vec::new();
        for sending in sendings {
            results.push(sending.await.expect("no panic"));
        }
        assert!(results[0].is_some() && results.iter().all(|result| *result == results[0]), "{results:?}");
        scene.other.redeem(&scene.at_other, &asked).await;
    }
    assert_eq!(scene.one.events("request_decided").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_servers_that_register_like_names_at_the_same_moment_one_does() {
    let Scene { one, other, .. } = Scene::new().await;
    let mut racing = JoinSet::new();
    for (number, admin) in [one.admin(), other.admin()].into_iter().enumerate() {
        racing.spawn(async move {
            let metadata = json!({ "client_id": format!("bank-{number}"), "client_name": "The bank" });
            admin.call(axum::http::Method::POST, "/clients", Some(&metadata)).await.expect("an answer").in_short()
        });
    }
    let mut answers = racing.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, ["201", "400 invalid_client_metadata"]);
}
