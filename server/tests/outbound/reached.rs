//! What strangers' URLs reach, and how little comes back: TLS, redirects, size and time.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use server::outbound::client::{Body, Client, Limits, Payload, Reach, Reply, Unreachable};
use server::outbound::endpoint::Endpoint;
use server::outbound::roots::{BadRoots, Roots};

use crate::key_material::Authority;
use crate::name_server::NameServer;
use crate::server::{Manner, Server};

const OK: fn() -> Manner = || Manner::reply("200 OK", "", "hello");

/// A shop with a certificate, at an address that the operator opened, and a client that believes its authority.
struct Scene {
    server: Server,
    client: Client,
}

impl Scene {
    async fn with(manner: Manner) -> Self {
        Self::within(Limits::default(), &[&["127.0.0.2"]], manner).await
    }

    async fn within(limits: Limits, answers: &[&[&str]], manner: Manner) -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.acceptor(&["shop.test", "127.0.0.2"])), manner).await;
        let mut reach = Reach { roots: authority.roots(), ..Reach::default() };
        reach.networks.open("127.0.0.2/32").expect("a network");
        let names = NameServer::knowing(&[("shop.test", answers), ("else.test", answers)]);
        Self { server, client: Client::resolving_by(limits, &reach, names).expect("a client") }
    }

    fn endpoint(&self, host: &str) -> Endpoint {
        Endpoint::foreign(&format!("https://{host}:{}/path?query", self.server.port())).expect("an endpoint")
    }

    async fn get(&self) -> Result<Reply, Unreachable> {
        self.client.get(&self.endpoint("shop.test")).await
    }

    async fn reached(&self) -> Vec<IpAddr> {
        self.server.reached().await
    }
}

fn opened() -> IpAddr {
    "127.0.0.2".parse().expect("an address")
}

#[tokio::test]
async fn a_name_that_leads_into_an_opened_network_is_reached() {
    let scene = Scene::with(Manner::reply("200 OK", "Cache-Control: max-age=60\r\nRetry-After: 7\r\n", "hello")).await;
    let reply = scene.get().await.expect("a reply");
    assert_eq!((reply.status, reply.body.whole()), (200, Some(&b"hello"[..])));
    assert_eq!((reply.cache_control.as_deref(), reply.retry_after.as_deref()), (Some("max-age=60"), Some("7")));
    assert_eq!(scene.reached().await, [opened()]);
    let request = scene.server.requests().remove(0);
    assert!(request.starts_with("GET /path?query HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: shop.test:{}\r\n", scene.server.port())), "{request}");
}

#[tokio::test]
async fn an_address_in_an_opened_network_is_reached() {
    let scene = Scene::with(OK()).await;
    let reply = scene.client.get(&scene.endpoint("127.0.0.2")).await.expect("a reply");
    assert_eq!(reply.status, 200);
    assert!(scene.client.admits(&scene.endpoint("127.0.0.2")) && !scene.client.admits(&scene.endpoint("127.0.0.3")));
    assert_eq!(scene.reached().await, [opened()]);
}

#[tokio::test]
async fn a_post_carries_its_token_and_its_body() {
    let scene = Scene::with(Manner::reply("204 No Content", "", "")).await;
    let payload = Payload::Json(br#"{"auth_req_id":"1"}"#.to_vec());
    let reply = scene.client.post(&scene.endpoint("shop.test"), Some("a-token"), payload).await.expect("a reply");
    assert_eq!(reply.status, 204);
    let request = scene.server.requests().remove(0);
    for part in ["POST /path?query ", "authorization: Bearer a-token\r\n", "content-type: application/json\r\n"] {
        assert!(request.contains(part), "{part} in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"auth_req_id\":\"1\"}"), "{request}");
}

#[tokio::test]
async fn of_several_addresses_only_the_right_ones_are_tried() {
    let answers = &["127.0.0.3", "169.254.169.254", "::1", "10.0.0.1", "::ffff:127.0.0.2", "127.0.0.1"];
    let scene = Scene::within(Limits::default(), &[answers], OK()).await;
    assert_eq!(scene.get().await.expect("a reply").status, 200);
    assert_eq!(scene.reached().await, [opened()]);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let scene = Scene::within(Limits::default(), &[&["127.0.0.2"], &["127.0.0.1"]], OK()).await;
    for _ in 0..3 {
        assert_eq!(scene.get().await.expect("a reply").status, 200);
    }
    assert_eq!(scene.reached().await, [opened()], "judged once, when it was made");
}

#[tokio::test]
async fn plain_http_reaches_this_machine_where_it_is_opened() {
    let server = Server::start(None, OK()).await;
    let names = NameServer::knowing(&[("localhost", &[&["10.0.0.1", "127.0.0.1"]])]);
    let mut reach = Reach { roots: Roots::none(), ..Reach::default() };
    reach.networks.open("127.0.0.1/32").unwrap();
    reach.networks.open("10.0.0.0/8").unwrap();
    let client = Client::resolving_by(Limits::default(), &reach, names).expect("a client");
    for host in ["127.0.0.1", "localhost"] {
        let endpoint = Endpoint::foreign(&format!("http://{host}:{}/", server.port())).expect("an endpoint");
        assert_eq!(client.get(&endpoint).await.expect("a reply").status, 200, "{host}");
    }
    let elsewhere = Endpoint::foreign(&format!("http://127.0.0.2:{}/", server.port())).expect("an endpoint");
    assert_eq!(client.get(&elsewhere).await.expect_err("not opened"), Unreachable::Forbidden);
    assert_eq!(server.reached().await, ["127.0.0.1".parse::<IpAddr>().unwrap(); 2]);
}

/// The one name that the system's resolver finds on this machine.
#[tokio::test]
async fn the_systems_resolver_is_behind_the_same_filter() {
    let server = Server::start(None, OK()).await;
    let closed = Reach { roots: Roots::none(), ..Reach::default() };
    let mut open = closed.clone();
    open.networks.open("127.0.0.0/8").unwrap();
    open.networks.open("::1/128").unwrap();
    let strangers = Endpoint::foreign(&format!("http://localhost:{}/", server.port())).expect("an endpoint");
    let operators = Endpoint::operator(strangers.url().clone()).expect("an endpoint");
    for (reach, endpoint, expected) in [
        (&closed, &strangers, Err(Unreachable::Forbidden)),
        (&closed, &operators, Ok(200)),
        (&open, &strangers, Ok(200)),
    ] {
        let client = Client::new(Limits::default(), reach).expect("a client");
        assert_eq!(client.get(endpoint).await.map(|reply| reply.status), expected, "{endpoint:?}");
    }
    assert_eq!(server.reached().await.len(), 2);
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_believed() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.acceptor(&["shop.test"])), OK()).await;
    let endpoint = Endpoint::foreign(&format!("https://shop.test:{}/", server.port())).unwrap();
    for roots in [Roots::none(), Roots::default(), Authority::new().roots()] {
        let mut reach = Reach { roots, ..Reach::default() };
        reach.networks.open("127.0.0.0/8").unwrap();
        let names = NameServer::knowing(&[("shop.test", &[&["127.0.0.1"]])]);
        let client = Client::resolving_by(Limits::default(), &reach, names).expect("a client");
        assert_eq!(client.get(&endpoint).await.expect_err("not believed"), Unreachable::Tls);
    }
    assert!(server.requests().is_empty(), "nothing was said");
}

#[tokio::test]
async fn a_certificate_is_good_for_its_own_names_only() {
    let scene = Scene::with(OK()).await;
    let other = scene.client.get(&scene.endpoint("else.test")).await;
    assert_eq!(other.expect_err("another name"), Unreachable::Tls);
    assert!(scene.server.requests().is_empty(), "nothing was said");
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let server = Server::start(None, OK()).await;
    let mut reach = Reach { roots: Roots::none(), ..Reach::default() };
    reach.networks.open("127.0.0.0/8").unwrap();
    let client = Client::new(Limits::default(), &reach).expect("a client");
    let endpoint = Endpoint::foreign(&format!("https://127.0.0.1:{}/secret", server.port())).unwrap();
    client.get(&endpoint).await.expect_err("no TLS");
    assert!(server.requests().iter().all(|request| !request.contains("secret")));
}

#[tokio::test]
async fn a_redirect_is_a_reply_like_any_other() {
    let elsewhere = Server::start(None, OK()).await;
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"] {
        let location = format!("Location: http://127.0.0.2:{}/\r\n", elsewhere.port());
        let scene = Scene::with(Manner::reply(status, &location, "")).await;
        let code: u16 = status[..3].parse().unwrap();
        assert_eq!(scene.get().await.expect("a reply").status, code);
        let payload = Payload::Json(b"{}".to_vec());
        let reply = scene.client.post(&scene.endpoint("shop.test"), None, payload).await.expect("a reply");
        assert_eq!(reply.status, code);
    }
    assert_eq!(elsewhere.reached().await, Vec::<IpAddr>::new());
}

fn hasty() -> Limits {
    Limits { connect: Duration::from_millis(300), total: Duration::from_millis(600), reply_bytes: 1_024 }
}

async fn hurried(manner: Manner) -> Result<(u16, Option<usize>), Unreachable> {
    let reply = Scene::within(hasty(), &[&["127.0.0.2"]], manner).await.get().await?;
    let length = match &reply.body {
        Body::Whole(body) => Some(body.len()),
        Body::Cut => None,
    };
    Ok((reply.status, length))
}

#[tokio::test]
async fn slow_servers_are_left_alone() {
    assert_eq!(hurried(Manner::Mute).await, Err(Unreachable::Timeout), "no TLS");
    assert_eq!(hurried(Manner::Stall("")).await, Err(Unreachable::Timeout), "no reply");
    assert_eq!(hurried(Manner::Stall("HTTP/1.1 200 OK\r\nContent-")).await, Err(Unreachable::Timeout), "half a head");
    let half = Manner::Stall("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    assert_eq!(hurried(half).await, Ok((200, None)), "half a body");
    let wait = Manner::Endless("", "HTTP/1.1 102 Processing\r\n\r\n");
    hurried(wait).await.expect_err("always about to answer");
}

#[tokio::test]
async fn endless_replies_are_cut() {
    let chunks = Manner::Endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n");
    assert_eq!(hurried(chunks).await, Ok((200, None)), "chunks");
    let large = Manner::Endless("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", "hello");
    assert_eq!(hurried(large).await, Ok((200, None)), "a terabyte");
    let to_the_end = Manner::Endless("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "hello");
    assert_eq!(hurried(to_the_end).await, Ok((200, None)), "no length");
    let headers = Manner::Endless("HTTP/1.1 200 OK\r\n", "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    assert_eq!(hurried(headers).await, Err(Unreachable::Broken), "headers");
    let exact = Manner::reply("200 OK", "", &"a".repeat(1_024));
    assert_eq!(hurried(exact).await, Ok((200, Some(1_024))), "as much as may be");
    let beyond = Manner::reply("200 OK", "", &"a".repeat(1_025));
    assert_eq!(hurried(beyond).await, Ok((200, None)), "one byte more");
    let packed = Manner::reply("200 OK", "Content-Encoding: gzip\r\n", "not unpacked");
    assert_eq!(hurried(packed).await, Ok((200, Some(12))), "nothing is unpacked");
}

#[tokio::test]
async fn an_unknown_name_and_a_closed_port_are_no_connection() {
    let scene = Scene::with(OK()).await;
    let unknown = Endpoint::foreign("https://nobody.test/").unwrap();
    assert_eq!(scene.client.get(&unknown).await.expect_err("unknown"), Unreachable::Connect);
    let closed = Endpoint::foreign("https://127.0.0.2:1/").unwrap();
    assert_eq!(scene.client.get(&closed).await.expect_err("closed"), Unreachable::Connect);
}

/// Runs another test of this file as a process of its own, because the environment belongs to a process.
#[tokio::test]
async fn no_proxy_of_the_environment_is_used() {
    let proxy = Server::start(None, OK()).await;
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let this = std::env::current_exe().expect("a path");
    for test in ["an_address_in_an_opened_network_is_reached", "plain_http_reaches_this_machine_where_it_is_opened"] {
        let mut child = Command::new(&this);
        child.args(["--exact", &format!("reached::{test}")]).env_remove("no_proxy").env_remove("NO_PROXY");
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            child.env(name, &address);
        }
        let output = child.output().expect("a process");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
    assert_eq!(proxy.reached().await, Vec::<IpAddr>::new());
}

#[test]
fn roots_are_certificates_in_pem() {
    let mut roots = Roots::none();
    assert_eq!(roots.add_pem(b""), Err(BadRoots::NoCertificate));
    assert_eq!(roots.add_pem(b"a text"), Err(BadRoots::NoCertificate));
    let key = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    assert_eq!(roots.add_pem(key.as_bytes()), Err(BadRoots::NoCertificate));
    let junk = b"-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";
    assert_eq!(roots.add_pem(junk), Err(BadRoots::BadCertificate));
    let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert_eq!(roots.add_pem(broken), Err(BadRoots::NoCertificate));
    assert_eq!(format!("{roots:?}"), "Roots { system: false, extra: 0 }");
}
