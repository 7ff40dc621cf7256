//! What a reply of Apple's service means.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
//!
//! | reply | fate |
//! |---|---|
//! | 200 | delivered |
//! | 410 `Unregistered`, `ExpiredToken`; 400 `BadDeviceToken` | gone |
//! | 429, any 5xx, an error whose body was not read to its end | later, after `Retry-After` where given |
//! | everything else | refused |
//!
//! 403 `ExpiredProviderToken` is our own affair: see [`super::Apns`].

use serde::Deserialize;

use crate::domain::time::Timestamp;
use crate::outbound::Fate;
use crate::outbound::client::Reply;
use crate::outbound::retry_after::retry_after_seconds;

/// What became of a push, and for whom it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// For this push alone.
    Of(Fate),
    /// The service wants no push of anybody for a while.
    Pause(Fate),
    /// The provider token is past its hour.
    TokenExpired,
}

/// The body of every error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    reason: String,
    /// Of 410: since when the token was not valid, in milliseconds since 1970.
    timestamp: Option<i64>,
}

/// What became of the push that was answered so.
pub(super) fn judge(reply: &Reply, now: Timestamp) -> Verdict {
    let later =
        |cause| Fate::Later { retry_after_seconds: retry_after_seconds(reply.retry_after.as_deref(), now), cause };
    let refused = |cause| Verdict::Of(Fate::Refused { cause });
    let gone = |cause, since| Verdict::Of(Fate::Gone { cause, since });
    let body = reply.body.whole();
    let error = body.and_then(|body| serde_json::from_slice::<Document>(body).ok()).unwrap_or_default();
    match (reply.status, error.reason.as_str()) {
        (200, _) => Verdict::Of(Fate::Delivered),
        // Of one phone: it was sent too much.
        (429, "TooManyRequests") => Verdict::Of(later("too_many_requests")),
        (429, "TooManyProviderTokenUpdates") => Verdict::Pause(later("too_many_token_updates")),
        (429, _) => Verdict::Pause(later("quota_exceeded")),
        (503, _) => Verdict::Pause(later("unavailable")),
        (500.., _) => Verdict::Of(later("server_error")),
        (300..=399, _) => refused("redirected"),
        (400.., _) if body.is_none() => Verdict::Of(later("reply_cut")),
        (410, "Unregistered" | "ExpiredToken") => {
            gone("unregistered", error.timestamp.map(Timestamp::from_unix_millis))
        }
        (400, "BadDeviceToken") => gone("bad_device_token", None),
        // A topic that the operator has misspelt is answered so for every phone: the targets stay.
        (400, "DeviceTokenNotForTopic") => refused("not_for_topic"),
        (400, "IdleTimeout") => Verdict::Of(later("idle_timeout")),
        (403, "ExpiredProviderToken") => Verdict::TokenExpired,
        (403, _) => refused("provider_token_refused"),
        (400, "BadTopic" | "MissingTopic" | "TopicDisallowed") => refused("bad_topic"),
        (413, _) => refused("payload_too_large"),
        (400, _) => refused("bad_request"),
        _ => refused("client_error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::client::Body;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn judged(status: u16, body: &str) -> Verdict {
        let body = Body::Whole(body.as_bytes().to_vec());
        judge(&Reply { status, retry_after: None, cache_control: None, content_type: None, body }, NOW)
    }

    #[test]
    fn a_target_is_gone_only_by_apples_own_word_under_its_own_status() {
        let since = Timestamp::from_unix_millis(1_799_999_000_500);
        let timed = r#"{"reason":"Unregistered","timestamp":1799999000500}"#;
        assert_eq!(judged(410, timed), Verdict::Of(Fate::Gone { cause: "unregistered", since: Some(since) }));
        for (status, body) in [
            (410, ""),
            (410, "<html>gone</html>"),
            (410, r#"{"reason":"Whatever"}"#),
            (404, r#"{"reason":"BadPath"}"#),
            (404, r#"{"reason":"Unregistered"}"#),
            (403, r#"{"reason":"BadDeviceToken"}"#),
            (400, r#"{"reason":"BadTopic"}"#),
            (400, r#"{"reason":"DeviceTokenNotForTopic"}"#),
            (400, r#"{"reason":["BadDeviceToken"]}"#),
        ] {
            assert!(matches!(judged(status, body), Verdict::Of(Fate::Refused { .. })), "{status} {body}");
        }
    }

    #[test]
    fn an_error_cut_short_is_tried_again() {
        let reply = Reply { status: 410, retry_after: None, cache_control: None, content_type: None, body: Body::Cut };
        let later = Fate::Later { retry_after_seconds: None, cause: "reply_cut" };
        assert_eq!(judge(&reply, NOW), Verdict::Of(later));
    }
}
