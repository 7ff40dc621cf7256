//! RFC 9440 through real sockets: whose `Client-Cert` counts.

use server::http::proxies::Proxies;
use server::http::serve::Door;
use server::http::tls::ClientCertificates::{Asked, NotAsked};
use server::http::tls::{MinVersion, Tls};

use super::pki::{Authority, Certified};
use super::{Client, PATIENT, Serving, ask, shown};

/// `AAAA` and `AAEC`, as a proxy would send certificates.
const CLAIM: &str = "Client-Cert: :AAAA:\r\nClient-Cert-Chain: :AAEC:\r\n";

fn proxies(networks: &[&str]) -> Proxies {
    Proxies::parse(networks.iter().copied()).unwrap()
}

#[tokio::test]
async fn a_proxy_speaks_for_its_clients() {
    let door = Door { proxies: proxies(&["127.0.0.0/8"]), ..PATIENT.into() };
    let serving = Serving::behind(Authority::root("root"), door).await;
    let mut stream = serving.tcp().await;
    let claimed = ask(&mut stream, "/", CLAIM).await.unwrap();
    assert_eq!(claimed, "cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw +1 0 headers", "the hash of three zero bytes");
    assert_eq!(ask(&mut stream, "/", "").await.unwrap(), "nobody 0 headers", "each request for itself");
    let malformed = ask(&mut stream, "/", "Client-Cert: AAAA\r\n").await.unwrap();
    assert!(malformed.starts_with("400 {\"error\":\"invalid_request\""), "{malformed}");
}

#[tokio::test]
async fn nobody_else_does() {
    for networks in [&[][..], &["10.0.0.0/8"]] {
        let door = Door { proxies: proxies(networks), ..PATIENT.into() };
        let serving = Serving::behind(Authority::root("root"), door).await;
        for claim in [CLAIM, "Client-Cert: AAAA\r\n", "CLIENT-CERT: :AAAA:\r\nclient-cert: :AAAA:\r\n"] {
            assert_eq!(ask(&mut serving.tcp().await, "/", claim).await.unwrap(), "nobody 0 headers");
        }
    }
}

#[tokio::test]
async fn what_the_connection_showed_wins_over_what_a_header_says() {
    for (clients, networks) in [(Asked, &["127.0.0.0/8"][..]), (Asked, &[]), (NotAsked, &[])] {
        let root = Authority::root("root");
        let tls = Tls::new(&shown(&root.server(&["localhost"]), MinVersion::Tls13), clients).unwrap();
        let door = Door { tls: Some(tls), proxies: proxies(networks), ..PATIENT.into() };
        let serving = Serving::behind(root, door).await;
        let client = Certified::self_signed(|_| {});
        let mut stream = serving.connect(Client::new().showing(&client, &[], &client)).await.unwrap();
        let expected = match clients {
            Asked => format!("{} +0 0 headers", client.shown(&[]).thumbprint()),
            NotAsked => "nobody 0 headers".to_owned(),
        };
        assert_eq!(ask(&mut stream, "/", CLAIM).await.unwrap(), expected);
    }
}
