//! Where a token may be used and for what exactly (RFC 8707, RFC 9396): asked, shown, granted, and narrowed at the token
//! endpoint and at every refresh.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::client::AccessTokenFormat;
use server::domain::details::DetailsType;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, RelyingParty};
use simulator::wire::Answer;
use tests::{ISSUER, SHOP, World, a_request};

use crate::{introspected, text};

const ACCOUNTS: &str = "https://api.example.com/accounts";
const CARDS: &str = "https://cards.example.com";

/// A type whose details are granted once.
fn pay_type() -> DetailsType {
    DetailsType { once: true, ..read_type("pay") }
}

fn read_type(name: &str) -> DetailsType {
    let kind = json!({
        "type": name,
        "title": { "label": "What", "value": "Read" },
        "schema": { "type": "object", "required": ["what"], "properties": { "what": { "type": "string" } } },
        "display": [{ "label": "Of", "path": "/what" }],
    });
    serde_json::from_value(kind).expect("a type")
}

fn detail(what: &str) -> Value {
    json!({ "type": "read", "what": what })
}

struct Scene {
    world: World,
    shop: RelyingParty,
    phone: Phone,
}

impl Scene {
    async fn new() -> Self {
        let types = vec![read_type("read"), read_type("write"), pay_type()];
        let world = World::builder()
            .policy(|policy| {
                policy.authorization_details_types = types;
                policy.prompt_limits = false;
            })
            .make()
            .await;
        world
            .edit_client(SHOP, |client| {
                client.refresh = true;
                client.resources = vec![ACCOUNTS.to_owned(), CARDS.to_owned()];
            })
            .await;
        let (shop, phone) = (world.shop().await, world.phone("1001").await);
        Self { world, shop, phone }
    }

    /// A resource server of this audience.
    async fn server(&self, id: &str, audience: &str) -> RelyingParty {
        self.world.add_client(id, "the secret of a resource server").await;
        self.world.edit_client(id, |client| client.audiences = vec![audience.to_owned()]).await;
        self.world.client(id, "the secret of a resource server").await
    }

    /// An approved request, with this behind its form.
    async fn approved(&self, more: &[(&str, &str)]) -> String {
        let answer = self.begin(more).await;
        assert_eq!(answer.in_short(), "200");
        let asked = text(&answer.json(), "auth_req_id").to_owned();
        self.phone.approve(&self.world.prompt(&self.phone, &asked).await).await.expect("approved");
        asked
    }

    async fn begin(&self, more: &[(&str, &str)]) -> Answer {
        let form = [&[("scope", "openid email"), ("login_hint", "alice"), ("binding_message", "W4SCT")], more].concat();
        self.shop.begin(&form).await.expect("an answer")
    }

    async fn collect(&self, asked: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", CIBA_GRANT), ("auth_req_id", asked)], more].concat();
        self.shop.post(self.shop.endpoint("token_endpoint"), &form).await.expect("an answer")
    }

    async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
        self.shop.post(self.shop.endpoint("token_endpoint"), &form).await.expect("an answer")
    }
}

#[tokio::test]
async fn resources_are_shown_and_are_the_audience_of_the_token() {
    let scene = Scene::new().await;
    let (accounts, cards) = (scene.server("accounts", ACCOUNTS).await, scene.server("cards", CARDS).await);
    let answer = scene.begin(&[("resource", ACCOUNTS), ("resource", CARDS), ("resource", CARDS)]).await;
    let asked = text(&answer.json(), "auth_req_id").to_owned();
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    let shown: Vec<_> = prompt.prompt().lines().iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
    assert_eq!(shown[shown.len() - 2..], ["For use at: api.example.com /accounts", "For use at: cards.example.com"]);
    assert_eq!(prompt.prompt().content().resource, [ACCOUNTS, CARDS]);
    scene.phone.approve(&prompt).await.expect("approved");
    let tokens = scene.collect(&asked, &[]).await.json();
    let token = text(&tokens, "access_token");
    for server in [&accounts, &cards] {
        assert_eq!(introspected(server, token).await["aud"], json!([ACCOUNTS, CARDS]));
    }
    let ours = scene.server("ours", ISSUER).await;
    assert_eq!(introspected(&ours, token).await, json!({ "active": false }));
    let userinfo = scene.shop.userinfo(token).await.expect("an answer");
    assert_eq!(userinfo.in_short(), "401 invalid_token", "it is for others, who could use it here");
}

#[tokio::test]
async fn a_resource_that_the_client_may_not_name_is_an_invalid_target() {
    let scene = Scene::new().await;
    for wrong in [
        "https://api.example.com",
        "https://api.example.com/accounts/",
        "https://api.example.com/accounts#x",
        "https://other.example",
        "accounts",
    ] {
        assert_eq!(scene.begin(&[("resource", wrong)]).await.in_short(), "400 invalid_target", "{wrong}");
        assert_eq!(
            scene.begin(&[("resource", CARDS), ("resource", wrong)]).await.in_short(),
            "400 invalid_target",
            "{wrong}"
        );
    }
    assert_eq!(scene.begin(&[("resource", "")]).await.in_short(), "200", "an empty one is absent (RFC 6749 §3.1)");
    assert_eq!(
        scene.begin(&[("scope", "openid")]).await.in_short(),
        "400 invalid_request",
        "nothing else stands twice"
    );
}

#[tokio::test]
async fn a_signed_request_names_resources_as_a_text_or_a_list() {
    let scene = Scene::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    scene
        .world
        .edit_client(SHOP, |client| client.keys = server::domain::client::ClientKeys::Jwks(key.jwks().to_string()))
        .await;
    for (resource, expected) in [
        (json!(CARDS), "200"),
        (json!([CARDS, ACCOUNTS]), "200"),
        (json!([]), "200"),
        (json!(["https://other.example"]), "400 invalid_target"),
        (json!([1]), "400 invalid_target"),
        (json!({}), "400 invalid_target"),
        (json!(7), "400 invalid_target"),
    ] {
        let mut claims = scene.shop.request_object(&[("scope", "openid"), ("login_hint", "alice")]);
        claims["resource"] = resource.clone();
        let request = key.sign(Some("oauth-authz-req+jwt"), &claims);
        assert_eq!(
            scene.shop.begin(&[("request", &request)]).await.expect("an answer").in_short(),
            expected,
            "{resource}"
        );
    }
    let mut claims = scene.shop.request_object(&[("scope", "openid"), ("login_hint", "alice")]);
    claims["resource"] = json!(CARDS);
    let request = key.sign(Some("oauth-authz-req+jwt"), &claims);
    let beside = scene.shop.begin(&[("request", &request), ("resource", CARDS)]).await.expect("an answer");
    assert_eq!(beside.in_short(), "400 invalid_request", "CIBA §7.1.1: nothing stands beside it");
}

#[tokio::test]
async fn the_token_endpoint_gives_less_than_was_granted_and_never_more() {
    let scene = Scene::new().await;
    let (accounts, cards) = (scene.server("accounts", ACCOUNTS).await, scene.server("cards", CARDS).await);
    let asked = scene.approved(&[("resource", ACCOUNTS), ("resource", CARDS)]).await;
    assert_eq!(scene.collect(&asked, &[("resource", "https://other.example")]).await.in_short(), "400 invalid_target");
    let tokens = scene.collect(&asked, &[("resource", CARDS)]).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(introspected(&cards, token).await["aud"], json!([CARDS]));
    assert_eq!(introspected(&accounts, token).await, json!({ "active": false }));
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(scene.refresh(refresh, &[("resource", ISSUER)]).await.in_short(), "400 invalid_target");
    let next = scene.refresh(refresh, &[("resource", ACCOUNTS)]).await.json();
    assert_eq!(introspected(&accounts, text(&next, "access_token")).await["aud"], json!([ACCOUNTS]));
    let whole = scene.refresh(text(&next, "refresh_token"), &[]).await.json();
    assert_eq!(introspected(&cards, text(&whole, "access_token")).await["aud"], json!([ACCOUNTS, CARDS]));
}

#[tokio::test]
async fn without_a_resource_the_audience_is_the_realms_and_none_can_be_named_later() {
    let scene = Scene::new().await;
    let ours = scene.server("ours", ISSUER).await;
    let asked = scene.approved(&[]).await;
    assert_eq!(scene.collect(&asked, &[("resource", CARDS)]).await.in_short(), "400 invalid_target");
    let tokens = scene.collect(&asked, &[]).await.json();
    assert_eq!(introspected(&ours, text(&tokens, "access_token")).await["aud"], json!([ISSUER]));
    assert_eq!(scene.shop.userinfo(text(&tokens, "access_token")).await.expect("an answer").in_short(), "200");
}

#[tokio::test]
async fn a_jwt_access_token_names_its_resources_and_its_details() {
    let scene = Scene::new().await;
    scene.world.edit_client(SHOP, |client| client.access_token_format = AccessTokenFormat::Jwt).await;
    let details = json!([detail("balance")]);
    let claims = |tokens: &Value| -> Value {
        let claims = text(tokens, "access_token").split('.').nth(1).expect("a JWT");
        serde_json::from_slice(&protocol::base64url::decode(claims).expect("base64url")).expect("JSON")
    };
    let asked = scene.approved(&[("resource", CARDS), ("authorization_details", &details.to_string())]).await;
    let one = claims(&scene.collect(&asked, &[]).await.json());
    assert_eq!((&one["aud"], &one["authorization_details"]), (&json!(CARDS), &details));
    let asked = scene.approved(&[("resource", CARDS), ("resource", ACCOUNTS)]).await;
    let two = claims(&scene.collect(&asked, &[]).await.json());
    assert_eq!((&two["aud"], two.get("authorization_details")), (&json!([CARDS, ACCOUNTS]), None));
}

#[tokio::test]
async fn granted_details_are_told_at_the_token_endpoint_at_refresh_and_by_introspection() {
    let scene = Scene::new().await;
    let ours = scene.server("ours", ISSUER).await;
    let details = json!([detail("balance"), detail("history")]);
    let asked = scene.approved(&[("authorization_details", &details.to_string())]).await;
    let tokens = scene.collect(&asked, &[]).await.json();
    assert_eq!(tokens["authorization_details"], details);
    assert_eq!(
        introspected(&ours, text(&tokens, "access_token")).await["authorization_details"],
        details,
        "RFC 9396 §9.2"
    );
    assert_eq!(introspected(&scene.shop, text(&tokens, "refresh_token")).await["authorization_details"], details);
    let next = scene.refresh(text(&tokens, "refresh_token"), &[]).await.json();
    assert_eq!(next["authorization_details"], details);
    let plain = scene.collect(&scene.approved(&[]).await, &[]).await.json();
    assert_eq!(introspected(&ours, text(&plain, "access_token")).await.get("authorization_details"), None);
}

#[tokio::test]
async fn details_can_be_narrowed_to_some_that_were_granted_as_they_were() {
    let scene = Scene::new().await;
    let ours = scene.server("ours", ISSUER).await;
    let details = json!([detail("balance"), detail("history")]);
    let asked = scene.approved(&[("authorization_details", &details.to_string())]).await;
    for more in [
        json!([detail("cards")]),
        json!([detail("balance"), detail("cards")]),
        json!([{ "type": "read" }]),
        json!([{ "type": "write", "what": "balance" }]),
        json!([]),
        json!({}),
    ] {
        let answer = scene.collect(&asked, &[("authorization_details", &more.to_string())]).await;
        assert_eq!(answer.in_short(), "400 invalid_authorization_details", "{more}");
    }
    let some = json!([detail("history")]).to_string();
    let tokens = scene.collect(&asked, &[("authorization_details", &some)]).await.json();
    assert_eq!(tokens["authorization_details"], json!([detail("history")]));
    assert_eq!(
        introspected(&ours, text(&tokens, "access_token")).await["authorization_details"],
        json!([detail("history")])
    );
    let refresh = text(&tokens, "refresh_token");
    let other = scene.refresh(refresh, &[("authorization_details", &json!([detail("cards")]).to_string())]).await;
    assert_eq!(other.in_short(), "400 invalid_authorization_details");
    let balance = json!([detail("balance")]).to_string();
    let next = scene.refresh(refresh, &[("authorization_details", &balance)]).await.json();
    assert_eq!(next["authorization_details"], json!([detail("balance")]), "what was granted, not what was taken last");
}

#[tokio::test]
async fn a_client_may_send_the_types_that_it_registered() {
    let scene = Scene::new().await;
    scene.world.edit_client(SHOP, |client| client.details_types = Some(vec!["read".to_owned()])).await;
    let written = json!([{ "type": "write", "what": "x" }]).to_string();
    assert_eq!(
        scene.begin(&[("authorization_details", &written)]).await.in_short(),
        "400 invalid_authorization_details"
    );
    let read = json!([detail("x")]).to_string();
    assert_eq!(scene.begin(&[("authorization_details", &read)]).await.in_short(), "200");
    assert_eq!(scene.shop.document()["authorization_details_types_supported"], json!(["read", "write", "pay"]));
}

#[tokio::test]
async fn registration_takes_absolute_uris_and_types_that_the_realm_knows() {
    let scene = Scene::new().await;
    let admin = scene.world.admin();
    let good = json!({ "client_id": "one", "client_name": "One", "resources": [CARDS], "authorization_details_types": ["read"] });
    let made = admin.create_client(&good).await.expect("created").expect("told");
    assert_eq!((&made["resources"], &made["authorization_details_types"]), (&json!([CARDS]), &json!(["read"])));
    for (member, value) in [
        ("resources", json!(["/relative"])),
        ("resources", json!(["https://a.example/#x"])),
        ("resources", json!(CARDS)),
        ("authorization_details_types", json!(["unknown"])),
    ] {
        let refused = admin.create_client(&json!({ "client_id": "two", "client_name": "Two", member: value })).await;
        assert!(refused.expect_err("refused").to_string().contains(member), "{member}");
    }
}

#[tokio::test]
async fn what_is_granted_once_is_in_no_token_of_a_refresh() {
    let scene = Scene::new().await;
    let ours = scene.server("ours", ISSUER).await;
    let payment = json!({ "type": "pay", "what": "12.50 EUR" });
    let details = json!([payment, detail("balance")]);
    let asked = scene.approved(&[("authorization_details", &details.to_string())]).await;
    let tokens = scene.collect(&asked, &[]).await.json();
    assert_eq!(introspected(&ours, text(&tokens, "access_token")).await["authorization_details"], details);
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(introspected(&scene.shop, refresh).await["authorization_details"], json!([detail("balance")]));
    let again = scene.refresh(refresh, &[("authorization_details", &json!([payment]).to_string())]).await;
    assert_eq!(again.in_short(), "400 invalid_authorization_details");
    let next = scene.refresh(refresh, &[]).await.json();
    assert_eq!(next["authorization_details"], json!([detail("balance")]));
}

#[tokio::test]
async fn of_two_equal_details_one_can_be_taken() {
    let scene = Scene::new().await;
    let details = json!([detail("balance"), detail("balance")]);
    let asked = scene.approved(&[("authorization_details", &details.to_string())]).await;
    let three = json!([detail("balance"), detail("balance"), detail("balance")]).to_string();
    let answer = scene.collect(&asked, &[("authorization_details", &three)]).await;
    assert_eq!(answer.in_short(), "400 invalid_authorization_details");
    let one = json!([detail("balance")]);
    let tokens = scene.collect(&asked, &[("authorization_details", &one.to_string())]).await.json();
    assert_eq!(tokens["authorization_details"], one);
}

#[tokio::test]
async fn what_was_taken_from_a_client_since_comes_out_of_no_refresh() {
    let scene = Scene::new().await;
    let cards = scene.server("cards", CARDS).await;
    let details = json!([detail("balance")]).to_string();
    let both = [("resource", ACCOUNTS), ("resource", CARDS), ("authorization_details", details.as_str())];
    let tokens = scene.collect(&scene.approved(&both).await, &[]).await.json();
    let refresh = text(&tokens, "refresh_token");
    scene
        .world
        .edit_client(SHOP, |client| {
            client.resources = vec![CARDS.to_owned()];
            client.details_types = Some(vec!["write".to_owned()]);
        })
        .await;
    assert_eq!(scene.refresh(refresh, &[("resource", ACCOUNTS)]).await.in_short(), "400 invalid_target");
    let told = introspected(&scene.shop, refresh).await;
    assert_eq!(
        (&told["aud"], told.get("authorization_details")),
        (&json!([CARDS]), None),
        "what a refresh would bring"
    );
    let next = scene.refresh(refresh, &[]).await.json();
    assert_eq!(introspected(&cards, text(&next, "access_token")).await["aud"], json!([CARDS]));
    assert_eq!(next.get("authorization_details"), None);
    scene.world.edit_client(SHOP, |client| client.resources = Vec::new()).await;
    let none = scene.refresh(text(&next, "refresh_token"), &[]).await;
    assert_eq!(none.in_short(), "400 invalid_target", "never a token for more than was granted");
}

#[tokio::test]
async fn a_scope_that_was_taken_from_a_client_comes_out_of_no_token_any_more() {
    let scene = Scene::new().await;
    let tokens = scene.collect(&scene.approved(&[]).await, &[]).await.json();
    assert_eq!(tokens["scope"], "openid email");
    let (waiting, hopeless) = (scene.approved(&[]).await, scene.approved(&[]).await);
    scene.world.edit_client(SHOP, |client| client.scope = vec!["openid".to_owned()]).await;
    let late = scene.collect(&waiting, &[]).await.json();
    assert_eq!(late["scope"], "openid", "what was approved before is redeemed for what is left");
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(scene.refresh(refresh, &[("scope", "openid email")]).await.in_short(), "400 invalid_scope");
    let next = scene.refresh(refresh, &[]).await.json();
    assert_eq!(next["scope"], "openid");
    let claims = scene.shop.userinfo(text(&next, "access_token")).await.expect("an answer").json();
    assert_eq!(claims.get("email"), None);
    scene.world.edit_client(SHOP, |client| client.scope = vec!["phone".to_owned()]).await;
    assert_eq!(scene.collect(&hopeless, &[]).await.in_short(), "400 invalid_scope");
    scene.world.edit_client(SHOP, |client| client.scope = vec!["openid".to_owned(), "email".to_owned()]).await;
    let again = scene.refresh(text(&next, "refresh_token"), &[]).await.json();
    assert_eq!(again["scope"], "openid email", "the user agreed to it, and the client may have it again");
}

#[tokio::test]
async fn what_is_pushed_is_for_the_scope_that_is_left() {
    let scene = crate::told::Scene::of(server::domain::delivery::DeliveryMode::Push).await;
    let ask = || a_request().told_by(crate::told::TOKEN).with("scope", "openid email");
    let asked = ask().accepted(&scene.shop).await;
    scene.approve(&asked).await;
    scene.world.edit_client(SHOP, |client| client.scope = vec!["openid".to_owned()]).await;
    scene.world.deliver().await;
    assert_eq!(scene.endpoint.calls()[0].json()["scope"], "openid");
}

#[tokio::test]
async fn what_is_pushed_is_for_the_resources_and_details_that_were_asked() {
    let scene = crate::told::Scene::of(server::domain::delivery::DeliveryMode::Push).await;
    scene.world.edit_client(SHOP, |client| client.resources = vec![CARDS.to_owned()]).await;
    let asked = a_request().told_by(crate::told::TOKEN).with("resource", CARDS).accepted(&scene.shop).await;
    scene.approve(&asked).await;
    scene.world.deliver().await;
    let sent = scene.endpoint.calls()[0].json();
    scene.world.add_client("cards", "the secret of a resource server").await;
    scene.world.edit_client("cards", |client| client.audiences = vec![CARDS.to_owned()]).await;
    let cards = scene.world.client("cards", "the secret of a resource server").await;
    assert_eq!(introspected(&cards, text(&sent, "access_token")).await["aud"], json!([CARDS]));
}

#[tokio::test]
async fn under_the_fapi_profile_details_stand_in_for_a_binding_message() {
    let scene = Scene::new().await;
    let key = ClientKey::generate(Algorithm::Es256);
    scene
        .world
        .edit_client(SHOP, |client| {
            client.keys = server::domain::client::ClientKeys::Jwks(key.jwks().to_string());
            client.authentication = server::domain::client::AuthenticationMethod::PrivateKeyJwt;
            client.secret = None;
            client.profile = Some(server::domain::profile::Profile::FapiCiba);
        })
        .await;
    let authentication = Authentication::PrivateKeyJwt(key.clone());
    let credentials = Credentials { id: SHOP.to_owned(), secret: String::new(), authentication };
    let shop = scene.world.client_with(credentials).await;
    let plain = [("scope", "openid"), ("login_hint", "alice")];
    assert_eq!(shop.begin_signed(&key, &plain).await.expect("an answer").in_short(), "400 invalid_request");
    let details = json!([detail("balance")]).to_string();
    let detailed = [plain[0], plain[1], ("authorization_details", details.as_str())];
    assert_eq!(shop.begin_signed(&key, &detailed).await.expect("an answer").in_short(), "200");
}
