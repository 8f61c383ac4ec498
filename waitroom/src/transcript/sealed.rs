//! Records of lines that are gone, as they are kept. Pure.

use admission::contract::{HexBytes, LaneRecord, LineAt};

use crate::transcript::line_reader::Stretch;

/// Bytes a record: when the broker took it, and its nonce.
pub const RECORD_BYTES: usize = 24;
/// So many are kept together.
pub const PART: usize = 4_096;

/// Consecutive records of a lane, from `first` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPart {
    pub lane: u32,
    pub first: u64,
    pub records: Vec<u8>,
}

/// The parts that a lane's consecutive records are kept in.
pub fn parts(lane: u32, records: &[LaneRecord]) -> Vec<SealedPart> {
    let part = |records: &[LaneRecord]| SealedPart {
        lane,
        first: records.first().map_or(0, |record| record.offset),
        records: records.iter().flat_map(to_bytes).collect(),
    };
    records.chunks(PART).map(part).collect()
}

fn to_bytes(record: &LaneRecord) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    let (joined, nonce) = bytes.split_at_mut(8);
    joined.copy_from_slice(&record.joined_ms.to_be_bytes());
    nonce.copy_from_slice(&record.nonce.0);
    bytes
}

impl SealedPart {
    /// Its records, in order.
    pub fn all(&self) -> impl Iterator<Item = LaneRecord> + '_ {
        let record = |(offset, bytes): (u64, &[u8])| {
            let (joined, nonce) = bytes.split_at(8);
            LaneRecord {
                offset,
                joined_ms: u64::from_be_bytes(joined.try_into().unwrap_or_default()),
                nonce: HexBytes(nonce.try_into().unwrap_or_default()),
            }
        };
        (self.first..).zip(self.records.chunks_exact(RECORD_BYTES)).map(record)
    }
}

/// Records of a room's earlier lines.
#[derive(Debug, Default)]
pub struct Sealed(Vec<SealedPart>);

impl Sealed {
    pub fn add(&mut self, parts: Vec<SealedPart>) {
        self.0.extend(parts);
    }

    /// Shows the records of these stretches that are kept here to `see`, in order; gives what is in
    /// the line itself. A lane of which `see` has seen enough is left.
    pub fn show(
        &self,
        stretches: &[Stretch],
        line: &LineAt,
        mut see: impl FnMut(u32, &LaneRecord) -> bool,
    ) -> Vec<Stretch> {
        let mut rest = Vec::new();
        for stretch in stretches {
            let base = i32::try_from(stretch.lane).map_or(0, |lane| line.base(lane));
            let base = u64::try_from(base).unwrap_or_default();
            let to = stretch.to.min(base);
            let parts = self.0.iter().filter(|part| part.lane == stretch.lane);
            let kept = parts.flat_map(SealedPart::all);
            let mut kept = kept.filter(|record| (stretch.from..to).contains(&record.offset));
            if kept.all(|record| see(stretch.lane, &record)) {
                rest.push(Stretch { from: stretch.from.max(base), ..*stretch });
            }
        }
        rest.retain(|stretch| stretch.from < stretch.to);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let record = |offset: u64| LaneRecord {
            offset,
            joined_ms: 1_700_000_000_000 + offset,
            nonce: HexBytes([offset as u8; 16]),
        };
        let records: Vec<LaneRecord> = (7..7 + PART as u64 + 3).map(record).collect();
        let parts = parts(2, &records);
        assert_eq!(parts.iter().map(|part| part.first).collect::<Vec<_>>(), [7, 4_103]);
        let back: Vec<LaneRecord> = parts.iter().flat_map(SealedPart::all).collect();
        assert_eq!(back, records);
    }
}
