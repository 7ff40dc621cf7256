//! The replies of `messages:send`, in Google's words: `google.rpc.Status` as JSON, or the HTML page of a load balancer.

use std::future;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::super::line::Line;

/// How `messages:send` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200 with the message's name.
    Ok,
    /// 404: the app was removed, or its token replaced.
    Unregistered,
    /// 403: the token belongs to another project.
    SenderIdMismatch,
    /// 403: the service account may not send.
    PermissionDenied,
    /// 429 with this `Retry-After`, where given.
    QuotaExceeded {
        /// The header's value: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// 503 with this `Retry-After`, where given.
    Unavailable {
        /// The header's value: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// A load balancer's HTML page under this status.
    Html(u16),
    /// 400 that names this field, for example `message.token`.
    InvalidArgument {
        /// Google's notation of the field.
        field: String,
    },
    /// 401: the access token is not taken.
    Unauthenticated,
    /// 401, and every access token issued so far is forgotten.
    ExpireTokens,
    /// Anything else.
    Raw {
        /// The HTTP status.
        status: u16,
        /// Names and values of headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// Says nothing and keeps the connection.
    Hang,
    /// Closes the connection without an answer.
    HangUp,
}

impl Reply {
    pub(super) async fn speak(self, line: &Line) -> Response {
        match self {
            Self::Ok => json(StatusCode::OK, &json!({ "name": "projects/assent-stand-in/messages/1" })),
            Self::Unregistered => error(404, "NOT_FOUND", "Requested entity was not found.", &fcm("UNREGISTERED")),
            Self::SenderIdMismatch => error(403, "PERMISSION_DENIED", "SenderId mismatch", &fcm("SENDER_ID_MISMATCH")),
            Self::PermissionDenied => error(403, "PERMISSION_DENIED", "Permission denied on resource project.", &[]),
            Self::QuotaExceeded { retry_after } => {
                let quota = "Quota exceeded for the message target.";
                after(error(429, "RESOURCE_EXHAUSTED", quota, &fcm("QUOTA_EXCEEDED")), retry_after)
            }
            Self::Unavailable { retry_after } => {
                let unavailable = "The service is currently unavailable.";
                after(error(503, "UNAVAILABLE", unavailable, &fcm("UNAVAILABLE")), retry_after)
            }
            Self::Html(status) => html(status),
            Self::InvalidArgument { field } => invalid(&field),
            Self::Unauthenticated | Self::ExpireTokens => {
                let invalid = "Request had invalid authentication credentials.";
                error(401, "UNAUTHENTICATED", invalid, &[])
            }
            Self::Raw { status, headers, body } => raw(status, headers, body),
            Self::Hang => future::pending().await,
            Self::HangUp => {
                line.hang_up();
                future::pending().await
            }
        }
    }
}

pub(super) fn json(status: StatusCode, document: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    (status, content_type, document.to_string()).into_response()
}

pub(super) fn html(status: u16) -> Response {
    let page = format!("<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} (Server Error)!!1</title>\n");
    let content_type = [(header::CONTENT_TYPE, "text/html; charset=UTF-8")];
    (status_code(status), content_type, page).into_response()
}

pub(super) fn with_retry_after(mut response: Response, value: &str) -> Response {
    let value = HeaderValue::from_str(value).expect("a script's header is visible text");
    response.headers_mut().insert(header::RETRY_AFTER, value);
    response
}

fn after(response: Response, retry_after: Option<String>) -> Response {
    match retry_after {
        Some(value) => with_retry_after(response, &value),
        None => response,
    }
}

fn error(code: u16, status: &str, message: &str, details: &[Value]) -> Response {
    let document = json!({ "error": { "code": code, "message": message, "status": status, "details": details } });
    json(status_code(code), &document)
}

fn fcm(code: &str) -> [Value; 1] {
    [json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code })]
}

fn invalid(field: &str) -> Response {
    let message = "Request contains an invalid argument.";
    let [code] = fcm("INVALID_ARGUMENT");
    let violation = json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "field": field, "description": format!("Invalid value at '{field}'") }],
    });
    error(400, "INVALID_ARGUMENT", message, &[code, violation])
}

fn raw(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Response {
    let mut response = (status_code(status), body).into_response();
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).expect("a script's header is visible text");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a script's status is one of HTTP")
}
