//! Every delivery mode against the real binary over TLS: clients that sign (`private_key_jwt`) and clients that show a
//! certificate (`tls_client_auth`, self-signed), whose notification endpoints speak TLS under an authority of their own.

use std::sync::Arc;
use std::time::Duration;

use device_core::desktop::SystemClock;
use device_core::{DenyReason, Outcome, PushTarget};
use protocol::{Digest, base64url};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use simulator::admin::Admin;
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::{Authentication, CIBA_GRANT, Credentials, RelyingParty};
use simulator::stand_in::notification::NotificationStandIn;
use simulator::wire::Wire;
use tests::pki::{Authority, Pair, self_signed_pair};
use tests::process::{Server, Site, now, unix_seconds};
use tests::{Request, a_request, enrolled_by};

const ISSUER: &str = "https://localhost:8443";

/// `client_notification_token`
const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

/// What the server asks clients to wait between two polls, and a little more.
const INTERVAL: Duration = Duration::from_millis(1_200);

const REFRESH: &str = "refresh_token";

/// How a client authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    PrivateKeyJwt,
    TlsClientAuth,
    SelfSigned,
}

use Method::{PrivateKeyJwt, SelfSigned, TlsClientAuth};

/// `assent serve` with TLS, one user with a phone, and a client with a certificate and an endpoint.
struct Scene {
    server: Server,
    roots: String,
    shop: RelyingParty,
    certificate: Pair,
    bound: bool,
    phone: Phone,
    endpoint: NotificationStandIn,
    _site: Site,
}

impl Scene {
    async fn of(method: Method, delivery: &str) -> Self {
        let (ours, theirs, clients) = (Authority::new("ours"), Authority::new("theirs"), Authority::new("clients"));
        let (shown, called) = (ours.server(&["localhost"]), theirs.server(&["127.0.0.1"]));
        let endpoint = NotificationStandIn::start_with_tls(&called.certificate, &called.key).await;
        endpoint.expect_token(TOKEN);
        let site = Site::of(ISSUER)
            .with_file("PUBLIC__TLS__CERTIFICATE", "op.pem", &shown.certificate)
            .with_file("PUBLIC__TLS__KEY", "op.key", &shown.key)
            .with_file("CLIENT_TRUST_ANCHORS", "clients.pem", &clients.pem())
            .with_file("OUTBOUND__EXTRA_ROOTS", "theirs.pem", &theirs.pem())
            .with("OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8")
            .with("POLICY__INTERVAL", "1")
            .with("MTLS__LISTEN", "127.0.0.1:0")
            .with("MTLS__BASE_URL", "https://localhost:8444");
        let server = site.serve().await;
        let admin = Admin::new(Wire::to(server.admin), server.admin_token());
        admin.create_user(&json!({ "subject": "1001", "username": "alice" })).await.expect("a user");
        let roots = ours.pem();
        let public = Wire::secure(server.public, "localhost", &roots, None).expect("an authority");
        let phone = Phone::new("Phone", ISSUER, Arc::new(public), Arc::new(SystemClock::new()));
        let phone = enrolled_by(&admin, phone, "1001", PushTarget::None).await;

        let key = ClientKey::generate(Algorithm::Es256);
        let (certificate, own_keys) = match method {
            PrivateKeyJwt | TlsClientAuth => (clients.client("shop"), key.jwks()),
            SelfSigned => {
                let (certificate, jwk) = self_signed_pair("shop");
                (certificate, json!({ "keys": [jwk] }))
            }
        };
        // A push client that is called, not calling, shows no certificate at the token endpoint: only one that
        // authenticates by it can have its tokens bound.
        let bound = delivery != "push" || method != PrivateKeyJwt;
        let mut metadata = json!({
            "client_id": "shop",
            "backchannel_token_delivery_mode": delivery,
            "grant_types": [CIBA_GRANT, REFRESH],
            "tls_client_certificate_bound_access_tokens": bound,
            "access_token_format": "jwt",
        });
        if delivery == "poll" {
            metadata["long_poll"] = 20.into();
        } else {
            metadata["backchannel_client_notification_endpoint"] = endpoint.url().into();
        }
        metadata["token_endpoint_auth_method"] = match method {
            PrivateKeyJwt => "private_key_jwt",
            TlsClientAuth => "tls_client_auth",
            SelfSigned => "self_signed_tls_client_auth",
        }
        .into();
        match method {
            TlsClientAuth => metadata["tls_client_auth_san_dns"] = "shop.example".into(),
            PrivateKeyJwt | SelfSigned => metadata["jwks"] = own_keys,
        }
        admin.create_client(&metadata).await.expect("a client").expect("a new client");
        let authentication = match method {
            PrivateKeyJwt => Authentication::PrivateKeyJwt(key),
            TlsClientAuth | SelfSigned => Authentication::Certificate,
        };
        let credentials = Credentials { id: "shop".to_owned(), secret: String::new(), authentication };
        let mtls = server.mtls.expect("a listener for certificates");
        let shown = Some((certificate.certificate.as_str(), certificate.key.as_str()));
        let wire = Wire::secure(mtls, "localhost", &roots, shown).expect("a certificate");
        let shop = RelyingParty::discover(wire, ISSUER, credentials).await.expect("a discovery document");
        Self { server, roots, shop, certificate, bound, phone, endpoint, _site: site }
    }

    async fn asked(&self, request: Request) -> String {
        request.accepted(&self.shop).await
    }

    async fn approve(&self, asked: &str) {
        let prompt = self.phone.prompt_of(asked).await.expect("the phone asks").expect("the prompt is there");
        assert_eq!(self.phone.approve(&prompt).await, Ok(Outcome::Approved));
    }

    async fn deny(&self, asked: &str) {
        let prompt = self.phone.prompt_of(asked).await.expect("the phone asks").expect("the prompt is there");
        assert_eq!(self.phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Denied));
    }

    /// Tokens are what they should be, and open what they should to whom they should. The claims of the ID token.
    async fn holds(&self, tokens: &Value) -> Value {
        let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"));
        let claims = self.shop.verify(text("id_token"), unix_seconds()).await.expect("believed");
        assert_eq!((&claims["sub"], &claims["at_hash"]), (&json!("1001"), &left_half(text("access_token"))));
        let (_, rest) = text("access_token").split_once('.').expect("a JWT");
        let body = rest.split('.').next().expect("a body");
        let access: Value = serde_json::from_slice(&base64url::decode(body).expect("base64url")).expect("JSON");
        let binding = json!({ "x5t#S256": self.certificate.shown.thumbprint() });
        assert_eq!(access.get("cnf"), self.bound.then_some(&binding), "{access}");
        assert_eq!(self.userinfo(&self.shop, text("access_token")).await, "200");
        let public = Wire::secure(self.server.public, "localhost", &self.roots, None).expect("an authority");
        let stranger = RelyingParty::discover(public, ISSUER, self.shop.credentials().clone()).await;
        let stranger = stranger.expect("a discovery document");
        let expected = if self.bound { "401 invalid_token" } else { "200" };
        assert_eq!(self.userinfo(&stranger, text("access_token")).await, expected, "without the certificate");
        let refreshed = self.shop.refresh(text(REFRESH)).await.expect("an answer");
        assert_eq!(refreshed.in_short(), "200");
        claims
    }

    async fn userinfo(&self, party: &RelyingParty, access_token: &str) -> String {
        party.userinfo(access_token).await.expect("an answer").in_short()
    }
}

/// OIDC Core §3.1.3.6
fn left_half(token: &str) -> Value {
    base64url::encode(&Digest::of(token.as_bytes()).as_bytes()[..16]).into()
}

async fn a_poll_is_held_until_the_phone_answers(method: Method) {
    let scene = Scene::of(method, "poll").await;
    let asked = scene.asked(a_request()).await;
    assert_eq!(scene.shop.poll(&asked).await.expect("an answer").in_short(), "400 authorization_pending");
    // As every client must, before it polls again; only then is a poll held.
    tokio::time::sleep(INTERVAL).await;
    let (shop, id, begun) = (scene.shop.clone(), asked.clone(), now());
    let polling = tokio::spawn(async move { shop.poll(&id).await.expect("an answer") });
    scene.approve(&asked).await;
    let answer = polling.await.expect("no panic");
    assert_eq!(answer.in_short(), "200");
    assert!(now().duration_since(begun).as_secs() < 20, "it was not held to its end");
    scene.holds(&answer.json()).await;
    assert_eq!(scene.shop.poll(&asked).await.expect("an answer").in_short(), "400 invalid_grant");
    let denied = scene.asked(a_request()).await;
    scene.deny(&denied).await;
    assert_eq!(scene.shop.poll(&denied).await.expect("an answer").in_short(), "400 access_denied");
}

async fn a_ping_comes_with_the_clients_token_and_then_there_are_tokens(method: Method) {
    let scene = Scene::of(method, "ping").await;
    let (approved, denied) =
        (scene.asked(a_request().told_by(TOKEN)).await, scene.asked(a_request().told_by(TOKEN)).await);
    scene.approve(&approved).await;
    let calls = scene.endpoint.called(1).await;
    assert_eq!((calls[0].fault, calls[0].json()), (None, json!({ "auth_req_id": approved })));
    let answer = scene.shop.poll(&approved).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
    scene.holds(&answer.json()).await;
    scene.deny(&denied).await;
    assert_eq!(scene.endpoint.called(2).await[1].json(), json!({ "auth_req_id": denied }));
    assert_eq!(scene.shop.poll(&denied).await.expect("an answer").in_short(), "400 access_denied");
}

/// CIBA §10.3.1: the ID token binds the other tokens and the request to itself.
async fn tokens_are_pushed_and_hold_together(method: Method) {
    let scene = Scene::of(method, "push").await;
    let (approved, denied) =
        (scene.asked(a_request().told_by(TOKEN)).await, scene.asked(a_request().told_by(TOKEN)).await);
    scene.approve(&approved).await;
    let calls = scene.endpoint.called(1).await;
    let pushed = calls[0].json();
    assert_eq!((calls[0].fault, &pushed["auth_req_id"]), (None, &json!(approved)));
    let claims = scene.holds(&pushed).await;
    assert_eq!(claims["urn:openid:params:jwt:claim:auth_req_id"], approved);
    assert_eq!(claims["urn:openid:params:jwt:claim:rt_hash"], left_half(pushed[REFRESH].as_str().expect("a token")));
    assert_eq!(scene.shop.poll(&approved).await.expect("an answer").in_short(), "400 unauthorized_client");
    scene.deny(&denied).await;
    let told = scene.endpoint.called(2).await[1].json();
    assert_eq!((&told["auth_req_id"], &told["error"]), (&json!(denied), &json!("access_denied")));
}

/// One test for each method and mode.
macro_rules! modes {
    ($($module:ident: $method:expr;)*) => {$(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn a_poll_is_held_until_the_phone_answers() {
                super::a_poll_is_held_until_the_phone_answers($method).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_ping_comes_with_the_clients_token_and_then_there_are_tokens() {
                super::a_ping_comes_with_the_clients_token_and_then_there_are_tokens($method).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn tokens_are_pushed_and_hold_together() {
                super::tokens_are_pushed_and_hold_together($method).await;
            }
        }
    )*};
}

modes! {
    private_key_jwt: super::PrivateKeyJwt;
    tls_client_auth: super::TlsClientAuth;
    self_signed_tls_client_auth: super::SelfSigned;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_authority_nobody_believes_is_told_nothing() {
    let scene = Scene::of(PrivateKeyJwt, "ping").await;
    let admin = Admin::new(Wire::to(scene.server.admin), scene.server.admin_token());
    let impostor = Authority::new("theirs").server(&["127.0.0.1"]);
    let elsewhere = NotificationStandIn::start_with_tls(&impostor.certificate, &impostor.key).await;
    let mut metadata = admin.client("shop").await.expect("the client");
    metadata["backchannel_client_notification_endpoint"] = elsewhere.url().into();
    admin.replace_client("shop", &metadata).await.expect("replaced");
    let asked = scene.asked(a_request().told_by(TOKEN)).await;
    scene.approve(&asked).await;
    let logged = async {
        while !scene.server.log().contains("tls_failed") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), logged).await.expect("it tries, and says what is wrong");
    assert!(elsewhere.calls().is_empty());
}
