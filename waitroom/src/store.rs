//! All the SQL of the waiting room. Fans are not in it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::phase::Phase;

/// A room as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomRow {
    pub room: String,
    pub show: String,
    pub phase: Phase,
    pub lanes: i32,
    pub message: String,
    pub opened_at: Option<DateTime<Utc>>,
}

struct Raw {
    room: String,
    show: String,
    phase: String,
    lanes: i32,
    message: String,
    opened_at: Option<DateTime<Utc>>,
}

impl From<Raw> for RoomRow {
    fn from(raw: Raw) -> Self {
        Self {
            // A CHECK keeps other texts out of the table; should one get in, the room lets nobody do anything.
            phase: Phase::of_text(&raw.phase).unwrap_or(Phase::Closed),
            room: raw.room,
            show: raw.show,
            lanes: raw.lanes,
            message: raw.message,
            opened_at: raw.opened_at,
        }
    }
}

/// All rooms a fan may still ask for: those not closed, and those closed within a day.
pub async fn rooms(pool: &PgPool) -> sqlx::Result<Vec<RoomRow>> {
    let rows = sqlx::query_as!(
        Raw,
        "SELECT room, show, phase, lanes, message, opened_at FROM waitroom.rooms
         WHERE closed_at IS NULL OR closed_at > now() - interval '1 day' ORDER BY room"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn room_for_update(connection: &mut PgConnection, room: &str) -> sqlx::Result<Option<RoomRow>> {
    let row = sqlx::query_as!(
        Raw,
        "SELECT room, show, phase, lanes, message, opened_at FROM waitroom.rooms WHERE room = $1 FOR UPDATE",
        room
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Inserts a room; `false` where it is there already.
pub async fn insert_room(
    connection: &mut PgConnection,
    room: &str,
    show: &str,
    phase: Phase,
    lanes: i32,
    message: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO waitroom.rooms (room, show, phase, lanes, message) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (room) DO NOTHING",
        room,
        show,
        phase.as_text(),
        lanes,
        message
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_phase(connection: &mut PgConnection, room: &str, phase: Phase) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET phase = $2,
             opened_at = CASE WHEN $2 = 'open' THEN coalesce(opened_at, now()) ELSE opened_at END,
             closed_at = CASE WHEN $2 = 'closed' THEN now() ELSE closed_at END
         WHERE room = $1",
        room,
        phase.as_text()
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_message(connection: &mut PgConnection, room: &str, message: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE waitroom.rooms SET message = $2 WHERE room = $1", room, message).execute(connection).await?;
    Ok(())
}
