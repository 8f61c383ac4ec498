//! The secret that is committed to before anybody can join, and revealed at the opening.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::draw::hex_bytes::{Digest32, HexBytes};

/// 32 random bytes. Secret until the opening, so it is not printed by `Debug`; `Serialize` writes
/// it, for the room's own store before the opening and for everybody after it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(HexBytes<32>);

/// SHA-256 of a seed, published before anybody can join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(pub Digest32);

impl Seed {
    /// `bytes` must come from the operating system's generator.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(HexBytes(bytes))
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    pub fn commitment(&self) -> Commitment {
        Commitment(Digest32::of(&[self.bytes()]))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_written_for_the_transcript_and_never_printed() {
        let seed = Seed::new([0xab; 32]);
        assert_eq!(serde_json::to_string(&seed).expect("json"), format!("\"{}\"", "ab".repeat(32)));
        assert_eq!(format!("{seed:?}"), "Seed(secret)");
        assert_ne!(seed.commitment(), Seed::new([0xac; 32]).commitment());
    }
}
