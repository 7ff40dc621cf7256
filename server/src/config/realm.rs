//! Realms as the file has them. One realm needs no word for it: `issuer` and `[policy]` at the top. Further ones, or all
//! of them, stand under `[[realm]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use protocol::action;
use protocol::messages::Attestation;
use serde::Deserialize as _;
use toml::{Table, Value};
use url::{Host, Url};

use super::attestation;
use super::outbound::{self, OutboundSettings};
use super::read::Section;
use super::sign_in;
use crate::attestation::Trust;
use crate::certificates::TrustAnchors;
use crate::domain::algorithm::Algorithm;
use crate::domain::binding_message::BindingPattern;
use crate::domain::delivery::DeliveryMode;
use crate::domain::details;
use crate::domain::names::RealmId;
use crate::domain::policy::{EnrolmentIssuer, HintIssuer, Policy, RULES, RegistrationSoftware};
use crate::domain::profile::Profile;
use crate::domain::realm::Realm;
use crate::domain::sign_in::SignIn;
use crate::flow::register;
use crate::outbound::endpoint::Endpoint;

/// The id of a realm that was not given one.
pub(crate) const MAIN: &str = "main";

/// What stands behind a base URL already; a realm's path does not begin like that.
const TAKEN: [&str; 19] = [
    ".well-known",
    "a",
    "admin",
    "authorize",
    "backchannel",
    "bc-deviceRegistration",
    "clients",
    "device",
    "enrol",
    "healthz",
    "introspect",
    "jwks",
    "metrics",
    "readyz",
    "receipt-keys",
    "register",
    "revoke",
    "token",
    "userinfo",
];

/// What ID tokens and access tokens can be signed by.
const SIGNING: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Es384];

/// All realms, the first one first, and whom they trust.
#[derive(Default)]
pub(super) struct Realms {
    pub(super) all: Vec<Realm>,
    /// Whose certificates authenticate clients.
    pub(super) trust_anchors: BTreeMap<RealmId, TrustAnchors>,
    /// Whose evidence is believed of phones.
    pub(super) attestation: BTreeMap<RealmId, Trust>,
    /// Where users sign in to enrol phones.
    pub(super) sign_in: BTreeMap<RealmId, SignIn>,
}

/// Reads them. What they may reach of their own is settled in `outbound`.
pub(super) fn realms(root: &mut Section, base: &Path, outbound: &mut OutboundSettings) -> Realms {
    let Realms { all: mut realms, trust_anchors: mut anchors, attestation: mut believed, mut sign_in } =
        Realms::default();
    let mut sections = root.sections("realm");
    if root.has("issuer") || sections.is_empty() {
        let issuer = issuer(root);
        let policy = policy(root.section("policy"));
        let platforms = attestation::attestation(root.section("attestation"), base);
        check_platforms(root, &platforms, &policy);
        believed.insert(RealmId::new(MAIN), platforms);
        sign_in.extend(sign_in::sign_in(root, base).map(|login| (RealmId::new(MAIN), login)));
        anchors.extend(trust_anchors(root, base).map(|anchors| (RealmId::new(MAIN), anchors)));
        realms.extend(issuer.map(|issuer| Realm::new(RealmId::new(MAIN), issuer, policy)));
    }
    let mut known: BTreeSet<RealmId> = realms.iter().map(|realm| realm.id.clone()).collect();
    for section in &mut sections {
        let trusted = trust_anchors(section, base);
        let platforms = attestation::attestation(section.section("attestation"), base);
        let login = sign_in::sign_in(section, base);
        let Some(realm) = realm(section, outbound) else { continue };
        check_platforms(section, &platforms, &realm.policy);
        believed.insert(realm.id.clone(), platforms);
        sign_in.extend(login.map(|login| (realm.id.clone(), login)));
        anchors.extend(trusted.map(|anchors| (realm.id.clone(), anchors)));
        if !known.insert(realm.id.clone()) {
            section.complain("id", "is the id of an earlier realm");
        }
        if let Some(first) = realms.first()
            && let Err(why) = check_below(&realm.issuer, &first.issuer)
        {
            section.complain("issuer", why);
        }
        if realms.iter().any(|other| other.issuer == realm.issuer) {
            section.complain("issuer", "is the issuer of an earlier realm");
        }
        realms.push(realm);
    }
    Realms { all: realms, trust_anchors: anchors, attestation: believed, sign_in }
}

fn realm(section: &mut Section, outbound: &mut OutboundSettings) -> Option<Realm> {
    let id = section.text("id");
    let issuer = issuer(section);
    let policy = policy(section.section("policy"));
    let networks = outbound::of_realm(section.section("outbound"));
    let id = RealmId::parse(&id?);
    if id.is_none() {
        section.complain("id", "must be 1 to 32 characters of a-z, 0-9 and '-'");
    }
    let id = id?;
    outbound.of_realms.extend(networks.map(|networks| (id.clone(), networks)));
    Some(Realm::new(id, issuer?, policy))
}

fn check_platforms(section: &Section, trust: &Trust, policy: &Policy) {
    if policy.attestation == Attestation::Require && trust.android.is_none() && trust.apple.is_none() {
        let why = "is require, and there is neither attestation.android nor attestation.apple: no phone could join";
        section.complain("policy.attestation", why);
    }
}

/// The file is the operator's, who replaces it as authorities come and go; so it is read at each start.
fn trust_anchors(section: &mut Section, base: &Path) -> Option<TrustAnchors> {
    const NAME: &str = "client_trust_anchors";
    let path = base.join(section.text(NAME)?);
    let anchors = match std::fs::read(&path) {
        Ok(pem) => TrustAnchors::from_pem(&pem).map_err(|why| why.to_string()),
        Err(error) => Err(error.to_string()),
    };
    anchors.map_err(|why| section.complain(NAME, format_args!("{}: {why}", path.display()))).ok()
}

fn issuer(section: &mut Section) -> Option<String> {
    let issuer = section.text("issuer")?;
    check_issuer(&issuer).map_err(|why| section.complain("issuer", why)).ok()?;
    Some(issuer)
}

/// OIDC Discovery §3: an https URL without query or fragment. Ours also has one spelling only, because it is compared
/// as text by everyone. Plain http never leaves this machine.
pub(crate) fn check_issuer(issuer: &str) -> Result<(), &'static str> {
    let url = Url::parse(issuer).map_err(|_| "is not a URL")?;
    if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
        return Err("must be https, or http on a loopback host");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user name and no password");
    }
    if issuer.ends_with('/') {
        return Err("must not end with a slash");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if url.as_str().trim_end_matches('/') != issuer || !url.path().chars().all(plain) || url.path().contains("//") {
        return Err("must be spelled plainly: lower-case host, no default port, no escapes or empty parts in the path");
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn check_below(issuer: &str, first: &str) -> Result<(), String> {
    let below = issuer.strip_prefix(first).and_then(|rest| rest.strip_prefix('/'));
    let Some(path) = below else {
        return if issuer == first {
            Ok(())
        } else {
            Err(format!("must be a path under the first realm's: {first}/…"))
        };
    };
    let beginning = path.split('/').next().unwrap_or(path);
    if TAKEN.contains(&beginning) {
        return Err(format!("/{beginning} belongs to the first realm; choose another path"));
    }
    Ok(())
}

/// Each setting is read alone, so that what is wrong with it is said of it.
fn policy(mut section: Section) -> Policy {
    let known = Table::try_from(Policy::default()).expect("a policy is a table");
    let mut right = Table::new();
    for (name, value) in section.take_all() {
        if RULES.iter().all(|rule| rule.name != name) {
            section.complain(&name, "is unknown");
            continue;
        }
        // A rule that is absent by default is a text, and needs no likeness.
        let value = known.get(&name).map_or(value.clone(), |default| like(default, value));
        match Policy::deserialize(Table::from_iter([(name.clone(), value.clone())])) {
            Ok(_) => drop(right.insert(name, value)),
            Err(error) => section.complain(&name, error.message().replace('\n', " ")),
        }
    }
    let policy = Policy::deserialize(right).unwrap_or_default();
    for (name, why) in out_of_bounds(&policy) {
        section.complain(name, why);
    }
    policy
}

/// The environment knows only texts: where the default is a number, a switch or a list, so is the text; the parts of a
/// list stand between commas.
fn like(default: &Value, value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    let parsed = match default {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        _ => None,
    };
    parsed.unwrap_or(value)
}

/// Bounds that the table has, and those that hang together.
fn out_of_bounds(policy: &Policy) -> Vec<(&'static str, String)> {
    let known = Table::try_from(policy).expect("a policy is a table");
    let bounded = RULES.iter().filter_map(|rule| Some((rule.name, rule.bounds?)));
    let outside = bounded.filter_map(|(name, (least, most))| {
        let value = known.get(name).and_then(Value::as_integer)?;
        let inside = (i64::from(least)..=i64::from(most)).contains(&value);
        (!inside).then(|| (name, format!("is {value}; must be from {least} to {most}")))
    });
    let mut wrong: Vec<_> = outside.collect();
    for (name, why) in contradictions(policy) {
        if wrong.iter().all(|(already, _)| *already != name) {
            wrong.push((name, why));
        }
    }
    wrong
}

fn check_hint_issuers(issuers: &[HintIssuer]) -> Result<(), String> {
    check_issuers(issuers.iter().map(|HintIssuer { issuer, jwks_uri }| (issuer.as_str(), jwks_uri.as_str())))
}

fn check_enrolment_issuers(issuers: &[EnrolmentIssuer]) -> Result<(), String> {
    check_issuers(issuers.iter().map(|known| (known.issuer.as_str(), known.jwks_uri.as_str())))?;
    for EnrolmentIssuer { issuer, clients, recovery_acr, .. } in issuers {
        if clients.is_empty() || !clients.iter().all(|client| is_value(client)) {
            return Err(format!("the clients of {issuer} must be some, of 1 to 255 printable ASCII characters"));
        }
        // They are named in a challenge, between quotation marks.
        let fits = |acr: &String| is_value(acr) && !acr.contains(['"', '\\']);
        if !recovery_acr.iter().all(fits) {
            return Err(format!("a recovery_acr of {issuer} has a character that it must not have"));
        }
    }
    Ok(())
}

fn check_issuers<'a>(issuers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (issuer, jwks_uri) in issuers {
        if !is_value(issuer) {
            return Err("an issuer is not 1 to 255 printable ASCII characters".to_owned());
        }
        if !seen.insert(issuer) {
            return Err(format!("{issuer} stands there twice"));
        }
        let url = Url::parse(jwks_uri).map_err(|_| format!("the jwks_uri of {issuer} is not a URL"))?;
        Endpoint::operator(url).map_err(|why| format!("the jwks_uri of {issuer} {why}"))?;
    }
    Ok(())
}

fn is_value(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn contradictions(policy: &Policy) -> Vec<(&'static str, String)> {
    let holds = [
        ("signing_algorithms", can_sign(policy), "must name some of ES256, PS256, RS256, EdDSA, ES384"),
        ("login_hint", !policy.login_hint.is_empty(), "must name at least one of sub, username, email, phone"),
        (
            "default_audience",
            policy.default_audience.as_deref().is_none_or(is_value),
            "must be 1 to 255 printable ASCII characters",
        ),
        (
            "default_acr_values",
            policy.default_acr_values.len() <= 16 && policy.default_acr_values.iter().all(|value| is_value(value)),
            "must be at most 16 values of 1 to 255 printable ASCII characters",
        ),
        (
            "registration_details_types",
            policy.registration_details_types.iter().all(|name| policy.details_types().any(|kind| kind == name)),
            "must be types that this realm knows: of authorization_details_types, or agent_action where that is on",
        ),
        (
            "registration_software",
            policy.registration_software == RegistrationSoftware::Any || !policy.software_issuers.is_empty(),
            "is statement, and there are no software_issuers: nobody could register",
        ),
        (
            "device_registration_clients",
            policy.device_registration_clients.len() <= 16
                && policy.device_registration_clients.iter().all(|client| is_value(client.as_str())),
            "must be at most 16 values of 1 to 255 printable ASCII characters",
        ),
    ];
    let broken = holds.into_iter().filter(|(_, holds, _)| !holds).map(|(name, _, why)| (name, why.to_owned()));
    let issuer = check_hint_issuers(&policy.hint_issuers).err();
    let pattern = policy.binding_message_pattern.as_deref().and_then(|text| BindingPattern::compile(text).err());
    let broken = lifetimes(policy).chain(broken).chain(under_fapi(policy));
    let broken = broken.chain(pattern.map(|why| ("binding_message_pattern", why)));
    let own = policy.agent_actions && policy.authorization_details_types.iter().any(|kind| kind.name == action::TYPE);
    let own = own.then(|| {
        ("agent_actions", "is on: there must be no agent_action among authorization_details_types".to_owned())
    });
    let broken = broken.chain(own);
    let scopes = register::check_scopes(&policy.registration_scopes).err();
    let broken = broken.chain(scopes.map(|why| ("registration_scopes", why.to_owned())));
    let details = details::check_types(&policy.authorization_details_types).err();
    let broken = broken.chain(details.map(|why| ("authorization_details_types", why)));
    let enrolment = check_enrolment_issuers(&policy.enrolment_issuers).err();
    let broken = broken.chain(enrolment.map(|why| ("enrolment_issuers", why)));
    let software = check_hint_issuers(&policy.software_issuers).err();
    let broken = broken.chain(software.map(|why| ("software_issuers", why)));
    broken.chain(issuer.map(|why| ("hint_issuers", why))).collect()
}

fn can_sign(policy: &Policy) -> bool {
    !policy.signing_algorithms.is_empty() && policy.signing_algorithms.iter().all(|it| SIGNING.contains(it))
}

/// REQUIREMENTS Q12: a default that nobody may ask for is a slip.
fn lifetimes(policy: &Policy) -> impl Iterator<Item = (&'static str, String)> {
    let Policy { request_lifetime: default, request_lifetime_min: least, request_lifetime_max: most, .. } = *policy;
    let order = (least > most)
        .then(|| ("request_lifetime_min", format!("is {least}; must be at most request_lifetime_max, {most}")));
    let inside = (least..=most).contains(&default) || least > most;
    let default = (!inside).then(|| ("request_lifetime", format!("is {default}; must be from {least} to {most}")));
    order.into_iter().chain(default)
}

/// What the profile takes away must leave something.
fn under_fapi(policy: &Policy) -> impl Iterator<Item = (&'static str, String)> {
    let fapi = policy.profile == Profile::FapiCiba;
    let strong = |algorithms: &[Algorithm]| {
        algorithms.iter().any(|algorithm| matches!(algorithm, Algorithm::Ps256 | Algorithm::Es256))
    };
    let asks = policy.delivery_modes.is_empty() || policy.delivery_modes.iter().any(|mode| *mode != DeliveryMode::Push);
    let holds = [
        ("profile", policy.interval <= 5, "fapi-ciba needs an interval of at most 5"),
        ("delivery_modes", asks, "must name poll or ping: fapi-ciba has no push"),
        ("client_algorithms", strong(&policy.client_algorithms), "must name PS256 or ES256: fapi-ciba takes no other"),
        (
            "signing_algorithms",
            strong(&policy.signing_algorithms),
            "must name PS256 or ES256: fapi-ciba takes no other",
        ),
    ];
    holds.into_iter().filter(move |(_, holds, _)| fapi && !holds).map(|(name, _, why)| (name, why.to_owned()))
}
