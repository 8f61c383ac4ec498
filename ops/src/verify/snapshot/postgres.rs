//! What Postgres has, in one snapshot. The checker's own SQL: it must not share the mistakes of
//! what it checks.

use std::collections::BTreeMap;

use anyhow::Context;
use catalog::contract::ShowId;
use checkout::contract::OrderState;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::rows::{Session, Unsent};
use crate::verify::{
    orders::{Bought, Order, Payment, Refund},
    sessions::Span,
    stock::{Allotment, Shard},
};

/// Unsent events that are looked at; the oldest are the ones that are stuck.
const OUTBOX_ROWS_MAX: i64 = 1000;

pub struct PostgresRows {
    pub shards: Vec<Shard>,
    pub allotments: Vec<Allotment>,
    /// Good ones.
    pub tickets: BTreeMap<Uuid, i64>,
    pub codes: Vec<String>,
    pub orders: Vec<Order>,
    pub bought: Vec<Bought>,
    pub payments: Vec<Payment>,
    pub sessions: Vec<Session>,
    pub rooms: Vec<RoomRow>,
    /// Partition and next offset.
    pub writer_offsets: Vec<(i32, i64)>,
    pub outbox: Vec<Unsent>,
}

#[derive(FromRow)]
pub struct RoomRow {
    pub room: String,
    pub lanes: i32,
    pub is_open: bool,
    /// It has no line now.
    pub asleep: bool,
    /// How often it woke, and where each lane of its line begins.
    pub waking: i32,
    pub bases: Option<Vec<i64>>,
    /// When the records of its earlier lines were taken, by lane, from 0.
    #[sqlx(skip)]
    pub sealed: BTreeMap<i32, Vec<i64>>,
    /// Where each lane ended when its draw was made.
    pub cohort: Option<Vec<i64>>,
    /// Where its draw froze them, and whether that was made.
    pub frozen: Option<Vec<i64>>,
    pub is_made: bool,
}

pub async fn read(pool: &PgPool, scope: Option<&ShowId>) -> anyhow::Result<PostgresRows> {
    let mut tx = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *tx)
        .await?;
    sqlx::query("SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
    let rows = PostgresRows {
        shards: shards(&mut tx, scope).await?,
        allotments: allotments(&mut tx, scope).await?,
        tickets: tickets(&mut tx, scope).await?,
        codes: sqlx::query_scalar(
            "SELECT code FROM checkout.tickets WHERE $1::text IS NULL OR show = $1",
        )
        .bind(scope)
        .fetch_all(&mut *tx)
        .await?,
        orders: orders(&mut tx, scope).await?,
        bought: bought(&mut tx, scope).await?,
        payments: payments(&mut tx, scope).await?,
        sessions: sessions(&mut tx, scope).await?,
        rooms: sqlx::query_as(
            "SELECT room, r.lanes, phase <> 'closed' AS is_open, asleep, r.waking, r.bases, cohort,
                    ends AS frozen,
                    drawn_at IS NOT NULL AS is_made
             FROM waitroom.rooms r LEFT JOIN admission.gates USING (room)
                 LEFT JOIN waitroom.draws USING (room)
             WHERE $1::text IS NULL OR show = $1 ORDER BY room",
        )
        .bind(scope)
        .fetch_all(&mut *tx)
        .await?,
        writer_offsets: sqlx::query_as(
            "SELECT partition, next_offset FROM checkout.writer_offsets ORDER BY partition",
        )
        .fetch_all(&mut *tx)
        .await?,
        outbox: sqlx::query_as::<_, (i64, String)>(
            "SELECT id, key FROM checkout.outbox ORDER BY id LIMIT $1",
        )
        .bind(OUTBOX_ROWS_MAX)
        .fetch_all(&mut *tx)
        .await?
        .into_iter()
        .map(|(outbox_id, key)| Unsent { outbox_id, key })
        .collect(),
    };
    let mut rows = rows;
    for room in &mut rows.rooms {
        room.sealed = sealed(&mut tx, &room.room).await?;
    }
    tx.rollback().await?;
    Ok(rows)
}

/// When the records of a room's earlier lines were taken: 24 bytes a record, of which the first
/// eight say so.
pub async fn sealed(tx: &mut PgConnection, room: &str) -> anyhow::Result<BTreeMap<i32, Vec<i64>>> {
    let rows: Vec<(i32, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT lane, first, records FROM waitroom.sealed_records WHERE room = $1
         ORDER BY lane, first",
    )
    .bind(room)
    .fetch_all(tx)
    .await?;
    let mut sealed: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (lane, first, records) in rows {
        let times = sealed.entry(lane).or_default();
        anyhow::ensure!(times.len() as i64 == first, "records of {room}.{lane} are missing");
        let joined = records.chunks_exact(24).filter_map(|record| record.first_chunk::<8>());
        times.extend(joined.map(|ms| i64::from_be_bytes(*ms)));
    }
    Ok(sealed)
}

#[derive(FromRow)]
struct ShardRow {
    show: String,
    ticket_type: Uuid,
    shard: i32,
    allotted: i64,
    committed: i64,
    epoch: i64,
    sold: i64,
    reserved: i64,
}

/// Orders of a shard that has no stock are there with nothing allotted.
async fn shards(tx: &mut PgConnection, scope: Option<&ShowId>) -> anyhow::Result<Vec<Shard>> {
    let rows: Vec<ShardRow> = sqlx::query_as(
        "WITH ordered AS (
             SELECT l.ticket_type, l.shard, min(o.show) AS ordered_show,
                    sum(l.quantity) FILTER (WHERE o.state IN ('paid', 'fulfilled')) AS sold,
                    sum(l.quantity) FILTER (WHERE o.state IN ('placed', 'awaiting_payment')) AS \
                    reserved
             FROM checkout.order_lines l JOIN checkout.orders o USING (order_id) GROUP BY 1, 2)
         SELECT coalesce(s.show, ordered_show) AS show, ticket_type, shard, coalesce(s.allotted, \
         0)::bigint AS allotted,
                coalesce(s.committed, 0)::bigint AS committed, coalesce(s.epoch, 0) AS epoch,
                coalesce(sold, 0)::bigint AS sold, coalesce(reserved, 0)::bigint AS reserved
         FROM checkout.stock s FULL JOIN ordered USING (ticket_type, shard)
         WHERE $1::text IS NULL OR coalesce(s.show, ordered_show) = $1 ORDER BY 2, 3",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Shard {
            show: row.show,
            ticket_type: row.ticket_type,
            shard: row.shard,
            allotted: row.allotted,
            committed: row.committed,
            epoch: row.epoch,
            sold: row.sold,
            reserved: row.reserved,
            redis: None,
        })
        .collect())
}

/// Allotments of which no change waits for its answer. Drafts are not on sale.
async fn allotments(
    tx: &mut PgConnection,
    scope: Option<&ShowId>,
) -> anyhow::Result<Vec<Allotment>> {
    let rows: Vec<(String, Uuid, i64, i64)> = sqlx::query_as(
        "SELECT t.show, a.ticket_type, a.allotted::bigint, coalesce(sum(s.allotted), 0)::bigint
         FROM catalog.allotments a
         JOIN catalog.ticket_types t USING (ticket_type)
         LEFT JOIN checkout.stock s USING (ticket_type)
         WHERE a.wanted IS NULL AND a.revision > 0 AND ($1::text IS NULL OR t.show = $1)
         GROUP BY t.show, a.ticket_type, a.allotted ORDER BY 2",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    let allotment =
        |(show, ticket_type, allotted, stocked)| Allotment { show, ticket_type, allotted, stocked };
    Ok(rows.into_iter().map(allotment).collect())
}

async fn tickets(
    tx: &mut PgConnection,
    scope: Option<&ShowId>,
) -> anyhow::Result<BTreeMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT ticket_type, count(*) FROM checkout.tickets
         WHERE voided_at IS NULL AND ($1::text IS NULL OR show = $1) GROUP BY 1",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}

#[derive(FromRow)]
struct OrderRow {
    order_id: Uuid,
    session: Uuid,
    hold: Uuid,
    beside_another: bool,
    state: String,
    is_paid: bool,
    payment_intent: Option<String>,
}

#[derive(FromRow)]
struct RefundRow {
    order_id: Uuid,
    payment_intent: String,
    is_done: bool,
    provider_was_paid: Option<bool>,
}

async fn orders(tx: &mut PgConnection, scope: Option<&ShowId>) -> anyhow::Result<Vec<Order>> {
    let rows: Vec<OrderRow> = sqlx::query_as(
        "SELECT o.order_id, o.session, o.hold, o.beside_another, o.state, o.paid_at IS NOT NULL AS \
            is_paid,
                o.payment_intent
         FROM checkout.orders o
         WHERE $1::text IS NULL OR o.show = $1",
    )
    .bind(scope)
    .fetch_all(&mut *tx)
    .await?;
    let mut refunds = refunds(tx).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Order {
                order: row.order_id,
                session: row.session,
                hold: row.hold,
                beside_another: row.beside_another,
                state: state(&row.state)?,
                is_paid: row.is_paid,
                payment_intent: row.payment_intent,
                refunds: refunds.remove(&row.order_id).unwrap_or_default(),
            })
        })
        .collect()
}

async fn refunds(tx: &mut PgConnection) -> anyhow::Result<BTreeMap<Uuid, Vec<Refund>>> {
    let rows: Vec<RefundRow> = sqlx::query_as(
        "SELECT r.order_id, r.payment_intent, r.done_at IS NOT NULL AS is_done,
                i.state IN ('succeeded', 'refunded') AS provider_was_paid
         FROM checkout.refunds r LEFT JOIN sandbox.intents i ON i.intent = r.payment_intent ORDER \
         BY r.requested_at",
    )
    .fetch_all(tx)
    .await?;
    let mut refunds: BTreeMap<Uuid, Vec<Refund>> = BTreeMap::new();
    for RefundRow { order_id, payment_intent, is_done, provider_was_paid } in rows {
        refunds.entry(order_id).or_default().push(Refund {
            payment_intent,
            is_done,
            provider_was_paid,
        });
    }
    Ok(refunds)
}

fn state(text: &str) -> anyhow::Result<OrderState> {
    text.parse().with_context(|| format!("an order's state is {text}"))
}

/// An order without lines and tickets is there with nothing bought.
async fn bought(tx: &mut PgConnection, scope: Option<&ShowId>) -> anyhow::Result<Vec<Bought>> {
    let rows: Vec<(Uuid, Uuid, i64, i64, i64)> = sqlx::query_as(
        "WITH lines AS (SELECT order_id, ticket_type, sum(quantity) AS quantity FROM \
            checkout.order_lines GROUP BY 1, 2),
              issued AS (SELECT order_id, ticket_type, count(*) FILTER (WHERE voided_at IS NULL) \
              AS tickets,
                                count(*) FILTER (WHERE voided_at IS NOT NULL) AS void
                         FROM checkout.tickets GROUP BY 1, 2)
         SELECT order_id, coalesce(ticket_type, '00000000-0000-0000-0000-000000000000'),
                coalesce(quantity, 0)::bigint, coalesce(tickets, 0), coalesce(void, 0)
         FROM lines FULL JOIN issued USING (order_id, ticket_type) FULL JOIN checkout.orders o \
         USING (order_id)
         WHERE $1::text IS NULL OR o.show = $1",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(order, ticket_type, quantity, tickets, void)| Bought {
            order,
            ticket_type,
            quantity,
            tickets,
            void,
        })
        .collect())
}

/// Payments whose webhooks were all taken: what the provider still has to tell cannot be acted upon
/// yet.
async fn payments(tx: &mut PgConnection, scope: Option<&ShowId>) -> anyhow::Result<Vec<Payment>> {
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT i.intent, i.reference, i.state = 'refunded'
         FROM sandbox.intents i LEFT JOIN checkout.orders o ON o.order_id::text = i.reference
         WHERE i.state IN ('succeeded', 'refunded') AND ($1::text IS NULL OR o.show = $1)
           AND i.intent <> ALL (ARRAY(
               SELECT payload->'data'->>'intent' FROM sandbox.deliveries
               WHERE delivered_at IS NULL AND payload->'data'->>'intent' IS NOT NULL))",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(intent, reference, is_refunded)| Payment { intent, reference, is_refunded })
        .collect())
}

#[derive(FromRow)]
struct SessionRow {
    session: Uuid,
    place: String,
    room: String,
    opened_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    cap: i32,
}

/// All sessions of a show, or of all.
pub async fn sessions(
    tx: &mut PgConnection,
    scope: Option<&ShowId>,
) -> anyhow::Result<Vec<Session>> {
    let rows: Vec<SessionRow> = sqlx::query_as(
        "SELECT session, place, room, opened_at, expires_at, ended_at, cap FROM checkout.sessions
         WHERE $1::text IS NULL OR show = $1",
    )
    .bind(scope)
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Session {
            place: row.place,
            span: Span {
                session: row.session,
                room: row.room,
                opened_ms: row.opened_at.timestamp_millis(),
                expires_ms: row.expires_at.timestamp_millis(),
                ended_ms: row.ended_at.map(|ended_at| ended_at.timestamp_millis()),
                cap: row.cap,
            },
        })
        .collect())
}
