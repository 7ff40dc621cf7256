//! Software statements (RFC 7591 §2.3): somebody whom the realm believes vouches for a piece of software.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::policy::{HintIssuer, Registration, RegistrationSoftware};
use simulator::client_key::ClientKey;
use simulator::stand_in::key_set::KeySetStandIn;
use tests::pki::Authority;
use tests::{ISSUER, World};

use super::{builder, generous, nothing, posted, put, read, text, update};

const DIRECTORY: &str = "https://directory.example";

struct Scene {
    world: World,
    key: ClientKey,
    published: KeySetStandIn,
}

impl Scene {
    async fn new(software: RegistrationSoftware) -> Self {
        let key = ClientKey::generate(Algorithm::Ps256);
        let published = KeySetStandIn::publishing(key.jwks()).await;
        let issuer = HintIssuer { issuer: DIRECTORY.to_owned(), jwks_uri: published.url() };
        let world = builder(Registration::Open).policy(generous).policy(|policy| {
            policy.registration_software = software;
            policy.software_issuers = vec![issuer];
        });
        Self { world: world.trusting(&Authority::new("CA")).make().await, key, published }
    }

    fn stated(&self, claims: &Value) -> String {
        let mut all = json!({ "iss": DIRECTORY, "software_id": "shopkeeper", "client_name": "Shopkeeper" });
        for (name, value) in claims.as_object().expect("an object") {
            all[name] = value.clone();
        }
        all.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        self.key.sign(None, &all)
    }

    async fn told(&self, statement: &str) -> String {
        posted(&self.world, None, &json!({ "software_statement": statement })).await.in_short()
    }
}

/// RFC 7591 §2.3 and §3.2.1.
#[tokio::test]
async fn a_statement_wins_over_what_the_client_says_and_comes_back_as_it_was_sent() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let statement = scene.stated(&json!({ "scope": "openid email", "iat": 0, "jti": "1" }));
    let metadata = json!({
        "software_statement": statement, "client_name": "Somebody else", "scope": "openid phone", "software_version": "3",
    });
    let answer = posted(&scene.world, None, &metadata).await;
    assert_eq!(answer.in_short(), "201", "{}", answer.json());
    let told = answer.json();
    for (name, value) in [
        ("client_name", "Shopkeeper"),
        ("software_id", "shopkeeper"),
        ("software_version", "3"),
        ("scope", "openid email"),
        ("software_statement", &statement),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert_eq!(told["verified"], false, "an operator confirms names, and nobody else");
    assert_eq!(read(&scene.world, &told).await.json()["software_statement"], statement);
    let without = update(&told, &json!({ "software_statement": null, "client_name": "Somebody else" }));
    let refused = put(&scene.world, &told, &without).await;
    assert_eq!(refused.in_short(), "400 invalid_client_metadata", "it is not shaken off");
    let again = put(&scene.world, &told, &update(&told, &json!({ "client_name": "Somebody else" }))).await;
    assert_eq!((again.in_short().as_str(), &again.json()["client_name"]), ("200", &json!("Shopkeeper")));
}

/// RFC 7591 §3.2.2.
#[tokio::test]
async fn a_statement_that_cannot_be_believed_is_refused_by_its_own_code() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let now = scene.world.now().unix_seconds();
    let stranger = ClientKey::generate(Algorithm::Ps256);
    let of_stranger = stranger.sign(None, &json!({ "iss": DIRECTORY }));
    let good = scene.stated(&nothing());
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    let invalid = [
        "no JWT".to_owned(),
        of_stranger,
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        scene.stated(&json!({ "iss": null })),
        scene.stated(&json!({ "exp": now })),
        scene.stated(&json!({ "nbf": now + 60 })),
        scene.stated(&json!({ "aud": "https://other.example" })),
        scene.stated(&json!({ "software_version": "x".repeat(5000) })),
        scene.key.sign(Some("at+jwt"), &json!({ "iss": DIRECTORY })),
    ];
    for statement in &invalid {
        assert_eq!(scene.told(statement).await, "400 invalid_software_statement", "{statement}");
    }
    let number = posted(&scene.world, None, &json!({ "software_statement": 7 })).await;
    assert_eq!(number.in_short(), "400 invalid_software_statement");
    let nobodys = scene.stated(&json!({ "iss": "https://nobody.example" }));
    assert_eq!(scene.told(&nobodys).await, "400 unapproved_software_statement");
    let good = scene.stated(&json!({ "aud": [ISSUER, "https://other.example"], "exp": now + 60 }));
    assert_eq!(scene.told(&good).await, "201");
    let claims_too_much = scene.stated(&json!({ "client_name": "Another", "verified": true }));
    assert_eq!(scene.told(&claims_too_much).await, "400 invalid_client_metadata");
}

#[tokio::test]
async fn where_statements_are_wanted_nobody_registers_without() {
    let scene = Scene::new(RegistrationSoftware::Statement).await;
    let without = posted(&scene.world, None, &nothing()).await;
    assert_eq!(without.in_short(), "400 invalid_client_metadata");
    assert!(text(&without.json()["error_description"]).starts_with("software_statement: "));
    assert_eq!(scene.told(&scene.stated(&nothing())).await, "201");
}

#[tokio::test]
async fn while_the_issuers_keys_cannot_be_had_the_client_is_told_to_come_again() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    scene.published.break_down();
    assert_eq!(scene.told(&scene.stated(&nothing())).await, "503 temporarily_unavailable");
}

/// RFC 7591 §2: `jwks` and `jwks_uri` exclude each other; RFC 8705 §2.1.2: so do the names of a certificate.
#[tokio::test]
async fn a_statement_wins_also_where_the_client_says_the_same_by_another_member() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let key = ClientKey::generate(Algorithm::Es256);
    let elsewhere = "https://shop.example/jwks";
    let sent = async |claims: Value, mut metadata: Value| {
        metadata["software_statement"] = json!(scene.stated(&claims));
        let answer = posted(&scene.world, None, &metadata).await;
        assert_eq!(answer.in_short(), "201", "{}", answer.json());
        answer.json()
    };
    let told = sent(json!({ "jwks_uri": elsewhere }), json!({ "jwks": key.jwks() })).await;
    assert_eq!((&told["jwks_uri"], told.get("jwks")), (&json!(elsewhere), None));
    let told = sent(json!({ "jwks": key.jwks() }), json!({ "jwks_uri": elsewhere })).await;
    assert_eq!((&told["jwks"], told.get("jwks_uri")), (&key.jwks(), None));
    let told = sent(
        json!({ "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "shop.example" }),
        json!({ "tls_client_auth_subject_dn": "CN=somebody else" }),
    )
    .await;
    let names = (&told["tls_client_auth_san_dns"], told.get("tls_client_auth_subject_dn"));
    assert_eq!(names, (&json!("shop.example"), None));
    let told = sent(json!({ "jwks": null }), json!({ "jwks_uri": elsewhere })).await;
    assert_eq!(told["jwks_uri"], elsewhere, "of what the statement does not say, the client does");
}

/// Each installation of one software registers, and users know them all by its name.
#[tokio::test]
async fn clients_of_one_software_share_the_name_that_its_statement_says_and_nobody_else_does() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let told = posted(&scene.world, None, &json!({ "software_statement": scene.stated(&nothing()) })).await.json();
    assert_eq!(scene.told(&scene.stated(&json!({ "iat": 1 }))).await, "201", "another statement of the same software");
    for other in [
        scene.stated(&json!({ "software_id": "other" })),
        scene.stated(&json!({ "software_id": null })),
        scene.stated(&json!({ "software_id": null, "client_name": null })),
    ] {
        let metadata = json!({ "software_statement": other, "software_id": "shopkeeper", "client_name": "Shopkeeper" });
        let answer = posted(&scene.world, None, &metadata).await;
        assert_eq!(answer.in_short(), "400 invalid_client_metadata", "{metadata}");
    }
    let without = json!({ "client_name": "Shopkeeper", "software_id": "shopkeeper" });
    assert_eq!(posted(&scene.world, None, &without).await.in_short(), "400 invalid_client_metadata");
    let says_no_name = scene.stated(&json!({ "client_name": null }));
    let metadata = json!({ "software_statement": says_no_name, "client_name": "Shopkeeper" });
    let answer = posted(&scene.world, None, &metadata).await;
    assert_eq!(answer.in_short(), "400 invalid_client_metadata", "the name is the client's own word");
    let to_other = update(&told, &json!({ "software_statement": scene.stated(&json!({ "software_id": "other" })) }));
    let answer = put(&scene.world, &told, &to_other).await;
    assert_eq!(answer.in_short(), "400 invalid_client_metadata", "it would be another software of the same name");
    assert_eq!(put(&scene.world, &told, &update(&told, &nothing())).await.in_short(), "200");
}

/// Whoever changes a vouched name takes the voucher off it.
#[tokio::test]
async fn a_name_that_an_operator_gave_is_shared_by_no_software() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let told = posted(&scene.world, None, &json!({ "software_statement": scene.stated(&nothing()) })).await.json();
    let renamed = json!({ "client_name": "Corner shop" });
    scene.world.admin().replace_client(text(&told["client_id"]), &renamed).await.expect("replaced");
    let of_that_name = scene.stated(&json!({ "client_name": "Corner shop" }));
    assert_eq!(scene.told(&of_that_name).await, "400 invalid_client_metadata");
}

#[tokio::test]
async fn what_an_operator_set_a_statement_does_not_undo() {
    let scene = Scene::new(RegistrationSoftware::Any).await;
    let statement = scene.stated(&json!({ "scope": "openid email phone", "match_code": false }));
    let told = posted(&scene.world, None, &json!({ "software_statement": statement })).await.json();
    let set = json!({ "client_name": "Shopkeeper", "scope": "openid email", "match_code": true });
    scene.world.admin().replace_client(text(&told["client_id"]), &set).await.expect("replaced");
    let echoed = put(&scene.world, &told, &update(&read(&scene.world, &told).await.json(), &nothing())).await;
    assert_eq!(echoed.in_short(), "200", "{}", echoed.json());
    let now = echoed.json();
    assert_eq!((&now["scope"], &now["match_code"]), (&json!("openid email"), &json!(true)));
}
