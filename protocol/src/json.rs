//! JSON as this protocol wants it (RFC 8259, stricter): one value, valid UTF-8, no duplicate members at any level (not
//! even of members that nobody reads), nothing behind the value, bounded size and nesting.
//!
//! Two parsers that disagree on a duplicate member disagree on what was signed; so no message with one is read at all.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::{MAX_MESSAGE_BYTES, MAX_NESTING};

/// Why bytes were refused. Says where, never what stood there: the text may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than allowed.
    #[error("JSON larger than {max} bytes")]
    TooLarge {
        /// How many are allowed.
        max: usize,
    },
    /// Not UTF-8.
    #[error("JSON is not UTF-8")]
    NotUtf8,
    /// Not one JSON value: broken syntax, a number or a string that cannot be represented, or anything behind the value.
    #[error("not one JSON value (line {line}, column {column})")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// An object names a member twice.
    #[error("JSON object with a duplicate member")]
    DuplicateMember,
    /// Nested deeper than [`MAX_NESTING`].
    #[error("JSON nested deeper than {MAX_NESTING} levels")]
    TooDeep,
    /// Sound JSON, but not the members that this message has.
    #[error("JSON without the expected members (line {line}, column {column})")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes: where the reader noticed; for a missing member, the end of its object.
        column: usize,
    },
}

/// Reads a message of at most [`MAX_MESSAGE_BYTES`].
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    from_slice_within(bytes, MAX_MESSAGE_BYTES)
}

/// Reads a value of at most `max_bytes`.
pub fn from_slice_within<'a, T: Deserialize<'a>>(bytes: &'a [u8], max_bytes: usize) -> Result<T, JsonError> {
    if bytes.len() > max_bytes {
        return Err(JsonError::TooLarge { max: max_bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    check(text)?;
    serde_json::from_str(text).map_err(|error| classify(&error))
}

/// The rules that serde does not know, over the whole text; builds nothing.
fn check(text: &str) -> Result<(), JsonError> {
    let broken = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict { depth: 0, broken: &broken }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| broken.take().unwrap_or_else(|| classify(&error)))
}

fn classify(error: &serde_json::Error) -> JsonError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Data => JsonError::Shape { line, column },
        Category::Syntax | Category::Eof | Category::Io => JsonError::Syntax { line, column },
    }
}

/// Walks one value. What it finds goes to `broken`, because serde's errors carry only text.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    broken: &'a Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn refuse<E: de::Error>(self, reason: JsonError) -> E {
        let error = E::custom(&reason);
        self.broken.set(Some(reason));
        error
    }

    fn inside<E: de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_NESTING { Err(self.refuse(JsonError::TooDeep)) } else { Ok(Self { depth, ..self }) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut names = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            names.push(name);
            members.next_value_seed(inside)?;
        }
        // Sorted, because comparing every pair would let 16 KiB of tiny members cost millions of comparisons.
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.refuse(JsonError::DuplicateMember));
        }
        Ok(())
    }
}

/// A member's name with its escapes resolved, borrowed where it has none.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrowing)
    }
}

/// Writes a message or a header.
pub(crate) fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("messages are maps with string keys")
}

/// For optional members where `null` is not another way to leave them out: present means a value.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
