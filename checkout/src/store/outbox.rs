//! The outbox: events to publish, written in the transaction that made them true.

use kit::{
    http::RequestId,
    outbox::{Source, Waiting},
};
use sqlx::{PgConnection, PgPool};

use crate::order::event::OrderEvent;

/// The table, for the relay.
pub struct Outbox;

/// Adds an event within the caller's transaction.
pub async fn add(
    tx: &mut PgConnection,
    event: &OrderEvent,
    request: &RequestId,
) -> sqlx::Result<()> {
    add_all(tx, &[(event.clone(), request.0.clone())]).await
}

/// Adds events with the ids of the requests that caused them, in this order.
pub async fn add_all(tx: &mut PgConnection, events: &[(OrderEvent, String)]) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let payloads: Vec<serde_json::Value> = events
        .iter()
        .map(|(event, _)| serde_json::to_value(event))
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let keys: Vec<String> =
        events.iter().map(|(event, _)| event.facts().order.to_string()).collect();
    let requests: Vec<String> = events.iter().map(|(_, request)| request.clone()).collect();
    sqlx::query!(
        "INSERT INTO checkout.outbox (key, payload, request_id)
         SELECT key, payload, request_id
         FROM UNNEST($1::text[], $2::jsonb[], $3::text[]) WITH ORDINALITY AS new (key, payload, \
         request_id, number)
         ORDER BY number",
        &keys,
        &payloads,
        &requests,
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Source for Outbox {
    async fn become_relay(tx: &mut PgConnection) -> sqlx::Result<bool> {
        sqlx::query_scalar!(
            r#"SELECT pg_try_advisory_xact_lock(hashtext('checkout.outbox')) AS "locked!""#
        )
        .fetch_one(tx)
        .await
    }

    /// Locked; those another transaction has locked are left out.
    async fn oldest(tx: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Waiting>> {
        sqlx::query_as!(
            Waiting,
            "SELECT id, key, payload, request_id FROM checkout.outbox ORDER BY id LIMIT $1 FOR \
                UPDATE SKIP LOCKED",
            limit
        )
        .fetch_all(tx)
        .await
    }

    async fn forget(tx: &mut PgConnection, ids: &[i64]) -> sqlx::Result<()> {
        sqlx::query!("DELETE FROM checkout.outbox WHERE id = ANY($1)", ids).execute(tx).await?;
        Ok(())
    }
}

/// How many events wait.
pub async fn depth(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM checkout.outbox"#).fetch_one(pool).await
}
