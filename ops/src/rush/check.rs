//! After the sale: what Kafka and Postgres hold of it, compared with what the fans were told.

use std::{collections::HashSet, time::Duration};

use admission::contract::{HEADS_TOPIC, HeadsMoved, line_topic};
use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use kit::kafka::{Kafka, ReaderContext};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::KafkaError,
    message::BorrowedMessage,
};
use serde::Serialize;
use sqlx::PgPool;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{measure, shop::Shop, tally::Acked};
use crate::{
    settings::Stores,
    verify::{
        line::{Joined, Published, overtaking_ms_max, steps},
        sessions::{Span, sweep},
    },
};

/// Commands and webhooks that are still on their way get so long to arrive before they count as
/// lost.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
const READ_WITHIN: Duration = Duration::from_secs(30);

/// What was acknowledged to a fan and cannot be found. None of it may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Places that are not in the line, or that two fans were given.
    pub joins: usize,
    /// Orders that were neither written nor refused.
    pub orders: usize,
    /// Payments that neither brought tickets nor go back.
    pub payments: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub admitted: i64,
    pub rate_measured: Option<f64>,
    pub overtaking_ms_max: i64,
    /// Sessions that opened although the room was full.
    pub cap_exceeded: usize,
    pub tickets: i64,
    pub lost: Lost,
}

/// Reads what Kafka and Postgres hold of the sale.
///
/// # Errors
/// Kafka or Postgres away.
pub async fn gather(stores: &Stores, shop: &Shop) -> anyhow::Result<Found> {
    let (sale, acked) = (&shop.sale, shop.tally.all_acked());
    let mut lost = settle(&stores.pool, &acked).await?;
    let joined = joined(&stores.kafka, &sale.room, sale.lanes).await.context("reading the line")?;
    lost.joins = lost_joins(&joined, &acked.joins);
    let published = published(&stores.kafka, &sale.room).await.context("reading the heads")?;
    Ok(Found {
        admitted: measure::admitted(&published),
        rate_measured: measure::busy_rate_per_sec(&joined, &published),
        overtaking_ms_max: overtaking_ms_max(&joined, &steps(&published, true)),
        cap_exceeded: sweep(&spans(&stores.pool, &sale.room).await?).over.len(),
        tickets: tickets(&stores.pool, &sale.show).await?,
        lost,
    })
}

/// Joins that are missing from the line, and places given out more than once.
fn lost_joins(joined: &Joined, acked: &[(i32, i64)]) -> usize {
    let mut seen = HashSet::new();
    let is_there = |lane: i32, offset: i64| {
        usize::try_from(offset)
            .is_ok_and(|offset| joined.get(&lane).is_some_and(|times| offset < times.len()))
    };
    acked
        .iter()
        .filter(|(lane, offset)| !is_there(*lane, *offset) || !seen.insert((*lane, *offset)))
        .count()
}

/// Orders and payments that cannot be found, once what was on its way had time to arrive.
async fn settle(pool: &PgPool, acked: &Acked) -> anyhow::Result<Lost> {
    let end = Instant::now() + SETTLED_WITHIN;
    let (orders, payments): (Vec<Uuid>, Vec<Uuid>) =
        (acked.orders.iter().copied().collect(), acked.payments.iter().copied().collect());
    loop {
        let lost = Lost {
            joins: 0,
            orders: missing(pool, ORDERS, &orders).await?,
            payments: missing(pool, PAYMENTS, &payments).await?,
        };
        if (lost == Lost::default()) || Instant::now() >= end {
            return Ok(lost);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

const ORDERS: &str = "SELECT count(*) FROM unnest($1::uuid[]) AS acked (id)
    WHERE NOT EXISTS (SELECT FROM checkout.orders o WHERE o.order_id = acked.id)
      AND NOT EXISTS (SELECT FROM checkout.refusals r WHERE r.order_id = acked.id)";

const PAYMENTS: &str = "SELECT count(*) FROM unnest($1::uuid[]) AS acked (id)
    WHERE NOT EXISTS (SELECT FROM checkout.orders o WHERE o.order_id = acked.id
                          AND o.state IN ('paid', 'fulfilled', 'refund_pending', 'refunded'))
      AND NOT EXISTS (SELECT FROM checkout.refunds r WHERE r.order_id = acked.id)";

async fn missing(pool: &PgPool, statement: &'static str, ids: &[Uuid]) -> sqlx::Result<usize> {
    let count: i64 = sqlx::query_scalar(statement).bind(ids).fetch_one(pool).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Tickets issued for a show.
pub async fn tickets(pool: &PgPool, show: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM checkout.tickets WHERE show = $1")
        .bind(show)
        .fetch_one(pool)
        .await
}

async fn spans(pool: &PgPool, room: &str) -> sqlx::Result<Vec<Span>> {
    type Row = (Uuid, DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>, i32);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT session, opened_at, expires_at, ended_at, cap FROM \
            checkout.sessions WHERE room = $1",
    )
    .bind(room)
    .fetch_all(pool)
    .await?;
    let span = |(session, opened_at, expires_at, ended_at, cap): Row| Span {
        session,
        room: room.to_owned(),
        opened_ms: opened_at.timestamp_millis(),
        expires_ms: expires_at.timestamp_millis(),
        ended_ms: ended_at.map(|ended_at| ended_at.timestamp_millis()),
        cap,
    };
    Ok(rows.into_iter().map(span).collect())
}

/// When the broker took each join.
async fn joined(kafka: &Kafka, room: &str, lanes: i32) -> anyhow::Result<Joined> {
    let mut joined: Joined = (0..lanes).map(|lane| (lane, Vec::new())).collect();
    read(kafka, &line_topic(room), lanes, |message| {
        // Lines keep everything and have no gaps, so a record's offset is its index.
        let times = joined.entry(message.partition()).or_default();
        if usize::try_from(message.offset()).is_ok_and(|offset| offset == times.len()) {
            times.push(message.timestamp().to_millis().unwrap_or_default());
        }
        Ok(())
    })
    .await?;
    Ok(joined)
}

/// The room's published heads, in the order of publication.
async fn published(kafka: &Kafka, room: &str) -> anyhow::Result<Vec<Published>> {
    let mut published = Vec::new();
    read(kafka, HEADS_TOPIC, 1, |message| {
        let moved: HeadsMoved = serde_json::from_slice(message.payload().unwrap_or_default())?;
        if *moved.room == *room {
            let (at_ms, rate_per_sec) = (moved.at.timestamp_millis(), moved.rate_per_sec);
            published.push(Published {
                record: message.offset(),
                at_ms,
                rate_per_sec,
                heads: moved.heads,
            });
        }
        Ok(())
    })
    .await?;
    Ok(published)
}

/// Reads a whole topic, up to its end as it is met.
async fn read(
    kafka: &Kafka,
    topic: &str,
    partitions: i32,
    mut see: impl FnMut(&BorrowedMessage<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let reader: StreamConsumer<ReaderContext> = kafka.reader()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(&kafka.name(topic), partition, Offset::Beginning)?;
    }
    reader.assign(&list)?;
    let mut ended = HashSet::new();
    while ended.len() < usize::try_from(partitions).unwrap_or_default() {
        let Ok(received) = timeout(READ_WITHIN, reader.recv()).await else {
            bail!("{topic} could not be read to its end")
        };
        match received {
            Ok(message) => see(&message)?,
            Err(KafkaError::PartitionEOF(partition)) => drop(ended.insert(partition)),
            // librdkafka reconnects by itself and goes on where it was.
            Err(error) => tracing::debug!(%error, topic, "reading"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_lost_when_it_is_not_in_the_line_or_somebody_elses() {
        let joined = Joined::from([(0, vec![1, 2]), (1, vec![3])]);
        assert_eq!(lost_joins(&joined, &[(0, 0), (0, 1), (1, 0)]), 0);
        assert_eq!(lost_joins(&joined, &[(0, 2), (2, 0), (1, -1)]), 3);
        assert_eq!(lost_joins(&joined, &[(0, 1), (0, 1)]), 1);
    }
}
