//! A permutation of `[0, n)` that is computed index by index: the swap-or-not shuffle, as the
//! consensus specification of Ethereum has it (`compute_shuffled_index`, 90 rounds, SHA-256), so
//! that a library of somebody else's checks ours.

#[cfg(test)]
mod tests;

use sha2::block_api::compress256;

use crate::draw::key::DrawKey;

const ROUNDS: u8 = 90;
/// One hash decides for as many positions as it has bits.
const POSITIONS_PER_HASH: u64 = 256;

/// Where SHA-256 starts (FIPS 180-4, 5.3.3).
const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A keyed permutation, with the pivots of its rounds, which are the same for every index.
#[derive(Debug, Clone)]
pub struct Shuffle {
    key: DrawKey,
    count: u64,
    pivots: Vec<u64>,
}

impl Shuffle {
    /// A permutation of `count` indices, which is [`super::cohort::COHORT_MAX`] at most.
    pub fn new(key: DrawKey, count: u64) -> Self {
        Self::with_rounds(key, count, ROUNDS)
    }

    fn with_rounds(key: DrawKey, count: u64, rounds: u8) -> Self {
        let pivot = |round: u8| {
            let hash = hash(&key, round, None);
            let first = u64::from(hash[0]) << 32 | u64::from(hash[1]);
            first.swap_bytes().checked_rem(count).unwrap_or_default()
        };
        Self { key, count, pivots: (0..rounds).map(pivot).collect() }
    }

    /// Where an index comes to stand; `None` from `count` on.
    pub fn position(&self, index: u64) -> Option<u64> {
        self.walk(index, self.rounds())
    }

    /// Which index came to stand there; `None` from `count` on. Each round undoes itself, so the
    /// way back is the rounds backwards.
    pub fn index(&self, position: u64) -> Option<u64> {
        self.walk(position, self.rounds().rev())
    }

    /// Each round's number and pivot.
    fn rounds(&self) -> impl DoubleEndedIterator<Item = (u8, u64)> {
        (0..self.pivots.len() as u8).zip(self.pivots.iter().copied())
    }

    fn walk(&self, from: u64, rounds: impl Iterator<Item = (u8, u64)>) -> Option<u64> {
        (from < self.count)
            .then(|| rounds.fold(from, |at, (round, pivot)| self.swap(at, round, pivot)))
    }

    /// One round: an index and its mirror image about the pivot change places, or neither moves.
    fn swap(&self, at: u64, round: u8, pivot: u64) -> u64 {
        let flip = (pivot + self.count - at) % self.count;
        let position = at.max(flip);
        // `count` is below 2^40, so that the number of the block fits.
        let block = (position / POSITIONS_PER_HASH) as u32;
        let source = hash(&self.key, round, Some(block));
        let bit = position % POSITIONS_PER_HASH;
        // The words of a hash have their first byte highest, and a byte its first bit lowest.
        let byte = source[(bit / 32) as usize].to_be_bytes()[(bit / 8 % 4) as usize];
        let swaps = byte >> (bit % 8) & 1 == 1;
        if swaps { flip } else { at }
    }
}

/// SHA-256 of the key, the round, and the number of a block with its lowest byte first. Each turn
/// takes 90 of them, so the single block that they fill is laid out by hand.
fn hash(key: &DrawKey, round: u8, block: Option<u32>) -> [u32; 8] {
    let mut data = [0; 64];
    data[..32].copy_from_slice(&key.0.0);
    data[32] = round;
    let mut len = 33;
    if let Some(block) = block {
        data[len..len + 4].copy_from_slice(&block.to_le_bytes());
        len += 4;
    }
    data[len] = 0x80;
    // The length in bits stands at the end, and fits into its last two bytes.
    data[62..].copy_from_slice(&(8 * len as u16).to_be_bytes());
    let mut state = SHA256_START;
    compress256(&mut state, &[data]);
    state
}
