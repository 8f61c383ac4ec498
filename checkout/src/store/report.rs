//! What consoles and reports read, across orders, sessions and stock.

use catalog::contract::{Currency, Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    order::{OrderId, buyer::Buyer},
    payment::refund::RefundDetails,
    report::{
        LineDetails, OrderDetails, OrderQuery, OrderSummary, SalesQuery, SalesRow, SessionCounts,
        TicketDetails,
    },
    store::order::state,
};

/// Later than any order.
const END_OF_TIME: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

/// A shard with what its orders come to.
pub struct StockCountRow {
    pub ticket_type: TicketTypeId,
    pub shard: i32,
    pub allotted: i32,
    pub epoch: i64,
    pub sold: i64,
    pub reserved: i64,
}

/// A show's shards, counted at one moment. What is committed and in no unpaid order is sold, so
/// only the unpaid orders are looked at: of those there are as many as fans in checkout, at most.
pub async fn stock(pool: &PgPool, show: &ShowId) -> sqlx::Result<Vec<StockCountRow>> {
    sqlx::query_as!(
        StockCountRow,
        r#"SELECT s.ticket_type, s.shard, s.allotted, s.epoch, s.committed - coalesce(r.reserved, 0) AS "sold!",
                  coalesce(r.reserved, 0) AS "reserved!"
           FROM checkout.stock s
           LEFT JOIN (SELECT l.ticket_type, l.shard, sum(l.quantity) AS reserved
                      FROM checkout.orders o JOIN checkout.order_lines l USING (order_id)
                      WHERE o.show = $1 AND o.state IN ('placed', 'awaiting_payment')
                      GROUP BY l.ticket_type, l.shard) r USING (ticket_type, shard)
           WHERE s.show = $1 ORDER BY s.ticket_type, s.shard"#,
        &**show
    )
    .fetch_all(pool)
    .await
}

pub async fn sessions(pool: &PgPool, room: &str) -> sqlx::Result<SessionCounts> {
    sqlx::query_as!(
        SessionCounts,
        r#"SELECT count(*) AS "opened!", count(*) FILTER (WHERE ended_at IS NULL AND expires_at > now()) AS "active!"
           FROM checkout.sessions WHERE room = $1"#,
        room
    )
    .fetch_one(pool)
    .await
}

/// The newest of each show are read from its index, and the newest of those are given.
pub async fn orders(pool: &PgPool, query: &OrderQuery<'_>) -> sqlx::Result<Vec<OrderSummary>> {
    let (placed_at, order) =
        query.before.map_or((END_OF_TIME, Uuid::max()), |last| (last.at, last.id.uuid()));
    let rows = sqlx::query!(
        r#"SELECT o.order_id, o.show AS "show: ShowId", o.state, o.amount_minor,
                  o.currency AS "currency: Currency", o.buyer_name, o.buyer_email, o.placed_at,
                  o.paid_at, (SELECT coalesce(sum(quantity), 0) FROM checkout.order_lines l
                              WHERE l.order_id = o.order_id)::bigint AS "tickets!"
           FROM (SELECT DISTINCT show FROM UNNEST($1::text[]) AS asked (show)) AS shows
           CROSS JOIN LATERAL (
               SELECT * FROM checkout.orders
               WHERE orders.show = shows.show AND ($2::text IS NULL OR orders.state = $2)
                 AND (orders.placed_at, orders.order_id) < ($3, $4)
               ORDER BY orders.placed_at DESC, orders.order_id DESC LIMIT $5
           ) AS o
           ORDER BY o.placed_at DESC, o.order_id DESC LIMIT $5"#,
        query.shows as _,
        query.state.map(|state| state.to_string()),
        placed_at,
        order,
        query.limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(OrderSummary {
                order: row.order_id.into(),
                show: row.show,
                state: state(&row.state)?,
                amount: Money::new(row.amount_minor, row.currency),
                tickets: row.tickets,
                buyer_name: row.buyer_name,
                buyer_email: row.buyer_email,
                placed_at: row.placed_at,
                paid_at: row.paid_at,
            })
        })
        .collect()
}

pub async fn order(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<OrderDetails>> {
    let Some(row) = sqlx::query!(
        r#"SELECT show AS "show: ShowId", state, amount_minor,
                  currency AS "currency: Currency", buyer_name, buyer_email, language, placed_at, expires_at,
                  paid_at, EXISTS (SELECT FROM checkout.refund_requests r WHERE r.order_id = o.order_id) AS "requested!"
           FROM checkout.orders o WHERE order_id = $1"#,
        order.uuid()
    )
    .fetch_optional(pool)
    .await?
    else {
        return Ok(None);
    };
    let lines = sqlx::query!(
        r#"SELECT ticket_type, sum(quantity)::int AS "quantity!", unit_price_minor FROM checkout.order_lines
           WHERE order_id = $1 GROUP BY ticket_type, unit_price_minor ORDER BY ticket_type, unit_price_minor"#,
        order.uuid()
    )
    .fetch_all(pool)
    .await?;
    let tickets = sqlx::query_as!(
        TicketDetails,
        r#"SELECT code, number, ticket_type, voided_at IS NOT NULL AS "voided!" FROM checkout.tickets
           WHERE order_id = $1 ORDER BY number"#,
        order.uuid()
    )
    .fetch_all(pool)
    .await?;
    Ok(Some(OrderDetails {
        order,
        show: row.show,
        state: state(&row.state)?,
        amount: Money::new(row.amount_minor, row.currency),
        buyer: Buyer {
            name: row.buyer_name,
            email: row.buyer_email,
            language: Some(row.language.clone()),
        },
        language: row.language,
        placed_at: row.placed_at,
        expires_at: row.expires_at,
        paid_at: row.paid_at,
        lines: lines
            .into_iter()
            .map(|line| LineDetails {
                ticket_type: line.ticket_type.into(),
                quantity: line.quantity,
                unit_price: Money::new(line.unit_price_minor, row.currency),
            })
            .collect(),
        tickets,
        refund: refund(pool, order).await?,
        refund_requested: row.requested,
    }))
}

/// The refund of an order's own payment, or of another one that came for it.
pub async fn refund(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<RefundDetails>> {
    let row = sqlx::query!(
        r#"SELECT r.amount_minor, o.currency AS "currency: Currency", r.reason, r.requested_at,
                  r.done_at, r.attempts, r.next_attempt_at, r.last_fault
           FROM checkout.refunds r JOIN checkout.orders o USING (order_id)
           WHERE r.order_id = $1
           ORDER BY (r.payment_intent = o.payment_intent) IS TRUE DESC, r.requested_at DESC LIMIT 1"#,
        order.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| RefundDetails {
        amount: Money::new(row.amount_minor, row.currency),
        reason: row.reason,
        requested_at: row.requested_at,
        done_at: row.done_at,
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at,
        last_fault: row.last_fault,
    }))
}

/// Only orders that got tickets were sales: money that came too late bought none. Each kind of move
/// is found by its own time.
pub async fn sales(pool: &PgPool, query: &SalesQuery<'_>) -> sqlx::Result<Vec<SalesRow>> {
    let rows = sqlx::query!(
        r#"WITH moves AS (
               SELECT o.paid_at AS at, o.order_id, o.show, o.currency, true AS sold
               FROM checkout.orders o
               WHERE o.show = ANY($1) AND o.paid_at >= $2 AND o.paid_at < $3
                 AND o.state IN ('paid', 'fulfilled', 'refund_pending', 'refunded')
               UNION ALL
               SELECT coalesce(r.done_at, r.requested_at), o.order_id, o.show, o.currency, false
               FROM checkout.refunds r JOIN checkout.orders o
                 ON o.order_id = r.order_id AND coalesce(o.payment_intent, 'free') = r.payment_intent
               WHERE coalesce(r.done_at, r.requested_at) >= $2 AND coalesce(r.done_at, r.requested_at) < $3
                 AND o.show = ANY($1) AND o.state IN ('refund_pending', 'refunded')
           )
           SELECT date_trunc($4, m.at, $5) AS "starts_at!: DateTime<Utc>", m.show AS "show!: ShowId",
                  l.ticket_type AS "ticket_type!", m.currency AS "currency!: Currency",
                  coalesce(sum(l.quantity) FILTER (WHERE m.sold), 0)::bigint AS "tickets!",
                  coalesce(sum(l.quantity * l.unit_price_minor) FILTER (WHERE m.sold), 0)::bigint AS "amount_minor!",
                  coalesce(sum(l.quantity) FILTER (WHERE NOT m.sold), 0)::bigint AS "refunded_tickets!",
                  coalesce(sum(l.quantity * l.unit_price_minor) FILTER (WHERE NOT m.sold), 0)::bigint AS "refunded_minor!"
           FROM moves m JOIN checkout.order_lines l USING (order_id)
           WHERE EXISTS (SELECT FROM checkout.tickets t WHERE t.order_id = m.order_id)
           GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"#,
        query.shows as _,
        query.from,
        query.to,
        query.granularity.to_string(),
        query.time_zone
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| SalesRow {
        starts_at: row.starts_at,
        show: row.show,
        ticket_type: row.ticket_type.into(),
        tickets: row.tickets,
        amount: Money::new(row.amount_minor, row.currency),
        refunded_tickets: row.refunded_tickets,
        refunded: Money::new(row.refunded_minor, row.currency),
    });
    Ok(rows.collect())
}
