//! That a leaf is under a root: RFC 9162, sections 2.1.3.1 and 2.1.3.2.

use crate::draw::{
    hex_bytes::Digest32,
    merkle::{node_hash, root, split},
};

/// The hashes that lead from a leaf to the root, the lowest first. `None` where there is no such
/// leaf.
pub fn prove(leaves: &[Digest32], index: u64) -> Option<Vec<Digest32>> {
    let mut index = usize::try_from(index).ok().filter(|index| *index < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if index < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            index -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(path)
}

/// The root over all of them, and the path of each.
pub fn prove_all(leaves: Vec<Digest32>) -> (Digest32, Vec<Vec<Digest32>>) {
    let mut paths = vec![Vec::new(); leaves.len()];
    let mut level = leaves;
    let mut height = 0u32;
    while level.len() > 1 {
        for (index, path) in paths.iter_mut().enumerate() {
            // At the right edge, levels without a sibling are skipped.
            path.extend(level.get((index >> height) ^ 1).copied());
        }
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                rest => root(rest),
            })
            .collect();
        height += 1;
    }
    (root(&level), paths)
}

/// Whether `leaf` is the one at `index` of a tree of `size` leaves with this root.
pub fn check(leaf: Digest32, index: u64, size: u64, path: &[Digest32], root: Digest32) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            // At the right edge, levels without a sibling are skipped.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}
