//! Links to orders, by the hash of their secret.

use catalog::contract::{Currency, ShowId};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::order::OrderId;

/// What an event tells of an order.
pub struct LinkedOrderRow {
    pub show: ShowId,
    pub amount_minor: i64,
    pub currency: Currency,
}

/// Adds a link; of the same holder's, the newest stay, `max` in all.
pub async fn insert(
    pool: &PgPool,
    order: OrderId,
    secret_hash: &[u8],
    holder: &str,
    max: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH too_many AS (
             DELETE FROM checkout.order_links WHERE secret_hash IN (
                 SELECT secret_hash FROM checkout.order_links
                 WHERE order_id = $1 AND holder = $3 AND revoked_at IS NULL
                 ORDER BY created_at DESC OFFSET $4
             )
         )
         INSERT INTO checkout.order_links (order_id, secret_hash, holder) VALUES ($1, $2, $3)",
        order.uuid(),
        secret_hash,
        holder,
        max - 1
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn is_good(pool: &PgPool, order: OrderId, secret_hash: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM checkout.order_links WHERE secret_hash = $2 AND order_id = $1 AND revoked_at IS NULL
           ) AS "good!""#,
        order.uuid(),
        secret_hash
    )
    .fetch_one(pool)
    .await
}

pub async fn takes_sealed(pool: &PgPool, order: OrderId) -> sqlx::Result<bool> {
    let takes = sqlx::query_scalar!(
        "SELECT sealed_links FROM checkout.orders WHERE order_id = $1",
        order.uuid()
    );
    Ok(takes.fetch_optional(pool).await?.unwrap_or(false))
}

/// From now on no sealed link opens the order. `None` where it is unknown.
pub async fn refuse_sealed(
    tx: &mut PgConnection,
    order: OrderId,
) -> sqlx::Result<Option<LinkedOrderRow>> {
    sqlx::query_as!(
        LinkedOrderRow,
        r#"UPDATE checkout.orders SET sealed_links = false WHERE order_id = $1
           RETURNING show AS "show: ShowId", amount_minor,
                     currency AS "currency: Currency""#,
        order.uuid()
    )
    .fetch_optional(tx)
    .await
}

/// Gives how many were good until now.
pub async fn revoke(tx: &mut PgConnection, order: OrderId) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE checkout.order_links SET revoked_at = now() WHERE order_id = $1 AND revoked_at IS \
            NULL",
        order.uuid()
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// A position among all links, by age.
pub struct LinkCursor {
    pub created_at: DateTime<Utc>,
    pub secret_hash: Vec<u8>,
}

/// Looks at up to `batch` links behind `after` that are older than so many hours, and forgets those
/// whose order does not exist. Gives the last it looked at; `None` where there was none.
pub async fn forget_without_order(
    pool: &PgPool,
    after: &LinkCursor,
    hours: i32,
    batch: i64,
) -> sqlx::Result<Option<LinkCursor>> {
    sqlx::query_as!(
        LinkCursor,
        r#"WITH seen AS (
               SELECT created_at, secret_hash, order_id FROM checkout.order_links
               WHERE (created_at, secret_hash) > ($1, $2) AND created_at < now() - make_interval(hours => $3)
               ORDER BY created_at, secret_hash LIMIT $4
           ), forgotten AS (
               DELETE FROM checkout.order_links WHERE secret_hash IN (
                   SELECT secret_hash FROM seen
                   WHERE NOT EXISTS (SELECT FROM checkout.orders WHERE orders.order_id = seen.order_id)
               )
           )
           SELECT created_at, secret_hash AS "secret_hash!" FROM seen
           ORDER BY created_at DESC, secret_hash DESC LIMIT 1"#,
        after.created_at,
        after.secret_hash,
        hours,
        batch
    )
    .fetch_optional(pool)
    .await
}

/// Forgets up to `batch` links that were revoked so many days ago. Gives how many.
pub async fn forget_revoked(pool: &PgPool, days: i32, batch: i64) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM checkout.order_links WHERE secret_hash IN (
             SELECT secret_hash FROM checkout.order_links
             WHERE revoked_at < now() - make_interval(days => $1) LIMIT $2
         )",
        days,
        batch
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

pub async fn note_renewal(
    tx: &mut PgConnection,
    renewal: Uuid,
    order: OrderId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO checkout.link_renewals (renewal, order_id) VALUES ($1, $2)",
        renewal,
        order.uuid()
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn renewed_order(pool: &PgPool, renewal: Uuid) -> sqlx::Result<Option<OrderId>> {
    let order = sqlx::query_scalar!(
        "SELECT order_id FROM checkout.link_renewals WHERE renewal = $1",
        renewal
    )
    .fetch_optional(pool)
    .await?;
    Ok(order.map(OrderId::from))
}
