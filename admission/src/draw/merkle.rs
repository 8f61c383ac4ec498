//! The Merkle tree of RFC 9162 over a lane's records, so that one published hash says all of them.
//!
//! Here: the tree that grows with its lane and keeps one hash a level. `inclusion` proves that a
//! record is under a root, `consistency` that an older root's records were not changed.

pub mod consistency;
pub mod inclusion;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::draw::hex_bytes::Digest32;

/// The hash of a leaf.
pub fn leaf_hash(data: &[u8]) -> Digest32 {
    Digest32::of(&[&[0], data])
}

pub(crate) fn node_hash(left: &Digest32, right: &Digest32) -> Digest32 {
    Digest32::of(&[&[1], &left.0, &right.0])
}

/// A tree that only grows. Kept between restarts as it is: 32 bytes for each bit of its size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TreeState", into = "TreeState")]
pub struct MerkleTree {
    size: u64,
    /// The roots of the full subtrees, the largest, and so the oldest, first: one for each bit that
    /// is set in `size`.
    peaks: Vec<Digest32>,
}

/// A tree as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct TreeState {
    size: u64,
    peaks: Vec<Digest32>,
}

/// A kept tree that no leaves could have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tree of {size} leaves has {} peaks, not {peaks}", size.count_ones())]
pub struct InvalidTree {
    size: u64,
    peaks: usize,
}

impl MerkleTree {
    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Digest32) {
        let mut node = leaf;
        // Each full subtree as large as the one that was just completed joins it.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            node = node_hash(&left, &node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hash that says all leaves; of no leaves, the SHA-256 of nothing.
    pub fn root(&self) -> Digest32 {
        let smallest_first = self.peaks.iter().rev().copied();
        smallest_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

impl TryFrom<TreeState> for MerkleTree {
    type Error = InvalidTree;

    fn try_from(TreeState { size, peaks }: TreeState) -> Result<Self, InvalidTree> {
        if peaks.len() == size.count_ones() as usize {
            Ok(Self { size, peaks })
        } else {
            Err(InvalidTree { size, peaks: peaks.len() })
        }
    }
}

impl From<MerkleTree> for TreeState {
    fn from(MerkleTree { size, peaks }: MerkleTree) -> Self {
        Self { size, peaks }
    }
}

fn empty_root() -> Digest32 {
    Digest32::of(&[])
}

/// The root over the hashes of leaves.
pub fn root(leaves: &[Digest32]) -> Digest32 {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `len`, which is 2 at least: where a tree is parted.
pub(crate) fn split(len: usize) -> usize {
    1 << (len - 1).ilog2()
}
