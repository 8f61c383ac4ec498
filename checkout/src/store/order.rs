//! Orders, read. They are written by the order writer (`store::writer`) and by payments
//! (`store::payment`).

use catalog::contract::{Currency, Money, ShowId};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    hold::HoldId,
    order::{
        Order, OrderId, OrderLine, WriterDecision, buyer::Buyer, reject_reason::RejectReason,
        state::OrderState,
    },
    session::SessionId,
};

/// One order, or `None` where the id is unknown.
pub async fn load(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<Order>> {
    let mut connection = pool.acquire().await?;
    load_with(&mut connection, order).await
}

/// [`load`] within the caller's transaction; takes no lock.
pub async fn load_with(
    connection: &mut PgConnection,
    order: OrderId,
) -> sqlx::Result<Option<Order>> {
    let Some(row) = sqlx::query!(
        r#"SELECT order_id, session, show AS "show: ShowId", state, amount_minor,
                  currency AS "currency: Currency", buyer_name, buyer_email, language,
                  home_partition, placed_at, expires_at, paid_at, payment_intent, payment_url, payment_fault
           FROM checkout.orders WHERE order_id = $1"#,
        order.uuid()
    )
    .fetch_optional(&mut *connection)
    .await?
    else {
        return Ok(None);
    };
    let lines = sqlx::query_as!(
        OrderLine,
        r#"SELECT ticket_type, shard, quantity, unit_price_minor FROM checkout.order_lines
           WHERE order_id = $1 ORDER BY ticket_type, shard"#,
        order.uuid()
    )
    .fetch_all(connection)
    .await?;
    Ok(Some(Order {
        order: row.order_id.into(),
        session: row.session.into(),
        show: row.show,
        state: state(&row.state)?,
        amount: Money::new(row.amount_minor, row.currency),
        buyer: Buyer { name: row.buyer_name, email: row.buyer_email, language: Some(row.language) },
        home_partition: row.home_partition,
        placed_at: row.placed_at,
        expires_at: row.expires_at,
        paid_at: row.paid_at,
        payment_intent: row.payment_intent,
        payment_url: row.payment_url,
        payment_fault: row.payment_fault,
        lines,
    }))
}

/// What a row says and this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("{what} {text} is unknown")]
struct Unknown {
    what: &'static str,
    text: String,
}

fn unknown(what: &'static str, text: &str) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(Unknown { what, text: text.to_owned() }))
}

/// Whether a row says what only a later version knows.
pub fn is_unknown(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(source) if source.is::<Unknown>())
}

/// A state as the database spells it.
pub fn state(text: &str) -> sqlx::Result<OrderState> {
    text.parse().map_err(|_| unknown("order state", text))
}

/// A reason as the database spells it.
pub fn reason(text: &str) -> sqlx::Result<RejectReason> {
    text.parse().map_err(|_| unknown("reason to reject", text))
}

/// What stands in the way of a new order.
#[derive(Debug, PartialEq, Eq)]
pub enum OrderConflict {
    /// This order is there already.
    Own {
        request_hash: Vec<u8>,
    },
    HoldUsed,
    /// Another order of the session is open or paid.
    SessionHasOrder,
    Clear,
}

/// Looks for orders that stand in the way of `order`.
pub async fn standing(
    pool: &PgPool,
    order: OrderId,
    hold: HoldId,
    session: SessionId,
) -> sqlx::Result<OrderConflict> {
    let found = sqlx::query!(
        "SELECT order_id, hold, state, request_hash FROM checkout.orders
         WHERE order_id = $1 OR hold = $2 OR session = $3",
        order.uuid(),
        hold.uuid(),
        session.uuid()
    )
    .fetch_all(pool)
    .await?;
    if let Some(own) = found.iter().find(|row| row.order_id == order.uuid()) {
        return Ok(OrderConflict::Own { request_hash: own.request_hash.clone() });
    }
    if found.iter().any(|row| row.hold == hold.uuid()) {
        return Ok(OrderConflict::HoldUsed);
    }
    for row in &found {
        if state(&row.state)?.keeps_stock() {
            return Ok(OrderConflict::SessionHasOrder);
        }
    }
    Ok(OrderConflict::Clear)
}

/// What the writer decided about an order.
pub async fn decision(pool: &PgPool, order: OrderId) -> sqlx::Result<WriterDecision> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM checkout.orders WHERE order_id = $1) AS "written!",
                  (SELECT reason FROM checkout.refusals WHERE order_id = $1) AS reason"#,
        order.uuid()
    )
    .fetch_one(pool)
    .await?;
    match (row.written, row.reason) {
        (true, _) => Ok(WriterDecision::Written),
        (false, None) => Ok(WriterDecision::Pending),
        (false, Some(reason)) => Ok(WriterDecision::Rejected(self::reason(&reason)?)),
    }
}

/// Those of `orders` that the writer has decided about.
pub async fn decided(pool: &PgPool, orders: &[OrderId]) -> sqlx::Result<Vec<OrderId>> {
    let decided = sqlx::query_scalar!(
        r#"SELECT order_id AS "order_id!" FROM checkout.orders WHERE order_id = ANY($1)
           UNION ALL SELECT order_id FROM checkout.refusals WHERE order_id = ANY($1)"#,
        orders as _
    )
    .fetch_all(pool)
    .await?;
    Ok(decided.into_iter().map(OrderId::from).collect())
}

/// Why an order was rejected, while that is remembered.
pub async fn reject_reason(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<RejectReason>> {
    let reason = sqlx::query_scalar!(
        "SELECT reason FROM checkout.refusals WHERE order_id = $1",
        order.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(reason.and_then(|reason| reason.parse().ok()))
}

/// Forgets an earlier rejection before a new attempt.
pub async fn forget_rejection(pool: &PgPool, order: OrderId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM checkout.refusals WHERE order_id = $1", order.uuid())
        .execute(pool)
        .await?;
    Ok(())
}

/// An unpaid order whose time is over.
#[derive(Debug)]
pub struct OverdueRow {
    pub order_id: OrderId,
    pub expires_at: DateTime<Utc>,
    /// The partition of its writer.
    pub home_partition: i32,
}

/// Unpaid orders whose time is over since `grace_secs`, oldest first, behind one with this expiry
/// and id.
pub async fn overdue(
    pool: &PgPool,
    grace_secs: f64,
    after: (DateTime<Utc>, Uuid),
    limit: i64,
) -> sqlx::Result<Vec<OverdueRow>> {
    sqlx::query_as!(
        OverdueRow,
        "SELECT order_id, expires_at, home_partition FROM checkout.orders
         WHERE state IN ('placed', 'awaiting_payment') AND expires_at < now() - make_interval(secs \
         => $1)
           AND (expires_at, order_id) > ($2, $3)
         ORDER BY expires_at, order_id LIMIT $4",
        grace_secs,
        after.0,
        after.1,
        limit
    )
    .fetch_all(pool)
    .await
}
