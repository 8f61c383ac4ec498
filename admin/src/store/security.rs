//! The security log: what strangers failed at, counted by the hour.

use chrono::{DateTime, Utc};
use kit::paging::Page;
use sqlx::PgPool;

use crate::security::SecurityEntry;

const PAGE: u16 = 50;

/// Counts one failure. `typed` is named only where it is somebody's address; where the hour has
/// `rows_max` rows, networks that it does not know yet are counted together.
pub async fn count(
    pool: &PgPool,
    kind: &str,
    network: &str,
    typed: &str,
    rows_max: i64,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH of (hour, account) AS (
             SELECT date_trunc('hour', now(), 'UTC'), coalesce((SELECT email FROM admin.users \
             WHERE lower(email) = lower($3)), '')
         )
         INSERT INTO admin.security_log AS log (hour, kind, network, account)
         SELECT of.hour, $1, CASE
             WHEN EXISTS (SELECT FROM admin.security_log seen
                          WHERE (seen.hour, seen.kind, seen.network, seen.account) = (of.hour, $1, \
                          $2, of.account))
               OR (SELECT count(*) FROM (SELECT FROM admin.security_log seen WHERE seen.hour = \
               of.hour LIMIT $4) few) < $4
             THEN $2 ELSE 'others' END, of.account
         FROM of
         ON CONFLICT ON CONSTRAINT security_log_pkey DO UPDATE SET times = log.times + 1, last_at \
         = now()",
        kind,
        network,
        typed,
        rows_max
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Those that happened last first, of those that happened last before `before`.
pub async fn list(
    pool: &PgPool,
    before: Option<DateTime<Utc>>,
) -> sqlx::Result<Page<SecurityEntry, DateTime<Utc>>> {
    let entries = sqlx::query_as!(
        SecurityEntry,
        "SELECT hour, kind, network, account, times, first_at, last_at FROM admin.security_log
         WHERE $1::timestamptz IS NULL OR last_at < $1
         ORDER BY last_at DESC LIMIT $2",
        before,
        i64::from(PAGE)
    )
    .fetch_all(pool)
    .await?;
    Ok(Page::full(entries, PAGE.into(), |last| last.last_at))
}

/// Forgets what is older than `days`.
pub async fn forget(pool: &PgPool, days: i32) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM admin.security_log WHERE hour < now() - make_interval(days => $1)",
        days
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
