//! Those who may sign in.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::staff::Role;

/// Somebody who may sign in, or might.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Person {
    pub person: Uuid,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Has a one-time password still.
    pub must_change_password: bool,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

/// What signing in needs to know of an account.
pub struct Account {
    pub person: Person,
    pub password_hash: String,
    pub failed: i32,
    pub blocked_until: Option<DateTime<Utc>>,
}

struct Row {
    user_id: Uuid,
    email: String,
    name: String,
    role: String,
    password_hash: String,
    must_change_password: bool,
    failed: i32,
    blocked_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        let person = Person {
            person: row.user_id,
            email: row.email,
            name: row.name,
            role: Role::of_text(&row.role),
            must_change_password: row.must_change_password,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
        };
        Self { person, password_hash: row.password_hash, failed: row.failed, blocked_until: row.blocked_until }
    }
}

/// Waits until no other transaction makes a first admin.
pub async fn be_alone(tx: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query!("LOCK TABLE admin.users IN SHARE ROW EXCLUSIVE MODE").execute(tx).await?;
    Ok(true)
}

pub async fn has_admin(tx: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM admin.users WHERE role = 'admin' AND disabled_at IS NULL) AS "is!""#
    )
    .fetch_one(tx)
    .await
}

/// Adds somebody with a one-time password. Runs into `users_email_once` where the address is taken.
pub async fn insert(
    tx: &mut PgConnection,
    user: Uuid,
    email: &str,
    name: &str,
    role: Role,
    password_hash: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin.users (user_id, email, name, role, password_hash, must_change_password)
         VALUES ($1, $2, $3, $4, $5, true)",
        user,
        email,
        name,
        role.as_text(),
        password_hash
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The account of an address, in any case.
pub async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, failed, blocked_until, created_at,
                disabled_at
         FROM admin.users WHERE lower(email) = lower($1)",
        email
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Into::into))
}

/// The account, kept from changing until the transaction ends.
pub async fn for_update(tx: &mut PgConnection, user: Uuid) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, failed, blocked_until, created_at,
                disabled_at
         FROM admin.users WHERE user_id = $1 FOR UPDATE",
        user
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn all(pool: &PgPool) -> sqlx::Result<Vec<Person>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, failed, blocked_until, created_at,
                disabled_at
         FROM admin.users ORDER BY disabled_at IS NOT NULL, lower(email)"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| Account::from(row).person).collect())
}

/// Counts a failed sign-in, and blocks the account where there were many in a row.
pub async fn failed(
    tx: &mut PgConnection,
    user: Uuid,
    failed: i32,
    blocked_until: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.users SET failed = $2, blocked_until = $3 WHERE user_id = $1",
        user,
        failed,
        blocked_until
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn set_password(tx: &mut PgConnection, user: Uuid, hash: &str, one_time: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.users SET password_hash = $2, must_change_password = $3, failed = 0, blocked_until = NULL
         WHERE user_id = $1",
        user,
        hash,
        one_time
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn set_disabled(tx: &mut PgConnection, user: Uuid, disabled: bool) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.users SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE user_id = $1",
        user,
        disabled
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How many admins may sign in.
pub async fn admins(tx: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM admin.users WHERE role = 'admin' AND disabled_at IS NULL"#)
        .fetch_one(tx)
        .await
}
