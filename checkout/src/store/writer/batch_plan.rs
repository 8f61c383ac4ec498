//! The plan of a batch, written in bulk.

use chrono::{DateTime, Utc};
use kit::language;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    order::{command::SubmitOrder, plan::BatchPlan, state::OrderState},
    store::outbox,
};

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
            plan.ended.iter().map(|(order, state)| (order.uuid(), state.to_string())).unzip();
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
    write_rejections(tx, plan, now).await?;
    outbox::add_all(tx, &plan.events).await
}

/// Voids the tickets of refunded orders and notes what is owed for them. An order without a payment
/// owes nothing, and that is done.
async fn refund(tx: &mut PgConnection, plan: &BatchPlan, now: DateTime<Utc>) -> sqlx::Result<()> {
    if !plan.refunded.is_empty() {
        sqlx::query!(
            "UPDATE checkout.tickets SET voided_at = $2 WHERE order_id = ANY($1) AND voided_at IS \
                NULL",
            &plan.refunded as _,
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
            &plan.refunded as _,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    if !plan.answered.is_empty() {
        sqlx::query!(
            "DELETE FROM checkout.refund_requests WHERE order_id = ANY($1)",
            &plan.answered as _
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

/// Writes new orders. One that was rejected before and came again is no longer
/// rejected.
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
    let amounts: Vec<i64> = placed.iter().map(|(submit, _)| submit.amount.minor).collect();
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
        &ids(|submit| submit.order.uuid()),
        &ids(|submit| submit.session.uuid()),
        &column(|submit| submit.show.as_str()),
        &ids(|submit| submit.hold.uuid()),
        &states,
        &column(|submit| &submit.request_hash),
        &amounts,
        &column(|submit| submit.amount.currency.as_str()),
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
    let orders: Vec<Uuid> = lines.iter().map(|(order, _)| order.uuid()).collect();
    let types: Vec<Uuid> = lines.iter().map(|(_, line)| line.ticket_type.uuid()).collect();
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
    let types: Vec<Uuid> = plan.committed.keys().map(|key| key.ticket_type.uuid()).collect();
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
    let types: Vec<Uuid> = plan.epochs.keys().map(|key| key.ticket_type.uuid()).collect();
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
async fn write_rejections(
    tx: &mut PgConnection,
    plan: &BatchPlan,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if plan.rejected.is_empty() {
        return Ok(());
    }
    let (orders, reasons): (Vec<Uuid>, Vec<String>) =
        plan.rejected.iter().map(|(order, reason)| (order.uuid(), reason.to_string())).unzip();
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
