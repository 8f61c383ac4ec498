//! Making rooms and changing them. Who may is the caller's business.

use admission::contract::{
    EntropySource, GateSettings, GateState, LINE_SETTINGS, LineAt, LineMethod, RoomName, Seed,
    gate, gates, line_topic, put_gate,
};
use anyhow::Context;
use catalog::contract::Stop;
use chrono::Utc;
use kit::kafka::Kafka;
use sqlx::{PgConnection, PgPool};

use crate::{
    draw::DrawBody,
    room::{
        NewRoom, RoomState,
        change::{Changed, RoomChange, RoomError, changed},
        closing, pace_of,
        phase::Phase,
    },
    store::{self, RoomRow},
};

/// Makes a room and its gate, and its line topic unless it sleeps. Making the same room again does
/// nothing. The room of a show that is in the catalog and not over closes by itself when it is.
///
/// # Errors
/// Kafka or Postgres away, another room for the show, or values that no room can have.
pub async fn create_room(pool: &PgPool, kafka: &Kafka, new: &NewRoom) -> anyhow::Result<()> {
    // The topic first: a room that is awake and has no line would refuse every fan.
    if !new.sleeps {
        kafka.ensure_topic(&line_topic(&new.room), new.lanes, &LINE_SETTINGS).await?;
        admission::contract::ensure_heads_topic(kafka).await?;
    }
    let show = catalog::contract::show(pool, &new.show).await?;
    let closes_at =
        show.map(|show| closing(show.starts_at)).filter(|closes_at| *closes_at > Utc::now());
    let mut transaction = pool.begin().await?;
    let phase = Phase::Scheduled;
    if store::insert_room(&mut transaction, new, phase, closes_at).await? {
        let (rate_per_sec, pacing) = pace_of(new.method, new.rate_per_sec);
        let gate = GateSettings {
            room: new.room.clone(),
            lanes: new.lanes,
            rate_per_sec,
            max_active: new.max_active,
            claim_window_secs: new.claim_window_secs,
            pacing,
            state: if new.sleeps { GateState::Asleep } else { phase.gate() },
            cohort: None,
            line: LineAt::default(),
        };
        put_gate(&mut transaction, &gate).await?;
        if new.method == LineMethod::Draw {
            commit(&mut transaction, &new.room, new.entropy_source).await?;
        }
        catalog::contract::tell_line(&mut transaction, &new.show, phase.has_opened()).await?;
    }
    transaction.commit().await.context("making the room")?;
    // Looked at only now: whoever stops the sale from here on finds the room.
    follow_stop(pool, &new.room).await
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
    let before = row.state(gate);
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
    let stop = stop.map_or_else(|| "none".to_owned(), |stop| stop.to_string());
    tracing::info!(room, stop, "the sale of its show was stopped or goes on");
    Ok(())
}

/// Changes a room. Every instance follows within half a second.
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

/// Changes a room within the caller's transaction, so that what it did can be written down in the
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
    let before = row.state(gate);
    let mut after = changed(&before, change)?;
    if after.phase != before.phase {
        store::set_phase(tx, room, after.phase).await?;
        if after.phase == Phase::Closed {
            catalog::contract::end_sale(tx, &after.show).await?;
        } else {
            catalog::contract::tell_line(tx, &after.show, after.phase.has_opened()).await?;
        }
    }
    if after.method != before.method {
        store::set_method(tx, room, after.method).await?;
    }
    if after.method == LineMethod::Draw {
        after.draw = follow_source(tx, &before, change.entropy_source).await?;
    }
    if after.message != before.message {
        store::set_message(tx, room, &after.message).await?;
    }
    if after.sleep != before.sleep {
        store::sleep::set_limits(tx, room, &after.sleep).await?;
    }
    if after.sleep.asleep && (change.wake || after.sleep.needs_line(after.phase)) {
        store::sleep::want_awake(tx, room).await?;
    }
    if after.gate() != before.gate() {
        put_gate(tx, &after.gate()).await?;
    }
    Ok(Changed { before, after })
}

/// Commits a room to a seed that nobody knows, and to what is mixed in, unless it is committed.
async fn commit(tx: &mut PgConnection, room: &str, source: EntropySource) -> sqlx::Result<()> {
    store::draw::commit(tx, room, &Seed::new(rand::random()), source).await
}

/// Sees to it that a room that draws is committed, to `source` where one was asked for. Gives what
/// everybody may know of its draw then.
async fn follow_source(
    tx: &mut PgConnection,
    before: &RoomState,
    source: Option<EntropySource>,
) -> sqlx::Result<Option<DrawBody>> {
    let room = &*before.room;
    if before.method != LineMethod::Draw {
        commit(tx, room, source.unwrap_or(EntropySource::None)).await?;
    }
    let drawn = async |tx: &mut PgConnection| {
        let row = store::room_for_update(tx, room).await?;
        sqlx::Result::Ok(row.and_then(|row| row.draw).map(|draw| draw.public()))
    };
    let draw = drawn(tx).await?;
    let announced = draw.as_ref().map(|draw| draw.entropy_source);
    let Some(source) = source.filter(|source| Some(*source) != announced) else { return Ok(draw) };
    store::draw::commit_anew(tx, room, &Seed::new(rand::random()), source).await?;
    drawn(tx).await
}

/// Opens a room whose draw was made, within the transaction that reveals it.
pub(crate) async fn open_drawn(tx: &mut PgConnection, row: RoomRow) -> anyhow::Result<()> {
    let room = row.room.clone();
    let gate = gate(&mut *tx, &room).await?.with_context(|| format!("room {room} has no gate"))?;
    let cohort = row.draw.as_ref().and_then(|draw| draw.frozen.as_ref());
    let cohort = cohort.map(|frozen| frozen.cohort.clone());
    let after = RoomState { phase: Phase::Open, cohort, ..row.state(gate) };
    store::set_phase(tx, &room, after.phase).await?;
    put_gate(tx, &after.gate()).await?;
    catalog::contract::tell_line(tx, &after.show, after.phase.has_opened()).await?;
    Ok(())
}

/// One room, however long it has been closed.
pub async fn room(pool: &PgPool, room: &str) -> sqlx::Result<Option<RoomState>> {
    let Some(row) = store::room(pool, room).await? else { return Ok(None) };
    Ok(gate(pool, room).await?.map(|gate| row.state(gate)))
}

/// The rooms that are awake and not closed, those that were closed within a day, and the first
/// hundred of those that sleep, by name.
pub async fn rooms(pool: &PgPool) -> sqlx::Result<Vec<RoomState>> {
    let rows = store::rooms(pool).await?;
    let names: Vec<RoomName> = rows.iter().map(|row| row.room.clone()).collect();
    let mut gates: std::collections::HashMap<_, _> =
        gates(pool, &names).await?.into_iter().map(|gate| (gate.room.clone(), gate)).collect();
    Ok(rows
        .into_iter()
        .filter_map(|row| gates.remove(&row.room).map(|gate| row.state(gate)))
        .collect())
}
