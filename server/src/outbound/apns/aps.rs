//! What Apple's service is told about a push, directly or through Firebase: headers, and the dictionary that iOS reads
//! before the app does. <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>
//!
//! A prompt is an alert of fixed words, which the app's notification extension replaces by what it reads in the sealed
//! prompt. What takes a notification away is a background push, which Apple takes at priority 5 only.

use serde_json::{Map, Value, json};

use crate::domain::time::Timestamp;
use crate::outbound::{Push, PushBody};

const ALERT_TITLE: &str = "Approval requested";
const ALERT_BODY: &str = "Open the app to see who is asking.";

/// Kind, urgency, end and place of a push among others. A later push with the same routing id replaces an earlier one.
pub(in crate::outbound) fn headers(body: &PushBody, expiration: Timestamp) -> [(&'static str, String); 4] {
    let (kind, priority) = if body.is_silent() { ("background", "5") } else { ("alert", "10") };
    [
        ("apns-push-type", kind.to_owned()),
        ("apns-priority", priority.to_owned()),
        ("apns-expiration", expiration.unix_seconds().to_string()),
        ("apns-collapse-id", body.rid().to_owned()),
    ]
}

/// The payload: `aps`, the app link where something is shown, and the members that the app reads.
pub(in crate::outbound) fn payload(push: &Push, mut members: Map<String, Value>) -> Value {
    let aps = if push.body.is_silent() {
        json!({ "content-available": 1 })
    } else {
        members.insert("link".to_owned(), push.link.as_str().into());
        json!({
            "alert": { "title": ALERT_TITLE, "body": ALERT_BODY },
            "mutable-content": 1,
            "sound": "default",
        })
    };
    members.insert("aps".to_owned(), aps);
    Value::Object(members)
}
