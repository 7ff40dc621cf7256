//! Peers that are slow or broken before TLS is there, and stopping.

use server::http::serve::Limits;
use server::http::tls::ClientCertificates::NotAsked;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::hello::{TLS12, record};
use super::{Client, LONG, PATIENT, SOON, Serving, ask};

/// Reads until the server closes.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all
}

#[tokio::test]
async fn a_handshake_that_does_not_come_holds_up_nobody() {
    let serving = Serving::tls(NotAsked).await;
    let mut held = Vec::new();
    for length in [0, 1, 5, 30, 60] {
        let mut slow = serving.tcp().await;
        slow.write_all(&record(TLS12, &[0xc02f])[..length]).await.unwrap();
        held.push(slow);
    }
    assert!(serving.asked(Client::new()).await.is_ok());
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let serving = Serving::tls_within(NotAsked, Limits { handshake: SOON, ..PATIENT }).await;
    for length in [0, 5, 60] {
        let mut slow = serving.tcp().await;
        slow.write_all(&record(TLS12, &[0xc02f])[..length]).await.unwrap();
        assert_eq!(rest(&mut slow).await, [0; 0]);
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_ends_the_connection() {
    let serving = Serving::tls_within(NotAsked, Limits { head: SOON, ..PATIENT }).await;
    let mut stream = serving.connect(Client::new()).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn who_does_not_speak_tls_is_answered_by_an_alert() {
    let serving = Serving::tls(NotAsked).await;
    let mut plain = serving.tcp().await;
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = rest(&mut plain).await;
    assert!(answer.is_empty() || answer[0] == 21, "an alert or nothing, not {answer:?}");
}

#[tokio::test]
async fn handshakes_count_as_connections() {
    let serving = Serving::tls_within(NotAsked, Limits { connections: 1, ..PATIENT }).await;
    let slow = serving.tcp().await;
    let waited = tokio::time::timeout(SOON, serving.asked(Client::new())).await;
    assert!(waited.is_err(), "answered above the cap: {waited:?}");
    drop(slow);
    assert!(serving.asked(Client::new()).await.is_ok());
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_drops_handshakes() {
    let serving = Serving::tls(NotAsked).await;
    let mut slow = serving.tcp().await;
    let mut busy = serving.connect(Client::new()).await.unwrap();
    let mut idle = serving.connect(Client::new()).await.unwrap();
    assert!(ask(&mut idle, "/", "").await.is_ok());
    let answered = tokio::spawn(async move { ask(&mut busy, "/held", "").await });
    serving.reached.notified().await;

    serving.stop.send(true).unwrap();
    assert_eq!(rest(&mut slow).await, [0; 0]);
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "closed as TLS wants it, with a notice");
    assert!(!serving.served.is_finished(), "one request is under way");
    serving.release.notify_one();
    assert_eq!(answered.await.unwrap().unwrap(), "released");
    serving.served.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_asks_and_takes_no_answer_is_let_go() {
    let serving = Serving::tls_within(NotAsked, Limits { answer: SOON, ..PATIENT }).await;
    let mut stream = serving.connect(Client::new()).await.unwrap();
    let requests = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    let asking = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    assert!(tokio::time::timeout(LONG / 2, asking).await.is_ok(), "the connection is held for ever");
}
