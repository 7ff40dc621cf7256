//! Text that may be shown.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory as Icu;
use protocol::text::{Kind, TextError, UNICODE_VERSION, check};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::read;

#[derive(Deserialize)]
struct Case {
    kind: String,
    text: String,
    error: Option<String>,
}

fn kind(name: &str) -> Kind {
    match name {
        "binding_message" => Kind::BindingMessage,
        "client_name" => Kind::ClientName,
        "context" => Kind::Context,
        "detail_value" => Kind::DetailValue,
        "device_name" => Kind::DeviceName,
        other => panic!("no kind {other}"),
    }
}

fn reason(error: TextError) -> String {
    match error {
        TextError::TooLong { .. } => "TooLong".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn texts_are_judged_as_the_vectors_say() {
    let cases: Vec<Case> = read("text.json");
    assert!(cases.len() > 100);
    for Case { kind: name, text, error } in cases {
        assert_eq!(check(kind(&name), &text).err().map(reason), error, "{text:?}");
    }
}

/// Every reason stands in the vectors, so that another implementation meets all of them.
#[test]
fn every_reason_has_a_vector() {
    let cases: Vec<Case> = read("text.json");
    for reason in [
        "TooLong",
        "Blank",
        "NotNormalised",
        "LineBreak",
        "Control",
        "BidiControl",
        "Tag",
        "PrivateUse",
        "Unassigned",
        "Joiner",
        "Invisible",
        "Marks",
        "Markup",
        "Url",
    ] {
        assert!(cases.iter().any(|case| case.error.as_deref() == Some(reason)), "{reason}");
    }
}

/// Two independent sets of tables that name their version, against the tables that `check` uses: over every code point.
/// The other properties come from the same data crate as the categories.
#[test]
fn every_table_is_of_the_one_unicode_version() {
    let version = |(major, minor, update): (u64, u64, u64)| format!("{major}.{minor}.{update}");
    let (major, minor, update) = unicode_normalization::UNICODE_VERSION;
    assert_eq!(version((major.into(), minor.into(), update.into())), UNICODE_VERSION);
    assert_eq!(version(unicode_properties::UNICODE_VERSION), UNICODE_VERSION);

    let categories = CodePointMapData::<Icu>::new();
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    for code_point in '\0'..=char::MAX {
        let ours = categories.get(code_point) == Icu::Unassigned;
        let theirs = code_point.general_category() == GeneralCategory::Unassigned;
        assert_eq!(ours, theirs, "U+{:04X}", u32::from(code_point));
        let alone = code_point.to_string();
        assert_eq!(nfc.is_normalized(&alone), alone.nfc().eq([code_point]), "U+{:04X}", u32::from(code_point));
    }
}
