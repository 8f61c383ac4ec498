//! Follows the topic `heads` and the rooms' settings. Waiting depends on nothing else.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{HEADS, HeadsMoved, RoomName, SNAPSHOTS};
use chrono::{TimeDelta, Utc};
use kit::{
    kafka::{
        Kafka,
        reader::{Read, read_once, read_since},
    },
    serve::Tasks,
};
use sqlx::PgPool;

use crate::{
    head::replay::{Replay, replay},
    room::{live::rooms::Rooms, phase::Phase},
    store,
};

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
            let asked = Instant::now();
            let rows = store::held_rooms(&pool, &rooms.asleep_in_use()).await?;
            // Of a room that has closed, pages still say how long a turn was.
            let names: Vec<_> = rows.iter().map(|row| row.room.clone()).collect();
            let gates = admission::contract::gates(&pool, &names).await?;
            rooms.follow_settings(asked, &rows, &gates);
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
    let (rooms, stop) = (rooms.clone(), tasks.stop());
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => return,
            () = rooms.until_known() => {}
        }
        let Some(snapshots) = read_once(kafka.clone(), SNAPSHOTS, &stop).await else { return };
        let (open, longest) = windows(&rooms);
        let Replay { since, before } = replay(snapshots, &open, longest, Utc::now());
        tracing::info!(?since, rooms = open.len(), "reading heads");
        for event in before {
            rooms.follow_heads(Read::Event { event, at_ms: None });
        }
        let since_ms = since.map(|since| since.timestamp_millis());
        let see = move |met: Read<HeadsMoved>| rooms.follow_heads(met);
        read_since(kafka, HEADS, since_ms, stop, see).await;
    });
}

/// The rooms that are not closed, and the longest claim window of all.
fn windows(rooms: &Rooms) -> (HashSet<RoomName>, TimeDelta) {
    let all = rooms.all();
    let infos = || all.iter().map(|room| (room, room.info()));
    let open = infos().filter(|(_, info)| info.phase != Phase::Closed);
    let open = open.map(|(room, _)| room.name.clone()).collect();
    let longest = infos().map(|(_, info)| info.claim_window_secs).max().unwrap_or_default();
    (open, TimeDelta::seconds(longest.into()))
}
