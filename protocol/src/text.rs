//! What text may be shown to a user who is about to approve something. The server refuses at the door what breaks these
//! rules; the phone checks again and refuses to render. Nobody strips: two ends that strip differently show two texts.
//!
//! - **One line, NFC**, not blank, at most as many code points as its [`Kind`] allows.
//! - **Nothing invisible or reordering**: no control, format, bidi-control, tag, private-use, unassigned or
//!   default-ignorable character, and no blank Braille pattern (U+2800). Two exceptions, where writing needs them:
//!   - U+200C and U+200D between letters of joining scripts: after a virama and before a letter, or between two letters
//!     that join (the contexts of RFC 5892 A.1 and A.2, both for either character). Emoji built with U+200D are refused:
//!     their meaning depends on the phone's font.
//!   - U+FE0E and U+FE0F directly after a character that has an emoji form.
//! - **No piles**: at most four nonspacing marks in a row (UTS #39 §5.4), and none to begin with. More of them are drawn over
//!   the lines above and below.
//! - **No markup**: `<` where an HTML parser would begin a tag (before a letter, `/`, `!` or `?`), and character
//!   references (`&amp;`, `&#38;`). `1 < 2`, `<3` and `Q&A` are text.
//! - **No URLs**: anything with `://`; `www.` and a name; `mailto:`, `tel:` and the like directly before a value; a
//!   domain name with a port, path, query or fragment behind it. A domain alone is a name (`Booking.com`), and so is a
//!   mail address.
//!
//! The properties of characters are those of one version of Unicode, [`UNICODE_VERSION`].

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BidiControl, CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, GeneralCategory, GeneralCategoryGroup,
    JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The version of Unicode that text is judged by; phones advertise it as a capability.
pub const UNICODE_VERSION: &str = "18.0.0";

/// What a text is, which decides how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The text shown on both devices.
    BindingMessage,
    /// A relying party's name.
    ClientName,
    /// A line that the relying party says of its own.
    Context,
    /// A label or value taken from `authorization_details`.
    DetailValue,
    /// The user's name for a phone, and what it says of its model and system.
    DeviceName,
}

impl Kind {
    /// The greatest number of code points.
    #[must_use]
    pub const fn max_code_points(self) -> usize {
        match self {
            Self::BindingMessage | Self::Context => 100,
            Self::ClientName | Self::DeviceName => 60,
            Self::DetailValue => 200,
        }
    }
}

/// Which rule a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TextError {
    /// More code points than its kind allows.
    #[error("longer than {max} code points")]
    TooLong {
        /// How many are allowed.
        max: usize,
    },
    /// Empty, or nothing but white space.
    #[error("blank")]
    Blank,
    /// Not in normalisation form C.
    #[error("not in Unicode normalisation form C")]
    NotNormalised,
    /// A line or paragraph break.
    #[error("more than one line")]
    LineBreak,
    /// Any other control character.
    #[error("a control character")]
    Control,
    /// A character that changes the direction of others.
    #[error("a bidirectional control character")]
    BidiControl,
    /// A tag character (U+E0000 to U+E007F).
    #[error("a tag character")]
    Tag,
    /// A private-use character, which every font shows differently.
    #[error("a private-use character")]
    PrivateUse,
    /// A code point without a character in [`UNICODE_VERSION`].
    #[error("a code point that Unicode {UNICODE_VERSION} does not assign")]
    Unassigned,
    /// U+200C or U+200D outside joining scripts.
    #[error("a joiner that joins nothing")]
    Joiner,
    /// Any other character that shows nothing of its own.
    #[error("an invisible character")]
    Invisible,
    /// A nonspacing mark that stands first, or after four others.
    #[error("a pile of nonspacing marks")]
    Marks,
    /// An HTML tag or character reference.
    #[error("markup")]
    Markup,
    /// A URL, or what readers of text turn into a link.
    #[error("a URL")]
    Url,
}

/// Judges a text; the first broken rule in the order of [`TextError`].
pub fn check(kind: Kind, text: &str) -> Result<(), TextError> {
    let max = kind.max_code_points();
    if text.chars().nth(max).is_some() {
        return Err(TextError::TooLong { max });
    }
    if text.trim().is_empty() {
        return Err(TextError::Blank);
    }
    if !ComposingNormalizerBorrowed::new_nfc().is_normalized(text) {
        return Err(TextError::NotNormalised);
    }
    let characters: Vec<char> = text.chars().collect();
    for at in 0..characters.len() {
        character(&characters, at)?;
    }
    if has_markup(&characters) {
        return Err(TextError::Markup);
    }
    if has_url(text) {
        return Err(TextError::Url);
    }
    Ok(())
}

/// A symbol by its properties, and a space to the eye.
const BLANK_BRAILLE: char = '\u{2800}';

fn character(text: &[char], at: usize) -> Result<(), TextError> {
    use GeneralCategory as Category;
    let found = text[at];
    if found.is_ascii_graphic() || found == ' ' {
        return Ok(());
    }
    match found {
        '\u{200C}' | '\u{200D}' => {
            return if joins(text, at) { Ok(()) } else { Err(TextError::Joiner) };
        }
        '\u{FE0E}' | '\u{FE0F}' => {
            return if follows_emoji(text, at) { Ok(()) } else { Err(TextError::Invisible) };
        }
        '\u{E0000}'..='\u{E007F}' => return Err(TextError::Tag),
        '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' => return Err(TextError::LineBreak),
        BLANK_BRAILLE => return Err(TextError::Invisible),
        _ => {}
    }
    if CodePointSetData::new::<BidiControl>().contains(found) {
        return Err(TextError::BidiControl);
    }
    match CodePointMapData::<Category>::new().get(found) {
        Category::LineSeparator | Category::ParagraphSeparator => Err(TextError::LineBreak),
        Category::Control => Err(TextError::Control),
        Category::PrivateUse => Err(TextError::PrivateUse),
        Category::Unassigned | Category::Surrogate => Err(TextError::Unassigned),
        Category::Format => Err(TextError::Invisible),
        _ if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(found) => Err(TextError::Invisible),
        _ if is_mark(found) && text[..at].iter().rev().take(MOST_MARKS).all(|before| is_mark(*before)) => {
            Err(TextError::Marks)
        }
        _ => Ok(()),
    }
}

/// In a row (UTS #39 §5.4). No language writes more.
const MOST_MARKS: usize = 4;

fn is_mark(found: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark};
    matches!(CodePointMapData::<GeneralCategory>::new().get(found), NonspacingMark | EnclosingMark)
}

/// Whether the joiner at `at` stands where a joining script uses one.
fn joins(text: &[char], at: usize) -> bool {
    let (before, after) = (&text[..at], &text[at + 1..]);
    let (Some(&previous), Some(&next)) = (before.last(), after.first()) else {
        return false;
    };
    if CodePointMapData::<CanonicalCombiningClass>::new().get(previous) == CanonicalCombiningClass::Virama {
        return GeneralCategoryGroup::Letter.contains(CodePointMapData::<GeneralCategory>::new().get(next));
    }
    let types = CodePointMapData::<JoiningType>::new();
    let joining = |characters: &mut dyn Iterator<Item = &char>| {
        characters.map(|found| types.get(*found)).find(|found| *found != JoiningType::Transparent)
    };
    matches!(joining(&mut before.iter().rev()), Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(joining(&mut after.iter()), Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

fn follows_emoji(text: &[char], at: usize) -> bool {
    text[..at].last().is_some_and(|previous| CodePointSetData::new::<Emoji>().contains(*previous))
}

fn has_markup(text: &[char]) -> bool {
    text.iter().enumerate().any(|(at, found)| match found {
        '<' => text.get(at + 1).is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?')),
        '&' => is_reference(&text[at + 1..]),
        _ => false,
    })
}

/// Whether a character reference follows `&`: a name of two letters or more, or `#` and a number, and then `;`.
fn is_reference(after: &[char]) -> bool {
    let name = after.split(|found| *found == ';').next().unwrap_or_default();
    if name.len() == after.len() {
        return false;
    }
    match name {
        ['#', 'x' | 'X', digits @ ..] => !digits.is_empty() && digits.iter().all(char::is_ascii_hexdigit),
        ['#', digits @ ..] => !digits.is_empty() && digits.iter().all(char::is_ascii_digit),
        [first, _, ..] => first.is_ascii_alphabetic() && name.iter().all(char::is_ascii_alphanumeric),
        _ => false,
    }
}

/// Schemes that need no `//` to be followed.
const PLAIN_SCHEMES: [&str; 10] =
    ["http", "https", "ftp", "mailto", "tel", "sms", "javascript", "data", "intent", "market"];

fn has_url(text: &str) -> bool {
    text.contains("://") || has_plain_scheme(text) || has_www(text) || has_domain_with_more(text)
}

fn has_plain_scheme(text: &str) -> bool {
    text.match_indices(':').any(|(colon, _)| {
        let scheme = text[..colon].rsplit(|found: char| !found.is_ascii_alphanumeric()).next().unwrap_or_default();
        PLAIN_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
            && text[colon + 1..].starts_with(|next: char| !next.is_whitespace())
    })
}

fn has_www(text: &str) -> bool {
    hosts(text).any(|(host, _)| {
        let (head, rest) = host.split_at_checked(4).unwrap_or_default();
        head.eq_ignore_ascii_case("www.") && rest.starts_with(is_letter_or_digit)
    })
}

fn has_domain_with_more(text: &str) -> bool {
    hosts(text).any(|(host, more)| is_domain(host) && continues_as_url(more))
}

/// Every run of characters that host names are made of, with what follows it.
fn hosts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let in_host = |found: char| is_letter_or_digit(found) || matches!(found, '-' | '.' | '_');
        rest = rest.trim_start_matches(|found| !in_host(found));
        let end = rest.find(|found| !in_host(found)).unwrap_or(rest.len());
        let (host, more) = rest.split_at(end);
        rest = more;
        (!host.is_empty()).then_some((host, more))
    })
}

/// Two labels or more, the last one of two letters or more, or punycode: `12.50` is no domain.
fn is_domain(host: &str) -> bool {
    let Some((above, top)) = host.trim_end_matches('.').rsplit_once('.') else { return false };
    let letters = top.chars().all(is_letter) && top.chars().nth(1).is_some();
    let punycode = top.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--"));
    (letters || punycode) && above.contains(is_letter_or_digit)
}

/// A letter, taken widely: beyond ASCII everything that shows something, whatever the version of Unicode.
fn is_letter(found: char) -> bool {
    found.is_ascii_alphabetic() || !(found.is_ascii() || found.is_whitespace())
}

fn is_letter_or_digit(found: char) -> bool {
    is_letter(found) || found.is_ascii_digit()
}

/// Whether a port, path, query or fragment follows a host.
fn continues_as_url(more: &str) -> bool {
    let mut characters = more.chars();
    match (characters.next(), characters.next()) {
        (Some('/' | '\\'), _) => true,
        (Some(':'), Some(next)) => next.is_ascii_digit(),
        (Some('?' | '#'), Some(next)) => is_letter_or_digit(next),
        _ => false,
    }
}
