//! JWTs that others sign for us (RFC 7515, RFC 7517, RFC 7519): client assertions, request objects, hints. Also those
//! that we signed ourselves and that come back.
//!
//! [`JwkSet`] holds somebody's public keys, each parsed once. [`Unverified`] is a JWT that was only read; verifying it
//! with a set or a shared secret makes a [`Token`], whose [`Claims`] are judged by [`Rules`]. What a header says about
//! where to find keys (`jku`, `x5u`, `x5c`) is never followed; the key that it brings (`jwk`) counts in a [`Proof`] alone. A
//! set also holds its owner's [`Recipient`]s: keys to which what only they may read is encrypted (RFC 7516).

mod claims;
mod dpop;
mod jwe;
mod jwk;
mod jwt;
mod set;

pub use claims::{Audience, Claims, ClaimsError, Rules, SKEW};
pub use dpop::{Proof, ProofError, ProvenRequest};
pub use jwe::{NESTED, Recipient};
pub use jwk::thumbprint;
pub use jwt::{Header, JwtError, MAX_JWT_BYTES, Token, Unverified, verify, verify_mac};
pub use set::{JwkSet, JwkSetError, MAX_KEYS, MAX_SET_BYTES};
