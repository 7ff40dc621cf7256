//! As much of the server's `domain` as its parsers name.

#[path = "../../src/domain/algorithm.rs"]
pub mod algorithm;
#[path = "../../src/domain/time.rs"]
pub mod time;
