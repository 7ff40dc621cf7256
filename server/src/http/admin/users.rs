//! Users.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{created, found, read};
use crate::domain::names::Subject;
use crate::domain::secret::Secret;
use crate::domain::user::{User, UserCodeHash, UserStatus};
use crate::flow::administer::{self, NewUser, UserChange, UserCodeChange};
use crate::flow::provider::Provider;
use crate::http::error::invalid_request;
use crate::http::segment::Segment;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRequest {
    subject: Option<String>,
    username: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    user_code: Option<Secret>,
}

/// `POST /users`: 201 with the user.
pub(super) async fn create_user(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let request: UserRequest = read(&headers, body).await?;
        let user_code = match request.user_code {
            Some(code) => Some(hash_user_code(&provider, code).await?),
            None => None,
        };
        let UserRequest { subject, username, email, phone, .. } = request;
        let new = NewUser { subject, username, email, phone, user_code };
        administer::create_user(&provider, new).await.map_err(IntoResponse::into_response)
    };
    answer.await.map_or_else(|refusal: Response| refusal, |user| created(user_json(&user)))
}

/// argon2id takes tens of milliseconds by design: off the async threads.
async fn hash_user_code(provider: &Provider, code: Secret) -> Result<UserCodeHash, Response> {
    let salt = provider.random().array();
    let hash = tokio::task::spawn_blocking(move || UserCodeHash::of(&code, salt)).await;
    hash.ok().flatten().ok_or_else(|| invalid_request("user_code: 1 to 64 bytes"))
}

fn user_json(user: &User) -> Value {
    json!({
        "subject": user.subject,
        "username": user.username,
        "email": user.email,
        "phone": user.phone,
        "status": user.status,
        "has_user_code": user.user_code.is_some(),
    })
}

/// `GET /users/{subject}`
pub(super) async fn user(State(provider): State<Arc<Provider>>, Segment(subject): Segment) -> Response {
    match administer::user(&provider, &Subject::new(subject)).await {
        Ok(user) => found(user_json(&user)),
        Err(reason) => reason.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRequest {
    status: Option<UserStatus>,
    #[serde(default)]
    user_code: Code,
}

/// A member that is `null` says something else than one that is not there.
#[derive(Default)]
enum Code {
    #[default]
    Absent,
    Null,
    Text(Secret),
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Text))
    }
}

/// `PATCH /users/{subject}`: locks, unlocks or disables a user, sets a user code, or clears it with `null`.
pub(super) async fn change_user(
    State(provider): State<Arc<Provider>>,
    Segment(subject): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let ChangeRequest { status, user_code } = read(&headers, body).await?;
        let user_code = match user_code {
            Code::Absent => UserCodeChange::Keep,
            Code::Null => UserCodeChange::Clear,
            Code::Text(code) => UserCodeChange::Set(hash_user_code(&provider, code).await?),
        };
        let wanted = UserChange { status, user_code };
        let changed = administer::change_user(&provider, &Subject::new(subject), &wanted).await;
        changed.map_err(IntoResponse::into_response)
    };
    answer.await.map_or_else(|refusal: Response| refusal, |user| found(user_json(&user)))
}
