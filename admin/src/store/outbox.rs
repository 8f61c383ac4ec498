//! Events of `support.events`, until the relay has published them.

use kit::{
    http::RequestId,
    outbox::{Source, Waiting},
};
use sqlx::PgConnection;

use crate::support::SupportEvent;

/// `admin.outbox`, for the relay.
#[derive(Clone)]
pub struct Outbox;

/// Of all relays on this database, one works at a time.
const RELAY_LOCK: i64 = 0x6661_6972_6164_6d6e;

impl Source for Outbox {
    async fn become_relay(tx: &mut PgConnection) -> sqlx::Result<bool> {
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "mine!""#, RELAY_LOCK)
            .fetch_one(tx)
            .await
    }

    async fn oldest(tx: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Waiting>> {
        sqlx::query_as!(
            Waiting,
            "SELECT id, key, payload, request_id FROM admin.outbox ORDER BY id LIMIT $1",
            limit
        )
        .fetch_all(tx)
        .await
    }

    async fn forget(tx: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
        sqlx::query!("DELETE FROM admin.outbox WHERE id = ANY($1)", ids).execute(tx).await?;
        Ok(())
    }
}

/// Adds an event, within the transaction that makes it true.
pub async fn add(
    tx: &mut PgConnection,
    key: &str,
    event: &SupportEvent,
    request: &RequestId,
) -> sqlx::Result<()> {
    let payload =
        serde_json::to_value(event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        "INSERT INTO admin.outbox (key, payload, request_id) VALUES ($1, $2, $3)",
        key,
        payload,
        request.0
    )
    .execute(tx)
    .await?;
    Ok(())
}
