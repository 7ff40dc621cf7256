//! `[[client]]` in the settings file: judged as by the admin API, registered once, and never taken back from the store.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use server::app::system::{SystemClock, SystemRandom};
use server::app::{self, App, Init};
use server::config::{Config, ConfigError, Environment};
use server::domain::names::ClientId;
use server::flow::register;
use server::flow::register::table::{Absent, MEMBERS};

/// A deployment of its own; every start of it reads the file anew.
struct Deployment {
    _dir: tempfile::TempDir,
    settings: PathBuf,
}

impl Deployment {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let issuer = Some("https://op.example".to_owned());
        let init = Init { dir: dir.path().join("op"), issuer, listen, admin_listen: listen };
        let settings = app::init(&init).unwrap();
        Self { _dir: dir, settings }
    }

    fn with(clients: &str) -> Self {
        let this = Self::new();
        this.secret_file("shop.secret", "the secret of the corner shop", 0o600);
        this.set(clients);
        this
    }

    /// Replaces the clients of the file.
    fn set(&self, clients: &str) {
        let text = fs::read_to_string(&self.settings).unwrap();
        let head = text.split("\n[[client]]").next().unwrap().to_owned();
        fs::write(&self.settings, format!("{head}\n{clients}")).unwrap();
    }

    fn secret_file(&self, name: &str, text: &str, mode: u32) {
        let path = self.settings.with_file_name(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn config(&self, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::load(&self.settings, &Environment::of(variables))
    }

    fn complaints(&self, variables: &[(&str, &str)]) -> Vec<String> {
        match self.config(variables) {
            Err(ConfigError::Wrong(complaints)) => complaints,
            other => panic!("refused with complaints, not {other:?}"),
        }
    }

    async fn open(&self) -> App {
        App::open(self.config(&[]).unwrap(), Arc::new(SystemClock), Arc::new(SystemRandom)).await.unwrap()
    }

    async fn remarks(&self) -> Vec<String> {
        app::check(Path::new(&self.settings), &Environment::default()).await.unwrap()
    }
}

async fn close(app: App) {
    app.providers()[0].store().close().await;
}

async fn registered(app: &App, id: &str) -> Value {
    register::written(&register::client(&app.providers()[0], &ClientId::new(id)).await.unwrap()).into()
}

const SHOP: &str = r#"
[[client]]
client_id = "shop"
client_name = "Corner Shop"
client_secret_file = "shop.secret"
backchannel_token_delivery_mode = "ping"
backchannel_client_notification_endpoint = "https://shop.example/ciba"
grant_types = ["urn:openid:params:grant-type:ciba", "refresh_token"]
"#;

#[tokio::test]
async fn a_client_of_the_file_is_registered_once_and_the_store_holds_from_then_on() {
    let deployment = Deployment::with(SHOP);
    assert_eq!(deployment.remarks().await, [""; 0], "there is no store to compare with");
    let app = deployment.open().await;
    let shop = registered(&app, "shop").await;
    assert_eq!(shop["client_name"], "Corner Shop");
    assert_eq!(shop["backchannel_client_notification_endpoint"], "https://shop.example/ciba");
    assert_eq!(shop["grant_types"], json!(["urn:openid:params:grant-type:ciba", "refresh_token"]));
    close(app).await;
    assert_eq!(deployment.remarks().await, [""; 0]);

    deployment.set(&SHOP.replace("Corner Shop", "Other Shop"));
    deployment.secret_file("shop.secret", "another secret of the shop", 0o600);
    let app = deployment.open().await;
    assert_eq!(registered(&app, "shop").await["client_name"], "Corner Shop");
    close(app).await;
    assert_eq!(
        deployment.remarks().await,
        [
            "realm main: client shop: client_name is \"Other Shop\" in the file and \"Corner Shop\" in the store, which holds",
            "realm main: client shop: its secret in the store, which holds, is not that of the file",
        ]
    );
}

#[tokio::test]
async fn a_client_that_was_removed_stays_removed() {
    let deployment = Deployment::with(SHOP);
    let app = deployment.open().await;
    register::remove(&app.providers()[0], &ClientId::new("shop")).await.unwrap();
    close(app).await;
    let app = deployment.open().await;
    assert!(register::client(&app.providers()[0], &ClientId::new("shop")).await.is_err());
    close(app).await;
    assert_eq!(deployment.remarks().await, ["realm main: client shop was removed; its id is never used again"]);
}

#[tokio::test]
async fn a_client_that_the_file_got_later_is_told_of_and_registered_at_the_next_start() {
    let deployment = Deployment::new();
    close(deployment.open().await).await;
    deployment.secret_file("shop.secret", "the secret of the corner shop", 0o600);
    deployment.set(SHOP);
    let told = ["realm main: client shop is in the file only; the next start registers it"];
    assert_eq!(deployment.remarks().await, told);
    let app = deployment.open().await;
    assert_eq!(registered(&app, "shop").await["client_id"], "shop");
    close(app).await;
}

#[test]
fn the_environment_is_laid_over_clients_too() {
    let deployment = Deployment::with(&SHOP.replace("client_secret_file = \"shop.secret\"\n", ""));
    let config = deployment.config(&[
        ("ASSENT__CLIENT__0__CLIENT_SECRET", "a secret from the environment"),
        ("ASSENT__CLIENT__0__BACKCHANNEL_USER_CODE_PARAMETER", "true"),
        ("ASSENT__CLIENT__0__LONG_POLL", "20"),
        ("ASSENT__CLIENT__0__DEFAULT_ACR_VALUES", "urn:assent:acr:uv, urn:assent:acr:presence"),
    ]);
    let config = config.unwrap();
    let members = &config.clients[0].members;
    assert_eq!((&members["backchannel_user_code_parameter"], &members["long_poll"]), (&json!(true), &json!(20)));
    assert_eq!(members["default_acr_values"], json!(["urn:assent:acr:uv", "urn:assent:acr:presence"]));
    assert!(!format!("{config:?}").contains("from the environment"), "a secret is printed nowhere");
}

#[test]
fn every_complaint_names_the_client_by_its_place_and_the_member() {
    let secret = "client_secret_file = \"shop.secret\"";
    let table = [
        ("client_id = \"shop\"", "", "client[0].client_id: must be there"),
        ("client_id = \"shop\"", "client_id = 1", "client[0].client_id: must be a text"),
        (secret, "", "client[0].client_secret_file: must be there"),
        (secret, "client_secret_file = \"nowhere\"", "client[0].client_secret_file: "),
        (secret, "client_secret_file = \"open.secret\"", "client[0].client_secret_file: "),
        (
            secret,
            "client_secret_file = \"shop.secret\"\nclient_secret = \"x\"",
            "client[0].client_secret: and client_secret_file",
        ),
        (secret, "client_secret = 4", "client[0].client_secret: must be a text"),
        ("\"ping\"", "\"pull\"", "client[0].backchannel_token_delivery_mode: must be poll, ping or push"),
        (
            "https://shop.example/ciba",
            "http://shop.example/ciba",
            "client[0].backchannel_client_notification_endpoint: ",
        ),
        ("client_name", "client_nmae", "client[0].client_nmae: is unknown"),
        (
            "client_id = \"shop\"",
            "client_id = \"shop\"\nrealm = \"other\"",
            "client[0].realm: is no realm of this file",
        ),
        (
            "client_id = \"shop\"",
            "client_id = \"shop\"\ntoken_endpoint_auth_method = \"tls_client_auth\"",
            "client[0].token_endpoint_auth_method: must be one of",
        ),
        (
            "client_id = \"shop\"",
            "client_id = \"shop\"\ntoken_endpoint_auth_method = \"private_key_jwt\"\njwks_uri = \"https://shop.example/jwks\"",
            "client[0].client_secret: is for the client_secret methods only",
        ),
        (
            "client_id = \"shop\"",
            "client_id = \"shop\"\nprofile = \"fapi-ciba\"",
            "client[0].token_endpoint_auth_method: ",
        ),
    ];
    for (from, to, expected) in table {
        assert!(SHOP.contains(from), "{from}");
        let deployment = Deployment::with(&SHOP.replacen(from, to, 1));
        deployment.secret_file("open.secret", "a secret that all may read", 0o644);
        let complaints = deployment.complaints(&[]);
        assert!(complaints.len() == 1 && complaints[0].starts_with(expected), "{to}: {complaints:?}");
    }
    let twice = format!("{SHOP}{SHOP}");
    assert_eq!(Deployment::with(&twice).complaints(&[]), ["client[1].client_id: is the id of an earlier client"]);
}

#[tokio::test]
async fn every_default_of_the_table_of_members_is_what_a_plain_registration_gets() {
    let app = Deployment::new().open().await;
    let plain = serde_json::Map::from_iter([("client_id".to_owned(), json!("plain"))]);
    register::create(&app.providers()[0], plain).await.unwrap();
    let plain = registered(&app, "plain").await;
    for member in MEMBERS {
        if let Absent::Is(default) = member.absent {
            let default: Value = serde_json::from_str(default).unwrap();
            assert_eq!(plain[member.name], default, "{}", member.name);
        }
    }
    close(app).await;
}

#[tokio::test]
async fn a_client_that_looks_like_another_stops_the_start_and_both_are_named() {
    let like = "[[client]]\nclient_id = \"kiosk\"\nclient_name = \"C\u{43e}rner  shop\"\nclient_secret_file = \"shop.secret\"\n";
    let deployment = Deployment::with(&format!("{SHOP}\n{like}"));
    let config = deployment.config(&[]).unwrap();
    let error = App::open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await.map(|_| ()).unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    for told in ["kiosk", "client_name", "looks like that of the client shop"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}
