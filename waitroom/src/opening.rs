//! Rooms that make and open themselves: a published show gets a room, and the room opens when the sale begins.

use std::time::Duration;

use anyhow::Context;
use catalog::contract::{CATALOG_TOPIC, CatalogEvent, ensure_catalog_topic};
use chrono::{DateTime, Utc};
use kit::{kafka::Kafka, serve::Tasks};
use rdkafka::{
    Message,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    phase::Phase,
    steer::{NewRoom, RoomChange, RoomFault, change_room_in, create_room},
    store,
};

const GROUP: &str = "waitroom.catalog";
const OPEN_EVERY: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(1);

/// A room that nobody need notice: as fast as checkout can take it. Operators make it narrower for a crowd.
fn wide_open(show: &str, opens_at: DateTime<Utc>) -> NewRoom {
    NewRoom {
        room: show.to_owned(),
        show: show.to_owned(),
        lanes: 4,
        rate_per_sec: 200.0,
        max_active: 2000,
        claim_window_secs: 120,
        message: String::new(),
        opens_at: Some(opens_at),
    }
}

/// Starts making rooms for published shows and opening rooms whose time has come. Instances share the work; doing a part of
/// it twice does nothing.
pub fn start(pool: &PgPool, kafka: &Kafka, tasks: &Tasks) {
    let opened = pool.clone();
    tasks.every("open rooms", OPEN_EVERY, move || {
        let pool = opened.clone();
        async move { open_due(&pool).await }
    });
    let (pool, kafka, stop) = (pool.clone(), kafka.clone(), tasks.stop());
    tasks.spawn(async move {
        while !stop.is_cancelled() {
            if let Err(error) = follow(&pool, &kafka, &stop).await {
                tracing::warn!(error = format!("{error:#}"), "following the catalog, will try again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    });
}

async fn open_due(pool: &PgPool) -> anyhow::Result<()> {
    for room in store::rooms_to_open(pool).await? {
        let mut tx = pool.begin().await?;
        // Looked at again under the lock: its sale may have been moved, or somebody opened it.
        if !store::is_due(&mut tx, &room).await? {
            continue;
        }
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        match change_room_in(&mut tx, &room, &open).await {
            Ok(_) => {
                tx.commit().await?;
                tracing::info!(room, "opened by itself");
            }
            Err(RoomFault::Store(error)) => return Err(error.into()),
            Err(fault) => tracing::error!(room, %fault, "a room could not open by itself"),
        }
    }
    Ok(())
}

/// Follows the catalog until `stop`. A record that could not be dealt with ends it, and comes again at the next try.
async fn follow(pool: &PgPool, kafka: &Kafka, stop: &CancellationToken) -> anyhow::Result<()> {
    ensure_catalog_topic(kafka).await?;
    let consumer: StreamConsumer<DefaultConsumerContext> = kafka.consumer(GROUP, DefaultConsumerContext)?;
    consumer.subscribe(&[&kafka.name(CATALOG_TOPIC)])?;
    loop {
        let received = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            received = consumer.recv() => received,
        };
        let message = match received {
            Ok(message) => message,
            Err(error) if consumer.client().fatal_error().is_none() => {
                // librdkafka reconnects by itself and goes on where it was.
                tracing::debug!(%error, "reading catalog events");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error).context("reading catalog events"),
        };
        match serde_json::from_slice::<CatalogEvent>(message.payload().unwrap_or_default()) {
            Ok(CatalogEvent::ShowPublished { show, on_sale_at }) => {
                make_room(pool, kafka, &show, on_sale_at).await.with_context(|| format!("a room for {show}"))?;
            }
            Ok(CatalogEvent::AllotmentChanged { .. }) => {}
            Err(error) => tracing::error!(offset = message.offset(), %error, "a catalog record cannot be read"),
        }
        consumer.commit_message(&message, CommitMode::Async)?;
    }
}

/// Makes the show's room unless it has one; then its opening moves with the sale.
async fn make_room(pool: &PgPool, kafka: &Kafka, show: &str, on_sale_at: DateTime<Utc>) -> anyhow::Result<()> {
    if store::room_of_show(pool, show).await?.is_some() {
        return Ok(store::move_opening(pool, show, on_sale_at).await?);
    }
    if store::room(pool, show).await?.is_some() {
        tracing::error!(show, "gets no room: another show's room has its name");
        return Ok(());
    }
    create_room(pool, kafka, &wide_open(show, on_sale_at)).await?;
    tracing::info!(show, %on_sale_at, "made a room for a published show");
    Ok(())
}
