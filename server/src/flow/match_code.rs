//! The digits that the client's screen shows and the user types on the phone, which proves that both are before the same
//! person (device protocol, "Match code"). The phone never receives them; kept is a MAC, because two digits have no hash
//! that could not be tried out.

use protocol::Digest;
use subtle::ConstantTimeEq as _;

use super::provider::Provider;
use crate::domain::authentication_request::MATCH_DIGITS;
use crate::domain::names::RequestKey;
use crate::domain::secret::Secret;

/// How many codes there are.
const CODES: u64 = 10_u64.pow(MATCH_DIGITS as u32);

/// New digits.
pub(super) fn draw(provider: &Provider) -> Secret {
    // 2^64 is so much larger than 100 that the remainder's bias is below 10^-17.
    let drawn = u64::from_be_bytes(provider.random().array()) % CODES;
    Secret::new(format!("{drawn:0width$}", width = MATCH_DIGITS.into()))
}

/// What is kept of the digits of a request.
pub(super) fn mac(provider: &Provider, request: &RequestKey, code: &Secret) -> Digest {
    let request = request.to_string();
    Digest::from_bytes(provider.keys.mac("assent-match-code", &[request.as_bytes(), code.reveal().as_bytes()]))
}

/// Whether this can be a code at all: what is not costs the user no try.
pub(super) fn is_code(typed: &str) -> bool {
    typed.len() == usize::from(MATCH_DIGITS) && typed.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether these digits are those of the request.
pub(super) fn is_right(provider: &Provider, request: &RequestKey, kept: &Digest, typed: &str) -> bool {
    let typed = mac(provider, request, &Secret::new(typed.to_owned()));
    typed.as_bytes().ct_eq(kept.as_bytes()).into()
}
