//! Settings taken out of their tables by name. What is wrong is noted, not thrown, so that an operator reads everything
//! at once; what nobody took is unknown, and noted too.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::str::FromStr;

use toml::{Table, Value};

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

/// A table of settings and its path; empty where the file has none.
pub(super) struct Section {
    path: String,
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
    Ok((Section { path: String::new(), table, problems: Rc::clone(&problems) }, problems))
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
        Self { path: self.path_of(name), table, problems: Rc::clone(&self.problems) }
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
            Self { path, table, problems: Rc::clone(&self.problems) }
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

    /// A text; an empty one is refused.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.table.remove(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => self.refuse(name, "is empty"),
            _ => self.refuse(name, "must be a text, in quotes"),
        }
    }

    /// A list of texts, none of them empty; an empty list where nothing is set. The environment, which knows only texts,
    /// separates them by commas.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
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

    /// A text that must be there.
    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            return self.refuse(name, "is missing");
        }
        self.text(name)
    }

    /// A text with a form of its own, or the default. `form` says what the form is.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, form: &str, default: T) -> Option<T> {
        if !self.has(name) {
            return Some(default);
        }
        let text = self.text(name)?;
        text.parse().ok().or_else(|| self.refuse(name, format_args!("must be {form}")))
    }

    /// A whole number within bounds, or the default.
    pub(super) fn integer(&mut self, name: &str, bounds: RangeInclusive<u32>, default: u32) -> Option<u32> {
        let number = match self.table.remove(name) {
            None => return Some(default),
            Some(Value::Integer(number)) => u32::try_from(number).ok(),
            Some(Value::String(text)) => text.parse().ok(), // the environment knows only texts
            Some(_) => None,
        };
        let (least, most) = (bounds.start(), bounds.end());
        number
            .filter(|number| bounds.contains(number))
            .or_else(|| self.refuse(name, format_args!("must be a whole number from {least} to {most}")))
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

    fn refuse<T>(&self, name: &str, what: impl fmt::Display) -> Option<T> {
        self.complain(name, what);
        None
    }

    /// How a setting of this section is called in complaints.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        for name in self.table.keys() {
            self.complain(name, "is unknown");
        }
    }
}
