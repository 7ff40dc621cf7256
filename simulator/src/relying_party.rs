//! A relying party that speaks raw HTTP, as any client library would: discovery, backchannel authentication, polling, and
//! verification of the ID token by the published keys.

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use url::form_urlencoded;

use crate::wire::{Answer, NoAnswer, Wire};

/// `grant_type` of CIBA §10.1.
pub const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// How the client authenticates (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
}

/// A client's id and secret.
#[derive(Clone)]
pub struct Credentials {
    /// `client_id`
    pub id: String,
    /// `client_secret`
    pub secret: String,
    /// As registered.
    pub authentication: Authentication,
}

/// A relying party that has read its provider's discovery document.
#[derive(Clone)]
pub struct RelyingParty {
    wire: Wire,
    credentials: Credentials,
    issuer: String,
    backchannel_authentication_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

/// What a relying party cannot go on with.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There was no reply.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The discovery document is of another issuer, or lacks a member.
    #[error("the discovery document is not usable: {0}")]
    Discovery(&'static str),
    /// The ID token is not to be believed.
    #[error("the ID token is not to be believed: {0}")]
    IdToken(String),
}

impl RelyingParty {
    /// Reads `<issuer>/.well-known/openid-configuration`.
    pub async fn discover(wire: Wire, issuer: &str, credentials: Credentials) -> Result<Self, Failure> {
        let document = wire.get(&format!("{issuer}/.well-known/openid-configuration")).await?.json();
        let member = |name: &'static str| document[name].as_str().map(str::to_owned).ok_or(Failure::Discovery(name));
        // OIDC Discovery §4.3: compared byte for byte.
        if member("issuer")? != issuer {
            return Err(Failure::Discovery("issuer"));
        }
        Ok(Self {
            backchannel_authentication_endpoint: member("backchannel_authentication_endpoint")?,
            token_endpoint: member("token_endpoint")?,
            jwks_uri: member("jwks_uri")?,
            issuer: issuer.to_owned(),
            wire,
            credentials,
        })
    }

    /// `client_id`
    #[must_use]
    pub fn id(&self) -> &str {
        &self.credentials.id
    }

    /// The same relying party with other credentials.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// A backchannel authentication request (CIBA §7.1).
    pub async fn begin(&self, parameters: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        self.post(&self.backchannel_authentication_endpoint, parameters).await
    }

    /// A token request (CIBA §10.1).
    pub async fn poll(&self, auth_req_id: &str) -> Result<Answer, NoAnswer> {
        self.post(&self.token_endpoint, &[("grant_type", CIBA_GRANT), ("auth_req_id", auth_req_id)]).await
    }

    /// A form with this client's credentials.
    pub async fn post(&self, url: &str, parameters: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        let Credentials { id, secret, authentication } = &self.credentials;
        match authentication {
            Authentication::Basic => {
                post_form(&self.wire, url, &form(parameters), &[(AUTHORIZATION, basic(id, secret))]).await
            }
            Authentication::Post => {
                let credentials = [("client_id", id.as_str()), ("client_secret", secret)];
                post_form(&self.wire, url, &form(&[parameters, &credentials].concat()), &[]).await
            }
        }
    }

    /// Verifies an ID token by the published keys (OIDC Core §3.1.3.7); returns its claims.
    pub async fn verify(&self, id_token: &str, now: i64) -> Result<Value, Failure> {
        let distrust = |reason: String| Failure::IdToken(reason);
        let header = jsonwebtoken::decode_header(id_token).map_err(|error| distrust(error.to_string()))?;
        let kid = header.kid.ok_or_else(|| distrust("it names no key".to_owned()))?;
        let keys = self.wire.get(&self.jwks_uri).await?;
        let keys: JwkSet = serde_json::from_slice(&keys.body).map_err(|error| distrust(error.to_string()))?;
        let key = keys.find(&kid).ok_or_else(|| distrust("its key is not published".to_owned()))?;
        let key = DecodingKey::from_jwk(key).map_err(|error| distrust(error.to_string()))?;
        let claims = jsonwebtoken::decode::<Value>(id_token, &key, &self.expected());
        let claims = claims.map_err(|error| distrust(error.to_string()))?.claims;
        let time = |name: &str| claims[name].as_i64().ok_or_else(|| distrust(format!("{name} is missing")));
        // By the caller's clock: the library only knows the machine's.
        if time("exp")? <= now || time("iat")? > now + 300 || time("auth_time")? > now {
            return Err(distrust("it is not valid now".to_owned()));
        }
        Ok(claims)
    }

    fn expected(&self) -> Validation {
        let mut expected = Validation::new(Algorithm::ES256);
        expected.set_issuer(&[&self.issuer]);
        expected.set_audience(&[&self.credentials.id]);
        expected.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        expected.validate_exp = false;
        expected
    }
}

fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// Posts a form exactly as written.
pub async fn post_form(
    wire: &Wire,
    url: &str,
    form: &str,
    headers: &[(HeaderName, String)],
) -> Result<Answer, NoAnswer> {
    let mut request =
        Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(ACCEPT, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    wire.send(request.body(form.as_bytes().to_vec()).map_err(NoAnswer::new)?).await
}

/// The value of an `Authorization` header: both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
#[must_use]
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}
