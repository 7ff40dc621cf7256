//! Request bodies: read whole, up to a limit, and of the type the endpoint wants.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};

use super::MAX_BODY_BYTES;

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Larger than [`MAX_BODY_BYTES`].
    TooLarge,
    /// Not of the media type wanted here.
    WrongType,
    /// The connection broke.
    Broken,
}

/// Reads a body of media type `wanted`, whose parameters do not matter.
pub(super) async fn read(headers: &HeaderMap, body: Body, wanted: &str) -> Result<Bytes, BodyError> {
    if !is(headers, wanted) {
        return Err(BodyError::WrongType);
    }
    read_any(body).await
}

/// Reads a body of any type.
pub(super) async fn read_any(body: Body) -> Result<Bytes, BodyError> {
    axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|error| {
        // axum reports the limit as an error of its own inside; everything else is the connection.
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit exceeded"));
        if too_large { BodyError::TooLarge } else { BodyError::Broken }
    })
}

fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else { return false };
    value.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}
