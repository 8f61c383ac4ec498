//! The accounts of resellers' people, as `identity` signs them in.

use chrono::{DateTime, Utc};
use identity::{Accounts, ActiveSession, Credentials, Origin, Record};
use kit::{cookie::Cookie, network::Network};
use sqlx::{PgConnection, PgPool};

use crate::{
    account::{Member, MemberId},
    error::Error,
    store,
};

/// Those who sign in for a reseller.
pub struct Members;

impl Accounts for Members {
    const DOOR: &'static str = "portal";
    const TOKEN_PREFIX: &'static str = "fgp_";
    const SESSION: Cookie = Cookie::strict("fg_portal");
    const VISITOR: Cookie = Cookie::strict("fg_portal_entry");
    const SIGN_IN_PAGE: &'static str = "/portal/sign-in";
    const PASSWORD_PAGE: &'static str = "/portal/password";

    type Id = MemberId;
    type Person = Member;
    type Error = Error;

    fn id(member: &Member) -> MemberId {
        member.id
    }

    fn email(member: &Member) -> &str {
        &member.email
    }

    async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Option<Credentials<MemberId>>> {
        store::account::by_email(pool, email).await
    }

    async fn by_id(pool: &PgPool, id: MemberId) -> sqlx::Result<Option<Credentials<MemberId>>> {
        store::account::by_id(pool, id).await
    }

    async fn locked(
        tx: &mut PgConnection,
        id: MemberId,
    ) -> sqlx::Result<Option<Credentials<MemberId>>> {
        store::account::locked(tx, id).await
    }

    async fn set_password(tx: &mut PgConnection, id: MemberId, hash: &str) -> sqlx::Result<()> {
        store::account::set_password(tx, id, hash).await
    }

    async fn open_session(
        tx: &mut PgConnection,
        token_hash: &[u8],
        id: MemberId,
        expires_at: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        store::session::insert(tx, token_hash, id, expires_at).await
    }

    async fn session(
        pool: &PgPool,
        token_hash: &[u8],
        _: Network,
    ) -> sqlx::Result<Option<ActiveSession<Member>>> {
        store::session::active(pool, token_hash).await
    }

    async fn note_use(pool: &PgPool, token_hash: &[u8]) -> sqlx::Result<()> {
        store::session::note_use(pool, token_hash).await
    }

    async fn end_session(tx: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<()> {
        store::session::end(tx, token_hash).await
    }

    async fn end_others(tx: &mut PgConnection, id: MemberId, but: &[u8]) -> sqlx::Result<u64> {
        store::session::end_others(tx, id, but).await
    }

    async fn forget_over(pool: &PgPool) -> sqlx::Result<u64> {
        store::session::forget_over(pool).await
    }

    /// The portal keeps no log of its own; the server's has what concerns a password.
    async fn record(
        _: &mut PgConnection,
        _: &str,
        done: Record,
        from: &Origin,
    ) -> sqlx::Result<()> {
        if let Record::PasswordChanged { other_sessions_ended, .. } = done {
            let request = &from.request.0;
            tracing::info!(request, other_sessions_ended, "password of the portal changed");
        }
        Ok(())
    }
}
