//! Resource indicators (RFC 8707): at which protected resources an access token may be used.

use protocol::text::{self, Kind};
use url::Url;

/// A request names at most so many, each of at most so many characters.
pub const MOST: usize = 8;
const LONGEST: usize = 255;

/// RFC 8707 §2: an absolute URI without a fragment; and one of which phones can show all that tells it from others: a name,
/// or a place under https.
#[must_use]
pub fn is_one(text: &str) -> bool {
    let fits = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_absolute = Url::parse(text).is_ok_and(|uri| uri.fragment().is_none() && is_plain(&uri));
    fits && is_absolute && text::check(Kind::DetailValue, &shown(text)).is_ok()
}

fn is_plain(uri: &Url) -> bool {
    let has_user = !uri.username().is_empty() || uri.password().is_some();
    uri.cannot_be_a_base() || uri.scheme() == "https" && !has_user
}

/// Each once, in the order in which they were named.
#[must_use]
pub fn once(named: Vec<String>) -> Vec<String> {
    named.into_iter().fold(Vec::new(), |mut once, uri| {
        if !once.contains(&uri) {
            once.push(uri);
        }
        once
    })
}

/// How it is shown on a phone, where no text may be a link: `api.example.com /accounts`.
#[must_use]
pub fn shown(uri: &str) -> String {
    let Ok(parsed) = Url::parse(uri) else { return uri.to_owned() };
    let Some(host) = parsed.host_str() else { return uri.to_owned() };
    let port = parsed.port().map(|port| format!(" port {port}")).unwrap_or_default();
    let query = parsed.query().map(|query| format!(" ?{query}")).unwrap_or_default();
    let path = if parsed.path() == "/" { "" } else { parsed.path() };
    let path = if path.is_empty() { String::new() } else { format!(" {path}") };
    format!("{host}{port}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_fragment() {
        for good in ["https://api.example.com", "https://api.example.com:8443/a?b=c", "urn:example:api"] {
            assert!(is_one(good), "{good}");
        }
        let long = format!("https://api.example.com/{}", "a".repeat(240));
        for bad in [
            "",
            "api",
            "/api",
            "api.example.com/a",
            "https://",
            "https://api.example/#x",
            "https://é.example",
            &long,
            "http://api.example",
            "https://user@api.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(!is_one(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_no_link() {
        assert_eq!(shown("https://api.example.com"), "api.example.com");
        assert_eq!(shown("https://api.example.com:8443/accounts?x=1"), "api.example.com port 8443 /accounts ?x=1");
        assert_eq!(shown("urn:example:api"), "urn:example:api");
    }
}
