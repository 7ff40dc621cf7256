//! What must be shown: an ordered list of labelled lines. The phone signs the digest of the lines it handed to the app.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// One line of a prompt: a label and a value, both plain text of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What the value is, in the prompt's language.
    pub label: String,
    /// The text itself.
    pub value: String,
}

impl Line {
    /// A line of label and value.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// `dh` of a decision: SHA-256("adp1-display" ‖ for each line: length of label, label, length of value, value), lengths
/// as 32-bit big-endian counts of UTF-8 bytes, so that no two lists of lines share an encoding.
#[must_use]
pub fn display_digest(lines: &[Line]) -> Digest {
    let mut bytes = Vec::new();
    for text in lines.iter().flat_map(|line| [&line.label, &line.value]) {
        bytes.extend_from_slice(&length(text).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    Digest::labelled("adp1-display", &[&bytes])
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).expect("a message is at most 16 KiB")
}
