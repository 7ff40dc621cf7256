//! OP acceptance §0.6 and §2.12: which versions, which suites.

use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::crypto::{CryptoProvider, aws_lc_rs::default_provider};
use rustls::version::{TLS12 as V12, TLS13 as V13};
use rustls::{AlertDescription, ProtocolVersion, SupportedCipherSuite};
use server::http::tls::ClientCertificates::{Asked, NotAsked};
use server::http::tls::{BadServerCertificate, MinVersion, ServerCertificate};

use super::hello::{HANDSHAKE_FAILURE, PROTOCOL_VERSION, Said, TLS12, hello};
use super::pki::Authority;
use super::{Client, Serving, alert};

const ECDHE_RSA_AES_128_GCM: u16 = 0xc02f;
const ECDHE_RSA_AES_256_GCM: u16 = 0xc030;

/// What a scanner offers beside those two.
const OTHERS: [u16; 26] = [
    0x0005, 0x000a, 0x002f, 0x0033, 0x0035, 0x0039, 0x003c, 0x003d, 0x0067, 0x006b, // RC4, 3DES, CBC
    0x009c, 0x009d, // RSA key exchange with GCM
    0x009e, 0x009f, // DHE with GCM
    0xc007, 0xc009, 0xc00a, 0xc011, 0xc013, 0xc014, 0xc023, 0xc027, 0xc028, // ECDHE with RC4, CBC
    0xc02b, 0xc02c, // ECDHE_ECDSA with GCM
    0xcca8, // ECDHE_RSA with ChaCha20
];

#[tokio::test]
async fn tls_1_0_and_1_1_are_refused_by_an_alert() {
    let every_suite = [&OTHERS[..], &[ECDHE_RSA_AES_128_GCM]].concat();
    for serving in [Serving::tls(NotAsked).await, Serving::both_versions(NotAsked).await] {
        for version in [0x0300, 0x0301, 0x0302] {
            let said = hello(&mut serving.tcp().await, version, &every_suite).await;
            assert_eq!(said, PROTOCOL_VERSION, "{version:04x}");
        }
    }
}

#[tokio::test]
async fn tls_1_2_is_refused_unless_it_is_set() {
    let serving = Serving::tls(NotAsked).await;
    assert_eq!(hello(&mut serving.tcp().await, TLS12, &[ECDHE_RSA_AES_128_GCM]).await, PROTOCOL_VERSION);
    let refused = serving.asked(Client::speaking(&[&V12])).await.unwrap_err();
    assert_eq!(alert(&refused), AlertDescription::ProtocolVersion);
    assert_eq!(serving.asked(Client::speaking(&[&V13])).await.unwrap(), "nobody 0 headers");
}

#[tokio::test]
async fn tls_1_2_has_two_suites_and_no_other() {
    for serving in [Serving::both_versions(NotAsked).await, Serving::both_versions(Asked).await] {
        for suite in [ECDHE_RSA_AES_128_GCM, ECDHE_RSA_AES_256_GCM] {
            assert_eq!(hello(&mut serving.tcp().await, TLS12, &[suite]).await, Said::Hello(suite));
            let among_others = [&OTHERS[..], &[suite]].concat();
            assert_eq!(hello(&mut serving.tcp().await, TLS12, &among_others).await, Said::Hello(suite));
        }
        assert_eq!(hello(&mut serving.tcp().await, TLS12, &OTHERS).await, HANDSHAKE_FAILURE);
        for other in OTHERS {
            assert_eq!(hello(&mut serving.tcp().await, TLS12, &[other]).await, HANDSHAKE_FAILURE, "{other:04x}");
        }
    }
}

#[tokio::test]
async fn both_suites_of_tls_1_2_carry_requests() {
    let serving = Serving::both_versions(NotAsked).await;
    for suite in
        [cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
    {
        let client = Client { provider: only(suite), ..Client::speaking(&[&V12]) };
        assert_eq!(serving.asked(client).await.unwrap(), "nobody 0 headers", "{suite:?}");
    }
    let client = Client {
        provider: only(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ..Client::speaking(&[&V12])
    };
    assert_eq!(alert(&serving.asked(client).await.unwrap_err()), AlertDescription::HandshakeFailure);
}

#[tokio::test]
async fn tls_1_3_wins_where_both_are_offered() {
    let serving = Serving::both_versions(NotAsked).await;
    let stream = serving.connect(Client::speaking(&[&V12, &V13])).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn http_1_1_is_what_is_spoken() {
    let serving = Serving::tls(NotAsked).await;
    let stream = serving.connect(Client { alpn: &["h2", "http/1.1"], ..Client::new() }).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(serving.asked(Client::new()).await.is_ok(), "also with who does not say");
    let refused = serving.asked(Client { alpn: &["h2"], ..Client::new() }).await.unwrap_err();
    assert_eq!(alert(&refused), AlertDescription::NoApplicationProtocol);
}

#[test]
fn a_certificate_is_judged_before_it_is_shown() {
    let root = Authority::root("root");
    let (ec, other, rsa) =
        (root.server(&["op.example"]), root.server(&["op.example"]), root.rsa_server(&["op.example"]));
    let read = |chain: &str, key: &str, version| {
        ServerCertificate::from_pem(chain.as_bytes(), key.as_bytes(), version)
            .map(|certificate| certificate.leaf().to_vec())
    };
    let chain = ec.pem() + &root.pem();
    assert_eq!(read(&chain, &ec.key_pem(), MinVersion::Tls13), Ok(ec.certificate.clone()));
    assert_eq!(read(&(ec.key_pem() + &chain), &(chain.clone() + &ec.key_pem()), MinVersion::Tls13), Ok(ec.certificate));
    assert_eq!(read(&rsa.pem(), &rsa.key_pem(), MinVersion::Tls12), Ok(rsa.certificate.clone()));
    assert_eq!(read(&rsa.pem(), &rsa.key_pem(), MinVersion::Tls13), Ok(rsa.certificate));
    let damaged = format!("{chain}-----BEGIN CERTIFICATE-----\n");
    let nonsense = chain.replacen("MII", "AAA", 1);
    for (chain, key, version, why) in [
        ("", &ec.key, MinVersion::Tls13, BadServerCertificate::NoCertificate),
        (&*damaged, &ec.key, MinVersion::Tls13, BadServerCertificate::UnreadableCertificate(3)),
        (&nonsense, &ec.key, MinVersion::Tls13, BadServerCertificate::UnreadableCertificate(1)),
        (&chain, &other.key, MinVersion::Tls13, BadServerCertificate::OtherKey),
        (&root.pem(), &ec.key, MinVersion::Tls13, BadServerCertificate::OtherKey),
        (&chain, &rsa.key, MinVersion::Tls13, BadServerCertificate::OtherKey),
        (&chain, &Vec::new(), MinVersion::Tls13, BadServerCertificate::NoKey),
        (&chain, &ec.key, MinVersion::Tls12, BadServerCertificate::NotRsa),
    ] {
        assert_eq!(read(chain, &super::pki::pem("PRIVATE KEY", key), version), Err(why));
    }
    assert_eq!(read(&chain, "", MinVersion::Tls13), Err(BadServerCertificate::NoKey));
    assert_eq!(read(&chain, &chain, MinVersion::Tls13), Err(BadServerCertificate::NoKey));
}

fn only(suite: SupportedCipherSuite) -> CryptoProvider {
    CryptoProvider { cipher_suites: vec![suite], ..default_provider() }
}
