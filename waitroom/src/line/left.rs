//! Places whose fans left on purpose. Pure.

/// A bit for each place, laid out as Redis does: by lane, the first place's is the highest of the
/// first byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftPlaces {
    lanes: Vec<Vec<u8>>,
}

/// The byte and the bit of a place.
fn bit(offset: i64) -> Option<(usize, u8)> {
    let offset = usize::try_from(offset).ok()?;
    Some((offset / 8, 0x80 >> (offset % 8)))
}

impl LeftPlaces {
    /// As read from Redis, lane by lane.
    pub fn of(lanes: Vec<Vec<u8>>) -> Self {
        Self { lanes }
    }

    pub fn has(&self, lane: i32, offset: i64) -> bool {
        let byte = |(byte, bit): (usize, u8)| {
            let bytes = self.lanes.get(usize::try_from(lane).ok()?)?;
            Some(bytes.get(byte)? & bit != 0)
        };
        bit(offset).and_then(byte).unwrap_or(false)
    }

    pub fn mark(&mut self, lane: i32, offset: i64) {
        let Some((lane, (byte, bit))) = usize::try_from(lane).ok().zip(bit(offset)) else { return };
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, Vec::new);
        }
        let Some(bytes) = self.lanes.get_mut(lane) else { return };
        if bytes.len() <= byte {
            bytes.resize(byte + 1, 0);
        }
        if let Some(byte) = bytes.get_mut(byte) {
            *byte |= bit;
        }
    }

    /// The places of a lane that were left, in their order.
    pub fn all(&self, lane: usize) -> impl Iterator<Item = u64> {
        let bytes = self.lanes.get(lane).map_or(&[][..], Vec::as_slice);
        bytes.iter().enumerate().flat_map(|(index, byte)| {
            let of_byte = (0..8u64).filter(move |bit| byte & (0x80 >> bit) != 0);
            of_byte.map(move |bit| index as u64 * 8 + bit)
        })
    }

    /// How many places of a lane, from this one on, were left.
    pub fn count_from(&self, lane: i32, offset: i64) -> i64 {
        let count = |(first, bit): (usize, u8)| {
            let bytes = self.lanes.get(usize::try_from(lane).ok()?)?.get(first..)?;
            let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
            // Of the first byte those before do not count.
            let before = bytes.first().map_or(0, |byte| (byte & !(bit | (bit - 1))).count_ones());
            Some(i64::from(ones - before))
        };
        bit(offset).and_then(count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bits_are_those_of_redis() {
        // After SETBIT left-0 0 1 and SETBIT left-0 9 1.
        let left = LeftPlaces::of(vec![vec![0b1000_0000, 0b0100_0000]]);
        let found: Vec<i64> = (0..20).filter(|offset| left.has(0, *offset)).collect();
        assert_eq!(found, [0, 9]);
        assert!(!left.has(1, 0) && !left.has(-1, 0) && !left.has(0, -1));
    }

    proptest! {
        #[test]
        fn what_was_marked_is_found_and_counted(
            marked in prop::collection::btree_set(0i64..100, 0..40),
            from in 0i64..110,
        ) {
            let mut left = LeftPlaces::default();
            marked.iter().for_each(|offset| left.mark(2, *offset));
            let found: BTreeSet<i64> = (0..110).filter(|offset| left.has(2, *offset)).collect();
            prop_assert_eq!(&found, &marked);
            let all: BTreeSet<i64> = left.all(2).map(|offset| offset as i64).collect();
            prop_assert_eq!(&all, &marked);
            prop_assert_eq!(left.count_from(2, from), marked.range(from..).count() as i64);
        }
    }
}
