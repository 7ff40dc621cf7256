//! Proxies that terminate TLS in front of us, and what they say of the client's certificate (RFC 9440).
//!
//! Only who comes from a configured address is believed. From everybody else, and where the connection itself showed a
//! certificate, the two headers are taken away before any route sees them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use sfv::{BareItem, Item, List, ListEntry, Parser};

use crate::domain::certificate::{self, ClientCertificate};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// The networks of one's own proxies; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[IpNet]>);

/// Why a network cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// No address and no CIDR.
    #[error("is no network in CIDR form, such as 10.20.0.0/16 or fd12:3456::/32")]
    Form,
    /// An address with a prefix rather than a network.
    #[error("has bits beyond its prefix; the network is {0}")]
    HostBits(IpNet),
    /// Whoever can connect could claim any certificate.
    #[error("is everybody")]
    Everybody,
}

impl Proxies {
    /// Reads networks in CIDR form; the text of the first wrong one and why.
    pub fn parse<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, (&'a str, BadProxy)> {
        let networks = networks.into_iter().map(|text| network(text).map_err(|why| (text, why)));
        networks.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether who comes from here speaks the truth about client certificates. IPv4 in the clothes of IPv6 is IPv4.
    #[must_use]
    pub fn include(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}

fn network(text: &str) -> Result<IpNet, BadProxy> {
    let alone = text.parse::<IpAddr>().map(IpNet::from);
    let network: IpNet = alone.or_else(|_| text.parse()).map_err(|_| BadProxy::Form)?;
    if network != network.trunc() {
        return Err(BadProxy::HostBits(network.trunc()));
    }
    if network.prefix_len() == 0 { Err(BadProxy::Everybody) } else { Ok(network) }
}

/// What is known of who holds a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// What it showed in the handshake.
    pub(super) certificate: Option<ClientCertificate>,
    /// Whether it is one of our proxies.
    pub(super) is_proxy: bool,
}

/// A header of RFC 9440 that cannot be read, from a proxy that should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Peer {
    /// Leaves the client's certificate with the request as an extension, and none of its headers.
    pub(super) fn introduce<B>(&self, request: &mut Request<B>) -> Result<(), Malformed> {
        let said = take(request.headers_mut(), &CLIENT_CERT);
        let chain = take(request.headers_mut(), &CLIENT_CERT_CHAIN);
        let certificate = match &self.certificate {
            Some(shown) => Some(shown.clone()),
            None if self.is_proxy => read(&said, &chain)?,
            None => None,
        };
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        Ok(())
    }
}

fn take(headers: &mut HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    if !headers.contains_key(name) {
        return Vec::new();
    }
    let values = headers.get_all(name).iter().cloned().collect();
    headers.remove(name);
    values
}

fn read(said: &[HeaderValue], chain: &[HeaderValue]) -> Result<Option<ClientCertificate>, Malformed> {
    let leaf = match said {
        // RFC 9440 §2.3: the chain never comes alone.
        [] if chain.is_empty() => return Ok(None),
        [value] => leaf(value)?,
        _ => return Err(Malformed),
    };
    let intermediates = intermediates(chain)?;
    let bytes = intermediates.iter().map(Vec::len).sum::<usize>() + leaf.len();
    if intermediates.len() > certificate::MOST_INTERMEDIATES || bytes > certificate::MOST_BYTES {
        return Err(Malformed);
    }
    Ok(Some(ClientCertificate::new(leaf, intermediates)))
}

/// RFC 9440 §2.2: one byte sequence.
fn leaf(value: &HeaderValue) -> Result<Vec<u8>, Malformed> {
    bytes(Parser::new(value.as_bytes()).parse::<Item>().map_err(|_| Malformed)?)
}

/// RFC 9440 §2.3: a list of byte sequences, in any number of header lines.
fn intermediates(chain: &[HeaderValue]) -> Result<Vec<Vec<u8>>, Malformed> {
    let lines = chain.iter().map(|value| Parser::new(value.as_bytes()).parse::<List>());
    let mut intermediates = Vec::new();
    for entry in lines.collect::<Result<Vec<_>, _>>().map_err(|_| Malformed)?.into_iter().flatten() {
        match entry {
            ListEntry::Item(item) => intermediates.push(bytes(item)?),
            ListEntry::InnerList(_) => return Err(Malformed),
        }
    }
    Ok(intermediates)
}

/// What is in there is judged where certificates are; that it is something is seen here.
fn bytes(item: Item) -> Result<Vec<u8>, Malformed> {
    match item.bare_item {
        BareItem::ByteSequence(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &str = ":bGVhZg==:";
    const LEAF_BYTES: &[u8] = b"leaf";

    fn peer(certificate: Option<&[u8]>, is_proxy: bool) -> Peer {
        let certificate = certificate.map(|leaf| ClientCertificate::new(leaf.to_vec(), Vec::new()));
        Peer { certificate, is_proxy }
    }

    /// What a route would see of these headers.
    fn introduced(peer: &Peer, headers: &[(&'static str, &str)]) -> Result<Option<ClientCertificate>, Malformed> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        peer.introduce(&mut request)?;
        assert!(!request.headers().contains_key(CLIENT_CERT) && !request.headers().contains_key(CLIENT_CERT_CHAIN));
        Ok(request.extensions_mut().remove())
    }

    fn certificate(leaf: &[u8], intermediates: &[&[u8]]) -> ClientCertificate {
        ClientCertificate::new(leaf.to_vec(), intermediates.iter().map(|der| der.to_vec()).collect())
    }

    #[test]
    fn a_proxy_is_believed() {
        let proxy = peer(None, true);
        assert_eq!(introduced(&proxy, &[]), Ok(None));
        assert_eq!(introduced(&proxy, &[("client-cert", LEAF)]), Ok(Some(certificate(LEAF_BYTES, &[]))));
        let chain = ("client-cert-chain", ":YQ==:, :Yg==:");
        let both = introduced(&proxy, &[("client-cert", LEAF), chain, ("client-cert-chain", ":Yw==:")]);
        assert_eq!(both, Ok(Some(certificate(LEAF_BYTES, &[b"a", b"b", b"c"]))));
    }

    #[test]
    fn nobody_else_is() {
        for claimed in [LEAF, "anything", ""] {
            let headers = [("client-cert", claimed), ("client-cert", LEAF), ("client-cert-chain", claimed)];
            assert_eq!(introduced(&peer(None, false), &headers), Ok(None), "{claimed}");
            for is_proxy in [false, true] {
                let shown = introduced(&peer(Some(b"shown"), is_proxy), &headers);
                assert_eq!(shown, Ok(Some(certificate(b"shown", &[]))), "the connection wins over {claimed}");
            }
        }
    }

    #[test]
    fn what_a_proxy_says_must_be_well_formed() {
        let large = |bytes: usize| format!(":{}:", "AAAA".repeat(bytes / 3));
        let many = |number| vec![":YQ==:"; number].join(",");
        let fits = [
            vec![("client-cert", large(certificate::MOST_BYTES - 4))],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", many(certificate::MOST_INTERMEDIATES))],
            vec![("client-cert", format!(" {LEAF};note=1 "))], // RFC 8941 §3.1.2: unknown parameters do not matter
        ];
        let malformed = [
            vec![("client-cert", String::new())],
            vec![("client-cert", "::".to_owned())],
            vec![("client-cert", "bGVhZg==".to_owned())],
            vec![("client-cert", "\"bGVhZg==\"".to_owned())],
            vec![("client-cert", ":bGVh*g==:".to_owned())],
            vec![("client-cert", ":bGVhZg==".to_owned())],
            vec![("client-cert", format!("{LEAF}, {LEAF}"))],
            vec![("client-cert", format!("({LEAF})"))],
            vec![("client-cert", "-----BEGIN%20CERTIFICATE-----".to_owned())],
            vec![("client-cert", LEAF.to_owned()), ("client-cert", LEAF.to_owned())],
            vec![("client-cert-chain", LEAF.to_owned())],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", format!("({LEAF})"))],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", format!("{LEAF},"))],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", "1".to_owned())],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", "::".to_owned())],
            vec![("client-cert", large(certificate::MOST_BYTES + 3))],
            vec![("client-cert", large(9_000)), ("client-cert-chain", large(9_000))],
            vec![("client-cert", LEAF.to_owned()), ("client-cert-chain", many(certificate::MOST_INTERMEDIATES + 1))],
        ];
        let proxy = peer(None, true);
        let introduced = |headers: &[(&'static str, String)]| {
            introduced(&proxy, &headers.iter().map(|(name, value)| (*name, &**value)).collect::<Vec<_>>())
        };
        for headers in &fits {
            assert!(introduced(headers).is_ok_and(|certificate| certificate.is_some()), "{headers:?}");
        }
        for headers in &malformed {
            assert_eq!(introduced(headers), Err(Malformed), "{headers:?}");
        }
    }

    #[test]
    fn proxies_are_networks_or_single_addresses() {
        let proxies = Proxies::parse(["10.20.0.0/16", "fd12:3456::/32", "192.0.2.7"]).unwrap();
        for (peer, expected) in [
            ("10.20.255.1", true),
            ("::ffff:10.20.0.1", true),
            ("fd12:3456::1", true),
            ("192.0.2.7", true),
            ("10.21.0.1", false),
            ("192.0.2.8", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("fd12:3457::1", false),
        ] {
            assert_eq!(proxies.include(peer.parse().expect("an address")), expected, "{peer}");
            assert!(!Proxies::default().include(peer.parse().expect("an address")));
        }
        for (text, why) in [
            ("proxy.example", BadProxy::Form),
            ("10.0.0.0/33", BadProxy::Form),
            ("0.0.0.0/0", BadProxy::Everybody),
            ("::/0", BadProxy::Everybody),
        ] {
            assert_eq!(Proxies::parse(["10.0.0.0/8", text]), Err((text, why)));
        }
        assert!(matches!(Proxies::parse(["10.0.0.1/8"]), Err((_, BadProxy::HostBits(_)))));
    }
}
