//! Request bodies: read whole, up to a limit, and of the type the endpoint wants.

use std::io;

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
    /// It was not all there in time.
    Slow,
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
        let sources: Vec<_> =
            std::iter::successors(std::error::Error::source(&error), |error| error.source()).collect();
        if sources.first().is_some_and(|source| source.to_string().contains("length limit exceeded")) {
            return BodyError::TooLarge;
        }
        let is_late = |source: &&(dyn std::error::Error + 'static)| {
            source.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        };
        if sources.iter().any(is_late) { BodyError::Slow } else { BodyError::Broken }
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

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn broken_by(error: io::Error) -> BodyError {
        let body = Body::from_stream(stream::iter([Ok(Bytes::from_static(b"half")), Err(error)]));
        read_any(body).await.expect_err("not all of it came")
    }

    #[tokio::test]
    async fn a_body_that_is_late_is_told_from_one_that_breaks_and_from_one_that_is_too_large() {
        assert_eq!(broken_by(io::ErrorKind::TimedOut.into()).await, BodyError::Slow);
        assert_eq!(broken_by(io::ErrorKind::ConnectionReset.into()).await, BodyError::Broken);
        let whole = Body::from(vec![0; MAX_BODY_BYTES]);
        assert_eq!(read_any(whole).await.map(|body| body.len()), Ok(MAX_BODY_BYTES));
        assert_eq!(read_any(Body::from(vec![0; MAX_BODY_BYTES + 1])).await, Err(BodyError::TooLarge));
    }
}
