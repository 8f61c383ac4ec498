//! The room's line as Kafka has it, held against the transcript.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use admission::contract::{
    Finding, LaneRecord, Receipt, RoomName, Transcript, check_roots, line_topic,
};
use anyhow::{Context, anyhow};
use kit::kafka::{Kafka, ReaderContext};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use waitroom::contract::LineEntry;

use crate::print_status;

const CALL: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
/// A lane of which nothing more comes for so long is not read to its end.
const SILENCE: Duration = Duration::from_secs(15);
const SAID_EVERY: u64 = 1 << 18;

/// A room's line.
pub struct Topic {
    reader: BaseConsumer<ReaderContext>,
    name: String,
    lanes: i32,
}

impl Topic {
    /// # Errors
    /// Kafka away, or no such line.
    pub async fn of(kafka: &Kafka, room: &RoomName) -> anyhow::Result<Self> {
        let name = line_topic(room);
        let lanes = kafka.partitions(&name).await?;
        Ok(Self { reader: kafka.reader()?, name: kafka.name(&name), lanes })
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
            // A lane that is not there has no records.
            let mut records = (i32::try_from(lane)? < self.lanes)
                .then(|| self.records(lane, &failed))
                .transpose()?;
            let seen = std::iter::from_fn(|| records.as_mut()?.next()).inspect(|record| {
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
            match self.next() {
                Ok(record) => {
                    next = i64::try_from(record.offset).ok()? + 1;
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

    fn next(&self) -> anyhow::Result<LaneRecord> {
        let heard = Instant::now();
        loop {
            match self.reader.poll(POLL) {
                Some(Ok(message)) => {
                    let entry = LineEntry::of(message.payload().unwrap_or_default());
                    let joined_ms = message.timestamp().to_millis().unwrap_or_default();
                    return Ok(entry.record(message.offset(), joined_ms));
                }
                // librdkafka tries again by itself.
                Some(Err(_)) | None if heard.elapsed() < SILENCE => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(anyhow!("could not be read to its end")),
            }
        }
    }
}
