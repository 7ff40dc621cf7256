//! Where a call goes, and who chose that: parsed once, so that nobody below can forget to ask.

use std::fmt;

use thiserror::Error;
use url::{Host, Url};

use crate::domain::uri::{self, LONGEST};

/// A URL that may be called as far as its text can tell. Where a stranger chose it, the client also judges the
/// addresses that it leads to. Never printed: the path may be a capability.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
    chosen_by: ChosenBy,
}

/// Who wrote a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChosenBy {
    /// Whoever writes the settings file: they may name any host of their own.
    Operator,
    /// A client or a phone, however well known.
    Stranger,
}

/// Why a URL is not called. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadEndpoint {
    /// No absolute URI of visible ASCII (RFC 3986 §4.3), or longer than [`LONGEST`].
    #[error("is no absolute URL of at most {LONGEST} visible ASCII characters")]
    Form,
    /// Anything but https, or http that would leave this machine.
    #[error("must be https, or http on a loopback address")]
    Scheme,
    /// A user name or a password, which would be printed with the URL.
    #[error("must have no user name and no password")]
    UserInfo,
    /// RFC 6749 §3.2: what is called has none.
    #[error("must have no fragment")]
    Fragment,
    /// Port 0 is no port.
    #[error("must have another port than 0")]
    Port,
}

impl Endpoint {
    /// A URL out of the operator's settings.
    pub fn operator(url: Url) -> Result<Self, BadEndpoint> {
        check(&url)?;
        Ok(Self { url, chosen_by: ChosenBy::Operator })
    }

    /// A URL that anybody else chose: clients in their metadata, phones for their pushes.
    pub fn foreign(text: &str) -> Result<Self, BadEndpoint> {
        let url = uri::read(text).ok_or(BadEndpoint::Form)?;
        check(&url)?;
        Ok(Self { url, chosen_by: ChosenBy::Stranger })
    }

    /// The URL as it is called: one spelling for all that mean the same.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Who wrote it.
    #[must_use]
    pub fn chosen_by(&self) -> ChosenBy {
        self.chosen_by
    }
}

fn check(url: &Url) -> Result<(), BadEndpoint> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadEndpoint::UserInfo);
    }
    if url.scheme() != "https" && !is_on_this_machine(url) {
        return Err(BadEndpoint::Scheme);
    }
    if url.fragment().is_some() {
        return Err(BadEndpoint::Fragment);
    }
    if url.port() == Some(0) {
        return Err(BadEndpoint::Port);
    }
    Ok(())
}

/// Plain http is for a stand-in on this machine: anywhere else it would show credentials to the network.
fn is_on_this_machine(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == LOCALHOST,
            None => false,
        }
}

/// The one name that plain http may be spoken to. It never leads to another machine (RFC 6761 §6.3): what a resolver
/// says beside loopback does not count.
pub(super) const LOCALHOST: &str = "localhost";

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?}, …)", self.chosen_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (url, right) in [
            ("https://fcm.googleapis.com", Ok(())),
            ("http://127.0.0.1:8080/", Ok(())),
            ("http://[::1]:8080/", Ok(())),
            ("http://localhost:8080/", Ok(())),
            ("HTTP://LOCALHOST:8080/", Ok(())),
            ("http://fcm.googleapis.com", Err(BadEndpoint::Scheme)),
            ("http://10.0.0.1/", Err(BadEndpoint::Scheme)),
            ("http://[::ffff:127.0.0.1]/", Err(BadEndpoint::Scheme)),
            ("http://localhost.example.com/", Err(BadEndpoint::Scheme)),
            ("http://localhost./", Err(BadEndpoint::Scheme)),
            ("ftp://127.0.0.1/", Err(BadEndpoint::Scheme)),
            ("wss://example.com/", Err(BadEndpoint::Scheme)),
            ("https://gateway:password@fcm.example.com/", Err(BadEndpoint::UserInfo)),
            ("https://example.com@127.0.0.1/", Err(BadEndpoint::UserInfo)),
            ("https://example.com/#here", Err(BadEndpoint::Fragment)),
            ("https://example.com:0/", Err(BadEndpoint::Port)),
        ] {
            assert_eq!(Endpoint::operator(Url::parse(url).expect("a URL")).map(drop), right, "{url}");
            assert_eq!(Endpoint::foreign(url).map(drop), right, "{url}");
        }
    }

    #[test]
    fn a_stranger_writes_urls_as_the_standard_does() {
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        for text in [
            "",
            "example.com",
            "/path",
            "//example.com/",
            "data:,x",
            "https:example.com",
            "https:/example.com",
            "https:///example.com",
            "https:\\\\example.com",
            "https://example.com\\@127.0.0.1/",
            " https://example.com/",
            "https://example.com/\n",
            "https://exa\tmple.com/",
            "https://①②⑦.⓪.⓪.①/",
            "https://example.com:65536/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://",
            "https://1.2.3.4.5/",
            "https://256.1/",
            &long,
        ] {
            assert_eq!(Endpoint::foreign(text).map(drop), Err(BadEndpoint::Form), "{text}");
        }
    }

    #[test]
    fn no_part_of_a_url_is_printed() {
        let endpoint = Endpoint::foreign("https://phone.example/secret").expect("an endpoint");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(Stranger, …)");
        assert_eq!(endpoint.as_str(), "https://phone.example/secret");
    }
}
