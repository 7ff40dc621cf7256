//! The device API of the device protocol: routes and bodies are those of [`protocol::endpoints`].

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::endpoints::{
    BlockRequest, Configuration, MAX_WAIT_SECONDS, NONCE_HEADER, NonceReply, NonceRequest, OfferReply, PROOF_HEADER,
    PromptReply, PromptsReply, Rename, SelfReply, SignedReply, SignedRequest,
};
use protocol::jws::General;
use protocol::messages::PushTarget;
use protocol::{EnrolmentId, Jws, PromptId, json, text};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::body;
use super::error::{self, DeviceError};
use super::segment::Segment;
use crate::domain::device::Device;
use crate::flow::prove::{self, Presented, Proven};
use crate::flow::provider::Provider;
use crate::flow::rotate::Answered;
use crate::flow::{blocks, decide, device_list, enrol, history, maintain, own, prompts, rotate};

type Reply<T> = Result<Answer<T>, DeviceError>;

/// A reply, with a fresh nonce for the phone's next proof where the phone is known.
enum Answer<T> {
    Plain(T),
    ToDevice(T, protocol::DeviceId),
    Empty,
}

/// Renders a reply or a problem, with the server's clock in both.
fn render<T: Serialize>(provider: &Provider, reply: Reply<T>) -> Response {
    let now = provider.now();
    match reply {
        Err(error) => error.render(now),
        Ok(Answer::Empty) => StatusCode::NO_CONTENT.into_response(),
        Ok(Answer::Plain(reply)) => (error::no_store(), Json(reply)).into_response(),
        Ok(Answer::ToDevice(reply, device)) => {
            let mut response = (error::no_store(), Json(reply)).into_response();
            if let Ok(nonce) = HeaderValue::from_str(&prove::nonce(provider, &device, now)) {
                response.headers_mut().insert(NONCE_HEADER, nonce);
            }
            response
        }
    }
}

fn malformed() -> DeviceError {
    DeviceError::new(StatusCode::BAD_REQUEST, "malformed", "The request is malformed")
}

/// 405 for the device API; axum adds `Allow`.
pub(super) async fn method_not_allowed(State(provider): State<Arc<Provider>>) -> Response {
    let error = DeviceError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This method is not used here");
    error.render(provider.now())
}

async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, DeviceError> {
    let body = body::read(headers, body, "application/json").await?;
    json::from_slice(&body).map_err(|_| malformed())
}

/// What stands before every call that needs a proof: the body, and who sent it.
struct Call {
    proven: Proven,
    body: Bytes,
}

impl Call {
    async fn receive(provider: &Provider, request: Request) -> Result<Self, DeviceError> {
        let (head, body) = request.into_parts();
        let body = body::read_any(body).await?;
        let proven = prove::prove(provider, presented(&head, &body)?).await?;
        Ok(Self { proven, body })
    }

    /// The same from a phone that may have been revoked, and decides about this prompt.
    async fn decision(provider: &Provider, request: Request, prompt: &str) -> Result<Self, DeviceError> {
        let (head, body) = request.into_parts();
        let body = body::read_any(body).await?;
        let proven = decide::receive(provider, presented(&head, &body)?, prompt).await?;
        Ok(Self { proven, body })
    }

    fn message<T: DeserializeOwned>(&self) -> Result<T, DeviceError> {
        json::from_slice(&self.body).map_err(|_| malformed())
    }

    fn device(&self) -> protocol::DeviceId {
        self.proven.device.id
    }
}

fn presented<'a>(head: &'a Parts, body: &'a [u8]) -> Result<Presented<'a>, DeviceError> {
    let mut proofs = head.headers.get_all(PROOF_HEADER).iter();
    let proof = proofs.next().map(|proof| proof.to_str().map_err(|_| malformed())).transpose()?;
    if proofs.next().is_some() {
        return Err(malformed());
    }
    // Below a realm's path the router has taken that path off already.
    Ok(Presented { proof, method: head.method.as_str(), path: head.uri.path(), body })
}

fn id<T: std::str::FromStr>(text: &str, unknown: DeviceError) -> Result<T, DeviceError> {
    text.parse().map_err(|_| unknown)
}

fn prompt_id(text: &str) -> Result<PromptId, DeviceError> {
    id(text, prompts::Reason::UnknownPrompt.into())
}

/// `GET /device/v1/configuration`
pub(super) async fn configuration(State(provider): State<Arc<Provider>>) -> Response {
    let keys = provider.keys();
    let reply = device_list::current(&provider).map_err(DeviceError::from).map(|list| {
        Answer::Plain(Configuration {
            issuer: provider.issuer().to_owned(),
            root: keys.device_root(),
            keys: list,
            successions: keys.successions(),
            capabilities: Vec::new(),
            unicode: text::UNICODE_VERSION.to_owned(),
            vapid: provider.vapid_key(),
            now: provider.now().unix_seconds(),
        })
    });
    render(&provider, reply)
}

/// `POST /device/v1/nonce`
pub(super) async fn nonce(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let reply = read::<NonceRequest>(&headers, body).await.map(|request| {
        let now = provider.now();
        let nonce = prove::nonce(&provider, &request.device, now);
        Answer::Plain(NonceReply { nonce, now: now.unix_seconds() })
    });
    render(&provider, reply)
}

/// `POST /device/v1/enrolments/begin`
pub(super) async fn begin(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let reply = async {
        let request: SignedRequest = read(&headers, body).await?;
        let offer = enrol::begin(&provider, &request.message).await?;
        let (root, keys) = (provider.keys().device_root(), device_list::current(&provider)?);
        Ok(Answer::Plain(OfferReply { offer, keys, root, now: provider.now().unix_seconds() }))
    };
    render(&provider, reply.await)
}

/// `POST /device/v1/enrolments/finish`
pub(super) async fn finish(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let reply = async {
        let request: General = read(&headers, body).await?;
        let message = enrol::finish(&provider, &request).await?;
        Ok(Answer::Plain(signed(&provider, message)))
    };
    render(&provider, reply.await)
}

fn signed(provider: &Provider, message: Jws) -> SignedReply {
    SignedReply { message, now: provider.now().unix_seconds() }
}

/// `GET /device/v1/enrolments/{id}`
pub(super) async fn enrolment(
    State(provider): State<Arc<Provider>>,
    Segment(path): Segment,
    request: Request,
) -> Response {
    let reply = async {
        let id: EnrolmentId = id(&path, enrol::Reason::UnknownEnrolment.into())?;
        let message = enrol::status(&provider, &id, presented(&request.into_parts().0, &[])?).await?;
        Ok(Answer::Plain(signed(&provider, message)))
    };
    render(&provider, reply.await)
}

/// `?wait=`
#[derive(Deserialize)]
pub(super) struct Wait {
    wait: Option<u32>,
}

/// `GET /device/v1/prompts?wait=`
pub(super) async fn prompts(
    State(provider): State<Arc<Provider>>,
    wait: Result<Query<Wait>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let reply = async {
        let Query(Wait { wait }) = wait.map_err(|_| malformed())?;
        let call = Call::receive(&provider, request).await?;
        let wait = Duration::from_secs(wait.unwrap_or(0).min(MAX_WAIT_SECONDS).into());
        let prompts = prompts::pending(&provider, &call.proven.device, wait).await?;
        Ok(Answer::ToDevice(PromptsReply { prompts, now: provider.now().unix_seconds() }, call.device()))
    };
    render(&provider, reply.await)
}

/// `GET /device/v1/prompts/{id}`
pub(super) async fn prompt(
    State(provider): State<Arc<Provider>>,
    Segment(path): Segment,
    request: Request,
) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        let prompt = prompts::one(&provider, &call.device(), &prompt_id(&path)?).await?;
        Ok(Answer::ToDevice(PromptReply { prompt, now: provider.now().unix_seconds() }, call.device()))
    };
    render(&provider, reply.await)
}

/// `POST /device/v1/prompts/{id}/decision`
pub(super) async fn decision(
    State(provider): State<Arc<Provider>>,
    Segment(path): Segment,
    request: Request,
) -> Response {
    let reply = async {
        let call = Call::decision(&provider, request, &path).await?;
        let request: SignedRequest = call.message()?;
        let result = decide::decide(&provider, &call.proven, &prompt_id(&path)?, request.message).await?;
        Ok(Answer::ToDevice(signed(&provider, result), call.device()))
    };
    render(&provider, reply.await)
}

/// `GET /device/v1/self`
pub(super) async fn own_record(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        let device = call.proven.device;
        let (standing, now) = (enrol::standing(&provider, &device)?, provider.now().unix_seconds());
        let Device { id, enrolment, info, push, .. } = device;
        Ok(Answer::ToDevice(SelfReply { device: id, enr: enrolment, info, push, standing, now }, id))
    };
    render(&provider, reply.await)
}

/// `PATCH /device/v1/self`
pub(super) async fn rename(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        maintain::rename(&provider, &call.proven, &call.message::<Rename>()?.name).await?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}

/// `PUT /device/v1/self/push`
pub(super) async fn set_push_target(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        maintain::set_push_target(&provider, &call.proven, call.message::<PushTarget>()?).await?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}

/// `POST /device/v1/self/test`
pub(super) async fn test(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        own::test(&provider, &call.device(), Some(&call.proven)).await.map_err(maintain::Reason::from)?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}

/// `POST /device/v1/self/keys`: 200 when the new keys hold, 202 while somebody else is asked.
pub(super) async fn rotate(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let mut awaits = false;
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        let message = match rotate::rotate(&provider, &call.proven, &call.message::<General>()?).await? {
            Answered::Done(message) => message,
            Answered::Awaiting(message) => {
                awaits = true;
                message
            }
        };
        Ok(Answer::ToDevice(signed(&provider, message), call.device()))
    };
    let mut response = render(&provider, reply.await);
    if awaits {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response
}

/// `?before=`
#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

/// `GET /device/v1/self/history?before=`
pub(super) async fn history(
    State(provider): State<Arc<Provider>>,
    before: Result<Query<Before>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let reply = async {
        let Query(Before { before }) = before.map_err(|_| malformed())?;
        let call = Call::receive(&provider, request).await?;
        let message = history::list(&provider, &call.proven.device, before).await?;
        Ok(Answer::ToDevice(signed(&provider, message), call.device()))
    };
    render(&provider, reply.await)
}

/// `GET /device/v1/self/blocks`
pub(super) async fn blocks(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        let message = blocks::list(&provider, &call.proven.device).await?;
        Ok(Answer::ToDevice(signed(&provider, message), call.device()))
    };
    render(&provider, reply.await)
}

/// `PUT /device/v1/self/blocks`
pub(super) async fn block(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        blocks::block(&provider, &call.proven, &call.message::<BlockRequest>()?).await?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}

/// `DELETE /device/v1/self/blocks`
pub(super) async fn unblock(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        blocks::unblock(&provider, &call.proven, &call.message::<SignedRequest>()?.message).await?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}

/// `DELETE /device/v1/self`
pub(super) async fn leave(State(provider): State<Arc<Provider>>, request: Request) -> Response {
    let reply = async {
        let call = Call::receive(&provider, request).await?;
        maintain::leave(&provider, &call.proven).await?;
        Ok(Answer::<()>::Empty)
    };
    render(&provider, reply.await)
}
