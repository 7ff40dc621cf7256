//! What a notification endpoint answers, well or badly.

use std::convert::Infallible;
use std::future;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::super::line::Line;

/// How the endpoint answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// 204, as CIBA wants it.
    #[default]
    NoContent,
    /// 200 with a body that means nothing.
    Body,
    /// 200 with a body that never ends.
    EndlessBody,
    /// This status, without a body.
    Status(u16),
    /// This status with this `Retry-After`: seconds or an HTTP date.
    RetryAfter(u16, String),
    /// This status with this `Location`.
    Redirect(u16, String),
    /// Says nothing and keeps the connection.
    Hang,
    /// Closes the connection without an answer.
    HangUp,
}

impl Reply {
    pub(super) async fn speak(self, line: &Line) -> Response {
        match self {
            Self::NoContent => StatusCode::NO_CONTENT.into_response(),
            Self::Body => "{\"status\":\"thanks\"}".into_response(),
            Self::EndlessBody => {
                let blanks = Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1024]));
                Body::from_stream(stream::repeat(blanks)).into_response()
            }
            Self::Status(status) => status_code(status).into_response(),
            Self::RetryAfter(status, value) => with(status_code(status), header::RETRY_AFTER, &value),
            Self::Redirect(status, value) => with(status_code(status), header::LOCATION, &value),
            Self::Hang => future::pending().await,
            Self::HangUp => {
                line.hang_up();
                future::pending().await
            }
        }
    }
}

fn with(status: StatusCode, name: header::HeaderName, value: &str) -> Response {
    let value = HeaderValue::from_str(value).expect("a script's header is visible text");
    (status, [(name, value)]).into_response()
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("a script's status is one of HTTP")
}
