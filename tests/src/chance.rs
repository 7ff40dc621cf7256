//! Chance from a seed: the same story draws the same ids and secrets every time.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::Digest;
use server::domain::random::Random;

/// SHA-256 over seed and counter.
#[derive(Debug)]
pub struct Seeded {
    seed: u64,
    drawn: AtomicU64,
}

impl Seeded {
    /// The same seed gives the same bytes in the same order.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let block = Digest::labelled("story", &[&self.seed.to_be_bytes(), &count]);
            chunk.copy_from_slice(&block.as_bytes()[..chunk.len()]);
        }
    }
}
