//! What a binding message must look like: the rules for all text on phones, and a realm's own pattern beside them
//! (REQUIREMENTS G84, Q24).

use protocol::text::{self, Kind, TextError};
use regex::{Regex, RegexBuilder};

/// A compiled pattern larger than this many bytes is refused.
const LARGEST_PATTERN: usize = 256 * 1024;

/// Which rule a binding message breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBindingMessage {
    /// One for all text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The realm's.
    #[error("not of the realm's pattern")]
    Pattern,
}

/// A realm's pattern, compiled once. Matching takes time in proportion to the message's length, whatever the pattern.
#[derive(Debug, Clone)]
pub struct BindingPattern(Option<Regex>);

impl BindingPattern {
    /// Compiles a regular expression, to be matched whole. An error says what is wrong with it, in one line.
    pub fn compile(pattern: &str) -> Result<Self, String> {
        let compiled = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build();
        // Alone first: `a)|(b` is no pattern, though in the brackets below it would look like one.
        let whole = compiled(pattern).and_then(|_| compiled(&format!(r"\A(?:{pattern})\z")));
        match whole {
            Ok(regex) => Ok(Self(Some(regex))),
            Err(regex::Error::Syntax(text)) => {
                let last = text.lines().last().unwrap_or_default().trim_start_matches("error:").trim();
                Err(format!("is no regular expression: {last}"))
            }
            Err(_) => Err("is too large a regular expression".to_owned()),
        }
    }

    /// What no message matches: where a stored pattern turns out to be none, nothing is let through.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(None)
    }

    fn matches(&self, message: &str) -> bool {
        self.0.as_ref().is_some_and(|regex| regex.is_match(message))
    }
}

/// Judges a message.
pub fn check(message: &str, pattern: Option<&BindingPattern>) -> Result<(), BadBindingMessage> {
    text::check(Kind::BindingMessage, message)?;
    if pattern.is_none_or(|pattern| pattern.matches(message)) { Ok(()) } else { Err(BadBindingMessage::Pattern) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_must_match_the_pattern_whole() {
        let table = [
            ("[A-Za-z0-9]{4,8}", "sRj89xCg", true),
            ("[A-Za-z0-9]{4,8}", "abc", false),
            ("[A-Za-z0-9]{4,8}", "sRj89xCg!", false),
            ("[A-Za-z0-9]{4,8}", "sRj8 9xCg", false),
            ("a|ab", "ab", true),
            ("^\\w+$", "\u{fc}bung", true),
        ];
        for (pattern, message, fits) in table {
            let pattern = BindingPattern::compile(pattern).expect("a pattern");
            assert_eq!(check(message, Some(&pattern)).is_ok(), fits, "{pattern:?} {message}");
        }
    }

    #[test]
    fn the_rules_for_text_hold_whatever_the_pattern_says() {
        let anything = BindingPattern::compile("(?s).*").expect("a pattern");
        assert_eq!(check(&"w".repeat(101), Some(&anything)), Err(TextError::TooLong { max: 100 }.into()));
        assert_eq!(check("two\nlines", Some(&anything)), Err(TextError::LineBreak.into()));
    }

    #[test]
    fn without_a_pattern_only_the_rules_for_text_hold() {
        assert_eq!(check("Pay 12.50 EUR", None), Ok(()));
        assert!(check("", None).is_err());
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_one_line() {
        for pattern in ["(", "a)|(b", "[z-a]", "(?x) a #", "\\w{1000}{1000}{1000}"] {
            let why = BindingPattern::compile(pattern).expect_err("no pattern");
            assert!(!why.contains('\n') && why.starts_with("is "), "{pattern}: {why}");
        }
    }

    #[test]
    fn a_pattern_that_could_not_be_compiled_lets_nothing_through() {
        assert_eq!(check("abcd", Some(&BindingPattern::nothing())), Err(BadBindingMessage::Pattern));
    }
}
