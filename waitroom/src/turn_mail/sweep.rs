//! Looks for turns that are near, and forgets addresses that are of no more use. Every instance
//! does: no two find the same.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use kit::serve::Tasks;
use sqlx::PgPool;

use crate::{
    room::live::{Room, rooms::Rooms},
    store::turn_mail as store,
    turn_mail::{
        NearTurn,
        asking::TurnMails,
        near::{self, Nearness, nearness},
    },
};

const EVERY: Duration = Duration::from_secs(2);
const FORGET_EVERY: Duration = Duration::from_secs(30);
const BATCH_MAX: i64 = 500;

/// Starts both. `pool` is for the background.
pub fn start(rooms: &Arc<Rooms>, mails: &Arc<TurnMails>, pool: &PgPool, tasks: &Tasks) {
    let (rooms, mails, of_near) = (rooms.clone(), mails.clone(), pool.clone());
    tasks.every("looking for turns that are near", EVERY, move || {
        let (rooms, mails, pool) = (rooms.clone(), mails.clone(), of_near.clone());
        async move { Ok(round(&rooms, &mails, &pool).await?) }
    });
    let pool = pool.clone();
    tasks.every("forgetting addresses of those who waited", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(store::forget_over(&pool).await?) }
    });
}

async fn round(rooms: &Rooms, mails: &TurnMails, pool: &PgPool) -> sqlx::Result<()> {
    mails.forget_left(pool).await?;
    let mut rooms = rooms.all();
    // What is not known to be so is told to nobody.
    rooms.retain(|room| !room.is_stale() && !room.document().head.stale);
    let names: Vec<String> = rooms.iter().map(|room| room.name.to_string()).collect();
    let asked = if names.is_empty() { names } else { store::rooms_asked_in(pool, &names).await? };
    for room in rooms.iter().filter(|room| asked.iter().any(|name| **name == *room.name)) {
        while find_near(room, pool).await? {}
    }
    Ok(())
}

/// Marks mails whose turn is near and forgets those of whoever left or was let in. Says whether
/// there may be more.
async fn find_near(room: &Room, pool: &PgPool) -> sqlx::Result<bool> {
    let (document, now) = (room.document(), Utc::now());
    let bounds = near::bounds(&document.head);
    let mut tx = pool.begin().await?;
    let found = store::lock_before(&mut tx, &room.name, &bounds, BATCH_MAX).await?;
    let (mut near, mut over) = (Vec::new(), Vec::new());
    for (id, place) in &found {
        match nearness(&document.head, place, now) {
            _ if room.has_left_at(place) => over.push(*id),
            Nearness::Come => over.push(*id),
            Nearness::Near { from, to } => near.push(NearTurn { id: *id, from, to }),
            Nearness::Far => {}
        }
    }
    store::mark_near(&mut tx, &near).await?;
    store::forget(&mut tx, &over).await?;
    tx.commit().await?;
    metrics::counter!("fairgate_turns_near_total", "room" => room.name.to_string())
        .increment(near.len() as u64);
    // Whoever is none of both would be found again.
    Ok((near.len() + over.len()) as i64 == BATCH_MAX)
}
