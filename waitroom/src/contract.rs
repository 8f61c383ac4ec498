//! All that other crates may use of the waiting room: making rooms and steering them.

use admission::contract::{GateSettings, LINE_SETTINGS, line_topic, put_gate};
use anyhow::{Context, bail};
use kit::kafka::Kafka;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::store;
pub use crate::{
    phase::Phase,
    place::{PlaceClaims, ahead},
    routes::{HeadDocument, PassBody, PlaceBody, TicketBody},
};

/// What it takes to protect a show with a room.
#[derive(Debug, Clone)]
pub struct NewRoom {
    pub room: String,
    pub show: String,
    pub lanes: i32,
    pub rate_per_sec: f64,
    pub max_active: i32,
    pub claim_window_secs: i32,
    pub message: String,
}

/// The value of a record in a line. Who joins is not in it: a place belongs to whoever holds its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEntry {
    /// Version of this form.
    pub v: u8,
}

/// Makes a room, its line topic and its gate. Making the same room again does nothing.
///
/// # Errors
/// Kafka or Postgres away, or values that no room can have.
pub async fn create_room(pool: &PgPool, kafka: &Kafka, new: &NewRoom) -> anyhow::Result<()> {
    // The topic first: a room without a line would refuse every fan.
    kafka.ensure_topic(&line_topic(&new.room), new.lanes, &LINE_SETTINGS).await?;
    admission::contract::ensure_heads_topic(kafka).await?;
    let mut transaction = pool.begin().await?;
    let phase = Phase::Scheduled;
    let is_new = store::insert_room(&mut transaction, &new.room, &new.show, phase, new.lanes, &new.message).await?;
    if is_new {
        let gate = GateSettings {
            room: new.room.clone(),
            lanes: new.lanes,
            rate_per_sec: new.rate_per_sec,
            max_active: new.max_active,
            claim_window_secs: new.claim_window_secs,
            state: phase.gate(),
        };
        put_gate(&mut transaction, &gate).await?;
    }
    transaction.commit().await.context("making the room")
}

/// What to change of a room; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct RoomChange {
    pub phase: Option<Phase>,
    pub rate_per_sec: Option<f64>,
    pub max_active: Option<i32>,
    pub claim_window_secs: Option<i32>,
    pub message: Option<String>,
}

/// Steers a room. Every instance follows within half a second.
///
/// # Errors
/// An unknown room, a phase that cannot follow the present one, values that no gate can have, Postgres away.
pub async fn change_room(pool: &PgPool, room: &str, change: &RoomChange) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    let Some(row) = store::room_for_update(&mut transaction, room).await? else {
        bail!("there is no room {room}");
    };
    let Some(mut gate) = admission::contract::gate(&mut *transaction, room).await? else {
        bail!("room {room} has no gate");
    };
    if let Some(next) = change.phase.filter(|next| *next != row.phase) {
        if !row.phase.allows(next) {
            bail!("room {room} is {} and cannot become {}", row.phase.as_text(), next.as_text());
        }
        store::set_phase(&mut transaction, room, next).await?;
        gate.state = next.gate();
    }
    if let Some(message) = &change.message {
        store::set_message(&mut transaction, room, message).await?;
    }
    gate.rate_per_sec = change.rate_per_sec.unwrap_or(gate.rate_per_sec);
    gate.max_active = change.max_active.unwrap_or(gate.max_active);
    gate.claim_window_secs = change.claim_window_secs.unwrap_or(gate.claim_window_secs);
    put_gate(&mut transaction, &gate).await.context("changing the gate")?;
    transaction.commit().await.context("changing the room")
}
