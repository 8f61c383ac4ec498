//! All SQL of the sandbox provider's own books.

use catalog::contract::{Currency, Money};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use crate::sandbox::{intent::IntentState, wire::NewIntent};

/// An intent as stored.
#[derive(Debug, Clone)]
pub struct IntentRow {
    pub intent: String,
    pub reference: String,
    pub amount: Money,
    pub description: String,
    pub return_url: String,
    pub state: IntentState,
}

struct IntentColumns {
    intent: String,
    reference: String,
    amount_minor: i64,
    currency: Currency,
    description: String,
    return_url: String,
    state: String,
}

impl IntentColumns {
    fn row(self) -> sqlx::Result<IntentRow> {
        let state = self.state.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(IntentRow {
            intent: self.intent,
            reference: self.reference,
            amount: Money::new(self.amount_minor, self.currency),
            description: self.description,
            return_url: self.return_url,
            state,
        })
    }
}

/// Creates an intent, or finds the one made under the same key.
pub async fn create(
    pool: &PgPool,
    intent: &str,
    key: &str,
    new: &NewIntent,
) -> sqlx::Result<IntentRow> {
    sqlx::query!(
        "INSERT INTO sandbox.intents (intent, idempotency_key, reference, amount_minor, currency, \
            description, return_url, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'requires_payment')
         ON CONFLICT ON CONSTRAINT intents_idempotency_key_once DO NOTHING",
        intent,
        key,
        new.reference,
        new.amount_minor,
        new.currency.as_str(),
        new.description,
        new.return_url,
    )
    .execute(pool)
    .await?;
    sqlx::query_as!(
        IntentColumns,
        r#"SELECT intent, reference, amount_minor, currency AS "currency: Currency", description,
                  return_url, state
           FROM sandbox.intents WHERE idempotency_key = $1"#,
        key,
    )
    .fetch_one(pool)
    .await?
    .row()
}

pub async fn load(pool: &PgPool, intent: &str) -> sqlx::Result<Option<IntentRow>> {
    let found = sqlx::query_as!(
        IntentColumns,
        r#"SELECT intent, reference, amount_minor, currency AS "currency: Currency", description,
                  return_url, state
           FROM sandbox.intents WHERE intent = $1"#,
        intent,
    )
    .fetch_optional(pool)
    .await?;
    found.map(IntentColumns::row).transpose()
}

/// Loads and locks an intent until the transaction ends.
pub async fn lock(tx: &mut PgConnection, intent: &str) -> sqlx::Result<Option<IntentRow>> {
    let found = sqlx::query_as!(
        IntentColumns,
        r#"SELECT intent, reference, amount_minor, currency AS "currency: Currency", description,
                  return_url, state
           FROM sandbox.intents WHERE intent = $1 FOR UPDATE"#,
        intent,
    )
    .fetch_optional(tx)
    .await?;
    found.map(IntentColumns::row).transpose()
}

pub async fn set_state(
    tx: &mut PgConnection,
    intent: &str,
    state: IntentState,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sandbox.intents SET state = $2 WHERE intent = $1",
        intent,
        state.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Queues `copies` deliveries of one webhook, due in `delay_ms`.
pub async fn queue(
    tx: &mut PgConnection,
    webhook_id: &str,
    payload: &Value,
    delay_ms: u32,
    copies: u8,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO sandbox.deliveries (webhook_id, payload, due_at)
         SELECT $1, $2, now() + $3::float8 * interval '1 millisecond' FROM generate_series(1, \
         $4::int)",
        webhook_id,
        payload,
        f64::from(delay_ms),
        i32::from(copies),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A delivery this process has taken on.
#[derive(Debug)]
pub struct Delivery {
    pub id: i64,
    pub webhook_id: String,
    pub payload: Value,
    /// This one included.
    pub attempts: i32,
}

/// Takes on up to `limit` deliveries that are due. Each stays out of others' hands for
/// `lease_secs`, so that one whose sender died is sent by somebody else; no lock is held while it
/// is sent.
pub async fn claim(
    pool: &PgPool,
    limit: i64,
    lease_secs: f64,
    attempts_max: i32,
) -> sqlx::Result<Vec<Delivery>> {
    sqlx::query_as!(
        Delivery,
        "UPDATE sandbox.deliveries SET attempts = attempts + 1, due_at = now() + $2::float8 * \
            interval '1 second'
         WHERE id IN (SELECT id FROM sandbox.deliveries
                      WHERE delivered_at IS NULL AND due_at <= now() AND attempts < $3
                      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING id, webhook_id, payload, attempts",
        limit,
        lease_secs,
        attempts_max,
    )
    .fetch_all(pool)
    .await
}

pub async fn delivered(pool: &PgPool, id: i64) -> sqlx::Result<()> {
    sqlx::query!("UPDATE sandbox.deliveries SET delivered_at = now() WHERE id = $1", id)
        .execute(pool)
        .await?;
    Ok(())
}

/// Puts a delivery off until `due_at`.
pub async fn put_off(pool: &PgPool, id: i64, due_at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sandbox.deliveries SET due_at = $2 WHERE id = $1 AND delivered_at IS NULL",
        id,
        due_at
    )
    .execute(pool)
    .await?;
    Ok(())
}
