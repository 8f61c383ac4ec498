//! The accounts of those who work at the console, as `identity` signs them in.

use chrono::{DateTime, Utc};
use identity::{Accounts, ActiveSession, Credentials, Failure, OneTime, Origin, Record};
use kit::{cookie::Cookie, network::Network};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::{
    audit::{Actor, AuditEntry},
    error::Error,
    security,
    staff::{Account, Staff, StaffId},
    store::{self, audit::record},
};

/// A session lasts so long at most.
pub const SESSION_SECS: i64 = 12 * 3600;

/// Operators and admins.
pub struct StaffAccounts;

impl From<Account> for Credentials<StaffId> {
    fn from(account: Account) -> Self {
        let person = account.person;
        let given =
            OneTime { ends_at: account.one_time_ends_at, used_at: account.one_time_used_at };
        Self {
            id: person.id,
            email: person.email,
            password_hash: account.password_hash,
            one_time: person.must_change_password.then_some(given),
            is_disabled: person.disabled_at.is_some(),
        }
    }
}

impl Accounts for StaffAccounts {
    const DOOR: &'static str = "console";
    const TOKEN_PREFIX: &'static str = "fga_";
    const SESSION: Cookie = Cookie::strict("fg_admin");
    const VISITOR: Cookie = Cookie::strict("fg_admin_form");
    const SIGN_IN_PAGE: &'static str = "/admin/sign-in";
    const PASSWORD_PAGE: &'static str = "/admin/password";

    type Id = StaffId;
    type Person = Staff;
    type Error = Error;

    fn id(staff: &Staff) -> StaffId {
        staff.id
    }

    fn email(staff: &Staff) -> &str {
        &staff.email
    }

    fn must_change_password(staff: &Staff) -> bool {
        staff.must_change_password
    }

    async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Credentials<StaffId>>> {
        Ok(store::people::by_email(pool, email).await?.map(Into::into))
    }

    async fn by_id(pool: &PgPool, id: StaffId) -> sqlx::Result<Option<Credentials<StaffId>>> {
        Ok(store::people::by_id(pool, id).await?.map(Into::into))
    }

    async fn locked(
        tx: &mut PgConnection,
        id: StaffId,
    ) -> sqlx::Result<Option<Credentials<StaffId>>> {
        Ok(store::people::for_update(tx, id).await?.map(Into::into))
    }

    async fn use_up(tx: &mut PgConnection, id: StaffId) -> sqlx::Result<()> {
        store::people::use_up(tx, id).await
    }

    async fn set_password(tx: &mut PgConnection, id: StaffId, hash: &str) -> sqlx::Result<()> {
        store::people::set_password(tx, id, hash, None).await
    }

    async fn open_session(
        tx: &mut PgConnection,
        token_hash: &[u8],
        id: StaffId,
        expires_at: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        store::session::insert(tx, token_hash, id, expires_at).await
    }

    async fn session(
        pool: &PgPool,
        token_hash: &[u8],
        network: Network,
    ) -> sqlx::Result<Option<ActiveSession<Staff>>> {
        store::session::active(pool, token_hash, network).await
    }

    async fn note_use(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
        store::session::note_use(pool, token_hash).await
    }

    async fn end_session(tx: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<()> {
        store::session::end(tx, token_hash).await
    }

    async fn end_others(tx: &mut PgConnection, id: StaffId, but: &[u8]) -> sqlx::Result<u64> {
        store::session::end_others(tx, id, but).await
    }

    async fn forget_over(pool: &PgPool) -> sqlx::Result<u64> {
        store::session::forget_over(pool).await
    }

    async fn record(
        tx: &mut PgConnection,
        email: &str,
        done: Record,
        from: &Origin,
    ) -> sqlx::Result<()> {
        let entry = |action| AuditEntry::new(action, format!("person {email}"));
        let entry = match done {
            Record::SignedIn { failed_in_a_row, session_expires_at } => entry("sign_in")
                .before(json!({"signed_in": false, "failed_in_a_row": failed_in_a_row}))
                .after(json!({
                    "signed_in": true,
                    "failed_in_a_row": 0,
                    "session_expires_at": session_expires_at,
                })),
            Record::SignedOut => entry("sign_out")
                .before(json!({"signed_in": true}))
                .after(json!({"signed_in": false})),
            Record::PasswordChanged { was_one_time, other_sessions_ended } => {
                entry("password.change")
                    .before(json!({"one_time": was_one_time}))
                    .after(json!({"one_time": false, "other_sessions_ended": other_sessions_ended}))
            }
        };
        let actor = Actor { who: email, network: Some(&from.network) };
        record(tx, actor, &from.request, &entry).await
    }

    async fn count_failure(pool: &PgPool, failure: Failure, network: &Network, typed: &str) {
        security::log::count(pool, failure, network, typed).await;
    }
}
