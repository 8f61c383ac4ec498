//! The order writer: takes commands from the log in batches and writes each partition's part in one transaction.
//!
//! The consumed offset is stored in that transaction, so a batch that comes again is recognised, and two writers that
//! both believe to own a partition cannot both write. Redis and those who wait are told after the commit; if that gets
//! lost, the keeper notices.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::join_all;
use kit::kafka::request_id;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
    message::BorrowedMessage,
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    commands::{self, COMMANDS_TOPIC, WRITER_GROUP},
    contract::Command,
    decide::{self, Asked, Plan, Settlement},
    shard::{self, Settled},
    stock::ShardKey,
    store,
};

/// How long telling Redis may hold the writer up.
const SETTLE_MAX: Duration = Duration::from_secs(1);
const GAP_LOOKS: usize = 5;
const GAP_PAUSE: Duration = Duration::from_millis(20);

/// A record of the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub offset: i64,
    /// `None` where it could not be read.
    pub asked: Option<Asked>,
}

/// Writes until `stop`, through whatever restarts.
pub async fn run(app: App, stop: CancellationToken) {
    let mut pauses = pauses();
    while !stop.is_cancelled() {
        let started = Instant::now();
        if let Err(error) = follow(&app, &stop).await {
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

async fn follow(app: &App, stop: &CancellationToken) -> anyhow::Result<()> {
    commands::ensure_topic(&app.kafka, app.commands.partitions).await?;
    let consumer: StreamConsumer<DefaultConsumerContext> =
        app.kafka.consumer(WRITER_GROUP, DefaultConsumerContext).context("making the order writer's consumer")?;
    check_log(app).await?;
    consumer.subscribe(&[&app.kafka.name(COMMANDS_TOPIC)])?;
    tracing::info!("the order writer is following the log");
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = collect(&consumer, app.config.writer_batch_max, app.config.writer_linger) => batch?,
        };
        metrics::histogram!("fairgate_writer_batch_records").record(batch.values().map(Vec::len).sum::<usize>() as f64);
        let writing = batch.iter().map(|(partition, entries)| write_through(app, *partition, entries, stop));
        if join_all(writing).await.contains(&false) {
            return Ok(());
        }
        commit(app, &consumer, &batch)?;
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

/// Waits for a record, then takes what else comes within `linger`, `max` records at most.
async fn collect(
    consumer: &StreamConsumer<DefaultConsumerContext>,
    max: usize,
    linger: Duration,
) -> anyhow::Result<BTreeMap<i32, Vec<Entry>>> {
    let mut batch: BTreeMap<i32, Vec<Entry>> = BTreeMap::new();
    let first = receive(consumer).await?;
    batch.entry(first.0).or_default().push(first.1);
    let full = Instant::now() + linger;
    for _ in 1..max {
        match timeout_at(full, receive(consumer)).await {
            Ok(next) => {
                let (partition, entry) = next?;
                batch.entry(partition).or_default().push(entry);
            }
            Err(_) => break,
        }
    }
    Ok(batch)
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
    batch: &BTreeMap<i32, Vec<Entry>>,
) -> anyhow::Result<()> {
    let (topic, mut done) = (app.kafka.name(COMMANDS_TOPIC), TopicPartitionList::new());
    for (partition, entries) in batch {
        if let Some(last) = entries.last() {
            done.add_partition_offset(&topic, *partition, Offset::Offset(last.offset + 1))?;
        }
    }
    // If it fails, the records come again and are recognised.
    if let Err(error) = consumer.commit(&done, CommitMode::Async) {
        tracing::debug!(%error, "committing the order log's offsets");
    }
    Ok(())
}

/// Writes a partition's entries, again and again until it is done; `false` when asked to stop first.
pub(crate) async fn write_through(app: &App, partition: i32, entries: &[Entry], stop: &CancellationToken) -> bool {
    let mut pauses = pauses();
    let mut failing = false;
    loop {
        let started = Instant::now();
        match write(app, partition, entries).await {
            Ok(plan) => {
                metrics::histogram!("fairgate_writer_batch_seconds").record(started.elapsed().as_secs_f64());
                if failing {
                    tracing::info!(partition, "the order writer writes again");
                }
                if let Some(plan) = plan {
                    tell(app, &plan, entries).await;
                }
                return true;
            }
            Err(error) if kit::postgres::is_transient(&error) || is_race(&error) => {
                if !failing {
                    tracing::warn!(partition, %error, "the order writer waits for Postgres");
                }
                failing = true;
                tokio::select! {
                    () = stop.cancelled() => return false,
                    () = tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))) => {}
                }
            }
            Err(error) => return write_singly(app, partition, entries, error, stop).await,
        }
    }
}

/// Whether another writer wrote the same order at this moment, which happens only while the number of partitions is
/// changed. The next attempt sees it.
fn is_race(error: &sqlx::Error) -> bool {
    matches!(kit::postgres::violated_constraint(error), Some("orders_pkey" | "orders_one_per_hold"))
}

/// A batch that Postgres will not have is written record by record, so that only the culprit is passed over.
async fn write_singly(
    app: &App,
    partition: i32,
    entries: &[Entry],
    error: sqlx::Error,
    stop: &CancellationToken,
) -> bool {
    if let [entry] = entries {
        metrics::counter!("fairgate_writer_poison_total").increment(1);
        tracing::error!(partition, offset = entry.offset, %error, "an order command that cannot be written is passed over");
        let passed = Entry { offset: entry.offset, asked: None };
        // Without its command it writes nothing but the offset.
        return entry.asked.is_none() || Box::pin(write_through(app, partition, &[passed], stop)).await;
    }
    tracing::error!(partition, %error, "a batch of order commands is written one by one");
    for entry in entries {
        if !Box::pin(write_through(app, partition, std::slice::from_ref(entry), stop)).await {
            return false;
        }
    }
    true
}

/// One transaction. `None` where all entries were written before.
async fn write(app: &App, partition: i32, entries: &[Entry]) -> sqlx::Result<Option<Plan>> {
    let mut tx = app.pool.begin().await?;
    let (next_offset, now) = store::writer::fence(&mut tx, partition).await?;
    let unseen: Vec<&Entry> = entries.iter().filter(|entry| entry.offset >= next_offset).collect();
    let Some(last) = unseen.last() else { return Ok(None) };
    let asked: Vec<Asked> = unseen.iter().filter_map(|entry| entry.asked.clone()).collect();
    let books = store::writer::books(&mut tx, &asked).await?;
    let plan = decide::decide(&asked, books, now);
    store::writer::write(&mut tx, &plan, partition, now).await?;
    store::writer::advance(&mut tx, partition, last.offset + 1).await?;
    tx.commit().await?;
    for (order, refusal) in &plan.refused {
        tracing::info!(%order, reason = refusal.as_str(), "an order was refused");
        metrics::counter!("fairgate_writer_refusals_total", "reason" => refusal.as_str()).increment(1);
    }
    for (event, request_id) in &plan.events {
        tracing::debug!(order = %event.facts().order, request_id, event = event.name(), "written");
    }
    metrics::counter!("fairgate_writer_orders_total").increment(plan.placed.len() as u64);
    Ok(Some(plan))
}

/// Tells those who wait, and Redis.
async fn tell(app: &App, plan: &Plan, entries: &[Entry]) {
    app.outcomes.tell(entries.iter().filter_map(|entry| entry.asked.as_ref()).map(|asked| match &asked.command {
        Command::Place(place) => place.order,
        Command::Cancel(end) | Command::Expire(end) | Command::Refund(end) => end.order,
    }));
    let settling = join_all(plan.settlements.iter().map(|(shard, settlement)| settle(app, *shard, settlement)));
    if timeout(SETTLE_MAX, settling).await.is_err() {
        tracing::warn!("Redis was not told of a batch in time; the keeper will see to it");
    }
}

async fn settle(app: &App, shard: ShardKey, settlement: &Settlement) {
    for _ in 0..GAP_LOOKS {
        match shard::settle(&app.redis, shard, settlement).await {
            Ok(Settled::Applied | Settled::OtherEpoch) => return,
            // An order across shards was written elsewhere, and its word is on the way.
            Ok(Settled::Gap) => tokio::time::sleep(GAP_PAUSE).await,
            Err(error) => {
                tracing::debug!(%shard, %error, "settling a shard");
                tokio::time::sleep(GAP_PAUSE).await;
            }
        }
    }
    metrics::counter!("fairgate_writer_unsettled_total").increment(1);
    tracing::warn!(%shard, "a shard was not told of a change; the keeper will rebuild it");
}
