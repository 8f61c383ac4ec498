//! What the catalog does by itself: its events go out to Kafka.

use kit::{kafka::Kafka, outbox, serve::Tasks};
use sqlx::PgPool;

use crate::{
    event::{CATALOG_TOPIC, PARTITIONS, RETENTION_MS},
    store::outbox::Outbox,
};

/// Starts the relay of `catalog.outbox` to `catalog.events`. Any number of instances may run it; one relays.
pub fn run(pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    let topic = outbox::Topic { name: CATALOG_TOPIC, partitions: PARTITIONS, retention_ms: RETENTION_MS };
    tasks.spawn(outbox::run::<Outbox>(pool, kafka, topic, tasks.stop()));
}
