//! A stand-in for the OpenID provider at which an organisation's users sign in anyway: authorization code flow with PKCE
//! (OIDC Core §3.1, RFC 7636). It signs in whom a test says, at once, and is strict about everything that it is sent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::{Digest, base64url};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::secret::Secret;
use server::domain::sign_in::SignIn;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::{Url, form_urlencoded};

use crate::client_key::ClientKey;

/// Who we are there.
pub const CLIENT: &str = "assent";
const SECRET: &str = "a secret: 50% + more";

/// A login on a loopback port, until it is dropped.
pub struct LoginStandIn {
    desk: Arc<Mutex<Desk>>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

struct Desk {
    key: ClientKey,
    unpublished: Option<ClientKey>,
    issuer: String,
    redirect_uri: String,
    is_confidential: bool,
    /// Members of the next ID tokens, over the usual ones; `null` leaves one out.
    claims: Value,
    /// What is answered in place of a code.
    refusal: Option<&'static str>,
    codes: HashMap<String, Value>,
    issued: usize,
    /// The queries that browsers came with.
    asked: Vec<HashMap<String, String>>,
}

impl LoginStandIn {
    /// Starts one that knows a provider's redirect URI, and gives it a secret or not.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn for_provider(issuer: &str, is_confidential: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let desk = Arc::new(Mutex::new(Desk {
            key: ClientKey::generate(Algorithm::Rs256),
            unpublished: None,
            issuer: format!("http://{address}"),
            redirect_uri: format!("{issuer}/enrol/callback"),
            is_confidential,
            claims: json!({}),
            refusal: None,
            codes: HashMap::new(),
            issued: 0,
            asked: Vec::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&desk));
        let listening = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { desk, address, listening }
    }

    /// What an operator sets to use it.
    #[must_use]
    pub fn settings(&self) -> SignIn {
        let desk = self.desk();
        SignIn {
            issuer: desk.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: desk.is_confidential.then(|| Secret::new(SECRET.to_owned())),
            subject_claim: "sub".to_owned(),
            recovery_acr: Vec::new(),
        }
    }

    /// Says so of whoever signs in next: `null` leaves a member out.
    pub fn say(&self, claims: Value) {
        self.desk().claims = claims;
    }

    /// Refuses with this error, from here on.
    pub fn refuse(&self, error: &'static str) {
        self.desk().refusal = Some(error);
    }

    /// Signs by a key that it does not publish, from here on.
    pub fn sign_by_another_key(&self) {
        self.desk().unpublished = Some(ClientKey::generate(Algorithm::Rs256));
    }

    /// With what the last browser came.
    #[must_use]
    pub fn last_asked(&self) -> HashMap<String, String> {
        self.desk().asked.last().cloned().unwrap_or_default()
    }

    /// Where a browser is sent back to that came with this URL.
    ///
    /// # Errors
    ///
    /// What the page says in place of that.
    pub fn visit(&self, url: &str) -> Result<String, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        if url.port() != Some(self.address.port()) || url.path() != "/authorize" {
            return Err(format!("{url} is not the login"));
        }
        self.desk().signed_in(&url.query_pairs().into_owned().collect())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LoginStandIn {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

type Shared = State<Arc<Mutex<Desk>>>;

async fn metadata(State(desk): Shared) -> Json<Value> {
    let issuer = desk.lock().unwrap_or_else(PoisonError::into_inner).issuer.clone();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn keys(State(desk): Shared) -> Json<Value> {
    Json(desk.lock().unwrap_or_else(PoisonError::into_inner).key.jwks())
}

async fn authorize(State(desk): Shared, RawQuery(query): RawQuery) -> Response {
    let query = pairs(query.unwrap_or_default().as_bytes());
    let there = desk.lock().unwrap_or_else(PoisonError::into_inner).signed_in(&query);
    there.map_or_else(|why| (StatusCode::BAD_REQUEST, why).into_response(), |url| Redirect::to(&url).into_response())
}

async fn token(State(desk): Shared, headers: HeaderMap, form: Bytes) -> Response {
    let form = pairs(&form);
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match desk.lock().unwrap_or_else(PoisonError::into_inner).redeemed(said.as_deref(), &form) {
        Ok(token) => Json(json!({
            "access_token": "of-no-use-here", "token_type": "Bearer", "expires_in": 300, "id_token": token,
        }))
        .into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

fn pairs(encoded: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

impl Desk {
    fn signed_in(&mut self, query: &HashMap<String, String>) -> Result<String, String> {
        self.asked.push(query.clone());
        let value = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        for (name, wanted) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", "openid"),
            ("code_challenge_method", "S256"),
        ] {
            if value(name) != wanted {
                return Err(format!("{name} is {}", value(name)));
            }
        }
        if base64url::decode_exact::<32>(value("code_challenge")).is_err() || value("nonce").len() < 22 {
            return Err("no challenge, or no nonce".to_owned());
        }
        let mut back = Url::parse(&self.redirect_uri).map_err(|error| error.to_string())?;
        let mut pairs = back.query_pairs_mut();
        pairs.append_pair("state", value("state")).append_pair("iss", &self.issuer);
        if let Some(error) = self.refusal {
            pairs.append_pair("error", error);
        } else {
            self.issued += 1;
            let code = format!("code-{}", self.issued);
            pairs.append_pair("code", &code);
            self.codes.insert(code, json!({ "challenge": value("code_challenge"), "nonce": value("nonce") }));
        }
        drop(pairs);
        Ok(back.into())
    }

    fn redeemed(&mut self, said: Option<&str>, form: &HashMap<String, String>) -> Result<String, &'static str> {
        let value = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
        let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:a+secret%3A+50%25+%2B+more")));
        let is_client = match said {
            Some(said) => self.is_confidential && said == expected,
            None => !self.is_confidential && value("client_id") == CLIENT,
        };
        if !is_client {
            return Err("invalid_client");
        }
        let code = self.codes.remove(value("code")).ok_or("invalid_grant")?;
        let challenge = base64url::encode(Digest::of(value("code_verifier").as_bytes()).as_bytes());
        let fits = value("grant_type") == "authorization_code"
            && value("redirect_uri") == self.redirect_uri
            && code["challenge"] == challenge;
        if !fits {
            return Err("invalid_grant");
        }
        let mut claims = json!({ "iss": self.issuer, "aud": CLIENT, "nonce": code["nonce"] });
        for (name, value) in self.claims.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        if let Some(claims) = claims.as_object_mut() {
            claims.retain(|_, value| !value.is_null());
        }
        Ok(self.unpublished.as_ref().unwrap_or(&self.key).sign(Some("JWT"), &claims))
    }
}
