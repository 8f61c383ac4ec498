//! Payments on orders, refunds, and the webhooks acted upon.

use catalog::contract::{Currency, Money, ShowId};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::{
    order::{OrderId, state::OrderState},
    session::SessionId,
};

/// What paying needs of an order.
#[derive(Debug, Clone)]
pub struct Payable {
    pub order_id: OrderId,
    pub session: SessionId,
    pub show: ShowId,
    pub state: OrderState,
    pub amount: Money,
    pub payment_intent: Option<String>,
}

struct PaymentRow {
    order_id: OrderId,
    session: SessionId,
    show: ShowId,
    state: String,
    amount_minor: i64,
    currency: Currency,
    payment_intent: Option<String>,
}

impl PaymentRow {
    fn payable(self) -> sqlx::Result<Payable> {
        let Self { order_id, session, show, state, amount_minor, currency, payment_intent } = self;
        let state = super::order::state(&state)?;
        let amount = Money::new(amount_minor, currency);
        Ok(Payable { order_id, session, show, state, amount, payment_intent })
    }
}

pub async fn load(pool: &PgPool, order: OrderId) -> sqlx::Result<Option<Payable>> {
    let row = sqlx::query_as!(
        PaymentRow,
        r#"SELECT order_id, session, show AS "show: ShowId", state, amount_minor,
                  currency AS "currency: Currency", payment_intent
           FROM checkout.orders WHERE order_id = $1"#,
        order.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    row.map(PaymentRow::payable).transpose()
}

/// Loads and locks an order until the transaction ends.
pub async fn lock(tx: &mut PgConnection, order: OrderId) -> sqlx::Result<Option<Payable>> {
    let row = sqlx::query_as!(
        PaymentRow,
        r#"SELECT order_id, session, show AS "show: ShowId", state, amount_minor,
                  currency AS "currency: Currency", payment_intent
           FROM checkout.orders WHERE order_id = $1 FOR UPDATE"#,
        order.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(PaymentRow::payable).transpose()
}

/// Notes where an order is paid. Only the first note counts, and only while the order waits for it.
pub async fn started(pool: &PgPool, order: OrderId, intent: &str, url: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.orders SET payment_intent = $2, payment_url = $3, state = \
            'awaiting_payment'
         WHERE order_id = $1 AND state = 'placed' AND payment_intent IS NULL",
        order.uuid(),
        intent,
        url,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Marks a locked order paid and its tickets due. `intent` is absent where there was nothing to
/// pay.
pub async fn fulfil(
    tx: &mut PgConnection,
    order: OrderId,
    intent: Option<&str>,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.orders
         SET state = 'fulfilled', paid_at = $3, payment_intent = coalesce(payment_intent, $2), \
         payment_fault = NULL
         WHERE order_id = $1",
        order.uuid(),
        intent,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes why an attempt failed. An order that is paid or gone keeps its peace.
pub async fn failed(
    tx: &mut PgConnection,
    order: OrderId,
    intent: &str,
    fault: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE checkout.orders SET payment_fault = $3
         WHERE order_id = $1 AND state IN ('placed', 'awaiting_payment') AND \
         coalesce(payment_intent, $2) = $2",
        order.uuid(),
        intent,
        fault,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records money to give back. Says whether it was recorded now; a payment of an order is refunded
/// once.
pub async fn owe(
    tx: &mut PgConnection,
    order: OrderId,
    intent: &str,
    amount_minor: i64,
    reason: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO checkout.refunds (order_id, payment_intent, amount_minor, reason) VALUES ($1, \
            $2, $3, $4)
         ON CONFLICT ON CONSTRAINT refunds_pkey DO NOTHING",
        order.uuid(),
        intent,
        amount_minor,
        reason,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// An order that is gone waits for its money to go back.
pub async fn await_refund(
    tx: &mut PgConnection,
    order: OrderId,
    intent: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.orders
         SET state = 'refund_pending', payment_intent = coalesce(payment_intent, $2), paid_at = $3
         WHERE order_id = $1 AND state IN ('expired', 'cancelled')",
        order.uuid(),
        intent,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What became of a refund that is done.
#[derive(Debug)]
pub enum Returned {
    /// It was noted before, or nobody owed it.
    Known,
    /// The order keeps its state: it was not for this money that it waited.
    Noted,
    /// The order waited for it and is refunded now.
    Order(Payable),
}

/// Notes that the money of a payment went back. Locks the order before its refund, as those do who
/// have news of it.
pub async fn returned(
    tx: &mut PgConnection,
    intent: &str,
    now: DateTime<Utc>,
) -> sqlx::Result<Returned> {
    let order = sqlx::query_scalar!(
        "SELECT order_id FROM checkout.refunds WHERE payment_intent = $1 AND done_at IS NULL",
        intent
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(order) = order else { return Ok(Returned::Known) };
    lock(&mut *tx, order.into()).await?;
    let done = sqlx::query!(
        "UPDATE checkout.refunds SET done_at = $3 WHERE order_id = $1 AND payment_intent = $2 AND \
            done_at IS NULL",
        order,
        intent,
        now,
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(Returned::Known);
    }
    let row = sqlx::query_as!(
        PaymentRow,
        r#"UPDATE checkout.orders SET state = 'refunded'
           WHERE order_id = $1 AND state = 'refund_pending' AND payment_intent = $2
           RETURNING order_id, session, show AS "show: ShowId", state, amount_minor,
                     currency AS "currency: Currency", payment_intent"#,
        order,
        intent,
    )
    .fetch_optional(tx)
    .await?;
    row.map_or(Ok(Returned::Noted), |row| row.payable().map(Returned::Order))
}

/// Notes a webhook; `false` where it was noted before.
pub async fn see(tx: &mut PgConnection, provider: &str, webhook_id: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO checkout.webhooks_seen (provider, webhook_id) VALUES ($1, $2) ON CONFLICT DO \
            NOTHING",
        provider,
        webhook_id,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets webhooks so old that no provider sends them again.
pub async fn forget_webhooks(pool: &PgPool, days: i32) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM checkout.webhooks_seen WHERE seen_at < now() - make_interval(days => $1)",
        days
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// The order that a session has bought or is buying.
pub async fn order_of_session(pool: &PgPool, session: SessionId) -> sqlx::Result<Option<OrderId>> {
    let order = sqlx::query_scalar!(
        "SELECT order_id FROM checkout.orders
         WHERE session = $1 AND state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled')
         ORDER BY placed_at DESC LIMIT 1",
        session.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(order.map(OrderId::from))
}
