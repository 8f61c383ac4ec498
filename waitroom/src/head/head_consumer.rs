//! Follows the topic `heads` and the rooms' settings. Waiting depends on nothing else.

use std::{sync::Arc, time::Duration};

use admission::contract::{HEADS, HeadsMoved};
use kit::{
    kafka::{
        Kafka,
        reader::{Read, read},
    },
    serve::Tasks,
};
use sqlx::PgPool;

use crate::{room::live::Rooms, store};

/// How many rounds of reading rooms lie between two of reading their shows, which change seldom.
const SHOWS_EVERY_ROUNDS: u32 = 10;
const SETTINGS_EVERY: Duration = Duration::from_millis(300);
/// How often the head documents are written anew; they may be cached for a second anyway.
const DOCUMENTS_EVERY: Duration = Duration::from_millis(250);

/// Starts following. The rooms are ready when they and the heads published before the start were
/// read.
pub fn start(rooms: &Arc<Rooms>, pool: PgPool, kafka: Kafka, tasks: &Tasks) {
    let followed = rooms.clone();
    let mut round = 0u32;
    tasks.every("read rooms", SETTINGS_EVERY, move || {
        let (rooms, pool) = (followed.clone(), pool.clone());
        let every_show = round.is_multiple_of(SHOWS_EVERY_ROUNDS);
        round = round.wrapping_add(1);
        async move {
            let rows = store::rooms(&pool).await?;
            let gates = admission::contract::open_gates(&pool).await?;
            rooms.follow_settings(&rows, &gates);
            let wanted = if every_show {
                rows.into_iter().map(|row| row.show).collect()
            } else {
                rooms.without_show()
            };
            if !wanted.is_empty() {
                rooms.follow_shows(&wanted, catalog::contract::shows(&pool, &wanted).await?);
            }
            Ok(())
        }
    });
    let refreshed = rooms.clone();
    tasks.every("write head documents", DOCUMENTS_EVERY, move || {
        refreshed.refresh_documents();
        std::future::ready(Ok(()))
    });
    let rooms = rooms.clone();
    tasks.spawn(read(kafka, HEADS, tasks.stop(), move |met: Read<HeadsMoved>| match met {
        Read::Event { event, .. } => rooms.follow_heads(&event),
        Read::CaughtUp => rooms.caught_up(),
    }));
}
