//! The table `waitroom.turn_mails`: who wants a mail when their turn is near.

use admission::contract::{PlaceId, RoomName};
use catalog::contract::ShowId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::turn_mail::{NearTurn, SealedLetter, TurnMail};

/// Writes a wish down, instead of an earlier one of the same place or the same address. An address
/// whose mail is on its way gets no other. `false` where this place's is on its way, to another.
pub async fn put(pool: &PgPool, mail: &TurnMail) -> sqlx::Result<bool> {
    let TurnMail { id, place: PlaceId { room, lane, offset }, .. } = mail;
    let mut tx = pool.begin().await?;
    sqlx::query!(
        "DELETE FROM waitroom.turn_mails
         WHERE room = $1 AND lane = $2 AND place_offset = $3 AND id <> $4 AND near_at IS NULL",
        &**room,
        lane,
        offset,
        id
    )
    .execute(&mut *tx)
    .await?;
    let is_on_its_way = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM waitroom.turn_mails
               WHERE room = $1 AND lane = $2 AND place_offset = $3 AND id <> $4) AS "is!""#,
        &**room,
        lane,
        offset,
        id
    )
    .fetch_one(&mut *tx)
    .await?;
    if is_on_its_way {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO waitroom.turn_mails AS kept
             (id, room, lane, place_offset, address_sealed, language)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, place_offset = excluded.place_offset,
             address_sealed = excluded.address_sealed, language = excluded.language
         WHERE kept.near_at IS NULL",
        id,
        &**room,
        lane,
        offset,
        mail.address_sealed,
        mail.language
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether a mail is to come for a place.
pub async fn has(pool: &PgPool, place: &PlaceId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM waitroom.turn_mails
               WHERE room = $1 AND lane = $2 AND place_offset = $3) AS "is!""#,
        &*place.room,
        place.lane,
        place.offset
    )
    .fetch_one(pool)
    .await
}

/// Forgets the wishes of places.
pub async fn forget_places(pool: &PgPool, places: &[PlaceId]) -> sqlx::Result<()> {
    let rooms: Vec<String> = places.iter().map(|place| place.room.to_string()).collect();
    let lanes: Vec<i32> = places.iter().map(|place| place.lane).collect();
    let offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
    sqlx::query!(
        "DELETE FROM waitroom.turn_mails AS kept
         USING UNNEST($1::text[], $2::int[], $3::bigint[]) AS gone (room, lane, place_offset)
         WHERE kept.room = gone.room AND kept.lane = gone.lane
             AND kept.place_offset = gone.place_offset",
        &rooms,
        &lanes,
        &offsets
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Those of `rooms` in which a mail is asked for that is not near: a look at an index for each.
pub async fn rooms_asked_in(pool: &PgPool, rooms: &[String]) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT named.room AS "room!" FROM UNNEST($1::text[]) AS named (room)
           CROSS JOIN LATERAL (SELECT FROM waitroom.turn_mails AS kept
               WHERE kept.room = named.room AND near_at IS NULL
               ORDER BY place_offset LIMIT 1) AS one"#,
        rooms
    )
    .fetch_all(pool)
    .await
}

/// Up to `max` wishes of a room that are not marked and stand before the bounds of their lanes, for
/// this transaction alone: what another has is passed over.
pub async fn lock_before(
    tx: &mut PgConnection,
    room: &RoomName,
    bounds: &[i64],
    max: i64,
) -> sqlx::Result<Vec<(Uuid, PlaceId)>> {
    let rows = sqlx::query!(
        "SELECT id, lane, place_offset FROM waitroom.turn_mails
         WHERE room = $1 AND near_at IS NULL AND place_offset < $3
             AND place_offset < ($2::bigint[])[lane + 1]
         ORDER BY place_offset LIMIT $4 FOR UPDATE SKIP LOCKED",
        &**room,
        bounds,
        bounds.iter().max().copied().unwrap_or(0),
        max
    )
    .fetch_all(tx)
    .await?;
    let place = |lane, offset| PlaceId { room: room.clone(), lane, offset };
    Ok(rows.into_iter().map(|row| (row.id, place(row.lane, row.place_offset))).collect())
}

/// Marks turns as near.
pub async fn mark_near(tx: &mut PgConnection, near: &[NearTurn]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = near.iter().map(|turn| turn.id).collect();
    let from: Vec<_> = near.iter().map(|turn| turn.from).collect();
    let to: Vec<_> = near.iter().map(|turn| turn.to).collect();
    sqlx::query!(
        "UPDATE waitroom.turn_mails AS kept
         SET near_at = now(), turn_from = near.turn_from, turn_to = near.turn_to
         FROM UNNEST($1::uuid[], $2::timestamptz[], $3::timestamptz[])
             AS near (id, turn_from, turn_to)
         WHERE kept.id = near.id",
        &ids,
        &from,
        &to
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn forget(tx: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM waitroom.turn_mails WHERE id = ANY($1)", ids).execute(tx).await?;
    Ok(())
}

/// Forgets the wishes of rooms that have closed, and those that nobody sent a mail for in an hour.
pub async fn forget_over(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM waitroom.turn_mails
         WHERE near_at < now() - interval '1 hour'
             OR room IN (SELECT room FROM waitroom.rooms WHERE phase = 'closed')"
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Up to `max` mails whose turn is near, oldest first, until [`note_heard`] is told of them.
///
/// # Errors
/// The database's.
pub async fn near_turns(pool: &PgPool, max: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM waitroom.turn_mails WHERE near_at IS NOT NULL AND NOT is_heard
         ORDER BY near_at LIMIT $1",
        max
    )
    .fetch_all(pool)
    .await
}

/// Notes that somebody will see to these mails.
///
/// # Errors
/// The database's.
pub async fn note_heard(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("UPDATE waitroom.turn_mails SET is_heard = true WHERE id = ANY($1)", ids)
        .execute(pool)
        .await?;
    Ok(())
}

/// A mail that may still be sent.
pub async fn letter(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<SealedLetter>> {
    sqlx::query_as!(
        SealedLetter,
        r#"SELECT show AS "show: ShowId", address_sealed, language,
                  turn_from AS "from!", turn_to AS "to!"
           FROM waitroom.turn_mails JOIN waitroom.rooms USING (room)
           WHERE id = $1 AND near_at > now() - interval '15 minutes' AND turn_to > now()"#,
        id
    )
    .fetch_optional(pool)
    .await
}

/// Forgets a mail that was sent, or that nobody will send.
///
/// # Errors
/// The database's: it is forgotten an hour after its turn was near.
pub async fn forget_turn_mail(pool: &PgPool, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM waitroom.turn_mails WHERE id = $1", id).execute(pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
