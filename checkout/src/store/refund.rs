//! Refunds: asked for and not taken up by the order writer yet, due to be asked of the provider,
//! and what the provider does not do.

use catalog::contract::{Currency, Money, ShowId};
use kit::{http::RequestId, paging::Cursor};
use sqlx::{PgConnection, PgPool};

use crate::{
    order::{OrderId, state::OrderState},
    payment::refund::FailingRefund,
    store::order::state as state_of,
};

/// A payment whose money is to go back.
#[derive(Debug, Clone)]
pub struct OwedRefundRow {
    pub order: OrderId,
    pub intent: String,
    /// How often the provider did not do it.
    pub attempts: i32,
}

/// Payments of which the provider is to be asked now, longest due first.
pub async fn due(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<OwedRefundRow>> {
    sqlx::query_as!(
        OwedRefundRow,
        r#"SELECT order_id AS "order", payment_intent AS intent, attempts FROM checkout.refunds
           WHERE done_at IS NULL AND next_attempt_at <= now() ORDER BY next_attempt_at LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Notes that the provider did not do it, and when it is asked again. Another process that asked at
/// the same time has noted so, or that it is done: then nothing changes.
pub async fn put_off(
    pool: &PgPool,
    owed: &OwedRefundRow,
    secs: f64,
    fault: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.refunds
         SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $4), \
         last_fault = $5
         WHERE order_id = $1 AND payment_intent = $2 AND attempts = $3 AND done_at IS NULL",
        owed.order.uuid(),
        owed.intent,
        owed.attempts,
        secs,
        fault
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Refunds that the provider did not do yet though it was asked, oldest first.
pub async fn failing(
    pool: &PgPool,
    after: Option<Cursor<OrderId>>,
    limit: i64,
) -> sqlx::Result<Vec<FailingRefund>> {
    let rows = sqlx::query!(
        r#"SELECT r.order_id, o.show AS "show: ShowId", r.payment_intent, r.amount_minor,
                  o.currency AS "currency: Currency", r.reason, r.requested_at, r.attempts,
                  r.next_attempt_at, r.last_fault AS "last_fault!"
           FROM checkout.refunds r JOIN checkout.orders o USING (order_id)
           WHERE r.done_at IS NULL AND r.last_fault IS NOT NULL
             AND ($1::timestamptz IS NULL OR (r.requested_at, r.order_id) > ($1, $2))
           ORDER BY r.requested_at, r.order_id LIMIT $3"#,
        after.map(|cursor| cursor.at),
        after.map(|cursor| cursor.id.uuid()),
        limit
    )
    .fetch_all(pool)
    .await?;
    let failing = rows.into_iter().map(|row| FailingRefund {
        order: row.order_id.into(),
        show: row.show,
        payment_intent: row.payment_intent,
        amount: Money::new(row.amount_minor, row.currency),
        reason: row.reason,
        requested_at: row.requested_at,
        attempts: row.attempts,
        next_attempt_at: row.next_attempt_at,
        last_fault: row.last_fault,
    });
    Ok(failing.collect())
}

/// How many refunds are owed: those that were not asked for or not refused yet, and those that the
/// provider did not do.
pub async fn count(pool: &PgPool) -> sqlx::Result<(i64, i64)> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE attempts = 0) AS "waiting!", count(*) FILTER (WHERE attempts > 0) AS "failing!"
           FROM checkout.refunds WHERE done_at IS NULL"#
    )
    .fetch_one(pool)
    .await?;
    Ok((row.waiting, row.failing))
}

/// A request and the partition of the writer that owns its order.
#[derive(Debug)]
pub struct RefundRequestRow {
    pub order: OrderId,
    pub home_partition: i32,
    pub request_id: String,
}

/// An order's state, or `None` where it is unknown.
pub async fn order_state(
    connection: &mut PgConnection,
    order: OrderId,
) -> sqlx::Result<Option<OrderState>> {
    let state =
        sqlx::query_scalar!("SELECT state FROM checkout.orders WHERE order_id = $1", order.uuid())
            .fetch_optional(connection)
            .await?;
    state.as_deref().map(state_of).transpose()
}

/// Adds a request; `false` where there is one.
pub async fn add_request(
    connection: &mut PgConnection,
    order: OrderId,
    reason: &str,
    request: &RequestId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO checkout.refund_requests (order_id, reason, request_id) VALUES ($1, $2, $3) \
            ON CONFLICT DO NOTHING",
        order.uuid(),
        reason,
        request.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The oldest requests.
pub async fn waiting_requests(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<RefundRequestRow>> {
    sqlx::query_as!(
        RefundRequestRow,
        r#"SELECT r.order_id AS "order", o.home_partition, r.request_id
           FROM checkout.refund_requests r JOIN checkout.orders o USING (order_id) ORDER BY r.requested_at LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await
}
