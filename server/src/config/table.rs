//! What is said of a setting in one place: the reader ([`super::read`]) takes its default and bounds from here, and the file
//! that `assent init` writes and `docs/configuration.md` are rendered from it. Anything that is set and does not stand in
//! the table is unknown.

use super::settings::TABLES;

/// One table of the settings file.
#[derive(Debug, Clone, Copy)]
pub struct SettingsTable {
    /// Its names: several tables may hold the same settings. The first one is written to the file of `assent init`.
    pub names: &'static [&'static str],
    /// Whether it stands under `[[…]]`, as often as one likes.
    pub repeated: bool,
    /// What it is about.
    pub about: &'static str,
    /// What may stand in it.
    pub settings: &'static [Setting],
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name within its table.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What holds where it is not set.
    pub absent: Absent,
    /// What to write in its place, if there is no default to show.
    pub example: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// An IP address and a port.
    Address,
    /// A path, relative to the settings file.
    File,
    /// Texts, none of them empty.
    List,
    /// A whole number.
    Number {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// One of some words.
    Word(&'static [&'static str]),
}

/// What holds where a setting is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Its table is refused.
    Refused,
    /// What these words say.
    Means(&'static str),
    /// This value, without the quotes of a text.
    Default(&'static str),
}

impl Setting {
    /// One that its table needs.
    pub(super) const fn needed(name: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, absent: Absent::Refused, example, meaning }
    }

    /// One that may be left out; `means` says what that does.
    pub(super) const fn optional(
        name: &'static str,
        kind: Kind,
        means: &'static str,
        example: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, absent: Absent::Means(means), example, meaning }
    }

    /// One with a default.
    pub(super) const fn defaulting(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, absent: Absent::Default(default), example: default, meaning }
    }

    /// A value of it as TOML.
    #[must_use]
    pub fn written(&self, value: &str) -> String {
        match self.kind {
            Kind::Number { .. } | Kind::List => value.to_owned(),
            Kind::Text | Kind::Address | Kind::File | Kind::Word(_) => format!("\"{value}\""),
        }
    }
}

/// The setting of this name in the table of that name.
pub(super) fn find(table: &str, name: &str) -> Option<&'static Setting> {
    TABLES.iter().filter(|of| of.names.contains(&table)).flat_map(|of| of.settings).find(|setting| setting.name == name)
}
