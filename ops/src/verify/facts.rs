//! Gathers what the checks look at. Reads only.
//!
//! The order matters while a sale is running: what follows from something else is read before it.
//! So a session's place is in the line that is read later, and a published head at or before the
//! committed one.

mod books;
mod lines;

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::Serialize;
use uuid::Uuid;

use super::{
    line::{Joined, LaneState, Published},
    orders::{Bought, Order, Payment},
    sessions::Span,
    stock::{Allotment, Shard},
};
use crate::settings::Stores;

/// Everything the checks look at.
pub struct Facts {
    pub shards: Vec<Shard>,
    pub allotments: Vec<Allotment>,
    /// Good tickets issued by ticket type.
    pub tickets: BTreeMap<Uuid, i64>,
    pub codes: Vec<String>,
    pub orders: Vec<Order>,
    pub bought: Vec<Bought>,
    pub payments: Vec<Payment>,
    pub sessions: Vec<Session>,
    pub rooms: Vec<Room>,
    pub drains: Vec<Drain>,
    pub outbox: Vec<Unsent>,
}

/// A session and the place it was opened with.
pub struct Session {
    pub span: Span,
    pub place: String,
}

/// A room's line and heads.
pub struct Room {
    pub room: String,
    /// Whether the line must still be there.
    pub is_open: bool,
    /// As many as the room has; the line may have fewer only if it is gone.
    pub lanes_expected: i32,
    pub lanes: Vec<LaneState>,
    pub joined: Joined,
    pub published: Vec<Published>,
    /// Whether the topic `heads` still has everything that was ever published.
    pub heads_from_start: bool,
}

/// How far the writer of one partition of commands is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drain {
    pub partition: i32,
    pub next_offset: i64,
    pub end: i64,
}

/// An event that was not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsent {
    pub outbox_id: i64,
    pub key: String,
}

/// Gathers the facts of one show, or of all.
///
/// # Errors
/// A server away, or a show that is nowhere.
pub async fn gather(stores: &Stores, scope: Option<&str>) -> anyhow::Result<Facts> {
    let mut books = books::read(&stores.pool, scope).await.context("reading Postgres")?;
    if let Some(show) = scope
        && books.shards.is_empty()
        && books.rooms.is_empty()
    {
        bail!("there is no show {show} with stock or a room");
    }
    for shard in &mut books.shards {
        shard.redis = checkout::contract::snapshot(&stores.redis, shard.ticket_type, shard.shard)
            .await
            .context("reading Redis")?;
    }
    let drains = lines::drains(&stores.kafka, &books.writer_offsets)
        .await
        .context("reading orders.commands")?;
    let heads = lines::heads(&stores.kafka).await.context("reading the heads")?;
    let mut rooms = Vec::with_capacity(books.rooms.len());
    for room in books.rooms {
        let name = room.room.clone();
        rooms.push(
            lines::room(&stores.kafka, room, &heads)
                .await
                .with_context(|| format!("reading the line of {name}"))?,
        );
    }
    Ok(Facts {
        shards: books.shards,
        allotments: books.allotments,
        tickets: books.tickets,
        codes: books.codes,
        orders: books.orders,
        bought: books.bought,
        payments: books.payments,
        sessions: books.sessions,
        outbox: books.outbox,
        drains,
        rooms,
    })
}
