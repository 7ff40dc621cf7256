//! Subjects: out of a certificate, and compared with a registered name (RFC 4517 §4.2.15 `distinguishedNameMatch`).

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::Any;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

use crate::domain::certificate::distinguished_name::{Attribute, AttributeValue, DistinguishedName, folded};

/// Reads a subject. `None` where its encoding does not hold what it says.
pub(super) fn read(name: &Name) -> Option<Vec<Vec<Attribute>>> {
    name.iter_rdn().map(|part| part.iter().map(attribute).collect()).collect()
}

/// The same number of parts in the same order, each with the same set of attributes.
pub(super) fn is(subject: &[Vec<Attribute>], name: &DistinguishedName) -> bool {
    let registered = name.parts();
    subject.len() == registered.len() && subject.iter().zip(registered).all(|(own, part)| is_same_set(own, part))
}

fn is_same_set(own: &[Attribute], registered: &[Attribute]) -> bool {
    let set = |part: &[Attribute]| {
        let mut part: Vec<_> = part.iter().map(|it| (it.kind.clone(), decoded(&it.value))).collect();
        part.sort_unstable();
        part
    };
    set(own) == set(registered)
}

/// A registered `#…` is compared by what it encodes: `CN=#0C0161` is `CN=a`.
fn decoded(registered: &AttributeValue) -> AttributeValue {
    match registered {
        AttributeValue::Der(der) => {
            Any::from_der(der).ok().and_then(|any| value(&any)).unwrap_or_else(|| registered.clone())
        }
        AttributeValue::Text(_) => registered.clone(),
    }
}

fn attribute(it: &AttributeTypeAndValue) -> Option<Attribute> {
    Some(Attribute { kind: it.oid.to_string(), value: value(&it.value)? })
}

fn value(any: &Any) -> Option<AttributeValue> {
    let bytes = any.value();
    let text = match any.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => String::from_utf8(bytes.to_vec()).ok()?,
        // Where it is still used, it holds Latin 1, whatever T.61 says.
        Tag::TeletexString => bytes.iter().copied().map(char::from).collect(),
        Tag::BmpString => utf16(bytes)?,
        _ => return any.to_der().ok().map(AttributeValue::Der),
    };
    Some(AttributeValue::Text(folded(&text)))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    String::from_utf16(&pairs.iter().copied().map(u16::from_be_bytes).collect::<Vec<_>>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Vec<Vec<Attribute>> {
        read(&text.parse().expect("a name")).expect("its encoding holds")
    }

    fn matches(own: &str, registered: &str) -> bool {
        is(&subject(own), &DistinguishedName::parse(registered).expect("a name"))
    }

    #[test]
    fn a_part_is_a_set_and_the_parts_are_a_sequence() {
        assert!(matches("OU=Sales+CN=Smith,DC=net", "CN=Smith+OU=Sales,DC=net"));
        assert!(!matches("OU=Sales+CN=Smith,DC=net", "CN=Smith,OU=Sales,DC=net"));
        assert!(!matches("OU=Sales+CN=Smith,DC=net", "CN=Smith,DC=net"));
        assert!(!matches("CN=Smith,DC=net", "CN=Smith+OU=Sales,DC=net"));
        assert!(!matches("CN=Smith,DC=net", "DC=net,CN=Smith"));
        assert!(matches("OU=a,OU=b", "OU=a,OU=b"));
        assert!(!matches("OU=a,OU=b", "OU=b,OU=a"));
    }

    #[test]
    fn a_value_without_characters_is_compared_as_it_is() {
        assert!(matches("2.5.4.45=#03020001", "2.5.4.45=#03020001"));
        assert!(!matches("2.5.4.45=#03020001", "2.5.4.45=#03020000"));
        assert!(matches("2.5.4.3=#130161", "CN=A"), "what is written in hexadecimal may have characters");
        assert!(!matches("2.5.4.3=#130161", "CN=#ffff"), "no encoding of anything");
    }
}
