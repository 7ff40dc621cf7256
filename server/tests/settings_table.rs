//! The table of settings is what the program does, and the page that is rendered from it is the one in `docs/`.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

use std::ffi::OsString;
use std::path::Path;

use serde_json::{Map, json};
use server::config::elsewhere::ELSEWHERE;
use server::config::settings::TABLES;
use server::config::table::{Absent, Kind, Setting, SettingsTable};
use server::config::template::{self, Template};
use server::config::{Config, ConfigError, Environment, manual};
use server::domain::policy::RULES;
use server::flow::register::Metadata;
use server::flow::register::table::{MEMBERS, Shape};
use toml::{Table, Value};

/// A file with every table that may be empty otherwise.
const EMBEDDED: &str = r#"
issuer = "https://op.example"
[admin]
token = "wVc3kTq0Jx9sRz5LmN8bYd"
[store]
directory = "store"
[keys]
file = "keys.json"
[[realm]]
id = "two"
issuer = "https://op.example/two"
[[client]]
client_id = "shop"
client_secret = "the secret of the corner shop"
"#;

fn base(setting: &str) -> Table {
    let mut base: Table = EMBEDDED.parse().unwrap();
    let of_postgres = ["store.connections", "store.acquire_timeout", "store.statement_timeout", "store.lock_timeout"];
    if of_postgres.contains(&setting) {
        base["store"] = "kind = \"postgres\"\nurl = \"postgres://h/d\"".parse::<Table>().unwrap().into();
    }
    base
}

fn read(file: &Table) -> Result<Config, Vec<String>> {
    let key = ("ASSENT_WRAPPING_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    let environment = Environment::of([(OsString::from(key.0), OsString::from(key.1))].into_iter());
    match Config::parse(&file.to_string(), Path::new("/etc/assent"), &environment) {
        Ok(config) => Ok(config),
        Err(ConfigError::Wrong(complaints)) => Err(complaints),
        Err(other) => panic!("{other}"),
    }
}

/// What is said about this setting when it has this value.
fn complaints(table: &str, setting: &Setting, value: Value) -> Vec<String> {
    let path = if table.is_empty() { setting.name.to_owned() } else { format!("{table}.{}", setting.name) };
    let mut file = base(&path);
    let mut at = &mut file;
    for name in table.split('.').filter(|name| !name.is_empty()) {
        let entry = at.entry(name).or_insert_with(|| Value::Table(Table::new()));
        at = match entry {
            Value::Array(tables) => tables[0].as_table_mut().unwrap(),
            entry => entry.as_table_mut().unwrap(),
        };
    }
    at.insert(setting.name.to_owned(), value);
    let path = path.replacen("realm.", "realm[0].", 1).replacen("client.", "client[0].", 1);
    let said = read(&file).err().unwrap_or_default();
    said.into_iter().filter(|said| said.starts_with(&format!("{path}: "))).collect()
}

fn every_setting() -> impl Iterator<Item = (&'static str, &'static Setting)> {
    let of = |table: &'static SettingsTable| {
        table.names.iter().flat_map(|name| table.settings.iter().map(move |setting| (*name, setting)))
    };
    TABLES.iter().flat_map(of)
}

#[test]
fn the_page_in_docs_is_what_the_program_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let kept = std::fs::read_to_string(page).unwrap();
    assert!(kept == manual::render(), "refresh it: cargo run -p server -- settings > docs/configuration.md");
}

#[test]
fn every_setting_of_the_table_is_read() {
    for (table, setting) in every_setting() {
        let said = complaints(table, setting, Value::Boolean(true));
        assert!(!said.is_empty(), "{table}.{} takes anything", setting.name);
        assert!(said.iter().all(|said| !said.contains("is unknown")), "{said:?}");
    }
}

#[test]
fn every_number_has_the_bounds_of_the_table() {
    let mut numbers = 0;
    for (table, setting) in every_setting() {
        let Kind::Number { least, most } = setting.kind else { continue };
        numbers += 1;
        let said = |number: i64| complaints(table, setting, Value::Integer(number));
        for inside in [least, most] {
            assert_eq!(said(inside), [""; 0]);
        }
        for outside in [least - 1, most + 1, i64::MIN, i64::MAX] {
            let said = said(outside);
            assert!(said.len() == 1 && said[0].contains(&format!("from {least} to {most}")), "{outside}: {said:?}");
        }
    }
    assert!(numbers > 6);
}

#[test]
fn every_word_of_the_table_is_taken_and_no_other() {
    for (table, setting) in every_setting() {
        let Kind::Word(words) = setting.kind else { continue };
        let said = |word: &str| complaints(table, setting, Value::from(word));
        for word in words {
            assert_eq!(said(word), [""; 0]);
        }
        assert!(said("another")[0].contains(words[0]));
    }
}

#[test]
fn every_default_of_the_table_is_what_holds_when_nothing_is_set() {
    let mut defaults = 0;
    // A channel of `[push]` has no defaults as long as it is not set up.
    let by_itself = |table: &str| !table.contains("tls") && !table.starts_with("push.");
    for (table, setting) in every_setting().filter(|(table, _)| by_itself(table)) {
        let Absent::Default(default) = setting.absent else { continue };
        defaults += 1;
        let mut file = base(&format!("{table}.{}", setting.name));
        let nothing_set = format!("{:?}", read(&file).unwrap());
        let entry = file.entry(table).or_insert_with(|| Value::Table(Table::new()));
        let value: Table = format!("it = {}", setting.written(default)).parse().unwrap();
        entry.as_table_mut().unwrap().insert(setting.name.to_owned(), value["it"].clone());
        assert_eq!(format!("{:?}", read(&file).unwrap()), nothing_set, "{table}.{}", setting.name);
    }
    assert!(defaults > 10);
}

/// Every line that is commented out can be taken in as it stands.
#[test]
fn the_written_file_shows_every_setting_and_nothing_else() {
    let listen = "127.0.0.1:8080".parse().unwrap();
    let admin_listen = "127.0.0.1:8081".parse().unwrap();
    let text = template::render(&Template { issuer: "https://op.example", listen, admin_listen });
    assert!(text.lines().all(|line| line.chars().count() <= 200), "a line is too long to read");
    let open = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let text: String = text.lines().map(|line| open(line) + "\n").collect();
    let written: Table = text.parse().unwrap();
    for table in TABLES {
        let mut at = &written;
        for name in table.names[0].split('.').filter(|name| !name.is_empty()) {
            at = match &at[name] {
                Value::Array(tables) => tables[0].as_table().unwrap(),
                entry => entry.as_table().unwrap(),
            };
        }
        for setting in table.settings.iter().filter(|setting| setting.example != "…") {
            assert!(at.contains_key(setting.name), "{}.{} is not shown", table.names[0], setting.name);
        }
    }
    for rule in RULES {
        let shown = written["policy"].as_table().unwrap().contains_key(rule.name) || rule.example.is_some();
        assert!(shown, "policy.{} is not shown", rule.name);
    }
}

/// REQUIREMENTS G76 to G95, G97 to G100, A31 to A37.
#[test]
fn every_setting_of_the_systems_that_people_come_from_has_an_answer() {
    let asked = (76..=95).chain(97..=100).map(|n| format!("G{n}")).chain((31..=37).map(|n| format!("A{n}")));
    for id in asked {
        let known = ELSEWHERE.iter().find(|known| known.id == id).unwrap_or_else(|| panic!("{id} has no answer"));
        assert!(!known.ours.is_empty() || !known.note.is_empty(), "{id}: neither a setting nor why there is none");
        for ours in known.ours {
            let (table, name) = ours.rsplit_once('.').unwrap_or(("", ours));
            let exists = match table {
                "policy" => RULES.iter().any(|rule| rule.name == name),
                "client" => MEMBERS.iter().any(|member| member.name == name),
                table => every_setting().any(|(of, setting)| of == table && setting.name == name),
            };
            assert!(exists, "{id}: there is no {ours}");
        }
    }
}

#[test]
fn every_member_of_the_table_is_read() {
    for member in MEMBERS {
        let wrong = if member.shape == Shape::Object { json!(7) } else { json!({ "not": "this" }) };
        let read = Metadata::read(Map::from_iter([(member.name.to_owned(), wrong)]));
        assert_eq!(read.expect_err(member.name).member, member.name);
    }
}
