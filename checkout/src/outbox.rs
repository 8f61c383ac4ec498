//! The relay from the outbox to `orders.events`: in order, at least once.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::try_join_all;
use kit::{
    http::RequestId,
    kafka::{Kafka, ProducerBounds},
};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::store::outbox::{self as store, Waiting};

/// The topic of order events, keyed by the order's id.
pub const EVENTS_TOPIC: &str = "orders.events";
const PARTITIONS: i32 = 4;
const RETENTION: &str = "604800000";
const BATCH_MAX: i64 = 500;
const IDLE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// Relays until `stop`, through whatever restarts.
pub async fn run(pool: PgPool, kafka: Kafka, stop: CancellationToken) {
    let mut said: Option<Instant> = None;
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = relay(&pool, &kafka) => outcome,
        };
        if let Err(error) = outcome
            && said.is_none_or(|at| at.elapsed() > SAY_AGAIN)
        {
            said = Some(Instant::now());
            tracing::warn!(error = format!("{error:#}"), "order events wait to be published");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn relay(pool: &PgPool, kafka: &Kafka) -> anyhow::Result<()> {
    kafka.ensure_topic(EVENTS_TOPIC, PARTITIONS, &[("retention.ms", RETENTION)]).await?;
    let bounds = ProducerBounds { queue_messages_max: 2 * BATCH_MAX as u32, delivery_ms_max: 5_000, linger_ms: 2 };
    let producer = kafka.producer(bounds)?;
    let topic = kafka.name(EVENTS_TOPIC);
    loop {
        if round(pool, &producer, &topic).await? == 0 {
            tokio::time::sleep(IDLE).await;
        }
    }
}

/// Publishes what waits, `BATCH_MAX` events at most, and says how many it was.
async fn round(pool: &PgPool, producer: &FutureProducer, topic: &str) -> anyhow::Result<usize> {
    let mut tx = pool.begin().await?;
    // One relay at a time, so that the events of an order keep their order.
    if !store::become_relay(&mut tx).await? {
        return Ok(0);
    }
    let waiting = store::oldest(&mut tx, BATCH_MAX).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    // Queued one after the other, acknowledged together; the producer keeps the order.
    let sent = waiting.iter().map(|event| send(producer, topic, event)).collect::<anyhow::Result<Vec<_>>>()?;
    for delivery in try_join_all(sent).await.context("the producer was dropped")? {
        delivery.map_err(|(error, _)| error).context("publishing an order event")?;
    }
    let ids: Vec<i64> = waiting.iter().map(|event| event.id).collect();
    store::forget(&mut tx, &ids).await?;
    tx.commit().await?;
    metrics::counter!("fairgate_outbox_events_total").increment(ids.len() as u64);
    Ok(ids.len())
}

fn send(
    producer: &FutureProducer,
    topic: &str,
    event: &Waiting,
) -> anyhow::Result<rdkafka::producer::future_producer::DeliveryFuture> {
    let payload = serde_json::to_vec(&event.payload)?;
    let record = FutureRecord::to(topic)
        .key(&event.key)
        .payload(&payload)
        .headers(kit::kafka::headers(&RequestId(event.request_id.clone())));
    producer.send_result(record).map_err(|(error, _)| error).context("queueing an order event")
}
