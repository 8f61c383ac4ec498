//! That the shuffle permutes, leads back, and prefers nobody; and that the test of the last would
//! find one that does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::draw::hex_bytes::{Digest32, HexBytes};

const SEEDS: u64 = 20_000;

/// A fixed sequence, so that the test says the same each time.
fn key(number: u64) -> DrawKey {
    DrawKey(Digest32::of(&[b"uniformity", &number.to_be_bytes()]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_is_a_permutation_and_leads_back(key: [u8; 32], count in 0u64..600) {
        let shuffle = Shuffle::new(DrawKey(HexBytes(key)), count);
        let mut seen = vec![false; count as usize];
        for index in 0..count {
            let position = shuffle.position(index).expect("a position");
            prop_assert_eq!(shuffle.index(position), Some(index));
            prop_assert!(!std::mem::replace(&mut seen[position as usize], true));
        }
        prop_assert_eq!(shuffle.position(count), None);
        prop_assert_eq!(shuffle.index(count), None);
    }

    #[test]
    fn the_largest_counts_lead_back(key: [u8; 32], index in 0u64..1 << 40) {
        let shuffle = Shuffle::new(DrawKey(HexBytes(key)), 1 << 40);
        prop_assert_eq!(shuffle.index(shuffle.position(index).expect("a position")), Some(index));
    }
}

/// The specification's own words, step by step, without anything kept.
fn compute_shuffled_index(mut index: u64, count: u64, seed: &[u8; 32]) -> u64 {
    for round in 0..90u8 {
        let pivot = Sha256::digest([&seed[..], &[round]].concat());
        let pivot = u64::from_le_bytes(pivot[..8].try_into().expect("8 bytes")) % count;
        let flip = (pivot + count - index) % count;
        let position = index.max(flip);
        let block = u32::try_from(position / 256).expect("4 bytes").to_le_bytes();
        let source = Sha256::digest([&seed[..], &[round], &block].concat());
        let byte = source[usize::try_from((position % 256) / 8).expect("small")];
        index = if (byte >> (position % 8)) % 2 == 1 { flip } else { index };
    }
    index
}

#[test]
fn it_is_the_specifications() {
    for count in [1, 2, 7, 255, 256, 257, 100_000, 1 << 40] {
        let key = key(count);
        let shuffle = Shuffle::new(key, count);
        for index in [0, 1, count / 3, count / 2, count - 1].into_iter().filter(|i| *i < count) {
            assert_eq!(
                shuffle.position(index),
                Some(compute_shuffled_index(index, count, &key.0.0))
            );
        }
    }
}

/// How far what was counted is from equal shares: the sum of squared distances over what was to be
/// expected, less its degrees of freedom, in standard deviations.
fn deviations(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    let expected = total as f64 / counts.len() as f64;
    let chi: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let freedom = counts.len() as f64 - 1.0;
    (chi - freedom) / (2.0 * freedom).sqrt()
}

/// Chi-square has a longer tail than the normal distribution; beyond five of its standard
/// deviations a fair shuffle comes once in some hundred to some hundred thousand series.
const DEVIATIONS_MAX: f64 = 5.0;

/// Where an entrant came to stand, over many keys.
fn spread(rounds: u8, count: u64, index: u64) -> Vec<u64> {
    let mut counts = vec![0; count as usize];
    for number in 0..SEEDS {
        let shuffle = Shuffle::with_rounds(key(number), count, rounds);
        counts[shuffle.position(index).expect("a position") as usize] += 1;
    }
    counts
}

#[test]
fn the_first_the_last_and_any_entrant_stand_everywhere_alike() {
    for (count, random) in [(7, 4), (10, 3), (64, 41)] {
        for index in [0, count - 1, random] {
            let deviations = deviations(&spread(ROUNDS, count, index));
            assert!(deviations < DEVIATIONS_MAX, "{index} of {count}: {deviations:.1}");
        }
    }
}

#[test]
fn a_shuffle_that_prefers_somebody_is_found() {
    // Of a few rounds, one in 2^rounds is left where it was.
    for (count, index) in [(7, 0), (10, 9), (64, 41)] {
        let deviations = deviations(&spread(4, count, index));
        assert!(deviations > 2.0 * DEVIATIONS_MAX, "{index} of {count}: {deviations:.1}");
    }
    // One entrant in a hundred of whom two are put at the front.
    let mut counts = spread(ROUNDS, 10, 3);
    let moved: u64 =
        counts.iter_mut().skip(1).map(|c| std::mem::replace(c, *c * 49 / 50) / 50).sum();
    counts[0] += moved;
    assert!(deviations(&counts) > DEVIATIONS_MAX);
}

#[test]
fn every_order_of_a_few_is_alike() {
    let mut counts: BTreeMap<Vec<Option<u64>>, u64> = BTreeMap::new();
    for number in 0..SEEDS {
        let shuffle = Shuffle::new(key(number), 4);
        *counts.entry((0..4).map(|index| shuffle.position(index)).collect()).or_default() += 1;
    }
    assert_eq!(counts.len(), 24);
    let deviations = deviations(&counts.into_values().collect::<Vec<_>>());
    assert!(deviations < DEVIATIONS_MAX, "{deviations:.1}");
}
