//! `docs/configuration.md`: every setting, rendered from the tables that the readers work with.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::elsewhere::{ELSEWHERE, Known};
use super::settings::TABLES;
use super::table::{Absent, Kind, Setting, SettingsTable};
use crate::domain::policy::{Policy, RULES, Rule};
use crate::flow::register::table::{Absent as MemberAbsent, MEMBERS, Member, Shape};

const HEAD: &str = "\
# Configuration

This page is printed by `assent settings`, from the tables that the program itself reads its settings by.

Settings are a TOML file, which `assent init` writes with a comment for each. Every setting can also come from the environment, which
wins: `ASSENT__STORE__CACHE_MIB=128` is `cache_mib` under `[store]`, `ASSENT__REALM__0__ISSUER` the `issuer` of the first `[[realm]]`; a
list is separated by commas. Paths are relative to the file. What nobody knows is refused. `assent check-config` names all that is wrong
at once, setting by setting, and where file and store differ; the server does not start on settings that are wrong.
";

const POLICY: &str = "\
A realm's rules: `[policy]` for the first realm, `[realm.policy]` in a `[[realm]]`. They are read when a realm is first started, because
clients and phones rely on them afterwards; from then on the store's values hold, and `check-config` reports where the file differs.
Durations are seconds.
";

const CLIENT: &str = "\
A relying party is registered by the [admin API](operators.md#admin-api) (`POST /admin/v1/clients`), in the terms of dynamic registration
(RFC 7591, OpenID Connect, CIBA, RFC 8705), or by `[[client]]` in the file. What breaks a rule is refused and named. Members that are not
listed here are ignored.
";

const ELSEWHERE_HEAD: &str = "\
For those who come from another CIBA server. `client.…` is a member of a client's metadata. [coming-from.md](coming-from.md) goes on: more
servers, and their parameters and calls.
";

/// The page.
#[must_use]
pub fn render() -> String {
    let mut page = HEAD.to_owned();
    for table in TABLES.iter().filter(|table| !table.repeated && !table.names[0].contains("realm")) {
        render_table(&mut page, table);
    }
    render_policy(&mut page);
    for table in TABLES.iter().filter(|table| table.repeated || table.names[0].contains("realm")) {
        render_table(&mut page, table);
    }
    render_members(&mut page);
    render_elsewhere(&mut page);
    page
}

fn render_table(page: &mut String, SettingsTable { names, repeated, about, settings }: &SettingsTable) {
    let heading = match (names[0], repeated) {
        ("", _) => "At the top".to_owned(),
        (name, true) => format!("`[[{name}]]`"),
        (name, false) => format!("`[{name}]`"),
    };
    put(page, format_args!("\n## {heading}"));
    if !about.is_empty() {
        put(page, format_args!("\n{about}"));
    }
    head(page, ["setting", "value", "if absent", "what it is"]);
    for Setting { name, kind, absent, meaning, .. } in *settings {
        let absent = match absent {
            Absent::Refused => "**must be there**".to_owned(),
            Absent::Means(means) => (*means).to_owned(),
            Absent::Default(default) => format!("`{default}`"),
        };
        row(page, [&format!("`{name}`"), &values(*kind), &absent, meaning]);
    }
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Address => "address and port".to_owned(),
        Kind::File => "path".to_owned(),
        Kind::List => "list of texts".to_owned(),
        Kind::Number { least, most } => format!("{least} to {most}"),
        Kind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
    }
}

fn render_policy(page: &mut String) {
    put(page, format_args!("\n## `[policy]`\n\n{}", POLICY.trim_end()));
    head(page, ["setting", "value", "if absent", "what it is"]);
    let defaults = Table::try_from(Policy::default()).expect("a policy is a table");
    for Rule { name, meaning, bounds, .. } in RULES {
        let default = defaults.get(*name);
        let values = match (bounds, default) {
            (Some((least, most)), _) => format!("{least} to {most}"),
            (None, Some(Value::Boolean(_))) => "`true`, `false`".to_owned(),
            (None, Some(Value::Array(_))) => "list".to_owned(),
            (None, Some(Value::String(_))) => "word".to_owned(),
            (None, _) => "text".to_owned(),
        };
        let default = default.map_or_else(|| "none".to_owned(), |default| format!("`{default}`"));
        row(page, [&format!("`{name}`"), &values, &default, meaning.trim()]);
    }
}

fn render_members(page: &mut String) {
    put(page, format_args!("\n## A client's metadata\n\n{}", CLIENT.trim_end()));
    head(page, ["member", "value", "if absent", "what it is"]);
    for Member { name, shape, absent, meaning } in MEMBERS {
        let shape = match shape {
            Shape::Text => "text",
            Shape::Flag => "`true`, `false`",
            Shape::Number => "number",
            Shape::Texts => "list of texts",
            Shape::Object => "object",
            Shape::Words(words) => words,
        };
        let absent = match absent {
            MemberAbsent::Is(json) => format!("`{json}`"),
            MemberAbsent::Means(means) => (*means).to_owned(),
        };
        row(page, [&format!("`{name}`"), shape, &absent, meaning]);
    }
}

fn render_elsewhere(page: &mut String) {
    put(page, format_args!("\n## Known from elsewhere\n\n{}", ELSEWHERE_HEAD.trim_end()));
    head(page, ["there", "their name", "here", ""]);
    for Known { system, name, ours, note, .. } in ELSEWHERE {
        let ours = match ours {
            [] => "none".to_owned(),
            ours => ours.iter().map(|ours| format!("`{ours}`")).collect::<Vec<_>>().join(", "),
        };
        row(page, [system, &format!("`{name}`"), &ours, note]);
    }
}

fn head<const N: usize>(page: &mut String, names: [&str; N]) {
    page.push('\n');
    row(page, names);
    put(page, format_args!("|{}", "---|".repeat(N)));
}

fn row<const N: usize>(page: &mut String, cells: [&str; N]) {
    put(page, format_args!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
}

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a text takes every line");
}
