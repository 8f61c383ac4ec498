//! Follows the topic `heads` and the rooms' settings. Waiting depends on nothing else.

use std::{sync::Arc, time::Duration};

use admission::contract::{HEADS_TOPIC, HeadsMoved, ensure_heads_topic};
use anyhow::Context;
use kit::{
    kafka::{Kafka, ReaderContext},
    serve::Tasks,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
    error::KafkaError,
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{room::live::Rooms, store};

/// How many rounds of reading rooms lie between two of reading their shows, which change seldom.
const SHOWS_EVERY_ROUNDS: u32 = 10;
const SETTINGS_EVERY: Duration = Duration::from_millis(300);
/// How often the head documents are written anew; they may be cached for a second anyway.
const DOCUMENTS_EVERY: Duration = Duration::from_millis(250);

/// Starts following. The rooms are ready when they and the heads published before the start were
/// read.
pub fn start(rooms: &Arc<Rooms>, pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    let followed = rooms.clone();
    let mut round = 0u32;
    tasks.every("read rooms", SETTINGS_EVERY, move || {
        let (rooms, pool) = (followed.clone(), pool.clone());
        let every_show = round.is_multiple_of(SHOWS_EVERY_ROUNDS);
        round = round.wrapping_add(1);
        async move {
            let rows = store::rooms(&pool).await?;
            let gates = admission::contract::open_gates(&pool).await?;
            rooms.follow_settings(&rows, &gates);
            let wanted = if every_show {
                rows.into_iter().map(|row| row.show).collect()
            } else {
                rooms.without_show()
            };
            if !wanted.is_empty() {
                rooms.follow_shows(&wanted, catalog::contract::shows(&pool, &wanted).await?);
            }
            Ok(())
        }
    });
    let refreshed = rooms.clone();
    tasks.every("write head documents", DOCUMENTS_EVERY, move || {
        refreshed.refresh_documents();
        std::future::ready(Ok(()))
    });
    let (rooms, stop) = (rooms.clone(), tasks.stop());
    tasks.spawn(async move {
        while !stop.is_cancelled() {
            if let Err(error) = follow_heads(&rooms, &kafka, &stop).await {
                tracing::warn!(error = format!("{error:#}"), "following the heads, will try again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    });
}

async fn follow_heads(
    rooms: &Rooms,
    kafka: &Kafka,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    ensure_heads_topic(kafka).await?;
    let reader: StreamConsumer<ReaderContext> = kafka.reader()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&kafka.name(HEADS_TOPIC), 0, Offset::Beginning)?;
    reader.assign(&list).context("reading the heads")?;
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            received = reader.recv() => received,
        };
        match received {
            Ok(message) => {
                match serde_json::from_slice::<HeadsMoved>(message.payload().unwrap_or_default()) {
                    Ok(moved) => rooms.follow_heads(&moved),
                    Err(error) => {
                        tracing::error!(offset = message.offset(), %error, "a heads record cannot \
                            be read")
                    }
                }
            }
            Err(KafkaError::PartitionEOF(_)) => rooms.caught_up(),
            // librdkafka reconnects by itself and goes on where it was.
            Err(error) => {
                tracing::debug!(%error, "reading heads");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
