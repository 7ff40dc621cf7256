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
