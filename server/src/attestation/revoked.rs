//! Google's list of revoked attestation certificates, as `https://android.googleapis.com/attestation/status` gives it to
//! the operator: `{"entries": {"<serial in hexadecimal>": {"status": "REVOKED", …}}}`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Serial numbers of certificates that are not believed any more. What stands in the list is out, whether for good or only
/// suspended.
#[derive(Debug, Default)]
pub struct Revoked {
    /// In small hexadecimal letters, without leading zeros.
    serials: BTreeSet<String>,
}

/// Why a text is no such list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadList {
    /// No JSON object with an object `entries`.
    #[error("is no status list: a JSON object with an object `entries`")]
    NoList,
    /// This serial number is none.
    #[error("has an entry that is no serial number in hexadecimal: {0:?}")]
    BadSerial(String),
}

#[derive(Deserialize)]
struct List {
    entries: Map<String, Value>,
}

impl Revoked {
    /// Reads the list. An entry that cannot be read would let a certificate pass, so there may be none.
    pub fn parse(text: &[u8]) -> Result<Self, BadList> {
        let list: List = serde_json::from_slice(text).map_err(|_| BadList::NoList)?;
        let serials = list.entries.into_iter().map(|(serial, _)| {
            let is_number = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_number { Ok(plain(&serial)) } else { Err(BadList::BadSerial(serial)) }
        });
        Ok(Self { serials: serials.collect::<Result<_, _>>()? })
    }

    /// Whether the list names this serial number, given as an unsigned big-endian number.
    #[must_use]
    pub fn names(&self, serial: &[u8]) -> bool {
        use std::fmt::Write as _;
        let mut text = String::new();
        for byte in serial {
            write!(text, "{byte:02x}").expect("a text takes everything");
        }
        self.serials.contains(&plain(&text))
    }
}

fn plain(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_names_is_revoked_however_it_is_spelled() {
        let list = br#"{"entries":{"2c8cdddfd5e03bfc":{"status":"REVOKED","reason":"KEY_COMPROMISE"},"0A1":{"status":"SUSPENDED"}}}"#;
        let revoked = Revoked::parse(list).unwrap();
        assert!(revoked.names(&[0x2c, 0x8c, 0xdd, 0xdf, 0xd5, 0xe0, 0x3b, 0xfc]));
        assert!(revoked.names(&[0x0a, 0x01]) == revoked.names(&[0xa0, 0x10]), "neither is 0xa1");
        assert!(revoked.names(&[0xa1]) && revoked.names(&[0, 0xa1]));
        assert!(!revoked.names(&[1]));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused() {
        for text in [&b""[..], b"[]", b"{}", br#"{"entries":[]}"#] {
            assert_eq!(Revoked::parse(text).unwrap_err(), BadList::NoList);
        }
        for serial in ["", "0x1", "12 34"] {
            let text = format!(r#"{{"entries":{{"{serial}":{{}}}}}}"#);
            assert_eq!(Revoked::parse(text.as_bytes()).unwrap_err(), BadList::BadSerial(serial.to_owned()));
        }
    }
}
