//! `reseller.sessions`: who is signed in. Only the hash of a token is known here.

use chrono::{DateTime, Utc};
use identity::{ActiveSession, IDLE_SECS_MAX, USE_NOTED_EVERY_SECS};
use sqlx::{PgConnection, PgPool};

use super::account::state;
use crate::account::{Member, MemberId};

pub async fn insert(
    tx: &mut PgConnection,
    token_hash: &[u8],
    user: MemberId,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO reseller.sessions (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
        token_hash,
        user.uuid(),
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The session, while it lasts and is in use.
pub async fn active(
    pool: &PgPool,
    token_hash: &[u8],
) -> sqlx::Result<Option<ActiveSession<Member>>> {
    let row = sqlx::query!(
        r#"SELECT u.user_id, u.email, r.reseller, r.name AS company, r.state, r.reason,
                  s.seen_at <= now() - make_interval(secs => $3) AS "is_use_to_note!"
           FROM reseller.sessions s JOIN reseller.users u USING (user_id)
             JOIN reseller.resellers r USING (reseller)
           WHERE s.token_hash = $1 AND s.expires_at > now()
             AND s.seen_at > now() - make_interval(secs => $2)"#,
        token_hash,
        IDLE_SECS_MAX,
        USE_NOTED_EVERY_SECS
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(ActiveSession {
            is_use_to_note: row.is_use_to_note,
            person: Member {
                id: row.user_id.into(),
                email: row.email,
                reseller: row.reseller.into(),
                company: row.company,
                state: state(&row.state)?,
                reason: row.reason,
            },
        })
    })
    .transpose()
}

/// Notes that a session is in use now.
pub async fn note_use(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("UPDATE reseller.sessions SET seen_at = now() WHERE token_hash = $1", token_hash)
        .execute(pool)
        .await?;
    Ok(())
}

/// Forgets sessions that are over. Gives how many those were.
pub async fn forget_over(pool: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM reseller.sessions WHERE expires_at < now() OR seen_at < now() - \
            make_interval(secs => $1)",
        IDLE_SECS_MAX
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Ends a session.
pub async fn end(tx: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM reseller.sessions WHERE token_hash = $1", token_hash)
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a user's sessions, but for one. Gives how many there were.
pub async fn end_others(tx: &mut PgConnection, user: MemberId, but: &[u8]) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM reseller.sessions WHERE user_id = $1 AND token_hash <> $2",
        user.uuid(),
        but
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use testkit::TestEnv;

    use super::*;
    use crate::store::account::{NewAccount, create};

    #[tokio::test]
    async fn sessions_that_are_over_are_forgotten_whoever_never_comes_back() {
        let test_env = TestEnv::new().await;
        let pool = &test_env.pool;
        let account = NewAccount {
            company: "Quay",
            about: "",
            name: "Ada",
            email: "ada@example.com",
            password_hash: "x",
        };
        let user = create(pool, &account).await.expect("a user");
        for (token, secs) in [(b"open", 60), (b"over", -5), (b"idle", 60)] {
            let expires_at = Utc::now() + chrono::TimeDelta::seconds(secs);
            let mut connection = pool.acquire().await.expect("a connection");
            insert(&mut connection, token, user, expires_at).await.expect("a session");
        }
        sqlx::query(
            "UPDATE reseller.sessions SET seen_at = now() - interval '61 minutes' \
             WHERE token_hash = $1",
        )
        .bind(&b"idle"[..])
        .execute(pool)
        .await
        .expect("an update");
        assert!(active(pool, b"idle").await.expect("a database").is_none());
        assert_eq!(forget_over(pool).await.expect("forgotten"), 2);
        assert!(active(pool, b"open").await.expect("a database").is_some());
    }
}
