//! What plays the world around the OpenID Provider, in the demo and in the tests.
//!
//! [`stand_in`] holds the services of others that a deployment calls, each on a real socket of this machine.

pub mod stand_in;
