//! `assent import-gluu`: what comes out of the configuration that Gluu ships, that Janssen keeps, and of files that are none.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use toml::Table;

const LEGACY: &str = "https://fcm.googleapis.com/fcm/send";

/// What of it may never be repeated.
const SECRETS: [&str; 3] = ["c2VjcmV0LW9mLXRoZS1kZXBsb3ltZW50", "AIzaSyD-not-a-real-key", "BPublicVapidKey"];

/// As Gluu 4.2 ships it, with Firebase filled in, and two of its hundreds of other settings.
fn shipped(notification_url: &str) -> Value {
    let [notification_key, api_key, vapid] = SECRETS;
    json!({
        "issuer": "https://gluu.example.com",
        "uiLocalesSupported": ["en"],
        "grantTypesSupported": ["urn:openid:params:grant-type:ciba"],
        "return200OnClientRegistration": true,
        "cibaEnabled": true,
        "backchannelClientId": "123-123-123",
        "backchannelRedirectUri": "https://gluu.example.com/oxauth/ciba/home.htm",
        "backchannelAuthenticationEndpoint": "https://gluu.example.com/oxauth/restv1/bc-authorize",
        "backchannelDeviceRegistrationEndpoint": "https://gluu.example.com/oxauth/restv1/bc-deviceRegistration",
        "backchannelTokenDeliveryModesSupported": ["poll", "ping", "push"],
        "backchannelAuthenticationRequestSigningAlgValuesSupported": ["RS256", "ES256", "ES512"],
        "backchannelUserCodeParameterSupported": false,
        "backchannelBindingMessagePattern": "^[a-zA-Z0-9]{4,8}$",
        "backchannelAuthenticationResponseExpiresIn": 3600,
        "backchannelAuthenticationResponseInterval": 2,
        "backchannelRequestsProcessorJobIntervalSec": 5,
        "backchannelRequestsProcessorJobChunkSize": 100,
        "cibaGrantLifeExtraTimeSec": 180,
        "cibaMaxExpirationTimeAllowedSec": 1800,
        "backchannelLoginHintClaims": ["inum", "uid", "mail"],
        "cibaEndUserNotificationConfig": {
            "apiKey": api_key,
            "authDomain": "project-1.firebaseapp.com",
            "databaseURL": "https://project-1.firebaseio.com",
            "projectId": "project-1",
            "storageBucket": "project-1.appspot.com",
            "messagingSenderId": "123456789012",
            "appId": "1:123456789012:web:0123456789abcdef",
            "notificationUrl": notification_url,
            "notificationKey": notification_key,
            "publicVapidKey": vapid,
        },
    })
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn import(&self, text: &str) -> Output {
        let file = self.path("gluu.json");
        fs::write(&file, text).unwrap();
        assent(&["import-gluu", file.to_str().unwrap()])
    }
}

fn assent(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(arguments).env_remove("ASSENT_WRAPPING_KEY").stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn all_that_has_an_equal_is_taken_and_of_the_rest_it_is_said_why_not() {
    let output = Place::new().import(&shipped("").to_string());
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    let fragment: Table = text(&output.stdout).parse().unwrap();
    let expected = json!({
        "policy": {
            "delivery_modes": ["poll", "ping", "push"],
            "client_algorithms": ["RS256", "ES256"],
            "user_code": false,
            "binding_message_pattern": "^[a-zA-Z0-9]{4,8}$",
            "interval": 2,
            "request_lifetime_max": 1800,
            "requested_expiry_above_max": "refuse",
            "request_lifetime": 1800,
            "tombstone": 180,
            "login_hint": ["sub", "username", "email"],
            "registration_status_200": true,
        },
        "store": { "sweep_interval": 5, "sweep_rows": 100 },
        "push": { "fcm": { "project_id": "project-1", "service_account_file": "service-account.json" } },
    });
    assert_eq!(serde_json::to_value(fragment).unwrap(), expected);
    let lines: Vec<&str> = told.lines().collect();
    for name in [
        "backchannelClientId",
        "backchannelRedirectUri",
        "backchannelAuthenticationEndpoint",
        "backchannelDeviceRegistrationEndpoint",
        "backchannelAuthenticationResponseExpiresIn",
        "backchannelAuthenticationRequestSigningAlgValuesSupported",
        "cibaEndUserNotificationConfig.apiKey",
        "cibaEndUserNotificationConfig.authDomain",
        "cibaEndUserNotificationConfig.databaseURL",
        "cibaEndUserNotificationConfig.storageBucket",
        "cibaEndUserNotificationConfig.messagingSenderId",
        "cibaEndUserNotificationConfig.appId",
        "cibaEndUserNotificationConfig.notificationKey",
        "cibaEndUserNotificationConfig.publicVapidKey",
    ] {
        let of_it = lines.iter().filter(|line| line.starts_with(&format!("not taken: {name}: ")));
        assert_eq!(of_it.count(), 1, "{name}: {told}");
    }
    assert_eq!(lines.len(), 15, "and one for all that is not of CIBA: {told}");
    assert!(lines[14].contains("2 other settings"), "{told}");
}

/// REQUIREMENTS Q36.
#[test]
fn the_legacy_url_is_refused_with_what_to_use_in_its_place_and_the_rest_is_told_all_the_same() {
    for url in [LEGACY, "https://fcm.googleapis.com/fcm/send/", "https://gcm-http.googleapis.com/gcm/send"] {
        let output = Place::new().import(&shipped(url).to_string());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{url}");
        for expected in ["notificationUrl: refused", LEGACY, "HTTP v1", "push.fcm.service_account_file"] {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(!text(&output.stdout).contains("fcm/send"));
        let fragment: Table = text(&output.stdout).parse().unwrap();
        assert_eq!(fragment["push"]["fcm"]["project_id"].as_str(), Some("project-1"));
    }
}

#[test]
fn no_secret_is_repeated_wherever_it_stands() {
    let place = Place::new();
    let with_key = format!("{LEGACY}?key={}", SECRETS[0]);
    let mut misplaced = shipped("");
    misplaced["cibaEndUserNotificationConfig"]["notificationUrl"] = SECRETS[0].into();
    misplaced["cibaEndUserNotificationConfig"]["notificationKey"] = json!({ "key": SECRETS[0] });
    let broken = shipped(LEGACY).to_string().replace("\"publicVapidKey\"", "\"publicVapidKey");
    for given in [shipped(LEGACY).to_string(), shipped(&with_key).to_string(), misplaced.to_string(), broken] {
        let output = place.import(&given);
        for secret in SECRETS {
            let told = [text(&output.stdout), text(&output.stderr)].concat();
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn what_comes_out_is_taken_by_the_server_but_for_the_service_account_that_is_to_be_made() {
    let place = Place::new();
    let dir = place.path("assent");
    let made = assent(&["init", "--dir", dir.to_str().unwrap(), "--issuer", "https://id.example.com"]);
    assert!(made.status.success());
    let fragment: Table = text(&place.import(&shipped(LEGACY).to_string()).stdout).parse().unwrap();
    let settings = dir.join("assent.toml");
    let check = || assent(&["check-config", "--config", settings.to_str().unwrap()]);
    merge(&settings, &fragment);
    let refused = check();
    let told = text(&refused.stderr);
    assert_eq!(told.matches(": ").count(), told.matches("push.fcm.service_account_file").count() * 3, "{told}");
    assert!(!refused.status.success() && told.contains("service-account.json"), "{told}");
    let mut without_push: Table = fs::read_to_string(&settings).unwrap().parse().unwrap();
    without_push.remove("push");
    fs::write(&settings, without_push.to_string()).unwrap();
    let checked = check();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

/// Each line into the table of its name.
fn merge(settings: &Path, fragment: &Table) {
    let mut merged: Table = fs::read_to_string(settings).unwrap().parse().unwrap();
    for (name, table) in fragment {
        let into = merged.entry(name).or_insert_with(|| Table::new().into());
        into.as_table_mut().unwrap().extend(table.as_table().unwrap().clone());
    }
    fs::write(settings, merged.to_string()).unwrap();
}

#[test]
fn it_is_found_where_gluu_and_janssen_keep_it() {
    let place = Place::new();
    let expected = place.import(&shipped("").to_string()).stdout;
    for wrapped in [
        json!({ "oxAuthConfDynamic": shipped("") }),
        json!({ "dn": "ou=jans-auth,ou=configuration,o=jans", "jansConfDyn": shipped("").to_string() }),
    ] {
        let output = place.import(&wrapped.to_string());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(output.stdout, expected);
    }
}

#[test]
fn a_file_that_is_none_is_refused_and_nothing_is_printed() {
    let place = Place::new();
    let large = format!("{{\"cibaEnabled\": true, \"x\": \"{}\"}}", "x".repeat(1024 * 1024));
    for (given, why) in [
        ("", "not the JSON"),
        ("[]", "not the JSON"),
        ("{\"cibaEnabled\": true", "not the JSON"),
        ("{\"oxAuthConfDynamic\": 7}", "not the JSON"),
        (&large, "not the JSON"),
        ("{\"issuer\": \"https://gluu.example.com\"}", "no setting of CIBA"),
    ] {
        let output = place.import(given);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty() && text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
    let absent = assent(&["import-gluu", place.path("absent.json").to_str().unwrap()]);
    assert!(!absent.status.success() && text(&absent.stderr).contains("absent.json"));
}
