//! Whether rooms sleep.

use admission::contract::{LineAt, RoomName};
use sqlx::{PgConnection, PgPool};

use crate::room::sleep::Sleep;

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
