//! What a kind of account provides: its store, its names, and what it writes down.

use std::{fmt::Debug, future::Future};

use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use kit::{cookie::Cookie, network::Network};
use sqlx::{PgConnection, PgPool};

use crate::{error::Error, http::origin::Origin};

/// A password that somebody was given, and that they replace with one of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTime {
    pub ends_at: Option<DateTime<Utc>>,
    pub used_at: Option<DateTime<Utc>>,
}

/// What signing in needs to know of an account.
#[derive(Clone)]
pub struct Credentials<I> {
    pub id: I,
    pub email: String,
    pub password_hash: String,
    /// `None` where its owner chose the password.
    pub one_time: Option<OneTime>,
    /// Nothing lets them in.
    pub is_disabled: bool,
}

impl<I> Credentials<I> {
    /// Whether the password opens anything yet: a one-time one does so once, and not for long.
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        let is_fresh = self.one_time.is_none_or(|given| {
            given.used_at.is_none() && given.ends_at.is_some_and(|end| now < end)
        });
        !self.is_disabled && is_fresh
    }
}

/// A session ends so long after its last request, whatever is left of its time.
pub const IDLE_SECS_MAX: f64 = 3600.0;
/// That a session is in use is noted so long after it was noted last: reading many pages is not to
/// be as many writes.
pub const USE_NOTED_EVERY_SECS: f64 = 60.0;

/// A session that lasts.
#[derive(Clone)]
pub struct ActiveSession<P> {
    /// Whose it is.
    pub person: P,
    /// Its use was noted [`USE_NOTED_EVERY_SECS`] ago or longer.
    pub is_use_to_note: bool,
}

/// What somebody failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An address and a password that do not belong together.
    SignIn,
    /// A sign-in that was not looked at, after many that failed.
    Blocked,
    /// The password in use, asked for again in an open session.
    Password,
}

/// What somebody did about their own account, to be written down in the same transaction.
#[derive(Debug, Clone, Copy)]
pub enum Record {
    SignedIn { failed_in_a_row: i32, session_expires_at: DateTime<Utc> },
    SignedOut,
    PasswordChanged { was_one_time: bool, other_sessions_ended: u64 },
}

/// One kind of account: its tables stay with whoever owns them.
pub trait Accounts: Sized + Send + Sync + 'static {
    /// Which accounts guesses are counted for, such as `console`.
    const DOOR: &'static str;
    /// What sessions' tokens begin with.
    const TOKEN_PREFIX: &'static str;
    /// The session's token, for pages.
    const SESSION: Cookie;
    /// What forms of visitors who are not signed in are tied to.
    const VISITOR: Cookie;
    /// The page where one signs in.
    const SIGN_IN_PAGE: &'static str;
    /// The page where one chooses a password.
    const PASSWORD_PAGE: &'static str;

    type Id: Copy + Eq + Debug + Send + Sync;
    /// Who a session is of, as handlers want to know them.
    type Person: Clone + Send + Sync;
    /// What handlers answer with.
    type Error: From<Error> + IntoResponse + Send;

    fn id(person: &Self::Person) -> Self::Id;

    /// The address they sign in with.
    fn email(person: &Self::Person) -> &str;

    /// Whether they have a one-time password still.
    fn must_change_password(_: &Self::Person) -> bool {
        false
    }

    /// The account of an address, in any case.
    fn by_email(
        pool: &PgPool,
        email: &str,
    ) -> impl Future<Output = sqlx::Result<Option<Credentials<Self::Id>>>> + Send;

    fn by_id(
        pool: &PgPool,
        id: Self::Id,
    ) -> impl Future<Output = sqlx::Result<Option<Credentials<Self::Id>>>> + Send;

    /// The account, kept from changing until the transaction ends.
    fn locked(
        tx: &mut PgConnection,
        id: Self::Id,
    ) -> impl Future<Output = sqlx::Result<Option<Credentials<Self::Id>>>> + Send;

    /// Notes that a one-time password was used; it opens nothing from now on.
    fn use_up(_: &mut PgConnection, _: Self::Id) -> impl Future<Output = sqlx::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Replaces a password with one that its owner chose.
    fn set_password(
        tx: &mut PgConnection,
        id: Self::Id,
        hash: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn open_session(
        tx: &mut PgConnection,
        token_hash: &[u8],
        id: Self::Id,
        expires_at: DateTime<Utc>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The session, while it lasts, was used within [`IDLE_SECS_MAX`], and its owner may sign in.
    /// The request came from `network`.
    fn session(
        pool: &PgPool,
        token_hash: &[u8],
        network: Network,
    ) -> impl Future<Output = sqlx::Result<Option<ActiveSession<Self::Person>>>> + Send;

    /// Notes that the session is in use now.
    fn note_use(pool: &PgPool, token_hash: &[u8]) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn end_session(
        tx: &mut PgConnection,
        token_hash: &[u8],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Ends somebody's sessions, but for one. Gives how many there were.
    fn end_others(
        tx: &mut PgConnection,
        id: Self::Id,
        but: &[u8],
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Forgets sessions that are over: their time, or [`IDLE_SECS_MAX`] since they were used. Gives
    /// how many those were.
    fn forget_over(pool: &PgPool) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Writes down what the owner of `email` did, where this kind keeps such a log.
    fn record(
        _tx: &mut PgConnection,
        _email: &str,
        _done: Record,
        _from: &Origin,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Counts a failure at an account, where this kind keeps such a log; `typed` may be anything.
    /// That it could not be counted is no reason to answer otherwise.
    fn count_failure(
        _pool: &PgPool,
        _failure: Failure,
        _network: &Network,
        _typed: &str,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }
}
