//! How stock is cut into shards, and how a hold is allocated over them. Pure.

use std::{collections::BTreeMap, fmt};

use crate::{order::OrderId, session::SessionId};
use catalog::contract::TicketTypeId;
use serde::{Deserialize, Serialize};

pub mod allotment;
pub mod availability;
pub mod offer;
pub mod put;
pub mod rebuild;
pub mod reconciler;
pub mod redis;
pub mod show_stock;

/// Shards of one ticket type at most; a hold's token lists the shards it was allocated over, and
/// tokens are short.
pub const SHARDS_MAX: i32 = 32;
const SHARDS_DEFAULT_MAX: i32 = 8;
/// Below this many tickets a shard is not worth having.
const TICKETS_PER_SHARD: i32 = 50;

/// One shard of a ticket type's stock. The order of keys is the order in which rows are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardKey {
    pub ticket_type: TicketTypeId,
    pub shard: i32,
}

impl fmt::Display for ShardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ticket_type, self.shard)
    }
}

impl ShardKey {
    /// The partition of `orders.commands` whose writer is this shard's home.
    pub fn partition(&self, partitions: i32) -> i32 {
        let text = self.to_string();
        i32::try_from(fnv1a(text.as_bytes()) % u64::from(partitions.max(1).unsigned_abs()))
            .unwrap_or(0)
    }
}

/// FNV-1a: the same in every process and every release, unlike the standard library's hashers.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How many shards suit a ticket type with `allotted` tickets.
pub fn shards_for(allotted: i32) -> i32 {
    (allotted.max(1) / TICKETS_PER_SHARD + i32::from(allotted.max(1) % TICKETS_PER_SHARD > 0))
        .clamp(1, SHARDS_DEFAULT_MAX)
}

/// Cuts `allotted` tickets into `shards` shards whose sizes differ by one at most.
pub fn split(allotted: i32, shards: i32) -> Vec<i32> {
    let (allotted, shards) = (allotted.max(0), shards.max(1));
    let (each, rest) = (allotted / shards, allotted % shards);
    (0..shards).map(|shard| each + i32::from(shard < rest)).collect()
}

/// What each shard gets, `(shard, tickets)`, so that shards of these sizes become `allotted`
/// tickets in all: the smallest are filled first, and new shards are begun where there are few for
/// so many. Nothing where there are as many already, but a first shard, so that a type with nothing
/// allotted is known.
pub fn raised(sizes: &[(i32, i32)], allotted: i32) -> Vec<(i32, i32)> {
    let count = i32::try_from(sizes.len()).unwrap_or(SHARDS_MAX);
    let next = sizes.iter().map(|(shard, _)| shard + 1).max().unwrap_or(0);
    let mut all = sizes.to_vec();
    all.extend(
        (next..)
            .take(usize::try_from(shards_for(allotted) - count).unwrap_or(0))
            .map(|shard| (shard, 0)),
    );
    all.sort_by_key(|(shard, size)| (*size, *shard));
    let mut left =
        i64::from(allotted) - sizes.iter().map(|(_, size)| i64::from(*size)).sum::<i64>();
    // So many of the smallest shards are filled to one level, which reaches no shard beyond them.
    let mut level = 0;
    let mut filled = 0;
    let mut below = 0_i64;
    for (index, (_, size)) in all.iter().enumerate() {
        let shards = i64::try_from(index).unwrap_or(i64::MAX);
        if i64::from(*size) * shards - below > left {
            break;
        }
        below += i64::from(*size);
        filled = index + 1;
        level = (left + below) / (shards + 1);
    }
    let mut parts = Vec::with_capacity(filled);
    let rest = left + below - level * i64::try_from(filled).unwrap_or(0);
    for (index, (shard, size)) in all.into_iter().take(filled).enumerate() {
        let extra = i64::from(i64::try_from(index).unwrap_or(i64::MAX) < rest);
        let part = (level + extra - i64::from(size)).clamp(0, left);
        left -= part;
        if part > 0 || size == 0 && !sizes.contains(&(shard, size)) {
            parts.push((shard, i32::try_from(part).unwrap_or(i32::MAX)));
        }
    }
    parts.sort_unstable();
    parts
}

/// Why an allotment cannot be less than `least`, of which `committed` are sold or ordered, in words
/// for the reseller.
pub fn refusal(committed: i32, least: i32) -> String {
    let held = (least - committed).max(0);
    let are = |count: i32| if count == 1 { "is" } else { "are" };
    let sold = format!("{committed} {} sold or in orders", are(committed));
    let in_checkouts = format!("{held} {} in fans' checkouts right now", are(held));
    let what = match (committed, held) {
        (_, 0) => sold,
        (0, _) => in_checkouts,
        _ => format!("{sold} and {in_checkouts}"),
    };
    format!("{what}, so it cannot go below {least}.")
}

/// The order in which a session tries the shards of a ticket type: a rotation whose start spreads
/// sessions evenly.
pub fn trying_order(session: SessionId, ticket_type: TicketTypeId, shards: &[i32]) -> Vec<i32> {
    if shards.is_empty() {
        return Vec::new();
    }
    let mut seed = session.uuid().as_bytes().to_vec();
    seed.extend_from_slice(ticket_type.uuid().as_bytes());
    let mut order = shards.to_vec();
    order.sort_unstable();
    let start = usize::try_from(fnv1a(&seed) % order.len() as u64).unwrap_or(0);
    order.rotate_left(start);
    order
}

/// Allocates `wanted` tickets over shards with so many free, from the fullest first so that few
/// shards are touched. `None` where all of them together have too few.
pub fn allocate(wanted: i32, free: &[(i32, i64)]) -> Option<Vec<(i32, i32)>> {
    let mut shards: Vec<(i32, i64)> = free.iter().copied().filter(|(_, free)| *free > 0).collect();
    shards.sort_by_key(|(shard, free)| (-free, *shard));
    let mut missing = i64::from(wanted);
    let mut parts = Vec::new();
    for (shard, free) in shards {
        if missing == 0 {
            break;
        }
        let part = free.min(missing);
        parts.push((shard, i32::try_from(part).unwrap_or(i32::MAX)));
        missing -= part;
    }
    (missing == 0 && wanted > 0).then_some(parts)
}

/// What `wanted` tickets use of parts, `(shard, tickets)`, that are there already: the largest
/// first, so that few shards are touched.
pub fn reused(wanted: i32, parts: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|(shard, part)| (-part, *shard));
    let mut missing = wanted;
    let mut used = Vec::with_capacity(parts.len());
    for (shard, part) in parts {
        let part = part.min(missing);
        if part > 0 {
            used.push((shard, part));
            missing -= part;
        }
    }
    used
}

/// Parts of one shard added up.
pub fn sum_parts(some: &[(i32, i32)], others: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut sums: BTreeMap<i32, i32> = BTreeMap::new();
    for (shard, part) in some.iter().chain(others) {
        *sums.entry(*shard).or_default() += part;
    }
    sums.into_iter().collect()
}

/// How many tickets shards report free, taken together.
pub fn total_free(free: &[(i32, i64)]) -> i64 {
    free.iter().map(|(_, free)| (*free).max(0)).sum()
}

/// The partition of `orders.commands` whose writer commits orders of this shard, of `partitions`
/// there are.
pub fn home_partition(ticket_type: TicketTypeId, shard: i32, partitions: i32) -> i32 {
    ShardKey { ticket_type, shard }.partition(partitions)
}

/// What to tell a shard in Redis after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    pub epoch: i64,
    pub version_from: i64,
    /// Greater by one where `committed` was touched.
    pub version_to: i64,
    /// Tickets that orders gave up.
    pub freed: i32,
    /// Orders that were written, with their tickets of this shard.
    pub accepted: Vec<(OrderId, i32)>,
    /// Orders that were not: their tickets are free again.
    pub returned: Vec<OrderId>,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};
    use uuid::Uuid;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shards_suit_the_stock() {
        assert_eq!([0, 1, 50, 51, 400, 100_000].map(shards_for), [1, 1, 1, 2, 8, 8]);
    }

    #[test]
    fn a_first_allotment_is_cut_evenly_and_a_raise_levels_shards() {
        assert_eq!(raised(&[], 0), [(0, 0)]);
        assert_eq!(raised(&[], 101), [(0, 34), (1, 34), (2, 33)]);
        assert_eq!(raised(&[(0, 34), (1, 34), (2, 33)], 104), [(0, 1), (2, 2)]);
        assert_eq!(raised(&[(0, 10), (1, 2)], 16), [(1, 4)]);
        assert_eq!(raised(&[(0, 50)], 150), [(1, 50), (2, 50)]);
        assert_eq!(raised(&[(0, 50)], 50), []);
    }

    #[test]
    fn a_refusal_says_what_is_in_the_way() {
        let both = "412 are sold or in orders and 6 are in fans' checkouts right now, so it cannot \
            go below 418.";
        assert_eq!(refusal(412, 418), both);
        assert_eq!(refusal(1, 1), "1 is sold or in orders, so it cannot go below 1.");
        assert_eq!(refusal(0, 4), "4 are in fans' checkouts right now, so it cannot go below 4.");
    }

    #[test]
    fn a_change_uses_what_is_there() {
        assert_eq!(reused(1, &[(0, 2), (3, 4)]), [(3, 1)]);
        assert_eq!(reused(5, &[(0, 2), (3, 4)]), [(3, 4), (0, 1)]);
        assert_eq!(reused(9, &[(0, 2), (3, 4)]), [(3, 4), (0, 2)]);
        assert_eq!(sum_parts(&[(3, 4), (0, 2)], &[(0, 1), (5, 2)]), [(0, 3), (3, 4), (5, 2)]);
    }

    #[test]
    fn sessions_spread_over_the_shards() {
        let shards: Vec<i32> = (0..8).collect();
        let mut starts: HashMap<i32, usize> = HashMap::new();
        for session in 0..8_000u128 {
            *starts
                .entry(
                    trying_order(Uuid::from_u128(session).into(), Uuid::nil().into(), &shards)[0],
                )
                .or_default() += 1;
        }
        assert!(starts.values().all(|count| (700..1_300).contains(count)), "{starts:?}");
    }

    #[test]
    fn partitions_never_change() {
        let key = ShardKey { ticket_type: Uuid::from_u128(7).into(), shard: 3 };
        assert_eq!(
            key.partition(4),
            3,
            "moving a shard to another partition would give its rows two writers"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_cutting(allotted in 0..2_000_000i32, shards in 1..=SHARDS_MAX) {
            let cut = split(allotted, shards);
            prop_assert_eq!(cut.len(), usize::try_from(shards).expect("small"));
            prop_assert_eq!(cut.iter().sum::<i32>(), allotted);
            let (least, most) = (cut.iter().min().expect("one"), cut.iter().max().expect("one"));
            prop_assert!(most - least <= 1);
        }

        #[test]
        fn a_raise_gives_exactly_what_is_missing(
            sizes in prop::collection::vec(0..3_000i32, 0..10), more in 0..50_000i32
        ) {
            let sizes: Vec<(i32, i32)> = (0..).zip(sizes).collect();
            let before: i32 = sizes.iter().map(|(_, size)| size).sum();
            let parts = raised(&sizes, before + more);
            prop_assert!(parts.iter().all(|(_, part)| *part >= 0));
            prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i32>(), more);
            let shards: BTreeSet<i32> = parts.iter().map(|(shard, _)| *shard).collect();
            prop_assert_eq!(shards.len(), parts.len());
        }

        #[test]
        fn every_shard_is_tried_once(
            session: u128,
            shards in prop::collection::btree_set(0..64i32, 1..32),
        ) {
            let shards: Vec<i32> = shards.into_iter().collect();
            let order = trying_order(Uuid::from_u128(session).into(), Uuid::nil().into(), &shards);
            prop_assert_eq!(order.len(), shards.len());
            let tried: BTreeSet<_> = order.into_iter().collect();
            prop_assert_eq!(tried, shards.into_iter().collect());
        }

        #[test]
        fn a_hold_is_allocated_exactly_or_not_at_all(
            wanted in 1..60i32,
            free in prop::collection::vec(-2..12i64, 0..16),
        ) {
            let free: Vec<(i32, i64)> = (0..).zip(free).collect();
            match allocate(wanted, &free) {
                Some(parts) => {
                    prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i32>(), wanted);
                    let known: HashMap<i32, i64> = free.iter().copied().collect();
                    for (shard, part) in &parts {
                        prop_assert!(*part > 0 && i64::from(*part) <= known[shard]);
                    }
                    let shards: BTreeSet<_> = parts.iter().map(|(shard, _)| shard).collect();
                prop_assert_eq!(shards.len(), parts.len());
                }
                None => prop_assert!(total_free(&free) < i64::from(wanted)),
            }
        }

        #[test]
        fn a_partition_is_one_of_those_there_are(
            ticket_type: u128,
            shard in 0..64i32,
            partitions in 1..64i32,
        ) {
            let ticket_type = Uuid::from_u128(ticket_type).into();
            let partition = ShardKey { ticket_type, shard }.partition(partitions);
            prop_assert!((0..partitions).contains(&partition));
        }
    }
}
