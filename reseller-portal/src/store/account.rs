//! `reseller.resellers` and `reseller.users`.

use catalog::contract::ResellerId;
use identity::Credentials;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::account::MemberId;
use crate::reseller::{ResellerEntry, ResellerState};

/// A state that the database gave; its constraint allows no other names.
pub(super) fn state(name: &str) -> sqlx::Result<ResellerState> {
    name.parse().map_err(|_| sqlx::Error::Decode(format!("reseller state {name}").into()))
}

/// Resellers with whoever signed up for them, all or by state or id: so many of those behind
/// `after`.
pub async fn entries(
    pool: &PgPool,
    of_state: Option<ResellerState>,
    reseller: Option<ResellerId>,
    (after, limit): (Option<ResellerId>, i64),
) -> sqlx::Result<Vec<ResellerEntry>> {
    let rows = sqlx::query!(
        r#"SELECT r.reseller, r.name, r.about, r.state, r.created_at, r.decided_at, r.reason,
                  contact.name AS "contact_name?", contact.email AS "contact_email?"
           FROM reseller.resellers r
           LEFT JOIN LATERAL (
               SELECT u.name, u.email FROM reseller.users u WHERE u.reseller = r.reseller ORDER BY u.created_at LIMIT 1
           ) contact ON true
           WHERE ($1::text IS NULL OR r.state = $1) AND ($2::uuid IS NULL OR r.reseller = $2)
             AND ($3::uuid IS NULL OR (r.state = 'pending', r.created_at, r.reseller) <
                  (SELECT a.state = 'pending', a.created_at, a.reseller FROM reseller.resellers a WHERE a.reseller = $3))
           ORDER BY (r.state = 'pending') DESC, r.created_at DESC, r.reseller DESC LIMIT $4"#,
        of_state.map(ResellerState::as_str),
        reseller.map(ResellerId::uuid),
        after.map(ResellerId::uuid),
        limit
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ResellerEntry {
                reseller: row.reseller.into(),
                name: row.name,
                about: row.about,
                state: state(&row.state)?,
                created_at: row.created_at,
                decided_at: row.decided_at,
                reason: row.reason,
                contact_name: row.contact_name.unwrap_or_default(),
                contact_email: row.contact_email.unwrap_or_default(),
            })
        })
        .collect()
}

pub async fn decide(
    connection: &mut PgConnection,
    reseller: ResellerId,
    to: ResellerState,
    reason: Option<&str>,
) -> sqlx::Result<Option<ResellerState>> {
    let Some(before) = locked_state(&mut *connection, reseller).await? else { return Ok(None) };
    sqlx::query!(
        "UPDATE reseller.resellers SET state = $2, reason = $3, decided_at = now() WHERE reseller \
            = $1",
        reseller.uuid(),
        to.as_str(),
        reason
    )
    .execute(connection)
    .await?;
    Ok(Some(before))
}

/// Resellers of whom an admin said that they may not sell.
pub async fn refused(pool: &PgPool) -> sqlx::Result<Vec<ResellerId>> {
    let refused = sqlx::query_scalar!(
        "SELECT reseller FROM reseller.resellers WHERE state IN ('declined', 'suspended')"
    )
    .fetch_all(pool)
    .await?;
    Ok(refused.into_iter().map(Into::into).collect())
}

/// A reseller's state, kept from changing until the transaction ends.
pub async fn locked_state(
    tx: &mut PgConnection,
    reseller: ResellerId,
) -> sqlx::Result<Option<ResellerState>> {
    let name = sqlx::query_scalar!(
        "SELECT state FROM reseller.resellers WHERE reseller = $1 FOR UPDATE",
        reseller.uuid()
    )
    .fetch_optional(tx)
    .await?;
    name.map(|name| state(&name)).transpose()
}

/// What it takes to sign up, checked before.
pub struct NewAccount<'a> {
    pub company: &'a str,
    pub about: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
}

/// Writes a reseller that waits for approval and its first user, and gives the user's id.
///
/// # Errors
/// `resellers_name_once` or `users_email_once` where somebody has that name or address.
pub async fn create(pool: &PgPool, account: &NewAccount<'_>) -> sqlx::Result<MemberId> {
    let (reseller, user) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = pool.begin().await?;
    sqlx::query!(
        "INSERT INTO reseller.resellers (reseller, name, about, state) VALUES ($1, $2, $3, \
            'pending')",
        reseller,
        account.company,
        account.about
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO reseller.users (user_id, reseller, email, name, password_hash) VALUES ($1, \
            $2, $3, $4, $5)",
        user,
        reseller,
        account.email,
        account.name,
        account.password_hash
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(user.into())
}

/// A user as they sign in.
struct UserRow {
    user_id: MemberId,
    email: String,
    password_hash: String,
}

impl From<UserRow> for Credentials<MemberId> {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.user_id,
            email: row.email,
            password_hash: row.password_hash,
            one_time: None,
            is_disabled: false,
        }
    }
}

/// The user of an address, in any case.
pub async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Credentials<MemberId>>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT user_id, email, password_hash FROM reseller.users WHERE lower(email) = lower($1)",
        email
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn by_id(pool: &PgPool, user: MemberId) -> sqlx::Result<Option<Credentials<MemberId>>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT user_id, email, password_hash FROM reseller.users WHERE user_id = $1",
        user.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Into::into))
}

/// The user, kept from changing until the transaction ends.
pub async fn locked(
    tx: &mut PgConnection,
    user: MemberId,
) -> sqlx::Result<Option<Credentials<MemberId>>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT user_id, email, password_hash FROM reseller.users WHERE user_id = $1 FOR UPDATE",
        user.uuid()
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn set_password(tx: &mut PgConnection, user: MemberId, hash: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE reseller.users SET password_hash = $2 WHERE user_id = $1",
        user.uuid(),
        hash
    )
    .execute(tx)
    .await?;
    Ok(())
}
