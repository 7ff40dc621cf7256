//! URLs that others wrote, read as RFC 3986 spells them.

use url::Url;

/// A URL may be so long, in bytes.
pub const LONGEST: usize = 2_048;

/// An absolute URL (§4.3) of visible ASCII, with an authority. The parser alone forgives blanks, backslashes and missing
/// slashes as browsers do, and others read such texts otherwise.
#[must_use]
pub fn read(text: &str) -> Option<Url> {
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let (_, rest) = text.split_once("://")?;
    if plain && !rest.starts_with('/') { Url::parse(text).ok() } else { None }
}
