//! What a phone may name as the place of its pushes. Judged when it is named, so that nothing is ever sent to what cannot
//! be one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::Jwk;
use protocol::crypto::aws_lc::VerifyingKey;
use protocol::messages::{FcmTarget, PushTarget};

use super::endpoint::Endpoint;

/// A registration token, an installation id or an address of the operator's notifier is never longer than this many bytes.
const MOST_BYTES: usize = 4_096;

/// Apple's device tokens are 32 bytes, "of variable length" and hexadecimal: so many digits at most.
const MOST_HEX_DIGITS: usize = 400;

/// An uncompressed P-256 point.
const KEY_BYTES: usize = 65;

/// RFC 8291 §3.2.
const AUTH_SECRET_BYTES: usize = 16;

/// Whether a phone may be reached there, as far as its text can tell.
#[must_use]
pub fn is_well_formed(target: &PushTarget) -> bool {
    match target {
        PushTarget::None => true,
        PushTarget::Fcm { target: FcmTarget::Fid(text) | FcmTarget::Token(text), .. }
        | PushTarget::Webhook { address: text } => !text.is_empty() && text.len() <= MOST_BYTES,
        // It becomes a segment of a path.
        PushTarget::Apns { token, .. } => {
            !token.is_empty() && token.len() <= MOST_HEX_DIGITS && token.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        PushTarget::WebPush { endpoint, p256dh, auth } => {
            Endpoint::foreign(endpoint).is_ok()
                && decoded::<KEY_BYTES>(p256dh).is_some_and(|key| is_on_curve(&key))
                && decoded::<AUTH_SECRET_BYTES>(auth).is_some()
        }
    }
}

fn is_on_curve(point: &[u8; KEY_BYTES]) -> bool {
    Jwk::from_sec1(point).is_some_and(|key| VerifyingKey::new(&key).is_ok())
}

/// Exactly so many bytes of base64url; padding, which some browsers add, is taken off.
pub(super) fn decoded<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
    use protocol::messages::{ApnsEnvironment, Platform};

    use super::*;

    fn web_push(endpoint: &str, key: &[u8], auth: &[u8]) -> PushTarget {
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        PushTarget::WebPush { endpoint: endpoint.to_owned(), p256dh: encode(key), auth: encode(auth) }
    }

    fn apns(token: &str) -> PushTarget {
        PushTarget::Apns { token: token.to_owned(), environment: ApnsEnvironment::Production }
    }

    fn point() -> Vec<u8> {
        let private = PrivateKey::generate(&ECDH_P256).expect("a key");
        private.compute_public_key().expect("its point").as_ref().to_vec()
    }

    #[test]
    fn what_channels_call_a_target_is_one() {
        let fcm = |target| PushTarget::Fcm { platform: Platform::Ios, target };
        for target in [
            PushTarget::None,
            fcm(FcmTarget::Fid("f".into())),
            fcm(FcmTarget::Token("t".repeat(MOST_BYTES))),
            apns(&"0aF9".repeat(16)),
            web_push("https://push.example/v1/abc", &point(), &[1; 16]),
            PushTarget::Webhook { address: "phone 7 of 1001".into() },
        ] {
            assert!(is_well_formed(&target), "{target:?}");
        }
    }

    #[test]
    fn what_is_empty_too_long_or_of_another_form_is_none() {
        let fcm = |target| PushTarget::Fcm { platform: Platform::Android, target };
        for target in [
            fcm(FcmTarget::Fid(String::new())),
            fcm(FcmTarget::Token("t".repeat(MOST_BYTES + 1))),
            PushTarget::Webhook { address: String::new() },
            apns(""),
            apns("../../3/device"),
            apns(&"a".repeat(MOST_HEX_DIGITS + 1)),
            web_push("http://push.example/v1/abc", &point(), &[1; 16]),
            web_push("https://user:word@push.example/", &point(), &[1; 16]),
            web_push("https://push.example/v1/abc", &[2; 33], &[1; 16]),
            web_push("https://push.example/v1/abc", &[[6].as_slice(), &point()[1..]].concat(), &[1; 16]),
            web_push("https://push.example/v1/abc", &[[4].as_slice(), &[7; 64]].concat(), &[1; 16]),
            web_push("https://push.example/v1/abc", &point(), &[1; 15]),
        ] {
            assert!(!is_well_formed(&target), "{target:?}");
        }
    }
}
