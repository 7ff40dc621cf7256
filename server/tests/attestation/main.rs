//! What a phone's platform says of its keys, before the judge: one fact for each check, and what makes it fail.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test, as it should")]

mod android;
mod apple;
#[allow(dead_code, unreachable_pub, reason = "the stories use it as a module of a library, and more of it")]
#[path = "../../../tests/src/platform.rs"]
mod platform;
mod recorded;

use protocol::{Digest, Jwk};
use server::domain::time::Timestamp;

/// 2026-11-21.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_219_200);

/// The phone's keys: points that are on the curve for nobody but the certificates that carry them.
fn key(number: u8) -> Jwk {
    Jwk::from_coordinates([number; 32], [0x5a; 32])
}

fn offer() -> Digest {
    Digest::of(b"the offer")
}

fn ticket() -> Digest {
    Digest::of(b"the ticket")
}
