//! What a Gluu Server or Janssen has set of CIBA, said in settings of ours: `assent import-gluu`. Its answers are those of
//! [`super::elsewhere`], setting by setting.
//!
//! A fragment is made of what has an equal here and fits its bounds; of everything else that is set it is said why it is
//! not taken. No value is repeated that could be a secret: keys of Firebase's legacy API and of its apps, whatever they hold.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toml::Value as Toml;
use url::Url;

use super::push::is_legacy;
use super::table::{self, Kind};
use crate::domain::algorithm::Algorithm;
use crate::domain::binding_message::BindingPattern;
use crate::domain::client::CIBA_GRANT;
use crate::domain::delivery::DeliveryMode;
use crate::domain::policy::{Policy, RULES};

/// A whole configuration of theirs is about 30 KiB.
const MOST_BYTES: u64 = 1024 * 1024;

/// Members under which their stores keep the configuration, as an object or as the text of one.
const WRAPPED: [&str; 2] = ["oxAuthConfDynamic", "jansConfDyn"];

/// How the members of theirs begin that are about CIBA.
const OURS: [&str; 2] = ["ciba", "backchannel"];

const POLICY: &str = "policy";

const STORE: &str = "store";

const FIREBASE: &str = "cibaEndUserNotificationConfig";

const HEAD: &str = "\
# Made by `assent import-gluu`. Each line belongs into the table of this name in the settings file; [policy] is read when
# the realm is first started.
";

const LEGACY: &str = "cibaEndUserNotificationConfig.notificationUrl: refused. This is FCM's legacy API (https://fcm.googleapis.com/fcm/send), \
                      which Google has shut down; nothing can be sent by it. Use HTTP v1: let the Firebase console make the key \
                      of a service account (Project settings, Service accounts, Generate new private key), and name its file in \
                      push.fcm.service_account_file";

/// What became of a configuration.
#[derive(Debug)]
pub struct Imported {
    /// Settings of ours, as TOML.
    pub fragment: String,
    /// A line for each thing that is not taken: its name, and why.
    pub not_taken: Vec<String>,
    /// What the deployment cannot go on with, whatever else was taken.
    pub refused: Option<&'static str>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum GluuError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It is not what it should be. What it holds is not quoted.
    #[error("{0} is not the JSON of an oxAuth or Janssen configuration")]
    Form(PathBuf),
    /// It is, but has nothing of CIBA.
    #[error("{0} has no setting of CIBA")]
    NoCiba(PathBuf),
}

/// Reads a configuration in a file.
pub fn import(file: &Path) -> Result<Imported, GluuError> {
    let failed = |error| GluuError::Io(file.to_owned(), error);
    if fs::metadata(file).map_err(failed)?.len() > MOST_BYTES {
        return Err(GluuError::Form(file.to_owned()));
    }
    let text = fs::read(file).map_err(failed)?;
    let given = unwrapped(&text).ok_or_else(|| GluuError::Form(file.to_owned()))?;
    if !given.keys().any(|name| is_of_ciba(name)) {
        return Err(GluuError::NoCiba(file.to_owned()));
    }
    Ok(Import::default().all(&given))
}

fn unwrapped(text: &[u8]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut outer)) = serde_json::from_slice(text) else { return None };
    match WRAPPED.iter().find_map(|name| outer.remove(*name)) {
        None => Some(outer),
        Some(Value::Object(inner)) => Some(inner),
        Some(Value::String(text)) => serde_json::from_str(&text).ok(),
        Some(_) => None,
    }
}

fn is_of_ciba(name: &str) -> bool {
    OURS.iter().any(|beginning| name.starts_with(beginning))
}

/// What is done about one of theirs.
enum Way {
    /// A rule of ours that is a switch.
    Switch(&'static str),
    /// A number of ours: its table and its name.
    Number(&'static str, &'static str),
    /// It takes more than that.
    By(fn(&mut Import, &'static str, &Value)),
    /// Nothing, because of this.
    Never(&'static str),
}

/// Theirs, in the order in which they are judged.
const SETTINGS: [(&str, Way); 20] = [
    ("cibaEnabled", Way::By(Import::enabled)),
    ("backchannelTokenDeliveryModesSupported", Way::By(Import::delivery_modes)),
    ("backchannelAuthenticationRequestSigningAlgValuesSupported", Way::By(Import::algorithms)),
    ("backchannelUserCodeParameterSupported", Way::Switch("user_code")),
    ("backchannelBindingMessagePattern", Way::By(Import::pattern)),
    ("backchannelAuthenticationResponseInterval", Way::Number(POLICY, "interval")),
    ("cibaMaxExpirationTimeAllowedSec", Way::By(Import::longest_life)),
    ("backchannelAuthenticationResponseExpiresIn", Way::By(Import::life)),
    ("cibaGrantLifeExtraTimeSec", Way::Number(POLICY, "tombstone")),
    ("backchannelLoginHintClaims", Way::By(Import::login_hints)),
    ("backchannelRequestsProcessorJobIntervalSec", Way::Number(STORE, "sweep_interval")),
    ("backchannelRequestsProcessorJobChunkSize", Way::Number(STORE, "sweep_rows")),
    (FIREBASE, Way::By(Import::firebase)),
    ("backchannelAuthenticationEndpoint", Way::Never("it is below the issuer, and discovery names it")),
    (
        "backchannelDeviceRegistrationEndpoint",
        Way::Never(
            "phones enrol with keys of their own, by a ticket. There is such an endpoint, which only replaces push tokens, \
             once policy.device_registration_clients lists who may call it",
        ),
    ),
    (
        "backchannelClientId",
        Way::Never(
            "no client ties users to phones. If an app's back end is to replace push tokens, list it in \
             policy.device_registration_clients",
        ),
    ),
    ("backchannelRedirectUri", Way::Never("nothing here passes through a browser")),
    ("return200OnClientRegistration", Way::Switch("registration_status_200")),
    ("grantTypesSupported", Way::By(Import::grants)),
    ("dynamicGrantTypeDefault", Way::By(Import::grants)),
];

const OF_AN_APP: &str = "it belongs into the app, not to the server";

/// Those below [`FIREBASE`].
const FIREBASE_SETTINGS: [(&str, Way); 10] = [
    ("projectId", Way::By(Import::project)),
    ("notificationUrl", Way::By(Import::notification_url)),
    (
        "notificationKey",
        Way::Never(
            "it is a key of FCM's legacy API, encrypted for Gluu alone; with HTTP v1 push.fcm.service_account_file is in its \
             place",
        ),
    ),
    ("apiKey", Way::Never(OF_AN_APP)),
    ("authDomain", Way::Never(OF_AN_APP)),
    ("databaseURL", Way::Never(OF_AN_APP)),
    ("storageBucket", Way::Never(OF_AN_APP)),
    ("messagingSenderId", Way::Never(OF_AN_APP)),
    ("appId", Way::Never(OF_AN_APP)),
    ("publicVapidKey", Way::Never("it belongs into a web app; keys for Web Push are made by `assent keys vapid`")),
];

/// What has been taken so far.
#[derive(Default)]
struct Import {
    policy: Vec<(&'static str, Toml)>,
    store: Vec<(&'static str, Toml)>,
    project: Option<String>,
    not_taken: Vec<String>,
    refused: Option<&'static str>,
}

impl Import {
    fn all(mut self, given: &Map<String, Value>) -> Imported {
        for (name, way) in &SETTINGS {
            self.one(name, way, given.get(*name));
        }
        self.fit_life();
        let (unknown, foreign): (Vec<_>, Vec<_>) = given
            .keys()
            .filter(|name| SETTINGS.iter().all(|(known, _)| known != name))
            .partition(|name| is_of_ciba(name));
        for name in unknown {
            self.skip(name, "nobody knows it here");
        }
        if !foreign.is_empty() {
            self.not_taken.push(format!("{} other settings are not of CIBA, and were not looked at", foreign.len()));
        }
        Imported { fragment: self.fragment(), not_taken: self.not_taken, refused: self.refused }
    }

    /// What is empty is not set.
    fn one(&mut self, name: &'static str, way: &Way, value: Option<&Value>) {
        let Some(value) = value.filter(|value| !value.is_null() && *value != "") else { return };
        match way {
            Way::Switch(rule) => match value.as_bool() {
                Some(on) => self.policy.push((rule, on.into())),
                None => self.skip(name, "it is neither true nor false"),
            },
            Way::Number(table, setting) => self.number(name, table, setting, value),
            Way::By(take) => take(self, name, value),
            Way::Never(why) => self.skip(name, why),
        }
    }

    fn skip(&mut self, name: &str, why: &str) {
        self.not_taken.push(format!("{name}: {why}"));
    }

    fn number(&mut self, name: &str, table: &'static str, setting: &'static str, value: &Value) {
        let (least, most) = bounds(table, setting);
        match value.as_i64() {
            None => self.skip(name, "it is no whole number"),
            Some(number) if !(least..=most).contains(&number) => {
                self.skip(name, &format!("it is {number}; {table}.{setting} takes {least} to {most}"));
            }
            Some(number) if table == STORE => self.store.push((setting, number.into())),
            Some(number) => self.policy.push((setting, number.into())),
        }
    }

    fn rule(&self, name: &str) -> Option<&Toml> {
        self.policy.iter().find(|(taken, _)| *taken == name).map(|(_, value)| value)
    }

    fn enabled(&mut self, name: &'static str, value: &Value) {
        match value.as_bool() {
            Some(true) => {}
            Some(false) => self.policy.push(("delivery_modes", Toml::Array(Vec::new()))),
            None => self.skip(name, "it is neither true nor false"),
        }
    }

    /// Here the grant of CIBA is there while there is CIBA, and what a client gets that names none.
    fn grants(&mut self, name: &'static str, value: &Value) {
        let Some(grants) = value.as_array() else { return self.skip(name, "it is no list") };
        if !grants.iter().any(|grant| grant == CIBA_GRANT) {
            let why = "the grant of CIBA is not in it, and here every client has it: with policy.delivery_modes = [] there is no CIBA";
            self.skip(name, why);
        }
    }

    fn delivery_modes(&mut self, name: &'static str, value: &Value) {
        if self.rule("delivery_modes").is_some() {
            return self.skip(name, "cibaEnabled is false, and so the realm has no CIBA");
        }
        let known = |word: &str| DeliveryMode::ALL.into_iter().find(|mode| mode.name() == word).map(DeliveryMode::name);
        self.words(name, "delivery_modes", value, known);
    }

    fn algorithms(&mut self, name: &'static str, value: &Value) {
        let known = |word: &str| Algorithm::parse(word).filter(|it| it.is_asymmetric()).map(Algorithm::name);
        self.words(name, "client_algorithms", value, known);
    }

    fn login_hints(&mut self, name: &'static str, value: &Value) {
        let known = |word: &str| match word {
            "inum" | "sub" => Some("sub"),
            "uid" | "preferred_username" => Some("username"),
            "mail" | "email" => Some("email"),
            "telephoneNumber" | "phone_number" => Some("phone"),
            _ => None,
        };
        self.words(name, "login_hint", value, known);
    }

    /// A list of words of which some may have an equal here; none twice.
    fn words(&mut self, name: &str, rule: &'static str, value: &Value, known: impl Fn(&str) -> Option<&'static str>) {
        let Some(words) = value.as_array() else { return self.skip(name, "it is no list") };
        let mut taken: Vec<&'static str> = Vec::new();
        let again = |place: usize| words[..place].contains(&words[place]);
        for (_, word) in words.iter().enumerate().filter(|(place, _)| !again(*place)) {
            match word.as_str().map(|word| (word, known(word))) {
                Some((_, Some(ours))) if taken.contains(&ours) => {}
                Some((_, Some(ours))) => taken.push(ours),
                Some((theirs, None)) => self.skip(name, &format!("{theirs:?} has no equal in policy.{rule}")),
                None => self.skip(name, "it holds something that is no text"),
            }
        }
        if taken.is_empty() {
            return self.skip(name, &format!("it names nothing that policy.{rule} could be; its default holds"));
        }
        self.policy.push((rule, taken.into_iter().map(Toml::from).collect::<Vec<_>>().into()));
    }

    fn pattern(&mut self, name: &'static str, value: &Value) {
        let Some(pattern) = value.as_str() else { return self.skip(name, "it is no text") };
        match BindingPattern::compile(pattern) {
            Ok(_) => self.policy.push(("binding_message_pattern", pattern.into())),
            Err(why) => self.skip(name, &format!("it {why}")),
        }
    }

    /// There it is only ever checked against; what asks for more is refused.
    fn longest_life(&mut self, name: &'static str, value: &Value) {
        self.number(name, POLICY, "request_lifetime_max", value);
        if self.rule("request_lifetime_max").is_some() {
            self.policy.push(("requested_expiry_above_max", "refuse".into()));
        }
    }

    fn life(&mut self, name: &'static str, value: &Value) {
        self.number(name, POLICY, "request_lifetime", value);
    }

    /// REQUIREMENTS Q12: a default life above the longest one, which Gluu ships with, is refused here.
    fn fit_life(&mut self) {
        let default = Policy::default();
        let number = |rule: &str, default: u32| self.rule(rule).and_then(Toml::as_integer).unwrap_or(default.into());
        let most = number("request_lifetime_max", default.request_lifetime_max);
        let life = number("request_lifetime", default.request_lifetime);
        if life <= most {
            return;
        }
        if self.rule("request_lifetime").is_some() {
            let why = format!("it is {life}, above cibaMaxExpirationTimeAllowedSec; {most} is taken");
            self.skip("backchannelAuthenticationResponseExpiresIn", &why);
        }
        self.policy.retain(|(rule, _)| *rule != "request_lifetime");
        self.policy.push(("request_lifetime", most.into()));
    }

    fn firebase(&mut self, name: &'static str, value: &Value) {
        let Some(given) = value.as_object() else { return self.skip(name, "it is no object") };
        let before = self.not_taken.len();
        for (member, way) in &FIREBASE_SETTINGS {
            self.one(member, way, given.get(*member));
        }
        for member in given.keys().filter(|name| FIREBASE_SETTINGS.iter().all(|(known, _)| known != name)) {
            self.skip(member, "nobody knows it here");
        }
        for line in &mut self.not_taken[before..] {
            line.insert_str(0, &format!("{FIREBASE}."));
        }
    }

    fn project(&mut self, name: &'static str, value: &Value) {
        match value.as_str() {
            Some(project) => self.project = Some(project.to_owned()),
            None => self.skip(name, "it is no text"),
        }
    }

    /// The URL is not repeated: a key may stand in it.
    fn notification_url(&mut self, name: &'static str, value: &Value) {
        match value.as_str().and_then(|text| Url::parse(text.trim()).ok()) {
            Some(url) if is_legacy(&url) => self.refused = Some(LEGACY),
            Some(_) => {
                self.skip(name, "HTTP v1 needs no URL; that of a gateway or a stand-in would be push.fcm.base_url");
            }
            None => self.skip(name, "it is no URL"),
        }
    }

    fn fragment(&self) -> String {
        let mut text = HEAD.to_owned();
        for (table, settings) in [(POLICY, &self.policy), (STORE, &self.store)] {
            if settings.is_empty() {
                continue;
            }
            put(&mut text, format_args!("\n[{table}]"));
            for (name, value) in settings {
                if *name == "client_algorithms" {
                    put(
                        &mut text,
                        format_args!("# Also of client assertions; client_secret_jwt needs HS256 among them."),
                    );
                }
                put(&mut text, format_args!("{name} = {value}"));
            }
        }
        if let Some(project) = &self.project {
            put(&mut text, format_args!("\n[push.fcm]"));
            put(&mut text, format_args!("# To be made: Firebase console, Project settings, Service accounts."));
            put(&mut text, format_args!("service_account_file = \"service-account.json\""));
            put(&mut text, format_args!("project_id = {}", Toml::from(project.as_str())));
        }
        text
    }
}

fn bounds(table: &str, name: &str) -> (i64, i64) {
    let rule = RULES.iter().find(|rule| table == POLICY && rule.name == name).and_then(|rule| rule.bounds);
    let setting = table::find(table, name).map(|setting| setting.kind);
    match (rule, setting) {
        (Some((least, most)), _) => (least.into(), most.into()),
        (None, Some(Kind::Number { least, most })) => (least, most),
        (None, _) => unreachable!("every number named here is in its table, as a test shows"),
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes every line");
}

#[cfg(test)]
mod tests;
