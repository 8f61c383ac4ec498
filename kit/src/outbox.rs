//! The relay from an outbox table to its topic: in order, at least once.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::try_join_all;
use rdkafka::producer::{FutureProducer, FutureRecord, future_producer::DeliveryFuture};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

pub use crate::kafka::Topic;
use crate::{
    http::RequestId,
    kafka::{self, Kafka, ProducerBounds},
};

const BATCH_MAX: i64 = 500;
const IDLE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// An outbox table: events that wait to be published, in the columns `id`, `key`, `payload` and
/// `request_id`. Its owner names it, with its schema.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    table: &'static str,
}

/// An event on its way.
#[derive(Debug, sqlx::FromRow)]
struct Waiting {
    id: i64,
    key: String,
    payload: serde_json::Value,
    request_id: String,
}

impl Outbox {
    pub const fn of(table: &'static str) -> Self {
        Self { table }
    }

    /// Adds events in this order, in the transaction that makes them true. With each its key and
    /// the id of the request that caused it, which goes into its record's headers. Events of one
    /// key keep their order if whoever adds them takes turns, as holders of a lock do: it makes the
    /// order of ids the order of commits.
    ///
    /// # Errors
    /// The database's, and `Encode` for an event that is no JSON.
    pub async fn add<'a, E: Serialize + 'a>(
        &self,
        tx: &mut PgConnection,
        events: impl IntoIterator<Item = (String, &'a E, &'a str)>,
    ) -> sqlx::Result<()> {
        let (mut keys, mut payloads, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        for (key, event, request) in events {
            let payload = serde_json::to_value(event);
            payloads.push(payload.map_err(|error| sqlx::Error::Encode(error.into()))?);
            keys.push(key);
            requests.push(request);
        }
        self.insert(tx, &keys, &payloads, &requests).await
    }

    async fn insert(
        &self,
        tx: &mut PgConnection,
        keys: &[String],
        payloads: &[serde_json::Value],
        requests: &[&str],
    ) -> sqlx::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let insert = format!(
            "INSERT INTO {} (key, payload, request_id)
             SELECT key, payload, request_id
             FROM UNNEST($1::text[], $2::jsonb[], $3::text[])
                 WITH ORDINALITY AS new (key, payload, request_id, number)
             ORDER BY number",
            self.table
        );
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(keys).bind(payloads).bind(requests);
        insert.execute(tx).await.map(drop)
    }

    /// How many events wait.
    ///
    /// # Errors
    /// The database's.
    pub async fn depth(&self, pool: &PgPool) -> sqlx::Result<i64> {
        let count = format!("SELECT count(*) FROM {}", self.table);
        sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(pool).await
    }

    /// Whether this transaction is the one relay of the table, until it ends.
    async fn become_relay(&self, tx: &mut PgConnection) -> sqlx::Result<bool> {
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtext($1))")
            .bind(self.table)
            .fetch_one(tx)
            .await
    }

    /// The oldest events, at most [`BATCH_MAX`], in the order of their ids.
    async fn oldest(&self, tx: &mut PgConnection) -> sqlx::Result<Vec<Waiting>> {
        let select =
            format!("SELECT id, key, payload, request_id FROM {} ORDER BY id LIMIT $1", self.table);
        sqlx::query_as(AssertSqlSafe(select)).bind(BATCH_MAX).fetch_all(tx).await
    }

    /// Forgets events that were acknowledged.
    async fn forget(&self, tx: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
        let delete = format!("DELETE FROM {} WHERE id = ANY($1)", self.table);
        sqlx::query(AssertSqlSafe(delete)).bind(ids).execute(tx).await.map(drop)
    }
}

/// Relays until `stop`, through whatever restarts.
pub async fn run(
    outbox: Outbox,
    pool: PgPool,
    kafka: Kafka,
    topic: Topic,
    stop: CancellationToken,
) {
    let mut said: Option<Instant> = None;
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = relay(outbox, &pool, &kafka, topic) => outcome,
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

async fn relay(outbox: Outbox, pool: &PgPool, kafka: &Kafka, topic: Topic) -> anyhow::Result<()> {
    kafka.ensure(&topic).await?;
    let bounds = ProducerBounds {
        queue_messages_max: 2 * BATCH_MAX as u32,
        delivery_ms_max: 5_000,
        linger_ms: 2,
    };
    let producer = kafka.producer(bounds)?;
    let name = kafka.name(topic.name);
    loop {
        let sent = round(outbox, pool, &producer, &name).await?;
        if sent == 0 {
            tokio::time::sleep(IDLE).await;
        } else {
            metrics::counter!("fairgate_outbox_events_total", "topic" => topic.name)
                .increment(sent as u64);
        }
    }
}

/// Publishes what waits, `BATCH_MAX` events at most, and says how many it was.
async fn round(
    outbox: Outbox,
    pool: &PgPool,
    producer: &FutureProducer,
    topic: &str,
) -> anyhow::Result<usize> {
    let mut tx = pool.begin().await?;
    // One relay at a time, so that the events of a key keep their order.
    if !outbox.become_relay(&mut tx).await? {
        return Ok(0);
    }
    let waiting = outbox.oldest(&mut tx).await?;
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
    outbox.forget(&mut tx, &ids).await?;
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
