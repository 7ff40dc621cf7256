//! JSON as it is read, apart from any message.

use protocol::json::{JsonError, from_slice, from_slice_within};
use protocol::{MAX_MESSAGE_BYTES, MAX_NESTING, base64url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_reason;

#[derive(Deserialize)]
struct Vectors {
    accepted: Vec<Case>,
    refused: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    text: Option<String>,
    bytes: Option<String>,
    #[serde(default)]
    error: String,
}

impl Case {
    fn given(&self) -> Vec<u8> {
        match (&self.text, &self.bytes) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(bytes)) => base64url::decode(bytes).expect("base64url"),
            _ => panic!("{}: one of the two", self.name),
        }
    }
}

#[test]
fn json_is_read_or_refused_as_the_vectors_say() {
    let vectors: Vectors = super::read("json.json");
    for case in vectors.accepted {
        let value: Value = serde_json::from_slice(&case.given()).expect("JSON");
        assert_eq!(from_slice(&case.given()), Ok(value), "{}", case.name);
    }
    assert!(vectors.refused.len() > 30);
    for case in vectors.refused {
        let error = from_slice::<Value>(&case.given()).expect_err(&case.name);
        assert_eq!(json_reason(&error), case.error, "{}", case.name);
    }
}

fn read(text: &str) -> Result<Value, JsonError> {
    from_slice(text.as_bytes())
}

#[test]
fn plain_json_is_read() {
    for text in [r#"{"a":[1,-2,3.5,true,null,"é\u00e9"]}"#, " [ ] ", "0", r#""x""#, r#"{"a":{"b":1},"c":{"b":1}}"#] {
        assert_eq!(read(text).as_ref().ok(), serde_json::from_str(text).ok().as_ref(), "{text}");
    }
}

#[test]
fn a_message_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let fits = format!("\"{}\"", "x".repeat(MAX_MESSAGE_BYTES - 2));
    assert!(read(&fits).is_ok());
    assert_eq!(read(&format!("{fits} ")), Err(JsonError::TooLarge { max: MAX_MESSAGE_BYTES }));
    assert_eq!(from_slice_within::<Value>(b"[1]", 2), Err(JsonError::TooLarge { max: 2 }));
    assert_eq!(from_slice_within(format!("{fits} ").as_bytes(), 65536), Ok(json!("x".repeat(MAX_MESSAGE_BYTES - 2))));
}

#[test]
fn nesting_is_counted_in_arrays_and_objects() {
    let arrays = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mixed = |pairs: usize| format!("{}1{}", r#"{"a":["#.repeat(pairs), "]}".repeat(pairs));
    assert!(read(&arrays(MAX_NESTING)).is_ok());
    assert_eq!(read(&arrays(MAX_NESTING + 1)), Err(JsonError::TooDeep));
    assert!(read(&mixed(MAX_NESTING / 2)).is_ok());
    assert_eq!(read(&mixed(MAX_NESTING / 2 + 1)), Err(JsonError::TooDeep));
    assert!(read(&format!("[{}]", vec!["[]"; 1000].join(","))).is_ok(), "width is not depth");
}

#[test]
fn a_duplicate_member_is_refused_wherever_it_stands() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"":1,"":1}"#,
        r#"[{"x":{"y":1,"y":2}}]"#,
        r#"{"é":1,"\u00e9":1}"#,
    ] {
        assert_eq!(read(text), Err(JsonError::DuplicateMember), "{text}");
    }
    assert!(read(r#"{"a":1,"A":2,"é":3,"e\u0301":4}"#).is_ok(), "names are compared as they are");
    let thousands: Vec<String> = (0..4000).map(|name| format!("\"{name:x}\":0")).collect();
    let many = format!("{{{},\"0\":0}}", thousands.join(","));
    assert_eq!(from_slice_within::<Value>(many.as_bytes(), 65536), Err(JsonError::DuplicateMember));
}

#[test]
fn anything_but_one_value_is_refused() {
    for text in [
        "",
        " ",
        "1 2",
        "{}{}",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "nul",
        "+1",
        "01",
        "1.",
        "\"\u{1}\"",
        "\u{feff}1",
    ] {
        assert!(matches!(read(text), Err(JsonError::Syntax { .. })), "{text:?}");
    }
    assert_eq!(from_slice::<Value>(b"\"\xff\""), Err(JsonError::NotUtf8));
}

#[test]
fn a_reason_never_repeats_what_stood_there() {
    for text in [r#"{"secret":1,"secret":2}"#, r#"["secret" "secret"]"#, r#"{"device":"secret"}"#, r#"{"secret":true}"#]
    {
        let error = from_slice::<protocol::endpoints::NonceRequest>(text.as_bytes()).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn amounts_keep_their_value() {
    for text in [
        "123.5",
        "0.1",
        "1152921504606846976",
        "18446744073709551615",
        "-9223372036854775808",
        "1.7976931348623157e308",
    ] {
        let value = read(text).expect("a number");
        assert_eq!(value.to_string().parse::<f64>().ok(), text.parse::<f64>().ok(), "{text}");
    }
}
