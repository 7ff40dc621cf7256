//! A `ClientHello` made by hand, for what no library offers any more.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// TLS 1.2 as `ClientHello.client_version` has it.
pub(crate) const TLS12: u16 = 0x0303;

/// What the server says to it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It goes on, with this suite.
    Hello(u16),
    /// A fatal alert of this number (RFC 8446 §6.2).
    Alert(u8),
    /// It closed the connection.
    Nothing,
}

pub(crate) const HANDSHAKE_FAILURE: Said = Said::Alert(40);
pub(crate) const PROTOCOL_VERSION: Said = Said::Alert(70);

/// Says hello in this version, which has no `supported_versions`, with these suites.
pub(crate) async fn hello(stream: &mut TcpStream, version: u16, suites: &[u16]) -> Said {
    stream.write_all(&record(version, suites)).await.unwrap();
    let mut head = [0; 5];
    if stream.read_exact(&mut head).await.is_err() {
        return Said::Nothing;
    }
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut body).await.unwrap();
    match (head[0], &body[..]) {
        (21, [2, description]) => Said::Alert(*description),
        // type, length of 3, version of 2, random of 32, session id with its length, suite
        (22, [2, rest @ ..]) => {
            let after_session = 3 + 2 + 32 + 1 + usize::from(rest[37]);
            Said::Hello(u16::from_be_bytes([rest[after_session], rest[after_session + 1]]))
        }
        other => panic!("neither hello nor alert: {other:?}"),
    }
}

/// The bytes of it.
pub(crate) fn record(version: u16, suites: &[u16]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions = [
        extension(10, &[0, 4, 0, 23, 0, 29]), // supported_groups: P-256, X25519
        extension(11, &[1, 0]),               // ec_point_formats: uncompressed
        extension(13, &[0, 10, 4, 1, 8, 4, 2, 1, 4, 3, 5, 3]), // signature_algorithms
        extension(0, &[&[0, 12, 0, 0, 9][..], b"localhost".as_slice()].concat()), // server_name
    ]
    .concat();
    let hello = [
        &version.to_be_bytes()[..],
        &[7; 32], // random
        &[0],     // no session
        &counted(&suites),
        &[1, 0], // no compression
        &counted(&extensions),
    ]
    .concat();
    let handshake = [&[1, 0][..], &counted(&hello)].concat();
    [&[22, 3, 1][..], &counted(&handshake)].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(content)].concat()
}

/// With its length in two bytes before it.
fn counted(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content].concat()
}
