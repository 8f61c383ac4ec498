//! Gathers what the checks look at. Reads only.
//!
//! The order matters while a sale is running: what follows from something else is read before it.
//! So a session's place is in the line that is read later, and a published head at or before the
//! committed one.

mod kafka;
mod postgres;
mod rows;

use anyhow::{Context, bail};

pub use rows::{Room, Session, Snapshot};

use crate::settings::Stores;

/// Takes the snapshot of one show, or of all.
///
/// # Errors
/// A server away, or a show that is nowhere.
pub async fn take(stores: &Stores, scope: Option<&str>) -> anyhow::Result<Snapshot> {
    let mut found = postgres::read(&stores.pool, scope).await.context("reading Postgres")?;
    if let Some(show) = scope
        && found.shards.is_empty()
        && found.rooms.is_empty()
    {
        bail!("there is no show {show} with stock or a room");
    }
    for shard in &mut found.shards {
        shard.redis =
            checkout::contract::snapshot(&stores.redis, shard.ticket_type.into(), shard.shard)
                .await
                .context("reading Redis")?;
    }
    let drains = kafka::drains(&stores.kafka, &found.writer_offsets)
        .await
        .context("reading orders.commands")?;
    let heads = kafka::heads(&stores.kafka).await.context("reading the heads")?;
    let mut rooms = Vec::with_capacity(found.rooms.len());
    for room in found.rooms {
        let name = room.room.clone();
        rooms.push(
            kafka::room(&stores.kafka, room, &heads)
                .await
                .with_context(|| format!("reading the line of {name}"))?,
        );
    }
    Ok(Snapshot {
        shards: found.shards,
        allotments: found.allotments,
        tickets: found.tickets,
        codes: found.codes,
        orders: found.orders,
        bought: found.bought,
        payments: found.payments,
        sessions: found.sessions,
        outbox: found.outbox,
        drains,
        rooms,
    })
}
