//! The background work of the portal role.

use std::time::Duration;

use kit::serve::Tasks;
use sqlx::PgPool;

use crate::{account::members::Members, reseller::decision::stop_refused};

const STOP_EVERY: Duration = Duration::from_secs(60);

/// What the portal does by itself: it forgets sessions that are over, and sees to it that the
/// catalog knows of everybody who may not sell. Deciding tells it; this is for those about whom it
/// was decided before there was anybody to tell.
pub fn run(pool: PgPool, tasks: &Tasks) {
    let stopping = pool.clone();
    tasks.every("stopping the sales of suspended resellers", STOP_EVERY, move || {
        let pool = stopping.clone();
        async move { Ok(stop_refused(&pool).await?) }
    });
    identity::worker::forget_sessions::<Members>(pool, tasks);
}
