//! The audit log: added to, read, and never changed.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;

use crate::audit::{Actor, AuditEntry};

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Entry {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// The e-mail address of who did it; `set-up`; or `command line (<unix user>)`.
    pub who: String,
    /// Such as `room.change`.
    pub action: String,
    /// Such as `room mira-vale-harbour-lights`.
    pub target: String,
    /// What was so before; absent where there was nothing.
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// An IPv4 address or an IPv6 /64; absent at a shell of the server, and in entries from before
    /// it was noted.
    pub network: Option<String>,
    /// As in the `x-request-id` of the answer.
    pub request_id: String,
}

/// Which entries to read: newest first.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// Part of the address of who did it.
    pub who: Option<&'a str>,
    /// Part of the target.
    pub target: Option<&'a str>,
    /// Entries older than this one.
    pub before: Option<i64>,
    pub limit: i64,
}

pub async fn add(
    connection: &mut PgConnection,
    actor: Actor<'_>,
    request_id: &str,
    deed: &AuditEntry,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin.audit (who, network, action, target, before, after, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        actor.who,
        actor.network.map(|network| network.0.as_str()),
        deed.action,
        deed.target,
        deed.before,
        deed.after,
        request_id
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn list(pool: &PgPool, filter: &Filter<'_>) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        "SELECT id, at, who, action, target, before, after, network, request_id FROM admin.audit
         WHERE ($1::text IS NULL OR position(lower($1) IN lower(who)) > 0)
           AND ($2::text IS NULL OR position(lower($2) IN lower(target)) > 0)
           AND ($3::bigint IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        filter.who,
        filter.target,
        filter.before,
        filter.limit
    )
    .fetch_all(pool)
    .await
}
