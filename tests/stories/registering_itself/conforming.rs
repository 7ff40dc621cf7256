//! What the conformance suite's `dynamic_client` variant does (`OP_ACCEPTANCE` §2.13): clients of the FAPI profile register
//! themselves, ask, are told, refresh, and delete themselves.

use axum::http::Request;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::policy::{Policy, Registration};
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use simulator::stand_in::notification::NotificationStandIn;
use simulator::wire::Answer;
use tests::pki::{Authority, self_signed};
use tests::{Builder, ISSUER, MTLS_BASE, World};

use super::{CIBA, builder, deleted, nothing, posted, read, text, token};

const NOTIFICATION_TOKEN: &str = "a-token-of-enough-bits-for-this-1";

fn fapi() -> Builder {
    let policy = |policy: &mut Policy| {
        policy.profile = Profile::FapiCiba;
        policy.signing_algorithms = vec![Algorithm::Ps256];
    };
    builder(Registration::Token).policy(policy).mutual_tls()
}

/// What the suite sends but for names, keys, delivery and authentication.
fn metadata(members: &Value) -> Value {
    let mut metadata = json!({
        "grant_types": [CIBA, "refresh_token"],
        "response_types": [],
        "scope": "openid email",
        "backchannel_authentication_request_signing_alg": "PS256",
        "backchannel_user_code_parameter": false,
        "id_token_signed_response_alg": "PS256",
        "tls_client_certificate_bound_access_tokens": true,
    });
    for (name, value) in members.as_object().expect("an object") {
        metadata[name] = value.clone();
    }
    metadata
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The client is told what it sent, and no secret; a party that is this client from here on.
async fn party(world: &World, answer: &Answer, sent: &Value, authentication: Authentication) -> RelyingParty {
    assert_eq!(answer.in_short(), "201", "{}", answer.json());
    let told = answer.json();
    assert!(told.get("client_secret").is_none() && told.get("client_secret_expires_at").is_none());
    assert!(text(&told["registration_client_uri"]).starts_with("https://"));
    for (name, value) in sent.as_object().expect("an object") {
        assert_eq!(&told[name], value, "{name} comes back");
    }
    let credentials = Credentials { id: text(&told["client_id"]).to_owned(), secret: String::new(), authentication };
    world.client_with(credentials).await
}

async fn begun(party: &RelyingParty, key: &ClientKey, more: &[(&str, &str)]) -> Answer {
    let parameters = [("scope", "openid"), ("login_hint", "alice"), ("binding_message", "1234")];
    party.begin_signed(key, &[&parameters, more].concat()).await.expect("an answer")
}

async fn approved(world: &World, phone: &Phone, begun: &Answer) -> String {
    assert_eq!(begun.in_short(), "200", "{}", begun.json());
    let asked = text(&begun.json()["auth_req_id"]).to_owned();
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    asked
}

/// Tokens are good, can be refreshed, and die with the client. Its access token.
async fn collected(world: &World, party: &RelyingParty, asked: &str) -> String {
    let tokens = world.redeem(party, asked).await.json();
    party.verify(text(&tokens["id_token"]), world.now().unix_seconds()).await.expect("believed");
    let refreshed = party.refresh(text(&tokens["refresh_token"])).await.expect("an answer");
    assert_eq!(refreshed.in_short(), "200");
    let access_token = text(&tokens["access_token"]).to_owned();
    assert_eq!(party.userinfo(&access_token).await.expect("an answer").in_short(), "200");
    access_token
}

#[tokio::test]
async fn a_fapi_client_registers_asks_is_approved_and_deletes_itself() {
    let world = fapi().make().await;
    let key = ClientKey::generate(Algorithm::Ps256);
    let certificate = Authority::new("any").certify("any");
    let mut jwk = key.jwk();
    jwk["x5c"] = json!([base64_of(certificate.leaf())]);
    let metadata = metadata(&json!({
        "client_name": "Suite client",
        "jwks": { "keys": [jwk] },
        "backchannel_token_delivery_mode": "poll",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
    }));
    let made = token(&world, &nothing()).await;
    let answer = posted(&world, Some(text(&made["token"])), &metadata).await;
    let told = answer.json();
    let party = party(&world, &answer, &metadata, Authentication::PrivateKeyJwt(key.clone())).await;
    let (party, phone) = (party.showing(Some(certificate)), world.phone("1001").await);
    let asked = approved(&world, &phone, &begun(&party, &key, &[]).await).await;
    let access_token = collected(&world, &party, &asked).await;
    assert_eq!(deleted(&world, &told).await.status, 204);
    assert_eq!(read(&world, &told).await.in_short(), "401 invalid_token");
    assert_eq!(party.userinfo(&access_token).await.expect("an answer").in_short(), "401 invalid_token");
    assert_eq!(begun(&party, &key, &[]).await.in_short(), "401 invalid_client");
}

/// One of the suite's clients that authenticate by certificate and are pinged.
struct Pinged {
    certificate: ClientCertificate,
    key: ClientKey,
    metadata: Value,
}

impl Pinged {
    fn new(name: &str, endpoint: &NotificationStandIn) -> Self {
        let (certificate, of_certificate) = self_signed(name);
        let key = ClientKey::generate(Algorithm::Ps256);
        let mut jwk = of_certificate;
        jwk["x5c"] = json!([base64_of(certificate.leaf())]);
        let metadata = metadata(&json!({
            "client_name": name,
            "jwks": { "keys": [key.jwk(), jwk] },
            "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": endpoint.url(),
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
        }));
        Self { certificate, key, metadata }
    }

    /// Where the mirror for mutual TLS is, as the discovery document says; the connection shows the client's certificate.
    async fn registers(&self, world: &World, url: &str, token: &Value) -> Answer {
        let request = Request::post(url)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", text(&token["token"])))
            .extension(self.certificate.clone());
        let request = request.body(self.metadata.to_string().into_bytes()).expect("a request");
        world.public().send(request).await.expect("an answer")
    }
}

/// The suite has two clients in one module. Names are unique here, so theirs have to differ.
#[tokio::test]
async fn two_fapi_clients_register_over_mutual_tls_are_pinged_and_delete_themselves() {
    let world = fapi().reaching_stand_ins().make().await;
    let document = world.public().get(&format!("{ISSUER}/.well-known/openid-configuration")).await.expect("an answer");
    let document = document.json();
    let url = text(&document["mtls_endpoint_aliases"]["registration_endpoint"]);
    assert!(url.starts_with(MTLS_BASE), "{url}");
    let (endpoint, phone) = (NotificationStandIn::start().await, world.phone("1001").await);
    endpoint.expect_token(NOTIFICATION_TOKEN);
    let made = token(&world, &json!({ "uses": 2 })).await;
    let clients = [Pinged::new("First suite client", &endpoint), Pinged::new("Second suite client", &endpoint)];
    let namesake = Pinged::new("First suite client", &endpoint);
    let mut registered = Vec::new();
    for client in &clients {
        let answer = client.registers(&world, url, &made).await;
        let party = party(&world, &answer, &client.metadata, Authentication::Certificate).await;
        registered.push((party.showing(Some(client.certificate.clone())), answer.json()));
        let refused = namesake.registers(&world, url, &token(&world, &nothing()).await).await;
        assert_eq!(refused.in_short(), "400 invalid_client_metadata", "two by one name");
    }
    let stranger = registered[1].0.showing(Some(clients[0].certificate.clone()));
    assert_eq!(stranger.poll("never-asked").await.expect("an answer").in_short(), "401 invalid_client");
    for (client, (party, told)) in clients.iter().zip(&registered) {
        let so_far = endpoint.calls().len();
        let told_by = [("client_notification_token", NOTIFICATION_TOKEN)];
        let asked = approved(&world, &phone, &begun(party, &client.key, &told_by).await).await;
        assert_eq!(world.deliver().await, 1);
        let calls = endpoint.called(so_far + 1).await;
        assert_eq!((calls[so_far].fault, calls[so_far].json()), (None, json!({ "auth_req_id": asked })));
        let access_token = collected(&world, party, &asked).await;
        assert_eq!(deleted(&world, told).await.status, 204);
        assert_eq!(party.userinfo(&access_token).await.expect("an answer").in_short(), "401 invalid_token");
        assert_eq!(begun(party, &client.key, &told_by).await.in_short(), "401 invalid_client");
    }
}
