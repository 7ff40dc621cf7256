//! Members of a JSON object taken by name, each with its type; a complaint names the member and the rule.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::table::{self, Absent, Shape};

/// A member breaks a rule. Says nothing of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct BadMember {
    /// Its name.
    pub member: &'static str,
    /// What it should be.
    pub rule: Cow<'static, str>,
}

impl BadMember {
    pub(super) fn new(member: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { member, rule: rule.into() }
    }
}

/// What has not been taken yet. `null` counts as absent.
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    fn take(&mut self, name: &'static str) -> Option<Value> {
        let _ = member(name);
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, BadMember> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(BadMember::new(name, "must be a text that is not empty")),
        }
    }

    /// One of the words that the table has for it, or the default.
    pub(super) fn word<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>, BadMember> {
        let member = member(name);
        let Shape::Words(words) = member.shape else { unreachable!("{name} is a word in the table") };
        let parse = |value| serde_json::from_value(value).map_err(|_| BadMember::new(name, format!("must be {words}")));
        self.take(name).or_else(|| default(name)).map(parse).transpose()
    }

    /// `true` or `false`, or the default.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, BadMember> {
        match self.take(name).or_else(|| default(name)) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(BadMember::new(name, "must be true or false")),
        }
    }

    /// A whole number, or the default.
    pub(super) fn number(&mut self, name: &'static str) -> Result<u32, BadMember> {
        let Some(value) = self.take(name).or_else(|| default(name)) else { return Ok(0) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| BadMember::new(name, "must be a whole number that is not negative"))
    }

    /// A list of texts; `None` where it is absent.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, BadMember> {
        let parse = |value| {
            let texts = serde_json::from_value::<Vec<String>>(value);
            texts.map_err(|_| BadMember::new(name, "must be a list of texts"))
        };
        self.take(name).map(parse).transpose()
    }

    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>, BadMember> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(BadMember::new(name, "must be an object")),
        }
    }
}

/// What nobody documents is not taken.
fn member(name: &str) -> &'static table::Member {
    table::find(name).unwrap_or_else(|| unreachable!("{name} stands in the table"))
}

fn default(name: &str) -> Option<Value> {
    match member(name).absent {
        Absent::Is(json) => Some(serde_json::from_str(json).expect("a default is JSON")),
        Absent::Means(_) => None,
    }
}
