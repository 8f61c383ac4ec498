//! The order writer: takes commands from the log and writes each partition's part in batches, one transaction a batch.
//!
//! The consumed offset is stored in that transaction, so a batch that comes again is recognised, and two writers that
//! both believe to own a partition cannot both write. Redis and those who wait are told after the commit; if that gets
//! lost, the keeper notices.
//!
//! This file follows the log and hands its records out; [`lane`] writes a partition's, [`tell`] says what was written.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use backon::{BackoffBuilder, ExponentialBuilder};
use kit::kafka::request_id;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
    message::BorrowedMessage,
};
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    commands::{self, COMMANDS_TOPIC, WRITER_GROUP},
    contract::Command,
    decide::Asked,
    store,
};

mod lane;
mod tell;

/// How often Kafka is told how far the log is consumed. What comes again after a restart is recognised.
const COMMIT: Duration = Duration::from_millis(500);

/// A record of the log.
#[derive(Debug, Clone)]
struct Entry {
    offset: i64,
    /// `None` where it could not be read.
    asked: Option<Asked>,
}

/// The next offset of each partition that was written to and not committed to Kafka yet.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<BTreeMap<i32, i64>>>);

impl Done {
    fn note(&self, partition: i32, next_offset: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next_offset);
    }

    fn take(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes until `stop`, through whatever restarts.
pub async fn run(app: App, pool: PgPool, stop: CancellationToken) {
    let mut pauses = pauses();
    while !stop.is_cancelled() {
        let started = Instant::now();
        if let Err(error) = follow(&app, &pool, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "the order writer starts again");
        }
        if started.elapsed() > Duration::from_secs(30) {
            pauses = self::pauses();
        }
        let pause = pauses.next().unwrap_or(Duration::from_secs(2));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .with_jitter()
        .build()
}

async fn follow(app: &App, pool: &PgPool, stop: &CancellationToken) -> anyhow::Result<()> {
    commands::ensure_topic(&app.kafka, app.commands.partitions).await?;
    let consumer: StreamConsumer<DefaultConsumerContext> =
        app.kafka.consumer(WRITER_GROUP, DefaultConsumerContext).context("making the order writer's consumer")?;
    check_log(app).await?;
    consumer.subscribe(&[&app.kafka.name(COMMANDS_TOPIC)])?;
    tracing::info!("the order writer is following the log");
    let (mut lanes, done) = (JoinSet::new(), Done::default());
    let followed = hand_out(app, pool, &consumer, &mut lanes, &done, stop).await;
    // Their senders are gone: the lanes write what they have and end.
    while let Some(ended) = lanes.join_next().await {
        ended.context("a lane of the order writer")?;
    }
    commit(app, &consumer, &done, CommitMode::Sync)?;
    followed
}

/// Gives each record to its partition's lane. A lane that is full holds the others up too, for they share the servers it
/// waits for. A partition that moved to another writer leaves its lane idle here.
async fn hand_out(
    app: &App,
    pool: &PgPool,
    consumer: &StreamConsumer<DefaultConsumerContext>,
    lanes: &mut JoinSet<()>,
    done: &Done,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut senders: HashMap<i32, mpsc::Sender<Entry>> = HashMap::new();
    let mut commits = interval(COMMIT);
    commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (partition, entry) = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = commits.tick() => {
                commit(app, consumer, done, CommitMode::Async)?;
                continue;
            }
            record = receive(consumer) => record?,
        };
        let sender = senders.entry(partition).or_insert_with(|| {
            let (sender, entries) = mpsc::channel(app.config.writer_batch_max);
            lanes.spawn(lane::run(app.clone(), pool.clone(), partition, entries, done.clone(), stop.clone()));
            sender
        });
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            sent = sender.send(entry) => if sent.is_err() { bail!("the lane of partition {partition} ended") },
        }
    }
}

/// Compares the log with what was consumed of it. A log that is shorter was lost or made anew; its new records would
/// otherwise be taken for old ones.
async fn check_log(app: &App) -> anyhow::Result<()> {
    // Read before the ends, which only grow.
    let consumed = store::stock::writer_offsets(&app.pool).await?;
    for (partition, end) in commands::log_ends(app).await? {
        for (_, next) in consumed.iter().filter(|(known, next)| *known == partition && *next > end) {
            tracing::error!(
                partition,
                next,
                end,
                "the order log ends before what was consumed of it; starting from its end"
            );
            store::writer::rewind(&app.pool, partition, *next, end).await?;
        }
    }
    Ok(())
}

async fn receive(consumer: &StreamConsumer<DefaultConsumerContext>) -> anyhow::Result<(i32, Entry)> {
    loop {
        match consumer.recv().await {
            Ok(message) => return Ok((message.partition(), read(&message))),
            // librdkafka reconnects by itself; only what it calls fatal needs a new consumer.
            Err(error) if consumer.client().fatal_error().is_none() => {
                tracing::debug!(%error, "reading the order log");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error).context("reading the order log"),
        }
    }
}

fn read(message: &BorrowedMessage<'_>) -> Entry {
    let payload = message.payload().unwrap_or_default();
    let asked = match serde_json::from_slice::<Command>(payload) {
        Ok(command) => Some(Asked { command, request_id: request_id(message).0 }),
        Err(error) => {
            metrics::counter!("fairgate_writer_poison_total").increment(1);
            // The category only: the payload names the buyer, and serde quotes what it does not like.
            let category = format!("{:?}", error.classify());
            tracing::error!(
                partition = message.partition(),
                offset = message.offset(),
                category,
                "an order command that cannot be read is passed over"
            );
            None
        }
    };
    Entry { offset: message.offset(), asked }
}

fn commit(
    app: &App,
    consumer: &StreamConsumer<DefaultConsumerContext>,
    done: &Done,
    mode: CommitMode,
) -> anyhow::Result<()> {
    let done = done.take();
    if done.is_empty() {
        return Ok(());
    }
    let (topic, mut offsets) = (app.kafka.name(COMMANDS_TOPIC), TopicPartitionList::new());
    for (partition, next_offset) in done {
        offsets.add_partition_offset(&topic, partition, Offset::Offset(next_offset))?;
    }
    // If it fails, the records come again and are recognised.
    if let Err(error) = consumer.commit(&offsets, mode) {
        tracing::debug!(%error, "committing the order log's offsets");
    }
    Ok(())
}
