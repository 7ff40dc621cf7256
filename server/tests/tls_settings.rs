//! Settings that name certificates and keys: files are read and judged when the settings are.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod pki;

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pki::Authority;
use server::config::{Config, ConfigError, Environment};
use server::domain::names::RealmId;

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
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::parse(&text, self.path(), &Environment::of(variables.into_iter()))
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
