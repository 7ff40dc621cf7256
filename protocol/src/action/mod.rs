//! What a person approves of a software agent: one call of one tool with exactly these parameters. It stands in
//! `authorization_details` (RFC 9396) as the type [`TYPE`], is shown line by line, and is signed with the approval;
//! docs/agents.md is its description.
//!
//! Whoever is about to act asks [`approved::redeem`] whether this very action was approved, by the receipt alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Digest;
use crate::display::Line;
use crate::text::{self, Kind};

pub mod approved;

/// `type` of the detail.
pub const TYPE: &str = "agent_action";

/// An action has at most so many parameters.
pub const MOST_PARAMETERS: usize = 16;

/// The name of a parameter has at most so many characters.
pub const LONGEST_NAME: usize = 40;

/// A list has one text at least and at most so many.
pub const MOST_ITEMS: usize = 8;

/// The names of a tool and of an agent have at most so many code points.
pub const LONGEST_TOOL: usize = 60;

/// The greatest whole number, and negative the least: every reader of JSON tells it from its neighbours.
pub const GREATEST: i64 = (1 << 53) - 1;

/// The value of a parameter. There is nothing that would be nested: a line could not show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// One line of text, as in [`crate::text`], at most 200 code points; its spaces are single ones between words.
    Text(String),
    /// A whole number, from −[`GREATEST`] to [`GREATEST`].
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// 1 to [`MOST_ITEMS`] texts.
    Texts(Vec<String>),
}

/// One call of one tool. Written as JSON it is the canonical text that [`Action::digest`] is over.
///
/// ```
/// use protocol::action::Action;
///
/// let action: Action = serde_json::from_str(r#"{ "tool": "mail.send", "parameters": { "to": ["a@b.example"], "copies": 2 } }"#)?;
/// assert_eq!(action.canonical(), r#"{"parameters":{"copies":2,"to":["a@b.example"]},"tool":"mail.send"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Call")]
pub struct Action {
    parameters: BTreeMap<String, Parameter>,
    tool: String,
}

/// As it is sent, not judged yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    tool: String,
    parameters: BTreeMap<String, Parameter>,
}

/// A detail of the type [`TYPE`]: an action, and who asks for it. Its digest is that of the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAction {
    /// The agent's name for itself, at most [`LONGEST_TOOL`] code points. Nobody vouches for it.
    pub agent: Option<String>,
    /// What it asks to do.
    pub action: Action,
}

/// As it is sent, not judged yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detail {
    #[serde(rename = "type")]
    name: String,
    #[serde(default, deserialize_with = "crate::json::present")]
    agent: Option<String>,
    tool: String,
    parameters: BTreeMap<String, Parameter>,
    digest: Digest,
}

/// Why something is no action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAction {
    /// A member is missing, unknown or of another type: parameters are texts, whole numbers, booleans and lists of texts.
    #[error("a member is missing, unknown or of another type")]
    Form,
    /// A parameter's name is not 1 to 40 of `A-Z a-z 0-9 _ -`, the first a letter.
    #[error("a parameter's name is not 1 to {LONGEST_NAME} of A-Z a-z 0-9 _ -, a letter first")]
    Name,
    /// Too many parameters or items, none in a list, or a number beyond what JSON is exact for.
    #[error(
        "there are more than {MOST_PARAMETERS} parameters, a list is not of 1 to {MOST_ITEMS} texts, or a number is too large"
    )]
    Bounds,
    /// A text is too long, or breaks the rules for text on phones.
    #[error("a text cannot be shown")]
    Text,
    /// `digest` is not that of tool and parameters.
    #[error("the digest is not that of tool and parameters")]
    Digest,
}

impl BadAction {
    /// The name of the reason, which is the same in every language (docs/agents.md); only here there is also `Text`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Form => "Form",
            Self::Name => "Name",
            Self::Bounds => "Bounds",
            Self::Text => "Text",
            Self::Digest => "Digest",
        }
    }
}

impl TryFrom<Call> for Action {
    type Error = BadAction;

    fn try_from(call: Call) -> Result<Self, BadAction> {
        Self::new(call.tool, call.parameters)
    }
}

impl Action {
    /// An action that can be shown.
    pub fn new(tool: impl Into<String>, parameters: BTreeMap<String, Parameter>) -> Result<Self, BadAction> {
        let tool = tool.into();
        check_text(&tool, LONGEST_TOOL)?;
        if parameters.len() > MOST_PARAMETERS {
            return Err(BadAction::Bounds);
        }
        for (name, value) in &parameters {
            check_name(name)?;
            value.check()?;
        }
        Ok(Self { parameters, tool })
    }

    /// Which tool.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// By name.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.parameters
    }

    /// The text that the digest is over: JSON as RFC 8785 writes it, of `parameters` and `tool` and nothing else. What may
    /// stand in an action leaves it only one spelling: whole numbers in digits, names in the order of ASCII, and of all
    /// characters only `"` and `\` escaped, because there are no control characters.
    #[must_use]
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("a map with string keys")
    }

    /// SHA-256 of [`Action::canonical`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }

    /// The detail by which an agent asks for it.
    #[must_use]
    pub fn detail(&self, agent: Option<&str>) -> Value {
        let mut detail = json!({
            "type": TYPE,
            "tool": self.tool,
            "parameters": self.parameters,
            "digest": self.digest(),
        });
        if let Some(agent) = agent {
            detail["agent"] = agent.into();
        }
        detail
    }

    /// The names of all parameters that are not the same in both, or in one of them only.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names = self.parameters.keys().chain(other.parameters.keys());
        let mut names: Vec<_> =
            names.filter(|name| self.parameters.get(*name) != other.parameters.get(*name)).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl AgentAction {
    /// Judges a detail, as the OP does before anybody is asked, and as whoever acts does again.
    pub fn parse(detail: &Value) -> Result<Self, BadAction> {
        let detail = Detail::deserialize(detail).map_err(|_| BadAction::Form)?;
        if detail.name != TYPE {
            return Err(BadAction::Form);
        }
        if let Some(agent) = &detail.agent {
            check_text(agent, LONGEST_TOOL)?;
        }
        let action = Action::new(detail.tool, detail.parameters)?;
        if action.digest() == detail.digest { Ok(Self { agent: detail.agent, action }) } else { Err(BadAction::Digest) }
    }

    /// What is shown of it: every parameter, and every item of a list, as a line of its own. The labels of parameters cannot
    /// be taken for other ones, because no name has a space.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let Self { agent, action } = self;
        let mut lines = vec![Line::new("What", "Action by a software agent")];
        lines.extend(agent.iter().map(|agent| Line::new("Agent", agent)));
        lines.push(Line::new("Tool", &action.tool));
        for (name, value) in &action.parameters {
            value.show(name, &mut lines);
        }
        lines
    }

    /// Whether a line of an action could have this label.
    fn labels(label: &str) -> bool {
        matches!(label, "What" | "Agent" | "Tool") || label.starts_with("Parameter ")
    }
}

impl Parameter {
    fn check(&self) -> Result<(), BadAction> {
        let longest = Kind::DetailValue.max_code_points();
        match self {
            Self::Text(text) => check_text(text, longest),
            Self::Integer(number) if (-GREATEST..=GREATEST).contains(number) => Ok(()),
            Self::Boolean(_) => Ok(()),
            Self::Texts(items) if (1..=MOST_ITEMS).contains(&items.len()) => {
                items.iter().try_for_each(|item| check_text(item, longest))
            }
            Self::Integer(_) | Self::Texts(_) => Err(BadAction::Bounds),
        }
    }

    fn show(&self, name: &str, lines: &mut Vec<Line>) {
        let mut show = |value: &str| lines.push(Line::new(format!("Parameter {name}"), value));
        match self {
            Self::Text(text) => show(text),
            Self::Integer(number) => show(&number.to_string()),
            Self::Boolean(is) => show(if *is { "true" } else { "false" }),
            Self::Texts(items) => {
                let line = |(at, item)| Line::new(format!("Parameter {name} ({} of {})", at + 1, items.len()), item);
                lines.extend(items.iter().enumerate().map(line));
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), BadAction> {
    let fits = name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits { Ok(()) } else { Err(BadAction::Name) }
}

/// Beyond what may be shown at all: two texts that differ only in their spaces would look the same.
fn check_text(text: &str, longest: usize) -> Result<(), BadAction> {
    let spaced = text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    let fits = spaced && text.chars().count() <= longest && text::check(Kind::DetailValue, text).is_ok();
    if fits { Ok(()) } else { Err(BadAction::Text) }
}
