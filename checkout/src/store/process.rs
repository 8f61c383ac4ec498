//! Processes of checkout, each a row that it writes to see whether Postgres takes writes.

use sqlx::PgPool;
use uuid::Uuid;

/// Notes that a process is there.
pub async fn seen(pool: &PgPool, process: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO checkout.processes (process, seen_at) VALUES ($1, now())
         ON CONFLICT (process) DO UPDATE SET seen_at = excluded.seen_at",
        process
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Forgets a process that ends.
pub async fn leave(pool: &PgPool, process: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM checkout.processes WHERE process = $1", process)
        .execute(pool)
        .await?;
    Ok(())
}

/// Forgets processes that ended without a word.
pub async fn forget(pool: &PgPool, hours: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM checkout.processes WHERE seen_at < now() - make_interval(hours => $1)",
        hours
    )
    .execute(pool)
    .await?;
    Ok(())
}
