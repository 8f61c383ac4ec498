//! The SQL of what is published of a line: roots, heads, and who records them. Nothing of it is
//! changed once it stands.

use admission::contract::{Digest32, HexBytes, LanePlace, PublishedHead, PublishedRoot, RoomName};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

/// Makes `holder` the recorder of these rooms, for so many seconds, but of those that have another
/// one or are recorded to their end. Gives those that it is the recorder of.
pub async fn hold(
    pool: &PgPool,
    holder: Uuid,
    rooms: &[String],
    secs: f64,
) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        r#"INSERT INTO waitroom.recorders AS kept (room, holder, held_until)
           SELECT room, $1, now() + make_interval(secs => $2)
           FROM unnest($3::text[]) AS asked (room) ORDER BY room
           ON CONFLICT (room) DO UPDATE
               SET holder = excluded.holder, held_until = excluded.held_until
               WHERE (kept.holder = $1 OR kept.held_until < now()) AND kept.ended_at IS NULL
           RETURNING room AS "room: RoomName""#,
        holder,
        secs,
        rooms
    )
    .fetch_all(pool)
    .await
}

/// Lets others record what `holder` did.
pub async fn release(pool: &PgPool, holder: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.recorders SET held_until = now() WHERE holder = $1 AND held_until > now()",
        holder
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Notes that all of a closed room's line is recorded.
pub async fn end(pool: &PgPool, holder: Uuid, room: &str) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.recorders SET ended_at = now() WHERE room = $1 AND holder = $2",
        room,
        holder
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The database's clock, which all instances share.
pub async fn now(pool: &PgPool) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(pool).await
}

/// Publishes roots of a room by its recorder; `true` where all of them stand now as they are here.
/// One that was published before stays as it was.
pub async fn publish_roots(
    pool: &PgPool,
    holder: Uuid,
    room: &str,
    roots: &[PublishedRoot],
) -> sqlx::Result<bool> {
    let lanes: Vec<i32> = roots.iter().map(|root| lane_number(root.lane)).collect();
    let sizes: Vec<i64> = roots.iter().map(|root| count(root.size)).collect();
    let hashes: Vec<Vec<u8>> = roots.iter().map(|root| root.root.0.to_vec()).collect();
    let times: Vec<DateTime<Utc>> = roots.iter().map(|root| root.at).collect();
    // Whoever takes the room over waits for this one.
    let done = sqlx::query!(
        "WITH held AS (
             SELECT room FROM waitroom.recorders
             WHERE room = $1 AND holder = $2 AND held_until > now() FOR SHARE
         )
         INSERT INTO waitroom.roots (room, lane, size, root, at)
         SELECT held.room, new.lane, new.size, new.root, new.at
         FROM held, unnest($3::int[], $4::bigint[], $5::bytea[], $6::timestamptz[])
             AS new (lane, size, root, at)
         ON CONFLICT (room, lane, size) DO NOTHING",
        room,
        holder,
        &lanes,
        &sizes,
        &hashes,
        &times
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == roots.len() as u64)
}

/// Keeps the roots of full blocks, `(lane, block, root)`, by the room's recorder.
pub async fn keep_blocks(
    pool: &PgPool,
    holder: Uuid,
    room: &str,
    blocks: &[(u32, u64, Digest32)],
) -> sqlx::Result<()> {
    let lanes: Vec<i32> = blocks.iter().map(|(lane, ..)| lane_number(*lane)).collect();
    let numbers: Vec<i64> = blocks.iter().map(|(_, block, _)| count(*block)).collect();
    let hashes: Vec<Vec<u8>> = blocks.iter().map(|(.., root)| root.0.to_vec()).collect();
    sqlx::query!(
        "WITH held AS (
             SELECT room FROM waitroom.recorders
             WHERE room = $1 AND holder = $2 AND held_until > now() FOR SHARE
         )
         INSERT INTO waitroom.root_blocks (room, lane, block, root)
         SELECT held.room, new.lane, new.block, new.root
         FROM held, unnest($3::int[], $4::bigint[], $5::bytea[]) AS new (lane, block, root)
         ON CONFLICT (room, lane, block) DO NOTHING",
        room,
        holder,
        &lanes,
        &numbers,
        &hashes
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The roots of the first blocks of a lane, at most so many.
pub async fn blocks(
    pool: &PgPool,
    room: &str,
    lane: u32,
    count_max: u64,
) -> sqlx::Result<Vec<Digest32>> {
    let rows = sqlx::query_scalar!(
        "SELECT root FROM waitroom.root_blocks WHERE room = $1 AND lane = $2 AND block < $3
         ORDER BY block",
        room,
        lane_number(lane),
        count(count_max)
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(digest).collect())
}

/// The newest root that is over a place's record, and one that everybody knows where there is one.
pub async fn root_over(
    pool: &PgPool,
    room: &str,
    place: LanePlace,
) -> sqlx::Result<Option<PublishedRoot>> {
    let row = sqlx::query!(
        "SELECT size, root, at FROM waitroom.roots WHERE room = $1 AND lane = $2 AND size > $3
         ORDER BY at < now() - interval '10 s' DESC, size DESC LIMIT 1",
        room,
        lane_number(place.lane),
        count(place.offset)
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| PublishedRoot {
        lane: place.lane,
        size: row.size.try_into().unwrap_or_default(),
        root: digest(row.root),
        at: row.at,
    }))
}

/// Notes where lanes of a room stand now, by its recorder; `true` where it is.
pub async fn publish_heads(
    pool: &PgPool,
    holder: Uuid,
    room: &str,
    heads: &[(u32, u64)],
) -> sqlx::Result<bool> {
    let lanes: Vec<i32> = heads.iter().map(|(lane, _)| lane_number(*lane)).collect();
    let heads: Vec<i64> = heads.iter().map(|(_, head)| count(*head)).collect();
    let done = sqlx::query!(
        "WITH held AS (
             SELECT room FROM waitroom.recorders
             WHERE room = $1 AND holder = $2 AND held_until > now() FOR SHARE
         )
         INSERT INTO waitroom.heads (room, lane, head)
         SELECT held.room, new.lane, new.head
         FROM held, unnest($3::int[], $4::bigint[]) AS new (lane, head)
         ON CONFLICT (room, lane, head) DO NOTHING",
        room,
        holder,
        &lanes,
        &heads
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == heads.len() as u64)
}

/// All roots that were published of a room, the oldest first.
pub async fn roots(pool: &PgPool, room: &str) -> sqlx::Result<Vec<PublishedRoot>> {
    let rows = sqlx::query!(
        "SELECT lane, size, root, at FROM waitroom.roots WHERE room = $1 ORDER BY at, lane, size",
        room
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| PublishedRoot {
        lane: row.lane.try_into().unwrap_or_default(),
        size: row.size.try_into().unwrap_or_default(),
        root: digest(row.root),
        at: row.at,
    });
    Ok(rows.collect())
}

/// All heads that were noted of a room, the oldest first.
pub async fn heads(pool: &PgPool, room: &str) -> sqlx::Result<Vec<PublishedHead>> {
    let rows = sqlx::query!(
        "SELECT at, lane, head FROM waitroom.heads WHERE room = $1 ORDER BY at, lane, head",
        room
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| PublishedHead {
        at: row.at,
        lane: row.lane.try_into().unwrap_or_default(),
        head: row.head.try_into().unwrap_or_default(),
    });
    Ok(rows.collect())
}

/// When the room's line began to move.
pub async fn opened_at(pool: &PgPool, room: &str) -> sqlx::Result<Option<DateTime<Utc>>> {
    let found = sqlx::query_scalar!("SELECT opened_at FROM waitroom.rooms WHERE room = $1", room);
    Ok(found.fetch_optional(pool).await?.flatten())
}

/// A CHECK keeps other lengths out of the tables.
pub(super) fn digest(bytes: Vec<u8>) -> Digest32 {
    HexBytes(bytes.try_into().unwrap_or_default())
}

/// Kafka counts no further.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn lane_number(lane: u32) -> i32 {
    i32::try_from(lane).unwrap_or(i32::MAX)
}
