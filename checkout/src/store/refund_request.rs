//! Refunds that were asked for and that the order writer has not taken up.

use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{order::state::OrderState, store::order::state as state_of};

/// A request and the partition of the writer that owns its order.
#[derive(Debug)]
pub struct RefundRequestRow {
    pub order: Uuid,
    pub home_partition: i32,
    pub request_id: String,
}

/// An order's state, or `None` where it is unknown.
pub async fn state(connection: &mut PgConnection, order: Uuid) -> sqlx::Result<Option<OrderState>> {
    let state = sqlx::query_scalar!("SELECT state FROM checkout.orders WHERE order_id = $1", order)
        .fetch_optional(connection)
        .await?;
    state.as_deref().map(state_of).transpose()
}

/// Adds a request; `false` where there is one.
pub async fn add(
    connection: &mut PgConnection,
    order: Uuid,
    reason: &str,
    request: &RequestId,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO checkout.refund_requests (order_id, reason, request_id) VALUES ($1, $2, $3) \
            ON CONFLICT DO NOTHING",
        order,
        reason,
        request.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The oldest requests.
pub async fn waiting(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<RefundRequestRow>> {
    sqlx::query_as!(
        RefundRequestRow,
        r#"SELECT r.order_id AS "order", o.home_partition, r.request_id
           FROM checkout.refund_requests r JOIN checkout.orders o USING (order_id) ORDER BY r.requested_at LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await
}
