//! The table `notifications.letters`: emails to send, and what became of them.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::email::{
    kind::NewEmail,
    queue::{Backlog, DueEmail, GivenUpEmail},
};

/// Adds emails; those that are there already stay as they are. Gives how many are new.
pub async fn add(pool: &PgPool, emails: &[NewEmail]) -> sqlx::Result<u64> {
    let ids: Vec<Uuid> = emails.iter().map(NewEmail::id).collect();
    let kinds: Vec<String> = emails.iter().map(|email| email.kind.to_string()).collect();
    let subjects: Vec<Uuid> = emails.iter().map(|email| email.subject).collect();
    let requests: Vec<String> = emails.iter().map(|email| email.request_id.clone()).collect();
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

/// Takes emails that are due, oldest first, and keeps others from taking them for as long as
/// `lease`.
pub async fn take(pool: &PgPool, max: i64, lease: Duration) -> sqlx::Result<Vec<DueEmail>> {
    sqlx::query_as!(
        DueEmail,
        r#"UPDATE notifications.letters
         SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
         WHERE letter IN (
             SELECT letter FROM notifications.letters
             WHERE sent_at IS NULL AND given_up IS NULL AND next_attempt_at <= now()
             ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         RETURNING letter AS id, kind, subject, request_id, attempts, coalesce(retried_at, created_at) AS "since!""#,
        max,
        lease.as_secs_f64(),
    )
    .fetch_all(pool)
    .await
}

pub async fn sent(pool: &PgPool, email: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET sent_at = now(), last_fault = NULL WHERE letter = $1 AND \
            sent_at IS NULL",
        email
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn try_again(
    pool: &PgPool,
    email: Uuid,
    after: Duration,
    fault: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET next_attempt_at = now() + make_interval(secs => $2), \
            last_fault = $3
         WHERE letter = $1 AND sent_at IS NULL",
        email,
        after.as_secs_f64(),
        fault,
    )
    .execute(pool)
    .await?;
    Ok(())
}

pub async fn give_up(pool: &PgPool, email: Uuid, reason: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE notifications.letters SET given_up = $2, last_fault = $2 WHERE letter = $1 AND \
            sent_at IS NULL",
        email,
        reason,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Up to `limit` emails that were given up, the newest first. Those of turns that were near are
/// none of them: by now they would come too late.
///
/// # Errors
/// The database's.
pub async fn given_up(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<GivenUpEmail>> {
    sqlx::query_as!(
        GivenUpEmail,
        r#"SELECT letter AS id, kind, subject, given_up AS "reason!", attempts, created_at FROM notifications.letters
           WHERE sent_at IS NULL AND given_up IS NOT NULL AND kind <> 'near_turn' ORDER BY created_at DESC, letter LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await
}

/// Lets the running senders try emails again that were given up, as if they were new: the one with
/// this id, or all. It is for after the cause is mended, such as a mail server that refused
/// everybody; what is refused again is given up again. Gives how many emails that are; emails
/// that were sent, still wait to be sent, or would come too late are none of them.
///
/// # Errors
/// The database's.
pub async fn retry_given_up(pool: &PgPool, email: Option<Uuid>) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "UPDATE notifications.letters
         SET given_up = NULL, attempts = 0, next_attempt_at = now(), retried_at = now()
         WHERE sent_at IS NULL AND given_up IS NOT NULL AND kind <> 'near_turn'
             AND ($1::uuid IS NULL OR letter = $1)",
        email
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets emails that are done with for `days`: they were sent, or given up. Gives how many those
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
        r#"SELECT count(*) AS "emails!", coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS "oldest_secs!"
           FROM notifications.letters WHERE sent_at IS NULL AND given_up IS NULL"#
    )
    .fetch_one(pool)
    .await
}
