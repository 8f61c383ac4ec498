//! People: how they sign in, stay signed in, choose their passwords and send forms, the same for
//! every kind of account. Whose the accounts are, and where they are stored, is told by whoever
//! owns their tables.
//!
//! Reading order: [`account`] is what a kind of account provides, [`Identity`] what it gets for it:
//! [`sign_in`] opens and ends sessions, [`password`] changes and gives passwords. [`http`] tells
//! handlers who a request is from and reads their forms; [`form`] and [`page`] are what pages of
//! signed-in people show alike.

pub mod account;
pub mod error;
pub mod form;
pub mod http;
pub mod page;
pub mod password;
pub mod sign_in;
pub mod worker;

use std::{marker::PhantomData, sync::Arc};

pub use account::{
    Accounts, ActiveSession, Credentials, Failure, IDLE_SECS_MAX, OneTime, Record,
    USE_NOTED_EVERY_SECS,
};
pub use error::Error;
pub use http::{
    Access, Caller, Denied, Fields, NoFields, NotANumber, Origin, Posted, Session, Visitor,
    VisitorForm,
};
use kit::{password::Queue, public_url::PublicUrl, redis::Redis};
use sqlx::PgPool;

/// What signing in stands on, for one kind of account; cheap to clone.
pub struct Identity<A>(Arc<Inner>, PhantomData<fn() -> A>);

struct Inner {
    pool: PgPool,
    redis: Redis,
    passwords: Queue,
    public: PublicUrl,
    session_secs: i64,
}

impl<A> Clone for Identity<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<A: Accounts> Identity<A> {
    /// `passwords` is this kind's own queue, `public` is where browsers reach its pages, and a
    /// session ends after `session_secs` at the latest.
    pub fn new(
        pool: PgPool,
        redis: Redis,
        passwords: Queue,
        public: PublicUrl,
        session_secs: i64,
    ) -> Self {
        Self(Arc::new(Inner { pool, redis, passwords, public, session_secs }), PhantomData)
    }
}
