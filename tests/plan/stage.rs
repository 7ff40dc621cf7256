//! One cell's stage: a realm under the FAPI profile, the plan's two clients, alice and her phone.

use axum::http::Request;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm as Signing;
use server::domain::profile::Profile;
use simulator::phone::Phone;
use simulator::stand_in::notification::NotificationStandIn;
use simulator::wire::Answer;
use tests::{ISSUER, World};

use crate::suite::{ASSERTION_TYPE, CIBA, Cell, Form, Mode, Party, Signature};

/// The path of the backchannel authentication endpoint.
pub(crate) const BACKCHANNEL: &str = "/backchannel/authenticate";

/// The path of the token endpoint.
pub(crate) const TOKEN: &str = "/token";

/// Everything one module works with.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) cell: Cell,
    pub(crate) client1: Party,
    pub(crate) client2: Party,
    pub(crate) phone: Phone,
    endpoints: [NotificationStandIn; 2],
}

impl Stage {
    /// A stage for one cell.
    pub(crate) async fn of(cell: Cell) -> Self {
        let world = World::builder()
            .policy(|policy| {
                policy.profile = Profile::FapiCiba;
                policy.signing_algorithms = vec![Signing::Ps256, Signing::Es256];
                policy.prompt_limits = false;
            })
            .mutual_tls()
            .reaching_stand_ins()
            .make()
            .await;
        let (client1, client2) = (Party::new(cell, 1), Party::new(cell, 2));
        let endpoints = [NotificationStandIn::start().await, NotificationStandIn::start().await];
        for (party, endpoint) in [&client1, &client2].into_iter().zip(&endpoints) {
            let created = world.admin().create_client(&party.metadata(&endpoint.url())).await;
            created.expect("the operator creates").expect("a new client");
        }
        let phone = world.phone("1001").await;
        Self { world, cell, client1, client2, phone, endpoints }
    }

    /// Where a client is told.
    pub(crate) fn endpoint(&self, party: &Party) -> &NotificationStandIn {
        &self.endpoints[usize::from(party.id == self.client2.id)]
    }

    /// What a client sends beside a request object: its assertion, or its id with its certificate.
    fn authenticated<'a>(
        &self,
        party: &Party,
        audience: &str,
        path: &'a str,
        fields: Vec<(&'a str, String)>,
    ) -> Form<'a> {
        let mut form = Form { path, fields, certificate: Some(party.certificate()) };
        if self.cell.has_assertions() {
            let assertion = party.sign(None, &party.assertion_claims(&self.world, audience), Signature::Own);
            form.fields.push(("client_assertion", assertion));
            form.fields.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
        } else {
            form.fields.push(("client_id", party.id.clone()));
        }
        form
    }

    /// A backchannel authentication request by this request object, authenticated in the usual way.
    pub(crate) fn asking(&self, party: &Party, request: String) -> Form<'static> {
        self.asking_for(party, request, &format!("{ISSUER}{BACKCHANNEL}"))
    }

    /// The same with another audience of the assertion.
    pub(crate) fn asking_for(&self, party: &Party, request: String, audience: &str) -> Form<'static> {
        self.authenticated(party, audience, BACKCHANNEL, vec![("request", request)])
    }

    /// A token request.
    pub(crate) fn collecting(&self, party: &Party, auth_req_id: &str) -> Form<'static> {
        self.collecting_for(party, auth_req_id, &format!("{ISSUER}{TOKEN}"))
    }

    /// The same with another audience of the assertion.
    pub(crate) fn collecting_for(&self, party: &Party, auth_req_id: &str, audience: &str) -> Form<'static> {
        let fields = vec![("grant_type", CIBA.to_owned()), ("auth_req_id", auth_req_id.to_owned())];
        self.authenticated(party, audience, TOKEN, fields)
    }

    /// A refresh request.
    pub(crate) fn refreshing(&self, party: &Party, refresh_token: &str, scope: Option<&str>) -> Form<'static> {
        let mut fields = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token.to_owned())];
        fields.extend(scope.map(|scope| ("scope", scope.to_owned())));
        self.authenticated(party, &format!("{ISSUER}{TOKEN}"), TOKEN, fields)
    }

    /// Sends a request object with these parameters.
    pub(crate) async fn ask(&self, party: &Party, parameters: &Value) -> Answer {
        let claims = party.request_claims(&self.world, parameters);
        self.ask_by(party, &claims).await
    }

    /// Sends a request object with these claims.
    pub(crate) async fn ask_by(&self, party: &Party, claims: &Value) -> Answer {
        let request = party.sign(party.typ(), claims, Signature::Own);
        self.asking(party, request).post(&self.world).await
    }

    /// Asks, expects the acknowledgement of `OP_ACCEPTANCE` §2.4, and returns the `auth_req_id`.
    pub(crate) async fn accepted(&self, party: &Party, parameters: &Value) -> String {
        acknowledged(&self.ask(party, parameters).await)
    }

    /// Polls and says in short what came.
    pub(crate) async fn poll(&self, party: &Party, auth_req_id: &str) -> String {
        self.collecting(party, auth_req_id).post(&self.world).await.in_short()
    }

    /// Alice approves.
    pub(crate) async fn approve(&self, auth_req_id: &str) {
        let prompt = self.world.prompt(&self.phone, auth_req_id).await;
        self.phone.approve(&prompt).await.expect("the phone approves");
    }

    /// Polls at once and after the interval, as every normal module does while the user thinks (§2.7).
    pub(crate) async fn pending_twice(&self, party: &Party, auth_req_id: &str) {
        assert_eq!(self.poll(party, auth_req_id).await, "400 authorization_pending", "{:?}", self.cell);
        self.world.advance(5);
        assert_eq!(self.poll(party, auth_req_id).await, "400 authorization_pending", "{:?}", self.cell);
    }

    /// Waits as the cell's mode wants it: for the ping, or for the interval.
    pub(crate) async fn told(&self, party: &Party, auth_req_id: &str) {
        match self.cell.mode {
            Mode::Ping => {
                self.world.deliver().await;
                let about = json!({ "auth_req_id": auth_req_id });
                let calls = self.endpoint(party).calls();
                let pings: Vec<_> = calls.iter().filter(|call| call.json() == about).collect();
                let [ping] = pings[..] else { panic!("{:?}: one ping, not {}", self.cell, pings.len()) };
                assert_eq!((ping.fault, ping.token.as_str()), (None, party.notification_token()), "{:?}", self.cell);
            }
            Mode::Poll => self.world.advance(5),
        }
    }

    /// Collects tokens and checks everything of `OP_ACCEPTANCE` §2.8 that does not need the keys.
    pub(crate) async fn collect(&self, party: &Party, auth_req_id: &str) -> Value {
        let answer = self.collecting(party, auth_req_id).post(&self.world).await;
        assert_eq!(answer.in_short(), "200", "{:?}", self.cell);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")));
        let tokens = answer.json();
        assert!(tokens["token_type"].as_str().is_some_and(|it| it.eq_ignore_ascii_case("bearer")));
        assert!(tokens["expires_in"].as_u64().is_some_and(|it| (1..=31_536_000).contains(&it)));
        for token in ["access_token", "refresh_token"] {
            assert!(tokens[token].as_str().is_some_and(|it| it.len() >= 16 && entropy(it) > 96.0), "{token}");
        }
        tokens
    }
}

/// Bits, as Shannon's formula over the characters of a text estimates them.
#[expect(clippy::cast_precision_loss, reason = "texts are short")]
fn entropy(text: &str) -> f64 {
    let length = text.chars().count() as f64;
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    text.chars().for_each(|character| *counts.entry(character).or_default() += 1);
    counts.into_values().map(|count| f64::from(count) / length).map(|share| -share * share.log2()).sum::<f64>() * length
}

/// `OP_ACCEPTANCE` §2.4.
pub(crate) fn acknowledged(answer: &Answer) -> String {
    assert_eq!(answer.in_short(), "200", "{}", answer.json());
    let body = answer.json();
    let id = body["auth_req_id"].as_str().expect("an auth_req_id").to_owned();
    assert!(entropy(&id) > 160.0, "{id} is easier to guess than is recommended");
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{id}");
    assert!(body["expires_in"].as_u64().is_some_and(|it| (1..=30_758_400).contains(&it)));
    assert!(body["interval"].as_u64().is_some_and(|it| it <= 5));
    id
}

/// `OP_ACCEPTANCE` §2.5: the code, and nothing in the body but what RFC 6749 §5.2 allows.
pub(crate) fn refused(answer: &Answer, expected: &[&str], what: &str) {
    assert!(expected.contains(&answer.in_short().as_str()), "{what}: {} is none of {expected:?}", answer.in_short());
    let body = answer.json();
    let members = body.as_object().expect("a JSON object");
    assert!(members.keys().all(|it| ["error", "error_description", "error_uri"].contains(&it.as_str())), "{body}");
    let text = body["error_description"].as_str().unwrap_or_default();
    assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'), "{text}");
    if answer.status.as_u16() == 400 {
        assert_eq!(answer.header("www-authenticate"), None, "{what}");
    }
}

/// The resource that tokens are for.
const USERINFO: &str = "/userinfo";

impl Stage {
    /// Verifies the ID token by the published keys as `OP_ACCEPTANCE` §2.8 wants it; returns its claims.
    pub(crate) async fn verified(&self, party: &Party, tokens: &Value, auth_req_id: &str) -> Value {
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        let header = jsonwebtoken::decode_header(id_token).expect("a JWT");
        assert_eq!(format!("{:?}", header.alg), party.algorithm());
        let keys = self.world.public().get(&format!("{ISSUER}/jwks")).await.expect("an answer");
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&keys.body).expect("a JWK set");
        let key = keys.find(&header.kid.expect("a kid")).expect("its key is published");
        let mut rules = jsonwebtoken::Validation::new(header.alg);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[&party.id]);
        rules.validate_exp = false; // by the story's clock, below
        let key = jsonwebtoken::DecodingKey::from_jwk(key).expect("a usable key");
        let claims = jsonwebtoken::decode::<Value>(id_token, &key, &rules).expect("the signature holds").claims;
        let now = self.world.now().unix_seconds();
        assert!(claims["exp"].as_i64().is_some_and(|it| it > now));
        assert!(claims["iat"].as_i64().is_some_and(|it| (now - 300..=now + 300).contains(&it)));
        assert!(claims["auth_time"].as_i64().is_some_and(|it| it <= now && it > now - 31_536_000));
        assert!(claims["sub"].as_str().is_some_and(|it| (1..=255).contains(&it.len())));
        if let Some(hash) = claims.get("at_hash") {
            let access_token = tokens["access_token"].as_str().expect("an access token");
            // OIDC Core §3.1.3.6: both algorithms hash by SHA-256.
            let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access_token.as_bytes());
            assert_eq!(hash, &protocol::base64url::encode(&whole.as_ref()[..16]));
        }
        for absent in ["nonce", "s_hash", "c_hash"] {
            assert!(claims.get(absent).is_none(), "{absent}");
        }
        if let Some(id) = claims.get("urn:openid:params:jwt:claim:auth_req_id") {
            assert_eq!(id, auth_req_id);
        }
        claims
    }

    fn resource_request(access_token: &str) -> axum::http::request::Builder {
        Request::get(format!("{ISSUER}{USERINFO}"))
            .header("authorization", format!("Bearer {access_token}"))
            .header("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946")
            .header("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 GMT")
    }

    /// Asks the protected resource with this certificate.
    async fn resource(&self, certificate: &Party, access_token: &str, interaction: Option<&str>) -> Answer {
        let mut request =
            Self::resource_request(access_token).header("accept", "application/json;charset=utf-8, text/plain");
        if let Some(interaction) = interaction {
            request = request.header("x-fapi-interaction-id", interaction);
        }
        let mut request = request.body(Vec::new()).expect("a request");
        request.extensions_mut().insert(certificate.certificate());
        self.world.public().send(request).await.expect("an answer")
    }

    /// `OP_ACCEPTANCE` §2.10, for whom the token was issued to.
    pub(crate) async fn resource_answers(&self, party: &Party, access_token: &str) {
        let sent = "C770AEF3-6784-41f7-8e0e-ff5f97bddb3a";
        let answer = self.resource(party, access_token, Some(sent)).await;
        assert_eq!(answer.in_short(), "200", "{:?}", self.cell);
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")));
        assert!(answer.header("x-fapi-interaction-id").is_some_and(|it| it.eq_ignore_ascii_case(sent)));
        assert_eq!(answer.json()["sub"], "1001");
        for accept in ["application/json;charset=UTF-8", "application/json, application/*+json, */*"] {
            let mut request =
                Self::resource_request(access_token).header("accept", accept).body(Vec::new()).expect("one");
            request.extensions_mut().insert(party.certificate());
            assert_eq!(self.world.public().send(request).await.expect("an answer").in_short(), "200", "{accept}");
        }
        let invented = self.resource(party, access_token, None).await;
        let id = invented.header("x-fapi-interaction-id").expect("an interaction id").to_owned();
        assert!(id.len() == 36 && id.bytes().filter(|it| *it == b'-').count() == 4, "{id} is a UUID");
    }

    /// `OP_ACCEPTANCE` §2.10: the two clients' tokens, and each over the other's certificate.
    pub(crate) async fn resource_is_bound(&self, tokens: &[String]) {
        let [first, second] = tokens else { panic!("two tokens") };
        self.resource_answers(&self.client1, first).await;
        self.resource_answers(&self.client2, second).await;
        let crossed = self.resource(&self.client1, second, None).await;
        assert!(crossed.status.is_client_error(), "{:?}: {}", self.cell, crossed.in_short());
        let in_query = format!("{ISSUER}{USERINFO}?access_token={first}");
        let mut request = Request::get(in_query).body(Vec::new()).expect("a request");
        request.extensions_mut().insert(self.client1.certificate());
        let answer = self.world.public().send(request).await.expect("an answer");
        assert!([400, 401, 414].contains(&answer.status.as_u16()), "{}", answer.in_short());
    }
}
