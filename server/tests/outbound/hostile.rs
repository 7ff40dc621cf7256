//! What strangers' URLs never reach. Every URL names the port of a server that listens on all addresses of this
//! machine and counts: one connection is one too many.

use std::net::Ipv6Addr;

use server::outbound::client::{Client, Limits, Payload, Reach, Unreachable};
use server::outbound::endpoint::{BadEndpoint, Endpoint};
use server::outbound::roots::Roots;

use crate::key_material::Authority;
use crate::name_server::NameServer;
use crate::server::{Manner, Server};

/// What becomes of a URL before anything is sent.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Its text is enough.
    Text(BadEndpoint),
    /// Where it leads to.
    Address,
}

use BadEndpoint::{Form, Fragment, Scheme, UserInfo};
use Refusal::{Address, Text};

/// `{}` is the port of the server that must not be reached.
const URLS: &[(&str, Refusal)] = &[
    // Loopback, spelled as the standard of URLs allows
    ("https://127.0.0.1:{}/", Address),
    ("HTTPS://127.0.0.1:{}/", Address),
    ("https://127.0.0.2:{}/", Address),
    ("https://127.255.255.254:{}/", Address),
    ("https://127.0.0.1.:{}/", Address),
    ("https://127.1:{}/", Address),
    ("https://127.0.1:{}/", Address),
    ("https://2130706433:{}/", Address),
    ("https://2130706433.:{}/", Address),
    ("https://0x7f000001:{}/", Address),
    ("https://0X7F000001:{}/", Address),
    ("https://0x7f.0x0.0x0.0x1:{}/", Address),
    ("https://0x7f.1:{}/", Address),
    ("https://017700000001:{}/", Address),
    ("https://0177.0.0.1:{}/", Address),
    ("https://0177.0.0x1:{}/", Address),
    ("https://00000177.1:{}/", Address),
    ("https://127%2e0%2e0%2e1:{}/", Address),
    ("https://%31%32%37.0.0.1:{}/", Address),
    ("https://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1:{}/", Address),
    ("https://127%E3%80%820%E3%80%820%E3%80%821:{}/", Address),
    ("https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1:{}/", Address),
    ("https://0.0.0.0:{}/", Address),
    ("https://0:{}/", Address),
    ("https://0x0:{}/", Address),
    ("https://0.1.2.3:{}/", Address),
    // …and in IPv6
    ("https://[::1]:{}/", Address),
    ("https://[0:0:0:0:0:0:0:1]:{}/", Address),
    ("https://[0000:0000:0000:0000:0000:0000:0000:0001]:{}/", Address),
    ("https://[::]:{}/", Address),
    ("https://[::ffff:127.0.0.1]:{}/", Address),
    ("https://[::FFFF:7F00:1]:{}/", Address),
    ("https://[0:0:0:0:0:ffff:7f00:1]:{}/", Address),
    ("https://[::ffff:0:0]:{}/", Address),
    ("https://[::ffff:0:127.0.0.1]:{}/", Address),
    ("https://[::127.0.0.1]:{}/", Address),
    ("https://[64:ff9b::127.0.0.1]:{}/", Address),
    ("https://[64:ff9b:1::7f00:1]:{}/", Address),
    ("https://[2002:7f00:1::]:{}/", Address),
    ("https://[2001:0:7f00:1::80ff:fffe]:{}/", Address),
    ("https://[2a00:1450::5efe:127.0.0.1]:{}/", Address),
    // Networks of one's own, and nobody's
    ("https://10.0.0.1:{}/", Address),
    ("https://172.16.0.1:{}/", Address),
    ("https://192.168.1.1:{}/", Address),
    ("https://3232235777:{}/", Address),
    ("https://100.64.0.1:{}/", Address),
    ("https://198.18.0.1:{}/", Address),
    ("https://192.0.2.1:{}/", Address),
    ("https://224.0.0.1:{}/", Address),
    ("https://240.0.0.1:{}/", Address),
    ("https://255.255.255.255:{}/", Address),
    ("https://[fc00::1]:{}/", Address),
    ("https://[fd12:3456::1]:{}/", Address),
    ("https://[fec0::1]:{}/", Address),
    ("https://[ff02::1]:{}/", Address),
    ("https://[100::1]:{}/", Address),
    ("https://[2001:db8::1]:{}/", Address),
    ("https://[64:ff9b::10.0.0.1]:{}/", Address),
    // What a machine tells itself about itself
    ("https://169.254.169.254:{}/latest/meta-data/", Address),
    ("https://0xa9fea9fe:{}/", Address),
    ("https://2852039166:{}/", Address),
    ("https://0251.0376.0251.0376:{}/", Address),
    ("https://[::ffff:a9fe:a9fe]:{}/", Address),
    ("https://[64:ff9b::a9fe:a9fe]:{}/", Address),
    ("https://[fe80::a9fe:a9fe]:{}/", Address),
    ("https://[fd00:ec2::254]:{}/", Address),
    ("https://100.100.100.200:{}/", Address),
    ("https://168.63.129.16:{}/", Address),
    ("https://192.0.0.192:{}/", Address),
    // In clear: to this machine only where the operator opened it, elsewhere never
    ("http://127.0.0.1:{}/", Address),
    ("http://[::1]:{}/", Address),
    ("http://0x7f.1:{}/", Address),
    ("http://localhost:{}/", Address),
    ("http://localhost.:{}/", Text(Scheme)),
    ("http://localhost.localdomain:{}/", Text(Scheme)),
    ("http://0.0.0.0:{}/", Text(Scheme)),
    ("http://[::ffff:127.0.0.1]:{}/", Text(Scheme)),
    ("http://shop.test:{}/", Text(Scheme)),
    ("ws://127.0.0.1:{}/", Text(Scheme)),
    ("ftp://127.0.0.1:{}/", Text(Scheme)),
    ("gopher://127.0.0.1:{}/_GET", Text(Scheme)),
    ("file:///etc/passwd", Text(Form)),
    ("unix:///run/docker.sock", Text(Form)),
    ("data:application/json,{}", Text(Form)),
    // One host for the reader, another for the caller
    ("https://shop.test@127.0.0.1:{}/", Text(UserInfo)),
    ("https://shop.test:443@127.0.0.1:{}/", Text(UserInfo)),
    ("https://127.0.0.1:{}@shop.test/", Text(UserInfo)),
    ("https://127.0.0.1:{}#@shop.test/", Text(Fragment)),
    ("https://127.0.0.1:{}?@shop.test/", Address),
    ("https://127.0.0.1:{}/@shop.test/", Address),
    ("https://127.0.0.1:{}\\@shop.test/", Text(Form)),
    ("https://shop.test\\@127.0.0.1:{}/", Text(Form)),
    ("https:\\\\127.0.0.1:{}\\", Text(Form)),
    ("https:127.0.0.1:{}/", Text(Form)),
    ("https:/127.0.0.1:{}/", Text(Form)),
    ("https:///127.0.0.1:{}/", Text(Form)),
    ("//127.0.0.1:{}/", Text(Form)),
    ("https://127.0.0.1\t:{}/", Text(Form)),
    ("https://127.0.0.1\r\nHost: shop.test:{}/", Text(Form)),
    (" https://127.0.0.1:{}/", Text(Form)),
    ("https://①②⑦.⓪.⓪.①:{}/", Text(Form)),
    ("https://127。0。0。1:{}/", Text(Form)),
    ("https://[fe80::1%25lo]:{}/", Text(Form)),
    ("https://127.0.0.1.1:{}/", Text(Form)),
    ("https://4294967296:{}/", Text(Form)),
    // Names that lead home (the name server below knows them)
    ("https://localhost:{}/", Address),
    ("https://LOCALHOST:{}/", Address),
    ("https://localhost.:{}/", Address),
    ("https://any.localhost:{}/", Address),
    ("https://127.0.0.1.shop.test:{}/", Address),
    ("https://xn--loc-8la.test:{}/", Address),
];

/// What a name server may answer, in one go.
const ANSWERS: &[&[&str]] = &[
    &["127.0.0.1"],
    &["127.0.0.53"],
    &["::1"],
    &["0.0.0.0"],
    &["::"],
    &["::ffff:127.0.0.1"],
    &["::ffff:0.0.0.0"],
    &["::ffff:169.254.169.254"],
    &["::127.0.0.1"],
    &["::ffff:0:127.0.0.1"],
    &["64:ff9b::7f00:1"],
    &["64:ff9b::a9fe:a9fe"],
    &["64:ff9b:1::7f00:1"],
    &["2002:7f00:1::"],
    &["2001:0:7f00:1::80ff:fffe"],
    &["10.1.2.3"],
    &["172.31.255.255"],
    &["192.168.0.10"],
    &["100.127.255.255"],
    &["169.254.169.254"],
    &["169.254.170.2"],
    &["100.100.100.200"],
    &["168.63.129.16"],
    &["192.0.0.192"],
    &["198.19.255.255"],
    &["192.0.2.1"],
    &["198.51.100.1"],
    &["203.0.113.1"],
    &["192.88.99.1"],
    &["224.0.0.251"],
    &["255.255.255.255"],
    &["fc00::1"],
    &["fd00:ec2::254"],
    &["fe80::1"],
    &["fec0::1"],
    &["ff02::fb"],
    &["2001:db8::1"],
    &["3fff::1"],
    &["100::1"],
    &["127.0.0.1", "::1", "10.0.0.1", "fe80::1"],
    &["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "::1"],
    &[],
];

const HOME: [&str; 6] =
    ["localhost", "localhost.", "any.localhost", "127.0.0.1.shop.test", "xn--loc-8la.test", "shop.test"];

async fn refusal(client: &Client, url: &str) -> Result<u16, Refusal> {
    let endpoint = Endpoint::foreign(url).map_err(Text)?;
    let got = client.get(&endpoint).await;
    let payload = Payload::Json(b"{}".to_vec());
    let posted = client.post(&endpoint, Some("a-token"), payload).await;
    match (got, posted) {
        (Err(Unreachable::Forbidden), Err(Unreachable::Forbidden)) => Err(Address),
        (got, posted) => panic!("{url} is refused by both methods, not {got:?} and {posted:?}"),
    }
}

#[tokio::test]
async fn no_hostile_url_reaches_this_machine_or_its_networks() {
    let authority = Authority::new();
    let server = Server::start(None, Manner::reply("200 OK", "", "reached")).await;
    let names = NameServer::knowing(&HOME.map(|name| (name, &[&["127.0.0.1", "::1"] as &[_]] as &[&[_]])));
    let reach = Reach { roots: authority.roots(), ..Reach::default() };
    let client = Client::resolving_by(Limits::default(), &reach, names).expect("a client");
    let port = server.port().to_string();
    for (template, expected) in URLS {
        let url = template.replace("{}", &port);
        assert_eq!(refusal(&client, &url).await.as_ref(), Err(expected), "{url}");
    }
    assert_eq!(server.reached().await, Vec::<std::net::IpAddr>::new());
    assert!(URLS.len() + ANSWERS.len() > 120, "the table shrinks");
}

#[tokio::test]
async fn no_answer_of_a_name_server_leads_there_either() {
    let server = Server::start(None, Manner::reply("200 OK", "", "reached")).await;
    for answer in ANSWERS {
        let names = NameServer::knowing(&[("shop.test", &[answer])]);
        let reach = Reach { roots: Roots::none(), ..Reach::default() };
        let client = Client::resolving_by(Limits::default(), &reach, names.clone()).expect("a client");
        let url = format!("https://shop.test:{}/", server.port());
        assert_eq!(refusal(&client, &url).await, Err(Address), "{answer:?}");
        assert_eq!(names.asked(), ["shop.test", "shop.test"], "{answer:?}: once for each call");
    }
    assert_eq!(server.reached().await, Vec::<std::net::IpAddr>::new());
}

#[tokio::test]
async fn a_metadata_service_is_out_of_reach_even_if_everything_is_opened() {
    let mut reach = Reach { roots: Roots::none(), ..Reach::default() };
    reach.networks.open("0.0.0.0/0").unwrap();
    reach.networks.open("::/0").unwrap();
    let never = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fe80::1", "fd00:ec2::254"];
    let names = NameServer::knowing(&[("shop.test", &[&never])]);
    let client = Client::resolving_by(Limits::default(), &reach, names).expect("a client");
    assert_eq!(refusal(&client, "https://shop.test/").await, Err(Address));
    for literal in never {
        let host = literal.parse::<Ipv6Addr>().map_or(literal.to_owned(), |address| format!("[{address}]"));
        assert_eq!(refusal(&client, &format!("https://{host}/")).await, Err(Address), "{literal}");
    }
}

/// The address that the operator opened plays the public one.
#[tokio::test]
async fn a_name_that_is_bound_again_after_the_first_call_gains_nothing() {
    let authority = Authority::new();
    let closing = Manner::reply("200 OK", "Connection: close\r\n", "reached");
    let server = Server::start(Some(authority.acceptor(&["shop.test"])), closing).await;
    let names = NameServer::knowing(&[("shop.test", &[&["127.0.0.2"], &["127.0.0.1"], &["169.254.169.254"]])]);
    let mut reach = Reach { roots: authority.roots(), ..Reach::default() };
    reach.networks.open("127.0.0.2/32").unwrap();
    let client = Client::resolving_by(Limits::default(), &reach, names.clone()).expect("a client");
    let endpoint = Endpoint::foreign(&format!("https://shop.test:{}/", server.port())).unwrap();
    assert_eq!(client.get(&endpoint).await.expect("a reply").status, 200);
    assert_eq!(names.asked(), ["shop.test"], "what was judged is what was connected to: nobody asks twice");
    for _ in 0..2 {
        assert_eq!(client.get(&endpoint).await.expect_err("refused"), Unreachable::Forbidden);
    }
    assert_eq!(server.reached().await, ["127.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
}

#[tokio::test]
async fn a_strangers_call_never_travels_on_an_operators_connection() {
    let authority = Authority::new();
    let server =
        Server::start(Some(authority.acceptor(&["internal.test"])), Manner::reply("200 OK", "", "reached")).await;
    let names = NameServer::knowing(&[("internal.test", &[&["127.0.0.1"]])]);
    let reach = Reach { roots: authority.roots(), ..Reach::default() };
    let client = Client::resolving_by(Limits::default(), &reach, names).expect("a client");
    let url = format!("https://internal.test:{}/", server.port());
    let operators = Endpoint::operator(url.parse().unwrap()).unwrap();
    assert_eq!(client.get(&operators).await.expect("a reply").status, 200);
    assert_eq!(refusal(&client, &url).await, Err(Address));
    assert_eq!(client.get(&operators).await.expect("a reply").status, 200);
    assert_eq!(server.reached().await.len(), 1, "the operator's connection is used again");
}
