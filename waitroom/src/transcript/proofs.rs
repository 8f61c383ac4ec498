//! Proofs that a record is under a published root. A lane is parted into blocks, whose roots are
//! kept: a proof needs the records of two of them at most.

use std::{sync::Arc, time::Duration};

use admission::contract::{
    Digest32, LanePlace, LaneRecord, LineAt, RecordProof, RoomName, check_inclusion, merkle_root,
    prove_inclusion,
};
use anyhow::{Context, anyhow};
use kit::{cache::Cache, kafka::Kafka};
use sqlx::PgPool;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    store,
    transcript::{
        lane_tree::BLOCK,
        line_reader::{LineReader, Stretch},
        sealed::Sealed,
    },
};

/// Records do not change; so many blocks are kept, 40 bytes a record.
const KEPT_FOR: Duration = Duration::from_secs(600);
const BLOCKS_MAX: u64 = 128;
/// Whoever waits longer for others' reading asks again later.
const PATIENCE: Duration = Duration::from_secs(3);

pub struct Proofs {
    reader: LineReader,
    /// One reads at a time.
    reading: Semaphore,
    blocks: Cache<Vec<LaneRecord>>,
}

/// Which records of a lane.
#[derive(Clone, Copy)]
struct Block {
    lane: u32,
    number: u64,
    /// Below the lane's end, or the block's.
    to: u64,
}

impl Proofs {
    /// # Errors
    /// When no Kafka client can be made; Kafka may be away for now.
    pub fn new(kafka: &Kafka) -> anyhow::Result<Self> {
        Ok(Self {
            reader: LineReader::new(kafka, CancellationToken::new())?,
            reading: Semaphore::new(1),
            blocks: Cache::new(KEPT_FOR, BLOCKS_MAX),
        })
    }

    /// Proves a place's record by the newest root over it.
    ///
    /// # Errors
    /// [`Error::ProofNotYet`] where no root is over it; [`Error::Starting`] where others are
    /// proved; the database's or Kafka's.
    pub async fn prove(
        &self,
        pool: &PgPool,
        room: &RoomName,
        place: LanePlace,
    ) -> Result<RecordProof, Error> {
        let LanePlace { lane, offset } = place;
        let root = store::transcript::root_over(pool, room, place).await?;
        let root = root.ok_or(Error::ProofNotYet)?;
        let row = store::room(pool, room).await?.ok_or(Error::RoomUnknown)?;
        let of = (room.clone(), row.sleep.line);
        let mut nodes = store::transcript::blocks(pool, room, lane, root.size / BLOCK).await?;
        if nodes.len() as u64 != root.size / BLOCK {
            return Err(Error::ProofNotYet);
        }
        let block = |number| Block { lane, number, to: root.size.min((number + 1) * BLOCK) };
        let own = self.records(pool, &of, block(offset / BLOCK)).await?;
        if !root.size.is_multiple_of(BLOCK) {
            let last = self.records(pool, &of, block(root.size / BLOCK)).await?;
            nodes.push(merkle_root(&leaves(&last)));
        }
        let proof = proof(&own, &nodes, offset, root.size);
        let holds = |proof: &RecordProof| {
            check_inclusion(proof.record.leaf(), offset, root.size, &proof.path, root.root)
        };
        proof.filter(holds).ok_or_else(|| {
            Error::Internal(anyhow!(
                "the records of {room} do not make its root over {}",
                root.size
            ))
        })
    }

    async fn records(
        &self,
        pool: &PgPool,
        of: &(RoomName, LineAt),
        block: Block,
    ) -> Result<Arc<Vec<LaneRecord>>, Error> {
        let key = format!("{} {} {} {}", of.0, block.lane, block.number, block.to);
        let look = || async {
            let turn = timeout(PATIENCE, self.reading.acquire()).await;
            let _turn = turn.map_err(|_| Error::Starting)?;
            let (reader, of) = (self.reader.clone(), of.clone());
            let mut sealed = Sealed::default();
            let from = block.number * BLOCK;
            let parts = store::sealed::parts(pool, &of.0, block.lane, (from, block.to));
            sealed.add(parts.await?);
            let read =
                tokio::task::spawn_blocking(move || read(&reader, &of, &sealed, block)).await;
            let read = read.context("reading records").flatten();
            read.map_err(Error::Internal)
        };
        self.blocks.get_or_look(key, look).await
    }
}

fn read(
    reader: &LineReader,
    (room, line): &(RoomName, LineAt),
    sealed: &Sealed,
    block: Block,
) -> anyhow::Result<Vec<LaneRecord>> {
    let from = block.number * BLOCK;
    let mut records = Vec::new();
    let stretch = Stretch { lane: block.lane, from, to: block.to };
    let mut see = |_, record: &LaneRecord| {
        records.push(*record);
        true
    };
    let rest = sealed.show(&[stretch], line, &mut see);
    reader.read(room, line, &rest, see)?;
    let is_whole = (from..block.to).eq(records.iter().map(|record| record.offset));
    is_whole.then_some(records).context("records are missing")
}

fn leaves(records: &[LaneRecord]) -> Vec<Digest32> {
    records.iter().map(LaneRecord::leaf).collect()
}

/// The proof of the record at `offset` of `size`, from its own block's records and the roots of
/// all blocks. Pure.
fn proof(own: &[LaneRecord], nodes: &[Digest32], offset: u64, size: u64) -> Option<RecordProof> {
    let record = *own.get(usize::try_from(offset % BLOCK).ok()?)?;
    let mut path = prove_inclusion(&leaves(own), offset % BLOCK)?;
    path.extend(prove_inclusion(nodes, offset / BLOCK)?);
    Some(RecordProof { record, size, path })
}

#[cfg(test)]
mod tests {
    use admission::contract::HexBytes;

    use super::*;

    #[test]
    fn blocks_prove_what_all_records_would() {
        let record =
            |offset| LaneRecord { offset, joined_ms: offset, nonce: HexBytes([offset as u8; 16]) };
        for size in [1, 5, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 77, 3 * BLOCK + 1] {
            let all: Vec<LaneRecord> = (0..size).map(record).collect();
            let whole = leaves(&all);
            let blocks: Vec<&[LaneRecord]> = all.chunks(BLOCK as usize).collect();
            let nodes: Vec<Digest32> =
                blocks.iter().map(|block| merkle_root(&leaves(block))).collect();
            for offset in [0, 3, BLOCK - 1, BLOCK, 2 * BLOCK + 5, size - 1] {
                let Some(own) = blocks.get((offset / BLOCK) as usize) else { continue };
                let Some(expected) = prove_inclusion(&whole, offset) else { continue };
                let proof = proof(own, &nodes, offset, size).expect("a proof");
                assert_eq!(
                    (proof.path, proof.record),
                    (expected, record(offset)),
                    "{offset}/{size}"
                );
            }
        }
    }
}
