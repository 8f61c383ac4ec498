//! The audit log: added to, read, and never changed.

use kit::{http::RequestId, paging::Page};
use sqlx::{PgConnection, PgPool};

use crate::audit::{Actor, AuditEntry, Entry, Filter};

const PAGE: u16 = 50;

/// Adds what an actor does to the log, within the transaction that does it.
pub async fn record<'a>(
    tx: &mut PgConnection,
    actor: impl Into<Actor<'a>>,
    request: &RequestId,
    entry: &AuditEntry,
) -> sqlx::Result<()> {
    let actor = actor.into();
    sqlx::query!(
        "INSERT INTO admin.audit (who, network, action, target, before, after, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        actor.who,
        actor.network.map(|network| network.0.as_str()),
        entry.action,
        entry.target,
        entry.before,
        entry.after,
        request.0
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn list(pool: &PgPool, filter: &Filter<'_>) -> sqlx::Result<Page<Entry, i64>> {
    let entries = sqlx::query_as!(
        Entry,
        "SELECT id, at, who, action, target, before, after, network, request_id FROM admin.audit
         WHERE ($1::text IS NULL OR position(lower($1) IN lower(who)) > 0)
           AND ($2::text IS NULL OR position(lower($2) IN lower(target)) > 0)
           AND ($3::bigint IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
        filter.who,
        filter.target,
        filter.before,
        i64::from(PAGE)
    )
    .fetch_all(pool)
    .await?;
    Ok(Page::full(entries, PAGE.into(), |last| last.id))
}
