//! Stock: read, put on sale, and given a new epoch. It is moved by the order writer
//! (`store::writer`).

use std::collections::HashMap;

use catalog::contract::{ShowId, TicketTypeId};
use sqlx::{PgConnection, PgPool};

use crate::stock::{ShardKey, redis::ShardSnapshot};

/// A row of stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockRow {
    pub ticket_type: TicketTypeId,
    pub shard: i32,
    pub allotted: i32,
    pub committed: i32,
    pub epoch: i64,
    pub version: i64,
}

impl StockRow {
    pub fn key(&self) -> ShardKey {
        ShardKey { ticket_type: self.ticket_type, shard: self.shard }
    }

    /// How many tickets Redis lacks, or below zero has too many; `None` where it has not seen the
    /// same changes, so that the two cannot be compared.
    pub fn missing_from(&self, seen: &ShardSnapshot) -> Option<i64> {
        let same = (seen.epoch, seen.version) == (self.epoch, self.version);
        same.then(|| {
            i64::from(self.allotted)
                - i64::from(self.committed)
                - seen.free
                - seen.held
                - seen.placing
        })
    }
}

/// Inserts shards of these sizes, unless the ticket type has shards already.
pub async fn put(
    pool: &PgPool,
    show: &ShowId,
    ticket_type: TicketTypeId,
    sizes: &[i32],
) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    lock_type(&mut tx, ticket_type).await?;
    sqlx::query!(
        "INSERT INTO checkout.stock (ticket_type, shard, show, allotted)
         SELECT $1, ordinality::int - 1, $2, size FROM UNNEST($3::int[]) WITH ORDINALITY AS cut \
         (size, ordinality)
         WHERE NOT EXISTS (SELECT FROM checkout.stock WHERE ticket_type = $1)",
        ticket_type.uuid(),
        &**show,
        sizes,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Lets nobody else cut the ticket type into shards, or change their sizes, until the transaction
/// ends.
pub async fn lock_type(tx: &mut PgConnection, ticket_type: TicketTypeId) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('checkout.stock ' || $1, 0))",
        ticket_type.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A ticket type's stock, in the order of keys.
pub async fn of_type(pool: &PgPool, ticket_type: TicketTypeId) -> sqlx::Result<Vec<StockRow>> {
    sqlx::query_as!(
        StockRow,
        "SELECT ticket_type, shard, allotted, committed, epoch, version FROM checkout.stock
         WHERE ticket_type = $1 ORDER BY shard",
        ticket_type.uuid()
    )
    .fetch_all(pool)
    .await
}

/// A show's stock, in the order of keys.
pub async fn of_show(pool: &PgPool, show: &ShowId) -> sqlx::Result<Vec<StockRow>> {
    sqlx::query_as!(
        StockRow,
        "SELECT ticket_type, shard, allotted, committed, epoch, version FROM checkout.stock
         WHERE show = $1 ORDER BY ticket_type, shard",
        &**show
    )
    .fetch_all(pool)
    .await
}

/// Rows after `after`, in the order of keys.
pub async fn some_after(pool: &PgPool, after: ShardKey, limit: i64) -> sqlx::Result<Vec<StockRow>> {
    sqlx::query_as!(
        StockRow,
        "SELECT ticket_type, shard, allotted, committed, epoch, version FROM checkout.stock
         WHERE (ticket_type, shard) > ($1, $2) ORDER BY ticket_type, shard LIMIT $3",
        after.ticket_type.uuid(),
        after.shard,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Raises a shard's epoch above what it was and above `seen`, after which commands of earlier ones
/// are refused. `None` where there is no such shard.
pub async fn raise_epoch(
    pool: &PgPool,
    shard: ShardKey,
    seen: i64,
) -> sqlx::Result<Option<StockRow>> {
    sqlx::query_as!(
        StockRow,
        "UPDATE checkout.stock SET epoch = greatest(epoch, $3) + 1 WHERE ticket_type = $1 AND \
            shard = $2
         RETURNING ticket_type, shard, allotted, committed, epoch, version",
        shard.ticket_type.uuid(),
        shard.shard,
        seen
    )
    .fetch_optional(pool)
    .await
}

/// The show that has stock and comes behind `after` by its id; `None` where that was the last.
pub async fn next_show(pool: &PgPool, after: Option<&ShowId>) -> sqlx::Result<Option<ShowId>> {
    sqlx::query_scalar!(
        r#"SELECT show AS "show: ShowId" FROM checkout.stock
           WHERE $1::text IS NULL OR show > $1 ORDER BY show LIMIT 1"#,
        after.map(ShowId::as_str)
    )
    .fetch_optional(pool)
    .await
}

/// Tickets in a show's orders that wait for their payment.
pub async fn unpaid(pool: &PgPool, show: &ShowId) -> sqlx::Result<HashMap<TicketTypeId, i64>> {
    let rows = sqlx::query!(
        r#"SELECT l.ticket_type AS "ticket_type: TicketTypeId", sum(l.quantity) AS "tickets!"
           FROM checkout.orders o JOIN checkout.order_lines l USING (order_id)
           WHERE o.show = $1 AND o.state IN ('placed', 'awaiting_payment')
           GROUP BY l.ticket_type"#,
        &**show
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.ticket_type, row.tickets)).collect())
}

/// How far the writer got, partition by partition.
pub async fn writer_offsets(pool: &PgPool) -> sqlx::Result<Vec<(i32, i64)>> {
    let rows = sqlx::query!("SELECT partition, next_offset FROM checkout.writer_offsets")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|row| (row.partition, row.next_offset)).collect())
}
