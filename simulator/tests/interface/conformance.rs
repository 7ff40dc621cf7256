//! `--conformance`, as docs/conformance.md tells it: what the OpenID Foundation's suite is configured with is true. The
//! suite's part is played here with nothing but a configuration: keys, certificates and addresses come from there.

use std::fs;
use std::net::Ipv4Addr;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode, Uri};
use protocol::base64url;
use serde_json::{Value, json};
use server::app::system::{SystemClock, SystemRandom as OurRandom};
use server::domain::random::Random;
use server::domain::time::Clock as _;
use server::http::serve::{Door, serve};
use server::http::tls::{ClientCertificates, MinVersion, ServerCertificate, Tls};
use simulator::relying_party::{form, post_form};
use simulator::wire::{Answer, Wire};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use url::Url;
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::UintRef;

use crate::process::Simulator;

const PAGE: &str = include_str!("../../../docs/conformance.md");

/// The block of the page that begins so.
fn block(name: &str) -> &'static str {
    let (_, after) = PAGE.split_once(&format!("```{name}\n")).expect(name);
    after.split_once("```").expect("the block ends").0
}

/// The page's command, in a directory of our own, on free ports, and with this suite.
fn flags(home: &TempDir, port: u16, suite: &str) -> Vec<String> {
    let (_, flags) = block("sh start").split_once(" -- ").expect("flags");
    let home = format!("{}/", home.path().display());
    let placed = |word: &str| match word {
        "0.0.0.0:9444" | "0.0.0.0:9445" => "0.0.0.0:0".to_owned(),
        "https://localhost.emobix.co.uk:8443" => suite.to_owned(),
        word => word.replace("conformance/", &home).replace("9443", &port.to_string()),
    };
    flags.split_whitespace().filter(|word| *word != "\\").map(placed).collect()
}

/// The issuer names its port, so it must be known beforehand.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn start(flags: &[String]) -> Simulator {
    Simulator::start(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Each configuration and the plan that it is for.
fn configurations(simulator: &Simulator) -> Vec<(Value, String)> {
    let told = simulator.description["conformance"]["configurations"].as_array().expect("configurations");
    let read = |told: &Value| {
        let file = fs::read(told["file"].as_str().expect("a file")).expect("it is there");
        (serde_json::from_slice(&file).expect("JSON"), told["plan"].as_str().expect("a plan").to_owned())
    };
    told.iter().map(read).collect()
}

#[tokio::test]
async fn a_suite_gets_along_with_nothing_but_each_of_its_configurations() {
    let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let suite = format!("https://localhost:{}", front.local_addr().expect("an address").port());
    let home = TempDir::new().expect("a directory");
    let simulator = start(&flags(&home, free_port(), &suite));
    let mut pings = pings(front, &simulator);
    let configurations = configurations(&simulator);
    assert_eq!(configurations.len(), 12);
    for (configuration, plan) in &configurations {
        for number in [1, 2] {
            let party = Party::of(&simulator, configuration, plan, number);
            let auth_req_id = party.ask().await;
            assert_eq!(party.collect(&auth_req_id).await.in_short(), "400 authorization_pending", "{plan}");
            decide(configuration, &auth_req_id).await;
            if party.is_pinged {
                let alias = configuration["alias"].as_str().expect("an alias");
                let expected = (format!("/test/a/{alias}/ciba-notification-endpoint"), format!("Bearer {TOKEN}"));
                assert_eq!(pings.recv().await.expect("a ping"), expected);
            }
            let tokens = party.collect(&auth_req_id).await;
            assert_eq!(tokens.in_short(), "200", "{plan}: {}", tokens.json());
            let tokens = tokens.json();
            if let Some(acr) = &party.acr {
                let claims = tokens["id_token"].as_str().and_then(|it| it.split('.').nth(1)).expect("an ID token");
                let claims = base64url::decode(claims).expect("base64url");
                assert_eq!(serde_json::from_slice::<Value>(&claims).expect("claims")["acr"], acr.as_str());
            }
            let answer = party.resource(tokens["access_token"].as_str().expect("a token")).await;
            assert_eq!((answer.in_short(), answer.json()["sub"].clone()), ("200".to_owned(), json!("1001")), "{plan}");
        }
    }
    assert!(pings.try_recv().is_err(), "one ping each, and none for those who poll");
}

#[test]
fn the_page_shows_a_configuration_as_it_is_written() {
    let home = TempDir::new().expect("a directory");
    let port = free_port();
    let written = configurations(&start(&flags(&home, port, "https://localhost.emobix.co.uk:8443")));
    let name = "private-key-jwt-ping-ps256";
    let shown: Value = serde_json::from_str(block(&format!("json {name}.json"))).expect("JSON");
    let alias = format!("assent-{name}");
    let (written, plan) = written.into_iter().find(|(it, _)| it["alias"] == alias.as_str()).expect("it is written");
    same(&shown, &written, "configuration");
    assert_eq!(
        plan,
        "fapi-ciba-id1-test-plan[client_auth_type=private_key_jwt][ciba_mode=ping][fapi_ciba_profile=plain_fapi]\
         [client_registration=static_client]"
    );
}

/// The same members; and the same values, as far as the page shows them and no port is in them.
fn same(shown: &Value, written: &Value, place: &str) {
    match (shown, written) {
        (Value::Object(shown), Value::Object(written)) => {
            let names =
                |it: &serde_json::Map<String, Value>| it.keys().cloned().collect::<std::collections::BTreeSet<_>>();
            assert_eq!(names(shown), names(written), "{place}");
            shown.iter().for_each(|(name, value)| same(value, &written[name], &format!("{place}.{name}")));
        }
        (Value::Array(shown), Value::Array(written)) => {
            assert_eq!(shown.len(), written.len(), "{place}");
            shown.iter().zip(written).for_each(|(shown, written)| same(shown, written, place));
        }
        (Value::String(shown), Value::String(written)) => {
            let without_port = |text: &str| {
                text.split(':').map(|it| it.trim_start_matches(char::is_numeric).to_owned()).collect::<Vec<_>>()
            };
            let (start, is_cut) = shown.split_once('…').map_or((shown.as_str(), false), |(start, _)| (start, true));
            if is_cut {
                assert!(written.starts_with(start), "{place}");
            } else {
                assert_eq!(without_port(shown), without_port(written), "{place}");
            }
        }
        _ => panic!("{place}: {shown} and {written}"),
    }
}

#[test]
fn what_was_uploaded_stays_true_and_only_addresses_follow_the_command_line() {
    let home = TempDir::new().expect("a directory");
    let port = free_port();
    let kept = |mut configuration: Value| {
        let address = configuration["automated_ciba_approval_url"].take();
        assert!(address.as_str().is_some_and(|it| it.starts_with("http://op.assent.test:")), "{address}");
        configuration["resource"].take();
        configuration
    };
    let first = start(&flags(&home, port, "https://localhost:8443"));
    let before: Vec<_> = configurations(&first).into_iter().map(|(it, _)| kept(it)).collect();
    assert!(first.terminate().success());
    let again = start(&flags(&home, port, "https://suite.example"));
    let after: Vec<_> = configurations(&again).into_iter().map(|(it, _)| kept(it)).collect();
    assert_eq!(before, after);
    let clients = again.description["clients"].as_array().expect("clients");
    let endpoints: Vec<_> =
        clients.iter().filter_map(|it| it["backchannel_client_notification_endpoint"].as_str()).collect();
    assert_eq!(endpoints.iter().filter(|it| it.starts_with("https://suite.example/test/a/assent-")).count(), 12);
}

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

/// Path and `Authorization` of each call to the suite's front, which shows the certificate that was made for it.
fn pings(front: TcpListener, simulator: &Simulator) -> mpsc::UnboundedReceiver<(String, String)> {
    let read = |name: &str| fs::read(simulator.text(&format!("/conformance/{name}"))).expect(name);
    let certificate = ServerCertificate::from_pem(&read("suite_certificate"), &read("suite_key"), MinVersion::Tls13);
    let tls = Tls::new(&certificate.expect("a certificate"), ClientCertificates::NotAsked).expect("it can be shown");
    let (told, heard) = mpsc::unbounded_channel();
    let router = Router::new().fallback(called).with_state(told);
    tokio::spawn(async move {
        let (_going_on, stop) = watch::channel(false);
        serve(front, router, Door { tls: Some(tls), ..Door::default() }, stop).await;
    });
    heard
}

async fn called(
    State(told): State<mpsc::UnboundedSender<(String, String)>>,
    call: Request<axum::body::Body>,
) -> StatusCode {
    let token = call.headers().get(AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let path = Uri::path(call.uri()).to_owned();
    // The test may be over.
    let _ = told.send((path, token.to_owned()));
    StatusCode::NO_CONTENT
}

async fn decide(configuration: &Value, auth_req_id: &str) {
    let url = configuration["automated_ciba_approval_url"].as_str().expect("a URL");
    let url = url.replace("{auth_req_id}", auth_req_id).replace("{action}", "allow");
    let address = (Ipv4Addr::LOCALHOST, Url::parse(&url).expect("a URL").port().expect("a port")).into();
    let request = Request::post(&url).body(Vec::new()).expect("a request");
    assert_eq!(Wire::to(address).send(request).await.expect("an answer").in_short(), "200");
}

/// One of the two clients of a configuration, as the suite plays it.
struct Party {
    plain: Wire,
    mtls: Wire,
    client: Value,
    acr: Option<String>,
    issuer: String,
    resource: String,
    is_pinged: bool,
    has_assertions: bool,
}

impl Party {
    fn of(simulator: &Simulator, configuration: &Value, plan: &str, number: u8) -> Self {
        let (client, mtls) = if number == 1 { ("client", "mtls") } else { ("client2", "mtls2") };
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let discovery = text(&configuration["server"]["discoveryUrl"]);
        let resource = text(&configuration["resource"]["resourceUrl"]);
        let authority = fs::read_to_string(simulator.text("/tls/ca")).expect("the authority");
        let (certificate, key) = (text(&configuration[mtls]["cert"]), text(&configuration[mtls]["key"]));
        let wire = |url: &str| {
            let url = Url::parse(url).expect("a URL");
            let address = (Ipv4Addr::LOCALHOST, url.port().expect("a port")).into();
            let host = url.host_str().expect("a host");
            Wire::secure(address, host, &authority, Some((&certificate, &key))).expect("a certificate and its key")
        };
        Self {
            plain: wire(&discovery),
            mtls: wire(&resource),
            client: configuration[client].clone(),
            acr: configuration[client]["acr_value"].as_str().map(str::to_owned),
            issuer: discovery.strip_suffix("/.well-known/openid-configuration").expect("a discovery URL").to_owned(),
            resource,
            is_pinged: plan.contains("[ciba_mode=ping]"),
            has_assertions: plan.contains("[client_auth_type=private_key_jwt]"),
        }
    }

    fn id(&self) -> &str {
        self.client["client_id"].as_str().expect("an id")
    }

    /// A JWT for the issuer, good for a minute.
    fn sign(&self, claims: &Value) -> String {
        let now = SystemClock.now().unix_seconds();
        let jwk = &self.client["jwks"]["keys"][0];
        let mut claims = claims.clone();
        let all = json!({
            "iss": self.id(), "aud": self.issuer, "iat": now, "nbf": now, "exp": now + 60, "jti": unique(),
        });
        claims.as_object_mut().expect("claims").extend(all.as_object().expect("claims").clone());
        let encode = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", encode(&json!({ "alg": jwk["alg"], "kid": jwk["kid"] })), encode(&claims));
        format!("{input}.{}", base64url::encode(&signature(jwk, input.as_bytes())))
    }

    async fn post(&self, wire: &Wire, path: &str, mut parameters: Vec<(&str, String)>) -> Answer {
        if self.has_assertions {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
            let assertion = self.sign(&json!({ "sub": self.id() }));
            parameters.extend([("client_assertion_type", kind), ("client_assertion", assertion)]);
        } else {
            parameters.push(("client_id", self.id().to_owned()));
        }
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post_form(wire, &format!("{}{path}", self.issuer), &form(&parameters), &[]).await.expect("an answer")
    }

    async fn ask(&self) -> String {
        let mut claims = json!({ "scope": self.client["scope"], "binding_message": "1234" });
        claims[self.client["hint_type"].as_str().expect("a type")] = self.client["hint_value"].clone();
        if self.is_pinged {
            claims["client_notification_token"] = TOKEN.into();
        }
        if let Some(acr) = &self.acr {
            claims["acr_values"] = acr.as_str().into();
        }
        let wire = if self.has_assertions { &self.plain } else { &self.mtls };
        let answer = self.post(wire, "/backchannel/authenticate", vec![("request", self.sign(&claims))]).await;
        let body = answer.json();
        body["auth_req_id"].as_str().unwrap_or_else(|| panic!("{}: {body}", self.id())).to_owned()
    }

    async fn collect(&self, auth_req_id: &str) -> Answer {
        let grant = "urn:openid:params:grant-type:ciba".to_owned();
        self.post(&self.mtls, "/token", vec![("grant_type", grant), ("auth_req_id", auth_req_id.to_owned())]).await
    }

    async fn resource(&self, access_token: &str) -> Answer {
        let request = Request::get(&self.resource).header(AUTHORIZATION, format!("Bearer {access_token}"));
        self.mtls.send(request.body(Vec::new()).expect("a request")).await.expect("an answer")
    }
}

fn unique() -> String {
    let random: &dyn Random = &OurRandom;
    random.token()
}

/// By the private JWK of a configuration.
fn signature(jwk: &Value, input: &[u8]) -> Vec<u8> {
    let number = |name: &str| base64url::decode(jwk[name].as_str().expect(name)).expect("base64url");
    if jwk["kty"] == "EC" {
        let point = [vec![4], number("x"), number("y")].concat();
        let rule = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(rule, &number("d"), &point).expect("a key pair");
        return pair.sign(&SystemRandom::new(), input).expect("signs").as_ref().to_vec();
    }
    // RFC 8017 appendix A.1.2.
    let mut content = vec![2, 1, 0];
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        content.extend(UintRef::new(&number(name)).and_then(|number| number.to_der()).expect("a number"));
    }
    let length = u16::try_from(content.len()).expect("a short key").to_be_bytes();
    let der = [vec![0x30, 0x82], length.to_vec(), content].concat();
    let pair = RsaKeyPair::from_der(&der).expect("a key pair");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), input, &mut signature).expect("signs");
    signature
}
