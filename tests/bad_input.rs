//! Malformed, oversized, duplicated, wrongly typed and unauthenticated input, over every endpoint: each is answered with
//! the right status and code as JSON, and nothing is ever a 500, a panic or a hang.

use std::time::Duration;

use axum::http::{Method, Request};
use protocol::endpoints::{self, Endpoint, PROOF_HEADER};
use protocol::messages::{Answer as Word, Proof};
use protocol::{DeviceId, Digest, KeyRef, KeyRole, Nonce, PromptId, base64url};
use serde_json::{Value, json};
use simulator::forger::Forger;
use simulator::phone::Phone;
use simulator::relying_party::{CIBA_GRANT, JWT_BEARER, RelyingParty, basic};
use simulator::wire::{Answer, Wire};
use tests::{ADMIN_TOKEN, ISSUER, SHOP, SHOP_SECRET, World, a_request};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const TOO_LARGE: usize = 64 * 1024 + 1;

/// One input and the answer that it must get, such as `400 invalid_request`.
struct Case {
    label: String,
    request: Request<Vec<u8>>,
    expected: &'static str,
}

fn case(label: impl Into<String>, request: Request<Vec<u8>>, expected: &'static str) -> Case {
    Case { label: label.into(), request, expected }
}

fn request(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a request that can be sent")
}

/// Sends every case; panics with all that were answered otherwise than expected.
async fn judge(wire: &Wire, least: usize, cases: Vec<Case>) {
    assert!(cases.len() >= least, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for Case { label, request, expected } in cases {
        let answer = tokio::time::timeout(Duration::from_secs(10), wire.send(request)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{label}: no answer")).expect("an answer");
        if answer.in_short() != expected || !is_an_error_document(&answer) {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            wrong.push(format!("{label}: {} instead of {expected}: {body}", answer.in_short()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

/// JSON that says no more than it should, and the headers that belong to it.
fn is_an_error_document(answer: &Answer) -> bool {
    let document = answer.json();
    let Some(members) = document.as_object() else { return false };
    let only = |known: &[&str]| members.keys().all(|name| known.contains(&name.as_str()));
    let is_right = match answer.header("content-type") {
        Some("application/json") => only(&["error", "error_description"]),
        Some("application/problem+json") => only(&["type", "title", "status", "nonce", "now"]),
        _ => false,
    };
    let allows = answer.status.as_u16() != 405 || answer.headers.contains_key("allow");
    is_right && allows && answer.header("cache-control") == Some("no-store")
}

// Relying parties

fn shop() -> String {
    basic(SHOP, SHOP_SECRET)
}

fn backchannel(body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let url = format!("{ISSUER}/backchannel/authenticate");
    request("POST", &url, &[("content-type", FORM), ("authorization", &shop())], body)
}

fn token(body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    request("POST", &format!("{ISSUER}/token"), &[("content-type", FORM), ("authorization", &shop())], body)
}

/// What is wrong with the form itself is wrong at both endpoints.
fn bad_forms(send: impl Fn(Vec<u8>) -> Request<Vec<u8>>) -> Vec<Case> {
    let many = (0..65).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    let bodies: [(&str, Vec<u8>, &str); 10] = [
        ("nothing", b"".to_vec(), "400 invalid_request"),
        ("no UTF-8", b"scope=\xff".to_vec(), "400 invalid_request"),
        ("escapes that are no UTF-8", b"scope=%ff%fe".to_vec(), "400 invalid_request"),
        ("a stray percent sign", b"scope=100%".to_vec(), "400 invalid_request"),
        ("a bad escape", b"scope=%zz".to_vec(), "400 invalid_request"),
        ("NUL", b"scope=open%00id".to_vec(), "400 invalid_request"),
        ("a parameter twice", b"scope=openid&scope=openid".to_vec(), "400 invalid_request"),
        ("a parameter twice, once escaped", b"scope=openid&s%63ope=openid".to_vec(), "400 invalid_request"),
        ("too many parameters", many.into_bytes(), "400 invalid_request"),
        ("too large a body", vec![b'a'; TOO_LARGE], "413 invalid_request"),
    ];
    bodies.into_iter().map(|(label, body, expected)| case(label, send(body), expected)).collect()
}

/// Client authentication is the same at both endpoints, and comes before everything else.
fn bad_credentials(url: &str) -> Vec<Case> {
    let with = |authorization: &str, body: &str| {
        request("POST", url, &[("content-type", FORM), ("authorization", authorization)], body)
    };
    let without = |body: &str| request("POST", url, &[("content-type", FORM)], body);
    let asserting = |jwt: &str| without(&format!("client_assertion_type={JWT_BEARER}&client_assertion={jwt}"));
    let about = |client: &str| json!({ "iss": client, "sub": client, "aud": ISSUER, "exp": 1_800_000_060, "jti": "x" });
    let twice = [("content-type", FORM), ("authorization", &*shop()), ("authorization", &*shop())];
    let post = format!("client_id={SHOP}&client_secret=s3cret%3A+%2B%26%3D%25%2F%C3%BC+of+the+shop");
    vec![
        case("no credentials", without("scope=openid"), "401 invalid_client"),
        case("a client_id alone", without("client_id=shop"), "401 invalid_client"),
        case("a client_secret alone", without("client_secret=x"), "401 invalid_client"),
        case("a method that was not registered", without(&post), "401 invalid_client"),
        case("the wrong secret", with(&basic(SHOP, "wrong"), ""), "401 invalid_client"),
        case("an unknown client", with(&basic("nobody", SHOP_SECRET), ""), "401 invalid_client"),
        case("no base64", with("Basic §§§".trim(), ""), "401 invalid_client"),
        case("no colon", with("Basic c2hvcA==", ""), "401 invalid_client"),
        case("no credentials after the scheme", with("Basic", ""), "401 invalid_client"),
        case("an empty client_id", with(&basic("", SHOP_SECRET), ""), "401 invalid_client"),
        case("another scheme", with("Bearer abc", ""), "401 invalid_client"),
        case("credentials of 20 KB", with(&basic(&"a".repeat(20_000), "b"), ""), "401 invalid_client"),
        case("an assertion without its type", without("client_assertion=x"), "401 invalid_client"),
        case(
            "a type without an assertion",
            without(&format!("client_assertion_type={JWT_BEARER}")),
            "401 invalid_client",
        ),
        case(
            "an assertion of another type",
            without("client_assertion_type=x&client_assertion=x"),
            "401 invalid_client",
        ),
        case("an assertion of 60 KB", asserting(&"a".repeat(60_000)), "401 invalid_client"),
        case("an assertion of dots", asserting(&".".repeat(1_000)), "401 invalid_client"),
        case("an encrypted assertion", asserting("e30.e30.e30.e30.e30"), "401 invalid_client"),
        case("an assertion that says nothing", asserting("e30.e30."), "401 invalid_client"),
        case(
            "an assertion about nobody",
            asserting(&jws(&json!({ "alg": "ES256" }), &about(""))),
            "401 invalid_client",
        ),
        case(
            "an assertion about a client with a secret",
            asserting(&jws(&json!({ "alg": "ES256" }), &about(SHOP))),
            "401 invalid_client",
        ),
        case(
            "an assertion about a client of 10 KB",
            asserting(&jws(&json!({ "alg": "HS256" }), &about(&"c".repeat(10_000)))),
            "401 invalid_client",
        ),
        case("Basic and an assertion", with(&shop(), "client_assertion=x"), "400 invalid_request"),
        case("a secret and an assertion", without("client_secret=x&client_assertion=x"), "400 invalid_request"),
        case("two Authorization headers", request("POST", url, &twice, ""), "400 invalid_request"),
        case("two methods at once", with(&shop(), "client_secret=x"), "400 invalid_request"),
        case("two clients at once", with(&shop(), "client_id=other"), "400 invalid_request"),
    ]
}

/// Types and methods are wrong in the same way at both endpoints.
fn bad_envelopes(url: &str) -> Vec<Case> {
    let typed = |content_type: &str| {
        request("POST", url, &[("content-type", content_type), ("authorization", &shop())], "scope=openid")
    };
    let untyped = request("POST", url, &[("authorization", &shop())], "scope=openid");
    let twice = [("content-type", FORM), ("content-type", FORM), ("authorization", &*shop())];
    let mut cases = vec![
        case("JSON", typed(JSON), "400 invalid_request"),
        case("multipart", typed("multipart/form-data; boundary=x"), "400 invalid_request"),
        case("a type that only begins right", typed(&format!("{FORM}x")), "400 invalid_request"),
        case("no type", untyped, "400 invalid_request"),
        case("two types", request("POST", url, &twice, "scope=openid"), "400 invalid_request"),
    ];
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        cases.push(case(method, request(method, url, &[("content-type", FORM)], ""), "405 invalid_request"));
    }
    cases
}

#[tokio::test]
async fn bad_backchannel_requests_are_refused() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let _phone = world.phone("1001").await;
    let url = format!("{ISSUER}/backchannel/authenticate");
    let mut cases = bad_forms(backchannel);
    cases.extend(bad_credentials(&url));
    cases.extend(bad_envelopes(&url));
    let many_scopes = format!("scope=openid{}&login_hint=alice", "+x".repeat(32));
    let many_acr_values = format!("scope=openid&login_hint=alice&acr_values={}", "a+".repeat(600));
    let long_user_code = format!("scope=openid&login_hint=alice&user_code={}", "6".repeat(65));
    let long_context =
        format!("scope=openid&login_hint=alice&request_context=%7B%22a%22%3A%22{}%22%7D", "a".repeat(5000));
    let parameters = [
        ("scope=openid", "400 invalid_request"),
        ("login_hint=alice", "400 invalid_request"),
        ("scope=+&login_hint=alice", "400 invalid_request"),
        ("scope=openid&login_hint=", "400 invalid_request"),
        ("scope=openid&login_hint=alice&login_hint_token=x", "400 invalid_request"),
        ("scope=openid&login_hint=alice&id_token_hint=x", "400 invalid_request"),
        ("scope=openid&login_hint_token=x", "400 invalid_request"),
        ("scope=openid&id_token_hint=x", "400 invalid_request"),
        ("scope=openid&login_hint=alice&request=x", "400 invalid_request"),
        ("scope=openid&login_hint=alice&request_uri=https%3A%2F%2Fx.example", "400 invalid_request"),
        (&many_scopes, "400 invalid_request"),
        ("scope=profile&login_hint=alice", "400 invalid_scope"),
        ("scope=OPENID&login_hint=alice", "400 invalid_scope"),
        ("scope=openid+admin&login_hint=alice", "400 invalid_scope"),
        ("scope=openid&login_hint=nobody", "400 unknown_user_id"),
        ("scope=openid&login_hint=%7B%22format%22%3A%22iss_sub%22%7D", "400 invalid_request"),
        ("scope=openid&login_hint=%7B%22format%22%3A%22opaque%22%2C%22id%22%3A%7B%7D%7D", "400 invalid_request"),
        (
            "scope=openid&login_hint=%7B%22format%22%3A%22opaque%22%2C%22id%22%3A%22%5Cu0000%22%7D",
            "400 invalid_request",
        ),
        ("scope=openid&login_hint=%7Balice%7D", "400 invalid_request"),
        ("scope=openid&login_hint=%7B%7B%7B%7B%7B%7B%7B%7B%7B%7B%7B%7B", "400 invalid_request"),
        ("scope=openid&login_hint=+", "400 unknown_user_id"),
        ("scope=openid&login_hint=bob", "403 access_denied"),
        ("scope=openid&login_hint=alice&request_context=x", "400 invalid_request"),
        ("scope=openid&login_hint=alice&request_context=%5B%5D", "400 invalid_request"),
        ("scope=openid&login_hint=alice&request_context=%7B%22a%22%3A1%2C%22a%22%3A1%7D", "400 invalid_request"),
        ("scope=openid&login_hint=alice&resource=x", "400 invalid_target"),
        ("scope=openid&login_hint=alice&authorization_details=x", "400 invalid_authorization_details"),
        (&many_acr_values, "400 invalid_request"),
        (&long_user_code, "400 invalid_request"),
        (&long_context, "400 invalid_request"),
    ];
    cases.extend(parameters.map(|(body, expected)| case(body, backchannel(body), expected)));
    let long_hint = format!("scope=openid&login_hint={}", "a".repeat(60_000));
    cases.push(case("a long login_hint", backchannel(long_hint), "400 unknown_user_id"));
    for expiry in ["0", "-1", "1.5", "1e3", "abc", "+5", "%205", "0x10", "99999999999999999999999", "null"] {
        let body = format!("scope=openid&login_hint=alice&requested_expiry={expiry}");
        cases.push(case(format!("requested_expiry={expiry}"), backchannel(body), "400 invalid_request"));
    }
    judge(world.public(), 65, cases).await;
}

#[tokio::test]
async fn binding_messages_that_a_phone_must_not_show_are_refused() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let long = "a".repeat(101);
    let emoji = "日本語🙂".repeat(114);
    let messages = [
        "two\nlines",
        "tab\there",
        "\u{7}bell",
        "\u{202e}reversed",
        "\u{2066}isolated",
        "<b>bold</b>",
        "see https://evil.example",
        "www.evil.example",
        "e\u{301}",
        "\u{e000}",
        "\u{e0041}",
        "\u{200b}hidden",
        "soft\u{ad}hyphen",
        "\u{fdd0}",
        &long,
        &emoji,
    ];
    for message in messages {
        let answer = a_request().with("binding_message", message).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 invalid_binding_message", "{message:?}");
    }
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn bad_token_requests_are_refused() {
    let world = World::new().await;
    let url = format!("{ISSUER}/token");
    let mut cases = bad_forms(token);
    cases.extend(bad_credentials(&url));
    cases.extend(bad_envelopes(&url));
    let ciba = format!("grant_type={}", CIBA_GRANT.replace(':', "%3A"));
    let long = format!("{ciba}&auth_req_id={}", "A".repeat(60_000));
    let parameters = [
        ("auth_req_id=x".to_owned(), "400 invalid_request"),
        ("grant_type=&auth_req_id=x".to_owned(), "400 invalid_request"),
        ("grant_type=authorization_code&code=x".to_owned(), "400 unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), "400 unauthorized_client"),
        ("grant_type=refresh_token".to_owned(), "400 invalid_request"),
        ("grant_type=urn%3AOPENID%3Aparams%3Agrant-type%3Aciba&auth_req_id=x".to_owned(), "400 unsupported_grant_type"),
        (ciba.clone(), "400 invalid_request"),
        (format!("{ciba}&auth_req_id="), "400 invalid_request"),
        (format!("{ciba}&auth_req_id=no-such-request"), "400 invalid_grant"),
        (format!("{ciba}&auth_req_id=%F0%9F%99%82"), "400 invalid_grant"),
        (format!("{ciba}&auth_req_id=a&auth_req_id=a"), "400 invalid_request"),
        (long, "400 invalid_grant"),
    ];
    for (body, expected) in parameters {
        let label = body.chars().take(120).collect::<String>();
        cases.push(case(label, token(body), expected));
    }
    judge(world.public(), 45, cases).await;
}

#[tokio::test]
async fn bad_calls_about_tokens_and_requests_are_refused() {
    let world = World::new().await;
    for (path, parameter) in [("introspect", "token"), ("revoke", "token"), ("backchannel/cancel", "auth_req_id")] {
        let url = format!("{ISSUER}/{path}");
        let send = |body: Vec<u8>| request("POST", &url, &[("content-type", FORM), ("authorization", &shop())], body);
        let mut cases = bad_forms(send);
        cases.extend(bad_credentials(&url));
        cases.extend(bad_envelopes(&url));
        let empty = format!("{parameter}=");
        cases.push(case("an empty parameter", send(empty.into_bytes()), "400 invalid_request"));
        let twice = format!("{parameter}=a&{parameter}=a");
        cases.push(case("the parameter twice", send(twice.into_bytes()), "400 invalid_request"));
        judge(world.public(), 38, cases).await;
    }
}

#[tokio::test]
async fn bad_calls_of_userinfo_are_refused() {
    let world = World::new().await;
    let url = format!("{ISSUER}/userinfo");
    let with = |authorization: &str| request("GET", &url, &[("authorization", authorization)], "");
    let long = format!("Bearer {}", "a".repeat(20_000));
    let mut cases = vec![
        case("no token", request("GET", &url, &[], ""), "401 invalid_token"),
        case("an empty token", with("Bearer  "), "401 invalid_token"),
        case("another scheme", with(&shop()), "401 invalid_token"),
        case("no scheme", with("abc"), "401 invalid_token"),
        case("20 KB", with(&long), "401 invalid_token"),
        case("two tokens", with("Bearer a b"), "401 invalid_token"),
        case("an unknown JWT", with("Bearer eyJhbGciOiJub25lIn0.e30."), "401 invalid_token"),
        case("no ASCII", with("Bearer \u{fc}"), "401 invalid_token"),
        case("a token in the URL", request("GET", &format!("{url}?access_token=x"), &[], ""), "400 invalid_request"),
        case(
            "a token in the form",
            request("POST", &url, &[("content-type", FORM)], "access_token=x"),
            "401 invalid_token",
        ),
    ];
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        cases.push(case(method, request(method, &url, &[], ""), "405 invalid_request"));
    }
    judge(world.public(), 15, cases).await;
}

// Phones

fn url(endpoint: Endpoint, id: &str) -> String {
    endpoint.url(ISSUER, id)
}

fn unproven(endpoint: Endpoint, id: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    request(endpoint.method.as_str(), &url(endpoint, id), &[("content-type", JSON)], body)
}

/// Bodies that are not the JSON of this protocol, at whatever endpoint.
fn bad_documents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let nested = format!("{}1{}", "[".repeat(9), "]".repeat(9));
    vec![
        ("no body", Vec::new(), "400 malformed"),
        ("no JSON", b"device=x".to_vec(), "400 malformed"),
        ("an array", b"[]".to_vec(), "400 malformed"),
        ("a number", b"1".to_vec(), "400 malformed"),
        ("null", b"null".to_vec(), "400 malformed"),
        ("an empty object", b"{}".to_vec(), "400 malformed"),
        ("an object that does not end", b"{\"message\":".to_vec(), "400 malformed"),
        ("trailing data", b"{} {}".to_vec(), "400 malformed"),
        ("no UTF-8", b"{\"message\":\"\xff\"}".to_vec(), "400 malformed"),
        ("a member twice", b"{\"message\":\"a\",\"message\":\"a\"}".to_vec(), "400 malformed"),
        ("too deep", nested.into_bytes(), "400 malformed"),
        ("more than a message may hold", format!("{{\"x\":\"{}\"}}", "a".repeat(20_000)).into_bytes(), "400 malformed"),
        ("too large a body", vec![b' '; TOO_LARGE], "413 too_large"),
    ]
}

/// A compact JWS with any header and payload, and 64 zero bytes for a signature.
fn jws(header: &Value, payload: &Value) -> String {
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(payload), base64url::encode(&[0; 64]))
}

fn message(text: &str) -> Vec<u8> {
    json!({ "message": text }).to_string().into_bytes()
}

#[tokio::test]
async fn bad_messages_of_phones_that_are_not_enrolled_are_refused() {
    let world = World::new().await;
    let mut cases = Vec::new();
    for endpoint in [endpoints::NONCE, endpoints::BEGIN, endpoints::FINISH] {
        for (label, body, expected) in bad_documents() {
            cases.push(case(format!("{} with {label}", endpoint.path), unproven(endpoint, "", body), expected));
        }
        let untyped = request("POST", &url(endpoint, ""), &[], "{}");
        cases.push(case(format!("{} without a type", endpoint.path), untyped, "415 wrong_type"));
        let form = request("POST", &url(endpoint, ""), &[("content-type", FORM)], "device=x");
        cases.push(case(format!("{} with a form", endpoint.path), form, "415 wrong_type"));
        for method in ["GET", "PUT", "DELETE"] {
            let wrong = request(method, &url(endpoint, ""), &[], "");
            cases.push(case(format!("{method} {}", endpoint.path), wrong, "405 method_not_allowed"));
        }
    }
    for body in
        [r#"{"device":1}"#, r#"{"device":null}"#, r#"{"device":"short"}"#, r#"{"device":"====================__"}"#]
    {
        cases.push(case(body, unproven(endpoints::NONCE, "", body), "400 malformed"));
    }
    cases.extend(bad_begins());
    for body in [
        json!({ "payload": "e30", "signatures": [] }),
        json!({ "payload": "§", "signatures": [] }),
        json!({ "payload": 1, "signatures": {} }),
        json!({ "payload": "e30", "signatures": [{ "protected": "x", "signature": "y" }] }),
    ] {
        cases.push(case(body.to_string(), unproven(endpoints::FINISH, "", body.to_string()), "400 malformed"));
    }
    let nobody = base64url::encode(&[0; 16]);
    for id in [nobody.as_str(), "x", "%20", "a%2Fb"] {
        let asked = request("GET", &url(endpoints::ENROLMENT, id), &[], "");
        cases.push(case(format!("the enrolment {id}"), asked, "404 unknown_enrolment"));
    }
    judge(world.public(), 60, cases).await;
}

fn bad_begins() -> Vec<Case> {
    let jwk =
        json!({ "kty": "EC", "crv": "P-256", "x": base64url::encode(&[1; 32]), "y": base64url::encode(&[2; 32]) });
    let header = json!({ "alg": "ES256", "typ": "adp-begin+jwt", "jwk": jwk });
    let changed = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        jws(&header, &json!({}))
    };
    let messages = [
        ("no JWS", "x".to_owned(), "400 malformed"),
        ("two parts", "e30.e30".to_owned(), "400 malformed"),
        ("four parts", "e30.e30.e30.e30".to_owned(), "400 malformed"),
        ("alg none", changed("alg", json!("none")), "400 malformed"),
        ("alg HS256", changed("alg", json!("HS256")), "400 malformed"),
        ("another typ", changed("typ", json!("adp-proof+jwt")), "400 malformed"),
        ("typ in another case", changed("typ", json!("ADP-begin+jwt")), "400 malformed"),
        ("crit", changed("crit", json!(["exp"])), "400 malformed"),
        ("kid beside jwk", changed("kid", json!("x")), "400 malformed"),
        ("a key that is not on the curve", jws(&header, &json!({})), "400 mismatch"),
        ("a private key", changed("jwk", json!({ "kty": "oct", "k": "AAAA" })), "400 malformed"),
    ];
    let cases = messages.into_iter().map(|(label, text, expected)| {
        case(format!("begin: {label}"), unproven(endpoints::BEGIN, "", message(&text)), expected)
    });
    cases.collect()
}

/// Alice's phone, which proves whatever it is told to.
struct Prover {
    world: World,
    shop: RelyingParty,
    phone: Phone,
    forger: Forger,
}

impl Prover {
    async fn new() -> Self {
        let world = World::new().await;
        let (shop, phone) = (world.shop().await, world.phone("1001").await);
        let forger = Forger::of(&phone).await.expect("a phone taken apart");
        Self { world, shop, phone, forger }
    }

    async fn proven(&self, endpoint: Endpoint, id: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
        let (url, body) = (url(endpoint, id), body.into());
        let nonce = self.forger.nonce().await.expect("a nonce");
        let proof = self.forger.proof(endpoint.method.as_str(), &url, &body, &nonce).await.expect("a proof");
        request(endpoint.method.as_str(), &url, &[(PROOF_HEADER, proof.as_str()), ("content-type", JSON)], body)
    }
}

#[tokio::test]
async fn bad_proofs_are_refused() {
    let prover = Prover::new().await;
    let prompts = url(endpoints::PROMPTS, "");
    let good = prover.proven(endpoints::PROMPTS, "", "").await;
    let proof = good.headers()[PROOF_HEADER].to_str().expect("text").to_owned();
    let device = prover.forger.account().device;
    let kid = KeyRef { device, role: KeyRole::Device }.to_string();
    let header = |alg: &str, typ: &str, kid: &str| json!({ "alg": alg, "typ": typ, "kid": kid });
    let claims =
        json!({ "htm": "GET", "htu": prompts, "iat": 0, "jti": "AAAAAAAAAAAAAAAAAAAAAA", "nonce": "", "bh": "" });
    let stranger = KeyRef { device: DeviceId::from_bytes([9; 16]), role: KeyRole::Device }.to_string();
    let proofs = [
        ("nothing", String::new()),
        ("no JWS", "x.y.z".to_owned()),
        ("a truncated proof", proof[..proof.len() - 2].to_owned()),
        (
            "a spoilt signature",
            format!("{}{}", &proof[..proof.len() - 2], if proof.ends_with("AA") { "AQ" } else { "AA" }),
        ),
        ("alg none", jws(&header("none", "adp-proof+jwt", &kid), &claims)),
        ("another typ", jws(&header("ES256", "JWT", &kid), &claims)),
        ("no signature of ours", jws(&header("ES256", "adp-proof+jwt", &kid), &claims)),
        ("an unknown device", jws(&header("ES256", "adp-proof+jwt", &stranger), &claims)),
        ("no key reference", jws(&header("ES256", "adp-proof+jwt", "x"), &claims)),
        ("20 KB", "a".repeat(20_000)),
    ];
    let mut cases = Vec::new();
    for (label, proof) in &proofs {
        for endpoint in [endpoints::PROMPTS, endpoints::SELF] {
            let sent = request("GET", &url(endpoint, ""), &[(PROOF_HEADER, proof)], "");
            cases.push(case(format!("{} with {label}", endpoint.path), sent, "401 unproven"));
        }
    }
    let twice = [(PROOF_HEADER, proof.as_str()), (PROOF_HEADER, proof.as_str())];
    cases.push(case("two proofs", request("GET", &prompts, &twice, ""), "400 malformed"));
    for endpoint in [
        endpoints::PROMPTS,
        endpoints::PROMPT,
        endpoints::DECISION,
        endpoints::SELF,
        endpoints::RENAME,
        endpoints::LEAVE,
        endpoints::PUSH,
    ] {
        cases.push(case(endpoint.path, unproven(endpoint, "x", "{}"), "401 unproven"));
        let large = unproven(endpoint, "x", vec![b' '; TOO_LARGE]);
        cases.push(case(format!("{} too large", endpoint.path), large, "413 too_large"));
        let wrong = request("TRACE", &url(endpoint, "x"), &[], "");
        cases.push(case(format!("TRACE {}", endpoint.path), wrong, "405 method_not_allowed"));
    }
    for query in ["wait=abc", "wait=-1", "wait=1.5", "wait=5&wait=5", "wait=99999999999"] {
        let sent = request("GET", &format!("{prompts}?{query}"), &[(PROOF_HEADER, &proof)], "");
        cases.push(case(query, sent, "400 malformed"));
    }
    judge(prover.world.public(), 40, cases).await;
    let answer = prover.world.public().send(good).await.expect("an answer");
    assert_eq!(answer.in_short(), "200", "none of these used the good proof up");
}

#[tokio::test]
async fn bad_messages_of_enrolled_phones_are_refused() {
    let prover = Prover::new().await;
    let asked = a_request().accepted(&prover.shop).await;
    let prompt = prover.world.prompt(&prover.phone, &asked).await;
    let id = prompt.id();
    let mut cases = Vec::new();
    for endpoint in [endpoints::DECISION, endpoints::RENAME, endpoints::PUSH] {
        for (label, body, expected) in bad_documents() {
            let sent = prover.proven(endpoint, &id, body).await;
            cases.push(case(format!("{} with {label}", endpoint.path), sent, expected));
        }
    }
    let nobody = PromptId::from_bytes([0; 16]).to_string();
    for unknown in [nobody.as_str(), "x"] {
        let sent = prover.proven(endpoints::PROMPT, unknown, "").await;
        cases.push(case(format!("the prompt {unknown}"), sent, "404 unknown_prompt"));
    }
    let long = "a".repeat(61);
    for name in ["", "two\nlines", "<b>x</b>", long.as_str()] {
        let sent = prover.proven(endpoints::RENAME, "", json!({ "name": name }).to_string()).await;
        cases.push(case(format!("the name {name:?}"), sent, "400 invalid_name"));
    }
    let sent = prover.proven(endpoints::RENAME, "", r#"{"name":1}"#).await;
    cases.push(case("a name that is a number", sent, "400 malformed"));
    let target = |token: &str| json!({ "channel": "fcm", "platform": "android", "target": { "token": token } });
    for (target, expected) in [
        (json!({ "channel": "pigeon" }), "400 malformed"),
        (json!({ "channel": "fcm", "platform": "android" }), "400 malformed"),
        (json!({ "channel": "fcm", "platform": "phone", "target": { "token": "x" } }), "400 malformed"),
        (json!({ "channel": "fcm", "platform": "ios", "target": { "token": "x", "fid": "y" } }), "400 malformed"),
        (target(""), "400 invalid_target"),
        (target(&"a".repeat(4_097)), "400 invalid_target"),
    ] {
        let sent = prover.proven(endpoints::PUSH, "", target.to_string()).await;
        cases.push(case(target.to_string().chars().take(90).collect::<String>(), sent, expected));
    }
    cases.extend(bad_decisions(&prover, &id).await);
    judge(prover.world.public(), 60, cases).await;
    assert_eq!(prover.world.poll(&prover.shop, &asked).await, "400 authorization_pending");
    prover.phone.approve(&prompt).await.expect("the good one is still taken");
}

async fn bad_decisions(prover: &Prover, id: &str) -> Vec<Case> {
    let forger = &prover.forger;
    let device = forger.account().device;
    let kid = |role| KeyRef { device, role }.to_string();
    let header = |alg: &str, typ: &str, kid: String| json!({ "alg": alg, "typ": typ, "kid": kid });
    let good = prover.phone.pending().await.expect("the phone asks").remove(0);
    let honest = forger.decision(good.prompt().message(), Word::Approve).expect("a prompt");
    let claims = json!(honest);
    let typ = "adp-decision+jwt";
    let proof = Proof {
        htm: "GET".to_owned(),
        htu: String::new(),
        iat: 0,
        jti: Nonce::from_bytes([1; 16]),
        nonce: String::new(),
        bh: Digest::of(b""),
    };
    let other_message = forger.sign(KeyRole::Verified, &proof).await.expect("signed");
    let mut no_claims = claims.clone();
    no_claims.as_object_mut().expect("an object").remove("dh");
    let stranger = KeyRef { device: DeviceId::from_bytes([9; 16]), role: KeyRole::Verified }.to_string();
    let messages = [
        ("no JWS", "x".to_owned(), "400 malformed"),
        ("alg none", jws(&header("none", typ, kid(KeyRole::Verified)), &claims), "400 malformed"),
        ("alg HS256", jws(&header("HS256", typ, kid(KeyRole::Verified)), &claims), "400 malformed"),
        ("the typ of another message", other_message.as_str().to_owned(), "400 malformed"),
        ("no key reference", jws(&header("ES256", typ, "x".to_owned()), &claims), "400 malformed"),
        ("a key reference without a role", jws(&header("ES256", typ, device.to_string()), &claims), "400 malformed"),
        ("a stranger's key", jws(&header("ES256", typ, stranger), &claims), "403 bad_signature"),
        ("no signature", jws(&header("ES256", typ, kid(KeyRole::Verified)), &claims), "403 bad_signature"),
        ("the key that may not approve", jws(&header("ES256", typ, kid(KeyRole::Device)), &claims), "403 wrong_key"),
        ("a member missing", jws(&header("ES256", typ, kid(KeyRole::Verified)), &no_claims), "403 bad_signature"),
    ];
    let mut cases = Vec::new();
    for (label, text, expected) in messages {
        let sent = prover.proven(endpoints::DECISION, id, message(&text)).await;
        cases.push(case(format!("a decision: {label}"), sent, expected));
    }
    let signed = forger.sign(KeyRole::Verified, &honest).await.expect("signed");
    let nobody = PromptId::from_bytes([0; 16]).to_string();
    let elsewhere = prover.proven(endpoints::DECISION, &nobody, message(signed.as_str())).await;
    cases.push(case("a decision at another prompt's address", elsewhere, "404 unknown_prompt"));
    cases
}

// Operators

fn admin(method: &Method, path: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("content-type", JSON), ("authorization", bearer.as_str())];
    request(method.as_str(), &format!("/admin/v1{path}"), &headers, body)
}

#[tokio::test]
async fn bad_calls_of_operators_are_refused() {
    let world = World::new().await;
    let mut cases = unauthorised();
    for path in ["/users", "/clients", "/enrolments/AAAAAAAAAAAAAAAAAAAAAA/confirm"] {
        // An empty object creates something, and so may a large one: operators' documents are no device messages.
        let fine = ["an empty object", "more than a message may hold"];
        for (label, body, _) in bad_documents().into_iter().filter(|(label, ..)| !fine.contains(label)) {
            let expected = if label == "too large a body" { "413 invalid_request" } else { "400 invalid_request" };
            cases.push(case(format!("{path} with {label}"), admin(&Method::POST, path, body), expected));
        }
        cases.push(case(format!("DELETE {path}"), admin(&Method::DELETE, path, ""), "405 invalid_request"));
    }
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let untyped = request("POST", "/admin/v1/users", &[("authorization", &bearer)], "{}");
    cases.push(case("no type", untyped, "400 invalid_request"));
    cases.extend(bad_users());
    cases.extend(bad_clients());
    for (method, path, expected) in [
        (Method::POST, "/users/nobody/tickets", "404 unknown_user"),
        (Method::POST, "/users/%20/tickets", "404 unknown_user"),
        (Method::GET, "/users/nobody/devices", "404 unknown_user"),
        (Method::POST, "/devices/x/revoke", "404 unknown_device"),
        (Method::POST, "/devices/AAAAAAAAAAAAAAAAAAAAAA/revoke", "404 unknown_device"),
        (Method::GET, "/users", "405 invalid_request"),
        (Method::GET, "/users/1001/tickets", "405 invalid_request"),
        (Method::POST, "/audit", "405 invalid_request"),
        (Method::GET, "/nothing", "404 invalid_request"),
        (Method::GET, "/realms/elsewhere/clients", "404 invalid_request"),
    ] {
        cases.push(case(format!("{method} {path}"), admin(&method, path, ""), expected));
    }
    for (id, body, expected) in [
        ("x", r#"{"digits":"123456"}"#, "404 unknown_enrolment"),
        ("AAAAAAAAAAAAAAAAAAAAAA", r#"{"digits":"123456"}"#, "404 unknown_enrolment"),
        ("AAAAAAAAAAAAAAAAAAAAAA", r#"{"digits":123456}"#, "400 invalid_request"),
        ("AAAAAAAAAAAAAAAAAAAAAA", r#"{"digits":"123456","force":true}"#, "400 invalid_request"),
    ] {
        let path = format!("/enrolments/{id}/confirm");
        cases.push(case(format!("{id} {body}"), admin(&Method::POST, &path, body), expected));
    }
    judge(world.admin_wire(), 80, cases).await;
}

fn unauthorised() -> Vec<Case> {
    let headers = [
        ("an empty header", ""),
        ("a wrong token", "Bearer wrong"),
        ("no token", "Bearer "),
        ("another scheme", "Basic dGhlLWFkbWluLXRva2Vu"),
        ("a token without a scheme", ADMIN_TOKEN),
    ];
    let mut cases = Vec::new();
    for (method, path) in [("POST", "users"), ("POST", "clients"), ("GET", "clients"), ("GET", "audit")] {
        let url = format!("/admin/v1/{path}");
        cases.push(case(
            format!("{method} {path} unauthorised"),
            request(method, &url, &[], "{}"),
            "401 invalid_token",
        ));
    }
    for (label, value) in headers {
        let sent = request("GET", "/admin/v1/audit", &[("authorization", value)], "");
        cases.push(case(label, sent, "401 invalid_token"));
    }
    cases
}

fn bad_users() -> Vec<Case> {
    let long = "a".repeat(256);
    let users = [
        (json!({ "subject": "" }), "400 invalid_request"),
        (json!({ "subject": "with space" }), "400 invalid_request"),
        (json!({ "subject": "ümlaut" }), "400 invalid_request"),
        (json!({ "subject": long }), "400 invalid_request"),
        (json!({ "subject": 1003 }), "400 invalid_request"),
        (json!({ "subject": "1003", "username": "" }), "400 invalid_request"),
        (json!({ "subject": "1003", "username": " " }), "400 invalid_request"),
        (json!({ "subject": "1003", "username": long }), "400 invalid_request"),
        (json!({ "subject": "1003", "email": "" }), "400 invalid_request"),
        (json!({ "subject": "1003", "phone": ["+1"] }), "400 invalid_request"),
        (json!({ "subject": "1003", "user_code": "" }), "400 invalid_request"),
        (json!({ "subject": "1003", "user_code": "1".repeat(65) }), "400 invalid_request"),
        (json!({ "subject": "1003", "role": "admin" }), "400 invalid_request"),
        (json!({ "subject": "1001" }), "409 exists"),
        (json!({ "subject": "1003", "username": "ALICE" }), "409 exists"),
        (json!({ "subject": "1003", "email": "Alice@example.com" }), "409 exists"),
        (json!({ "subject": "1003", "phone": "+49-30-1001" }), "409 exists"),
    ];
    let label = |user: &Value| user.to_string().chars().take(60).collect::<String>();
    users
        .into_iter()
        .map(|(user, expected)| case(label(&user), admin(&Method::POST, "/users", user.to_string()), expected))
        .collect()
}

fn bad_clients() -> Vec<Case> {
    let long = "a".repeat(256);
    let clients = [
        (json!({ "client_id": "" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "with space" }), "400 invalid_client_metadata"),
        (json!({ "client_id": long }), "400 invalid_client_metadata"),
        (json!({ "client_id": 7 }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "client_secret": "" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "client_secret": long }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "client_name": "<script>" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "client_name": "a".repeat(61) }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "token_endpoint_auth_method": "none" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "token_endpoint_auth_method": "private_key_jwt" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "backchannel_token_delivery_mode": "push" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "grant_types": ["authorization_code"] }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "grant_types": "all" }), "400 invalid_client_metadata"),
        (json!({ "client_id": "new", "user_verification": "sometimes" }), "400 invalid_client_metadata"),
        (json!({ "client_id": SHOP }), "409 exists"),
    ];
    let label = |client: &Value| client.to_string().chars().take(60).collect::<String>();
    clients
        .into_iter()
        .map(|(client, expected)| case(label(&client), admin(&Method::POST, "/clients", client.to_string()), expected))
        .collect()
}

// Everywhere

#[tokio::test]
async fn paths_that_lead_nowhere_and_paths_that_are_no_text_are_refused() {
    let world = World::new().await;
    let mut cases = Vec::new();
    for path in ["/", "/nothing", "/token/", "/TOKEN", "/device/v1", "/device/v2/prompts", "/admin/v1/users", "//token"]
    {
        cases.push(case(path, request("GET", &format!("{ISSUER}{path}"), &[], ""), "404 invalid_request"));
    }
    for path in ["/automation/decide", "/.well-known/openid-configuration/", "/device/v1/prompts/a/b/decision"] {
        cases.push(case(path, request("POST", &format!("{ISSUER}{path}"), &[], ""), "404 invalid_request"));
    }
    for (method, path) in [("POST", "/jwks"), ("DELETE", "/.well-known/openid-configuration")] {
        cases.push(case(path, request(method, &format!("{ISSUER}{path}"), &[], ""), "405 invalid_request"));
    }
    cases.push(case(
        "a prompt's id that is no UTF-8",
        request("GET", &url(endpoints::PROMPT, "%ff"), &[], ""),
        "401 unproven",
    ));
    cases.push(case(
        "an enrolment's id that is no UTF-8",
        request("GET", &url(endpoints::ENROLMENT, "%ff"), &[], ""),
        "404 unknown_enrolment",
    ));
    judge(world.public(), 15, cases).await;
    let cases = vec![
        case("a subject that is no UTF-8", admin(&Method::GET, "/users/%ff/devices", ""), "404 unknown_user"),
        case("a device that is no UTF-8", admin(&Method::POST, "/devices/%ff/revoke", ""), "404 unknown_device"),
    ];
    judge(world.admin_wire(), 2, cases).await;
}
