//! The room's line as Kafka has it, held against the transcript.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use admission::contract::{
    Finding, HexBytes, LaneRecord, LineAt, Receipt, RoomName, Transcript, check_roots,
};
use anyhow::{Context, anyhow};
use kit::kafka::ReaderContext;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use sqlx::PgPool;
use waitroom::contract::LineEntry;

use crate::{print_status, settings::Stores};

const CALL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// A lane of which nothing more comes for so long is not read to its end.
const SILENCE: Duration = Duration::from_secs(15);
const SAID_EVERY: u64 = 1 << 18;

/// A room's line.
pub struct Topic {
    reader: BaseConsumer<ReaderContext>,
    name: String,
    /// Which of the room's lines it is, and how many lanes are in Kafka.
    line: LineAt,
    lanes: i32,
    /// The records of earlier lines, whose topics are gone, by lane.
    sealed: BTreeMap<u32, Vec<LaneRecord>>,
}

/// The records that are kept of a room's earlier lines: 24 bytes each, of which the first eight say
/// when the broker took it and the others are its nonce.
async fn sealed(pool: &PgPool, room: &RoomName) -> sqlx::Result<BTreeMap<u32, Vec<LaneRecord>>> {
    let rows: Vec<(i32, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT lane, first, records FROM waitroom.sealed_records WHERE room = $1
         ORDER BY lane, first",
    )
    .bind(room.as_str())
    .fetch_all(pool)
    .await?;
    let mut sealed: BTreeMap<u32, Vec<LaneRecord>> = BTreeMap::new();
    for (lane, first, records) in rows {
        let first = u64::try_from(first).unwrap_or_default();
        let record = |(offset, bytes): (u64, &[u8])| {
            let (joined, nonce) = bytes.split_at(8);
            LaneRecord {
                offset,
                joined_ms: u64::from_be_bytes(joined.try_into().unwrap_or_default()),
                nonce: HexBytes(nonce.try_into().unwrap_or_default()),
            }
        };
        let lane = sealed.entry(u32::try_from(lane).unwrap_or_default()).or_default();
        lane.extend((first..).zip(records.chunks_exact(24)).map(record));
    }
    Ok(sealed)
}

impl Topic {
    /// # Errors
    /// Kafka or Postgres away, or no such line.
    pub async fn of(stores: &Stores, room: &RoomName) -> anyhow::Result<Self> {
        let kafka = &stores.kafka;
        let state = waitroom::contract::room(&stores.pool, room).await?;
        let line = state.map(|state| state.sleep.line).unwrap_or_default();
        let lanes = kafka.partitions(&line.topic(room)).await?;
        let sealed = sealed(&stores.pool, room).await?;
        let name = kafka.name(&line.topic(room));
        Ok(Self { reader: kafka.reader()?, name, line, lanes, sealed })
    }

    /// Recomputes every published root, and looks for the record of each receipt. Blocks.
    ///
    /// # Errors
    /// A lane cannot be read to its end.
    pub fn check(
        &self,
        transcript: &Transcript,
        receipts: &[Receipt],
    ) -> anyhow::Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let lanes = transcript.lanes.max(u32::try_from(self.lanes).unwrap_or_default());
        for lane in 0..lanes {
            let mut wanted: BTreeMap<u64, Vec<&Receipt>> = BTreeMap::new();
            for receipt in receipts.iter().filter(|receipt| receipt.lane == lane) {
                wanted.entry(receipt.record.offset).or_default().push(receipt);
            }
            let failed = RefCell::new(None);
            let mut read = 0;
            let kept = self.sealed.get(&lane).map(Vec::as_slice).unwrap_or_default();
            // A lane that is not there has no records.
            let mut records = (i32::try_from(lane)? < self.lanes)
                .then(|| self.records(lane, &failed))
                .transpose()?;
            let in_line = std::iter::from_fn(|| records.as_mut()?.next());
            let seen = kept.iter().copied().chain(in_line).inspect(|record| {
                read = record.offset + 1;
                for receipt in wanted.remove(&record.offset).unwrap_or_default() {
                    if receipt.record != *record {
                        let (place, record) = (receipt.place(), *record);
                        findings.push(Finding::ReceiptContradicted { place, record });
                    }
                }
            });
            let of_roots = check_roots(transcript, lane, seen);
            if let Some(error) = failed.take() {
                return Err(error);
            }
            findings.extend(of_roots);
            let missing = wanted.into_values().flatten().map(Receipt::place);
            findings.extend(missing.map(|place| Finding::ReceiptBeyondRoot { place, size: read }));
            print_status(&format!("lane {lane}: {read} records were read"));
        }
        Ok(findings)
    }

    /// The records of a lane, to where it ends now. What goes wrong is left in `failed`.
    fn records<'a>(
        &'a self,
        lane: u32,
        failed: &'a RefCell<Option<anyhow::Error>>,
    ) -> anyhow::Result<impl Iterator<Item = LaneRecord> + 'a> {
        let partition = i32::try_from(lane)?;
        let base = self.line.base(partition);
        let (from, to) = self
            .reader
            .fetch_watermarks(&self.name, partition, CALL)
            .with_context(|| format!("where lane {lane} of {} ends", self.name))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(from))?;
        self.reader.assign(&list)?;
        let mut next = from;
        Ok(std::iter::from_fn(move || {
            if next >= to {
                return None;
            }
            match self.next(base) {
                Ok(record) => {
                    next = i64::try_from(record.offset).ok()? - base + 1;
                    if record.offset > 0 && record.offset.is_multiple_of(SAID_EVERY) {
                        print_status(&format!("lane {lane}: {} of {to} records", record.offset));
                    }
                    (next <= to).then_some(record)
                }
                Err(error) => {
                    failed.replace(Some(error.context(format!("lane {lane} of {}", self.name))));
                    None
                }
            }
        }))
    }

    fn next(&self, base: i64) -> anyhow::Result<LaneRecord> {
        let heard = Instant::now();
        loop {
            match self.reader.poll(POLL) {
                Some(Ok(message)) => {
                    let entry = LineEntry::of(message.payload().unwrap_or_default());
                    let joined_ms = message.timestamp().to_millis().unwrap_or_default();
                    return Ok(entry.record(base + message.offset(), joined_ms));
                }
                // librdkafka tries again by itself.
                Some(Err(_)) | None if heard.elapsed() < SILENCE => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(anyhow!("could not be read to its end")),
            }
        }
    }
}
