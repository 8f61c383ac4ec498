//! What Kafka has: the heads, the lines, and how far the commands were written.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use admission::contract::{
    ADMISSION_GROUP, Cohort, HEADS_TOPIC, HeadsMoved, LaneTurns, LineAt, admission_group,
    line_topic,
};
use anyhow::{Context, bail};
use checkout::contract::COMMANDS_TOPIC;
use kit::kafka::{Kafka, ReaderContext};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
    error::KafkaError,
    message::BorrowedMessage,
};

use super::{
    postgres::RoomRow,
    rows::{Drain, Room},
};
use crate::verify::{
    draw::DrawState,
    line::{Joined, LaneState, Published, steps},
    windows::SecondGrants,
};

const CALL: Duration = Duration::from_secs(5);
/// A topic of which nothing more comes for so long is not read to its end.
const SILENCE: Duration = Duration::from_secs(15);

/// All rooms' heads in order of publication.
pub struct Heads {
    rooms: HashMap<String, Vec<Published>>,
    from_start: bool,
}

/// A part of a topic: offsets `from..to` of one partition.
#[derive(Clone, Copy)]
struct Part {
    partition: i32,
    from: i64,
    to: i64,
}

/// What there is of a topic now, partition by partition.
fn parts(
    reader: &BaseConsumer<ReaderContext>,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<Vec<Part>> {
    (0..partitions)
        .map(|partition| {
            let (from, to) =
                reader.fetch_watermarks(topic, partition, CALL).context("asking for watermarks")?;
            Ok(Part { partition, from, to })
        })
        .collect()
}

/// Reads `parts` to their ends, which were looked up before, so that a busy topic ends as well.
fn read(
    reader: &BaseConsumer<ReaderContext>,
    topic: &str,
    parts: &[Part],
    mut visit: impl FnMut(&BorrowedMessage),
) -> anyhow::Result<()> {
    let mut open: BTreeMap<i32, i64> = parts
        .iter()
        .filter(|part| part.from < part.to)
        .map(|part| (part.partition, part.to))
        .collect();
    let mut list = TopicPartitionList::new();
    for part in parts.iter().filter(|part| part.from < part.to) {
        list.add_partition_offset(topic, part.partition, Offset::Offset(part.from))?;
    }
    if open.is_empty() {
        return Ok(());
    }
    reader.assign(&list)?;
    let mut heard = Instant::now();
    while !open.is_empty() {
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let Some(end) = open.get(&message.partition()).copied() else { continue };
                if message.offset() < end {
                    visit(&message);
                }
                if message.offset() + 1 >= end {
                    open.remove(&message.partition());
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            // librdkafka tries again by itself.
            Some(Err(_)) | None if heard.elapsed() < SILENCE => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
            None => bail!("{topic} could not be read to its end"),
        }
    }
    reader.unassign()?;
    Ok(())
}

/// Reads the topic `heads`.
pub async fn heads(kafka: &Kafka) -> anyhow::Result<Heads> {
    let partitions = kafka.partitions(HEADS_TOPIC).await?;
    let (reader, topic) = (kafka.reader::<BaseConsumer<ReaderContext>>()?, kafka.name(HEADS_TOPIC));
    tokio::task::spawn_blocking(move || {
        let parts = parts(&reader, &topic, partitions)?;
        let mut heads =
            Heads { rooms: HashMap::new(), from_start: parts.iter().all(|part| part.from == 0) };
        read(&reader, &topic, &parts, |message| {
            match serde_json::from_slice::<HeadsMoved>(message.payload().unwrap_or_default()) {
                Ok(moved) => heads
                    .rooms
                    .entry(moved.room.clone().into())
                    .or_default()
                    .push(Published::of(message.offset(), moved)),
                Err(error) => tracing::warn!(offset = message.offset(), %error, "a heads record \
                    cannot be read"),
            }
        })?;
        Ok(heads)
    })
    .await?
}

/// Reads a room's line: what was committed first, then what was written.
pub async fn room(
    kafka: &Kafka,
    row: RoomRow,
    heads: &Heads,
    second_grants: SecondGrants,
) -> anyhow::Result<Room> {
    let line = LineAt { waking: row.waking, bases: row.bases.clone().unwrap_or_default() };
    let topic = kafka.name(&line.topic(&row.room));
    // While it sleeps its line is gone, or about to be.
    let partitions = if row.asleep { 0 } else { kafka.partitions(&line.topic(&row.room)).await? };
    let group: BaseConsumer = kafka.consumer(ADMISSION_GROUP, DefaultConsumerContext)?;
    // Of sales that earlier versions let in, the commits are their room's own group's.
    let former: BaseConsumer =
        kafka.consumer(&admission_group(&row.room), DefaultConsumerContext)?;
    let reader = kafka.reader::<BaseConsumer<ReaderContext>>()?;
    let published = heads.rooms.get(&row.room).cloned().unwrap_or_default();
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for moved in published.iter().flat_map(|record| &record.heads) {
        last.insert(moved.lane, moved.head);
    }
    let heads_from_start = heads.from_start;
    tokio::task::spawn_blocking(move || {
        let mut heads = committed(&former, &topic, partitions)?;
        heads.extend(committed(&group, &topic, partitions)?);
        let committed = heads;
        let parts = parts(&reader, &topic, partitions)?;
        let cohort = row.cohort.as_deref().and_then(Cohort::of_offsets);
        let joined = turns(joined(&reader, &topic, &parts, &row.sealed)?, cohort.as_ref());
        // Of a room that sleeps all is kept elsewhere, and everybody was let in.
        let ended = (0..).zip(&line.bases).filter(|_| row.asleep).map(|(lane, base)| {
            let end = LaneTurns::of(cohort.as_ref(), lane).tail(*base);
            LaneState {
                room: row.room.clone(),
                lane,
                low: 0,
                published: last.get(&lane).copied().unwrap_or_default(),
                committed: end,
                high: end,
            }
        });
        let lanes = parts
            .iter()
            .map(|part| LaneState {
                room: row.room.clone(),
                lane: part.partition,
                low: part.from,
                published: last.get(&part.partition).copied().unwrap_or_default(),
                committed: committed
                    .get(&part.partition)
                    .copied()
                    .unwrap_or_else(|| line.base(part.partition)),
                high: LaneTurns::of(cohort.as_ref(), part.partition)
                    .from_base(line.base(part.partition))
                    .tail(part.to),
            })
            .chain(ended)
            .collect();
        let draw = DrawState {
            room: row.room.clone(),
            frozen: row.frozen,
            of_gate: row.cohort,
            is_made: row.is_made,
            ends: match row.asleep {
                true => line.bases.clone(),
                false => parts.iter().map(|part| line.base(part.partition) + part.to).collect(),
            },
        };
        let lanes_expected = if row.asleep { 0 } else { row.lanes };
        let (room, is_open) = (row.room, row.is_open);
        let steps = steps(&published, heads_from_start);
        Ok(Room {
            room,
            is_open,
            lanes_expected,
            lanes,
            joined,
            draw,
            published,
            steps,
            second_grants,
            heads_from_start,
        })
    })
    .await?
}

/// When each turn's fan joined. Heads count turns, which a draw gave out.
pub fn turns(joined: Joined, cohort: Option<&Cohort>) -> Joined {
    if cohort.is_none() {
        return joined;
    }
    let of_lane =
        |(lane, times): (i32, Vec<i64>)| (lane, LaneTurns::of(cohort, lane).times(&times));
    joined.into_iter().map(of_lane).collect()
}

/// When each place of a line was taken.
fn joined(
    reader: &BaseConsumer<ReaderContext>,
    topic: &str,
    parts: &[Part],
    sealed: &BTreeMap<i32, Vec<i64>>,
) -> anyhow::Result<Joined> {
    let mut joined: Joined = parts.iter().map(|part| (part.partition, Vec::new())).collect();
    joined.extend(sealed.clone());
    let bases: BTreeMap<i32, usize> =
        joined.iter().map(|(lane, times)| (*lane, times.len())).collect();
    read(reader, topic, parts, |message| {
        let times = joined.entry(message.partition()).or_default();
        let joined_ms = message.timestamp().to_millis().unwrap_or_default();
        // An offset is an index, also where records before it are gone.
        let base = bases.get(&message.partition()).copied().unwrap_or_default();
        let index = base + usize::try_from(message.offset()).unwrap_or_default();
        times.resize(index, joined_ms);
        times.push(joined_ms);
    })?;
    Ok(joined)
}

/// When each place of a room's line was taken, and what was published of its heads.
pub async fn line(kafka: &Kafka, room: &str) -> anyhow::Result<(Joined, Vec<Published>)> {
    let (name, topic) = (line_topic(room), kafka.name(&line_topic(room)));
    let partitions = kafka.partitions(&name).await?;
    let reader = kafka.reader::<BaseConsumer<ReaderContext>>()?;
    let joined = tokio::task::spawn_blocking(move || {
        let parts = parts(&reader, &topic, partitions)?;
        joined(&reader, &topic, &parts, &BTreeMap::new())
    });
    let joined = joined.await??;
    let mut heads = heads(kafka).await?;
    Ok((joined, heads.rooms.remove(room).unwrap_or_default()))
}

/// The committed offsets of a group, where it has any.
fn committed(
    group: &BaseConsumer,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<BTreeMap<i32, i64>> {
    if partitions == 0 {
        return Ok(BTreeMap::new());
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let found = group.committed_offsets(list, CALL).context("asking for committed offsets")?;
    Ok(found
        .elements()
        .iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        })
        .collect())
}

/// How far the order writer is, partition by partition. A partition it never wrote is at its
/// beginning.
pub async fn drains(kafka: &Kafka, writer_offsets: &[(i32, i64)]) -> anyhow::Result<Vec<Drain>> {
    let partitions = kafka.partitions(COMMANDS_TOPIC).await?;
    let (reader, topic) =
        (kafka.reader::<BaseConsumer<ReaderContext>>()?, kafka.name(COMMANDS_TOPIC));
    let parts = tokio::task::spawn_blocking(move || parts(&reader, &topic, partitions)).await??;
    let written: BTreeMap<i32, i64> = writer_offsets.iter().copied().collect();
    Ok(parts
        .into_iter()
        .map(|part| Drain {
            partition: part.partition,
            next_offset: written.get(&part.partition).copied().unwrap_or_default(),
            end: part.to,
        })
        .collect())
}
