//! The settings file that `assent init` writes: what must be set is set, the rest is there to be read.

use std::fmt::Write as _;
use std::net::SocketAddr;

use toml::Table;

pub(crate) use super::realm::{MAIN as REALM, check_issuer};
use super::settings::TABLES;
use super::table::{Kind, Setting, SettingsTable};
use crate::domain::policy::{Policy, RULES, Rule};

/// The names of the files that `init` makes, all in one directory.
pub const SETTINGS: &str = "assent.toml";
/// The wrapped keys.
pub const KEYS: &str = "keys.json";
/// What they are wrapped by.
pub const WRAPPING_KEY: &str = "wrapping.key";
/// The operators' bearer token.
pub const ADMIN_TOKEN: &str = "admin.token";
/// The directory of the store, which the first start makes.
pub const STORE: &str = "store";
/// All of them.
pub const FILES: [&str; 5] = [SETTINGS, KEYS, WRAPPING_KEY, ADMIN_TOKEN, STORE];

/// No comment is wider.
const WIDTH: usize = 120;

const HEAD: &str = "Settings of Assent. Paths are relative to this file. Every setting can also come from the environment: \
                    ASSENT__STORE__CACHE_MIB=128 sets cache_mib under [store]. `assent check-config` says what is wrong, setting \
                    by setting; `assent settings` explains them all.";

const POLICY: &str = "What this server allows. These values are read at the first start only; from then on the store's hold. \
                      Durations are in seconds.";

/// What differs from one deployment to the next.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// `iss`
    pub issuer: &'a str,
    /// `public.listen`
    pub listen: SocketAddr,
    /// `admin.listen`
    pub admin_listen: SocketAddr,
}

impl Template<'_> {
    /// What is written as set; everything else is a comment.
    fn set(&self, table: &str, name: &str) -> Option<String> {
        let set = match (table, name) {
            ("", "issuer") => self.issuer,
            ("public", "listen") => return Some(self.listen.to_string()),
            ("admin", "listen") => return Some(self.admin_listen.to_string()),
            ("admin", "token_file") => ADMIN_TOKEN,
            ("store", "kind") => "embedded",
            ("store", "directory") => STORE,
            ("keys", "file") => KEYS,
            ("keys", "wrapping_key_file") => WRAPPING_KEY,
            ("log", "format") => "text",
            ("log", "filter") => "info",
            _ => return None,
        };
        Some(set.to_owned())
    }
}

/// The text of the file.
#[must_use]
pub fn render(template: &Template<'_>) -> String {
    let mut text = String::new();
    comment(&mut text, HEAD);
    let (once, repeated): (Vec<_>, Vec<_>) =
        TABLES.iter().partition(|table| !table.repeated && !table.names[0].contains("realm"));
    for table in once {
        render_table(&mut text, table, template);
    }
    render_policy(&mut text);
    for table in repeated {
        render_table(&mut text, table, template);
    }
    text
}

fn render_table(text: &mut String, table: &SettingsTable, template: &Template<'_>) {
    let name = table.names[0];
    text.push('\n');
    comment(text, table.about);
    let is_set = table.settings.iter().any(|setting| template.set(name, setting.name).is_some());
    let hash = if is_set { "" } else { "#" };
    match (name, table.repeated) {
        ("", _) => {}
        (name, true) => put(text, format_args!("{hash}[[{name}]]")),
        (name, false) => put(text, format_args!("{hash}[{name}]")),
    }
    // A secret's place is a file.
    for setting in table.settings.iter().filter(|setting| !is_secret_in_clear(setting)) {
        comment(text, setting.meaning);
        let set = template.set(name, setting.name);
        let hash = if set.is_some() { "" } else { "#" };
        let value = setting.written(set.as_deref().unwrap_or(setting.example));
        put(text, format_args!("{hash}{} = {value}", setting.name));
    }
}

fn is_secret_in_clear(setting: &Setting) -> bool {
    setting.kind == Kind::Text && setting.example == "…"
}

fn render_policy(text: &mut String) {
    text.push('\n');
    comment(text, POLICY);
    text.push_str("[policy]\n");
    let defaults = Table::try_from(Policy::default()).expect("a policy is a table");
    for Rule { name, meaning, example, .. } in RULES {
        comment(text, meaning.trim());
        if let Some(example) = example {
            comment(text, &format!("For example: {name} = {example}"));
        }
        if let Some(default) = defaults.get(*name) {
            put(text, format_args!("#{name} = {default}"));
        }
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a text takes every line");
}

/// Wrapped, and without the marks that only a page shows.
fn comment(text: &mut String, words: &str) {
    let words = words.replace('`', "");
    let mut width = 0;
    for word in words.split_whitespace() {
        if width == 0 || width + 1 + word.chars().count() > WIDTH {
            text.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += 1 + word.chars().count();
    }
    if width > 0 {
        text.push('\n');
    }
}
