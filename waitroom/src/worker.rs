//! What the waiting room does by itself.

use kit::{kafka::Kafka, serve::Tasks};
use sqlx::PgPool;

use crate::{app::App, head::head_consumer, room::schedule};

/// Starts following heads, rooms and the catalog. `pool` is for the background: a crowd of requests
/// must not keep it waiting.
pub fn run(app: &App, pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    schedule::start(&pool, &kafka, tasks);
    head_consumer::start(&app.rooms, pool, kafka, tasks);
}
