//! The words that Assent's server and its phones exchange: the Assent Device Protocol, version 1 (ADP/1).
//!
//! Everything here is pure: no I/O, no clock, no randomness, no async. Both ends build on it, so a message, its
//! signature and its route exist once.
//!
//! [`receipt`] and [`action`] are for relying parties: what was approved, proven years later, or before an agent may act.
//!
//! Start with [`messages`] (what is said), [`jws`] (how it is signed), [`jwe`] (how a push is sealed), [`crypto`] (the
//! ports through which keys are used, with one implementation for phones and one for servers) and [`endpoints`]
//! (where it is said).
//!
//! ```
//! # #[cfg(feature = "p256")] {
//! use protocol::crypto::{Sign as _, p256};
//! use protocol::messages::Proof;
//! use protocol::{DeviceId, Digest, Jws, KeyRef, KeyRole, Nonce};
//!
//! // A phone signs what it asks for ...
//! let phone = p256::SigningKey::from_bytes(&[7; 32])?;
//! let kid = KeyRef { device: DeviceId::from_bytes([1; 16]), role: KeyRole::Device };
//! let proof = Proof {
//!     htm: "GET".into(),
//!     htu: "https://op.example/device/v1/prompts".into(),
//!     iat: 1_790_000_000,
//!     jti: Nonce::from_bytes([2; 16]),
//!     nonce: "the server's".into(),
//!     bh: Digest::of(b""),
//! };
//! let jws = Jws::sign(kid, &proof, &phone)?;
//!
//! // ... and the server opens it with the key that it knows, as the message that it expects.
//! let known = p256::VerifyingKey::new(phone.public())?;
//! assert_eq!(jws.open::<Proof>(&known)?, proof);
//! # }
//! # Ok::<(), protocol::jws::JwsError>(())
//! ```

/// What the guide for software agents shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/agents.md")]
struct Agents;

pub mod action;
pub mod base64url;
pub mod crypto;
pub mod digest;
pub mod display;
pub mod endpoints;
pub mod evidence;
pub mod ids;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod messages;
pub mod problem;
pub mod receipt;
pub mod text;

pub use digest::Digest;
pub use ids::{DecisionId, DeviceId, EnrolmentId, KeyRef, KeyRole, Nonce, PromptId, RoutingId, TicketCode};
pub use jwk::Jwk;
pub use jws::{Jws, Typ};

/// Version of the device protocol, the `v` of every message.
pub const VERSION: u8 = 1;

/// A message larger than this many bytes is refused before it is parsed.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// Arrays and objects nested deeper than this are refused.
pub const MAX_NESTING: usize = 8;
