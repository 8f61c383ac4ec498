//! The background work of the admin role.

use std::time::Duration;

use kit::serve::Tasks;

use crate::{
    App, room::sampler, security::KEPT_DAYS, staff::accounts::StaffAccounts, store,
    support::SUPPORT_EVENTS,
};

const FORGET: Duration = Duration::from_secs(600);

/// Starts looking at rooms, publishing support events, and forgetting sessions that are over and
/// failures that are old.
pub fn run(app: &App, tasks: &Tasks) {
    sampler::start(app, tasks);
    identity::worker::forget_sessions::<StaffAccounts>(app.pool.clone(), tasks);
    let pool = app.pool.clone();
    tasks.every("forget old failures", FORGET, move || {
        let pool = pool.clone();
        async move { Ok(store::security::forget(&pool, KEPT_DAYS).await.map(drop)?) }
    });
    tasks.spawn(kit::outbox::run(
        store::outbox::OUTBOX,
        app.pool.clone(),
        app.kafka.clone(),
        SUPPORT_EVENTS,
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
