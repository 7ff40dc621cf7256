//! The call to a client's notification endpoint (CIBA §10.2, §10.3): JSON under the bearer token that the client chose.
//!
//! | reply | fate |
//! |---|---|
//! | 2xx, whatever its body | delivered |
//! | 408, 429, any 5xx | later, after `Retry-After` where given |
//! | no reply: no connection, no trust, no answer in time | later |
//! | 3xx, which is never followed; any other 4xx; an address that must not be called | refused |

use super::Fate;
use super::client::{Client, Payload, Reply, Unreachable};
use super::endpoint::Endpoint;
use super::retry_after::retry_after_seconds;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// A pause that an endpoint asks for counts up to so many seconds: longer than that is longer than most requests live.
const LONGEST_PAUSE: u32 = 120;

/// Makes one attempt, within the limits of `client`. The body of the reply is not read.
pub async fn tell(client: &Client, endpoint: &Endpoint, token: &Secret, body: Vec<u8>, now: Timestamp) -> Fate {
    let told = client.tell(endpoint, Some(token.reveal()), Payload::Json(body)).await;
    told.map_or_else(unreachable, |reply| judge(&reply, now))
}

fn unreachable(why: Unreachable) -> Fate {
    let cause = why.cause();
    match why {
        Unreachable::Forbidden => Fate::Refused { cause },
        Unreachable::Connect | Unreachable::Tls | Unreachable::Timeout | Unreachable::Broken => {
            Fate::Later { retry_after_seconds: None, cause }
        }
    }
}

fn judge(reply: &Reply, now: Timestamp) -> Fate {
    let later = |cause| {
        let asked = retry_after_seconds(reply.retry_after.as_deref(), now);
        Fate::Later { retry_after_seconds: asked.map(|seconds| seconds.min(LONGEST_PAUSE)), cause }
    };
    match reply.status {
        200..=299 => Fate::Delivered,
        408 => later("request_timeout"),
        429 => later("too_many_requests"),
        500.. => later("server_error"),
        300..=399 => Fate::Refused { cause: "redirected" },
        _ => Fate::Refused { cause: "client_error" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::client::Body;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn judged(status: u16, retry_after: Option<&str>) -> Fate {
        let retry_after = retry_after.map(str::to_owned);
        judge(&Reply { status, retry_after, cache_control: None, content_type: None, body: Body::Cut }, NOW)
    }

    #[test]
    fn every_2xx_is_a_delivery_and_no_other_status_is() {
        for status in 200..600 {
            assert_eq!(judged(status, None) == Fate::Delivered, (200..300).contains(&status), "{status}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in 300..500 {
            let again = matches!(judged(status, None), Fate::Later { .. });
            assert_eq!(again, matches!(status, 408 | 429), "{status}");
        }
        for status in 500..600 {
            assert!(matches!(judged(status, None), Fate::Later { retry_after_seconds: None, .. }), "{status}");
        }
    }

    #[test]
    fn a_pause_that_is_asked_for_counts_up_to_two_minutes() {
        for (asked, granted) in [("7", 7), ("Fri, 15 Jan 2027 08:00:30 GMT", 30), ("121", 120), ("86400", 120)] {
            let later = Fate::Later { retry_after_seconds: Some(granted), cause: "server_error" };
            assert_eq!(judged(503, Some(asked)), later, "{asked}");
        }
    }
}
