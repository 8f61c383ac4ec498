//! The order writer's transaction: the fence, what the batch touches, and the plan written in bulk.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    order::{
        command::{Command, QueuedCommand, SubmitOrder},
        language,
        plan::{BatchPlan, BatchState, ExistingOrder, LockedStock},
        state::OrderState,
    },
    stock::ShardKey,
    store::{
        order::{reason, state},
        outbox,
    },
};

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

/// Forgets refusals nobody will ask for any more.
pub async fn forget_refusals(pool: &PgPool, hours: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM checkout.refusals WHERE refused_at < now() - make_interval(hours => $1)",
        hours
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Reads what the commands touch, locking stock first and then orders, each in sorted order.
pub async fn batch_state(
    tx: &mut PgConnection,
    queued: &[QueuedCommand],
    now: DateTime<Utc>,
) -> sqlx::Result<BatchState> {
    let mut orders = Vec::new();
    let (mut holds, mut sessions, mut shards) = (Vec::new(), Vec::new(), HashSet::new());
    for QueuedCommand { command, .. } in queued {
        match command {
            Command::Submit(submit) => {
                orders.push(submit.order);
                holds.push(submit.hold);
                sessions.push(submit.session);
                shards.extend(submit.lines.iter().map(|line| (line.ticket_type, line.shard)));
            }
            Command::Cancel(end) | Command::Expire(end) | Command::Refund(end) => {
                orders.push(end.order)
            }
        }
    }
    let mut found = BatchState::default();
    // Orders come and go in their partition only, which the fence has locked: which ones there are
    // will not change.
    let known = read_orders(tx, &orders, &holds, &sessions, &mut found).await?;
    let lines = if known.is_empty() { Lines::new() } else { lines_of(tx, &known).await? };
    shards.extend(lines.values().flatten().map(|(key, _)| (key.ticket_type, key.shard)));
    lock_stock(tx, &shards.into_iter().collect::<Vec<_>>(), &mut found).await?;
    if !known.is_empty() {
        lock_orders(tx, &known, lines, &mut found).await?;
    }
    let late: Vec<Uuid> = late_submissions(queued, now).collect();
    if !late.is_empty() {
        let rows = sqlx::query!(
            "SELECT order_id, reason FROM checkout.refusals WHERE order_id = ANY($1)",
            &late
        )
        .fetch_all(tx)
        .await?;
        for row in rows {
            found.refused.insert(row.order_id, reason(&row.reason)?);
        }
    }
    Ok(found)
}

/// Orders whose time to pay is over before they are written.
fn late_submissions(
    queued: &[QueuedCommand],
    now: DateTime<Utc>,
) -> impl Iterator<Item = Uuid> + '_ {
    queued.iter().filter_map(move |queued| match &queued.command {
        Command::Submit(submit) if submit.expires_at <= now => Some(submit.order),
        _ => None,
    })
}

/// Which of `orders` there are. Of the others it notes those that have one of the holds or
/// sessions.
async fn read_orders(
    tx: &mut PgConnection,
    orders: &[Uuid],
    holds: &[Uuid],
    sessions: &[Uuid],
    found: &mut BatchState,
) -> sqlx::Result<Vec<Uuid>> {
    let rows = sqlx::query!(
        r#"SELECT order_id AS "order_id!", hold AS "hold!", session AS "session!", state AS "state!"
           FROM checkout.orders WHERE order_id = ANY($1)
           UNION SELECT order_id, hold, session, state FROM checkout.orders WHERE hold = ANY($2)
           UNION SELECT order_id, hold, session, state FROM checkout.orders WHERE session = ANY($3)"#,
        orders,
        holds,
        sessions
    )
    .fetch_all(tx)
    .await?;
    let queued: HashSet<&Uuid> = orders.iter().collect();
    let mut known = Vec::new();
    for row in rows {
        if queued.contains(&row.order_id) {
            known.push(row.order_id);
            continue;
        }
        found.holds.insert(row.hold);
        if state(&row.state)?.keeps_stock() {
            found.sessions.insert(row.session, row.order_id);
        }
    }
    Ok(known)
}

type Lines = HashMap<Uuid, Vec<(ShardKey, i32)>>;

/// Lines never change, so they can be read before anything is locked.
async fn lines_of(tx: &mut PgConnection, orders: &[Uuid]) -> sqlx::Result<Lines> {
    let rows = sqlx::query!(
        "SELECT order_id, ticket_type, shard, quantity FROM checkout.order_lines WHERE order_id = \
            ANY($1)",
        orders
    )
    .fetch_all(tx)
    .await?;
    let mut lines = Lines::new();
    for row in rows {
        let key = ShardKey { ticket_type: row.ticket_type, shard: row.shard };
        lines.entry(row.order_id).or_default().push((key, row.quantity));
    }
    Ok(lines)
}

async fn lock_stock(
    tx: &mut PgConnection,
    shards: &[(Uuid, i32)],
    found: &mut BatchState,
) -> sqlx::Result<()> {
    let (types, numbers): (Vec<Uuid>, Vec<i32>) = shards.iter().copied().unzip();
    let rows = sqlx::query!(
        "SELECT ticket_type, shard, allotted, committed, epoch, version FROM checkout.stock
         WHERE (ticket_type, shard) IN (SELECT * FROM UNNEST($1::uuid[], $2::int[]))
         ORDER BY ticket_type, shard FOR UPDATE",
        &types,
        &numbers
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let key = ShardKey { ticket_type: row.ticket_type, shard: row.shard };
        let (allotted, committed, epoch, version) =
            (row.allotted, row.committed, row.epoch, row.version);
        found.stock.insert(key, LockedStock { allotted, committed, epoch, version });
    }
    Ok(())
}

async fn lock_orders(
    tx: &mut PgConnection,
    orders: &[Uuid],
    mut lines: Lines,
    found: &mut BatchState,
) -> sqlx::Result<()> {
    let rows = sqlx::query!(
        "SELECT order_id, session, show, hold, state, amount_minor, currency, expires_at FROM \
            checkout.orders
         WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE",
        orders
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let known = ExistingOrder {
            state: state(&row.state)?,
            session: row.session,
            show: row.show,
            amount_minor: row.amount_minor,
            currency: row.currency,
            expires_at: row.expires_at,
            lines: lines.remove(&row.order_id).unwrap_or_default(),
        };
        found.holds.insert(row.hold);
        if known.state.keeps_stock() {
            found.sessions.insert(known.session, row.order_id);
        }
        found.orders.insert(row.order_id, known);
    }
    Ok(())
}

/// Writes a plan.
pub async fn write(
    tx: &mut PgConnection,
    plan: &BatchPlan,
    partition: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    // Before new ones come in: a session may give an order up and submit the next in one batch.
    if !plan.ended.is_empty() {
        let (orders, states): (Vec<Uuid>, Vec<String>) =
            plan.ended.iter().map(|(order, state)| (*order, state.to_string())).unzip();
        sqlx::query!(
            "UPDATE checkout.orders SET state = new.state
             FROM UNNEST($1::uuid[], $2::text[]) AS new (order_id, state) WHERE orders.order_id = \
             new.order_id",
            &orders,
            &states
        )
        .execute(&mut *tx)
        .await?;
    }
    if !plan.placed.is_empty() {
        insert_orders(tx, &plan.placed, partition).await?;
        insert_lines(tx, &plan.placed).await?;
    }
    refund(tx, plan, now).await?;
    if !plan.committed.is_empty() {
        move_stock(tx, plan).await?;
    }
    if !plan.epochs.is_empty() {
        raise_epochs(tx, plan).await?;
    }
    write_refusals(tx, plan, now).await?;
    outbox::add_all(tx, &plan.events).await
}

/// Voids the tickets of refunded orders and notes what is owed for them. An order without a payment
/// owes nothing, and that is done.
async fn refund(tx: &mut PgConnection, plan: &BatchPlan, now: DateTime<Utc>) -> sqlx::Result<()> {
    if !plan.refunded.is_empty() {
        sqlx::query!(
            "UPDATE checkout.tickets SET voided_at = $2 WHERE order_id = ANY($1) AND voided_at IS \
                NULL",
            &plan.refunded,
            now
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO checkout.refunds (order_id, payment_intent, amount_minor, reason, \
                requested_at, done_at)
             SELECT o.order_id, coalesce(o.payment_intent, 'free'), o.amount_minor, \
             coalesce(r.reason, 'asked'),
                    coalesce(r.requested_at, $2), CASE WHEN o.amount_minor = 0 THEN $2 END
             FROM checkout.orders o LEFT JOIN checkout.refund_requests r USING (order_id)
             WHERE o.order_id = ANY($1)
             ON CONFLICT ON CONSTRAINT refunds_pkey
                 DO UPDATE SET amount_minor = excluded.amount_minor, reason = excluded.reason, \
                 done_at = excluded.done_at",
            &plan.refunded,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    if !plan.answered.is_empty() {
        sqlx::query!(
            "DELETE FROM checkout.refund_requests WHERE order_id = ANY($1)",
            &plan.answered
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Writes new orders. One that was refused before and came again is no longer refused.
///
/// Two partitions may insert orders of the same sessions at the same time, and each waits for the
/// other's transaction where a unique index would have both. Those indexes (order, hold, open order
/// of the session) only ever meet within a session, and all insert session by session in the same
/// order, after their stock is locked: so they never wait in a circle.
async fn insert_orders(
    tx: &mut PgConnection,
    placed: &[(SubmitOrder, OrderState)],
    partition: i32,
) -> sqlx::Result<()> {
    let column = |field: fn(&SubmitOrder) -> &str| -> Vec<String> {
        placed.iter().map(|(submit, _)| field(submit).to_owned()).collect()
    };
    let ids = |field: fn(&SubmitOrder) -> Uuid| -> Vec<Uuid> {
        placed.iter().map(|(submit, _)| field(submit)).collect()
    };
    let times = |field: fn(&SubmitOrder) -> DateTime<Utc>| -> Vec<DateTime<Utc>> {
        placed.iter().map(|(submit, _)| field(submit)).collect()
    };
    let states: Vec<String> = placed.iter().map(|(_, state)| state.to_string()).collect();
    let languages: Vec<String> =
        placed.iter().map(|(submit, _)| language::tag(submit.buyer.language.as_deref())).collect();
    let amounts: Vec<i64> = placed.iter().map(|(submit, _)| submit.amount_minor).collect();
    sqlx::query!(
        "WITH placed_after_all AS (DELETE FROM checkout.refusals WHERE order_id = ANY($1::uuid[]))
         INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
         amount_minor, currency,
                                      buyer_name, buyer_email, language, home_partition, \
                                      placed_at, expires_at)
         SELECT order_id, session, show, hold, state, decode(request_hash, 'hex'), amount_minor, \
         currency,
                buyer_name, buyer_email, language, $12, placed_at, expires_at
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], \
         $7::bigint[], $8::text[],
                     $9::text[], $10::text[], $11::timestamptz[], $13::timestamptz[], $14::text[])
              AS new (order_id, session, show, hold, state, request_hash, amount_minor, currency, \
              buyer_name, buyer_email,
                      placed_at, expires_at, language)
         ORDER BY session, order_id",
        &ids(|submit| submit.order),
        &ids(|submit| submit.session),
        &column(|submit| &submit.show),
        &ids(|submit| submit.hold),
        &states,
        &column(|submit| &submit.request_hash),
        &amounts,
        &column(|submit| &submit.currency),
        &column(|submit| &submit.buyer.name),
        &column(|submit| &submit.buyer.email),
        &times(|submit| submit.placed_at),
        partition,
        &times(|submit| submit.expires_at),
        &languages,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_lines(
    tx: &mut PgConnection,
    placed: &[(SubmitOrder, OrderState)],
) -> sqlx::Result<()> {
    let lines: Vec<_> = placed
        .iter()
        .flat_map(|(submit, _)| submit.lines.iter().map(|line| (submit.order, line)))
        .collect();
    let orders: Vec<Uuid> = lines.iter().map(|(order, _)| *order).collect();
    let types: Vec<Uuid> = lines.iter().map(|(_, line)| line.ticket_type).collect();
    let shards: Vec<i32> = lines.iter().map(|(_, line)| line.shard).collect();
    let quantities: Vec<i32> = lines.iter().map(|(_, line)| line.quantity).collect();
    let prices: Vec<i64> = lines.iter().map(|(_, line)| line.unit_price_minor).collect();
    sqlx::query!(
        "INSERT INTO checkout.order_lines (order_id, ticket_type, shard, quantity, unit_price_minor)
         SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::bigint[])",
        &orders,
        &types,
        &shards,
        &quantities,
        &prices
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn move_stock(tx: &mut PgConnection, plan: &BatchPlan) -> sqlx::Result<()> {
    let types: Vec<Uuid> = plan.committed.keys().map(|key| key.ticket_type).collect();
    let shards: Vec<i32> = plan.committed.keys().map(|key| key.shard).collect();
    let committed: Vec<i32> = plan.committed.values().copied().collect();
    sqlx::query!(
        "UPDATE checkout.stock SET committed = new.committed, version = version + 1
         FROM UNNEST($1::uuid[], $2::int[], $3::int[]) AS new (ticket_type, shard, committed)
         WHERE stock.ticket_type = new.ticket_type AND stock.shard = new.shard",
        &types,
        &shards,
        &committed
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Catches up with epochs that were raised before Postgres lost it.
async fn raise_epochs(tx: &mut PgConnection, plan: &BatchPlan) -> sqlx::Result<()> {
    let types: Vec<Uuid> = plan.epochs.keys().map(|key| key.ticket_type).collect();
    let shards: Vec<i32> = plan.epochs.keys().map(|key| key.shard).collect();
    let epochs: Vec<i64> = plan.epochs.values().copied().collect();
    sqlx::query!(
        "UPDATE checkout.stock SET epoch = greatest(epoch, new.raised)
         FROM UNNEST($1::uuid[], $2::int[], $3::bigint[]) AS new (ticket_type, shard, raised)
         WHERE stock.ticket_type = new.ticket_type AND stock.shard = new.shard",
        &types,
        &shards,
        &epochs
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A dead letter may be about an order that is there.
async fn write_refusals(
    tx: &mut PgConnection,
    plan: &BatchPlan,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if plan.refused.is_empty() {
        return Ok(());
    }
    let (orders, reasons): (Vec<Uuid>, Vec<String>) =
        plan.refused.iter().map(|(order, refusal)| (*order, refusal.as_str().to_owned())).unzip();
    sqlx::query!(
        "INSERT INTO checkout.refusals (order_id, reason, refused_at)
         SELECT order_id, reason, $3 FROM UNNEST($1::uuid[], $2::text[]) AS new (order_id, reason)
         WHERE NOT EXISTS (SELECT FROM checkout.orders WHERE orders.order_id = new.order_id)
         ON CONFLICT (order_id) DO UPDATE SET reason = excluded.reason, refused_at = \
         excluded.refused_at",
        &orders,
        &reasons,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
