//! Client certificates: asked for on one listener only, taken from anybody who has the key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SignatureScheme, SupportedProtocolVersion};
use server::domain::certificate::MOST_INTERMEDIATES;
use server::http::tls::ClientCertificates::{Asked, NotAsked};

use super::pki::{Authority, Certified};
use super::{Client, Serving, alert};

const EACH_VERSION: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

#[tokio::test]
async fn a_certificate_is_taken_from_anybody() {
    let serving = Serving::both_versions(Asked).await;
    let stranger = Authority::root("stranger");
    let regional = stranger.intermediate("regional");
    let differing: [fn(&mut CertificateParams); 4] = [
        |it| it.not_after = date_time_ymd(2021, 1, 1),
        |it| it.not_before = date_time_ymd(2089, 1, 1),
        |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
    ];
    let odd = differing.map(|differ| (stranger.client_with(differ), vec![]));
    let all = [(Certified::self_signed(|_| {}), vec![]), (regional.client(), vec![&regional, &stranger])];
    for (client, sent) in all.into_iter().chain(odd) {
        for version in EACH_VERSION {
            let answer = serving.asked(Client::speaking(version).showing(&client, &sent, &client)).await.unwrap();
            let thumbprint = client.shown(&[]).thumbprint();
            assert_eq!(answer, format!("{thumbprint} +{} 0 headers", sent.len()));
        }
    }
}

#[tokio::test]
async fn a_certificate_is_not_required() {
    let serving = Serving::both_versions(Asked).await;
    for version in EACH_VERSION {
        assert_eq!(serving.asked(Client::speaking(version)).await.unwrap(), "nobody 0 headers");
    }
}

#[tokio::test]
async fn every_request_of_a_connection_comes_with_it() {
    let serving = Serving::tls(Asked).await;
    let client = Certified::self_signed(|_| {});
    let mut stream = serving.connect(Client::new().showing(&client, &[], &client)).await.unwrap();
    for _ in 0..3 {
        let answer = super::ask(&mut stream, "/", "").await.unwrap();
        assert!(answer.starts_with(&client.shown(&[]).thumbprint().to_string()), "{answer}");
    }
}

/// Tells whether anybody asked.
#[derive(Debug, Default)]
struct Asks(AtomicBool);

impl ResolvesClientCert for Asks {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn only_the_listener_that_asks_asks() {
    for clients in [Asked, NotAsked] {
        let serving = Serving::both_versions(clients).await;
        for version in EACH_VERSION {
            let asks = Arc::new(Asks::default());
            let client = Client { certificate: Some(asks.clone()), ..Client::speaking(version) };
            assert_eq!(serving.asked(client).await.unwrap(), "nobody 0 headers");
            assert_eq!(asks.0.load(Ordering::Relaxed), clients == Asked, "{clients:?}");
        }
    }
}

#[tokio::test]
async fn another_ones_certificate_is_refused() {
    let serving = Serving::both_versions(Asked).await;
    let (client, thief) = (serving.root.client(), serving.root.client());
    for version in EACH_VERSION {
        let refused = serving.asked(Client::speaking(version).showing(&client, &[], &thief)).await.unwrap_err();
        assert_eq!(alert(&refused), AlertDescription::DecryptError);
        assert!(serving.asked(Client::speaking(version).showing(&client, &[], &client)).await.is_ok());
    }
}

#[tokio::test]
async fn a_resumed_connection_carries_no_old_proof() {
    let serving = Serving::tls(Asked).await;
    let client = Certified::self_signed(|_| {});
    let configuration = Arc::new(Client::new().showing(&client, &[], &client).configuration(&serving.root));
    for _ in 0..2 {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&configuration));
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, serving.tcp().await).await.unwrap();
        assert!(
            super::ask(&mut stream, "/", "").await.unwrap().starts_with(&client.shown(&[]).thumbprint().to_string())
        );
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
    let serving = Serving::tls(Asked).await;
    let own = Certified::self_signed(|_| {});
    for certificate in [b"nonsense".to_vec(), own.certificate[1..].to_vec(), own.certificate[..99].to_vec()] {
        let broken = Certified { certificate, ..own.clone() };
        let refused = serving.asked(Client::new().showing(&broken, &[], &own)).await.unwrap_err();
        assert!(matches!(alert(&refused), AlertDescription::BadCertificate | AlertDescription::DecodeError));
    }
}

#[tokio::test]
async fn long_chains_are_turned_away() {
    let serving = Serving::tls(Asked).await;
    let (client, authority) = (serving.root.client(), Authority::root("stranger"));
    let chain = |length| vec![&authority; length];
    let most = serving.asked(Client::new().showing(&client, &chain(MOST_INTERMEDIATES), &client)).await.unwrap();
    assert!(most.contains(&format!("+{MOST_INTERMEDIATES}")), "{most}");
    let more = serving.asked(Client::new().showing(&client, &chain(MOST_INTERMEDIATES + 1), &client)).await;
    assert_eq!(alert(&more.unwrap_err()), AlertDescription::AccessDenied);

    let sized = |bytes: usize| {
        Certified::self_signed(|it| {
            let content = [&[0x30, 0x82][..], &u16::try_from(bytes).unwrap().to_be_bytes(), &vec![0; bytes]].concat();
            it.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], content));
        })
    };
    let (large, larger) = (sized(15_000), sized(16_384));
    assert!(serving.asked(Client::new().showing(&large, &[], &large)).await.is_ok());
    let refused = serving.asked(Client::new().showing(&larger, &[], &larger)).await.unwrap_err();
    assert_eq!(alert(&refused), AlertDescription::AccessDenied);
}
