//! What goes on by itself.

use std::time::Duration;

use kit::serve::Tasks;
use sqlx::PgPool;

use crate::account::Accounts;

const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Forgets sessions of this kind that are over.
pub fn forget_sessions<A: Accounts>(pool: PgPool, tasks: &Tasks) {
    tasks.every("forget old sessions", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(A::forget_over(&pool).await.map(drop)?) }
    });
}
