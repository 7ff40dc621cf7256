//! Settings taken out of their tables by name. What is wrong is noted, not thrown, so that an operator reads everything
//! at once; what nobody took is unknown, and noted too.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use toml::{Table, Value};

use super::table::{self, Absent, Kind, Setting};

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    setting: String,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.what)
    }
}

/// Everything noted so far.
pub(super) type Problems = Rc<RefCell<Vec<Problem>>>;

/// A table of settings; empty where the file has none.
pub(super) struct Section {
    /// Where it stands, for complaints: `realm[0].outbound`.
    path: String,
    /// How such a table is called in [`super::settings`]: `realm.outbound`.
    kind: String,
    table: Table,
    problems: Problems,
}

/// Parses the file and lays the environment over it: pairs of dotted path and value.
pub(super) fn lay_over(text: &str, environment: &[(String, String)]) -> Result<(Section, Problems), Problem> {
    let mut table = text.parse::<Table>().map_err(|error| syntax(text, &error))?;
    for (path, value) in environment {
        if !lay(&mut table, path, value) {
            let what = "from the environment, but the file has no such place for it".to_owned();
            return Err(Problem { setting: path.clone(), what });
        }
    }
    let problems = Problems::default();
    Ok((Section { path: String::new(), kind: String::new(), table, problems: Rc::clone(&problems) }, problems))
}

/// The line's number, but not the line: it may hold a secret.
fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problem { setting: format!("line {line}"), what: error.message().replace('\n', "; ") }
}

fn lay(table: &mut Table, path: &str, value: &str) -> bool {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), Value::String(value.to_owned()));
        return true;
    };
    match table.entry(first).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(table) => lay(table, rest, value),
        Value::Array(tables) => {
            let Some((position, rest)) = rest.split_once('.') else { return false };
            let position = position.parse::<usize>().ok();
            let table = position.and_then(|position| tables.get_mut(position)).and_then(Value::as_table_mut);
            table.is_some_and(|table| lay(table, rest, value))
        }
        _ => false,
    }
}

impl Section {
    /// A table inside this one.
    pub(super) fn section(&mut self, name: &str) -> Self {
        let table = match self.table.remove(name) {
            Some(Value::Table(table)) => table,
            None => Table::new(),
            Some(_) => {
                self.complain(name, "must be a table");
                Table::new()
            }
        };
        Self { path: self.path_of(name), kind: below(&self.kind, name), table, problems: Rc::clone(&self.problems) }
    }

    /// An array of tables inside this one.
    pub(super) fn sections(&mut self, name: &str) -> Vec<Self> {
        let Some(value) = self.table.remove(name) else { return Vec::new() };
        let tables: Option<Vec<Table>> = match value {
            Value::Array(values) => values.into_iter().map(|value| value.try_into().ok()).collect(),
            _ => None,
        };
        let Some(tables) = tables else {
            self.complain(name, "must be an array of tables, each under its own [[…]]");
            return Vec::new();
        };
        let of = |(position, table)| {
            let path = format!("{}[{position}]", self.path_of(name));
            Self { path, kind: below(&self.kind, name), table, problems: Rc::clone(&self.problems) }
        };
        tables.into_iter().enumerate().map(of).collect()
    }

    /// Whether anything is set in it.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Takes a setting out unread; whether it was there.
    pub(super) fn discard(&mut self, name: &str) -> bool {
        self.table.remove(name).is_some()
    }

    /// Whether a setting is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// A text, or the default; an empty one is refused, and so is none where one is needed.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match (self.table.remove(name), self.setting(name).absent) {
            (Some(Value::String(text)), _) if !text.is_empty() => Some(text),
            (Some(Value::String(_)), _) => self.refuse(name, "is empty"),
            (Some(_), _) => self.refuse(name, "must be a text, in quotes"),
            (None, Absent::Default(default)) => Some(default.to_owned()),
            (None, Absent::Means(_)) => None,
            (None, Absent::Refused) => self.refuse(name, "is missing"),
        }
    }

    /// One of the words that the table has for this setting.
    pub(super) fn word(&mut self, name: &str) -> Option<&'static str> {
        let Kind::Word(words) = self.setting(name).kind else { unreachable!("{name} is a word in the table") };
        let text = self.text(name)?;
        let found = words.iter().find(|word| **word == text);
        found.copied().or_else(|| self.refuse(name, format_args!("must be \"{}\"", words.join("\" or \""))))
    }

    /// An address and a port; `None` where none is set and there is no default, too.
    pub(super) fn address(&mut self, name: &str) -> Option<SocketAddr> {
        let text = self.text(name)?;
        let form = "must be an IP address and a port, such as 127.0.0.1:8080 or [::]:8080";
        text.parse().ok().or_else(|| self.refuse(name, form))
    }

    /// A list of texts, none of them empty; an empty list where nothing is set. The environment, which knows only texts,
    /// separates them by commas.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let _ = self.setting(name);
        let texts: Option<Vec<String>> = match self.table.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(values)) => values.into_iter().map(|value| value.try_into().ok()).collect(),
            Some(Value::String(text)) => Some(text.split(',').map(|text| text.trim().to_owned()).collect()),
            Some(_) => None,
        };
        match texts {
            Some(texts) if texts.iter().all(|text| !text.is_empty()) => texts,
            _ => {
                self.complain(name, "must be a list of texts, each in quotes");
                Vec::new()
            }
        }
    }

    /// A whole number within the bounds of the table, or its default.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, name: &str) -> Option<T> {
        let setting = self.setting(name);
        let Kind::Number { least, most } = setting.kind else { unreachable!("{name} is a number in the table") };
        let number = match (self.table.remove(name), setting.absent) {
            (Some(Value::Integer(number)), _) => Some(number),
            (Some(Value::String(text)), _) => text.parse().ok(), // the environment knows only texts
            (Some(_), _) => None,
            (None, Absent::Default(default)) => default.parse().ok(),
            (None, Absent::Means(_) | Absent::Refused) => None,
        };
        let number = number.filter(|number| (least..=most).contains(number)).and_then(|number| number.try_into().ok());
        number.or_else(|| self.refuse(name, format_args!("must be a whole number from {least} to {most}")))
    }

    /// All that is left, for a reader of its own.
    pub(super) fn take_all(&mut self) -> Table {
        std::mem::take(&mut self.table)
    }

    /// Notes what is wrong with a setting of this section.
    pub(super) fn complain(&self, name: &str, what: impl fmt::Display) {
        let problem = Problem { setting: self.path_of(name), what: what.to_string() };
        self.problems.borrow_mut().push(problem);
    }

    /// What nobody reads that the table does not have cannot be documented wrongly, so this is no more than a slip.
    fn setting(&self, name: &str) -> &'static Setting {
        table::find(&self.kind, name).unwrap_or_else(|| unreachable!("{}.{name} stands in the table", self.kind))
    }

    fn refuse<T>(&self, name: &str, what: impl fmt::Display) -> Option<T> {
        self.complain(name, what);
        None
    }

    /// How a setting of this section is called in complaints.
    pub(super) fn path_of(&self, name: &str) -> String {
        below(&self.path, name)
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Drop for Section {
    fn drop(&mut self) {
        for name in self.table.keys() {
            self.complain(name, "is unknown");
        }
    }
}
