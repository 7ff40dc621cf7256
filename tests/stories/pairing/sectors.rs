//! Who belongs to which sector, and how a client shows it (CIBA §4, REQUIREMENTS Q37).

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::policy::Registration;
use simulator::client_key::ClientKey;
use tests::World;

use super::Scene;
use crate::text;

fn complaint(answer: &simulator::wire::Answer) -> String {
    let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", answer.in_short(), description.split(':').next().unwrap_or_default())
}

#[tokio::test]
async fn clients_of_two_hosts_share_a_sector_that_lists_them_both() {
    let scene = Scene::new().await;
    let jwks = |host: &str, id: &str| scene.files.url(&format!("/{id}/jwks")).replace("127.0.0.1", host);
    let list = json!([jwks("127.0.0.1", "one"), jwks("localhost", "two")]);
    let sector = scene.put("localhost", "/sector", &list);
    let members = json!({ "sector_identifier_uri": sector });
    let one = scene.party("one", "127.0.0.1", members.clone()).await;
    let two = scene.party("two", "localhost", members).await;
    assert_eq!(scene.sub(&one).await, scene.sub(&two).await);
    let alone = scene.party("three", "127.0.0.1", json!({})).await;
    assert_ne!(scene.sub(&alone).await, scene.sub(&one).await);
    let read = scene.world.admin().client("one").await.expect("the client");
    assert_eq!((&read["sector_identifier_uri"], &read["subject_type"]), (&json!(sector), &json!("pairwise")));
}

/// With push the document lists the notification endpoint; with poll and ping the `jwks_uri`.
#[tokio::test]
async fn a_sector_document_must_list_what_stands_for_the_client() {
    let scene = Scene::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let jwks = scene.published("127.0.0.1", "/jwks", &key);
    let notified = "https://shop.example/ciba";
    let base = |delivery: &str, sector: &str| {
        json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": jwks,
            "backchannel_token_delivery_mode": delivery,
            "backchannel_client_notification_endpoint": notified,
            "subject_type": "pairwise",
            "sector_identifier_uri": sector,
        })
    };
    let bad = "400 invalid_client_metadata: sector_identifier_uri";
    let lists = |name: &str, document: &Value| scene.put("127.0.0.1", name, document);
    let (of_keys, of_endpoint) =
        (lists("/keys", &json!([jwks])), lists("/endpoint", &json!(["https://a.example", notified])));
    for (delivery, sector, expected) in [
        ("poll", &of_keys, "201: "),
        ("ping", &of_keys, "201: "),
        ("push", &of_keys, bad),
        ("poll", &of_endpoint, bad),
        ("ping", &of_endpoint, bad),
        ("push", &of_endpoint, "201: "),
    ] {
        assert_eq!(
            complaint(&scene.answered(&with_name(base(delivery, sector))).await),
            expected,
            "{delivery} {sector}"
        );
    }
    let redirect = scene.files.redirect("/redirect", &of_keys);
    for sector in [
        lists("/empty", &json!([])),
        lists("/object", &json!({ "uris": [jwks] })),
        lists("/numbers", &json!([jwks, 7])),
        lists("/other", &json!([format!("{jwks}/")])),
        scene.files.put("/text", "application/json", "no JSON"),
        scene.files.put("/large", "application/json", json!([jwks, "x".repeat(70_000)]).to_string()),
        scene.files.url("/nothing"),
        redirect,
        "https://10.0.0.1/sector".to_owned(),
        "http://shop.example/sector".to_owned(),
    ] {
        assert_eq!(complaint(&scene.answered(&with_name(base("poll", &sector))).await), bad, "{sector}");
    }
}

/// Names must differ, and ids are drawn.
fn with_name(mut metadata: Value) -> Value {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let letters: String = number.to_string().chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect();
    metadata["client_name"] = json!(format!("Sector {letters}"));
    metadata
}

/// CIBA §4: with poll and ping the client proves that the keys at `jwks_uri` are its own.
#[tokio::test]
async fn a_pairwise_client_shows_that_its_keys_are_its_own() {
    let scene = Scene::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let jwks = scene.published("127.0.0.1", "/jwks", &key);
    let cases = [
        (json!({}), "400 invalid_client_metadata: jwks_uri"),
        (json!({ "jwks": key.jwks() }), "400 invalid_client_metadata: jwks_uri"),
        (json!({ "jwks_uri": jwks }), "400 invalid_client_metadata: subject_type"),
        (json!({ "jwks_uri": jwks, "backchannel_authentication_request_signing_alg": "ES256" }), "201: "),
        (json!({ "jwks_uri": jwks, "token_endpoint_auth_method": "private_key_jwt" }), "201: "),
        (
            json!({
                "backchannel_token_delivery_mode": "push",
                "backchannel_client_notification_endpoint": "https://shop.example/ciba",
            }),
            "201: ",
        ),
    ];
    for (mut metadata, expected) in cases {
        metadata["subject_type"] = json!("pairwise");
        assert_eq!(complaint(&scene.answered(&with_name(metadata.clone())).await), expected, "{metadata}");
    }
}

/// Its users would be others to it: it has to be another client.
#[tokio::test]
async fn a_client_that_registered_itself_stays_in_its_sector() {
    let world = World::builder()
        .policy(|policy| {
            policy.registration = Registration::Open;
            policy.registrations_per_minute = 1000;
        })
        .make()
        .await;
    let metadata = json!({
        "client_name": "Corner shop",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://shop.example/jwks",
        "subject_type": "pairwise",
    });
    let call = async |method: &str, url: &str, token: &str, body: &Value| {
        let request = axum::http::Request::builder().method(method).uri(url).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        world.public().send(request.body(body.to_string().into_bytes()).expect("a request")).await.expect("an answer")
    };
    let request =
        axum::http::Request::post(format!("{}/register", tests::ISSUER)).header("content-type", "application/json");
    let told = world.public().send(request.body(metadata.to_string().into_bytes()).expect("a request")).await;
    let told = told.expect("an answer").json();
    let (url, token) = (text(&told, "registration_client_uri"), text(&told, "registration_access_token"));
    let mut update = metadata.clone();
    update["client_id"] = told["client_id"].clone();
    for (name, value, expected) in [
        ("jwks_uri", "https://shop.example:8443/other", "200: "),
        ("jwks_uri", "https://SHOP.example./jwks", "200: "),
        ("jwks_uri", "https://www.shop.example/jwks", "400 invalid_client_metadata: subject_type"),
        ("subject_type", "public", "400 invalid_client_metadata: subject_type"),
    ] {
        let mut changed = update.clone();
        changed[name] = json!(value);
        assert_eq!(complaint(&call("PUT", url, token, &changed).await), expected, "{name} {value}");
    }
}

/// With push nobody proves to hold anything: the host of somebody else's endpoint would let a stranger into their sector.
#[tokio::test]
async fn a_pairwise_push_client_that_registers_itself_shows_its_sector_by_a_list() {
    let scene = Scene::with(|policy| policy.registration = Registration::Open).await;
    let notified = "https://shop.example/ciba";
    let register = async |sector: Option<&str>| {
        let metadata = json!({
            "backchannel_token_delivery_mode": "push",
            "backchannel_client_notification_endpoint": notified,
            "subject_type": "pairwise",
            "sector_identifier_uri": sector,
        });
        let request = axum::http::Request::post(format!("{}/register", tests::ISSUER));
        let request = request.header("content-type", "application/json").body(metadata.to_string().into_bytes());
        complaint(&scene.world.public().send(request.expect("a request")).await.expect("an answer"))
    };
    let bad = "400 invalid_client_metadata: sector_identifier_uri";
    assert_eq!(register(None).await, bad);
    assert_eq!(register(Some(&scene.put("127.0.0.1", "/others", &json!(["https://other.example/ciba"])))).await, bad);
    assert_eq!(register(Some(&scene.put("127.0.0.1", "/ours", &json!([notified])))).await, "201: ");
}
