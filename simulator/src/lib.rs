//! The demo, and the people around the provider who play it: relying party, phone, operator, Google. The tests borrow
//! them.
//!
//! | module | what |
//! |---|---|
//! | [`cli`], [`provider`], [`demo`] | the command line, the provider in this process, everybody in their places |
//! | [`authority`] | certificates for `--tls` |
//! | [`conformance`] | clients and configurations for the OpenID Foundation's suite |
//! | [`play`], [`narrator`] | the headless play, and how it is told |
//! | [`automation`] | lets a test suite decide for the phone |
//! | [`relying_party`], [`client_key`] | asks, polls, verifies the ID token; signs assertions and requests |
//! | [`phone`] | the real device core with keys in software |
//! | [`forger`] | a phone that sends what an honest one never would |
//! | [`admin`] | the operator |
//! | [`stand_in`] | services of others that we stand in for |
//! | [`wire`] | how all of them reach the provider |

pub mod admin;
pub mod authority;
pub mod automation;
pub mod cli;
pub mod client_key;
pub mod conformance;
pub mod decryption_key;
#[cfg(test)]
mod decryption_vectors;
pub mod demo;
pub mod forger;
pub mod narrator;
pub mod phone;
pub mod play;
pub mod prover;
pub mod provider;
pub mod relying_party;
pub mod stand_in;
pub mod wire;
