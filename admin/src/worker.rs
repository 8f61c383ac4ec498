//! The background work of the admin role.

use std::time::Duration;

use kit::{outbox::Topic, serve::Tasks};

use crate::{App, room::sampler, security::KEPT_DAYS, store, support::SUPPORT_TOPIC};

const FORGET: Duration = Duration::from_secs(600);
const TOPIC: Topic = Topic { name: SUPPORT_TOPIC, partitions: 2, retention_ms: "604800000" };

/// Starts looking at rooms, publishing support events, and forgetting sessions that are over and
/// failures that are old.
pub fn run(app: &App, tasks: &Tasks) {
    sampler::start(app, tasks);
    let pool = app.pool.clone();
    tasks.every("forget old sessions", FORGET, move || {
        let pool = pool.clone();
        async move { Ok(store::session::forget(&pool).await?) }
    });
    let pool = app.pool.clone();
    tasks.every("forget old failures", FORGET, move || {
        let pool = pool.clone();
        async move { Ok(store::security::forget(&pool, KEPT_DAYS).await.map(drop)?) }
    });
    tasks.spawn(kit::outbox::run(
        store::outbox::OUTBOX,
        app.pool.clone(),
        app.kafka.clone(),
        TOPIC,
        tasks.stop(),
    ));
    let (ending, stop, draining) = (app.ending.clone(), tasks.stop(), tasks.draining());
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = draining.cancelled() => {}
        }
        ending.cancel();
    });
}
