//! Assent: an OpenID Provider for CIBA (Client-Initiated Backchannel Authentication Core 1.0) whose answers are signed
//! by the phones of its users.
//!
//! Read it from the middle: [`flow`] holds one file for each thing the server does. What it speaks about is in
//! [`domain`], where it is kept in [`store`], how it reaches phones in [`outbound`], how a request is put to the user in
//! [`authenticator`], what others sign in [`jose`], what their certificates are worth in [`certificates`], what a phone's platform says of its keys in [`attestation`], what we sign
//! with in [`keys`], and how the world reaches it in [`http`]. [`app`] wires them together as [`config`] says.
//!
//! A layer names only those above it in this list; `tests/layers.rs` enforces it:
//!
//! | layer | may name |
//! |---|---|
//! | [`domain`] | `domain` |
//! | [`certificates`] | `domain` |
//! | [`attestation`] | `domain`, `certificates` |
//! | [`jose`] | `domain` |
//! | [`keys`] | `domain`, `jose` |
//! | [`store`] | `domain` |
//! | [`outbound`] | `domain` |
//! | [`authenticator`] | `domain`, `jose`, `keys`, `store`, `outbound` |
//! | [`flow`] | all above |
//! | [`http`] | `domain`, `flow` |
//! | [`config`], [`app`] | everything |

pub mod app;
pub mod attestation;
pub mod authenticator;
pub mod certificates;
pub mod config;
pub mod domain;
pub mod flow;
pub mod http;
pub mod jose;
pub mod keys;
pub mod outbound;
pub mod store;
