//! Which process moves which lanes. Every lane is under one of a few leases, which are the
//! partitions of a topic without records; whoever the consumer group gives one moves its lanes.
//! Pure.

use kit::kafka::Topic;

/// The topic whose partitions are the leases. Their number is for good: all processes must find
/// every lane under the same one. It is also how many processes can share the rooms.
pub const LEASES: Topic =
    Topic { name: "leases", partitions: 12, retention_ms: "604800000", compacted: false };

/// The consumer group whose members share the leases, and whose committed offsets are the heads of
/// all rooms' lanes.
pub const ADMISSION_GROUP: &str = "admission";

/// So many lanes of a room are under one lease, so that most rooms are moved by one process, and
/// need no word between several.
pub const LANES_A_LEASE: i32 = 4;

/// The lease that a lane is under. It follows from nothing that changes, be it how many lanes the
/// room has.
pub fn lease_of(room: &str, lane: i32) -> i32 {
    // FNV-1a, which is the same everywhere and for good.
    let bytes = room.bytes().chain((lane / LANES_A_LEASE).to_be_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits alone hardly differ between neighbours.
    ((hash ^ (hash >> 32)) % LEASES.partitions.unsigned_abs() as u64) as i32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_lane_is_under_the_same_lease_for_good() {
        let leases: Vec<_> = (0..9).map(|lane| lease_of("the-show", lane)).collect();
        assert_eq!(leases[..4], [leases[0]; 4], "a room of four lanes is whole");
        assert_eq!(leases[4..8], [leases[4]; 4]);
        // Written down, because a process of another version must find the same.
        assert_eq!((lease_of("a", 0), lease_of("the-show", 0)), (6, 5));
    }

    #[test]
    fn rooms_are_spread_evenly() {
        let mut rooms: BTreeMap<i32, usize> = BTreeMap::new();
        for number in 0..2_400 {
            *rooms.entry(lease_of(&format!("room-{number}"), 0)).or_default() += 1;
        }
        assert_eq!(rooms.len(), 12);
        assert!(rooms.values().all(|count| (140..=260).contains(count)), "{rooms:?}");
        // A large room's lanes, too.
        let mut lanes: BTreeMap<i32, usize> = BTreeMap::new();
        for lane in 0..256 {
            *lanes.entry(lease_of("large", lane)).or_default() += 1;
        }
        assert!(lanes.len() >= 10, "{lanes:?}");
    }
}
