//! A relying party, and the operator who registers it: raw HTTP, as the world would speak it.

use protocol::base64url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Call, Connection, Lost, Reply};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

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
        let mut body = json!({ "client_id": id, "client_name": format!("Client {id}"), "scope": "openid" });
        for (name, value) in metadata.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let reply: Value = self.post("/clients", &body).await?.expect_status(201).json();
        let secret = reply["client_secret"].as_str().expect("the secret is told once, here");
        Ok(Party::new(id, secret))
    }
}

/// A client that authenticates by `client_secret_basic` and polls.
#[derive(Clone)]
pub struct Party {
    authorization: String,
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
    /// Knows its id and secret; both in characters that need no escape.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self { authorization: format!("Basic {}", base64(format!("{id}:{secret}").as_bytes())) }
    }

    async fn post(&self, connection: &mut Connection, path: &str, form: String) -> Result<Reply, Lost> {
        connection.send(Call::post(path, FORM, form).header("authorization", &self.authorization)).await
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

/// Base64 with padding (RFC 7617 wants the ordinary alphabet).
fn base64(bytes: &[u8]) -> String {
    let mut text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
