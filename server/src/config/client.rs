//! `[[client]]`: relying parties that the first start registers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::outbound::OutboundSettings;
use super::read::Section;
use crate::certificates::TrustAnchors;
use crate::domain::names::RealmId;
use crate::domain::offer::Offer;
use crate::domain::realm::Realm;
use crate::domain::secret::Secret;
use crate::flow::register::seed::Seed;
use crate::flow::register::table::{MEMBERS, Shape};
use crate::keys::secret_file;

const SECRET: &str = "client_secret";
const SECRET_FILE: &str = "client_secret_file";

/// What realms can offer clients by the file, beside their rules.
pub struct Offered<'a> {
    /// Whose certificates authenticate clients.
    pub trust_anchors: &'a BTreeMap<RealmId, TrustAnchors>,
    /// Where clients' URLs may lead.
    pub outbound: &'a OutboundSettings,
    /// Whether a client certificate can arrive at all.
    pub mutual_tls: bool,
}

impl Offered<'_> {
    /// What a realm of these rules offers.
    #[must_use]
    pub fn by<'r>(&self, realm: &'r Realm) -> Offer<'r> {
        Offer {
            policy: &realm.policy,
            mutual_tls: self.mutual_tls,
            trust_anchors: self.trust_anchors.contains_key(&realm.id),
            loopback: self.outbound.networks(&realm.id).admit_loopback(),
        }
    }
}

/// All clients of the file, each judged as the admin API would.
pub(super) fn clients(root: &mut Section, base: &Path, realms: &[Realm], offered: &Offered<'_>) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    for mut section in root.sections("client") {
        let Some(seed) = seed(&mut section, base, realms, offered) else { continue };
        let same = |other: &Seed| other.realm == seed.realm && other.members["client_id"] == seed.members["client_id"];
        if seeds.iter().any(same) {
            section.complain("client_id", "is the id of an earlier client");
        }
        seeds.push(seed);
    }
    seeds
}

/// `None` only where a problem was noted.
fn seed(section: &mut Section, base: &Path, realms: &[Realm], offered: &Offered<'_>) -> Option<Seed> {
    let realm = realm(section, realms);
    let in_file = section.text(SECRET_FILE);
    let mut members = members(section)?;
    let secret = secret(base, in_file, members.remove(SECRET));
    let secret = secret.map_err(|(setting, why)| section.complain(setting, why));
    let realm = realm?;
    let seed = Seed { realm: realm.id.clone(), members, secret: secret.ok()? };
    seed.judge(&offered.by(realm)).map_err(|bad| section.complain(bad.member, bad.rule)).ok()?;
    Some(seed)
}

/// The first one, unless another one is named.
fn realm<'r>(section: &mut Section, realms: &'r [Realm]) -> Option<&'r Realm> {
    let Some(named) = section.text("realm") else { return realms.first() };
    let found = realms.iter().find(|realm| realm.id.as_str() == named);
    if found.is_none() {
        section.complain("realm", "is no realm of this file");
    }
    found
}

/// The secret, or which setting is wrong and why.
fn secret(
    base: &Path,
    in_file: Option<String>,
    as_text: Option<Value>,
) -> Result<Option<Secret>, (&'static str, String)> {
    match (in_file, as_text) {
        (None, None) => Ok(None),
        (None, Some(Value::String(text))) if !text.is_empty() => Ok(Some(Secret::new(text))),
        (None, Some(_)) => Err((SECRET, "must be a text that is not empty".to_owned())),
        (Some(_), Some(_)) => Err((SECRET, format!("and {SECRET_FILE} are both set: choose one"))),
        (Some(file), None) => {
            let text = secret_file::read(&base.join(file)).map_err(|error| (SECRET_FILE, error.to_string()))?;
            Ok(Some(Secret::new(text.trim().to_owned())))
        }
    }
}

/// All other settings of the table: members by their names, in JSON. One that nobody knows would be ignored in a
/// registration; in a file it is a slip.
fn members(section: &mut Section) -> Option<Map<String, Value>> {
    let (mut members, mut known) = (Map::new(), true);
    for (name, value) in section.take_all() {
        let Some(member) = MEMBERS.iter().find(|member| member.name == name) else {
            section.complain(&name, "is unknown");
            known = false;
            continue;
        };
        let value = serde_json::to_value(value).expect("TOML without infinite numbers is JSON, and those become null");
        members.insert(name, like(member.shape, value));
    }
    known.then_some(members)
}

/// The environment knows only texts.
fn like(shape: Shape, value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    let read = match shape {
        Shape::Flag => text.parse().ok().map(Value::Bool),
        Shape::Number => text.parse::<u32>().ok().map(Value::from),
        Shape::Texts => Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()),
        Shape::Object => serde_json::from_str(text).ok(),
        Shape::Text | Shape::Words(_) => None,
    };
    read.unwrap_or(value)
}
