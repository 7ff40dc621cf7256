//! The settings: what is taken from file and environment, and that every complaint names its setting.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use server::config::{Config, ConfigError, EmbeddedSettings, Environment, LogFormat, StoreKind, drift};
use server::domain::algorithm::Algorithm;
use server::domain::names::RealmId;
use server::domain::realm::Policy;
use server::domain::secret::Secret;
use server::outbound::client::Reach;

const WRAPPING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const TOKEN: &str = "wVc3kTq0Jx9sRz5LmN8bYd";

/// Each table and what stands in it; what is missing here has a default.
const GOOD: &str = r#"
issuer = "https://op.example"
[public]
listen = "127.0.0.1:8080"
[admin]
listen = "127.0.0.1:8081"
token = "wVc3kTq0Jx9sRz5LmN8bYd"
[store]
directory = "store"
[keys]
file = "keys.json"
"#;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = [("ASSENT_WRAPPING_KEY", WRAPPING_KEY), ("HOME", "/nowhere")].iter().chain(variables);
    Environment::of(variables.map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/assent"), &environment(variables))
}

/// The complaints about a file that was good before `from` became `to`.
fn complaints(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from} is in the file");
    refused(parse(&GOOD.replacen(from, to, 1), &[]))
}

fn refused(config: Result<Config, ConfigError>) -> Vec<String> {
    match config {
        Err(ConfigError::Wrong(complaints)) => complaints,
        other => panic!("refused with complaints, not {other:?}"),
    }
}

fn embedded(config: &Config) -> &EmbeddedSettings {
    match &config.store.kind {
        StoreKind::Embedded(settings) => settings,
        StoreKind::Postgres(_) => panic!("the store is embedded"),
    }
}

#[test]
fn a_short_file_is_enough() {
    let config = parse(GOOD, &[]).unwrap();
    assert_eq!(config.public.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.admin_token.reveal(), TOKEN);
    assert_eq!(embedded(&config).directory, Path::new("/etc/assent/store"), "relative to the file");
    assert_eq!(config.key_file, Path::new("/etc/assent/keys.json"));
    assert_eq!((config.log.format, config.log.filter.as_str()), (LogFormat::Text, "info"));
    assert!(config.push.fcm.is_none());
    let [realm] = &config.realms[..] else { panic!("one realm") };
    assert_eq!((realm.id.as_str(), realm.issuer.as_str()), ("main", "https://op.example"));
    assert_eq!(realm.policy, Policy::default());
}

#[test]
fn the_environment_is_laid_over_the_file() {
    let several = format!("{GOOD}[[realm]]\nid = \"two\"\nissuer = \"https://op.example/two\"\n");
    let config = parse(
        &several,
        &[
            ("ASSENT__PUBLIC__LISTEN", "0.0.0.0:443"),
            ("ASSENT__STORE__CACHE_MIB", "128"),
            ("ASSENT__LOG__FORMAT", "json"),
            ("ASSENT__POLICY__INTERVAL", "7"),
            ("ASSENT__POLICY__TRUST_CLAIMED_UV", "true"),
            ("ASSENT__POLICY__CONFIRM", "none"),
            ("ASSENT__POLICY__SIGNING_ALGORITHMS", "PS256, ES256"),
            ("ASSENT__REALM__0__ISSUER", "https://op.example/second"),
        ],
    );
    let config = config.unwrap();
    assert_eq!(config.public.listen.to_string(), "0.0.0.0:443");
    assert_eq!((embedded(&config).cache_mib, config.log.format), (128, LogFormat::Json));
    let policy = &config.realms[0].policy;
    assert_eq!((policy.interval, policy.trust_claimed_uv), (7, true));
    assert_eq!(policy.confirm, protocol::messages::Confirm::None);
    assert_eq!(policy.signing_algorithms, [Algorithm::Ps256, Algorithm::Es256]);
    assert_eq!(config.realms[1].issuer, "https://op.example/second");
}

#[test]
fn a_file_may_give_all_its_realms_names() {
    let text = GOOD.replacen("issuer = \"https://op.example\"\n", "", 1)
        + r#"
[[realm]]
id = "staff"
issuer = "https://op.example/op"
[realm.policy]
request_lifetime = 60
[[realm]]
id = "customers"
issuer = "https://op.example/op/customers"
"#;
    let realms = parse(&text, &[]).unwrap().realms;
    let named: Vec<_> = realms.iter().map(|realm| (realm.id.as_str(), realm.issuer.as_str())).collect();
    assert_eq!(named, [("staff", "https://op.example/op"), ("customers", "https://op.example/op/customers")]);
    assert_eq!((realms[0].policy.request_lifetime, realms[1].policy.request_lifetime), (60, 120));
}

#[test]
fn a_realm_may_open_networks_of_its_own_in_place_of_the_deployments() {
    let text = format!(
        r#"{GOOD}
[outbound]
allowed_networks = ["10.20.0.0/16"]
[[realm]]
id = "staff"
issuer = "https://op.example/staff"
[realm.outbound]
allowed_networks = ["10.30.0.0/16"]
[[realm]]
id = "customers"
issuer = "https://op.example/customers"
[realm.outbound]
allowed_networks = []
[[realm]]
id = "guests"
issuer = "https://op.example/guests"
"#
    );
    let outbound = parse(&text, &[]).unwrap().outbound;
    let admits = |reach: &Reach| ["10.20.0.1", "10.30.0.1"].map(|ip| reach.networks.admit(ip.parse().unwrap()));
    let of = |id| outbound.of_its_own(&RealmId::new(id)).map(|reach| admits(&reach));
    assert_eq!(admits(&outbound.reach), [true, false]);
    assert_eq!(of("staff"), Some([false, true]));
    assert_eq!(of("customers"), Some([false, false]), "an empty list closes");
    assert_eq!((of("guests"), of("main")), (None, None), "the deployment's");
}

#[test]
fn a_list_comes_from_the_environment_with_commas() {
    let outbound = parse(GOOD, &[("ASSENT__OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8, ::1/128")]).unwrap().outbound;
    let admitted = ["127.0.0.1", "::1", "10.0.0.1"].map(|ip| outbound.reach.networks.admit(ip.parse().unwrap()));
    assert_eq!(admitted, [true, true, false]);
}

fn postgres(rest: &str) -> String {
    GOOD.replacen("directory = \"store\"", &format!("kind = \"postgres\"\n{rest}"), 1)
}

#[test]
fn a_database_can_take_the_place_of_the_directory() {
    let text = postgres("url = \"postgres://assent:hunter2@db.example/assent\"\nconnections = 40\nlock_timeout = 2");
    let config = parse(&text, &[("ASSENT__STORE__STATEMENT_TIMEOUT", "7")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"), "a password is printed nowhere");
    let StoreKind::Postgres(options) = config.store.kind else { panic!("the store is a database") };
    assert_eq!(options.url.reveal(), "postgres://assent:hunter2@db.example/assent");
    let seconds = [options.acquire_timeout, options.statement_timeout, options.lock_timeout].map(|time| time.as_secs());
    assert_eq!((options.connections, seconds), (40, [5, 7, 2]));
}

#[test]
fn the_url_of_the_database_may_stand_in_a_file_that_only_its_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("postgres.url");
    fs::write(&file, "postgres://db.example/assent\n").unwrap();
    let text = postgres("url_file = \"postgres.url\"");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let complaints = refused(Config::parse(&text, dir.path(), &environment(&[])));
    assert!(complaints[0].starts_with("store.url_file: "), "{complaints:?}");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let config = Config::parse(&text, dir.path(), &environment(&[])).unwrap();
    let StoreKind::Postgres(options) = config.store.kind else { panic!("the store is a database") };
    assert_eq!(options.url.reveal(), "postgres://db.example/assent");
}

#[test]
fn complaints_about_a_database_name_the_setting_and_never_the_url() {
    let table = [
        ("url = \"mysql://me:hunter2@h/d?sslmode=hunter2\"", "store.url: must be a URL such as postgres://"),
        ("url = \"hunter2\"", "store.url: must be a URL such as postgres://"),
        ("url = \"postgres://me:hunter2@h/d?sslmode=hunter2\"", "store.url: must be a URL such as postgres://"),
        ("url = \"postgres://me:hunter2@h/d\"\nconnections = 2", "store.connections: must be a whole number from 3"),
        (
            "url = \"postgres://me:hunter2@h/d\"\nstatement_timeout = 0",
            "store.statement_timeout: must be a whole number",
        ),
        (
            "url = \"postgres://me:hunter2@h/d\"\ndirectory = \"d\"",
            "store.directory: is for a store of kind \"embedded\"",
        ),
    ];
    for (rest, expected) in table {
        let complaints = refused(parse(&postgres(rest), &[]));
        assert!(complaints.len() == 1 && complaints[0].starts_with(expected), "{rest}: {complaints:?}");
        assert!(!complaints[0].contains("hunter2"), "{complaints:?}");
    }
}

#[test]
fn every_complaint_names_its_setting() {
    let listen = "listen = \"127.0.0.1:8080\"";
    let issuer = "issuer = \"https://op.example\"";
    let (token, directory, file) =
        ("token = \"wVc3kTq0Jx9sRz5LmN8bYd\"", "directory = \"store\"", "file = \"keys.json\"");
    let table = [
        (listen, "listen = \"localhost\"", "public.listen: must be an IP address and a port"),
        (listen, "listen = 8080", "public.listen: must be a text"),
        (listen, "listne = \"127.0.0.1:8080\"", "public.listne: is unknown"),
        ("[public]", "[pubic]", "pubic: is unknown"),
        ("[public]", "admin_port = 1\n[public]", "admin_port: is unknown"),
        ("127.0.0.1:8081", "127.0.0.1:8080", "admin.listen: is public.listen too"),
        (token, "", "admin.token_file: is missing"),
        (token, "token = \"short\"", "admin.token: needs at least 128 bits"),
        (token, "token = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "admin.token: needs at least 128 bits"),
        (token, "token = \"a phrase with spaces is no token 123\"", "admin.token: needs at least 128 bits"),
        (token, "token_file = \"nowhere\"", "admin.token_file: /etc/assent/nowhere: No such file"),
        (token, "token = \"a\"\ntoken_file = \"b\"", "admin.token: and admin.token_file are both set"),
        (directory, "", "store.directory: is missing"),
        (directory, "directory = \"\"", "store.directory: is empty"),
        (directory, "directory = \"store\"\ncache_mib = 0", "store.cache_mib: must be a whole number from 1"),
        (directory, "directory = \"store\"\ncache_mib = \"much\"", "store.cache_mib: must be a whole number"),
        (directory, "kind = \"sqlite\"", "store.kind: must be \"embedded\" or \"postgres\""),
        (
            directory,
            "directory = \"store\"\nurl = \"postgres://h/d\"",
            "store.url: is for a store of kind \"postgres\"",
        ),
        (directory, "kind = \"postgres\"", "store.url_file: is missing"),
        (directory, "kind = \"postgres\"\nurl_file = \"nowhere\"", "store.url_file: /etc/assent/nowhere: No such file"),
        (directory, "kind = \"postgres\"\nurl = \"a\"\nurl_file = \"b\"", "store.url: and store.url_file are both set"),
        (file, "", "keys.file: is missing"),
        (file, "file = \"keys.json\"\npassword = \"x\"", "keys.password: is unknown"),
        ("[keys]", "[log]\nformat = \"xml\"\n[keys]", "log.format: must be \"text\" or \"json\""),
        ("[keys]", "[log]\nfilter = \"server=loud\"\n[keys]", "log.filter: "),
        ("[keys]", "[push.sms]\nkey = \"x\"\n[keys]", "push.sms: is unknown"),
        ("[keys]", "[push.apns]\nkey = \"x\"\n[keys]", "push.apns.key_file: is missing"),
        ("[keys]", "[push.apns]\nkey_file = \"k\"\n[keys]", "push.apns.key_file: /etc/assent/k"),
        (
            "[keys]",
            "[push.apns]\nbase_url = \"http://apple.example\"\n[keys]",
            "push.apns.base_url: must be an https URL",
        ),
        ("[keys]", "[push.webpush]\nkey_file = \"k\"\n[keys]", "push.webpush.contact: is missing"),
        ("[keys]", "[push.webhook]\nsecret = \"x\"\n[keys]", "push.webhook.url: is missing"),
        ("[keys]", "[push.webhook]\nurl = \"https://x.example\"\n[keys]", "push.webhook.secret_file: is missing"),
        (
            "[keys]",
            "[push.fcm]\nper_minute = 0\n[keys]",
            "push.fcm.per_minute: must be a whole number from 1 to 600000",
        ),
        (
            "[keys]",
            "[push.fcm]\nbase_url = \"https://fcm.googleapis.com/fcm/send\"\n[keys]",
            "push.fcm.base_url: is FCM's legacy API, which Google has shut down",
        ),
        ("[keys]", "[push.fcm]\nserver_key = \"AAAA\"\n[keys]", "push.fcm.server_key: belongs to FCM's legacy API"),
        (
            "[keys]",
            "[app]\nandroid_package = \"a.b\"\n[keys]",
            "app.android_package: and android_certificates go together",
        ),
        ("[keys]", "[app]\napple_app_ids = [\"com.example\"]\n[keys]", "app.apple_app_ids: must be the team's id"),
        ("[keys]", "[app]\napple_store = \"http://apps.example\"\n[keys]", "app.apple_store: must be an https URL"),
        ("[keys]", "[push.fcm]\nproject_id = \"p\"\n[keys]", "push.fcm.service_account_file: is missing"),
        (
            "[keys]",
            "[push.fcm]\nservice_account_file = \"sa\"\n[keys]",
            "push.fcm.service_account_file: /etc/assent/sa",
        ),
        ("[keys]", "[push.fcm]\nbase_url = \"http://fcm.example\"\n[keys]", "push.fcm.base_url: must be an https URL"),
        ("[keys]", "[push.fcm]\ntoken_url = \"x\"\n[keys]", "push.fcm.token_url: must be an https URL"),
        ("[keys]", "[push.fcm]\nsecret = \"x\"\n[keys]", "push.fcm.secret: is unknown"),
        (issuer, "", "issuer: is missing"),
        (issuer, "issuer = \"op.example\"", "issuer: is not a URL"),
        (issuer, "issuer = \"http://op.example\"", "issuer: must be https, or http on a loopback host"),
        (issuer, "issuer = \"http://127.0.0.1.example\"", "issuer: must be https, or http on a loopback host"),
        (issuer, "issuer = \"https://op.example/\"", "issuer: must not end with a slash"),
        (issuer, "issuer = \"https://op.example?tenant=1\"", "issuer: must have no query"),
        (issuer, "issuer = \"https://op.example#x\"", "issuer: must have no query and no fragment"),
        (issuer, "issuer = \"https://me@op.example\"", "issuer: must have no user name"),
        (issuer, "issuer = \"https://OP.example\"", "issuer: must be spelled plainly"),
        (issuer, "issuer = \"https://op.example:443\"", "issuer: must be spelled plainly"),
        (issuer, "issuer = \"https://op.example/a//b\"", "issuer: must be spelled plainly"),
        (issuer, "issuer = \"https://op.example/{x}\"", "issuer: must be spelled plainly"),
        (issuer, "issuer = \"https://op.example\"\nrealm = 1", "realm: must be an array of tables"),
        (issuer, "issuer = \"https://op.example\"\npolicy = 1", "policy: must be a table"),
    ];
    for (from, to, expected) in table {
        let complaints = complaints(from, to);
        assert!(complaints.iter().any(|complaint| complaint.starts_with(expected)), "{to}: {complaints:?}");
    }
}

#[test]
fn every_rule_of_a_policy_has_its_bounds() {
    let table = [
        ("request_lifetime = 5", "policy.request_lifetime: is 5; must be from 10 to 3600"),
        ("request_lifetime = 4000", "policy.request_lifetime: is 4000; must be from 10 to 3600"),
        ("request_lifetime_max = 3601", "policy.request_lifetime_max: is 3601; must be from 10 to 3600"),
        ("request_lifetime_max = 60", "policy.request_lifetime: is 120; must be from 10 to 60"),
        ("request_lifetime_min = 9", "policy.request_lifetime_min: is 9; must be from 10 to 3600"),
        ("request_lifetime_min = 121", "policy.request_lifetime: is 120; must be from 121 to 3600"),
        (
            "request_lifetime_min = 200\nrequest_lifetime_max = 100",
            "policy.request_lifetime_min: is 200; must be at most request_lifetime_max, 100",
        ),
        ("interval = 0", "policy.interval: is 0; must be from 1 to 60"),
        ("interval = 61", "policy.interval: is 61; must be from 1 to 60"),
        ("interval = -1", "policy.interval: invalid value"),
        ("interval = \"soon\"", "policy.interval: invalid type"),
        ("tombstone = 100000", "policy.tombstone: is 100000"),
        ("access_token_lifetime = 0", "policy.access_token_lifetime: is 0"),
        ("id_token_lifetime = 90000", "policy.id_token_lifetime: is 90000"),
        ("ticket_lifetime = 301", "policy.ticket_lifetime: is 301; must be from 10 to 300"),
        ("audit_days = 0", "policy.audit_days: is 0"),
        ("long_poll_max = 26", "policy.long_poll_max: is 26; must be from 0 to 25"),
        ("refresh_lifetime = 1", "policy.refresh_lifetime: is 1; must be from 60 to 31536000"),
        ("signing_algorithms = [\"HS256\"]", "policy.signing_algorithms: must name some of ES256"),
        ("signing_algorithms = [\"none\"]", "policy.signing_algorithms: unknown variant"),
        ("signing_algorithms = []", "policy.signing_algorithms: must name some of ES256"),
        ("client_algorithms = [\"RS1\"]", "policy.client_algorithms: unknown variant"),
        ("delivery_modes = [\"pull\"]", "policy.delivery_modes: unknown variant"),
        ("login_hint = []", "policy.login_hint: must name at least one"),
        ("profile = \"fapi\"", "policy.profile: unknown variant"),
        ("binding_message_pattern = \"(\"", "policy.binding_message_pattern: is no regular expression: unclosed group"),
        (
            "binding_message_pattern = \"a)|(b\"",
            "policy.binding_message_pattern: is no regular expression: unopened group",
        ),
        (
            "hint_issuers = [{ issuer = \"https://idp.example\", jwks_uri = \"http://idp.example/jwks\" }]",
            "policy.hint_issuers: the jwks_uri of https://idp.example must be https",
        ),
        ("hint_issuers = [{ issuer = \"https://idp.example\" }]", "policy.hint_issuers: "),
        ("binding_message_pattern = 4", "policy.binding_message_pattern: invalid type"),
        ("profile = \"fapi-ciba\"\ninterval = 6", "policy.profile: fapi-ciba needs an interval of at most 5"),
        ("profile = \"fapi-ciba\"\ndelivery_modes = [\"push\"]", "policy.delivery_modes: must name poll or ping"),
        (
            "profile = \"fapi-ciba\"\nclient_algorithms = [\"EdDSA\"]",
            "policy.client_algorithms: must name PS256 or ES256",
        ),
        (
            "profile = \"fapi-ciba\"\nsigning_algorithms = [\"RS256\"]",
            "policy.signing_algorithms: must name PS256 or ES256",
        ),
        ("default_audience = \"\"", "policy.default_audience: must be 1 to 255 printable"),
        ("default_acr_values = [\"a b\"]", "policy.default_acr_values: must be at most 16 values"),
        ("device_registration_clients = [\"\"]", "policy.device_registration_clients: must be at most 16 values"),
        (
            "hint_issuers = [{ issuer = \"\", jwks_uri = \"https://idp.example/jwks\" }]",
            "policy.hint_issuers: an issuer is not 1 to 255",
        ),
        (
            "hint_issuers = [{ issuer = \"i\", jwks_uri = \"https://a.example/\" }, { issuer = \"i\", jwks_uri = \"https://b.example/\" }]",
            "policy.hint_issuers: i stands there twice",
        ),
        ("registration = \"maybe\"", "policy.registration: unknown variant"),
        ("registration_scopes = [\"two words\"]", "policy.registration_scopes: at most 32 scopes"),
        ("registration_scopes = [\"https://api.example\"]", "policy.registration_scopes: at most 32 scopes"),
        ("registration_scopes = [\"\"]", "policy.registration_scopes: at most 32 scopes"),
        ("registration_scopes = [\"urn:assent:scope:enrol\"]", "policy.registration_scopes: may not name the scope"),
        ("registration_details_types = [\"payment\"]", "policy.registration_details_types: must be types"),
        ("registration_details_types = [\"agent_action\"]", "policy.registration_details_types: must be types"),
        ("registration_software = \"statement\"", "policy.registration_software: is statement, and there are no"),
        ("registered_clients_max = 0", "policy.registered_clients_max: is 0; must be from 1 to 10000"),
        (
            "software_issuers = [{ issuer = \"https://d.example\", jwks_uri = \"http://d.example/jwks\" }]",
            "policy.software_issuers: the jwks_uri of https://d.example must be https",
        ),
        ("requested_expiry_above_max = \"clamp\"", "policy.requested_expiry_above_max: unknown variant"),
        ("notification_grace = 3601", "policy.notification_grace: is 3601; must be from 0 to 3600"),
        ("refresh_grace = 601", "policy.refresh_grace: is 601; must be from 0 to 600"),
        ("key_rotation_days = 3651", "policy.key_rotation_days: is 3651; must be from 0 to 3650"),
        ("id_token_hint_age = 31536001", "policy.id_token_hint_age: is 31536001"),
        ("no_device = \"ignore\"", "policy.no_device: unknown variant"),
        ("confirm = \"maybe\"", "policy.confirm: unknown variant"),
        ("push = true", "policy.push: "),
        ("trust_claimed_uv = \"yes\"", "policy.trust_claimed_uv: invalid type"),
        (
            "agent_actions = true\nauthorization_details_types = [{ type = \"agent_action\", title = { label = \"What\", value = \"Ours\" }, schema = { type = \"object\", properties = { to = { type = \"string\" } } }, display = [{ label = \"To\", path = \"/to\" }] }]",
            "policy.agent_actions: is on: there must be no agent_action among",
        ),
        ("intervall = 5", "policy.intervall: is unknown"),
    ];
    for (rule, expected) in table {
        let complaints = complaints("[public]", &format!("[policy]\n{rule}\n[public]"));
        assert_eq!(complaints.len(), 1, "{rule}: {complaints:?}");
        assert!(complaints[0].starts_with(expected), "{rule}: {complaints:?}");
    }
}

/// What breaks is in the table above; these are what satisfies the checks that hang together.
#[test]
fn rules_that_agree_with_each_other_are_taken() {
    for rules in [
        "request_lifetime = 10\nrequest_lifetime_min = 10\nrequest_lifetime_max = 10",
        "request_lifetime = 3600\nrequest_lifetime_max = 3600",
        "delivery_modes = []",
        "profile = \"fapi-ciba\"\ninterval = 5\ndelivery_modes = [\"push\", \"ping\"]",
        "profile = \"fapi-ciba\"\nclient_algorithms = [\"EdDSA\", \"ES256\"]\nsigning_algorithms = [\"PS256\"]",
        "signing_algorithms = [\"ES384\", \"ES384\"]",
        "binding_message_pattern = \"[A-Za-z0-9]{4,8}\"",
        "hint_issuers = [{ issuer = \"https://idp.example\", jwks_uri = \"https://idp.example/jwks\" }]",
        "default_audience = \"https://api.example\"\ndefault_acr_values = [\"urn:assent:acr:uv\"]",
        "device_registration_clients = [\"app-backend\"]",
        "agent_actions = false\nauthorization_details_types = [{ type = \"agent_action\", title = { label = \"What\", value = \"Ours\" }, schema = { type = \"object\", properties = { to = { type = \"string\" } } }, display = [{ label = \"To\", path = \"/to\" }] }]",
        "agent_actions = true\nauthorization_details_types = [{ type = \"other\", title = { label = \"What\", value = \"Ours\" }, schema = { type = \"object\", properties = { to = { type = \"string\" } } }, display = [{ label = \"To\", path = \"/to\" }] }]",
    ] {
        if let Err(wrong) = parse(&GOOD.replacen("[public]", &format!("[policy]\n{rules}\n[public]"), 1), &[]) {
            panic!("{rules}: {wrong}");
        }
    }
}

/// Bounds of every rule, from the table.
#[test]
fn every_bounded_rule_is_refused_just_beyond_its_bounds() {
    for rule in server::domain::policy::RULES {
        let Some((least, most)) = rule.bounds else { continue };
        for beyond in [i64::from(least) - 1, i64::from(most) + 1] {
            let complaints = complaints("[public]", &format!("[policy]\n{} = {beyond}\n[public]", rule.name));
            let named = format!("policy.{}: ", rule.name);
            assert!(complaints.iter().any(|said| said.starts_with(&named)), "{} = {beyond}: {complaints:?}", rule.name);
        }
    }
}

#[test]
fn what_outgoing_calls_may_reach_is_judged() {
    let table = [
        ("allowed_networks = [\"10.0.0.1/8\"]", "allowed_networks: \"10.0.0.1/8\" has bits beyond its prefix"),
        ("allowed_networks = [\"intranet\"]", "allowed_networks: \"intranet\" is no network in CIDR form"),
        ("allowed_networks = [\"169.254.0.0/16\"]", "allowed_networks: \"169.254.0.0/16\" is link-local"),
        ("allowed_networks = [10]", "allowed_networks: must be a list of texts"),
        ("allowed_networks = [\"\"]", "allowed_networks: must be a list of texts"),
        ("allowed_networks = true", "allowed_networks: must be a list of texts"),
        ("extra_roots = [\"ca.pem\"]", "extra_roots: /etc/assent/ca.pem: No such file"),
        ("extra_roots = [\"/dev/null\"]", "extra_roots: /dev/null: holds no certificate"),
        ("proxy = \"http://proxy\"", "proxy: is unknown"),
    ];
    for (setting, expected) in table {
        let complaints = complaints("[keys]", &format!("[outbound]\n{setting}\n[keys]"));
        assert_eq!(complaints.len(), 1, "{setting}: {complaints:?}");
        assert!(complaints[0].starts_with(&format!("outbound.{expected}")), "{setting}: {complaints:?}");
    }
}

#[test]
fn a_login_for_adding_phones_is_taken_for_the_realm_whose_table_it_is() {
    let text = format!(
        "{GOOD}[enrolment.sign_in]\nissuer = \"https://login.example/\"\nclient_id = \"assent\"\nclient_secret = \"hidden-word\"\n\
         recovery_acr = [\"urn:example:passport\"]\n[[realm]]\nid = \"two\"\nissuer = \"https://op.example/two\"\n\
         [realm.enrolment.sign_in]\nissuer = \"http://127.0.0.1:9000\"\nclient_id = \"two\"\nsubject_claim = \"employee\"\n"
    );
    let config = parse(&text, &[]).expect("good settings");
    let (first, second) = (&config.sign_in[&RealmId::new("main")], &config.sign_in[&RealmId::new("two")]);
    assert_eq!((first.issuer.as_str(), first.subject_claim.as_str()), ("https://login.example/", "sub"));
    assert_eq!(first.recovery_acr, ["urn:example:passport"]);
    assert_eq!(first.client_secret.as_ref().map(Secret::reveal), Some("hidden-word"));
    assert!(!format!("{config:?}").contains("hidden-word"));
    assert_eq!((second.client_id.as_str(), second.subject_claim.as_str()), ("two", "employee"));
    assert!(second.client_secret.is_none());
    assert!(parse(GOOD, &[]).expect("good settings").sign_in.is_empty());
}

#[test]
fn a_login_that_cannot_work_is_complained_about() {
    let wrong = |settings: &str| refused(parse(&format!("{GOOD}[enrolment.sign_in]\n{settings}\n"), &[])).join("\n");
    for (settings, complaint) in [
        ("client_id = \"a\"", "enrolment.sign_in.issuer"),
        ("issuer = \"https://login.example\"", "enrolment.sign_in.client_id"),
        ("issuer = \"login.example\"\nclient_id = \"a\"", "enrolment.sign_in.issuer"),
        ("issuer = \"http://login.example\"\nclient_id = \"a\"", "enrolment.sign_in.issuer"),
        ("issuer = \"https://login.example?a=b\"\nclient_id = \"a\"", "enrolment.sign_in.issuer"),
        (
            "issuer = \"https://login.example\"\nclient_id = \"a\"\nclient_secret = \"b\"\nclient_secret_file = \"c\"",
            "enrolment.sign_in.client_secret",
        ),
        (
            "issuer = \"https://login.example\"\nclient_id = \"a\"\nrecovery_acr = [\"b c\"]",
            "enrolment.sign_in.recovery_acr",
        ),
        ("issuer = \"https://login.example\"\nclient_id = \"a\"\nscope = \"openid\"", "enrolment.sign_in.scope"),
    ] {
        let complaints = wrong(settings);
        assert!(complaints.contains(complaint), "{settings}: {complaints}");
    }
}

#[test]
fn every_further_realm_is_judged_and_named_by_its_place() {
    let table = [
        ("issuer = \"https://op.example/two\"", "realm[0].id: is missing"),
        ("id = \"Two\"\nissuer = \"https://op.example/two\"", "realm[0].id: must be 1 to 32 characters"),
        ("id = \"main\"\nissuer = \"https://op.example/two\"", "realm[0].id: is the id of an earlier realm"),
        ("id = \"two\"", "realm[0].issuer: is missing"),
        (
            "id = \"two\"\nissuer = \"https://op.example/two\"\noutbound.allowed_networks = [\"x\"]",
            "realm[0].outbound.allowed_networks: \"x\" is no network",
        ),
        (
            "id = \"two\"\nissuer = \"https://op.example/two\"\noutbound.extra_roots = [\"x\"]",
            "realm[0].outbound.extra_roots: is unknown",
        ),
        ("id = \"two\"\nissuer = \"https://op.example\"", "realm[0].issuer: is the issuer of an earlier realm"),
        ("id = \"two\"\nissuer = \"https://other.example/two\"", "realm[0].issuer: must be a path under the first"),
        ("id = \"two\"\nissuer = \"https://op.example.net\"", "realm[0].issuer: must be a path under the first"),
        ("id = \"two\"\nissuer = \"https://op.example/device/two\"", "realm[0].issuer: /device belongs to the first"),
        ("id = \"two\"\nissuer = \"https://op.example/token\"", "realm[0].issuer: /token belongs to the first"),
        ("id = \"two\"\nissuer = \"https://op.example/two\"\nname = \"x\"", "realm[0].name: is unknown"),
        (
            "id = \"two\"\nissuer = \"https://op.example/two\"\n[realm.policy]\ninterval = 0",
            "realm[0].policy.interval: is 0",
        ),
    ];
    for (realm, expected) in table {
        let complaints = refused(parse(&format!("{GOOD}[[realm]]\n{realm}\n"), &[]));
        assert!(complaints.iter().any(|complaint| complaint.starts_with(expected)), "{realm}: {complaints:?}");
    }
}

#[test]
fn all_complaints_are_made_at_once() {
    let complaints = refused(parse("[public]\nlisten = \"x\"\n[store]\ncache_mib = 0\n", &[]));
    for setting in ["public.listen", "admin.token_file", "store.directory", "store.cache_mib", "keys.file", "issuer"] {
        assert!(complaints.iter().any(|complaint| complaint.starts_with(setting)), "{setting}: {complaints:?}");
    }
}

#[test]
fn wrong_settings_of_the_environment_are_named_too() {
    for (variable, value, expected) in [
        ("ASSENT__PUBLIC__LISTEN", "x", "public.listen: must be an IP address"),
        ("ASSENT__PUBLIC__LISTNE", "x", "public.listne: is unknown"),
        ("ASSENT__ISSUER__X", "x", "issuer.x: from the environment"),
        ("ASSENT__POLICY__INTERVAL", "soon", "policy.interval: invalid type"),
        (
            "ASSENT_WRAPPING_KEY",
            "short",
            "keys.wrapping_key_file (ASSENT_WRAPPING_KEY): a wrapping key is 32 random bytes",
        ),
    ] {
        let complaints = refused(parse(GOOD, &[(variable, value)]));
        assert!(complaints[0].starts_with(expected), "{variable}: {complaints:?}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_quoting_it() {
    let complaints = refused(parse("[admin]\ntoken = \"wVc3kTq0Jx9s\nlisten = 1\n", &[]));
    assert!(complaints[0].starts_with("line 2: "), "{complaints:?}");
    assert!(!complaints[0].contains("wVc3"), "{complaints:?}");
}

#[test]
fn secrets_are_never_printed() {
    let printed = format!("{:?}", parse(GOOD, &[]).unwrap());
    assert!(printed.contains("admin_token: …") && printed.contains("WrappingKey(…)"), "{printed}");
    assert!(!printed.contains(TOKEN) && !printed.contains(WRAPPING_KEY));
}

#[test]
fn secrets_in_files_must_be_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    let text = GOOD.replacen(&format!("token = \"{TOKEN}\""), "token_file = \"admin.token\"", 1).replacen(
        "[keys]",
        "[keys]\nwrapping_key_file = \"wrapping.key\"",
        1,
    );
    let load = || Config::parse(&text, dir.path(), &Environment::default());

    write("admin.token", &format!("{TOKEN}\n"), 0o600);
    write("wrapping.key", WRAPPING_KEY, 0o600);
    let config = load().unwrap();
    assert_eq!(config.admin_token.reveal(), TOKEN);
    assert_eq!(*config.wrapping_key.to_text(), WRAPPING_KEY);

    write("admin.token", TOKEN, 0o644);
    write("wrapping.key", WRAPPING_KEY, 0o640);
    let complaints = refused(load());
    assert_eq!(complaints.len(), 2);
    assert!(complaints[0].starts_with("admin.token_file: ") && complaints[0].contains("chmod 600"), "{complaints:?}");
    assert!(complaints[1].starts_with("keys.wrapping_key_file: ") && complaints[1].contains("chmod 600"));
}

#[test]
fn drift_is_told_line_by_line() {
    let mut stored = parse(GOOD, &[]).unwrap().realms;
    assert_eq!(drift::between(&stored, &stored), [""; 0]);
    let text = format!("{GOOD}[policy]\ninterval = 7\nconfirm = \"none\"\n");
    let mut file = parse(&text, &[]).unwrap().realms;
    file.push(server::domain::realm::Realm { id: RealmId::new("new"), ..file[0].clone() });
    stored.push(server::domain::realm::Realm { id: RealmId::new("old"), ..stored[0].clone() });
    assert_eq!(
        drift::between(&file, &stored),
        [
            "realm main: policy: confirm is \"none\" in the file and \"page\" in the store, which holds",
            "realm main: policy: interval is 7 in the file and 5 in the store, which holds",
            "realm new is in the file only; the next start creates it",
            "realm old is in the store only; it is served all the same",
        ]
    );
}
