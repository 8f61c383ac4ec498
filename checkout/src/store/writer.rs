//! The order writer's transaction: how far it got, and the fence in front of it. What a batch
//! touches is read in [`batch_state`], and its plan written in [`batch_plan`].

use std::ops::Range;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub mod batch_plan;
pub mod batch_state;

/// What the fence says of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Fence {
    /// The partition is this transaction's until it ends, and was written up to `next_offset`
    /// before.
    Open { next_offset: i64, now: DateTime<Utc> },
    /// All of it was written before.
    Written,
    /// It begins beyond what was written, so that something in between would be lost; or it is of
    /// another log.
    Elsewhere { log: Option<Uuid>, next_offset: i64 },
}

/// Locks a partition until the transaction ends and notes that it is done up to the batch's end, if
/// all before the batch is done.
pub async fn fence(
    tx: &mut PgConnection,
    partition: i32,
    log: Uuid,
    batch: Range<i64>,
) -> sqlx::Result<Fence> {
    let moved = sqlx::query!(
        r#"UPDATE checkout.writer_offsets AS mine SET next_offset = $4
           FROM (SELECT partition, next_offset FROM checkout.writer_offsets WHERE partition = $1 AND log = $2 FOR UPDATE)
                AS before
           WHERE mine.partition = before.partition AND before.next_offset >= $3 AND before.next_offset < $4
           RETURNING before.next_offset, now() AS "now!""#,
        partition,
        log,
        batch.start,
        batch.end
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = moved {
        return Ok(Fence::Open { next_offset: row.next_offset, now: row.now });
    }
    let found = sqlx::query!(
        "SELECT log, next_offset FROM checkout.writer_offsets WHERE partition = $1",
        partition
    )
    .fetch_optional(tx)
    .await?;
    let (of, next_offset) = found.map_or((None, 0), |row| (row.log, row.next_offset));
    if of == Some(log) && next_offset >= batch.end {
        return Ok(Fence::Written);
    }
    Ok(Fence::Elsewhere { log: of, next_offset })
}

/// How far a partition was written.
#[derive(Debug)]
pub struct LogOffsetRow {
    pub partition: i32,
    pub next_offset: i64,
    /// The log that the offset is of.
    pub log: Option<Uuid>,
}

/// How far each partition was written, of which log.
pub async fn log_offsets(pool: &PgPool) -> sqlx::Result<Vec<LogOffsetRow>> {
    sqlx::query_as!(LogOffsetRow, "SELECT partition, next_offset, log FROM checkout.writer_offsets")
        .fetch_all(pool)
        .await
}

/// Notes where a partition begins of which nothing was written yet.
pub async fn first(pool: &PgPool, partition: i32, log: Uuid, next_offset: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO checkout.writer_offsets (partition, next_offset, log) VALUES ($1, $2, $3) ON \
            CONFLICT DO NOTHING",
        partition,
        next_offset,
        log
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes where writing goes on in a log, unless another writer has moved on from `before`
/// meanwhile.
pub async fn begin_at(
    pool: &PgPool,
    before: &LogOffsetRow,
    log: Uuid,
    next_offset: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.writer_offsets SET next_offset = $4, log = $5
         WHERE partition = $1 AND next_offset = $2 AND log IS NOT DISTINCT FROM $3",
        before.partition,
        before.next_offset,
        before.log,
        next_offset,
        log
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets rejections nobody will ask for any more.
pub async fn forget_rejections(pool: &PgPool, hours: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM checkout.refusals WHERE refused_at < now() - make_interval(hours => $1)",
        hours
    )
    .execute(pool)
    .await?;
    Ok(())
}
