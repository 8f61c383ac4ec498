//! `reseller.sessions`: who is signed in. Only the hash of a token is known here.

use sqlx::PgPool;
use uuid::Uuid;

use super::account::state;
use crate::contract::ResellerState;

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
         FROM reseller.sessions s JOIN reseller.users u USING (user_id) JOIN reseller.resellers r USING (reseller)
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

pub async fn close(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM reseller.sessions WHERE token_hash = $1", token_hash).execute(pool).await?;
    Ok(())
}
