//! Whether rooms sleep.

use admission::contract::{Entropy, LineAt, RoomName};
use catalog::contract::ShowId;
use sqlx::{PgConnection, PgPool, types::Json};

use super::{Raw, RoomRow};
use crate::room::sleep::Sleep;

/// The rooms that an instance holds: those that are awake and a fan may still ask for, and of those
/// that sleep the `asleep` ones, of which somebody asked.
pub async fn held_rooms(pool: &PgPool, asleep: &[RoomName]) -> sqlx::Result<Vec<RoomRow>> {
    let rows = sqlx::query_as!(
        Raw,
        r#"SELECT r.room AS "room: RoomName", show AS "show: ShowId", phase, lanes, message, method,
                  joins_at, opens_at, closes_at, stop, asleep, sleeps, wake_per_sec, wake_active,
                  drowsy_at IS NOT NULL AS "drowsy!", waking, bases, seed AS "seed?",
                  entropy_source AS "entropy_source?", committed_at AS "committed_at?",
                  ends AS "ends?", frozen_at AS "frozen_at?", roots AS "roots?",
                  entropy AS "entropy?: Json<Entropy>", drawn_at AS "drawn_at?"
           FROM waitroom.rooms r LEFT JOIN waitroom.draws USING (room)
           WHERE NOT asleep AND (closed_at IS NULL OR closed_at > now() - interval '1 day')
              OR r.room = ANY($1)
           ORDER BY room"#,
        &asleep.iter().map(|room| room.to_string()).collect::<Vec<_>>()
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Rooms that sleep and are wanted awake.
pub async fn rooms_to_wake(pool: &PgPool) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        r#"SELECT room AS "room: RoomName" FROM waitroom.rooms
           WHERE asleep AND wake_wanted AND phase <> 'closed' ORDER BY room LIMIT 100"#
    )
    .fetch_all(pool)
    .await
}

/// Writes that somebody wants a room awake.
pub async fn want_awake(connection: &mut PgConnection, room: &str) -> sqlx::Result<()> {
    sqlx::query!("UPDATE waitroom.rooms SET wake_wanted = true WHERE room = $1 AND asleep", room)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes that a room is awake, with this line.
pub async fn set_awake(
    connection: &mut PgConnection,
    room: &str,
    line: &LineAt,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms
         SET asleep = false, wake_wanted = false, drowsy_at = NULL, waking = $2
         WHERE room = $1 AND asleep",
        room,
        line.waking
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes when a room sleeps and wakes by itself.
pub async fn set_limits(
    connection: &mut PgConnection,
    room: &str,
    sleep: &Sleep,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET sleeps = $2, wake_per_sec = $3, wake_active = $4
         WHERE room = $1",
        room,
        sleep.sleeps,
        sleep.wake_per_sec,
        sleep.wake_active
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes that a room is about to sleep, unless it was written before; `true` where that was `secs`
/// ago at least.
pub async fn make_drowsy(pool: &PgPool, room: &str, secs: f64) -> sqlx::Result<bool> {
    let long = sqlx::query_scalar!(
        r#"UPDATE waitroom.rooms SET drowsy_at = coalesce(drowsy_at, now())
           WHERE room = $1 AND NOT asleep AND sleeps AND phase = 'open'
           RETURNING drowsy_at <= now() - make_interval(secs => $2) AS "long!""#,
        room,
        secs
    )
    .fetch_optional(pool)
    .await?;
    Ok(long.unwrap_or(false))
}

/// Whether a room has been about to sleep for `secs`, within the transaction that locked it.
pub async fn is_drowsy(connection: &mut PgConnection, room: &str, secs: f64) -> sqlx::Result<bool> {
    let long = sqlx::query_scalar!(
        r#"SELECT drowsy_at <= now() - make_interval(secs => $2) AS "long?"
           FROM waitroom.rooms WHERE room = $1"#,
        room,
        secs
    )
    .fetch_optional(connection)
    .await?;
    Ok(long.flatten().unwrap_or(false))
}

/// Writes that somebody joins a room that was about to sleep; `false` where it sleeps.
pub async fn stir(pool: &PgPool, room: &str) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "UPDATE waitroom.rooms SET drowsy_at = NULL WHERE room = $1 AND NOT asleep",
        room
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes that a room sleeps, and where its next line begins.
pub async fn set_asleep(
    connection: &mut PgConnection,
    room: &str,
    line: &LineAt,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET asleep = true, drowsy_at = NULL, wake_wanted = false, bases = $2
         WHERE room = $1",
        room,
        &line.bases
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether roots stand over all records below `ends` of a room's lanes, and heads that passed all
/// `turns`.
pub async fn is_recorded(
    pool: &PgPool,
    room: &str,
    ends: &[i64],
    turns: &[i64],
) -> sqlx::Result<bool> {
    let lanes: Vec<i32> = (0..).take(ends.len()).collect();
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (
               SELECT FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS l (lane, ends, turns)
               WHERE (ends > 0 AND NOT EXISTS (SELECT FROM waitroom.roots r
                          WHERE r.room = $1 AND r.lane = l.lane AND r.size = l.ends))
                  OR (turns > 0 AND NOT EXISTS (SELECT FROM waitroom.heads h
                          WHERE h.room = $1 AND h.lane = l.lane AND h.head >= l.turns))
           ) AS "recorded!""#,
        room,
        &lanes,
        ends,
        turns
    )
    .fetch_one(pool)
    .await
}
