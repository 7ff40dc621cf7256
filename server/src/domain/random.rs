//! Chance. The server draws only through [`Random`], so that a story replays it from a seed.

use protocol::base64url;

/// Where unpredictable bytes come from.
pub trait Random: Send + Sync {
    /// Overwrites all of `bytes`. Whoever guesses them can pretend to be somebody else, so there is no reply that says
    /// "not now": an implementation that cannot deliver stops the process.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random + '_ {
    /// So many bytes.
    #[must_use]
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A secret for the wire: 32 bytes as 43 characters of base64url.
    #[must_use]
    pub fn token(&self) -> String {
        base64url::encode(&self.array::<32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_token_spells_32_bytes() {
        let random: &dyn Random = &Sevens;
        assert_eq!(base64url::decode_exact::<32>(&random.token()), Ok([7; 32]));
        assert_eq!(random.array::<3>(), [7, 7, 7]);
    }
}
