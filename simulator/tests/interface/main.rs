//! What others script against: the simulator's process, its flags, the line of `--describe`, and `/automation/decide`.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Output;
use std::sync::Arc;

use axum::http::Request;
use device_core::ports::{HttpRequest, Transport, TransportError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::TLS12;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use simulator::wire::{Answer, Wire};
use tempfile::TempDir;

use process::{Simulator, command};

mod conformance;
mod process;

impl Simulator {
    async fn client(&self, position: usize, authentication: Authentication) -> RelyingParty {
        let credentials = Credentials {
            id: self.text(&format!("/clients/{position}/client_id")),
            secret: self.text(&format!("/clients/{position}/client_secret")),
            authentication,
        };
        let wire = wire_to(&self.text("/discovery"));
        RelyingParty::discover(wire, &self.text("/issuer"), credentials).await.expect("a discovery document")
    }

    async fn decide(&self, query: &str) -> Answer {
        let url = format!("{}{query}", self.text("/automation"));
        let request = Request::post(&url).body(Vec::new()).expect("a request");
        wire_to(&url).send(request).await.expect("an answer")
    }
}

fn wire_to(url: &str) -> Wire {
    let host = url.split('/').nth(2).expect("a host");
    Wire::to(host.parse().expect("an address"))
}

async fn ask(client: &RelyingParty) -> String {
    let answer = client.begin(&[("scope", "openid"), ("login_hint", "1001")]).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
    answer.json()["auth_req_id"].as_str().expect("an auth_req_id").to_owned()
}

async fn poll(client: &RelyingParty, asked: &str) -> String {
    client.poll(asked).await.expect("an answer").in_short()
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_script_lets_the_phone_allow_and_deny() {
    let simulator = Simulator::start(&[]);
    let client = simulator.client(0, Authentication::Basic).await;
    let (allowed, denied) = (ask(&client).await, ask(&client).await);
    assert_eq!(poll(&client, &allowed).await, "400 authorization_pending");
    assert_eq!(simulator.decide(&format!("?auth_req_id={allowed}&action=allow")).await.in_short(), "200");
    assert_eq!(simulator.decide(&format!("?auth_req_id={denied}&action=deny")).await.in_short(), "200");
    assert_eq!(poll(&client, &allowed).await, "200");
    assert_eq!(poll(&client, &denied).await, "400 access_denied");
    assert!(simulator.terminate().success());
}

#[tokio::test]
async fn a_script_that_errs_is_told_so() {
    let simulator = Simulator::start(&[]);
    let asked = ask(&simulator.client(0, Authentication::Basic).await).await;
    for (query, expected) in [
        ("?auth_req_id=unknown&action=allow".to_owned(), "404 unknown_auth_req_id"),
        (format!("?auth_req_id={asked}&action=maybe"), "400 invalid_request"),
        (format!("?auth_req_id={asked}"), "400 invalid_request"),
        ("?action=allow".to_owned(), "400 invalid_request"),
        (String::new(), "400 invalid_request"),
    ] {
        assert_eq!(simulator.decide(&query).await.in_short(), expected, "{query}");
    }
    let automation = simulator.text("/automation");
    let got = wire_to(&automation).get(&automation).await.expect("an answer");
    assert_eq!(got.in_short(), "405 invalid_request");
    let at_the_provider = format!("{}/automation/decide?auth_req_id={asked}&action=allow", simulator.text("/issuer"));
    let request = Request::post(&at_the_provider).body(Vec::new()).expect("a request");
    let answer = wire_to(&at_the_provider).send(request).await.expect("an answer");
    assert_eq!(answer.status, 404, "the provider itself has no such route");
}

#[tokio::test]
async fn the_description_says_everything_that_a_script_needs() {
    let simulator = Simulator::start(&[]);
    let issuer = simulator.text("/issuer");
    assert_eq!(simulator.text("/discovery"), format!("{issuer}/.well-known/openid-configuration"));
    assert_eq!(simulator.text("/users/0/subject"), "1001");
    assert_eq!(simulator.text("/users/0/user_code"), "675325");
    for pointer in ["/users/0/username", "/users/0/email", "/users/0/phone", "/clients/0/client_secret"] {
        assert!(!simulator.text(pointer).is_empty(), "{pointer}");
    }
    let url = format!("{}/audit", simulator.text("/admin/url"));
    let bearer = format!("Bearer {}", simulator.text("/admin/token"));
    let request = Request::get(&url).header("authorization", bearer).body(Vec::new()).expect("a request");
    assert_eq!(wire_to(&url).send(request).await.expect("an answer").in_short(), "200");
}

/// The clients without what is another at each start: where those of the demo are told.
fn kept(simulator: &Simulator) -> Vec<Value> {
    let mut clients = simulator.description["clients"].as_array().expect("clients").clone();
    for client in &mut clients {
        client.as_object_mut().expect("metadata").remove("backchannel_client_notification_endpoint");
    }
    clients
}

/// With `--tls`: the wire that its authority's file opens.
#[tokio::test]
async fn tls_is_served_by_an_authority_whose_files_are_told() {
    let simulator = Simulator::start(&["--tls", "--fapi"]);
    let issuer = simulator.text("/issuer");
    assert!(issuer.starts_with("https://localhost:"), "{issuer}");
    let ca = std::fs::read_to_string(simulator.text("/tls/ca")).expect("the authority's certificate");
    let port: u16 = issuer.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let wire = Wire::secure(([127, 0, 0, 1], port).into(), "localhost", &ca, None).expect("an authority");
    let document = wire.get(&simulator.text("/discovery")).await.expect("an answer").json();
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = document["mtls_endpoint_aliases"]["token_endpoint"].as_str().expect("an alias");
    assert!(aliases.starts_with(&simulator.text("/tls/mtls")), "{aliases}");
    let modes = document["backchannel_token_delivery_modes_supported"].clone();
    assert_eq!(modes, json!(["poll", "ping"]), "FAPI-CIBA has no push");
    for file in ["/tls/client_certificate", "/tls/client_key"] {
        assert!(std::path::Path::new(&simulator.text(file)).exists(), "{file}");
    }
    let plain = Wire::secure(([127, 0, 0, 1], port).into(), "localhost", "", None).expect("no authority");
    plain.get(&simulator.text("/discovery")).await.expect_err("nobody else vouches for it");
    let call = HttpRequest {
        method: "GET".to_owned(),
        url: simulator.text("/discovery"),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_seconds: 5,
    };
    let untrusted = Transport::send(&plain, call).await;
    assert!(matches!(untrusted, Err(TransportError::UntrustedCertificate { .. })), "a phone can tell: {untrusted:?}");
}

/// Whether a client that has no newer version gets through the handshake.
fn speaks_tls12(simulator: &Simulator) -> bool {
    let mut roots = RootCertStore::empty();
    let ca = std::fs::read(simulator.text("/tls/ca")).expect("the authority's certificate");
    roots.add(CertificateDer::from_pem_slice(&ca).expect("PEM")).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS12]).expect("a version");
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let mut client = ClientConnection::new(config, "localhost".try_into().expect("a name")).expect("a client");
    let issuer = simulator.text("/issuer");
    let port = issuer.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).expect("a port");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    while client.is_handshaking() {
        if client.complete_io(&mut socket).is_err() {
            return false;
        }
    }
    true
}

#[test]
fn tls_1_2_is_spoken_only_where_it_is_asked_for() {
    assert!(!speaks_tls12(&Simulator::start(&["--tls"])));
    assert!(speaks_tls12(&Simulator::start(&["--tls", "--tls12"])));
}

#[tokio::test]
async fn clients_come_from_a_file_and_a_directory_keeps_everything() {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("clients.json");
    let clients = json!([
        { "client_id": "posting", "client_secret": "a secret of its own choice",
          "token_endpoint_auth_method": "client_secret_post" },
        { "client_id": "generated", "client_name": "No secret of its own" },
    ]);
    std::fs::write(&file, clients.to_string()).expect("a file");
    let data = home.path().join("data");
    let (data, file) = (data.to_str().expect("text"), file.to_str().expect("text"));
    let first = Simulator::start(&["--data", data, "--clients", file]);
    let posting = first.client(1, Authentication::Post).await;
    assert_eq!(posting.id(), "posting");
    let asked = ask(&posting).await;
    let (before, issuer) = (kept(&first), first.text("/issuer"));
    assert!(first.terminate().success());

    // The issuer holds the port, so the second start takes the same one.
    let address = issuer.strip_prefix("http://").expect("plain http").to_owned();
    let second = Simulator::start(&["--data", data, "--clients", file, "--listen", &address]);
    assert_eq!(kept(&second), before);
    assert_eq!(second.text("/issuer"), issuer);
    assert_eq!(second.decide(&format!("?auth_req_id={asked}&action=allow")).await.in_short(), "200");
    assert_eq!(poll(&second.client(1, Authentication::Post).await, &asked).await, "200");
    assert!(second.terminate().success());

    let elsewhere = command(&["--data", data, "--public-url", "https://other.example"]).output().expect("it runs");
    assert!(failed(&elsewhere).contains("cannot become https://other.example"));
}

#[tokio::test]
async fn interval_limits_and_issuer_are_what_the_command_line_says() {
    let plain = Simulator::start(&["--interval", "2", "--public-url", "https://op.example/"]);
    assert_eq!(plain.text("/issuer"), "https://op.example");
    let limited_demo = Simulator::start(&["--limits"]);
    let limited = limited_demo.client(0, Authentication::Basic).await;
    for _ in 0..3 {
        ask(&limited).await;
    }
    let fourth = limited.begin(&[("scope", "openid"), ("login_hint", "1001")]).await.expect("an answer");
    assert_eq!(fourth.in_short(), "403 access_denied", "three wait for the user");
}

#[test]
fn a_port_in_use_is_said_and_ends_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = command(&["--headless", "--listen", &address]).output().expect("it runs");
    let said = failed(&output);
    assert!(said.contains(&address) && said.contains("in use") && said.contains("--listen"), "{said}");
}

#[test]
fn a_file_of_clients_that_cannot_be_used_is_said_and_ends_it() {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("clients.json");
    let path = file.to_str().expect("text");
    for (content, why) in [
        ("{}", "--clients"),
        ("[{\"client_name\":\"x\"}]", "client 1 has no client_id"),
        (
            "[{\"client_id\":\"x\",\"backchannel_token_delivery_mode\":\"push\"}]",
            "backchannel_client_notification_endpoint",
        ),
    ] {
        std::fs::write(&file, content).expect("a file");
        let output = command(&["--clients", path]).output().expect("it runs");
        assert!(failed(&output).contains(why), "{content}");
    }
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_said_and_ends_it() {
    for flag in ["--trust", "--client-ca"] {
        let output = command(&["--tls", flag, "/nonexistent/authority.pem"]).output().expect("it runs");
        let said = failed(&output);
        assert!(said.contains(flag) && said.contains("/nonexistent/authority.pem"), "{said}");
    }
}

#[tokio::test]
async fn a_machine_without_certificate_authorities_runs_the_demo_too() {
    let mut child = command(&["--describe"]);
    child.envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")]);
    let simulator = Simulator::of(child);
    let client = simulator.client(0, Authentication::Basic).await;
    assert_eq!(poll(&client, "unknown").await, "400 invalid_grant");
}
