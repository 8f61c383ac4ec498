//! The outbox: events to publish, written in the transaction that made them true.

use kit::{
    http::RequestId,
    outbox::{Source, Waiting},
};
use sqlx::PgConnection;

use crate::event::CatalogEvent;

/// Adds events in this order. Whoever adds must hold the show's lock: it makes the order of ids the
/// order of commits.
pub async fn add(
    tx: &mut PgConnection,
    events: &[CatalogEvent],
    request: &RequestId,
) -> sqlx::Result<()> {
    for event in events {
        let payload =
            serde_json::to_value(event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sqlx::query!(
            "INSERT INTO catalog.outbox (key, payload, request_id) VALUES ($1, $2, $3)",
            event.show(),
            payload,
            request.0
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The table `catalog.outbox`, for the relay.
pub struct Outbox;

impl Source for Outbox {
    async fn become_relay(tx: &mut PgConnection) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock(hashtext('catalog.outbox')) AS "locked!""#
        )
        .fetch_one(tx)
        .await
    }

    async fn oldest(tx: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Waiting>> {
        sqlx::query_as!(
            Waiting,
            "SELECT id, key, payload, request_id FROM catalog.outbox ORDER BY id LIMIT $1",
            limit
        )
        .fetch_all(tx)
        .await
    }

    async fn forget(tx: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
        sqlx::query!("DELETE FROM catalog.outbox WHERE id = ANY($1)", ids).execute(tx).await?;
        Ok(())
    }
}
