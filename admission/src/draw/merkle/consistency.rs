//! That an older root's leaves are the first of a newer root's: RFC 9162, sections 2.1.4.1 and
//! 2.1.4.2.

use crate::draw::{
    hex_bytes::Digest32,
    merkle::{node_hash, root, split},
};

/// A root and how many leaves it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizedRoot {
    pub size: u64,
    pub root: Digest32,
}

/// The hashes that lead from the tree of the first `older` leaves to the tree of them all. Empty
/// where both are the same; `None` where there were no leaves then, or more.
pub fn prove(leaves: &[Digest32], older: u64) -> Option<Vec<Digest32>> {
    let older = usize::try_from(older).ok().filter(|older| (1..=leaves.len()).contains(older))?;
    let (mut rest, mut older, mut path) = (leaves, older, Vec::new());
    // Whether `rest` is a whole subtree of the older tree, or all of it, which is known.
    let mut known = true;
    while older < rest.len() {
        let (left, right) = rest.split_at(split(rest.len()));
        if older <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            older -= left.len();
            rest = right;
            known = false;
        }
    }
    if !known {
        path.push(root(rest));
    }
    path.reverse();
    Some(path)
}

/// Whether nothing under `older` was changed in `newer`. A root over no leaves says nothing, so
/// every later one is consistent with it, without a proof.
pub fn check(older: SizedRoot, newer: SizedRoot, path: &[Digest32]) -> bool {
    if older.size == 0 || older.size == newer.size {
        return path.is_empty() && (older.size == 0 || older.root == newer.root);
    }
    if older.size > newer.size {
        return false;
    }
    // A full tree is a subtree of the newer one, and its root stands at the start of the path.
    let first = older.size.is_power_of_two().then_some(older.root);
    let mut hashes = first.into_iter().chain(path.iter().copied());
    let Some(first) = hashes.next() else { return false };
    let (mut at, mut last) = (older.size - 1, newer.size - 1);
    let levels = at.trailing_ones();
    (at, last) = (at >> levels, last >> levels);
    let (mut from_older, mut from_newer) = (first, first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_older = node_hash(&hash, &from_older);
            from_newer = node_hash(&hash, &from_newer);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            from_newer = node_hash(&from_newer, &hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && from_older == older.root && from_newer == newer.root
}
