//! The Merkle tree of one lane as it is read, held against what was published of it. Pure.

use std::collections::{BTreeMap, VecDeque};

use admission::contract::{Digest32, LaneRecord, MerkleTree};

/// A lane that was seen to end too early so often has lost records: right after a change of leader
/// a broker may know of fewer for a moment.
const SHORT_MAX: u32 = 3;

/// From so many earlier sizes one can read on. A line whose draw is near is read twice a second,
/// and where its cohort ended is known a second or two after.
const MARKS_MAX: usize = 16;

/// So many records of a lane are a block, whose root is kept.
pub const BLOCK: u64 = 4_096;

/// Why a lane's records are not those of which roots were published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    #[error("there is no record {offset}: {found} stands there")]
    Missing { offset: u64, found: u64 },
    #[error("the records do not make the root that was published over {size} of them")]
    Changed { size: u64 },
    #[error("it ends at {end}, and had {size} records before")]
    EndsEarly { size: u64, end: u64 },
}

/// A lane's tree, which grows with the lane.
#[derive(Debug, Clone, Default)]
pub struct LaneTree {
    tree: MerkleTree,
    /// As it was before the last readings, the newest first: a cohort may end between two of them.
    marks: VecDeque<MerkleTree>,
    /// The records since the last full block, and the roots of blocks that were not kept yet.
    block: MerkleTree,
    full: Vec<(u64, Digest32)>,
    /// Roots that were published and not met yet, by how many records they are over.
    known: BTreeMap<u64, Digest32>,
    /// How often the lane was seen to end before records that it had.
    short: u32,
    contradiction: Option<Contradiction>,
}

impl LaneTree {
    /// A lane to be read from its beginning, of which these roots were published.
    pub fn new(known: BTreeMap<u64, Digest32>) -> Self {
        Self { known, ..Self::default() }
    }

    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    pub fn root(&self) -> Digest32 {
        self.tree.root()
    }

    /// What is wrong with its records; nothing more is published of such a lane.
    pub const fn contradiction(&self) -> Option<Contradiction> {
        self.contradiction
    }

    /// The tree over at most `size` records from which reading on to so many is shortest.
    pub fn nearest(&self, size: u64) -> MerkleTree {
        let mut trees = std::iter::once(&self.tree).chain(&self.marks);
        let nearest = trees.find(|tree| tree.size() <= size);
        nearest.cloned().unwrap_or_default()
    }

    /// Notes that reading goes on from here.
    pub fn mark(&mut self) {
        self.marks.truncate(MARKS_MAX - 1);
        self.marks.push_front(self.tree.clone());
    }

    /// Takes in the next record. `false` where it, or one before it, is not as published.
    pub fn append(&mut self, record: &LaneRecord) -> bool {
        if self.contradiction.is_none() {
            self.contradiction = self.appended(record).err();
        }
        self.contradiction.is_none()
    }

    fn appended(&mut self, record: &LaneRecord) -> Result<(), Contradiction> {
        let (offset, found) = (self.tree.size(), record.offset);
        if found != offset {
            return Err(Contradiction::Missing { offset, found });
        }
        let leaf = record.leaf();
        self.tree.append(leaf);
        self.block.append(leaf);
        let size = self.tree.size();
        if self.block.size() == BLOCK {
            self.full.push((size / BLOCK - 1, std::mem::take(&mut self.block).root()));
        }
        match self.known.remove(&size) {
            Some(root) if root != self.tree.root() => Err(Contradiction::Changed { size }),
            _ => Ok(()),
        }
    }

    /// The blocks that became full since this was last asked, by their numbers.
    pub fn take_full(&mut self) -> Vec<(u64, Digest32)> {
        std::mem::take(&mut self.full)
    }

    /// Takes in where the lane ends. `false` where it had more records before; where it does so
    /// again and again they are lost.
    pub fn ends_at(&mut self, end: u64) -> bool {
        let size = self.known.keys().next_back().copied().unwrap_or_default().max(self.size());
        if end >= size {
            self.short = 0;
            return true;
        }
        self.short += 1;
        if self.short >= SHORT_MAX && self.contradiction.is_none() {
            self.contradiction = Some(Contradiction::EndsEarly { size, end });
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::{HexBytes, merkle_root};

    use super::*;

    fn record(offset: u64, nonce: u8) -> LaneRecord {
        LaneRecord { offset, joined_ms: 1_000 + offset, nonce: HexBytes([nonce; 16]) }
    }

    fn read(lane: &mut LaneTree, nonces: &[u8]) {
        for nonce in nonces {
            lane.append(&record(lane.size(), *nonce));
        }
    }

    #[test]
    fn a_lane_that_is_read_anew_must_make_the_roots_that_were_published() {
        let mut first = LaneTree::default();
        read(&mut first, &[1, 2]);
        let known = BTreeMap::from([(2, first.root())]);
        let mut same = LaneTree::new(known.clone());
        read(&mut same, &[1, 2, 3]);
        assert_eq!((same.contradiction(), same.size()), (None, 3));
        let mut changed = LaneTree::new(known);
        read(&mut changed, &[1, 9, 3]);
        assert_eq!(changed.contradiction(), Some(Contradiction::Changed { size: 2 }));
        assert_eq!(changed.size(), 2, "nothing is read after that");
    }

    #[test]
    fn each_full_block_is_told_once() {
        let mut lane = LaneTree::default();
        read(&mut lane, &[5; 2 * BLOCK as usize + 1]);
        let leaves: Vec<_> = (BLOCK..2 * BLOCK).map(|offset| record(offset, 5).leaf()).collect();
        let full = lane.take_full();
        assert_eq!(full.iter().map(|(block, _)| *block).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(full[1].1, merkle_root(&leaves));
        assert!(lane.take_full().is_empty());
    }

    #[test]
    fn a_gap_and_a_lost_end_are_found() {
        let mut lane = LaneTree::default();
        assert!(!lane.append(&record(1, 1)));
        assert_eq!(lane.contradiction(), Some(Contradiction::Missing { offset: 0, found: 1 }));
        let mut lane = LaneTree::default();
        read(&mut lane, &[1, 2, 3]);
        assert!(!lane.ends_at(2) && !lane.ends_at(2) && lane.ends_at(3), "a leader that lags");
        assert!(!lane.ends_at(2) && !lane.ends_at(2) && lane.contradiction().is_none());
        lane.ends_at(2);
        assert_eq!(lane.contradiction(), Some(Contradiction::EndsEarly { size: 3, end: 2 }));
        // Before it was read again, too.
        let mut unread = LaneTree::new(BTreeMap::from([(5, Digest32::of(&[]))]));
        assert!(!unread.ends_at(4) && unread.ends_at(5));
    }

    #[test]
    fn a_cohort_that_ends_before_the_last_readings_is_reached_from_the_one_before() {
        let mut lane = LaneTree::default();
        read(&mut lane, &[1, 2, 3]);
        lane.mark();
        read(&mut lane, &[4, 5]);
        let sizes = [6, 5, 4, 3, 2].map(|size| lane.nearest(size).size());
        assert_eq!(sizes, [5, 5, 3, 3, 0]);
        for _ in 0..MARKS_MAX - 1 {
            lane.mark();
            read(&mut lane, &[6]);
        }
        assert_eq!(lane.nearest(4).size(), 3);
        lane.mark();
        assert_eq!(lane.nearest(4).size(), 0, "too long ago");
    }
}
