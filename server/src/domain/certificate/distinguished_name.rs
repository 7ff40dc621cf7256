//! Distinguished names as text (RFC 4514), read into what can be compared.
//!
//! Taken beside the grammar: spaces around `,`, `+` and `=`, which many tools print. Not taken: quotes, `;` and the
//! `/C=…/O=…` of old tools.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A subject, as registered and as compared.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DistinguishedName {
    text: String,
    parts: Vec<Vec<Attribute>>,
}

/// One attribute of a relative distinguished name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its type, as a dotted object identifier.
    pub kind: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttributeValue {
    /// Characters, folded so that what RFC 4517 `caseIgnoreMatch` takes for equal is equal; see [`folded`].
    Text(String),
    /// The DER of something that has no characters; or, in a registered name, of anything (`#…`).
    Der(Vec<u8>),
}

/// Why a text is no distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDistinguishedName {
    /// An attribute has no `=`, or nothing after it.
    #[error("is no distinguished name (RFC 4514): an attribute has no value")]
    NoValue,
    /// Neither an object identifier nor one of the usual names.
    #[error("names an attribute type that is unknown here; write it as an object identifier")]
    UnknownType,
    /// A `\` that escapes nothing, `#` without bytes in hexadecimal, or a character that should be escaped.
    #[error("is no distinguished name (RFC 4514): a value is not escaped as it should be")]
    BadValue,
}

/// RFC 4514 §3 and RFC 4519, and what certificate authorities and their tools write besides.
const TYPES: [(&str, &str); 29] = [
    ("CN", "2.5.4.3"),
    ("COMMONNAME", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("COUNTRYNAME", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("T", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("INITIALS", "2.5.4.43"),
    ("DNQ", "2.5.4.46"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("E", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
    ("JURISDICTIONCOUNTRYNAME", "1.3.6.1.4.1.311.60.2.1.3"),
];

impl DistinguishedName {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, BadDistinguishedName> {
        // The text begins with what a certificate ends with (RFC 4514 §2.1).
        let parts = split(text, b',').into_iter().rev().map(relative).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its relative distinguished names in the order of a certificate, each a set of attributes; none is empty.
    #[must_use]
    pub fn parts(&self) -> &[Vec<Attribute>] {
        &self.parts
    }
}

/// Two names are one if they were written alike; whether they name the same subject is asked of a certificate.
impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for DistinguishedName {}

impl TryFrom<String> for DistinguishedName {
    type Error = BadDistinguishedName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<DistinguishedName> for String {
    fn from(name: DistinguishedName) -> Self {
        name.text
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Letters without case, each run of white space one space, none at either end: the preparation of RFC 4518 as far as
/// certificates need it. Characters that Unicode merely calls compatible stay apart.
#[must_use]
pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn relative(text: &str) -> Result<Vec<Attribute>, BadDistinguishedName> {
    split(text, b'+').into_iter().map(attribute).collect()
}

fn attribute(text: &str) -> Result<Attribute, BadDistinguishedName> {
    let (kind, value) = text.split_once('=').ok_or(BadDistinguishedName::NoValue)?;
    let value = value.trim_start_matches(' ');
    let value = match value.strip_prefix('#') {
        Some(hex) => AttributeValue::Der(from_hex(hex.trim_end_matches(' '))?),
        None => AttributeValue::Text(folded(&unescaped(value)?)),
    };
    match &value {
        AttributeValue::Text(text) if text.is_empty() => Err(BadDistinguishedName::NoValue),
        _ => Ok(Attribute { kind: object_identifier(kind.trim_matches(' '))?, value }),
    }
}

fn object_identifier(kind: &str) -> Result<String, BadDistinguishedName> {
    let dotted = kind.to_ascii_uppercase();
    let dotted = dotted.strip_prefix("OID.").unwrap_or(&dotted);
    let is_dotted = dotted.contains('.')
        && dotted.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()));
    if is_dotted {
        return Ok(dotted.to_owned());
    }
    let known = TYPES.iter().find(|(name, _)| *name == dotted);
    known.map(|(_, identifier)| (*identifier).to_owned()).ok_or(BadDistinguishedName::UnknownType)
}

/// Splits at a sign wherever no `\` stands before it. All signs are ASCII, so the parts are text again.
fn split(text: &str, sign: u8) -> Vec<&str> {
    let (mut parts, mut begin, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == sign && !escaped {
            parts.push(&text[begin..at]);
            begin = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    parts.push(&text[begin..]);
    parts
}

/// RFC 4514 §2.4: `\` before a special character, or before two hexadecimal digits for one byte of UTF-8.
fn unescaped(value: &str) -> Result<String, BadDistinguishedName> {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => match rest {
                [sign, after @ ..] if b" \"#+,;<=>\\".contains(sign) => {
                    bytes.push(*sign);
                    rest = after;
                }
                [high, low, after @ ..] => {
                    bytes.push(hex_byte(*high, *low)?);
                    rest = after;
                }
                _ => return Err(BadDistinguishedName::BadValue),
            },
            b'"' | b';' | b'<' | b'>' | 0 => return Err(BadDistinguishedName::BadValue),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| BadDistinguishedName::BadValue)
}

fn from_hex(text: &str) -> Result<Vec<u8>, BadDistinguishedName> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(BadDistinguishedName::BadValue);
    }
    pairs.iter().map(|[high, low]| hex_byte(*high, *low)).collect()
}

fn hex_byte(high: u8, low: u8) -> Result<u8, BadDistinguishedName> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (high, low) = digit(high).zip(digit(low)).ok_or(BadDistinguishedName::BadValue)?;
    Ok(high << 4 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Vec<(String, AttributeValue)>> {
        let parts = DistinguishedName::parse(text).unwrap().parts;
        parts.into_iter().map(|part| part.into_iter().map(|it| (it.kind, it.value)).collect()).collect()
    }

    fn plain(kind: &str, value: &str) -> (String, AttributeValue) {
        (kind.to_owned(), AttributeValue::Text(value.to_owned()))
    }

    #[test]
    fn examples_of_rfc_4514_are_read() {
        let (uid, dc) = ("0.9.2342.19200300.100.1.1", "0.9.2342.19200300.100.1.25");
        let example = || vec![vec![plain(dc, "net")], vec![plain(dc, "example")]];
        let of = |last: Vec<_>| [example(), vec![last]].concat();
        assert_eq!(read("UID=jsmith,DC=example,DC=net"), of(vec![plain(uid, "jsmith")]));
        let both = of(vec![plain("2.5.4.11", "sales"), plain("2.5.4.3", "j. smith")]);
        assert_eq!(read("OU=Sales+CN=J.  Smith,DC=example,DC=net"), both);
        let quoted = of(vec![plain("2.5.4.3", "james \"jim\" smith, iii")]);
        assert_eq!(read(r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#), quoted);
        assert_eq!(read(r"CN=Before\0dAfter,DC=example,DC=net"), of(vec![plain("2.5.4.3", "before after")]));
        let hex = AttributeValue::Der(vec![4, 2, 0x48, 0x69]);
        assert_eq!(read("1.3.6.1.4.1.1466.0=#04024869"), [[("1.3.6.1.4.1.1466.0".to_owned(), hex)]]);
        assert_eq!(read(r"CN=Lu\C4\8Di\C4\87"), [[plain("2.5.4.3", "lučić")]]);
    }

    #[test]
    fn one_name_has_many_spellings() {
        let spelled = read("CN=Corner Shop,O=ACME");
        for other in [
            "cn=corner shop,o=acme",
            " CN = Corner  Shop , O = Acme ",
            "2.5.4.3=Corner Shop,OID.2.5.4.10=ACME",
            r"commonName=Corner\ Shop,o=\41CME",
        ] {
            assert_eq!(read(other), spelled, "{other}");
        }
        for other in ["O=ACME,CN=Corner Shop", "CN=CornerShop,O=ACME", "CN=Corner Shop+O=ACME", "CN=Corner Shop"] {
            assert_ne!(read(other), spelled, "{other}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use BadDistinguishedName::{BadValue, NoValue, UnknownType};
        for (text, why) in [
            ("", NoValue),
            (" ", NoValue),
            ("CN", NoValue),
            ("CN=", NoValue),
            (r"CN=\ ", NoValue),
            ("CN=a,", NoValue),
            ("CN=a,,O=b", NoValue),
            ("CN=a+", NoValue),
            ("=a", UnknownType),
            ("/C=DE/CN=a", UnknownType),
            ("XX=a", UnknownType),
            ("2.5..3=a", UnknownType),
            ("CN=#", BadValue),
            ("CN=#0", BadValue),
            ("CN=#0g", BadValue),
            (r"CN=a\", BadValue),
            (r"CN=a\g", BadValue),
            (r"CN=a\FF", BadValue),
            ("CN=\"a\"", BadValue),
            ("CN=a;O=b", BadValue),
        ] {
            assert_eq!(DistinguishedName::parse(text), Err(why), "{text:?}");
        }
    }
}
