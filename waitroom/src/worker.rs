//! What the waiting room does by itself.

use std::time::Duration;

use kit::{kafka::Kafka, serve::Tasks};
use sqlx::PgPool;

use crate::{
    app::App,
    draw::{make, relays},
    head::{head_consumer, reader_watch},
    room::{fall_asleep, schedule, wake},
    transcript::recorder,
    turn_mail::sweep,
};

const LEFT_EVERY: Duration = Duration::from_secs(1);

/// Starts following heads, rooms, the catalog, those who leave and those whose turn is
/// near. `pool` is for the background: a
/// crowd of requests must not keep it waiting.
pub fn run(app: &App, pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    schedule::start(&pool, &kafka, tasks);
    wake::start(&app.waker, tasks);
    make::start(&pool, &kafka, &app.left_marks, tasks);
    relays::start(&pool, &app.drand_urls, tasks);
    sweep::start(&app.rooms, &app.turn_mails, &pool, tasks);
    if let Err(error) = reader_watch::start(&app.rooms, &kafka, tasks) {
        tracing::error!(error = format!("{error:#}"), "nobody watches the reader of heads");
    }
    if let Err(error) = recorder::start(&app.rooms, &pool, &kafka, app.roots_every, tasks) {
        tracing::error!(error = format!("{error:#}"), "no line is recorded by this instance");
    }
    let stores = (&pool, &app.redis, &kafka);
    if let Err(error) = fall_asleep::start(&app.rooms, stores, app.sleep_after, tasks) {
        tracing::error!(error = format!("{error:#}"), "no room falls asleep at this instance");
    }
    head_consumer::start(&app.rooms, pool, kafka, tasks);
    let (rooms, marks) = (app.rooms.clone(), app.left_marks.clone());
    tasks.every("read who left", LEFT_EVERY, move || {
        let (rooms, marks) = (rooms.clone(), marks.clone());
        async move { Ok(marks.follow(&rooms).await?) }
    });
}
