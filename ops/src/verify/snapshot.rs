//! Collects what the checks look at. Reads only.
//!
//! The order matters while a sale is running: what follows from something else is read before it.
//! So a session's place is in the line that is read later, and a published head at or before the
//! committed one.

mod kafka;
mod postgres;
mod rows;

pub use kafka::turns;

use admission::contract::Gate;
use anyhow::{Context, bail};
use catalog::contract::ShowId;

pub use rows::{Room, Session, Snapshot};

use crate::{
    settings::Stores,
    verify::{
        line::{Joined, Published},
        sessions::Span,
        windows::SecondGrants,
    },
};

/// One room's line, heads and sessions.
pub struct Admitted {
    pub joined: Joined,
    pub published: Vec<Published>,
    pub spans: Vec<Span>,
}

/// Reads one room alone, and the sessions of its show.
///
/// # Errors
/// Kafka or Postgres away.
pub async fn admitted(stores: &Stores, show: &ShowId, room: &str) -> anyhow::Result<Admitted> {
    let (joined, published) =
        kafka::line(&stores.kafka, room).await.context("reading the line and its heads")?;
    let mut connection = stores.pool.acquire().await?;
    let sessions = postgres::sessions(&mut connection, Some(show)).await?;
    let spans = sessions.into_iter().map(|session| session.span);
    Ok(Admitted { joined, published, spans: spans.filter(|span| span.room == room).collect() })
}

/// What is said of a show that nothing is known of.
pub fn nowhere(show: &str) -> String {
    format!("there is no show {show} with stock or a room")
}

/// Takes the snapshot of one show, or of all.
///
/// # Errors
/// A server away, or a show that is nowhere.
pub async fn take(stores: &Stores, scope: Option<&ShowId>) -> anyhow::Result<Snapshot> {
    let mut found = postgres::read(&stores.pool, scope).await.context("reading Postgres")?;
    if let Some(show) = scope
        && found.shards.is_empty()
        && found.rooms.is_empty()
    {
        bail!(nowhere(show));
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
        let again = second_grants(stores, &name).await.context("reading Redis")?;
        rooms.push(
            kafka::room(&stores.kafka, room, &heads, again)
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

/// A gate that was lost with its Redis has forgotten them.
async fn second_grants(stores: &Stores, room: &str) -> anyhow::Result<SecondGrants> {
    let granted = Gate::new(stores.redis.clone()).second_grants(&room.parse()?).await?;
    let by_place = granted.into_iter();
    Ok(by_place.map(|(place, at)| ((place.lane, place.offset), at.timestamp_millis())).collect())
}
