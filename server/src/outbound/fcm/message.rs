//! The message that FCM is asked to send: <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages>.
//!
//! Android gets a data message at high priority, which wakes the app. iOS throttles data-only messages, so it gets an
//! alert with fixed words, which the app's notification extension replaces by what it reads in the sealed prompt. What
//! takes a notification away is silent: Android's at normal priority, iOS's in the background, as Apple wants it.

use protocol::messages::{FcmTarget, Platform, PushTarget};
use serde_json::{Map, Value, json};

use crate::{
    domain::time::Timestamp,
    outbound::{Push, apns::aps},
};

/// FCM's limit for keys and values of a message.
const MAX_PAYLOAD_BYTES: usize = 4_096;

/// FCM's limit for `ttl`: four weeks.
const MAX_TTL_SECONDS: u32 = 2_419_200;

/// Why no message can be made of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// The phone is not reached through FCM.
    NoTarget,
    /// Above FCM's limit even without the sealed prompt.
    TooBig,
}

impl Unsendable {
    pub(super) const fn cause(self) -> &'static str {
        match self {
            Self::NoTarget => "no_fcm_target",
            Self::TooBig => "message_too_big",
        }
    }
}

/// The request's body, as JSON. A sealed prompt that does not fit is left out: the phone is woken and asks for it.
pub(super) fn write(push: &Push, now: Timestamp) -> Result<Vec<u8>, Unsendable> {
    let PushTarget::Fcm { platform, target } = &push.target else {
        return Err(Unsendable::NoTarget);
    };
    let platform = platform_part(*platform, push, now);
    let data = fitting(push.body.members(), &platform).or_else(|| fitting(push.body.without_prompt(), &platform));
    let data = data.ok_or(Unsendable::TooBig)?;
    let mut message = Map::from_iter([("data".to_owned(), data), platform]);
    let (name, value) = match target {
        FcmTarget::Fid(fid) => ("fid", fid),
        FcmTarget::Token(token) => ("token", token),
    };
    message.insert(name.to_owned(), json!(value));
    Ok(json!({ "message": message }).to_string().into_bytes())
}

/// `data`, if it fits. Counted as written, quotes and all, together with what only one platform gets: never less than
/// FCM counts.
fn fitting(data: Map<String, Value>, (_, platform): &(String, Value)) -> Option<Value> {
    let data = Value::Object(data);
    let size = data.to_string().len() + platform.to_string().len();
    (size <= MAX_PAYLOAD_BYTES).then_some(data)
}

fn platform_part(platform: Platform, push: &Push, now: Timestamp) -> (String, Value) {
    let ttl = push.ttl_seconds.min(MAX_TTL_SECONDS);
    match platform {
        Platform::Android => {
            let priority = if push.body.is_silent() { "NORMAL" } else { "HIGH" };
            ("android".to_owned(), json!({ "priority": priority, "ttl": format!("{ttl}s") }))
        }
        Platform::Ios => ("apns".to_owned(), apns(push, now.plus_seconds(i64::from(ttl)))),
    }
}

fn apns(push: &Push, expiration: Timestamp) -> Value {
    let headers: Map<String, Value> =
        aps::headers(&push.body, expiration).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "headers": headers, "payload": aps::payload(push, Map::new()) })
}
