//! `reseller.sessions`: who is signed in. Only the hash of a token is known here.

use sqlx::PgPool;
use uuid::Uuid;

use super::account::state;
use crate::reseller::ResellerState;

/// Who a session belongs to.
#[derive(Clone)]
pub struct Member {
    pub user_id: Uuid,
    pub reseller: Uuid,
    pub company: String,
    pub state: ResellerState,
    /// Why they were declined or suspended.
    pub reason: Option<String>,
}

pub async fn open(pool: &PgPool, token_hash: &[u8], user: Uuid, secs: i64) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query!("DELETE FROM reseller.sessions WHERE user_id = $1 AND expires_at < now()", user)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "INSERT INTO reseller.sessions (token_hash, user_id, expires_at)
         VALUES ($1, $2, now() + make_interval(secs => $3))",
        token_hash,
        user,
        secs as f64
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

pub async fn member(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<Option<Member>> {
    let row = sqlx::query!(
        "SELECT u.user_id, r.reseller, r.name AS company, r.state, r.reason
         FROM reseller.sessions s JOIN reseller.users u USING (user_id) JOIN reseller.resellers r \
         USING (reseller)
         WHERE s.token_hash = $1 AND s.expires_at > now()",
        token_hash
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(Member {
            user_id: row.user_id,
            reseller: row.reseller,
            company: row.company,
            state: state(&row.state)?,
            reason: row.reason,
        })
    })
    .transpose()
}

/// Forgets sessions that are over. Gives how many those were.
pub async fn forget_over(pool: &PgPool) -> sqlx::Result<u64> {
    Ok(sqlx::query!("DELETE FROM reseller.sessions WHERE expires_at < now()")
        .execute(pool)
        .await?
        .rows_affected())
}

pub async fn close(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM reseller.sessions WHERE token_hash = $1", token_hash)
        .execute(pool)
        .await?;
    Ok(())
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
        // Signing in forgets the user's own, so the one that is over comes last.
        for (token, secs) in [(b"open", 60), (b"over", -5)] {
            open(pool, token, user, secs).await.expect("a session");
        }
        assert_eq!(forget_over(pool).await.expect("forgotten"), 1);
        assert!(member(pool, b"open").await.expect("a database").is_some());
    }
}
