//! Logos: fetched when a client is registered, served from here, and named in prompts by their hash.

use axum::http::Method;
use protocol::Digest;
use serde_json::{Value, json};
use server::domain::policy::Registration;
use server::domain::secret::Secret;
use server::flow::register::Reason;
use server::flow::register::seed::{Seed, settle};
use simulator::stand_in::files::FileStandIn;
use tests::{ISSUER, SHOP, World, a_request};

use super::{builder, confirmed, deleted, generous, posted, put, refused, registered, text, update};

/// A grey square.
fn png(side: u32, grey: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&vec![grey; (side * side) as usize]).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

/// Two frames of it (PNG, third edition, §4.9).
fn moving(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(2, 0).expect("two frames");
    let mut writer = encoder.write_header().expect("a header");
    for grey in [1, 2] {
        writer.write_image_data(&vec![grey; (side * side) as usize]).expect("pixels");
    }
    writer.finish().expect("an end");
    bytes
}

async fn world() -> (World, FileStandIn) {
    let world = builder(Registration::Open).policy(generous).reaching_stand_ins().make().await;
    (world, FileStandIn::start().await)
}

/// The logo in the prompt that this client's request leads to.
async fn prompted(world: &World, told: &Value) -> Value {
    let shop = world.client(text(&told["client_id"]), text(&told["client_secret"])).await;
    let phone = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let id = world.prompt(&phone, &asked).await.id();
    let provider = world.provider();
    let prompt = provider.store().prompt(provider.id(), &id.parse().expect("an id")).await.expect("a look-up");
    let jws = prompt.expect("the prompt").record.jws;
    let payload = jws.as_str().split('.').nth(1).expect("a payload").to_owned();
    let payload = protocol::base64url::decode(&payload).expect("base64url");
    serde_json::from_slice::<Value>(&payload).expect("JSON")["client"]["logo"].clone()
}

#[tokio::test]
async fn a_logo_is_fetched_once_and_served_from_here() {
    let (world, files) = world().await;
    let picture = png(32, 0x80);
    let uri = files.put("/logo.png", "image/png", picture.clone());
    let told = registered(&world, &json!({ "client_name": "Corner shop", "logo_uri": uri })).await;
    assert_eq!(told["logo_uri"], uri);
    assert_eq!(prompted(&world, &told).await, Value::Null, "nobody has looked at it");
    let seen = world.admin().client(text(&told["client_id"])).await.expect("the client");
    assert_eq!(seen["logo_sha256"], Digest::of(&picture).to_string(), "an operator looks at it by that");
    assert_eq!(confirmed(&world, &told).await.in_short(), "200");
    let logo = prompted(&world, &told).await;
    assert_eq!(logo["sha256"], seen["logo_sha256"]);
    let served = world.public().get(&format!("{ISSUER}{}", text(&logo["path"]))).await.expect("an answer");
    assert_eq!((served.status.as_u16(), &served.body[..]), (200, &picture[..]));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "public, max-age=31536000, immutable"),
    ] {
        assert_eq!(served.header(name), Some(value), "{name}");
    }
    assert_eq!(files.fetched(), 1);
    let other = format!("{ISSUER}/clients/{}/logo/{}", text(&told["client_id"]), Digest::of(b"another"));
    for path in [&other, &format!("{ISSUER}/clients/{SHOP}/logo/{}", Digest::of(&picture)), &other.replace('-', "%ff")]
    {
        assert_eq!(world.public().get(path).await.expect("an answer").status, 404, "{path}");
    }
    assert_eq!(deleted(&world, &told).await.status, 204);
    let gone = world.public().get(&format!("{ISSUER}{}", text(&logo["path"]))).await.expect("an answer");
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn another_logo_is_unverified_and_none_is_none() {
    let (world, files) = world().await;
    let uri = files.put("/logo.png", "image/png", png(32, 1));
    let told = registered(&world, &json!({ "client_name": "Corner shop", "logo_uri": uri })).await;
    confirmed(&world, &told).await;
    let same = put(&world, &told, &update(&told, &json!({}))).await.json();
    assert_eq!(same["verified"], true, "{same}");
    files.put("/logo.png", "image/png", png(32, 2));
    let changed = put(&world, &told, &update(&told, &json!({}))).await.json();
    assert_eq!(changed["verified"], false, "another picture under the same URL");
    let without = put(&world, &told, &update(&told, &json!({ "logo_uri": null }))).await.json();
    assert!(without.get("logo_uri").is_none());
    assert_eq!(prompted(&world, &told).await, Value::Null);
}

#[tokio::test]
async fn an_operator_confirms_the_logo_that_they_looked_at_and_no_other() {
    let (world, files) = world().await;
    let uri = files.put("/logo.png", "image/png", png(32, 1));
    let metadata = json!({ "client_name": "Corner shop", "logo_uri": uri });
    let told = registered(&world, &metadata).await;
    let path = format!("/clients/{}/verify", text(&told["client_id"]));
    let verify = async |picture: Option<Vec<u8>>| {
        let hash = picture.map(|picture| Digest::of(&picture).to_string());
        let looks = json!({ "client_name": "Corner shop", "logo_sha256": hash });
        world.admin().call(Method::POST, &path, Some(&looks)).await.expect("an answer").in_short()
    };
    files.put("/logo.png", "image/png", png(32, 2));
    put(&world, &told, &update(&told, &json!({}))).await;
    assert_eq!(verify(Some(png(32, 1))).await, "409 changed", "it has another one by now");
    assert_eq!(verify(None).await, "409 changed", "and not none");
    assert_eq!(verify(Some(png(32, 2))).await, "200");
    let id = text(&told["client_id"]);
    let replaced = async || world.admin().replace_client(id, &metadata).await.expect("replaced")["verified"].clone();
    assert_eq!(replaced().await, true, "the same one");
    files.put("/logo.png", "image/png", png(32, 3));
    assert_eq!(replaced().await, false, "nobody has looked at what was fetched now");
}

#[tokio::test]
async fn only_a_small_png_within_reach_is_a_logo() {
    let (world, files) = world().await;
    let good = files.put("/good", "image/png", png(64, 7));
    let noise: Vec<u8> = (0..12 * 1024u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let uris = [
        files.put("/svg", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        files.put("/svg-as-png", "image/png", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        files.put("/png-as-svg", "image/svg+xml", png(8, 7)),
        files.put("/no-type", "application/octet-stream", png(8, 7)),
        files.put("/cut", "image/png", &png(8, 7)[..40]),
        files.put("/and-more", "image/png", [png(8, 7), b"<script>".to_vec()].concat()),
        files.put("/wide", "image/png", png(513, 7)),
        files.put("/moves", "image/png", moving(8)),
        files.put("/large", "image/png", [png(8, 7), noise].concat()),
        files.put("/huge", "image/png", vec![0; 65 * 1024]),
        files.redirect("/elsewhere", &good),
        files.url("/nothing"),
        "https://shop.example.invalid/logo.png".to_owned(),
        "http://shop.example/logo.png".to_owned(),
        "data:image/png;base64,AAAA".to_owned(),
    ];
    let cases = uris.map(|uri| ("logo_uri", json!({ "logo_uri": uri })));
    refused(&world, &cases, async |world, metadata| posted(world, None, metadata).await).await;
    registered(&world, &json!({ "logo_uri": good })).await;
}

#[tokio::test]
async fn what_leads_into_our_own_network_is_never_called() {
    let world = builder(Registration::Open).policy(generous).make().await;
    let files = FileStandIn::start().await;
    let uri = files.put("/logo.png", "image/png", png(8, 7));
    let cases = [uri, "https://10.0.0.1/logo.png".to_owned(), "https://169.254.169.254/latest".to_owned()]
        .map(|uri| ("logo_uri", json!({ "logo_uri": uri })));
    refused(&world, &cases, async |world, metadata| posted(world, None, metadata).await).await;
    assert_eq!(files.fetched(), 0);
}

/// And of the settings file, when the first start registers it.
#[tokio::test]
async fn a_client_of_the_file_has_its_logo_fetched_when_it_is_first_registered() {
    let (world, files) = world().await;
    let provider = world.provider();
    let seed = |id: &str, uri: String| Seed {
        realm: provider.id().clone(),
        members: json!({ "client_id": id, "logo_uri": uri }).as_object().cloned().expect("an object"),
        secret: Some(Secret::new("the secret of a client of the file".to_owned())),
    };
    let missing = settle(provider, &seed("fund", files.url("/nothing"))).await;
    assert!(matches!(missing, Err(Reason::BadMember(bad)) if bad.member == "logo_uri"));
    let bank = seed("bank", files.put("/logo.png", "image/png", png(16, 9)));
    settle(provider, &bank).await.expect("registered");
    let fetched = files.fetched();
    assert_eq!(settle(provider, &bank).await.expect("known").1, [], "no drift");
    assert_eq!(files.fetched(), fetched, "and nothing is fetched again");
    let told = json!({ "client_id": "bank", "client_secret": "the secret of a client of the file" });
    assert_ne!(prompted(&world, &told).await, Value::Null);
}

/// The same at the admin API: a client of an operator's has a logo too.
#[tokio::test]
async fn an_operators_client_has_its_logo_fetched_by_the_same_rules() {
    let (world, files) = world().await;
    let uri = files.put("/logo.png", "image/png", png(32, 3));
    let told = world.register(&json!({ "client_id": "bank", "logo_uri": uri })).await;
    assert_ne!(prompted(&world, &told).await, Value::Null);
    let bad = json!({ "client_id": "fund", "logo_uri": files.url("/nothing") });
    let refused = world.admin().call(Method::POST, "/clients", Some(&bad)).await.expect("an answer");
    assert_eq!(refused.in_short(), "400 invalid_client_metadata");
}
