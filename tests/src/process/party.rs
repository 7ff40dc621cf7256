//! A relying party, and the operator who registers it: raw HTTP, as the world would speak it.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::base64url;
use serde::Deserialize;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use simulator::client_key::ClientKey;
use simulator::prover::Prover;

use super::http::{Call, Connection, Lost, Reply};
use super::unix_seconds;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

/// Whoever holds the admin token.
pub struct Operator {
    connection: Connection,
    authorization: String,
}

impl Operator {
    /// Uses a connection to the admin listener.
    #[must_use]
    pub fn new(connection: Connection, token: &str) -> Self {
        Self { connection, authorization: format!("Bearer {token}") }
    }

    /// Posts JSON below `/admin/v1`.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Reply, Lost> {
        let path = format!("/admin/v1{path}");
        let call = Call::post(&path, JSON, body.to_string()).header("authorization", &self.authorization);
        self.connection.send(call).await
    }

    /// Gets JSON from below `/admin/v1`.
    pub async fn get(&mut self, path: &str) -> Result<Value, Lost> {
        let path = format!("/admin/v1{path}");
        let call = Call::get(&path).header("authorization", &self.authorization);
        Ok(self.connection.send(call).await?.expect_status(200).json())
    }

    /// Creates a user of this subject, who is also named so.
    pub async fn create_user(&mut self, subject: &str) -> Result<(), Lost> {
        let body = json!({ "subject": subject, "username": format!("user-{subject}") });
        let _ = self.post("/users", &body).await?.expect_status(201);
        Ok(())
    }

    /// Creates a client that polls.
    pub async fn create_client(&mut self, id: &str) -> Result<Party, Lost> {
        self.create_client_with(id, &json!({})).await
    }

    /// Creates a client with further metadata: an object.
    pub async fn create_client_with(&mut self, id: &str, metadata: &Value) -> Result<Party, Lost> {
        let reply = self.register(id, metadata).await?;
        let secret = reply["client_secret"].as_str().expect("the secret is told once, here");
        Ok(Party::new(id, secret))
    }

    /// The same for a client that authenticates by `private_key_jwt`, to the OP of this issuer.
    pub async fn create_client_by_key(
        &mut self,
        id: &str,
        key: ClientKey,
        issuer: &str,
        metadata: &Value,
    ) -> Result<Party, Lost> {
        let mut metadata = metadata.clone();
        metadata["token_endpoint_auth_method"] = "private_key_jwt".into();
        let others = metadata["jwks"]["keys"].as_array().cloned().unwrap_or_default();
        let keys: Vec<Value> = std::iter::once(key.jwk()).chain(others).collect();
        metadata["jwks"] = json!({ "keys": keys });
        self.register(id, &metadata).await?;
        let credentials = Credentials::Key { id: id.to_owned(), issuer: issuer.to_owned(), key };
        Ok(Party { credentials, proof: None })
    }

    async fn register(&mut self, id: &str, metadata: &Value) -> Result<Value, Lost> {
        let mut body = json!({ "client_id": id, "client_name": format!("Client {id}"), "scope": "openid" });
        for (name, value) in metadata.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        Ok(self.post("/clients", &body).await?.expect_status(201).json())
    }
}

/// A client.
#[derive(Clone)]
pub struct Party {
    credentials: Credentials,
    /// What it proves at its token requests, and their URL.
    proof: Option<(Prover, String)>,
}

#[derive(Clone)]
enum Credentials {
    /// `client_secret_basic`, as the header has it.
    Basic(String),
    /// `private_key_jwt`.
    Key { id: String, issuer: String, key: ClientKey },
}

/// The acknowledgement of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct Begun {
    /// The handle to poll with.
    pub auth_req_id: String,
    /// Seconds.
    pub expires_in: u32,
}

/// What a poll was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// `authorization_pending`, or `slow_down`, which says the same to the impatient.
    Pending,
    /// 200 with tokens.
    Tokens(Tokens),
    /// Another error.
    Refused(String),
}

/// A token response.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tokens {
    /// Bearer.
    pub access_token: String,
    /// A JWT.
    pub id_token: String,
    /// Of a client that may refresh.
    #[serde(default)]
    pub refresh_token: Option<String>,
}

impl Party {
    /// Authenticates by `client_secret_basic`; id and secret in characters that need no escape.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        let pair = base64(format!("{id}:{secret}").as_bytes());
        Self { credentials: Credentials::Basic(format!("Basic {pair}")), proof: None }
    }

    /// The same with a DPoP proof (RFC 9449) by a key of its own in every token request to the OP of this issuer.
    #[must_use]
    pub fn proving(self, issuer: &str) -> Self {
        Self { proof: Some((Prover::generate(Algorithm::Es256), format!("{issuer}/token"))), ..self }
    }

    async fn post(&self, connection: &mut Connection, path: &str, form: String) -> Result<Reply, Lost> {
        let call = match &self.credentials {
            Credentials::Basic(authorization) => Call::post(path, FORM, form).header("authorization", authorization),
            Credentials::Key { id, issuer, key } => {
                let assertion = assertion(id, issuer, key);
                Call::post(
                    path,
                    FORM,
                    format!("{form}&client_assertion_type={JWT_BEARER}&client_assertion={assertion}"),
                )
            }
        };
        match &self.proof {
            Some((prover, url)) if url.ends_with(path) => {
                let proof = prover.prove(&prover.claims("POST", url, unix_seconds()));
                connection.send(call.header("dpop", &proof)).await
            }
            _ => connection.send(call).await,
        }
    }

    /// `POST /backchannel/authenticate`; the message must need no escape but for spaces.
    ///
    /// # Panics
    /// If the server answers anything but 200.
    pub async fn begin(&self, connection: &mut Connection, user: &str, message: &str) -> Result<Begun, Lost> {
        self.begin_with(connection, user, message, "").await
    }

    /// The same of a client that is told of the outcome under this token.
    ///
    /// # Panics
    /// If the server answers anything but 200.
    pub async fn begin_told(
        &self,
        connection: &mut Connection,
        user: &str,
        message: &str,
        token: &str,
    ) -> Result<Begun, Lost> {
        self.begin_with(connection, user, message, &format!("&client_notification_token={token}")).await
    }

    async fn begin_with(
        &self,
        connection: &mut Connection,
        user: &str,
        message: &str,
        more: &str,
    ) -> Result<Begun, Lost> {
        let message = message.replace(' ', "+");
        let form = format!("scope=openid&login_hint={user}&binding_message={message}&requested_expiry=3600{more}");
        Ok(self.post(connection, "/backchannel/authenticate", form).await?.expect_status(200).json())
    }

    /// `POST /token`
    ///
    /// # Panics
    /// If the answer is neither tokens nor an OAuth error.
    pub async fn poll(&self, connection: &mut Connection, auth_req_id: &str) -> Result<Polled, Lost> {
        let form = format!("grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id={auth_req_id}");
        self.ask_for_tokens(connection, form).await
    }

    /// `POST /token` with a refresh token.
    ///
    /// # Panics
    /// If the answer is neither tokens nor an OAuth error.
    pub async fn refresh(&self, connection: &mut Connection, refresh_token: &str) -> Result<Polled, Lost> {
        let form = format!("grant_type=refresh_token&refresh_token={refresh_token}");
        self.ask_for_tokens(connection, form).await
    }

    /// The status and the error code that a request for this user is answered with.
    pub async fn may_ask(&self, connection: &mut Connection, user: &str) -> Result<(u16, Value), Lost> {
        let form = format!("scope=openid&login_hint={user}");
        let reply = self.post(connection, "/backchannel/authenticate", form).await?;
        Ok((reply.status, reply.json::<Value>()["error"].clone()))
    }

    async fn ask_for_tokens(&self, connection: &mut Connection, form: String) -> Result<Polled, Lost> {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let reply = self.post(connection, "/token", form).await?;
        if reply.status == 200 {
            return Ok(Polled::Tokens(reply.json()));
        }
        let Refusal { error } = reply.json();
        assert!((400..500).contains(&reply.status), "{}: {error}", reply.status);
        Ok(match error.as_str() {
            "authorization_pending" | "slow_down" => Polled::Pending,
            _ => Polled::Refused(error),
        })
    }
}

/// A client assertion (OIDC Core §9), good for a minute and for one call.
fn assertion(id: &str, issuer: &str, key: &ClientKey) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (now, number) = (unix_seconds(), NEXT.fetch_add(1, Ordering::Relaxed));
    let jti = format!("{}-{number}", std::process::id());
    key.sign(None, &json!({ "iss": id, "sub": id, "aud": issuer, "jti": jti, "iat": now, "exp": now + 60 }))
}

/// Base64 with padding (RFC 7617 wants the ordinary alphabet).
fn base64(bytes: &[u8]) -> String {
    let mut text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
