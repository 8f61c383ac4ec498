//! Rooms that make, open and close themselves: a published show gets a room, which opens when the
//! sale begins and closes when the show is over.
//!
//! An event only says that something changed; times are read from the catalog, for an event may be
//! old or come again, and what a room has done by itself cannot be undone.

use std::time::Duration;

use admission::contract::{EntropySource, LineMethod, RoomName};
use anyhow::Context;
use catalog::contract::{CATALOG_EVENTS, CatalogEvent, Show, ShowId, Stop};
use chrono::{DateTime, Utc};
use kit::{
    kafka::{
        Kafka,
        consumer::{Handler, Record, Subscription, consume},
    },
    serve::Tasks,
};
use rdkafka::error::KafkaError;
use sqlx::{PgPool, Postgres, Transaction};

use crate::{
    room::{
        NewRoom, USUAL_PER_SEC,
        change::{RoomChange, RoomError},
        closing, joins_at,
        phase::Phase,
        room_admin::{change_room_in, create_room, follow_stop},
    },
    store,
};

const GROUP: &str = "waitroom.catalog";
const OPEN_EVERY: Duration = Duration::from_millis(500);
const CLOSE_EVERY: Duration = Duration::from_secs(2);
/// For how long a record is tried with which something is wrong that seems not to pass by itself.
const PATIENCE: Duration = Duration::from_secs(15);
const SUBSCRIPTION: Subscription =
    Subscription { topic: CATALOG_EVENTS, group: GROUP, batch_max: 1 };

/// A room that nobody need notice: it sleeps, and is as fast as checkout can take it. Those who
/// wait for a sale to begin are drawn; where it has begun, whoever comes is let in. Operators make
/// it narrower for a crowd.
fn wide_open(room: RoomName, known: &Show, now: DateTime<Utc>) -> NewRoom {
    let opens_at = known.on_sale_at;
    // A crowd is expected of a show that is marked.
    let draws = known.high_traffic || opens_at > now;
    NewRoom {
        room,
        show: known.show.clone(),
        lanes: 4,
        rate_per_sec: USUAL_PER_SEC,
        max_active: 2000,
        claim_window_secs: 120,
        message: String::new(),
        method: if draws { LineMethod::Draw } else { LineMethod::FirstCome },
        entropy_source: EntropySource::None,
        joins_at: draws.then(|| joins_at(opens_at)),
        opens_at: Some(opens_at),
        sleeps: !known.high_traffic,
    }
}

/// Starts making rooms for published shows, and opening and closing rooms whose time has come.
/// Instances share the work; doing a part of it twice does nothing.
pub fn start(pool: &PgPool, kafka: &Kafka, tasks: &Tasks) {
    let opened = pool.clone();
    tasks.every("open rooms", OPEN_EVERY, move || {
        let pool = opened.clone();
        async move { open_due(&pool).await }
    });
    let closed = pool.clone();
    tasks.every("close rooms", CLOSE_EVERY, move || {
        let pool = closed.clone();
        async move { close_due(&pool).await }
    });
    let followed = Followed { pool: pool.clone(), kafka: kafka.clone() };
    tasks.spawn(consume(kafka.clone(), SUBSCRIPTION, followed, tasks.stop()));
}

async fn open_due(pool: &PgPool) -> anyhow::Result<()> {
    for room in store::rooms_to_join(pool).await? {
        let mut tx = pool.begin().await?;
        if store::may_join(&mut tx, &room).await? {
            go(tx, &room, Phase::PreQueue).await?;
        }
    }
    for room in store::rooms_to_open(pool).await? {
        let mut tx = pool.begin().await?;
        // Looked at again under the lock: its sale may have been moved, or somebody opened it.
        if store::is_due(&mut tx, &room).await? {
            go(tx, &room, Phase::Open).await?;
        }
    }
    Ok(())
}

async fn close_due(pool: &PgPool) -> anyhow::Result<()> {
    for (room, show) in store::rooms_to_close(pool).await? {
        // A show may have been postponed since; of that alone there is no event.
        if let Some(show) = catalog::contract::show(pool, &show).await? {
            let closes_at = closing(show.starts_at);
            if closes_at > Utc::now() {
                store::move_closing(pool, &room, closes_at).await?;
                continue;
            }
        }
        let mut tx = pool.begin().await?;
        if store::is_over(&mut tx, &room).await? {
            go(tx, &room, Phase::Closed).await?;
        }
    }
    Ok(())
}

/// Changes the phase of a room whose time has come.
async fn go(mut tx: Transaction<'_, Postgres>, room: &str, phase: Phase) -> anyhow::Result<()> {
    let change = RoomChange { phase: Some(phase), ..RoomChange::default() };
    match change_room_in(&mut tx, room, &change).await {
        Ok(_) => {
            tx.commit().await?;
            tracing::info!(room, %phase, "changed by itself");
        }
        Err(RoomError::Store(error)) => return Err(error.into()),
        Err(fault) => {
            tracing::error!(room, %phase, %fault, "a room could not change by itself")
        }
    }
    Ok(())
}

/// Makes rooms for the shows that events are about. An event says only that something changed.
struct Followed {
    pool: PgPool,
    kafka: Kafka,
}

impl Handler for Followed {
    type Event = CatalogEvent;

    async fn handle(&self, records: &[Record<CatalogEvent>]) -> anyhow::Result<()> {
        for show in records.iter().filter_map(|record| changed_show(&record.event)) {
            follow_show(&self.pool, &self.kafka, show)
                .await
                .with_context(|| format!("following {show}"))?;
        }
        Ok(())
    }

    /// While a server is away records wait; what is wrong with a show alone keeps the others
    /// waiting for a while only.
    fn patience(&self, error: &anyhow::Error) -> Option<Duration> {
        (!is_away(error)).then_some(PATIENCE)
    }

    fn gave_up(&self, records: &[Record<CatalogEvent>], error: &anyhow::Error) {
        for show in records.iter().filter_map(|record| changed_show(&record.event)) {
            metrics::counter!("fairgate_rooms_not_made_total").increment(1);
            let error = format!("{error:#}");
            tracing::error!(%show, error, "a show gets no room; make one by hand");
        }
    }
}

fn changed_show(event: &CatalogEvent) -> Option<&ShowId> {
    match event {
        CatalogEvent::ShowPublished { show, .. } | CatalogEvent::SaleChanged { show } => Some(show),
        CatalogEvent::AllotmentChanged { .. } => None,
    }
}

/// Whether an error is of a server that comes back.
fn is_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<sqlx::Error>() {
        Some(error) => !kit::postgres::is_for_good(error),
        None => cause.is::<KafkaError>(),
    })
}

/// Makes a published show's room unless it has one; then its times move with the show's, and it
/// stops and goes on with the show's sale. A withdrawn show gets no room.
async fn follow_show(pool: &PgPool, kafka: &Kafka, show: &ShowId) -> anyhow::Result<()> {
    let Some(known) = catalog::contract::show(pool, show).await? else {
        tracing::error!(%show, "was published and is not in the catalog");
        return Ok(());
    };
    let opens_at = known.on_sale_at;
    if let Some(room) = store::room_of_show(pool, show).await? {
        store::move_times(pool, show, opens_at, closing(known.starts_at)).await?;
        return follow_stop(pool, &room).await;
    }
    if catalog::contract::stop(pool, show).await? == Some(Stop::Withdrawn) {
        return Ok(());
    }
    if store::room(pool, show).await?.is_some() {
        tracing::error!(%show, "gets no room: another show's room has its name");
        return Ok(());
    }
    create_room(pool, kafka, &wide_open(show.parse()?, &known, Utc::now())).await?;
    tracing::info!(%show, %opens_at, "made a room for a published show");
    Ok(())
}
