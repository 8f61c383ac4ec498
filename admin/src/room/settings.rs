//! Steering rooms and their draws, with an entry in the audit log for each change.

use admission::contract::Entropy;
use anyhow::Context;
use catalog::contract::ShowId;
use kit::http::RequestId;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use waitroom::contract::{
    Changed, EntropyEntry, RoomChange, RoomState, change_room_in, enter_entropy_in,
};

use crate::{
    App,
    audit::{Actor, AuditEntry},
    error::Error,
    staff::Staff,
    store::audit::record,
};

/// What a preview was made of, in a few characters: it differs where the room's settings do.
pub fn mark(room: &RoomState) -> String {
    let text = serde_json::to_string(room).unwrap_or_default();
    hex::encode(&kit::secret::hash(&text)[..8])
}

/// Changes a room; every instance follows within half a second. `seen` is the [`mark`] of the room
/// whose preview was confirmed, `None` where none was asked for.
///
/// # Errors
/// [`Error::RoomUnknown`], [`Error::PhaseCannotFollow`], [`Error::Field`];
/// [`Error::ChangedMeanwhile`] where the room is no longer as it was when the effect was shown.
pub async fn change(
    app: &App,
    staff: &Staff,
    room: &str,
    change: &RoomChange,
    seen: Option<&str>,
    request: &RequestId,
) -> Result<Changed, Error> {
    let mut tx = app.pool.begin().await?;
    let changed = change_in(&mut tx, staff.into(), room, change, seen, request).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Fixes what a room's draw waits for, once; gives what is mixed in.
///
/// # Errors
/// [`Error::RoomUnknown`], [`Error::RoomClosed`], [`Error::Field`]; [`Error::DoesNotDraw`],
/// [`Error::EntriesOpen`], [`Error::EntropyNotAnnounced`], [`Error::EntropyFixed`].
pub async fn enter_entropy(
    app: &App,
    staff: &Staff,
    room: &str,
    entry: &EntropyEntry,
    request: &RequestId,
) -> Result<Entropy, Error> {
    let mut tx = app.pool.begin().await?;
    let fixed = enter_entropy_in(&mut tx, room, entry).await?;
    if !fixed.was_fixed {
        let entry = AuditEntry::new("room.entropy", format!("room {room}"))
            .before(json!({"entropy": null}))
            .after(json!({"entropy": fixed.entropy}));
        record(&mut tx, staff, request, &entry).await?;
    }
    tx.commit().await?;
    Ok(fixed.entropy)
}

/// What would be mixed in; changes nothing, and is refused where entering it would be.
///
/// # Errors
/// As [`enter_entropy`].
pub async fn check_entropy(app: &App, room: &str, entry: &EntropyEntry) -> Result<Entropy, Error> {
    let mut tx = app.pool.begin().await?;
    let fixed = enter_entropy_in(&mut tx, room, entry).await?;
    tx.rollback().await?;
    Ok(fixed.entropy)
}

/// Changes a room within the caller's transaction, as [`change`] does.
pub async fn change_in(
    tx: &mut PgConnection,
    actor: Actor<'_>,
    room: &str,
    change: &RoomChange,
    seen: Option<&str>,
    request: &RequestId,
) -> Result<Changed, Error> {
    let changed = change_room_in(tx, room, change).await?;
    if seen.is_some_and(|seen| seen != mark(&changed.before)) {
        return Err(Error::ChangedMeanwhile);
    }
    let wakes = change.wake && changed.before.sleep.asleep;
    if changed.before != changed.after || wakes {
        let what = if wakes { "room.wake" } else { "room.change" };
        let entry = AuditEntry::new(what, format!("room {room}"))
            .before(json!(changed.before))
            .after(json!(changed.after));
        record(tx, actor, request, &entry).await?;
    }
    Ok(changed)
}

/// Steers a room for somebody at a shell of this machine, with the entry in the audit log in the
/// same transaction.
///
/// # Errors
/// What is wrong with the change, in words, or the database's.
pub async fn change_at_shell(
    pool: &PgPool,
    unix_user: &str,
    room: &str,
    change: &RoomChange,
) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    let who = format!("command line ({unix_user})");
    let made =
        change_in(&mut tx, Actor::at_shell(&who), room, change, None, &RequestId::fresh()).await;
    made.with_context(|| format!("changing room {room}"))?;
    tx.commit().await.context("changing the room")
}

/// The zone that times of a show's room are told in: its venue's.
pub async fn time_zone(app: &App, show: &ShowId) -> Result<String, Error> {
    let known = catalog::contract::show(&app.pool, show).await?;
    Ok(known.map_or_else(|| "UTC".to_owned(), |show| show.venue.time_zone))
}
