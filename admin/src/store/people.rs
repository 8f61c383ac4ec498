//! Those who may sign in.

use chrono::{DateTime, Utc};
use kit::paging::Page;
use sqlx::{PgConnection, PgPool};

use crate::staff::{Account, PasswordChange, Person, Role, StaffId};

const PAGE: u16 = 100;

struct Row {
    user_id: StaffId,
    email: String,
    name: String,
    role: String,
    password_hash: String,
    must_change_password: bool,
    one_time_ends_at: Option<DateTime<Utc>>,
    one_time_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        let person = Person {
            id: row.user_id,
            email: row.email,
            name: row.name,
            // A CHECK keeps other texts out of the table; should one get in, it may do the least.
            role: row.role.parse().unwrap_or_default(),
            must_change_password: row.must_change_password,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
        };
        let (one_time_ends_at, one_time_used_at) = (row.one_time_ends_at, row.one_time_used_at);
        Self { person, password_hash: row.password_hash, one_time_ends_at, one_time_used_at }
    }
}

/// Waits until no other transaction adds or changes anybody.
pub async fn be_alone(tx: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("LOCK TABLE admin.users IN SHARE ROW EXCLUSIVE MODE").execute(tx).await?;
    Ok(())
}

/// Two of the admins who may sign in, where there are so many.
pub async fn first_admins(tx: &mut PgConnection) -> sqlx::Result<Vec<Person>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, one_time_ends_at, \
            one_time_used_at,
                created_at, disabled_at
         FROM admin.users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY created_at, \
         user_id LIMIT 2"
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| Account::from(row).person).collect())
}

/// Adds somebody with a one-time password that is good until `ends_at`. Runs into
/// `users_email_once` where the address is taken.
pub async fn insert(
    tx: &mut PgConnection,
    user: StaffId,
    email: &str,
    name: &str,
    role: Role,
    (password_hash, ends_at): (&str, DateTime<Utc>),
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin.users (user_id, email, name, role, password_hash, must_change_password, \
            one_time_ends_at)
         VALUES ($1, $2, $3, $4, $5, true, $6)",
        user.uuid(),
        email,
        name,
        role.to_string(),
        password_hash,
        ends_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The account of an address, in any case.
pub async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, one_time_ends_at, \
            one_time_used_at,
                created_at, disabled_at
         FROM admin.users WHERE lower(email) = lower($1)",
        email
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn by_id(pool: &PgPool, user: StaffId) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, one_time_ends_at, \
            one_time_used_at,
                created_at, disabled_at
         FROM admin.users WHERE user_id = $1",
        user.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Into::into))
}

/// The account, kept from changing until the transaction ends.
pub async fn for_update(tx: &mut PgConnection, user: StaffId) -> sqlx::Result<Option<Account>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, one_time_ends_at, \
            one_time_used_at,
                created_at, disabled_at
         FROM admin.users WHERE user_id = $1 FOR UPDATE",
        user.uuid()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// People by address, those after `after`.
pub async fn list(pool: &PgPool, after: Option<&str>) -> sqlx::Result<Page<Person, String>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT user_id, email, name, role, password_hash, must_change_password, one_time_ends_at, \
            one_time_used_at,
                created_at, disabled_at
         FROM admin.users WHERE $1::text IS NULL OR lower(email) > lower($1) ORDER BY lower(email) \
         LIMIT $2",
        after,
        i64::from(PAGE)
    )
    .fetch_all(pool)
    .await?;
    let people = rows.into_iter().map(|row| Account::from(row).person).collect();
    Ok(Page::full(people, PAGE.into(), |last: &Person| last.email.clone()))
}

/// Notes that somebody signed in with a one-time password; it opens nothing from now on.
pub async fn use_up(tx: &mut PgConnection, user: StaffId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE admin.users SET one_time_used_at = now() WHERE user_id = $1", user.uuid())
        .execute(tx)
        .await?;
    Ok(())
}

/// Replaces a password. `one_time_ends_at` is until when it is good where its owner did not choose
/// it.
pub async fn set_password(
    tx: &mut PgConnection,
    user: StaffId,
    hash: &str,
    one_time_ends_at: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.users SET password_hash = $2, must_change_password = $3::timestamptz IS NOT \
            NULL,
             one_time_ends_at = $3, one_time_used_at = NULL
         WHERE user_id = $1",
        user.uuid(),
        hash,
        one_time_ends_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The last `limit` times that the password of an address was reset or changed, newest first. The
/// log has them for good, whoever signs in meanwhile.
pub async fn password_changes(
    pool: &PgPool,
    email: &str,
    limit: i64,
) -> sqlx::Result<Vec<PasswordChange>> {
    sqlx::query_as!(
        PasswordChange,
        r#"SELECT at, who, action = 'password.reset' AS "was_reset!" FROM admin.audit
           WHERE target = 'person ' || $1 AND action IN ('password.reset', 'password.change')
           ORDER BY id DESC LIMIT $2"#,
        email,
        limit
    )
    .fetch_all(pool)
    .await
}

pub async fn set_disabled(
    tx: &mut PgConnection,
    user: StaffId,
    disabled: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.users SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END \
            WHERE user_id = $1",
        user.uuid(),
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
