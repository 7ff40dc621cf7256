//! JWTs that others sign for us (RFC 7515, RFC 7517, RFC 7519): client assertions, request objects, hints. Also those
//! that we signed ourselves and that come back.
//!
//! [`JwkSet`] holds somebody's public keys, each parsed once. [`Unverified`] is a JWT that was only read; verifying it
//! with a set or a shared secret makes a [`Token`], whose [`Claims`] are judged by [`Rules`]. What a header says about
//! where to find keys (`jku`, `x5u`, `jwk`, `x5c`) is never followed.

mod claims;
mod jwk;
mod jwt;
mod set;

pub use claims::{Audience, Claims, ClaimsError, Rules, SKEW};
pub use jwk::thumbprint;
pub use jwt::{Header, JwtError, MAX_JWT_BYTES, Token, Unverified, verify, verify_mac};
pub use set::{JwkSet, JwkSetError, MAX_KEYS, MAX_SET_BYTES};
