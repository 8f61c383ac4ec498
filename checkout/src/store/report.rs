//! What consoles and reports read, across orders, sessions and stock.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    contract::Buyer,
    report::{OrderDetails, OrderQuery, OrderSummary, RefundFacts, SalesQuery, SalesRow, SessionCounts, TicketFacts},
    store::order::state,
};

/// A shard with what its orders come to.
pub struct Counted {
    pub ticket_type: Uuid,
    pub shard: i32,
    pub allotted: i32,
    pub epoch: i64,
    pub sold: i64,
    pub reserved: i64,
}

/// A show's shards, counted at one moment.
pub async fn stock(pool: &PgPool, show: &str) -> sqlx::Result<Vec<Counted>> {
    sqlx::query_as!(
        Counted,
        r#"SELECT s.ticket_type, s.shard, s.allotted, s.epoch,
                  coalesce(sum(l.quantity) FILTER (WHERE o.state IN ('paid', 'fulfilled')), 0)::bigint AS "sold!",
                  coalesce(sum(l.quantity) FILTER (WHERE o.state IN ('placed', 'awaiting_payment')), 0)::bigint
                      AS "reserved!"
           FROM checkout.stock s
           LEFT JOIN checkout.order_lines l ON l.ticket_type = s.ticket_type AND l.shard = s.shard
           LEFT JOIN checkout.orders o ON o.order_id = l.order_id
           WHERE s.show = $1 GROUP BY s.ticket_type, s.shard ORDER BY s.ticket_type, s.shard"#,
        show
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

pub async fn orders(pool: &PgPool, query: &OrderQuery<'_>) -> sqlx::Result<Vec<OrderSummary>> {
    let rows = sqlx::query!(
        r#"SELECT o.order_id, o.show, o.state, o.amount_minor, o.currency, o.buyer_name, o.buyer_email, o.placed_at,
                  o.paid_at, (SELECT coalesce(sum(quantity), 0) FROM checkout.order_lines l
                              WHERE l.order_id = o.order_id)::bigint AS "tickets!"
           FROM checkout.orders o
           WHERE o.show = ANY($1) AND ($2::text IS NULL OR o.state = $2)
             AND ($3::timestamptz IS NULL OR (o.placed_at, o.order_id) < ($3, $4))
           ORDER BY o.placed_at DESC, o.order_id DESC LIMIT $5"#,
        query.shows,
        query.state.map(|state| state.as_str()),
        query.before.map(|(placed_at, _)| placed_at),
        query.before.map(|(_, order)| order),
        query.limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(OrderSummary {
                order: row.order_id,
                show: row.show,
                state: state(&row.state)?,
                amount_minor: row.amount_minor,
                currency: row.currency,
                tickets: row.tickets,
                buyer_name: row.buyer_name,
                buyer_email: row.buyer_email,
                placed_at: row.placed_at,
                paid_at: row.paid_at,
            })
        })
        .collect()
}

pub async fn order(pool: &PgPool, order: Uuid) -> sqlx::Result<Option<OrderDetails>> {
    let Some(row) = sqlx::query!(
        r#"SELECT order_id, show, state, amount_minor, currency, buyer_name, buyer_email, language, placed_at, expires_at,
                  paid_at, EXISTS (SELECT FROM checkout.refund_requests r WHERE r.order_id = o.order_id) AS "requested!"
           FROM checkout.orders o WHERE order_id = $1"#,
        order
    )
    .fetch_optional(pool)
    .await?
    else {
        return Ok(None);
    };
    let lines = sqlx::query!(
        r#"SELECT ticket_type, sum(quantity)::int AS "quantity!", unit_price_minor FROM checkout.order_lines
           WHERE order_id = $1 GROUP BY ticket_type, unit_price_minor ORDER BY ticket_type, unit_price_minor"#,
        order
    )
    .fetch_all(pool)
    .await?;
    let tickets = sqlx::query_as!(
        TicketFacts,
        r#"SELECT code, number, ticket_type, voided_at IS NOT NULL AS "voided!" FROM checkout.tickets
           WHERE order_id = $1 ORDER BY number"#,
        order
    )
    .fetch_all(pool)
    .await?;
    Ok(Some(OrderDetails {
        order: row.order_id,
        show: row.show,
        state: state(&row.state)?,
        amount_minor: row.amount_minor,
        currency: row.currency,
        buyer: Buyer { name: row.buyer_name, email: row.buyer_email, language: Some(row.language.clone()) },
        language: row.language,
        placed_at: row.placed_at,
        expires_at: row.expires_at,
        paid_at: row.paid_at,
        lines: lines.into_iter().map(|line| (line.ticket_type, line.quantity, line.unit_price_minor)).collect(),
        tickets,
        refund: refund(pool, order).await?,
        refund_requested: row.requested,
    }))
}

/// The refund of an order's own payment, or of another one that came for it.
pub async fn refund(pool: &PgPool, order: Uuid) -> sqlx::Result<Option<RefundFacts>> {
    sqlx::query_as!(
        RefundFacts,
        "SELECT r.amount_minor, r.reason, r.requested_at, r.done_at
         FROM checkout.refunds r JOIN checkout.orders o USING (order_id)
         WHERE r.order_id = $1
         ORDER BY (r.payment_intent = o.payment_intent) IS TRUE DESC, r.requested_at DESC LIMIT 1",
        order
    )
    .fetch_optional(pool)
    .await
}

/// Only orders that got tickets were sales: money that came too late bought none.
pub async fn sales(pool: &PgPool, query: &SalesQuery<'_>) -> sqlx::Result<Vec<SalesRow>> {
    sqlx::query_as!(
        SalesRow,
        r#"WITH bought AS (
               SELECT o.order_id, o.show, o.currency, o.state, o.paid_at, o.payment_intent,
                      l.ticket_type, l.quantity::bigint AS quantity, l.quantity * l.unit_price_minor AS amount_minor
               FROM checkout.orders o JOIN checkout.order_lines l USING (order_id)
               WHERE o.show = ANY($1) AND o.state IN ('paid', 'fulfilled', 'refund_pending', 'refunded')
                 AND EXISTS (SELECT FROM checkout.tickets t WHERE t.order_id = o.order_id)
           ), moves AS (
               SELECT paid_at AS at, show, ticket_type, currency, quantity AS tickets, amount_minor,
                      0::bigint AS refunded_tickets, 0::bigint AS refunded_minor
               FROM bought
               UNION ALL
               SELECT coalesce(r.done_at, r.requested_at), b.show, b.ticket_type, b.currency, 0, 0, b.quantity, b.amount_minor
               FROM bought b JOIN checkout.refunds r
                 ON r.order_id = b.order_id AND r.payment_intent = coalesce(b.payment_intent, 'free')
               WHERE b.state IN ('refund_pending', 'refunded')
           )
           SELECT date_trunc($4, at, $5) AS "bucket!: DateTime<Utc>", show AS "show!", ticket_type AS "ticket_type!",
                  currency AS "currency!", sum(tickets)::bigint AS "tickets!", sum(amount_minor)::bigint AS "amount_minor!",
                  sum(refunded_tickets)::bigint AS "refunded_tickets!", sum(refunded_minor)::bigint AS "refunded_minor!"
           FROM moves WHERE at >= $2 AND at < $3
           GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"#,
        query.shows,
        query.from,
        query.to,
        query.bucket.as_str(),
        query.time_zone
    )
    .fetch_all(pool)
    .await
}
