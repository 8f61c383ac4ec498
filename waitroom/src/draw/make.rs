//! Making a draw, step by step: entries close, entropy is fixed, the seed is revealed. Each step is
//! one small write that only the first of several instances makes, and the next one starts from
//! what is written: whoever is killed in between, another goes on.

use std::time::Duration;

use admission::contract::{Cohort, Draw, Entropy, EntropySource, RoomName};
use anyhow::Context;
use kit::{kafka::Kafka, serve::Tasks};
use sqlx::PgPool;

use crate::{
    line::leave::LeftMarks,
    room::{phase::Phase, room_admin::open_drawn},
    store::{self, RoomRow},
};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The draw waits for the roots over its cohort no longer: they come later then.
const ROOTS_PATIENCE_SECS: f64 = 10.0;

/// Starts making the draws of rooms whose time has come.
pub fn start(pool: &PgPool, kafka: &Kafka, marks: &LeftMarks, tasks: &Tasks) {
    let (pool, kafka, marks) = (pool.clone(), kafka.clone(), marks.clone());
    tasks.every("make draws", LOOK_EVERY, move || {
        let (pool, kafka, marks) = (pool.clone(), kafka.clone(), marks.clone());
        async move {
            let mut outcome = Ok(());
            for room in store::draw::rooms_to_draw(&pool).await? {
                let made = make(&pool, &kafka, &marks, &room).await;
                // One that cannot be made keeps no other waiting.
                outcome = outcome.and(made.with_context(|| format!("the draw of {room}")));
            }
            outcome
        }
    });
}

async fn make(
    pool: &PgPool,
    kafka: &Kafka,
    marks: &LeftMarks,
    room: &RoomName,
) -> anyhow::Result<()> {
    let Some(row) = store::room(pool, room).await? else { return Ok(()) };
    let draw = row.draw.as_ref().context("there is no seed")?;
    if draw.frozen.is_none() {
        close_entries(pool, kafka, &row).await?;
    }
    // What takes part is published before anybody can know what comes of it.
    if !store::draw::may_go_on(pool, room, ROOTS_PATIENCE_SECS).await? {
        return Ok(());
    }
    let Some(draw) = drawn(pool, room, draw.entropy_source).await? else { return Ok(()) };
    marks.follow_draw(room, &draw).await?;
    let mut tx = pool.begin().await?;
    // Looked at again under the lock: somebody else may have made it, or closed the room.
    let found = store::room_for_update(&mut tx, room).await?;
    let Some(row) = found.filter(|row| row.phase == Phase::Drawing) else { return Ok(()) };
    store::draw::reveal(&mut tx, room).await?;
    open_drawn(&mut tx, row).await?;
    tx.commit().await.context("making the draw")?;
    tracing::info!(%room, "the draw was made");
    Ok(())
}

/// Where the lanes end now, entries are closed: who joins from here on stands behind.
async fn close_entries(pool: &PgPool, kafka: &Kafka, row: &RoomRow) -> anyhow::Result<()> {
    let ends = kafka.ends(&row.sleep.line.topic(&row.room), row.lanes).await?;
    let cohort = Cohort::of_offsets(&ends).context("these ends are no cohort")?;
    let mut connection = pool.acquire().await?;
    store::draw::freeze(&mut connection, &row.room, &cohort).await?;
    tracing::info!(room = %row.room, entries = cohort.size(), "entries are closed");
    Ok(())
}

/// What the draw will be, once it is fixed what is mixed in: what somebody enters, or a beacon
/// tells, is waited for.
async fn drawn(
    pool: &PgPool,
    room: &RoomName,
    source: EntropySource,
) -> anyhow::Result<Option<Draw>> {
    let mut connection = pool.acquire().await?;
    if source == EntropySource::None {
        store::draw::mix_in(&mut connection, room, &Entropy::None).await?;
    }
    let Some(entropy) = store::draw::entropy(&mut connection, room).await? else { return Ok(None) };
    let row = store::room(pool, room).await?;
    let draw = row.and_then(|row| row.draw).context("the draw is gone")?;
    let frozen = draw.frozen.context("entries are not closed")?;
    Ok(Some(Draw::new(room, frozen.cohort, &draw.seed, &entropy)?))
}
