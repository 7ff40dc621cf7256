//! What a push holds: a hint, or the prompt sealed to this phone. Nothing in it is believed before the prompt's own
//! signature is.

use std::collections::HashMap;

use protocol::Jws;
use protocol::crypto::SharedSecret;
use protocol::jwe::Sealed;

use crate::error::DeviceError;

/// A push of ours.
#[derive(Debug, Clone)]
pub enum Push {
    /// The prompt itself, sealed to the `sealing` key of one account.
    Sealed(Sealed),
    /// Something waits: ask for it.
    Wake,
}

/// Reads the data of a push as the platform delivers it: members `v`, `rid` and, when sealed, `jwe`, all text.
pub fn read<S: std::hash::BuildHasher>(data: &HashMap<String, String, S>) -> Result<Push, DeviceError> {
    if data.get("v").map(String::as_str) != Some("1") {
        return Err(DeviceError::NotOurPush);
    }
    match (data.get("jwe"), data.get("rid")) {
        (Some(jwe), _) => Ok(Push::Sealed(Sealed::parse(jwe).map_err(|_| DeviceError::NotOurPush)?)),
        (None, Some(_)) => Ok(Push::Wake),
        (None, None) => Err(DeviceError::NotOurPush),
    }
}

/// What the platform's notification for a push is to be known by, and whether it is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PushNotification {
    /// The same for the push that shows a request and the one that takes it away: a tag on Android, an identifier on iOS.
    pub tag: String,
    /// Whether the request is over: take the notification away, and call `open_push`, which tells what else waits.
    pub dismissed: bool,
}

/// Says it from the data of a push as the platform delivers it. It believes nobody: whoever forges a push can take away a
/// notification, and not the request.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[expect(clippy::needless_pass_by_value, clippy::implicit_hasher, reason = "foreign languages hand over values")]
pub fn push_notification(data: HashMap<String, String>) -> Result<PushNotification, DeviceError> {
    read(&data)?;
    let tag = data.get("rid").ok_or(DeviceError::NotOurPush)?.clone();
    Ok(PushNotification { tag, dismissed: data.get("dismiss").is_some_and(|dismiss| dismiss == "1") })
}

/// Decrypts with what a vault agreed on; `None` where it was sealed to another key.
pub fn unseal(sealed: &Sealed, agreed: &[u8]) -> Option<Jws> {
    let secret = SharedSecret::from_bytes(agreed.try_into().ok()?);
    let text = sealed.open(&secret).ok()?;
    String::from_utf8(text).ok().map(Jws::from_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_push_without_a_prompt_is_a_wake() {
        assert!(matches!(read(&push(&[("v", "1"), ("rid", "r")])), Ok(Push::Wake)));
    }

    #[test]
    fn a_push_says_which_notification_it_shows_or_takes_away() {
        let of = |pairs: &[(&str, &str)]| push_notification(push(pairs));
        let named = |dismissed| Ok(PushNotification { tag: "r".into(), dismissed });
        assert_eq!(of(&[("v", "1"), ("rid", "r")]), named(false));
        assert_eq!(of(&[("v", "1"), ("rid", "r"), ("dismiss", "1")]), named(true));
        assert_eq!(of(&[("v", "1"), ("rid", "r"), ("dismiss", "0")]), named(false));
        assert_eq!(of(&[("v", "2"), ("rid", "r"), ("dismiss", "1")]), Err(DeviceError::NotOurPush));
        assert_eq!(of(&[("v", "1"), ("dismiss", "1")]), Err(DeviceError::NotOurPush));
    }

    #[test]
    fn pushes_of_others_and_of_other_versions_are_not_ours() {
        let strangers: [&[(&str, &str)]; 5] = [
            &[],
            &[("rid", "r")],
            &[("v", "2"), ("rid", "r")],
            &[("v", "1")],
            &[("v", "1"), ("rid", "r"), ("jwe", "not.a.jwe")],
        ];
        for stranger in strangers {
            assert_eq!(read(&push(stranger)).map(|_| ()), Err(DeviceError::NotOurPush), "{stranger:?}");
        }
    }
}
