//! All the SQL of notifications.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{contract::GivenUp, kind::NewLetter};

/// A letter that somebody is to send now.
pub struct Due {
    pub letter: Uuid,
    pub kind: String,
    pub subject: Uuid,
    pub request_id: String,
    /// With this one.
    pub attempts: i32,
    /// When it was added, or given another chance.
    pub since: DateTime<Utc>,
}

/// How much is not sent yet.
pub struct Backlog {
    pub letters: i64,
    /// Age of the oldest; 0 without any.
    pub oldest_secs: f64,
}

/// Adds letters; those that are there already stay as they are. Gives how many are new.
pub async fn put(pool: &PgPool, letters: &[NewLetter]) -> sqlx::Result<u64> {
    let ids: Vec<Uuid> = letters.iter().map(NewLetter::id).collect();
    let kinds: Vec<String> = letters.iter().map(|letter| letter.kind.name().to_owned()).collect();
    let subjects: Vec<Uuid> = letters.iter().map(|letter| letter.subject).collect();
    let requests: Vec<String> = letters.iter().map(|letter| letter.request_id.clone()).collect();
    let done = sqlx::query!(
        "INSERT INTO notifications.letters (letter, kind, subject, request_id)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::text[])
         ON CONFLICT DO NOTHING",
        &ids,
        &kinds,
        &subjects,
        &requests,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Takes letters that are due, oldest first, and keeps others from taking them for as long as
/// `lease`.
pub async fn take(pool: &PgPool, max: i64, lease: Duration) -> sqlx::Result<Vec<Due>> {
    sqlx::query_as!(
        Due,
        r#"UPDATE notifications.letters
         SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
         WHERE letter IN (
             SELECT letter FROM notifications.letters
             WHERE sent_at IS NULL AND given_up IS NULL AND next_attempt_at <= now()
             ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         RETURNING letter, kind, subject, request_id, attempts, coalesce(retried_at, created_at) AS "since!""#,
        max,
        lease.as_secs_f64(),
    )
    .fetch_all(pool)
    .await
}

pub async fn sent(pool: &PgPool, letter: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET sent_at = now(), last_fault = NULL WHERE letter = $1 AND \
            sent_at IS NULL",
        letter
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn try_again(
    pool: &PgPool,
    letter: Uuid,
    after: Duration,
    fault: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET next_attempt_at = now() + make_interval(secs => $2), \
            last_fault = $3
         WHERE letter = $1 AND sent_at IS NULL",
        letter,
        after.as_secs_f64(),
        fault,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn give_up(pool: &PgPool, letter: Uuid, reason: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET given_up = $2, last_fault = $2 WHERE letter = $1 AND \
            sent_at IS NULL",
        letter,
        reason,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn given_up(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<GivenUp>> {
    sqlx::query_as!(
        GivenUp,
        r#"SELECT letter, kind, subject, given_up AS "reason!", attempts, created_at FROM notifications.letters
           WHERE sent_at IS NULL AND given_up IS NOT NULL ORDER BY created_at DESC, letter LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Makes letters that were given up due now, as if they were new; all of them where none is named.
pub async fn retry_given_up(pool: &PgPool, letter: Option<Uuid>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE notifications.letters
         SET given_up = NULL, attempts = 0, next_attempt_at = now(), retried_at = now()
         WHERE sent_at IS NULL AND given_up IS NOT NULL AND ($1::uuid IS NULL OR letter = $1)",
        letter
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets letters that are done with for `days`: they were sent, or given up. Gives how many those
/// were.
pub async fn forget_old(pool: &PgPool, days: i32) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM notifications.letters
         WHERE (sent_at IS NOT NULL OR given_up IS NOT NULL)
             AND greatest(created_at, retried_at, sent_at) < now() - make_interval(days => $1)",
        days
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

pub async fn backlog(pool: &PgPool) -> sqlx::Result<Backlog> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "letters!", coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS "oldest_secs!"
           FROM notifications.letters WHERE sent_at IS NULL AND given_up IS NULL"#
    )
    .fetch_one(pool)
    .await
}
