//! What FCM demands of a message: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>.

use serde_json::{Map, Value};

/// Limit for keys and values of `data`; APNs has the same for its payload.
const MAX_BYTES: usize = 4_096;
const MAX_TTL_SECONDS: u64 = 2_419_200;

const TARGETS: [&str; 4] = ["token", "fid", "topic", "condition"];
const MEMBERS: [&str; 7] = ["name", "data", "notification", "android", "webpush", "apns", "fcm_options"];

/// The field at fault, in Google's notation.
type Violation = &'static str;

/// Whether Google would take this body of `messages:send`.
pub(super) fn judge(body: &Value) -> Result<(), Violation> {
    let message = body["message"].as_object().ok_or("message")?;
    if !message.keys().all(|key| TARGETS.contains(&key.as_str()) || MEMBERS.contains(&key.as_str())) {
        return Err("message");
    }
    judge_target(message)?;
    message.get("data").map_or(Ok(()), judge_data)?;
    message.get("android").map_or(Ok(()), judge_android)?;
    message.get("apns").map_or(Ok(()), judge_apns)
}

fn judge_target(message: &Map<String, Value>) -> Result<(), Violation> {
    let mut targets = TARGETS.iter().filter_map(|name| message.get(*name));
    match (targets.next(), targets.next()) {
        (Some(Value::String(target)), None) if !target.is_empty() => Ok(()),
        // "Recipient of the message is not set", or "oneof field 'target' is already set".
        _ => Err("message"),
    }
}

fn judge_data(data: &Value) -> Result<(), Violation> {
    let data = data.as_object().ok_or("message.data")?;
    if data.keys().any(|key| is_reserved(key)) {
        return Err("message.data");
    }
    let mut size = 0;
    for (key, value) in data {
        size += key.len() + value.as_str().ok_or("message.data[0].value")?.len();
    }
    if size > MAX_BYTES {
        return Err("message.data");
    }
    Ok(())
}

fn is_reserved(key: &str) -> bool {
    matches!(key, "from" | "message_type") || key.starts_with("google.") || key.starts_with("gcm.")
}

fn judge_android(android: &Value) -> Result<(), Violation> {
    if !matches!(android["priority"].as_str(), None | Some("HIGH" | "NORMAL")) {
        return Err("message.android.priority");
    }
    let ttl = &android["ttl"];
    let seconds = ttl.as_str().and_then(|ttl| ttl.strip_suffix('s')?.parse::<u64>().ok());
    if !ttl.is_null() && seconds.is_none_or(|seconds| seconds > MAX_TTL_SECONDS) {
        return Err("message.android.ttl");
    }
    Ok(())
}

fn judge_apns(apns: &Value) -> Result<(), Violation> {
    let headers = &apns["headers"];
    let are_strings = |headers: &Map<String, Value>| headers.values().all(Value::is_string);
    if !headers.is_null() && !headers.as_object().is_some_and(are_strings) {
        return Err("message.apns.headers");
    }
    let payload = &apns["payload"];
    if !payload["aps"].is_object() || payload.to_string().len() > MAX_BYTES {
        return Err("message.apns.payload");
    }
    // Apple takes a push that shows nothing only at priority 5.
    if payload["aps"]["alert"].is_null() && headers["apns-priority"] != "5" {
        return Err("message.apns.headers");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        let long = "x".repeat(MAX_BYTES);
        for (body, verdict) in [
            (json!({ "message": { "token": "t" } }), Ok(())),
            (json!({ "message": { "fid": "f", "data": { "a": "b" } } }), Ok(())),
            (json!({}), Err("message")),
            (json!({ "message": {} }), Err("message")),
            (json!({ "message": { "token": "" } }), Err("message")),
            (json!({ "message": { "token": "t", "fid": "f" } }), Err("message")),
            (json!({ "message": { "token": "t", "to": "x" } }), Err("message")),
            (json!({ "message": { "token": "t", "data": { "v": 1 } } }), Err("message.data[0].value")),
            (json!({ "message": { "token": "t", "data": { "from": "x" } } }), Err("message.data")),
            (json!({ "message": { "token": "t", "data": { "google.x": "x" } } }), Err("message.data")),
            (json!({ "message": { "token": "t", "data": { "k": long } } }), Err("message.data")),
            (
                json!({ "message": { "token": "t", "android": { "priority": "high!" } } }),
                Err("message.android.priority"),
            ),
            (json!({ "message": { "token": "t", "android": { "ttl": 60 } } }), Err("message.android.ttl")),
            (
                json!({ "message": { "token": "t", "apns": { "headers": { "apns-priority": 10 } } } }),
                Err("message.apns.headers"),
            ),
            (json!({ "message": { "token": "t", "apns": { "payload": {} } } }), Err("message.apns.payload")),
            (
                json!({ "message": { "token": "t", "apns": { "payload": { "aps": { "content-available": 1 } } } } }),
                Err("message.apns.headers"),
            ),
        ] {
            assert_eq!(judge(&body), verdict, "{body}");
        }
    }
}
