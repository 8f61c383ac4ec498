//! Sessions.

use admission::contract::{ActiveSession, PlaceId, RoomName};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::session::{Session, SessionId};

/// A session about to be opened.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub session: SessionId,
    pub place: &'a PlaceId,
    pub room: &'a RoomName,
    pub show: &'a ShowId,
    pub expires_at: DateTime<Utc>,
    /// The room's cap on active sessions now.
    pub cap: i32,
}

/// Claims a place for a session. `false` where the place has one already; waits for a claim that is
/// being made.
pub async fn claim(tx: &mut PgConnection, new: &NewSession<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO checkout.sessions (session, place, room, show, opened_at, expires_at, cap)
         VALUES ($1, $2, $3, $4, now(), $5, $6) ON CONFLICT DO NOTHING",
        new.session.uuid(),
        new.place.to_string(),
        &**new.room,
        &**new.show,
        new.expires_at,
        new.cap,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the moment from which the session counts, once its slot is taken.
pub async fn opened_now(tx: &mut PgConnection, session: SessionId) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkout.sessions SET opened_at = clock_timestamp() WHERE session = $1",
        session.uuid()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The session that a place opened, if it is still open: its id and expiry.
pub async fn of_place(
    pool: &PgPool,
    place: &PlaceId,
) -> sqlx::Result<Option<(SessionId, DateTime<Utc>)>> {
    let row = sqlx::query!(
        "SELECT session, expires_at FROM checkout.sessions WHERE place = $1 AND ended_at IS NULL \
            AND expires_at > now()",
        place.to_string()
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| (row.session.into(), row.expires_at)))
}

/// A session with the place that opened it.
pub async fn load(pool: &PgPool, session: SessionId) -> sqlx::Result<Option<(PlaceId, Session)>> {
    let row = sqlx::query!(
        r#"SELECT session, place, show AS "show: ShowId", room AS "room: RoomName", expires_at
           FROM checkout.sessions WHERE session = $1"#,
        session.uuid()
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let place = row.place.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let session = Session {
            session: row.session.into(),
            show: row.show,
            room: row.room,
            expires_at: row.expires_at,
        };
        Ok((place, session))
    })
    .transpose()
}

/// Whether a session is known and not ended. (Whether it has expired, its token tells.)
pub async fn is_open(pool: &PgPool, session: SessionId) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM checkout.sessions WHERE session = $1 AND ended_at IS NULL) AS "open!""#,
        session.uuid()
    )
    .fetch_one(pool)
    .await
}

/// Ends a session and gives its room. Ending it again keeps the first time.
pub async fn end(pool: &PgPool, session: SessionId) -> sqlx::Result<Option<RoomName>> {
    sqlx::query_scalar!(
        r#"UPDATE checkout.sessions SET ended_at = coalesce(ended_at, clock_timestamp())
           WHERE session = $1 RETURNING room AS "room: RoomName""#,
        session.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// Ends a session that has no order which is open or paid, and gives its room; `None` where it has
/// one, or has ended before.
pub async fn end_unused(pool: &PgPool, session: SessionId) -> sqlx::Result<Option<RoomName>> {
    sqlx::query_scalar!(
        r#"UPDATE checkout.sessions s SET ended_at = clock_timestamp()
           WHERE s.session = $1 AND s.ended_at IS NULL AND NOT EXISTS (
               SELECT FROM checkout.orders o WHERE o.session = s.session
                 AND o.state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled'))
           RETURNING room AS "room: RoomName""#,
        session.uuid()
    )
    .fetch_optional(pool)
    .await
}

/// A session without an order that could still be paid.
#[derive(Debug)]
pub struct UnusedSession {
    pub session: SessionId,
    pub room: RoomName,
    /// Its order is paid.
    pub finished: bool,
    /// It had one that was given up or ran out.
    pub had_order: bool,
}

/// The rooms in which somebody is.
pub async fn rooms_inside(pool: &PgPool) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        r#"SELECT DISTINCT room AS "room: RoomName" FROM checkout.sessions
           WHERE ended_at IS NULL AND expires_at > now()"#
    )
    .fetch_all(pool)
    .await
}

/// Sessions inside these rooms for `secs` at least that wait for no payment.
pub async fn unused(
    pool: &PgPool,
    rooms: &[String],
    secs: f64,
) -> sqlx::Result<Vec<UnusedSession>> {
    sqlx::query_as!(
        UnusedSession,
        r#"SELECT s.session AS "session: SessionId", s.room AS "room: RoomName",
                  coalesce(o.finished, false) AS "finished!", o.finished IS NOT NULL AS "had_order!"
           FROM checkout.sessions s
           LEFT JOIN LATERAL (
               SELECT bool_or(state IN ('paid', 'fulfilled')) AS finished,
                      bool_or(state IN ('placed', 'awaiting_payment')) AS open
               FROM checkout.orders WHERE session = s.session) o ON true
           WHERE s.room = ANY($1) AND s.ended_at IS NULL AND s.expires_at > now()
             AND s.opened_at < now() - make_interval(secs => $2) AND o.open IS NOT TRUE"#,
        rooms,
        secs
    )
    .fetch_all(pool)
    .await
}

/// The show that those inside a room came for; `None` where nobody is inside.
pub async fn show_of_room(pool: &PgPool, room: &RoomName) -> sqlx::Result<Option<ShowId>> {
    sqlx::query_scalar!(
        r#"SELECT show AS "show: ShowId" FROM checkout.sessions
           WHERE room = $1 AND ended_at IS NULL ORDER BY expires_at DESC LIMIT 1"#,
        &**room
    )
    .fetch_optional(pool)
    .await
}

/// Everybody who is inside a room, by their expiry.
pub async fn active(pool: &PgPool, room: &RoomName) -> sqlx::Result<Vec<ActiveSession>> {
    let rows = sqlx::query!(
        "SELECT session, expires_at FROM checkout.sessions WHERE room = $1 AND ended_at IS NULL \
            AND expires_at > now()",
        &**room
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ActiveSession { session: row.session.to_string(), expires_at: row.expires_at })
        .collect())
}

/// Sessions of a room that were ended within the last `secs` seconds.
pub async fn ended_within(
    pool: &PgPool,
    room: &RoomName,
    secs: f64,
) -> sqlx::Result<Vec<SessionId>> {
    sqlx::query_scalar!(
        r#"SELECT session AS "session: SessionId" FROM checkout.sessions
           WHERE room = $1 AND ended_at > now() - make_interval(secs => $2) AND expires_at > now()"#,
        &**room,
        secs
    )
    .fetch_all(pool)
    .await
}
