//! Settings that name certificates and keys: files are read and judged when the settings are.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod pki;

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use pki::Authority;
use server::config::{Config, ConfigError, Environment};
use server::domain::names::RealmId;
use server::http::tls::MinVersion;

/// Settings beside their files.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> &Self {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        self
    }

    /// Settings that are good but for `top` before all tables and `tables` after them.
    fn parse(&self, top: &str, tables: &str) -> Result<Config, ConfigError> {
        self.parse_with(top, tables, &[])
    }

    /// The same with more variables in the environment.
    fn parse_with(&self, top: &str, tables: &str, more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let text = format!(
            r#"
issuer = "https://op.example"
{top}
[admin]
token = "wVc3kTq0Jx9sRz5LmN8bYd"
[store]
directory = "store"
[keys]
file = "keys.json"
{tables}
"#
        );
        let variables = [("ASSENT_WRAPPING_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")];
        let variables = variables.iter().chain(more).map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::parse(&text, self.path(), &Environment::of(variables))
    }

    fn complaints(&self, top: &str, tables: &str) -> Vec<String> {
        match self.parse(top, tables) {
            Err(ConfigError::Wrong(complaints)) => complaints,
            other => panic!("refused with complaints, not {other:?}"),
        }
    }

    /// The one complaint, without the place's own path.
    fn complaint(&self, top: &str, tables: &str) -> String {
        let complaints = self.complaints(top, tables);
        let [complaint] = &complaints[..] else { panic!("one complaint, not {complaints:?}") };
        complaint.replace(self.path().to_str().unwrap(), "")
    }
}

#[test]
fn each_realm_has_trust_anchors_of_its_own() {
    let place = Place::new();
    let pem = Authority::root("root").pem();
    place.write("two.pem", &pem, 0o644).write("empty.pem", "", 0o644).write("bad.pem", &pem[..200], 0o644);
    let realm = "[[realm]]\nid = \"two\"\nissuer = \"https://op.example/two\"\nclient_trust_anchors = \"two.pem\"";
    let config = place.parse("", realm).unwrap();
    assert_eq!(config.trust_anchors.keys().collect::<Vec<_>>(), [&RealmId::new("two")]);
    let config = place.parse("client_trust_anchors = \"two.pem\"", realm).unwrap();
    assert_eq!(config.trust_anchors.len(), 2);
    for (file, expected) in [
        ("none.pem", "/none.pem: No such file or directory (os error 2)"),
        ("empty.pem", "/empty.pem: holds no certificate in PEM"),
        ("bad.pem", "/bad.pem: its certificate number 1 cannot be read"),
    ] {
        let complaint = place.complaint(&format!("client_trust_anchors = \"{file}\""), "");
        assert_eq!(complaint, format!("client_trust_anchors: {expected}"));
        let complaint = place.complaint("", &realm.replace("two.pem", file));
        assert_eq!(complaint, format!("realm[0].client_trust_anchors: {expected}"));
    }
}

/// Settings of TLS with the files in place.
fn with_files() -> Place {
    let (place, root) = (Place::new(), Authority::root("root"));
    let (ec, rsa) = (root.server(&["op.example"]), root.rsa_server(&["op.example"]));
    place.write("ec.pem", &(ec.pem() + &root.pem()), 0o644).write("ec.key", &ec.key_pem(), 0o600);
    place.write("rsa.pem", &rsa.pem(), 0o644).write("rsa.key", &rsa.key_pem(), 0o640);
    place.write("open.key", &ec.key_pem(), 0o644).write("empty.pem", "", 0o600);
    place
}

const EC: &str = "certificate = \"ec.pem\"\nkey = \"ec.key\"";

#[test]
fn a_listener_has_tls_if_it_says_so() {
    let place = with_files();
    assert!(place.parse("", "").unwrap().public.tls.is_none());
    let config = place.parse("", &format!("[public.tls]\n{EC}\n")).unwrap();
    let tls = config.public.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), (place.path().join("ec.pem"), place.path().join("ec.key")));
    assert_eq!((tls.min_version, tls.reload_interval), (MinVersion::Tls13, Duration::from_secs(30)));
    assert!(config.admin.tls.is_none());
    let rsa = "certificate = \"rsa.pem\"\nkey = \"rsa.key\"\nmin_version = \"1.2\"\nreload_interval = 5";
    let config = place.parse("", &format!("[public.tls]\n{rsa}\n[admin.tls]\n{EC}\n")).unwrap();
    let (public, admin) = (config.public.tls.unwrap(), config.admin.tls.unwrap());
    assert_eq!((public.min_version, public.reload_interval), (MinVersion::Tls12, Duration::from_secs(5)));
    assert_eq!(admin.min_version, MinVersion::Tls13);
}

#[test]
fn every_complaint_about_tls_names_its_setting() {
    let place = with_files();
    for (settings, expected) in [
        ("", "certificate: is missing"),
        (
            "certificate = \"none.pem\"\nkey = \"ec.key\"",
            "certificate: /none.pem: No such file or directory (os error 2)",
        ),
        ("certificate = \"empty.pem\"\nkey = \"ec.key\"", "certificate: /empty.pem: holds no certificate in PEM"),
        ("certificate = \"ec.key\"\nkey = \"ec.key\"", "certificate: /ec.key: holds no certificate in PEM"),
        ("certificate = \"ec.pem\"\nkey = \"none.key\"", "key: /none.key: No such file or directory (os error 2)"),
        (
            "certificate = \"ec.pem\"\nkey = \"empty.pem\"",
            "key: /empty.pem: holds no private key in PEM that can be used",
        ),
        ("certificate = \"ec.pem\"\nkey = \"rsa.key\"", "key: /rsa.key: is not the key of the certificate"),
        (
            "certificate = \"ec.pem\"\nkey = \"open.key\"",
            "key: /open.key is open to other users (mode 644): close it with `chmod 640 /open.key`",
        ),
        (&format!("{EC}\nmin_version = \"1.2\""), "min_version: 1.2 needs a certificate with an RSA key"),
        (&format!("{EC}\nmin_version = \"1.1\""), "min_version: must be \"1.3\" or \"1.2\""),
        (&format!("{EC}\nreload_interval = 0"), "reload_interval: must be a whole number from 1 to 86400"),
        (&format!("{EC}\ncyphers = \"all\""), "cyphers: is unknown"),
    ] {
        for listener in ["public.tls", "admin.tls", "mtls.tls"] {
            let mtls = "[mtls]\nlisten = \"127.0.0.1:8444\"\nbase_url = \"https://mtls.op.example\"\n";
            let complaints = place.complaints("", &format!("{mtls}[{listener}]\n{settings}\n"));
            let complaints: Vec<_> =
                complaints.iter().map(|it| it.replace(place.path().to_str().unwrap(), "")).collect();
            assert!(complaints.contains(&format!("{listener}.{expected}")), "{settings}: {complaints:?}");
        }
    }
}

#[test]
fn the_issuer_says_what_the_listener_speaks() {
    let place = with_files();
    let tls = format!("[public.tls]\n{EC}\n");
    let plain = [("ASSENT__ISSUER", "http://127.0.0.1:8080")];
    let refused = place.parse_with("", &tls, &plain).unwrap_err().to_string();
    assert_eq!(refused, "issuer: is http, and public.tls is set: nobody would find it there");
    assert!(place.parse_with("", "", &plain).is_ok());
}

#[test]
fn a_listener_for_client_certificates_needs_a_certificate_and_a_url() {
    let place = with_files();
    let public = format!("[public.tls]\n{EC}\n");
    let mtls = "[mtls]\nlisten = \"127.0.0.1:8444\"\nbase_url = \"https://mtls.op.example:8444\"\n";
    let config = place.parse("", &format!("{public}{mtls}")).unwrap();
    let shown = config.mtls.unwrap();
    assert_eq!(shown.base_url, "https://mtls.op.example:8444");
    let (listen, tls) = shown.listener.unwrap();
    assert_eq!((listen.port(), tls), (8444, config.public.tls.unwrap()), "the public one's certificate");
    let own = place.parse("", &format!("{public}{mtls}[mtls.tls]\ncertificate = \"rsa.pem\"\nkey = \"rsa.key\"\n"));
    assert_eq!(own.unwrap().mtls.unwrap().listener.unwrap().1.key, place.path().join("rsa.key"));

    let behind = "[mtls]\nbase_url = \"https://mtls.op.example\"\n[proxy]\ntrusted = [\"10.0.0.0/8\", \"192.0.2.7\"]\n";
    let config = place.parse("", behind).unwrap();
    assert!(config.mtls.unwrap().listener.is_none(), "the proxy listens");
    assert!(config.proxies.include([10, 1, 2, 3].into()) && !config.proxies.include([11, 1, 2, 3].into()));

    for (settings, expected) in [
        (mtls.to_owned(), "mtls.tls: is missing, and so is public.tls"),
        ("[mtls]\nbase_url = \"https://mtls.op.example\"\n".to_owned(), "mtls.listen: is missing; only where [proxy]"),
        (public.clone() + "[mtls]\nlisten = \"127.0.0.1:8444\"\n", "mtls.base_url: is missing"),
        (public.clone() + &mtls.replace("8444\"\nbase", "8080\"\nbase"), "mtls.listen: is another listener's"),
        (public.clone() + &mtls.replace("8444\"\nbase", "8081\"\nbase"), "mtls.listen: is another listener's"),
        (public.clone() + &mtls.replace("127.0.0.1", "localhost"), "mtls.listen: must be an IP address and a port"),
        (public.clone() + &mtls.replace("https:", "http:"), "mtls.base_url: must be https"),
        (public.clone() + &mtls.replace("https:", ""), "mtls.base_url: is not a URL"),
        (public.clone() + &mtls.replace("example:8444", "example:8444/path"), "mtls.base_url: must be scheme"),
        (public.clone() + &mtls.replace("example:8444", "example:443"), "mtls.base_url: must be scheme"),
        (public.clone() + &mtls.replace("example:8444", "example/"), "mtls.base_url: must be scheme"),
        (public.clone() + &mtls.replace("mtls.op", "MTLS.op"), "mtls.base_url: must be scheme"),
        (public.clone() + &mtls.replace("https://", "https://me@"), "mtls.base_url: must be scheme"),
    ] {
        let complaint = place.complaint("", &settings);
        assert!(complaint.starts_with(expected), "{settings}: {complaint}");
    }
}

#[test]
fn proxies_are_named_by_their_networks() {
    let place = Place::new();
    for (trusted, expected) in [
        ("\"10.0.0.1/8\"", "proxy.trusted: \"10.0.0.1/8\" has bits beyond its prefix; the network is 10.0.0.0/8"),
        ("\"proxy\"", "proxy.trusted: \"proxy\" is no network in CIDR form"),
        ("\"10.0.0.0/8\", \"0.0.0.0/0\"", "proxy.trusted: \"0.0.0.0/0\" is everybody"),
    ] {
        let complaint = place.complaint("", &format!("[proxy]\ntrusted = [{trusted}]\n"));
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}

#[test]
fn each_realm_believes_platforms_of_its_own() {
    let place = Place::new();
    let (pem, bad) = (Authority::root("root").pem(), "-----BEGIN CERTIFICATE-----\nMIIC");
    place.write("roots.pem", &pem, 0o644).write("bad.pem", bad, 0o644);
    place.write("status.json", r#"{"entries":{"a1":{"status":"REVOKED"}}}"#, 0o644).write("list.json", "{}", 0o644);
    let digest = "a5".repeat(32);
    let colons = vec!["A5"; 32].join(":");
    let android =
        format!("roots = [\"roots.pem\"]\napps = [\"com.example.app {digest}\", \"com.example.app {colons}\"]");
    let apple = "roots = [\"roots.pem\"]\napps = [\"ABCDE12345.com.example.app\"]";
    let realm = "[[realm]]\nid = \"two\"\nissuer = \"https://op.example/two\"\n";
    let config =
        place.parse("", &format!("[attestation.android]\n{android}\n{realm}[realm.attestation.apple]\n{apple}"));
    let config = config.unwrap();
    let (main, two) = (&config.attestation[&RealmId::new("main")], &config.attestation[&RealmId::new("two")]);
    let apps = &main.android.as_ref().unwrap().apps;
    assert_eq!((apps.len(), apps[0].package.as_str(), apps[0].digests.len()), (1, "com.example.app", 2));
    assert_eq!(apps[0].digests[0], apps[0].digests[1], "with colons or without");
    assert!(main.apple.is_none() && two.android.is_none() && two.apple.is_some());

    let whole = format!("{android}\nrevoked = \"status.json\"\nboot = \"any\"");
    assert!(place.parse("", &format!("[attestation.android]\n{whole}")).is_ok());
    for (settings, expected) in [
        (whole.replace("roots.pem", "none.pem"), "roots: /none.pem: No such file"),
        (whole.replace("roots.pem", "bad.pem"), "roots: /bad.pem: its certificate number 1 cannot be read"),
        (whole.replace("\"roots.pem\"", ""), "roots: names no file"),
        (whole.replace("roots =", "#"), "roots: is missing"),
        (whole.replace("apps =", "#"), "apps: is missing"),
        (whole.replace("status.json", "list.json"), "revoked: /list.json: is no status list"),
        (whole.replace("any", "most"), "boot: must be \"verified\" or \"any\""),
        (whole.replace("com.example.app a5", "com.example.app a"), "apps: \"com.example.app a"),
        (whole.replace("com.example.app a5", "com.example.app +5"), "apps: \"com.example.app +"),
        (whole.replace("com.example.app a5", "app a5"), "apps: \"app a5"),
        (whole.clone() + "\nroot = \"x\"", "root: is unknown"),
    ] {
        let complaint = place.complaint("", &format!("[attestation.android]\n{settings}"));
        assert!(complaint.starts_with(&format!("attestation.android.{expected}")), "{complaint}");
    }
    for app in
        ["com.example.app", "ABCDE1234.com.example.app", "abcde12345.com.example.app", "ABCDE12345.", "ABCDE12345.a b"]
    {
        let settings = apple.replace("ABCDE12345.com.example.app", app);
        let complaint = place.complaint("", &format!("[attestation.apple]\n{settings}"));
        assert!(complaint.starts_with(&format!("attestation.apple.apps: {app:?} is no app")), "{complaint}");
    }
}

#[test]
fn attestation_cannot_be_required_where_nothing_is_believed() {
    let place = Place::new();
    let required = "[policy]\nattestation = \"require\"\n";
    let complaint = place.complaint("", required);
    assert!(complaint.starts_with("policy.attestation: is require, and there is neither"), "{complaint}");
    place.write("roots.pem", &Authority::root("root").pem(), 0o644);
    let apple = "[attestation.apple]\nroots = [\"roots.pem\"]\napps = [\"ABCDE12345.com.example.app\"]\n";
    assert!(place.parse("", &format!("{required}{apple}")).is_ok());
}
