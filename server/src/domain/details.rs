//! `authorization_details` (RFC 9396): what a client asks approval of, in a form that a realm registered. A type says what
//! its details may hold, and how each member is shown on the phone; what is not in it is refused, and nothing that is in a
//! detail goes unshown.
//!
//! The schema is a small part of JSON Schema, read into types: a keyword that is not known is an error of the settings,
//! never something that quietly does not hold. Members that the schema does not name are always refused.

use std::collections::BTreeMap;

use protocol::action::BadAction;
use protocol::display::Line;
use protocol::json;
use protocol::text::{self, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One request has at most so many details.
const MOST_DETAILS: usize = 8;

/// Their JSON, and the lines they are shown as, have at most so many bytes each: a prompt is one record of the store.
pub const MOST_BYTES: usize = 2048;

/// A realm has at most so many types, each with so many lines.
const MOST_TYPES: usize = 16;
const MOST_LINES: usize = 16;

/// A registered type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailsType {
    /// `type` of its details.
    #[serde(rename = "type")]
    pub name: String,
    /// What the phone says before it: the first line of each detail.
    pub title: Title,
    /// The language of all labels (BCP 47).
    #[serde(default = "english")]
    pub language: String,
    /// Whether a detail is granted to the first access token alone: a payment is, to read an account is not.
    #[serde(default)]
    pub once: bool,
    /// What a detail holds beside `type`.
    pub schema: Schema,
    /// How it is shown, in this order.
    pub display: Vec<Shown>,
}

fn english() -> String {
    "en".to_owned()
}

/// The first line of a detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Such as "What".
    pub label: String,
    /// Such as "Payment".
    pub value: String,
}

/// One line of the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Before the value.
    pub label: String,
    /// Where the value is: a JSON Pointer (RFC 6901) into the detail.
    pub path: String,
    /// How it is written.
    #[serde(default)]
    pub format: Format,
}

/// How a value is written on the phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A text or a number as it is; a list with commas between.
    #[default]
    Plain,
    /// An object of `amount` and `currency`: `12.50 EUR`.
    Amount,
}

/// The part of JSON Schema that is understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schema {
    /// An object of named members and no others.
    Object {
        /// The members.
        properties: BTreeMap<String, Schema>,
        /// Which must be there.
        #[serde(default)]
        required: Vec<String>,
    },
    /// A text.
    String {
        /// Code points; one at least, because a line is never blank.
        #[serde(rename = "maxLength", default = "longest")]
        max_length: usize,
        /// The texts that it may be; any, where there are none.
        #[serde(rename = "enum", default)]
        allowed: Vec<String>,
    },
    /// A whole number.
    Integer {
        /// The least.
        #[serde(default)]
        minimum: Option<i64>,
        /// The most.
        #[serde(default)]
        maximum: Option<i64>,
    },
    /// A list of texts.
    Array {
        /// The texts.
        items: Box<Schema>,
        /// How many at most.
        #[serde(rename = "maxItems", default = "most_items")]
        max_items: usize,
    },
}

const fn longest() -> usize {
    Kind::DetailValue.max_code_points()
}

const fn most_items() -> usize {
    8
}

/// Why details are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDetails {
    /// Not a list of 1 to 8 objects, or longer than 2048 bytes.
    #[error("not a list of 1 to 8 objects with a type, of 2048 bytes")]
    Form,
    /// A type that the realm does not know.
    #[error("a type is unknown")]
    UnknownType,
    /// A member is unknown, missing, of another type, too long or out of bounds; where, as a pointer.
    #[error("a member does not fit its type")]
    Member(String),
    /// One that the user was not asked about.
    #[error("a detail was not granted")]
    NotGranted,
    /// A value breaks the rules for text on phones.
    #[error("a value cannot be shown")]
    Text(String),
    /// An `agent_action` that is none.
    #[error(transparent)]
    Action(#[from] BadAction),
    /// Two parameters of an `agent_action` have names that look alike.
    #[error("two parameters look alike")]
    Alike,
    /// An `agent_action` beside other details.
    #[error("an agent_action beside others")]
    NotAlone,
}

/// Details that fit their types, and what is shown of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// As they were sent.
    pub details: Vec<Value>,
    /// What must be shown of them, in order.
    pub lines: Vec<Line>,
    /// The language of the lines.
    pub language: String,
}

impl Details {
    /// `type` of each.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.details.iter().filter_map(|detail| detail["type"].as_str())
    }
}

/// Reads the parameter of a form.
pub fn read(text: &str) -> Result<Vec<Value>, BadDetails> {
    json::from_slice_within(text.as_bytes(), MOST_BYTES).map_err(|_| BadDetails::Form)
}

/// RFC 9396 §6.1: of what was granted, what is asked for now. Each must be one of those granted, as it was sent then: whether
/// a detail allows more than another depends on its type, and nobody was asked about another one.
pub fn narrowed(mut granted: Vec<Value>, asked: Option<Vec<Value>>) -> Result<Vec<Value>, BadDetails> {
    let Some(asked) = asked else { return Ok(granted) };
    if asked.is_empty() {
        return Err(BadDetails::NotGranted);
    }
    // Two that are equal were granted twice, and whoever asks for one of them gets one.
    let take = |detail| granted.iter().position(|other| *other == detail).map(|at| granted.remove(at));
    asked.into_iter().map(take).collect::<Option<_>>().ok_or(BadDetails::NotGranted)
}

/// Judges the details of a request by the realm's types.
pub fn judge(types: &[DetailsType], details: Vec<Value>) -> Result<Details, BadDetails> {
    if !(1..=MOST_DETAILS).contains(&details.len()) {
        return Err(BadDetails::Form);
    }
    let (mut lines, mut language) = (Vec::new(), english());
    for (place, detail) in details.iter().enumerate() {
        let members = detail.as_object().ok_or(BadDetails::Form)?;
        let name = members.get("type").and_then(Value::as_str).ok_or(BadDetails::Form)?;
        let kind = types.iter().find(|kind| kind.name == name).ok_or(BadDetails::UnknownType)?;
        kind.judge(members)?;
        lines.extend(kind.lines(detail)?);
        if place == 0 {
            language.clone_from(&kind.language);
        }
    }
    Details { details, lines, language }.within_bounds()
}

impl Details {
    /// Refuses what is too long to be kept with a prompt, as JSON or as shown.
    pub(super) fn within_bounds(self) -> Result<Self, BadDetails> {
        let shown: usize = self.lines.iter().map(|line| line.label.len() + line.value.len()).sum();
        let sent = Value::from(self.details.clone()).to_string().len();
        if shown.max(sent) > MOST_BYTES { Err(BadDetails::Form) } else { Ok(self) }
    }
}

impl DetailsType {
    fn judge(&self, members: &Map<String, Value>) -> Result<(), BadDetails> {
        let others: Map<_, _> = members.clone().into_iter().filter(|(name, _)| name != "type").collect();
        self.schema.judge(&Value::from(others), "")
    }

    fn lines(&self, detail: &Value) -> Result<Vec<Line>, BadDetails> {
        let mut lines = vec![Line::new(&self.title.label, &self.title.value)];
        for shown in &self.display {
            // What need not be there and is not has no line.
            let Some(value) = detail.pointer(&shown.path) else { continue };
            let value = shown.format.written(value).ok_or_else(|| BadDetails::Member(shown.path.clone()))?;
            text::check(Kind::DetailValue, &value).map_err(|_| BadDetails::Text(shown.path.clone()))?;
            lines.push(Line::new(&shown.label, value));
        }
        Ok(lines)
    }

    /// What is wrong with a type of the settings, in words.
    fn flaw(&self) -> Option<String> {
        let name = &self.name;
        let is_name = (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            return Some("a type is not 1 to 100 printable ASCII characters".to_owned());
        }
        if !matches!(self.schema, Schema::Object { .. }) {
            return Some(format!("the schema of {name} must be an object"));
        }
        if self.display.is_empty() || self.display.len() > MOST_LINES {
            return Some(format!("{name} must have 1 to {MOST_LINES} lines of display"));
        }
        let labels = self.display.iter().map(|shown| &shown.label);
        let unshowable = |label: &&String| text::check(Kind::DetailValue, label).is_err();
        if let Some(label) = labels.chain([&self.title.label, &self.title.value]).find(unshowable) {
            return Some(format!("{name} has a label that cannot be shown: {label:?}"));
        }
        let mut leaves = Vec::new();
        self.schema.leaves("", &mut leaves);
        let shows = |leaf: &String| self.display.iter().any(|shown| shown.covers(leaf));
        if let Some(hidden) = leaves.iter().find(|leaf| !shows(leaf)) {
            return Some(format!("{name} shows nothing of {hidden}"));
        }
        let dangling = self.display.iter().find(|shown| !leaves.iter().any(|leaf| shown.covers(leaf)));
        dangling.map(|shown| format!("{name} shows {}, which its schema does not have", shown.path))
    }
}

/// What is wrong with a realm's types, in words.
pub fn check_types(types: &[DetailsType]) -> Result<(), String> {
    if types.len() > MOST_TYPES {
        return Err(format!("there are more than {MOST_TYPES} types"));
    }
    if let Some(flaw) = types.iter().find_map(DetailsType::flaw) {
        return Err(flaw);
    }
    let twice =
        types.iter().enumerate().find(|(place, kind)| types[..*place].iter().any(|other| other.name == kind.name));
    twice.map_or(Ok(()), |(_, kind)| Err(format!("{} stands there twice", kind.name)))
}

impl Shown {
    /// Whether the value at this place is part of the line.
    fn covers(&self, leaf: &str) -> bool {
        match self.format {
            Format::Plain => self.path == leaf,
            Format::Amount => {
                let member = leaf.strip_prefix(&self.path).unwrap_or_default();
                member == "/amount" || member == "/currency"
            }
        }
    }
}

impl Format {
    fn written(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Plain, Value::String(text)) => Some(text.clone()),
            (Self::Plain, Value::Number(number)) => Some(number.to_string()),
            (Self::Plain, Value::Array(items)) => {
                items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|items| items.join(", "))
            }
            (Self::Amount, Value::Object(members)) => {
                let amount = members.get("amount").and_then(|amount| Self::Plain.written(amount))?;
                Some(format!("{amount} {}", members.get("currency")?.as_str()?))
            }
            _ => None,
        }
    }
}

impl Schema {
    fn judge(&self, value: &Value, at: &str) -> Result<(), BadDetails> {
        let fits = match (self, value) {
            (Self::Object { properties, required }, Value::Object(members)) => {
                if let Some(missing) = required.iter().find(|name| !members.contains_key(*name)) {
                    return Err(BadDetails::Member(format!("{at}/{missing}")));
                }
                for (name, value) in members {
                    let at = format!("{at}/{name}");
                    properties.get(name).ok_or_else(|| BadDetails::Member(at.clone()))?.judge(value, &at)?;
                }
                true
            }
            (Self::String { max_length, allowed }, Value::String(text)) => {
                (1..=*max_length).contains(&text.chars().count()) && (allowed.is_empty() || allowed.contains(text))
            }
            (Self::Integer { minimum, maximum }, Value::Number(number)) => number.as_i64().is_some_and(|number| {
                minimum.is_none_or(|least| number >= least) && maximum.is_none_or(|most| number <= most)
            }),
            (Self::Array { items, max_items }, Value::Array(list)) => {
                for (place, item) in list.iter().enumerate() {
                    items.judge(item, &format!("{at}/{place}"))?;
                }
                (1..=*max_items).contains(&list.len())
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(BadDetails::Member(at.to_owned())) }
    }

    /// Where its values are.
    fn leaves(&self, at: &str, found: &mut Vec<String>) {
        match self {
            Self::Object { properties, .. } => {
                for (name, schema) in properties {
                    schema.leaves(&format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Self::String { .. } | Self::Integer { .. } | Self::Array { .. } => found.push(at.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payment() -> DetailsType {
        let kind = json!({
            "type": "payment_initiation",
            "title": { "label": "What", "value": "Payment" },
            "schema": {
                "type": "object",
                "required": ["amount", "creditor"],
                "properties": {
                    "amount": {
                        "type": "object",
                        "required": ["amount", "currency"],
                        "properties": {
                            "amount": { "type": "string", "maxLength": 12 },
                            "currency": { "type": "string", "enum": ["EUR", "USD"] },
                        },
                    },
                    "creditor": { "type": "string", "maxLength": 40 },
                    "days": { "type": "integer", "minimum": 0, "maximum": 30 },
                    "actions": { "type": "array", "items": { "type": "string" }, "maxItems": 2 },
                },
            },
            "display": [
                { "label": "Amount", "path": "/amount", "format": "amount" },
                { "label": "To", "path": "/creditor" },
                { "label": "Within days", "path": "/days" },
                { "label": "Actions", "path": "/actions" },
            ],
        });
        serde_json::from_value(kind).expect("a type")
    }

    fn detail() -> Value {
        json!({ "type": "payment_initiation", "amount": { "amount": "12.50", "currency": "EUR" }, "creditor": "Corner Shop" })
    }

    fn judged(details: Value) -> Result<Details, BadDetails> {
        let Value::Array(details) = details else { panic!("a list") };
        judge(&[payment()], details)
    }

    /// What becomes of a detail in which one member is another.
    fn with(member: &str, value: Value) -> Result<Details, BadDetails> {
        let mut detail = detail();
        detail[member] = value;
        judged(json!([detail]))
    }

    #[test]
    fn a_detail_is_shown_as_its_type_wants_it() {
        let mut full = detail();
        full["days"] = json!(3);
        full["actions"] = json!(["initiate", "status"]);
        let shown = judged(json!([full, detail()])).expect("it fits");
        let lines: Vec<_> = shown.lines.iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
        let first =
            ["What: Payment", "Amount: 12.50 EUR", "To: Corner Shop", "Within days: 3", "Actions: initiate, status"];
        assert_eq!(lines[..5], first);
        assert_eq!(lines[5..], first[..3], "what is not there has no line");
        assert_eq!(shown.language, "en");
    }

    #[test]
    fn what_the_type_does_not_have_is_refused_and_so_is_what_does_not_fit() {
        let member = |at: &str| Err(BadDetails::Member(at.to_owned()));
        assert_eq!(judged(json!([{ "type": "other" }])), Err(BadDetails::UnknownType));
        assert_eq!(with("note", json!("hidden")), member("/note"));
        assert_eq!(with("amount", json!({ "amount": "1", "currency": "EUR", "more": 1 })), member("/amount/more"));
        assert_eq!(with("amount", json!({ "amount": "1" })), member("/amount/currency"));
        assert_eq!(with("amount", json!({ "amount": "1", "currency": "XXX" })), member("/amount/currency"));
        assert_eq!(with("creditor", json!("x".repeat(41))), member("/creditor"));
        assert_eq!(with("creditor", json!("")), member("/creditor"));
        assert_eq!(with("creditor", json!(1)), member("/creditor"));
        assert_eq!(with("creditor", json!(null)), member("/creditor"));
        for days in [json!(-1), json!(31), json!(1.5), json!("3")] {
            assert_eq!(with("days", days), member("/days"));
        }
        assert_eq!(with("actions", json!(["a", "b", "c"])), member("/actions"));
        assert_eq!(with("actions", json!([1])), member("/actions/0"));
        assert_eq!(with("creditor", json!("Shop\u{202e}")), Err(BadDetails::Text("/creditor".to_owned())));
        assert_eq!(with("creditor", json!("a\nb")), Err(BadDetails::Text("/creditor".to_owned())));
    }

    #[test]
    fn the_form_and_the_size_of_all_together_are_bounded() {
        assert_eq!(judged(json!([])), Err(BadDetails::Form));
        assert_eq!(judged(json!(["x"])), Err(BadDetails::Form));
        assert_eq!(judged(json!([{ "creditor": "x" }])), Err(BadDetails::Form));
        assert!(judged(Value::from(vec![detail(); 8])).is_ok());
        assert_eq!(judged(Value::from(vec![detail(); 9])), Err(BadDetails::Form));
        let long = json!({ "type": "payment_initiation", "amount": { "amount": "1", "currency": "EUR" }, "creditor": "ü".repeat(40), "actions": ["ü".repeat(200)] });
        assert_eq!(judged(Value::from(vec![long; 4])), Err(BadDetails::Form));
    }

    #[test]
    fn a_type_that_hides_something_or_uses_an_unknown_keyword_is_an_error_of_the_settings() {
        assert_eq!(check_types(&[payment()]), Ok(()));
        let mut hiding = payment();
        hiding.display.remove(1);
        assert_eq!(check_types(&[hiding]), Err("payment_initiation shows nothing of /creditor".to_owned()));
        let mut dangling = payment();
        dangling.display[1].path = "/credito".to_owned();
        assert!(check_types(&[dangling]).is_err());
        let mut unshowable = payment();
        unshowable.title.value = "<b>Payment".to_owned();
        assert!(check_types(&[unshowable]).is_err());
        assert_eq!(check_types(&[payment(), payment()]), Err("payment_initiation stands there twice".to_owned()));
        let pattern = json!({ "type": "string", "pattern": "[0-9]+" });
        assert!(serde_json::from_value::<Schema>(pattern).is_err(), "a keyword that would not hold");
    }
}
