//! A relying party that speaks raw HTTP, as any client library would: discovery, client authentication in every way,
//! signed requests, polling, and verification of the ID token by the published keys.

use std::sync::Arc;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value, json};
use server::app::system::{SystemClock, SystemRandom};
use server::domain::algorithm;
use server::domain::certificate::ClientCertificate;
use server::domain::random::Random;
use server::domain::time::Clock;
use url::form_urlencoded;

use crate::client_key::{ClientKey, sign_by_secret};
use crate::decryption_key::DecryptionKey;
use crate::wire::{Answer, NoAnswer, Wire};

/// `grant_type` of CIBA §10.1.
pub const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// `client_assertion_type` (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the client authenticates (RFC 6749 §2.3.1, OIDC Core §9, RFC 8705 §2).
#[derive(Debug, Clone)]
pub enum Authentication {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `client_secret_jwt`, HS256
    SecretJwt,
    /// `private_key_jwt`
    PrivateKeyJwt(ClientKey),
    /// `tls_client_auth` and `self_signed_tls_client_auth`: by the certificate that it shows, see
    /// [`RelyingParty::showing`].
    Certificate,
}

/// A client's id and secret.
#[derive(Clone)]
pub struct Credentials {
    /// `client_id`
    pub id: String,
    /// `client_secret`; empty where its method has none.
    pub secret: String,
    /// As registered.
    pub authentication: Authentication,
}

/// A relying party that has read its provider's discovery document.
#[derive(Clone)]
pub struct RelyingParty {
    wire: Wire,
    credentials: Credentials,
    certificate: Option<ClientCertificate>,
    headers: Vec<(HeaderName, String)>,
    decryption: Vec<DecryptionKey>,
    clock: Arc<dyn Clock>,
    issuer: String,
    backchannel_authentication_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    document: Value,
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
    /// The ID token, or the JWT of userinfo, is not to be believed.
    #[error("the JWT is not to be believed: {0}")]
    Jwt(String),
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
            certificate: None,
            headers: Vec::new(),
            decryption: Vec::new(),
            clock: Arc::new(SystemClock),
            document,
        })
    }

    /// The same relying party by another clock than the machine's.
    #[must_use]
    pub fn by_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same relying party on connections that show this certificate. Straight into a router only: over a socket it
    /// takes TLS to show one.
    #[must_use]
    pub fn showing(&self, certificate: Option<ClientCertificate>) -> Self {
        Self { certificate, ..self.clone() }
    }

    /// The same relying party with these headers in all that it sends.
    #[must_use]
    pub fn also_sending(&self, headers: &[(HeaderName, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        Self { headers, ..self.clone() }
    }

    /// The same relying party with keys to decrypt by: from here on it believes nothing that was not encrypted to one of them.
    #[must_use]
    pub fn decrypting(&self, keys: &[&DecryptionKey]) -> Self {
        Self { decryption: keys.iter().map(|key| (*key).clone()).collect(), ..self.clone() }
    }

    /// The discovery document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The URL of an endpoint by its name in the discovery document; empty where it is not published.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> &str {
        self.document[name].as_str().unwrap_or_default()
    }

    /// `client_id`
    #[must_use]
    pub fn id(&self) -> &str {
        &self.credentials.id
    }

    /// Who it is.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
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

    /// Refreshes tokens (RFC 6749 §6).
    pub async fn refresh(&self, refresh_token: &str) -> Result<Answer, NoAnswer> {
        self.post(&self.token_endpoint, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
    }

    /// Asks what a token stands for (RFC 7662).
    pub async fn introspect(&self, token: &str) -> Result<Answer, NoAnswer> {
        self.post(self.endpoint("introspection_endpoint"), &[("token", token)]).await
    }

    /// Ends a token (RFC 7009).
    pub async fn revoke(&self, token: &str) -> Result<Answer, NoAnswer> {
        self.post(self.endpoint("revocation_endpoint"), &[("token", token)]).await
    }

    /// Withdraws a request.
    pub async fn cancel(&self, auth_req_id: &str) -> Result<Answer, NoAnswer> {
        self.post(self.endpoint("backchannel_cancellation_endpoint"), &[("auth_req_id", auth_req_id)]).await
    }

    /// Asks who the user is, by an access token (OIDC Core §5.3).
    pub async fn userinfo(&self, access_token: &str) -> Result<Answer, NoAnswer> {
        self.userinfo_by("Bearer", access_token).await
    }

    /// The same under another scheme (RFC 9449 §7.1).
    pub async fn userinfo_by(&self, scheme: &str, access_token: &str) -> Result<Answer, NoAnswer> {
        let request = Request::get(self.endpoint("userinfo_endpoint"));
        let request = request.header(AUTHORIZATION, format!("{scheme} {access_token}")).body(Vec::new());
        self.show(request.map_err(NoAnswer::new)?).await
    }

    /// A form with this client's credentials.
    pub async fn post(&self, url: &str, parameters: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        let Credentials { id, secret, authentication } = &self.credentials;
        let with = |credentials: &[(&str, &str)]| form(&[parameters, credentials].concat());
        match authentication {
            Authentication::Basic => self.send(url, &form(parameters), &[(AUTHORIZATION, basic(id, secret))]).await,
            Authentication::Post => self.send(url, &with(&[("client_id", id), ("client_secret", secret)]), &[]).await,
            Authentication::SecretJwt | Authentication::PrivateKeyJwt(_) => {
                self.post_asserting(url, parameters, &self.assert(&self.assertion())).await
            }
            Authentication::Certificate => self.send(url, &with(&[("client_id", id)]), &[]).await,
        }
    }

    /// A form with this client assertion.
    pub async fn post_asserting(
        &self,
        url: &str,
        parameters: &[(&str, &str)],
        assertion: &str,
    ) -> Result<Answer, NoAnswer> {
        let assertion = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
        self.send(url, &form(&[parameters, &assertion].concat()), &[]).await
    }

    /// A form exactly as written, over a connection that shows this client's certificate.
    pub async fn send(&self, url: &str, form: &str, headers: &[(HeaderName, String)]) -> Result<Answer, NoAnswer> {
        self.show(form_request(url, form, headers)?).await
    }

    /// Any request, over a connection that shows this client's certificate.
    pub async fn show(&self, mut request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.parse().map_err(NoAnswer::new)?);
        }
        self.wire.send(request).await
    }

    /// The claims of a fresh client assertion (RFC 7523 §3): for the issuer, good for a minute.
    #[must_use]
    pub fn assertion(&self) -> Value {
        let now = self.clock.now().unix_seconds();
        let id = &self.credentials.id;
        json!({ "iss": id, "sub": id, "aud": self.issuer, "iat": now, "nbf": now, "exp": now + 60, "jti": jti() })
    }

    /// Signs the claims of an assertion as this client would.
    ///
    /// # Panics
    ///
    /// For a client whose method has no assertions.
    #[must_use]
    pub fn assert(&self, claims: &Value) -> String {
        match &self.credentials.authentication {
            Authentication::PrivateKeyJwt(key) => key.sign(None, claims),
            Authentication::SecretJwt => sign_by_secret(&self.credentials.secret, algorithm::Algorithm::Hs256, claims),
            other => panic!("{other:?} has no assertions"),
        }
    }

    /// The claims of a fresh request object (CIBA §7.1.1): the parameters, for the issuer, good for five minutes.
    #[must_use]
    pub fn request_object(&self, parameters: &[(&str, &str)]) -> Value {
        let now = self.clock.now().unix_seconds();
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        let mut claims: Map<String, Value> = parameters.collect();
        claims.insert("iss".to_owned(), self.credentials.id.as_str().into());
        claims.insert("aud".to_owned(), self.issuer.as_str().into());
        claims.insert("jti".to_owned(), jti().into());
        for (name, at) in [("iat", now), ("nbf", now), ("exp", now + 300)] {
            claims.insert(name.to_owned(), at.into());
        }
        claims.into()
    }

    /// A signed request: the `request` parameter.
    #[must_use]
    pub fn sign_request(&self, key: &ClientKey, parameters: &[(&str, &str)]) -> String {
        key.sign(Some("oauth-authz-req+jwt"), &self.request_object(parameters))
    }

    /// A signed backchannel authentication request (CIBA §7.1.1).
    pub async fn begin_signed(&self, key: &ClientKey, parameters: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        self.begin(&[("request", &self.sign_request(key, parameters))]).await
    }

    /// Decrypts an ID token if this client has keys for that, and verifies it by the published keys (OIDC Core §3.1.3.7);
    /// returns its claims.
    pub async fn verify(&self, id_token: &str, now: i64) -> Result<Value, Failure> {
        let claims = self.claims(&self.decrypted(id_token)?).await?;
        let time = |name: &str| claims[name].as_i64().ok_or_else(|| distrust(format!("{name} is missing")));
        // By the caller's clock: the library only knows the machine's.
        if time("exp")? <= now || time("iat")? > now + 300 || time("auth_time")? > now {
            return Err(distrust("it is not valid now".to_owned()));
        }
        Ok(claims)
    }

    /// Decrypts the JWT of userinfo if this client has keys for that, and verifies it (OIDC Core §5.3.2).
    pub async fn verify_userinfo(&self, jwt: &str) -> Result<Value, Failure> {
        self.claims(&self.decrypted(jwt)?).await
    }

    /// The signed JWT in an encrypted one (RFC 7519 §7.2). To a client with keys for that, one in clear is a downgrade.
    fn decrypted(&self, jwt: &str) -> Result<String, Failure> {
        if self.decryption.is_empty() {
            return Ok(jwt.to_owned());
        }
        let opened = self.decryption.iter().map(|key| key.open(jwt)?.jwt());
        let outcome = opened.reduce(Result::or).expect("there are keys");
        outcome.map_err(|refused| distrust(refused.to_string()))
    }

    async fn claims(&self, jwt: &str) -> Result<Value, Failure> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|error| distrust(error.to_string()))?;
        let kid = header.kid.ok_or_else(|| distrust("it names no key".to_owned()))?;
        let keys = self.wire.get(&self.jwks_uri).await?;
        let keys: JwkSet = serde_json::from_slice(&keys.body).map_err(|error| distrust(error.to_string()))?;
        let key = keys.find(&kid).ok_or_else(|| distrust("its key is not published".to_owned()))?;
        // The algorithm is the key's, never the token's.
        let algorithm = key.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
        let algorithm = algorithm.ok_or_else(|| distrust("its key is for no algorithm".to_owned()))?;
        let key = DecodingKey::from_jwk(key).map_err(|error| distrust(error.to_string()))?;
        let claims = jsonwebtoken::decode::<Value>(jwt, &key, &self.expected(algorithm));
        Ok(claims.map_err(|error| distrust(error.to_string()))?.claims)
    }

    fn expected(&self, algorithm: Algorithm) -> Validation {
        let mut expected = Validation::new(algorithm);
        expected.set_issuer(&[&self.issuer]);
        expected.set_audience(&[&self.credentials.id]);
        expected.set_required_spec_claims(&["iss", "sub", "aud"]);
        expected.validate_exp = false;
        expected
    }
}

const fn distrust(reason: String) -> Failure {
    Failure::Jwt(reason)
}

/// Parameters as `application/x-www-form-urlencoded`.
#[must_use]
pub fn form(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// A `jti` that nobody has used.
fn jti() -> String {
    let random: &dyn Random = &SystemRandom;
    random.token()
}

/// Posts a form exactly as written.
pub async fn post_form(
    wire: &Wire,
    url: &str,
    form: &str,
    headers: &[(HeaderName, String)],
) -> Result<Answer, NoAnswer> {
    wire.send(form_request(url, form, headers)?).await
}

fn form_request(url: &str, form: &str, headers: &[(HeaderName, String)]) -> Result<Request<Vec<u8>>, NoAnswer> {
    let mut request =
        Request::post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(ACCEPT, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(form.as_bytes().to_vec()).map_err(NoAnswer::new)
}

/// The value of an `Authorization` header: both parts are form-encoded before they are joined (RFC 6749 §2.3.1).
#[must_use]
pub fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}
