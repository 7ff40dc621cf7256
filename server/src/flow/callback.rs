//! What a ping or push client is called with, sealed for as long as it waits: its own token (CIBA §7.1), and the
//! `auth_req_id`, which is stored nowhere else. Sealed for one request, it opens for no other.

use protocol::crypto::CryptoError;

use crate::domain::authentication_request::Callback;
use crate::domain::names::RequestKey;
use crate::domain::secret::{Sealed, Secret};
use crate::keys::RealmKeys;

/// A callback in clear, for as long as it is being made or spoken.
#[derive(Debug)]
pub struct Spoken {
    /// `auth_req_id`
    pub auth_req_id: Secret,
    /// `client_notification_token`
    pub token: Secret,
}

/// Seals a callback for this request.
#[must_use]
pub fn seal(keys: &RealmKeys, request: &RequestKey, spoken: &Spoken) -> Callback {
    let sealed = |part, secret: &Secret| keys.seal(&context(part, request), secret.reveal().as_bytes());
    Callback {
        auth_req_id: sealed("auth_req_id", &spoken.auth_req_id),
        token: sealed("client_notification_token", &spoken.token),
    }
}

/// Opens the callback of this request.
pub fn open(keys: &RealmKeys, request: &RequestKey, callback: &Callback) -> Result<Spoken, CryptoError> {
    let opened = |part, sealed: &Sealed| {
        let bytes = keys.unseal(&context(part, request), sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| CryptoError::Unavailable)?;
        Ok(Secret::new(text.to_owned()))
    };
    Ok(Spoken {
        auth_req_id: opened("auth_req_id", &callback.auth_req_id)?,
        token: opened("client_notification_token", &callback.token)?,
    })
}

fn context(part: &str, request: &RequestKey) -> String {
    format!("{part} of {request}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;
    use crate::domain::time::Timestamp;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_callback_opens_for_its_own_request_only() {
        let keys = RealmKeys::generate("https://op.example", Timestamp::from_unix_seconds(0), &Sevens).expect("keys");
        let secret = |text: &str| Secret::new(text.to_owned());
        let (own, other) = (RequestKey::of("own"), RequestKey::of("other"));
        let callback = seal(&keys, &own, &Spoken { auth_req_id: secret("own"), token: secret("token") });
        let opened = open(&keys, &own, &callback).expect("it opens");
        assert_eq!((opened.auth_req_id.reveal(), opened.token.reveal()), ("own", "token"));
        assert!(open(&keys, &other, &callback).is_err());
        let swapped = Callback { auth_req_id: callback.token.clone(), token: callback.auth_req_id };
        assert!(open(&keys, &own, &swapped).is_err());
    }
}
