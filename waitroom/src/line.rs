//! A line: what a join writes, and who joins.

pub mod agent;
pub mod join;
pub mod keyed_join;
pub mod lane_picker;
pub mod leave;
pub mod left;
pub mod receipts;
pub mod straight;

use admission::contract::{HexBytes, LaneRecord, Nonce};

/// Earlier records have no nonce: they were JSON, `{"v":1}`.
const VERSION: u8 = 2;

/// The value of a record in a line: one byte of version and 16 of nonce. Who joins is not in it: a
/// place belongs to whoever holds its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineEntry {
    pub nonce: Nonce,
}

impl LineEntry {
    /// How long a record's value is.
    pub const BYTES: usize = 17;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [VERSION; Self::BYTES];
        bytes[1..].copy_from_slice(&self.nonce.0);
        bytes
    }

    /// The entry of a record's value. Whatever is no value of this version has a nonce of zeros, so
    /// that every record has a leaf.
    pub fn of(value: &[u8]) -> Self {
        let nonce = match value {
            [VERSION, nonce @ ..] => nonce.try_into().unwrap_or_default(),
            _ => [0; 16],
        };
        Self { nonce: HexBytes(nonce) }
    }

    /// What a record is for who proves it, by where it stands and when the broker took it, in
    /// milliseconds since 1970.
    pub fn record(self, offset: i64, joined_ms: i64) -> LaneRecord {
        // Kafka counts neither below zero; a time that is not known is written so.
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        LaneRecord { offset: whole(offset), joined_ms: whole(joined_ms), nonce: self.nonce }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_comes_back_and_what_has_none_has_zeros() {
        let entry = LineEntry { nonce: HexBytes([7; 16]) };
        assert_eq!(LineEntry::of(&entry.to_bytes()), entry);
        let none = LineEntry { nonce: HexBytes([0; 16]) };
        for value in [&b"{\"v\":1}"[..], b"", &[2], &[2; 16], &[2; 18], &[3; 17]] {
            assert_eq!(LineEntry::of(value), none, "{value:?}");
        }
        assert_eq!(entry.record(3, -1).joined_ms, 0);
    }
}
