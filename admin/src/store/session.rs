//! Sessions of those who signed in. Only the hash of a session's token is stored.

use chrono::{DateTime, Utc};
use identity::{ActiveSession, IDLE_SECS_MAX, USE_NOTED_EVERY_SECS};
use kit::throttle::Network;
use sqlx::{PgConnection, PgPool};

use crate::staff::{Staff, StaffId};

pub async fn insert(
    tx: &mut PgConnection,
    token_hash: &[u8],
    user: StaffId,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin.sessions (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
        token_hash,
        user.uuid(),
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The session, while it lasts, is in use, and its owner may sign in.
pub async fn active(
    pool: &PgPool,
    token_hash: &[u8],
    network: Network,
) -> sqlx::Result<Option<ActiveSession<Staff>>> {
    let row = sqlx::query!(
        r#"SELECT u.user_id, u.email, u.name, u.role, u.must_change_password,
                  s.seen_at <= now() - make_interval(secs => $3) AS "is_use_to_note!"
           FROM admin.sessions s JOIN admin.users u USING (user_id)
           WHERE s.token_hash = $1 AND s.expires_at > now() AND u.disabled_at IS NULL
             AND s.seen_at > now() - make_interval(secs => $2)"#,
        token_hash,
        IDLE_SECS_MAX,
        USE_NOTED_EVERY_SECS
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| ActiveSession {
        is_use_to_note: row.is_use_to_note,
        person: Staff {
            id: row.user_id.into(),
            email: row.email,
            name: row.name,
            role: row.role.parse().unwrap_or_default(),
            must_change_password: row.must_change_password,
            network,
        },
    }))
}

/// Notes that a session is in use now.
pub async fn note_use(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("UPDATE admin.sessions SET seen_at = now() WHERE token_hash = $1", token_hash)
        .execute(pool)
        .await?;
    Ok(())
}

/// Whether a session lasts and may see the console. To watch is not to use it: an open page does
/// not keep it from ending.
pub async fn lasts(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM admin.sessions s JOIN admin.users u USING (user_id)
               WHERE s.token_hash = $1 AND s.expires_at > now() AND u.disabled_at IS NULL AND NOT u.must_change_password
                 AND s.seen_at > now() - make_interval(secs => $2)) AS "is!""#,
        token_hash,
        IDLE_SECS_MAX
    )
    .fetch_one(pool)
    .await
}

/// Ends a session.
pub async fn end(tx: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM admin.sessions WHERE token_hash = $1", token_hash)
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a person's sessions, but for one. Gives how many there were.
pub async fn end_others(tx: &mut PgConnection, user: StaffId, but: &[u8]) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM admin.sessions WHERE user_id = $1 AND token_hash <> $2",
        user.uuid(),
        but
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets sessions that are over. Gives how many those were.
pub async fn forget_over(pool: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM admin.sessions WHERE expires_at < now() OR seen_at < now() - \
            make_interval(secs => $1)",
        IDLE_SECS_MAX
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
