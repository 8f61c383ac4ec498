//! Making rooms and steering them. Who may is the caller's business.

use admission::contract::{GateSettings, LINE_SETTINGS, gate, gates, line_topic, put_gate};
use anyhow::Context;
use catalog::contract::Stop;
use chrono::{DateTime, TimeDelta, Utc};
use kit::kafka::Kafka;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;

use crate::{
    room::phase::Phase,
    store::{self, RoomRow},
};

const CLOSES_AFTER: TimeDelta = TimeDelta::hours(24);

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
    /// When it opens by itself; `None` where somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
}

/// What to change of a room; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct RoomChange {
    pub phase: Option<Phase>,
    /// Fans let in per second, 0 to 10,000.
    pub rate_per_sec: Option<f64>,
    /// Sessions in checkout at once, 0 to 1,000,000.
    pub max_active: Option<i32>,
    /// 1 to 86,400.
    pub claim_window_secs: Option<i32>,
    /// 500 characters at most.
    pub message: Option<String>,
}

/// A room as operators set it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RoomState {
    pub room: String,
    pub show: String,
    pub phase: Phase,
    pub lanes: i32,
    /// Fans let in per second, at most.
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most.
    pub max_active: i32,
    /// How long a fan who was let in may take to come, in seconds.
    pub claim_window_secs: i32,
    /// Shown to everybody who waits.
    pub message: String,
    /// When it opens by itself; null where somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
    /// When it closes by itself, for good: a day after its show begins. Null where somebody closes
    /// it.
    pub closes_at: Option<DateTime<Utc>>,
    /// Why nobody is let in, whatever the phase: the sale of the show was stopped. Null where
    /// nothing stops it.
    pub stop: Option<Stop>,
}

/// What a change made of a room.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Changed {
    pub before: RoomState,
    pub after: RoomState,
}

/// Why a room was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    #[error("there is no such room")]
    Unknown,
    #[error("a room that is {} cannot become {}", from.as_text(), to.as_text())]
    PhaseCannotFollow { from: Phase, to: Phase },
    /// A value does not fit; `detail` says what would.
    #[error("{field} {detail}")]
    Value { field: &'static str, detail: String },
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

impl RoomState {
    fn of(row: RoomRow, gate: GateSettings) -> Self {
        Self {
            room: row.room,
            show: row.show,
            phase: row.phase,
            lanes: row.lanes,
            rate_per_sec: gate.rate_per_sec,
            max_active: gate.max_active,
            claim_window_secs: gate.claim_window_secs,
            message: row.message,
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            stop: row.stop,
        }
    }

    fn gate(&self) -> GateSettings {
        GateSettings {
            room: self.room.clone(),
            lanes: self.lanes,
            rate_per_sec: self.rate_per_sec,
            max_active: self.max_active,
            claim_window_secs: self.claim_window_secs,
            state: stopped_phase(self.phase, self.stop).gate(),
        }
    }
}

/// What a change makes of a room. Pure.
///
/// # Errors
/// [`RoomError::PhaseCannotFollow`], [`RoomError::Value`].
pub fn changed(before: &RoomState, change: &RoomChange) -> Result<RoomState, RoomError> {
    let refuse = |field, detail: &str| Err(RoomError::Value { field, detail: detail.to_owned() });
    let mut after = before.clone();
    if let Some(to) = change.phase.filter(|to| *to != before.phase) {
        if !before.phase.allows(to) {
            return Err(RoomError::PhaseCannotFollow { from: before.phase, to });
        }
        after.phase = to;
    }
    if let Some(rate) = change.rate_per_sec {
        if !(0.0..=10_000.0).contains(&rate) {
            return refuse("rate_per_sec", "must be 0 to 10,000 fans a second");
        }
        after.rate_per_sec = rate;
    }
    if let Some(cap) = change.max_active {
        if !(0..=1_000_000).contains(&cap) {
            return refuse("max_active", "must be 0 to 1,000,000 sessions");
        }
        after.max_active = cap;
    }
    if let Some(secs) = change.claim_window_secs {
        if !(1..=86_400).contains(&secs) {
            return refuse("claim_window_secs", "must be 1 to 86,400 seconds");
        }
        after.claim_window_secs = secs;
    }
    if let Some(message) = &change.message {
        let unfit =
            |character: char| character.is_control() && character != '\n' && character != '\r';
        if message.chars().count() > 500 || message.contains(unfit) {
            return refuse("message", "must be 500 characters at most, without control characters");
        }
        after.message.clone_from(message);
    }
    Ok(after)
}

/// Makes a room, its line topic and its gate. Making the same room again does nothing. The room of
/// a show that is in the catalog and not over closes by itself when it is.
///
/// # Errors
/// Kafka or Postgres away, another room for the show, or values that no room can have.
pub async fn create_room(pool: &PgPool, kafka: &Kafka, new: &NewRoom) -> anyhow::Result<()> {
    // The topic first: a room without a line would refuse every fan.
    kafka.ensure_topic(&line_topic(&new.room), new.lanes, &LINE_SETTINGS).await?;
    admission::contract::ensure_heads_topic(kafka).await?;
    let show = catalog::contract::show(pool, &new.show).await?;
    let closes_at =
        show.map(|show| closing(show.starts_at)).filter(|closes_at| *closes_at > Utc::now());
    let mut transaction = pool.begin().await?;
    let phase = Phase::Scheduled;
    if store::insert_room(&mut transaction, new, phase, closes_at).await? {
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
    transaction.commit().await.context("making the room")?;
    // Looked at only now: whoever stops the sale from here on finds the room.
    follow_stop(pool, &new.room).await
}

/// The phase that fans meet: a stopped room that would be open is paused, and everybody keeps their
/// place.
pub(crate) fn stopped_phase(phase: Phase, stop: Option<Stop>) -> Phase {
    if stop.is_some() && phase == Phase::Open { Phase::Paused } else { phase }
}

/// Stops a room or lets it go on as it was, as the sale of its show is; the room of a show that was
/// withdrawn closes. Doing so again changes nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn follow_stop(pool: &PgPool, room: &str) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    let Some(row) = store::room_for_update(&mut tx, room).await? else { return Ok(()) };
    // Read under the room's lock: of two who follow at once, the later one writes what is so.
    let stop = catalog::contract::stop(&mut *tx, &row.show).await?;
    let gate = gate(&mut *tx, room).await?.with_context(|| format!("room {room} has no gate"))?;
    let before = RoomState::of(row, gate);
    let phase = if stop == Some(Stop::Withdrawn) { Phase::Closed } else { before.phase };
    let after = RoomState { stop, phase, ..before.clone() };
    if after == before {
        return Ok(());
    }
    store::set_stop(&mut tx, room, stop).await?;
    if after.phase != before.phase {
        store::set_phase(&mut tx, room, after.phase).await?;
    }
    if after.gate() != before.gate() {
        put_gate(&mut tx, &after.gate()).await?;
    }
    tx.commit().await.context("stopping the room")?;
    let stop = stop.map_or("none", Stop::as_text);
    tracing::info!(room, stop, "the sale of its show was stopped or goes on");
    Ok(())
}

/// When the room of a show that begins at `starts_at` closes by itself: long after anybody buys a
/// ticket.
pub(crate) fn closing(starts_at: DateTime<Utc>) -> DateTime<Utc> {
    starts_at + CLOSES_AFTER
}

/// Steers a room. Every instance follows within half a second.
///
/// # Errors
/// A [`RoomError`], named with its room.
pub async fn change_room(pool: &PgPool, room: &str, change: &RoomChange) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    change_room_in(&mut transaction, room, change)
        .await
        .with_context(|| format!("changing room {room}"))?;
    transaction.commit().await.context("changing the room")
}

/// Steers a room within the caller's transaction, so that what it did can be written down in the
/// same.
///
/// # Errors
/// A [`RoomError`]; after any but [`RoomError::Store`] the transaction can go on, and nothing was
/// changed.
pub async fn change_room_in(
    tx: &mut PgConnection,
    room: &str,
    change: &RoomChange,
) -> Result<Changed, RoomError> {
    let row = store::room_for_update(tx, room).await?.ok_or(RoomError::Unknown)?;
    let gate = gate(&mut *tx, room).await?.ok_or(RoomError::Unknown)?;
    let before = RoomState::of(row, gate);
    let after = changed(&before, change)?;
    if after.phase != before.phase {
        store::set_phase(tx, room, after.phase).await?;
        if after.phase == Phase::Closed {
            catalog::contract::end_sale(tx, &after.show).await?;
        }
    }
    if after.message != before.message {
        store::set_message(tx, room, &after.message).await?;
    }
    if after.gate() != before.gate() {
        put_gate(tx, &after.gate()).await?;
    }
    Ok(Changed { before, after })
}

/// One room, however long it has been closed.
pub async fn room(pool: &PgPool, room: &str) -> sqlx::Result<Option<RoomState>> {
    let Some(row) = store::room(pool, room).await? else { return Ok(None) };
    Ok(gate(pool, room).await?.map(|gate| RoomState::of(row, gate)))
}

/// The rooms that are not closed and those that were closed within a day, by name.
pub async fn rooms(pool: &PgPool) -> sqlx::Result<Vec<RoomState>> {
    let rows = store::rooms(pool).await?;
    let names: Vec<String> = rows.iter().map(|row| row.room.clone()).collect();
    let mut gates: std::collections::HashMap<_, _> =
        gates(pool, &names).await?.into_iter().map(|gate| (gate.room.clone(), gate)).collect();
    Ok(rows
        .into_iter()
        .filter_map(|row| gates.remove(&row.room).map(|gate| RoomState::of(row, gate)))
        .collect())
}

/// The name of the room that protects a show.
pub async fn room_of_show(pool: &PgPool, show: &str) -> sqlx::Result<Option<String>> {
    store::room_of_show(pool, show).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_room() -> RoomState {
        RoomState {
            room: "r".to_owned(),
            show: "s".to_owned(),
            phase: Phase::Open,
            lanes: 4,
            rate_per_sec: 10.0,
            max_active: 100,
            claim_window_secs: 120,
            message: String::new(),
            opens_at: None,
            closes_at: None,
            stop: None,
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let before = a_room();
        assert_eq!(changed(&before, &RoomChange::default()).expect("nothing"), before);
        let change = RoomChange {
            rate_per_sec: Some(0.5),
            phase: Some(Phase::Paused),
            ..RoomChange::default()
        };
        let after = changed(&before, &change).expect("a change");
        assert_eq!(after, RoomState { rate_per_sec: 0.5, phase: Phase::Paused, ..before });
    }

    #[test]
    fn values_that_no_room_can_have_are_refused_by_name() {
        let refused = |change: RoomChange| match changed(&a_room(), &change) {
            Err(RoomError::Value { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        for rate in [-1.0, 10_001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                refused(RoomChange { rate_per_sec: Some(rate), ..RoomChange::default() }),
                "rate_per_sec"
            );
        }
        assert_eq!(
            refused(RoomChange { max_active: Some(-1), ..RoomChange::default() }),
            "max_active"
        );
        assert_eq!(
            refused(RoomChange { claim_window_secs: Some(0), ..RoomChange::default() }),
            "claim_window_secs"
        );
        for message in ["\u{0}".to_owned(), "x".repeat(501)] {
            assert_eq!(
                refused(RoomChange { message: Some(message), ..RoomChange::default() }),
                "message"
            );
        }
        let back = RoomChange { phase: Some(Phase::Draft), ..RoomChange::default() };
        assert!(matches!(changed(&a_room(), &back), Err(RoomError::PhaseCannotFollow { .. })));
    }
}
