//! What the catalog does by itself: its events go out to Kafka, and questions that nobody answered
//! go out again.

use std::time::Duration;

use kit::{kafka::Kafka, outbox, serve::Tasks};
use sqlx::PgPool;

use crate::{allotment::change, event::CATALOG_EVENTS, store::outbox::OUTBOX};

const ASK_AGAIN_EVERY: Duration = Duration::from_secs(5);

/// Starts the relay of `catalog.outbox` to `catalog.events`, and what asks again for allotments.
/// Any number of instances may run it; one relays.
pub fn run(pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    tasks.spawn(outbox::run(OUTBOX, pool.clone(), kafka, CATALOG_EVENTS, tasks.stop()));
    tasks.every("asking again for allotments", ASK_AGAIN_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(change::ask_again(&pool).await?) }
    });
}
