//! The tree against RFC 6962's published vectors (RFC 9162's tree is the same), and its proofs
//! against whatever may be changed in them.

use proptest::prelude::*;

use super::{consistency::SizedRoot, *};

/// The leaves of Certificate Transparency's own reference tests, and the roots of the first of
/// them.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn numbered(count: u64) -> Vec<Digest32> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    let leaves: Vec<Digest32> =
        LEAVES.iter().map(|data| leaf_hash(&hex::decode(data).expect("hex"))).collect();
    let mut tree = MerkleTree::default();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root().to_string(), *expected, "{size}");
        assert_eq!(root(&leaves[..size]).to_string(), *expected, "{size}");
        if let Some(leaf) = leaves.get(size) {
            tree.append(*leaf);
        }
    }
}

#[test]
fn a_tree_is_kept_and_goes_on() {
    let leaves = numbered(1000);
    let mut tree = MerkleTree::default();
    for (size, leaf) in (1..).zip(&leaves) {
        tree.append(*leaf);
        let kept = serde_json::to_string(&tree).expect("json");
        tree = serde_json::from_str(&kept).expect("a tree");
        assert_eq!(tree.size(), size);
    }
    assert_eq!(tree.root(), root(&leaves));
    assert!(serde_json::from_str::<MerkleTree>(r#"{"size":3,"peaks":[]}"#).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn each_leaf_is_proved_and_no_other(count in 1u64..80, pick: prop::sample::Index) {
        let leaves = numbered(count);
        let top = root(&leaves);
        let index = pick.index(count as usize) as u64;
        let leaf = leaves[index as usize];
        let path = inclusion::prove(&leaves, index).expect("a proof");
        prop_assert!(inclusion::check(leaf, index, count, &path, top));
        prop_assert!(!inclusion::check(leaf_hash(b"other"), index, count, &path, top));
        prop_assert!(!inclusion::check(leaf, index, count, &path, node_hash(&top, &top)));
        for other in (0..count).filter(|other| *other != index) {
            prop_assert!(!inclusion::check(leaf, other, count, &path, top));
        }
        for changed in 0..path.len() {
            let mut path = path.clone();
            path[changed].0[7] ^= 1;
            prop_assert!(!inclusion::check(leaf, index, count, &path, top));
            path.remove(changed);
            prop_assert!(!inclusion::check(leaf, index, count, &path, top));
        }
        let longer = [path.clone(), vec![top]].concat();
        prop_assert!(!inclusion::check(leaf, index, count, &longer, top));
        prop_assert_eq!(inclusion::prove(&leaves, count), None);
    }

    #[test]
    fn an_older_root_is_proved_and_no_other(count in 1u64..80, pick: prop::sample::Index) {
        let leaves = numbered(count);
        let size = pick.index(count as usize) as u64 + 1;
        let newer = SizedRoot { size: count, root: root(&leaves) };
        let older = SizedRoot { size, root: root(&leaves[..size as usize]) };
        let path = consistency::prove(&leaves, size).expect("a proof");
        prop_assert!(consistency::check(older, newer, &path));
        let mut rewritten = leaves.clone();
        rewritten[size as usize - 1] = leaf_hash(b"other");
        let then = SizedRoot { size, root: root(&rewritten[..size as usize]) };
        prop_assert!(!consistency::check(then, newer, &path));
        let now = SizedRoot { size: count, root: root(&rewritten) };
        let forged = consistency::prove(&rewritten, size).expect("a proof");
        prop_assert!(!consistency::check(older, now, &forged));
        for changed in 0..path.len() {
            let mut path = path.clone();
            path[changed].0[7] ^= 1;
            prop_assert!(!consistency::check(older, newer, &path));
        }
        let nothing = SizedRoot { size: 0, root: root(&[]) };
        prop_assert!(consistency::check(nothing, newer, &[]));
        prop_assert_eq!(consistency::check(newer, older, &path), size == count);
        prop_assert_eq!(consistency::prove(&leaves, 0), None);
        prop_assert_eq!(consistency::prove(&leaves, count + 1), None);
    }
}
