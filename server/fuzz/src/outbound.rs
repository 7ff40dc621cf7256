//! As much of the server's outgoing side as judges URLs.

#[allow(dead_code, unreachable_pub, reason = "the server uses more of it")]
#[path = "../../src/outbound/endpoint.rs"]
pub mod endpoint;
