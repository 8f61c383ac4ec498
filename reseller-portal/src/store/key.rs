//! `reseller.api_keys`. Only the hash of a key is known here.

use catalog::contract::ResellerId;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{account::MemberId, api_key::id::ApiKeyId};

/// A key as its owner sees it in the list.
pub struct KeyRow {
    pub key_id: ApiKeyId,
    pub name: String,
    pub hint: String,
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

pub async fn list(pool: &PgPool, reseller: ResellerId) -> sqlx::Result<Vec<KeyRow>> {
    sqlx::query_as!(
        KeyRow,
        "SELECT key_id, name, hint, scopes, created_at, last_used_at, revoked_at FROM \
            reseller.api_keys
         WHERE reseller = $1 ORDER BY (revoked_at IS NOT NULL), created_at DESC, key_id LIMIT 200",
        reseller.uuid()
    )
    .fetch_all(pool)
    .await
}

/// A key to write.
pub struct NewKey<'a> {
    pub reseller: ResellerId,
    pub user: MemberId,
    pub name: &'a str,
    pub key_hash: &'a [u8],
    pub hint: &'a str,
    pub scopes: &'a [String],
}

/// Writes a key, unless the reseller has `in_use_max` keys in use already, which gives `None`.
pub async fn create(
    pool: &PgPool,
    key: &NewKey<'_>,
    in_use_max: i64,
) -> sqlx::Result<Option<ApiKeyId>> {
    let mut tx = pool.begin().await?;
    // Makes the count and the insert one step among those of this reseller.
    sqlx::query!(
        "SELECT reseller FROM reseller.resellers WHERE reseller = $1 FOR UPDATE",
        key.reseller.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    let made = sqlx::query_scalar!(
        "INSERT INTO reseller.api_keys (key_id, reseller, name, key_hash, hint, scopes, created_by)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT count(*) FROM reseller.api_keys WHERE reseller = $2 AND revoked_at IS NULL) \
         < $8
         RETURNING key_id",
        Uuid::now_v7(),
        key.reseller.uuid(),
        key.name,
        key.key_hash,
        key.hint,
        key.scopes,
        key.user.uuid(),
        in_use_max
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(made.map(Into::into))
}

/// Whether the reseller has such a key; it is revoked then, now or before.
pub async fn revoke(pool: &PgPool, reseller: ResellerId, key: ApiKeyId) -> sqlx::Result<bool> {
    let changed = sqlx::query!(
        "UPDATE reseller.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE reseller = $1 \
            AND key_id = $2",
        reseller.uuid(),
        key.uuid()
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// A key that is good, and whose it is.
#[derive(Clone)]
pub struct Grant {
    pub key_id: ApiKeyId,
    pub reseller: ResellerId,
    pub scopes: Vec<String>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The key with this hash, where it is not revoked and its reseller is approved.
pub async fn grant(pool: &PgPool, key_hash: &[u8]) -> sqlx::Result<Option<Grant>> {
    sqlx::query_as!(
        Grant,
        "SELECT k.key_id, k.reseller, k.scopes, k.last_used_at
         FROM reseller.api_keys k JOIN reseller.resellers r USING (reseller)
         WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND r.state = 'approved'",
        key_hash
    )
    .fetch_optional(pool)
    .await
}

/// Notes that a key was used, once a minute at most.
pub async fn used(pool: &PgPool, key: ApiKeyId) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE reseller.api_keys SET last_used_at = now()
         WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 \
         minute')",
        key.uuid()
    )
    .execute(pool)
    .await?;
    Ok(())
}
