//! A certificate that is exchanged while connections are open.

use rustls::pki_types::CertificateDer;
use server::http::serve::Door;
use server::http::tls::ClientCertificates::{Asked, NotAsked};
use server::http::tls::{MinVersion, Tls};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::pki::Authority;
use super::{Client, PATIENT, Serving, ask, shown};

fn shown_to(stream: &TlsStream<TcpStream>) -> &CertificateDer<'static> {
    &stream.get_ref().1.peer_certificates().unwrap()[0]
}

#[tokio::test]
async fn new_connections_are_shown_the_new_one_and_old_ones_go_on() {
    for clients in [NotAsked, Asked] {
        let root = Authority::root("root");
        let (old, new) = (root.server(&["localhost"]), root.server(&["localhost"]));
        let tls = Tls::new(&shown(&old, MinVersion::Tls13), clients).unwrap();
        let serving = Serving::behind(root, Door { tls: Some(tls.clone()), ..PATIENT.into() }).await;
        let mut before = serving.connect(Client::new()).await.unwrap();
        assert_eq!(**shown_to(&before), old.certificate);

        tls.replace(&shown(&new, MinVersion::Tls13)).unwrap();
        let after = serving.connect(Client::new()).await.unwrap();
        assert_eq!(**shown_to(&after), new.certificate);
        assert_eq!(ask(&mut before, "/", "").await.unwrap(), "nobody 0 headers");
    }
}
