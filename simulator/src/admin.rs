//! A client of the admin API.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::wire::{Answer, NoAnswer, Wire};

/// An operator with the admin token.
#[derive(Clone)]
pub struct Admin {
    wire: Wire,
    token: String,
    base: String,
}

/// What the admin API did not do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There was no reply.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// It refused.
    #[error("the admin API answered {call} with {status}: {body}")]
    Refused {
        /// Method and path.
        call: String,
        /// Status.
        status: StatusCode,
        /// Body.
        body: Value,
    },
}

impl Admin {
    /// An operator of the first realm.
    #[must_use]
    pub fn new(wire: Wire, token: &str) -> Self {
        Self { wire, token: token.to_owned(), base: "/admin/v1".to_owned() }
    }

    /// The same operator in another realm.
    #[must_use]
    pub fn in_realm(&self, realm: &str) -> Self {
        Self { base: format!("/admin/v1/realms/{realm}"), ..self.clone() }
    }

    /// One call; any status is an answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.wire.send(request.body(body).map_err(NoAnswer::new)?).await
    }

    async fn done(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let call = format!("{method} {path}");
        let answer = self.call(method, path, body).await?;
        if answer.status.is_success() {
            Ok(answer.json())
        } else {
            Err(Failure::Refused { call, status: answer.status, body: answer.json() })
        }
    }

    /// Creates something; `None` if it exists already.
    async fn create(&self, path: &str, body: &Value) -> Result<Option<Value>, Failure> {
        match self.done(Method::POST, path, Some(body)).await {
            Err(Failure::Refused { status: StatusCode::CONFLICT, .. }) => Ok(None),
            created => created.map(Some),
        }
    }

    /// Creates a user; `None` if it exists already.
    pub async fn create_user(&self, user: &Value) -> Result<Option<Value>, Failure> {
        self.create("/users", user).await
    }

    /// Creates a client, in terms of dynamic registration; `None` if it exists already.
    pub async fn create_client(&self, metadata: &Value) -> Result<Option<Value>, Failure> {
        self.create("/clients", metadata).await
    }

    /// Locks, unlocks or disables a user, sets or clears the user code.
    pub async fn change_user(&self, subject: &str, change: &Value) -> Result<Value, Failure> {
        self.done(Method::PATCH, &format!("/users/{subject}"), Some(change)).await
    }

    /// A client's metadata.
    pub async fn client(&self, id: &str) -> Result<Value, Failure> {
        self.done(Method::GET, &format!("/clients/{id}"), None).await
    }

    /// Replaces all of a client's metadata; what it is now.
    pub async fn replace_client(&self, id: &str, metadata: &Value) -> Result<Value, Failure> {
        self.done(Method::PUT, &format!("/clients/{id}"), Some(metadata)).await
    }

    /// Gives a client another secret, which is told with its metadata.
    pub async fn renew_secret(&self, id: &str) -> Result<Value, Failure> {
        self.done(Method::POST, &format!("/clients/{id}/secret"), None).await
    }

    /// Removes a client for good.
    pub async fn remove_client(&self, id: &str) -> Result<(), Failure> {
        self.done(Method::DELETE, &format!("/clients/{id}"), None).await.map(|_| ())
    }

    /// Makes an enrolment ticket: its link.
    pub async fn create_ticket(&self, subject: &str) -> Result<String, Failure> {
        let created = self.done(Method::POST, &format!("/users/{subject}/tickets"), None).await?;
        Ok(created["ticket"].as_str().unwrap_or_default().to_owned())
    }

    /// Types the six digits that a new phone shows.
    pub async fn confirm(&self, enrolment: &str, digits: &str) -> Result<Value, Failure> {
        self.done(Method::POST, &format!("/enrolments/{enrolment}/confirm"), Some(&json!({ "digits": digits }))).await
    }

    /// A user's phones.
    pub async fn devices(&self, subject: &str) -> Result<Vec<Value>, Failure> {
        let found = self.done(Method::GET, &format!("/users/{subject}/devices"), None).await?;
        Ok(found["devices"].as_array().cloned().unwrap_or_default())
    }

    /// Ends a phone.
    pub async fn revoke(&self, device: &str) -> Result<(), Failure> {
        self.done(Method::POST, &format!("/devices/{device}/revoke"), None).await.map(|_| ())
    }

    /// The audit trail, oldest event first.
    pub async fn audit(&self) -> Result<Vec<Value>, Failure> {
        let found = self.done(Method::GET, "/audit", None).await?;
        Ok(found["events"].as_array().cloned().unwrap_or_default())
    }
}
