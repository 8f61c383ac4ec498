//! Money that is owed: what is due to be asked of the provider, and what the provider does not do.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::payment::refund::{FailingRefund, RefundCursor};

/// A payment whose money is to go back.
#[derive(Debug, Clone)]
pub struct OwedRefundRow {
    pub order: Uuid,
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
        owed.order,
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
    after: Option<RefundCursor>,
    limit: i64,
) -> sqlx::Result<Vec<FailingRefund>> {
    let cursor: Option<(DateTime<Utc>, Uuid)> =
        after.map(|cursor| (cursor.requested_at, cursor.order));
    sqlx::query_as!(
        FailingRefund,
        r#"SELECT r.order_id AS "order", o.show, r.payment_intent, r.amount_minor, o.currency, r.reason, r.requested_at,
                  r.attempts, r.next_attempt_at, r.last_fault AS "last_fault!"
           FROM checkout.refunds r JOIN checkout.orders o USING (order_id)
           WHERE r.done_at IS NULL AND r.last_fault IS NOT NULL
             AND ($1::timestamptz IS NULL OR (r.requested_at, r.order_id) > ($1, $2))
           ORDER BY r.requested_at, r.order_id LIMIT $3"#,
        cursor.map(|(requested_at, _)| requested_at),
        cursor.map(|(_, order)| order),
        limit
    )
    .fetch_all(pool)
    .await
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
