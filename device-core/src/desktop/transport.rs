//! HTTP/1.1 without TLS, to loopback only: one connection per request, blocking. Enough for a desktop tool in
//! development and for tests; a program with many phones brings a transport of its own.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::exchange::MAX_REPLY_BYTES;
use crate::ports::{HttpHeader, HttpRequest, HttpResponse, Transport, TransportError};

/// A status line and all headers together.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// Plain HTTP to loopback addresses; anything else is [`TransportError::Unreachable`].
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainTransport;

#[async_trait]
impl Transport for PlainTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        exchange(&request).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => TransportError::TimedOut,
            _ => TransportError::Unreachable { detail: error.to_string() },
        })
    }
}

fn exchange(request: &HttpRequest) -> io::Result<HttpResponse> {
    let url = Url::parse(&request.url).map_err(invalid)?;
    let timeout = Duration::from_secs(u64::from(request.timeout_seconds.max(1)));
    let mut stream = TcpStream::connect_timeout(&loopback(&url)?, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(&write_request(request, &url)?)?;
    read_response(&mut BufReader::new(stream))
}

fn loopback(url: &Url) -> io::Result<SocketAddr> {
    if url.scheme() != "http" {
        return Err(invalid("only plain http is spoken here"));
    }
    let host = url.host_str().ok_or_else(|| invalid("no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (host, url.port_or_known_default().unwrap_or(80)).to_socket_addrs()?;
    addresses.find(|address| address.ip().is_loopback()).ok_or_else(|| invalid("not a loopback address"))
}

fn write_request(request: &HttpRequest, url: &Url) -> io::Result<Vec<u8>> {
    let is_sound = |text: &str| !text.contains(['\r', '\n']);
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut head = format!("{} {}{query} HTTP/1.1\r\nhost: {authority}\r\n", request.method, url.path());
    for HttpHeader { name, value } in &request.headers {
        if !is_sound(name) || !is_sound(value) {
            return Err(invalid("a line break in a header"));
        }
        head += &[name, ": ", value, "\r\n"].concat();
    }
    head += "connection: close\r\ncontent-length: ";
    head += &request.body.len().to_string();
    head += "\r\n\r\n";
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    Ok(bytes)
}

fn read_response(reader: &mut impl BufRead) -> io::Result<HttpResponse> {
    let (status, headers) = read_head(reader)?;
    let header = |name: &str| {
        headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    };
    let body = if status == 204 || status == 304 {
        Vec::new()
    } else if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        read_chunks(reader)?
    } else if let Some(length) = header("content-length") {
        read_exactly(reader, length.parse().map_err(invalid)?)?
    } else {
        read_to_end(reader)?
    };
    Ok(HttpResponse { status, headers, body })
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<HttpHeader>)> {
    let mut head = reader.take(MAX_HEAD_BYTES);
    let status = read_line(&mut head)?;
    let status = status.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or_else(|| invalid("no status"))?;
    let status = status.parse().map_err(invalid)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut head)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("no header"))?;
        headers.push(HttpHeader { name: name.to_owned(), value: value.trim().to_owned() });
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// RFC 9112 §7.1; extensions and trailers are read over.
fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(&mut reader.take(MAX_HEAD_BYTES))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(invalid)?;
        if size == 0 {
            while !read_line(&mut reader.take(MAX_HEAD_BYTES))?.is_empty() {}
            return Ok(body);
        }
        if size > MAX_REPLY_BYTES - body.len() {
            return Err(invalid("the response is too large"));
        }
        body.extend(read_exactly(reader, size)?);
        if !read_line(&mut reader.take(2))?.is_empty() {
            return Err(invalid("a chunk longer than it says"));
        }
    }
}

fn read_exactly(reader: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_REPLY_BYTES {
        return Err(invalid("the response is too large"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_to_end(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    reader.take(MAX_REPLY_BYTES as u64 + 1).read_to_end(&mut body)?;
    if body.len() > MAX_REPLY_BYTES { Err(invalid("the response is too large")) } else { Ok(body) }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::testing::wait;

    fn request(url: &str, timeout_seconds: u32) -> HttpRequest {
        let headers = vec![HttpHeader { name: "accept".into(), value: "text/plain".into() }];
        HttpRequest { method: "POST".into(), url: url.into(), headers, body: b"hello".to_vec(), timeout_seconds }
    }

    /// Answers one request with these bytes; returns what was sent.
    fn exchange_with(answer: &'static [u8]) -> (Result<HttpResponse, TransportError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a/b?c=d", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"hello") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            stream.write_all(answer).unwrap();
            String::from_utf8(seen).unwrap()
        });
        let response = wait(PlainTransport.send(request(&url, 5)));
        (response, server.join().unwrap())
    }

    #[test]
    fn a_request_is_written_whole() {
        let (response, seen) = exchange_with(b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n");
        assert!(seen.starts_with("POST /a/b?c=d HTTP/1.1\r\nhost: 127.0.0.1:"));
        assert!(seen.contains("\r\naccept: text/plain\r\n") && seen.contains("\r\ncontent-length: 5\r\n"));
        let response = response.unwrap();
        assert_eq!((response.status, response.headers[0].value.as_str()), (204, "1"));
    }

    #[test]
    fn bodies_come_by_length_by_chunks_or_to_the_end() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdefEXTRA"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2;x=y\r\nef\r\n0\r\nTrailer: t\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nabcdef",
        ] {
            assert_eq!(exchange_with(answer).0.unwrap().body, b"abcdef");
        }
    }

    #[test]
    fn broken_answers_are_errors() {
        for answer in [
            &b""[..],
            b"hello\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcdEF\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        ] {
            assert!(matches!(exchange_with(answer).0, Err(TransportError::Unreachable { .. })), "{answer:?}");
        }
    }

    #[test]
    fn a_reply_larger_than_any_of_the_protocol_is_given_up_however_it_comes() {
        let answers = |size: usize| {
            let body = "x".repeat(size);
            [
                format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{body}"),
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"),
                format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
            ]
        };
        assert_eq!(MAX_REPLY_BYTES, 256 * 1024);
        let read = |answer: &str| read_response(&mut answer.as_bytes());
        for answer in answers(MAX_REPLY_BYTES) {
            assert_eq!(read(&answer).unwrap().body.len(), MAX_REPLY_BYTES);
        }
        for answer in answers(MAX_REPLY_BYTES + 1) {
            assert!(read(&answer).is_err());
        }
        let announced = exchange_with(b"HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n").0;
        let Err(TransportError::Unreachable { detail }) = announced else { panic!("{announced:?}") };
        assert_eq!(detail, "the response is too large");
    }

    #[test]
    fn nothing_but_plain_http_to_loopback_is_spoken() {
        for url in ["https://127.0.0.1:1/", "http://192.0.2.1:1/", "http://127.0.0.1.:x/", "file:///etc/hosts"] {
            let refused = wait(PlainTransport.send(request(url, 1)));
            assert!(matches!(refused, Err(TransportError::Unreachable { .. })), "{url}");
        }
    }

    #[test]
    fn a_server_that_says_nothing_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert_eq!(wait(PlainTransport.send(request(&url, 1))), Err(TransportError::TimedOut));
    }
}
