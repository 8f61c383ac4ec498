//! The relay from an outbox table to its topic: in order, at least once.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::Context;
use futures::future::try_join_all;
use rdkafka::producer::{FutureProducer, FutureRecord, future_producer::DeliveryFuture};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::{
    http::RequestId,
    kafka::{self, Kafka, ProducerBounds},
};

const BATCH_MAX: i64 = 500;
const IDLE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// An event on its way.
#[derive(Debug)]
pub struct Waiting {
    pub id: i64,
    /// The record's key: events of one key keep their order.
    pub key: String,
    pub payload: serde_json::Value,
    /// Of the request that caused it; goes into the record's headers.
    pub request_id: String,
}

/// An outbox table. Its owner writes the SQL.
pub trait Source: Send + Sync + 'static {
    /// Whether this transaction is the one relay, until it ends.
    fn become_relay(tx: &mut PgConnection) -> impl Future<Output = sqlx::Result<bool>> + Send;
    /// The oldest events, at most `limit`, in the order of their ids.
    fn oldest(
        tx: &mut PgConnection,
        limit: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<Waiting>>> + Send;
    /// Forgets events that were acknowledged.
    fn forget(tx: &mut PgConnection, ids: &[i64]) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Where the events go.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    pub name: &'static str,
    pub partitions: i32,
    /// How long Kafka keeps them, in milliseconds.
    pub retention_ms: &'static str,
}

/// Relays until `stop`, through whatever restarts.
pub async fn run<S: Source>(pool: PgPool, kafka: Kafka, topic: Topic, stop: CancellationToken) {
    let mut said: Option<Instant> = None;
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = relay::<S>(&pool, &kafka, topic) => outcome,
        };
        if let Err(error) = outcome
            && said.is_none_or(|at| at.elapsed() > SAY_AGAIN)
        {
            said = Some(Instant::now());
            tracing::warn!(
                topic = topic.name,
                error = format!("{error:#}"),
                "events wait to be published"
            );
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn relay<S: Source>(pool: &PgPool, kafka: &Kafka, topic: Topic) -> anyhow::Result<()> {
    kafka
        .ensure_topic(topic.name, topic.partitions, &[("retention.ms", topic.retention_ms)])
        .await?;
    let bounds = ProducerBounds {
        queue_messages_max: 2 * BATCH_MAX as u32,
        delivery_ms_max: 5_000,
        linger_ms: 2,
    };
    let producer = kafka.producer(bounds)?;
    let name = kafka.name(topic.name);
    loop {
        let sent = round::<S>(pool, &producer, &name).await?;
        if sent == 0 {
            tokio::time::sleep(IDLE).await;
        } else {
            metrics::counter!("fairgate_outbox_events_total", "topic" => topic.name)
                .increment(sent as u64);
        }
    }
}

/// Publishes what waits, `BATCH_MAX` events at most, and says how many it was.
async fn round<S: Source>(
    pool: &PgPool,
    producer: &FutureProducer,
    topic: &str,
) -> anyhow::Result<usize> {
    let mut tx = pool.begin().await?;
    // One relay at a time, so that the events of a key keep their order.
    if !S::become_relay(&mut tx).await? {
        return Ok(0);
    }
    let waiting = S::oldest(&mut tx, BATCH_MAX).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    // Queued one after the other, acknowledged together; the producer keeps the order.
    let sent = waiting
        .iter()
        .map(|event| send(producer, topic, event))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for delivery in try_join_all(sent).await.context("the producer was dropped")? {
        delivery.map_err(|(error, _)| error).context("publishing an event")?;
    }
    let ids: Vec<i64> = waiting.iter().map(|event| event.id).collect();
    S::forget(&mut tx, &ids).await?;
    tx.commit().await?;
    Ok(ids.len())
}

fn send(producer: &FutureProducer, topic: &str, event: &Waiting) -> anyhow::Result<DeliveryFuture> {
    let payload = serde_json::to_vec(&event.payload)?;
    let record = FutureRecord::to(topic)
        .key(&event.key)
        .payload(&payload)
        .headers(kafka::headers(&RequestId(event.request_id.clone())));
    producer.send_result(record).map_err(|(error, _)| error).context("queueing an event")
}
