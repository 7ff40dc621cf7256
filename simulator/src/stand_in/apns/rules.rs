//! What Apple demands of a push.
//! <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>

use axum::http::HeaderMap;
use serde_json::Value;

use super::TOPIC;

const MAX_PAYLOAD_BYTES: usize = 4_096;

/// Status and reason of the refusal.
type Refusal = (u16, &'static str);

/// Whether Apple would take this push.
pub(super) fn judge(token: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match header("apns-topic") {
        None => return Err((400, "MissingTopic")),
        Some(TOPIC) => {}
        Some(_) => return Err((400, "DeviceTokenNotForTopic")),
    }
    if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err((400, "BadDeviceToken"));
    }
    if header("apns-id").is_some_and(|id| !is_uuid(id)) {
        return Err((400, "BadMessageId"));
    }
    if header("apns-expiration").is_some_and(|at| at.parse::<u64>().is_err()) {
        return Err((400, "BadExpirationDate"));
    }
    if header("apns-collapse-id").is_some_and(|id| id.len() > 64) {
        return Err((400, "BadCollapseId"));
    }
    judge_payload(header("apns-push-type"), header("apns-priority"), body)
}

fn judge_payload(kind: Option<&str>, priority: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        return Err((400, "PayloadEmpty"));
    }
    if body.len() > MAX_PAYLOAD_BYTES {
        return Err((413, "PayloadTooLarge"));
    }
    let payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let aps = payload["aps"].as_object().ok_or((400, "PayloadEmpty"))?;
    match (kind, priority) {
        (Some("alert"), Some("10" | "5" | "1")) if aps.contains_key("alert") => Ok(()),
        // Priority 10 is for what shows something.
        (Some("background"), Some("5" | "1")) if aps.get("content-available") == Some(&1.into()) => Ok(()),
        (Some("alert" | "background"), Some("10" | "5" | "1")) => Err((400, "InvalidPushType")),
        (Some("alert" | "background"), _) => Err((400, "BadPriority")),
        _ => Err((400, "InvalidPushType")),
    }
}

fn is_uuid(id: &str) -> bool {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const TOKEN: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
    const ALERT: &str = r#"{"aps":{"alert":"x"}}"#;
    const SILENT: &str = r#"{"aps":{"content-available":1}}"#;
    const RIGHT: [(&str, &str); 5] = [
        ("apns-topic", TOPIC),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-id", "123e4567-e89b-12d3-a456-426655440000"),
        ("apns-expiration", "0"),
    ];

    fn judged(token: &str, changed: &[(&str, Option<&str>)], body: &str) -> Result<(), Refusal> {
        let name = |name: &str| HeaderName::try_from(name).expect("a name");
        let value = |value: &str| HeaderValue::from_str(value).expect("a value");
        let mut headers: HeaderMap = RIGHT.iter().map(|(key, text)| (name(key), value(text))).collect();
        for (key, text) in changed {
            match text {
                Some(text) => drop(headers.insert(name(key), value(text))),
                None => drop(headers.remove(*key)),
            }
        }
        judge(token, &headers, body.as_bytes())
    }

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        let long = format!(r#"{{"aps":{{"alert":"{}"}}}}"#, "x".repeat(MAX_PAYLOAD_BYTES));
        let background = [("apns-push-type", Some("background")), ("apns-priority", Some("5"))];
        for (changed, body, verdict) in [
            (&[][..], ALERT, Ok(())),
            (&background[..], SILENT, Ok(())),
            (&background[..1], SILENT, Err((400, "InvalidPushType"))),
            (&background[..], ALERT, Err((400, "InvalidPushType"))),
            (&[("apns-topic", None)][..], ALERT, Err((400, "MissingTopic"))),
            (&[("apns-topic", Some("org.other"))][..], ALERT, Err((400, "DeviceTokenNotForTopic"))),
            (&[("apns-id", Some("7"))][..], ALERT, Err((400, "BadMessageId"))),
            (&[("apns-expiration", Some("soon"))][..], ALERT, Err((400, "BadExpirationDate"))),
            (&[("apns-priority", Some("9"))][..], ALERT, Err((400, "BadPriority"))),
            (&[("apns-push-type", None)][..], ALERT, Err((400, "InvalidPushType"))),
            (&[][..], "", Err((400, "PayloadEmpty"))),
            (&[][..], "{}", Err((400, "PayloadEmpty"))),
            (&[][..], &long, Err((413, "PayloadTooLarge"))),
        ] {
            assert_eq!(judged(TOKEN, changed, body), verdict, "{changed:?} {body:.40}");
        }
        for token in ["", "zz", &TOKEN[1..]] {
            assert_eq!(judged(token, &[], ALERT), Err((400, "BadDeviceToken")));
        }
    }
}
