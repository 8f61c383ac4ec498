//! Lines that are gone: their records, and what is still to be deleted of them.

use admission::contract::{LineAt, RoomName};
use sqlx::{PgConnection, PgPool};

use crate::transcript::sealed::{RECORD_BYTES, SealedPart};

/// Keeps records of a room's line, within the transaction that puts the room to sleep.
pub async fn keep(
    connection: &mut PgConnection,
    room: &str,
    part: &SealedPart,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO waitroom.sealed_records (room, lane, first, records) VALUES ($1, $2, $3, $4)
         ON CONFLICT (room, lane, first) DO NOTHING",
        room,
        i32::try_from(part.lane).unwrap_or(i32::MAX),
        i64::try_from(part.first).unwrap_or(i64::MAX),
        &part.records
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The kept parts of a lane that have records from `from` to below `to`, in order.
pub async fn parts(
    pool: &PgPool,
    room: &str,
    lane: u32,
    (from, to): (u64, u64),
) -> sqlx::Result<Vec<SealedPart>> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows = sqlx::query!(
        "SELECT first, records FROM waitroom.sealed_records
         WHERE room = $1 AND lane = $2 AND first < $4
           AND first + octet_length(records) / $5 > $3 ORDER BY first",
        room,
        i32::try_from(lane).unwrap_or(i32::MAX),
        whole(from),
        whole(to),
        RECORD_BYTES as i32
    )
    .fetch_all(pool)
    .await?;
    let part = |first: i64, records| SealedPart {
        lane,
        first: first.try_into().unwrap_or_default(),
        records,
    };
    Ok(rows.into_iter().map(|row| part(row.first, row.records)).collect())
}

/// Writes that a line is to be deleted.
pub async fn note_old(
    connection: &mut PgConnection,
    room: &str,
    line: &LineAt,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO waitroom.old_lines (room, waking) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        room,
        line.waking
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A line that is to be deleted.
pub struct OldLine {
    pub room: RoomName,
    pub waking: i32,
    pub lanes: i32,
    /// Whether the room still sleeps since.
    pub is_last: bool,
}

/// Lines that are to be deleted.
pub async fn old_lines(pool: &PgPool) -> sqlx::Result<Vec<OldLine>> {
    sqlx::query_as!(
        OldLine,
        r#"SELECT room AS "room: RoomName", o.waking, lanes,
                  asleep AND o.waking = r.waking AS "is_last!"
           FROM waitroom.old_lines o JOIN waitroom.rooms r USING (room)
           WHERE sealed_at < now() - interval '2 s' ORDER BY sealed_at LIMIT 20"#
    )
    .fetch_all(pool)
    .await
}

/// Notes that a line is deleted.
pub async fn forget_old(pool: &PgPool, room: &str, waking: i32) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM waitroom.old_lines WHERE room = $1 AND waking = $2", room, waking)
        .execute(pool)
        .await?;
    Ok(())
}
