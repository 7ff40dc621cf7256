//! What a reply of FCM means. Google's error codes: <https://firebase.google.com/docs/cloud-messaging/error-codes>.
//!
//! | reply | fate |
//! |---|---|
//! | 2xx | delivered |
//! | 404 `UNREGISTERED`, 403 `SENDER_ID_MISMATCH`, 400 that names the target's field | gone |
//! | 429, any 5xx, an error whose body was not read to its end | later, after `Retry-After` where given |
//! | everything else | refused |
//!
//! A bare 404 or 403 does not clear a target: a wrong base URL or project answers so for every phone.

use serde::Deserialize;

use crate::{
    domain::time::Timestamp,
    outbound::{Fate, client::Reply, retry_after::retry_after_seconds},
};

/// What became of the push that was answered so.
pub(super) fn judge(reply: &Reply, now: Timestamp) -> Fate {
    let later =
        |cause| Fate::Later { retry_after_seconds: retry_after_seconds(reply.retry_after.as_deref(), now), cause };
    match reply.status {
        // The status alone decides: an unread body must not make a second notification of one that was taken.
        200..=299 => return Fate::Delivered,
        429 => return later("quota_exceeded"),
        503 => return later("unavailable"),
        500.. => return later("server_error"),
        300..=399 => return Fate::Refused { cause: "redirected" },
        _ => {}
    }
    let Some(body) = reply.body.whole() else {
        return later("reply_cut");
    };
    // Anything may stand between us and Google: what is not its error document names no cause.
    let error = serde_json::from_slice::<Document>(body).unwrap_or_default().error;
    match reply.status {
        404 if error.has_code("UNREGISTERED") => Fate::Gone { cause: "unregistered", since: None },
        403 if error.has_code("SENDER_ID_MISMATCH") => Fate::Gone { cause: "sender_id_mismatch", since: None },
        400 if error.blames_target() => Fate::Gone { cause: "invalid_target", since: None },
        400 => Fate::Refused { cause: "invalid_argument" },
        401 => Fate::Refused { cause: "unauthenticated" },
        403 => Fate::Refused { cause: "permission_denied" },
        404 => Fate::Refused { cause: "not_found" },
        _ => Fate::Refused { cause: "client_error" },
    }
}

/// `google.rpc.Status` as JSON, as far as we look.
#[derive(Default, Deserialize)]
struct Document {
    #[serde(default)]
    error: Status,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    details: Vec<Detail>,
}

/// `FcmError` or `BadRequest`; which one shows in its members.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Detail {
    error_code: String,
    field_violations: Vec<Violation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
}

impl Status {
    fn has_code(&self, code: &str) -> bool {
        self.details.iter().any(|detail| detail.error_code == code)
    }

    fn blames_target(&self) -> bool {
        let mut violations = self.details.iter().flat_map(|detail| &detail.field_violations);
        violations.any(|violation| matches!(violation.field.as_str(), "message.token" | "message.fid"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::client::Body;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn a_reply(status: u16, body: Body) -> Reply {
        Reply { status, retry_after: None, cache_control: None, content_type: None, body }
    }

    fn judged(status: u16, body: &str) -> Fate {
        let reply = a_reply(status, Body::Whole(body.as_bytes().to_vec()));
        judge(&reply, NOW)
    }

    #[test]
    fn an_error_document_of_another_shape_names_no_cause() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"error":"invalid"}"#,
            r#"{"error":{"details":{}}}"#,
            r#"{"error":{"details":[{"errorCode":7}]}}"#,
            "<html>404</html>",
        ] {
            assert_eq!(judged(404, body), Fate::Refused { cause: "not_found" }, "{body}");
        }
    }

    #[test]
    fn a_code_under_another_status_does_not_clear_the_target() {
        let unregistered = r#"{"error":{"details":[{"errorCode":"UNREGISTERED"}]}}"#;
        assert_eq!(judged(404, unregistered), Fate::Gone { cause: "unregistered", since: None });
        assert!(matches!(judged(400, unregistered), Fate::Refused { .. }));
        assert!(matches!(judged(403, unregistered), Fate::Refused { .. }));
    }

    #[test]
    fn an_error_cut_short_is_tried_again() {
        let reply = a_reply(404, Body::Cut);
        let later = Fate::Later { retry_after_seconds: None, cause: "reply_cut" };
        assert_eq!(judge(&reply, NOW), later);
    }
}
