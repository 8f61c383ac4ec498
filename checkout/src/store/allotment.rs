//! Allotments as they were answered, and the stock they change.

use catalog::contract::{ShowId, TicketTypeId};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::stock::{ShardKey, allotment::AllotmentChange};

/// The last change of a ticket type that was answered.
#[derive(Debug)]
pub struct AllotmentRow {
    pub revision: i64,
    /// Why it was refused, if it was.
    pub refusal: Option<String>,
}

/// Tickets of one shard, under an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardTickets {
    pub key: ShardKey,
    pub epoch: i64,
    pub tickets: i32,
}

pub async fn answered(
    pool: &PgPool,
    ticket_type: TicketTypeId,
) -> sqlx::Result<Option<AllotmentRow>> {
    sqlx::query_as!(
        AllotmentRow,
        "SELECT revision, refusal FROM checkout.allotments WHERE ticket_type = $1",
        ticket_type.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// Notes the answer to a change and locks the type's stock until the transaction ends. `false`
/// where it was answered before, or where not `total` are allotted now: then nothing may be
/// changed.
pub async fn begin(
    tx: &mut PgConnection,
    change: &AllotmentChange,
    total: i32,
    refusal: Option<&str>,
) -> sqlx::Result<bool> {
    super::stock::lock_type(tx, change.ticket_type).await?;
    let noted = note(&mut *tx, change, refusal).await?;
    let sizes = sqlx::query_scalar!(
        "SELECT allotted FROM checkout.stock WHERE ticket_type = $1 ORDER BY shard FOR UPDATE",
        change.ticket_type.uuid()
    )
    .fetch_all(tx)
    .await?;
    Ok(noted && sizes.into_iter().sum::<i32>() == total)
}

/// Notes the answer to a change; `false` where it, or a later one, was answered before.
pub async fn note(
    executor: impl PgExecutor<'_>,
    change: &AllotmentChange,
    refusal: Option<&str>,
) -> sqlx::Result<bool> {
    let noted = sqlx::query!(
        "INSERT INTO checkout.allotments (ticket_type, revision, refusal) VALUES ($1, $2, $3)
         ON CONFLICT (ticket_type) DO UPDATE
             SET revision = excluded.revision, refusal = excluded.refusal, applied_at = now()
             WHERE allotments.revision < excluded.revision",
        change.ticket_type.uuid(),
        change.revision,
        refusal
    )
    .execute(executor)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Adds tickets to shards, `(shard, tickets)`, making those that are not there. Gives what was
/// added under which epoch.
pub async fn add(
    tx: &mut PgConnection,
    show: &ShowId,
    ticket_type: TicketTypeId,
    parts: &[(i32, i32)],
) -> sqlx::Result<Vec<ShardTickets>> {
    let (shards, tickets): (Vec<i32>, Vec<i32>) = parts.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"INSERT INTO checkout.stock AS s (ticket_type, shard, show, allotted)
           SELECT $1, shard, $2, tickets FROM UNNEST($3::int[], $4::int[]) AS new (shard, tickets)
           ON CONFLICT (ticket_type, shard) DO UPDATE SET allotted = s.allotted + excluded.allotted
           RETURNING s.shard, s.epoch"#,
        ticket_type.uuid(),
        &**show,
        &shards,
        &tickets
    )
    .fetch_all(tx)
    .await?;
    let added = |shard: i32| parts.iter().find(|part| part.0 == shard).map_or(0, |part| part.1);
    Ok(rows
        .into_iter()
        .map(|row| ShardTickets {
            key: ShardKey { ticket_type, shard: row.shard },
            epoch: row.epoch,
            tickets: added(row.shard),
        })
        .collect())
}

/// Removes tickets from shards; `false` where one has another epoch, or has them committed.
pub async fn remove(tx: &mut PgConnection, parts: &[ShardTickets]) -> sqlx::Result<bool> {
    let types: Vec<Uuid> = parts.iter().map(|part| part.key.ticket_type.uuid()).collect();
    let shards: Vec<i32> = parts.iter().map(|part| part.key.shard).collect();
    let epochs: Vec<i64> = parts.iter().map(|part| part.epoch).collect();
    let tickets: Vec<i32> = parts.iter().map(|part| part.tickets).collect();
    let done = sqlx::query!(
        "UPDATE checkout.stock s SET allotted = s.allotted - part.tickets
         FROM UNNEST($1::uuid[], $2::int[], $3::bigint[], $4::int[]) AS part (ticket_type, shard, \
         epoch, tickets)
         WHERE s.ticket_type = part.ticket_type AND s.shard = part.shard AND s.epoch = part.epoch
           AND s.committed <= s.allotted - part.tickets",
        &types,
        &shards,
        &epochs,
        &tickets
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == parts.len() as u64)
}
