//! The order writer: takes commands from the log and writes each partition's part in batches, one
//! transaction a batch.
//!
//! The consumed offset is stored in that transaction, and it is the truth: it says where reading
//! begins, whatever Kafka's group has committed, and a batch that begins beyond it is refused. So a
//! batch that comes again is recognised, two writers that both believe to own a partition cannot
//! both write, and where Postgres comes back with less (an older standby, a restored backup) what
//! it lost is written again. Beside the offset stands the id of the log it is of; a log that was
//! made anew is read from its start. A command or a row of a kind that only a later version knows
//! stops its partition until such a version takes over; what nobody can read goes to the dead
//! letters. Redis and those who wait are told after the commit; if that gets lost, the reconciler
//! notices.
//!
//! This file follows the log and hands its records out; [`position`] says from where, [`partition`]
//! writes a partition's, [`notify`] says what was written.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use kit::kafka::request_id;
use position::{Offsets, Positions};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    App,
    order::{
        command::{self, ParsedCommand, QueuedCommand},
        command_log::{self, COMMANDS_TOPIC, DeadLetter, WRITER_GROUP},
        writer::{
            backoff::backoff,
            partition::{PartitionEnd, PartitionWriter},
            position::WrittenOffsets,
            record::{Record, RecordContent, origin},
        },
    },
    session::signal::writer_clock::WriterClock,
    store,
};

mod backoff;
mod notify;
mod partition;
mod position;
mod record;

/// How often a partition is tried again that was stopped for what this process does not know or
/// cannot put aside.
const STOPPED: Duration = Duration::from_secs(5);
/// How often Kafka is told how far the log is consumed, for those who watch the group's lag; and
/// how often Postgres and the log are looked at, whether they are still the same.
const LOOK: Duration = Duration::from_millis(500);

/// Writes until `stop`, through whatever restarts.
pub async fn run(app: App, pool: PgPool, stop: CancellationToken) {
    let mut pauses = backoff();
    while !stop.is_cancelled() {
        let started = Instant::now();
        if let Err(error) = follow(&app, &pool, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "the order writer starts again");
        }
        if started.elapsed() > Duration::from_secs(30) {
            pauses = self::backoff();
        }
        let pause = pauses.next().unwrap_or(Duration::from_secs(2));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn follow(app: &App, pool: &PgPool, stop: &CancellationToken) -> anyhow::Result<()> {
    command_log::ensure_topic(&app.kafka, app.command_log.partitions).await?;
    let log = begin(app).await?;
    app.writer_clock.end_all();
    let positions = Positions::default();
    positions.learn(offsets(app).await?);
    let consumer: StreamConsumer<Positions> = app
        .kafka
        .positioned_consumer(WRITER_GROUP, positions.clone())
        .context("making the order writer's consumer")?;
    let topic = app.kafka.name(COMMANDS_TOPIC);
    consumer.subscribe(&[&topic])?;
    tracing::info!(%log, "the order writer is following the log");
    let written_offsets = WrittenOffsets::default();
    let writer = |partition| {
        PartitionWriter::new(
            app.clone(),
            pool.clone(),
            partition,
            log,
            written_offsets.clone(),
            stop.clone(),
        )
    };
    let mut writers = JoinSet::new();
    let followed = tokio::select! {
        () = stop.cancelled() => Ok(()),
        followed = hand_out((&app.writer_clock, &positions), &consumer, &mut writers, writer, (&topic, app.config.writer_batch_max)) => followed,
        changed = watch(app, log, &positions, &consumer, &written_offsets) => changed,
    };
    // Their senders are gone: the lanes write what they have and end.
    while let Some(ended) = writers.join_next().await {
        ended.context("a partition of the order writer")?;
    }
    commit(app, &consumer, &written_offsets.offsets(), CommitMode::Sync)?;
    followed
}

/// Gives each record to its partition's lane, until a lane has to begin anew. A lane that is full
/// holds the others up too, for they share the servers it waits for; one that was stopped holds up
/// nobody. A partition that moved to another writer leaves its lane idle here.
async fn hand_out(
    (writer_clock, positions): (&WriterClock, &Positions),
    consumer: &StreamConsumer<Positions>,
    writers: &mut JoinSet<(i32, PartitionEnd)>,
    writer: impl Fn(i32) -> PartitionWriter,
    (topic, entries_max): (&str, usize),
) -> anyhow::Result<()> {
    let mut senders: HashMap<i32, (mpsc::Sender<Record>, i64)> = HashMap::new();
    let mut stopped: HashMap<i32, Instant> = HashMap::new();
    loop {
        metrics::gauge!("fairgate_writer_stopped_partitions").set(stopped.len() as f64);
        let due = stopped
            .iter()
            .min_by_key(|(_, at)| **at)
            .map(|(partition, at)| (*partition, *at + STOPPED));
        let message = tokio::select! {
            biased;
            Some(ended) = writers.join_next() => match ended.context("a partition of the order \
                writer")? {
                (partition, PartitionEnd::Stopped) => {
                    senders.remove(&partition);
                    stopped.insert(partition, Instant::now());
                    // Else it would be fetched and thrown away over and over.
                    if let Err(error) = consumer.pause(&one(topic, partition)) {
                        tracing::debug!(partition, %error, "pausing a stopped partition");
                    }
                    continue;
                }
                (partition, _) => bail!("partition {partition} is to be read again from where \
                    Postgres is"),
            },
            Some(partition) = until(due) => {
                stopped.remove(&partition);
                writer_clock.end(partition);
                // Where it moved to another writer, it is read no longer.
                let again = consumer.seek(topic, partition, positions.of(partition), Duration::ZERO);
                if let Err(error) = again.and_then(|()| consumer.resume(&one(topic, partition))) {
                    tracing::debug!(partition, %error, "reading a stopped partition again");
                }
                continue;
            }
            message = receive(consumer) => message?,
        };
        let (partition, offset) = (message.partition(), message.offset());
        if stopped.contains_key(&partition) {
            continue;
        }
        let (sender, handed) = senders.entry(partition).or_insert_with(|| {
            let (sender, records) = mpsc::channel(entries_max);
            writers.spawn(writer(partition).run(records));
            (sender, 0)
        });
        // A partition that was away and came back may begin with records that wait in its lane.
        if offset < *handed {
            continue;
        }
        *handed = offset + 1;
        // One that ended is heard of in the next round.
        let sent_at = sent_at(&message);
        let _ = sender.send(Record { offset, sent_at, content: read(&message) }).await;
    }
}

fn one(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    list
}

/// Waits for the partition's moment; `None` at once where there is none.
async fn until(due: Option<(i32, Instant)>) -> Option<i32> {
    let (partition, at) = due?;
    sleep_until(at).await;
    Some(partition)
}

/// Looks whether the log and Postgres are still what they were, until they are not.
async fn watch(
    app: &App,
    log: Uuid,
    positions: &Positions,
    consumer: &StreamConsumer<Positions>,
    written_offsets: &WrittenOffsets,
) -> anyhow::Result<()> {
    let mut committed = Offsets::new();
    loop {
        sleep(LOOK).await;
        let written = written_offsets.offsets();
        if written != committed {
            commit(app, consumer, &written, CommitMode::Async)?;
            committed.clone_from(&written);
        }
        match app.kafka.topic_id(COMMANDS_TOPIC).await {
            Ok(found) if found != Some(log) => bail!("the order log was made anew"),
            Ok(_) => {}
            Err(error) => tracing::debug!(error = format!("{error:#}"), "looking at the order log"),
        }
        match offsets(app).await {
            // Read after what was written, so that it can be less only if Postgres lost it.
            Ok(postgres) => {
                let lost = |(partition, next): (&i32, &i64)| {
                    postgres.get(partition).is_none_or(|known| known < next)
                };
                if let Some((partition, next)) = written.iter().find(|row| lost(*row)) {
                    bail!("Postgres forgot that partition {partition} was written up to {next}");
                }
                positions.learn(postgres);
            }
            Err(error) => tracing::debug!(%error, "looking at how far the order log was written"),
        }
    }
}

pub async fn offsets(app: &App) -> sqlx::Result<Offsets> {
    Ok(store::stock::writer_offsets(&app.pool).await?.into_iter().collect())
}

/// Compares the log with what Postgres knows of it, and gives its id. Where they do not fit, all
/// that there is of the log is written: what was written before is recognised.
async fn begin(app: &App) -> anyhow::Result<Uuid> {
    let log =
        app.kafka.topic_id(COMMANDS_TOPIC).await?.context("the order log is not there yet")?;
    // Read before the ends, which only grow.
    let known = store::writer::log_offsets(&app.pool).await?;
    for (partition, start, end) in command_log::log_bounds(app).await? {
        let Some(row) = known.iter().find(|row| row.partition == partition) else {
            store::writer::first(&app.pool, partition, log, start).await?;
            continue;
        };
        let next = row.next_offset;
        let from = if row.log.is_some_and(|before| before != log) {
            tracing::error!(
                partition,
                next,
                start,
                end,
                "the order log was made anew; it is read from its start"
            );
            start
        } else if next > end {
            tracing::error!(
                partition,
                next,
                start,
                end,
                "the order log lost its end; it is read from its start"
            );
            start
        } else if next < start {
            tracing::error!(
                partition,
                next,
                start,
                "order commands were deleted before they were written"
            );
            start
        } else {
            next
        };
        if from != next || row.log != Some(log) {
            store::writer::begin_at(&app.pool, row, log, from).await?;
        }
    }
    Ok(log)
}

async fn receive(consumer: &StreamConsumer<Positions>) -> anyhow::Result<BorrowedMessage<'_>> {
    loop {
        match consumer.recv().await {
            Ok(message) => return Ok(message),
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                bail!("the order log does not have what is to be read next");
            }
            // librdkafka reconnects by itself; only what it calls fatal needs a new consumer.
            Err(error) if consumer.client().fatal_error().is_none() => {
                tracing::debug!(%error, "reading the order log");
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error).context("reading the order log"),
        }
    }
}

fn sent_at(message: &BorrowedMessage<'_>) -> DateTime<Utc> {
    let ms = message.timestamp().to_millis();
    ms.and_then(DateTime::from_timestamp_millis).unwrap_or_else(Utc::now)
}

fn read(message: &BorrowedMessage<'_>) -> RecordContent {
    let payload = message.payload().unwrap_or_default();
    match command::parse(payload) {
        ParsedCommand::Command(command) => RecordContent::Command(QueuedCommand {
            command: *command,
            request_id: request_id(message).0,
        }),
        ParsedCommand::Unknown(kind) => RecordContent::Unknown(kind),
        ParsedCommand::Unreadable => RecordContent::Dead(DeadLetter {
            key: message.key().unwrap_or_default().to_vec(),
            payload: payload.to_vec(),
            request: request_id(message),
            origin: origin(message.partition(), message.offset()),
        }),
    }
}

fn commit(
    app: &App,
    consumer: &StreamConsumer<Positions>,
    written: &Offsets,
    mode: CommitMode,
) -> anyhow::Result<()> {
    if written.is_empty() {
        return Ok(());
    }
    let (topic, mut offsets) = (app.kafka.name(COMMANDS_TOPIC), TopicPartitionList::new());
    for (partition, next_offset) in written {
        offsets.add_partition_offset(&topic, *partition, Offset::Offset(*next_offset))?;
    }
    if let Err(error) = consumer.commit(&offsets, mode) {
        tracing::debug!(%error, "committing the order log's offsets");
    }
    Ok(())
}
