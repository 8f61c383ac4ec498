//! All the SQL of the waiting room. Of fans there are only those who want a mail near their turn.

pub mod draw;
pub mod sealed;
pub mod sleep;
pub mod transcript;
pub mod turn_mail;

use admission::contract::{Entropy, GateSettings, LineAt, LineMethod, RoomName};
use catalog::contract::{ShowId, Stop};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, types::Json};

use crate::{
    draw::RoomDraw,
    room::{NewRoom, RoomState, phase::Phase, sleep::Sleep},
    store::draw::DrawColumns,
};

/// A room as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomRow {
    pub room: RoomName,
    pub show: ShowId,
    pub phase: Phase,
    pub lanes: i32,
    pub message: String,
    pub method: LineMethod,
    /// When fans may join by themselves.
    pub joins_at: Option<DateTime<Utc>>,
    /// When it opens by itself.
    pub opens_at: Option<DateTime<Utc>>,
    /// When it closes by itself.
    pub closes_at: Option<DateTime<Utc>>,
    /// Why nobody is let in, whatever the phase.
    pub stop: Option<Stop>,
    /// Whether it sleeps, and what wakes it.
    pub sleep: Sleep,
    /// Of a room that draws.
    pub draw: Option<RoomDraw>,
}

impl RoomRow {
    /// A room of show `s` with one lane.
    #[cfg(test)]
    pub fn for_tests(room: &str, phase: Phase) -> Self {
        Self {
            room: room.parse().expect("a name"),
            show: "s".parse().expect("an id"),
            phase,
            lanes: 1,
            message: String::new(),
            method: LineMethod::FirstCome,
            joins_at: None,
            opens_at: None,
            closes_at: None,
            stop: None,
            sleep: Sleep::default(),
            draw: None,
        }
    }

    /// The room as operators see it, with its gate.
    pub fn state(self, gate: GateSettings) -> RoomState {
        RoomState {
            room: self.room,
            show: self.show,
            phase: self.phase,
            lanes: self.lanes,
            rate_per_sec: gate.rate_per_sec,
            max_active: gate.max_active,
            claim_window_secs: gate.claim_window_secs,
            pacing: gate.pacing,
            message: self.message,
            method: self.method,
            draw: self.draw.as_ref().map(RoomDraw::public),
            joins_at: self.joins_at,
            opens_at: self.opens_at,
            closes_at: self.closes_at,
            stop: self.stop,
            sleep: self.sleep,
            cohort: gate.cohort,
        }
    }
}

struct Raw {
    room: RoomName,
    show: ShowId,
    phase: String,
    lanes: i32,
    message: String,
    method: String,
    joins_at: Option<DateTime<Utc>>,
    opens_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    stop: Option<String>,
    asleep: bool,
    drowsy: bool,
    sleeps: bool,
    wake_per_sec: f64,
    wake_active: Option<i32>,
    waking: i32,
    bases: Option<Vec<i64>>,
    seed: Option<Vec<u8>>,
    entropy_source: Option<String>,
    committed_at: Option<DateTime<Utc>>,
    ends: Option<Vec<i64>>,
    frozen_at: Option<DateTime<Utc>>,
    roots: Option<Vec<Vec<u8>>>,
    entropy: Option<Json<Entropy>>,
    drawn_at: Option<DateTime<Utc>>,
}

impl From<Raw> for RoomRow {
    fn from(raw: Raw) -> Self {
        let method = method(&raw.method);
        Self {
            // A CHECK keeps other texts out of the table; should one get in, the room lets nobody
            // do anything.
            phase: raw.phase.parse().unwrap_or(Phase::Closed),
            room: raw.room,
            show: raw.show,
            lanes: raw.lanes,
            message: raw.message,
            method,
            joins_at: raw.joins_at,
            opens_at: raw.opens_at,
            closes_at: raw.closes_at,
            stop: raw.stop.as_deref().and_then(|text| text.parse().ok()),
            sleep: Sleep {
                asleep: raw.asleep,
                drowsy: raw.drowsy,
                sleeps: raw.sleeps,
                wake_per_sec: raw.wake_per_sec,
                wake_active: raw.wake_active,
                line: LineAt { waking: raw.waking, bases: raw.bases.unwrap_or_default() },
            },
            draw: DrawColumns {
                seed: raw.seed,
                entropy_source: raw.entropy_source,
                committed_at: raw.committed_at,
                ends: raw.ends,
                frozen_at: raw.frozen_at,
                roots: raw.roots,
                entropy: raw.entropy,
                drawn_at: raw.drawn_at,
            }
            .draw()
            .filter(|_| method == LineMethod::Draw),
        }
    }
}

/// As in the database.
fn method(name: &str) -> LineMethod {
    match name {
        "draw" => LineMethod::Draw,
        "passthrough" => LineMethod::Passthrough,
        _ => LineMethod::FirstCome,
    }
}

fn method_name(method: LineMethod) -> &'static str {
    match method {
        LineMethod::Draw => "draw",
        LineMethod::FirstCome => "first_come",
        LineMethod::Passthrough => "passthrough",
    }
}

/// Of rooms that sleep so many are looked at by those who look at all.
const ASLEEP_SHOWN: i64 = 100;

/// The rooms that somebody may watch: those that are awake and not closed, those closed within a
/// day, and the first hundred of those that sleep.
pub async fn rooms(pool: &PgPool) -> sqlx::Result<Vec<RoomRow>> {
    let asleep = sqlx::query_scalar!(
        r#"SELECT room FROM waitroom.rooms
           WHERE asleep AND (closed_at IS NULL OR closed_at > now() - interval '1 day')
           ORDER BY room LIMIT $1"#,
        ASLEEP_SHOWN
    );
    read_rooms(pool, true, &asleep.fetch_all(pool).await?).await
}

/// The rooms that an instance holds: those that are awake and a fan may still ask for, and of those
/// that sleep the `asleep` ones, of which somebody asked.
pub async fn held_rooms(pool: &PgPool, asleep: &[RoomName]) -> sqlx::Result<Vec<RoomRow>> {
    let asleep: Vec<String> = asleep.iter().map(ToString::to_string).collect();
    read_rooms(pool, true, &asleep).await
}

pub async fn room(pool: &PgPool, room: &str) -> sqlx::Result<Option<RoomRow>> {
    Ok(read_rooms(pool, false, &[room.to_owned()]).await?.pop())
}

/// These rooms, and with `awake` all that are awake and not closed for a day.
async fn read_rooms(pool: &PgPool, awake: bool, rooms: &[String]) -> sqlx::Result<Vec<RoomRow>> {
    let rows = sqlx::query_as!(
        Raw,
        r#"SELECT r.room AS "room: RoomName", show AS "show: ShowId", phase, lanes, message, method,
                  joins_at, opens_at, closes_at, stop, asleep, sleeps, wake_per_sec, wake_active,
                  drowsy_at IS NOT NULL AS "drowsy!", waking, bases, seed AS "seed?",
                  entropy_source AS "entropy_source?", committed_at AS "committed_at?",
                  ends AS "ends?", frozen_at AS "frozen_at?", roots AS "roots?",
                  entropy AS "entropy?: Json<Entropy>", drawn_at AS "drawn_at?"
           FROM waitroom.rooms r LEFT JOIN waitroom.draws USING (room)
           WHERE r.room = ANY($2)
              OR $1 AND NOT asleep AND (closed_at IS NULL OR closed_at > now() - interval '1 day')
           ORDER BY room"#,
        awake,
        rooms
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The name of the room that protects a show.
pub async fn room_of_show(pool: &PgPool, show: &ShowId) -> sqlx::Result<Option<RoomName>> {
    sqlx::query_scalar!(
        r#"SELECT room AS "room: RoomName" FROM waitroom.rooms WHERE show = $1"#,
        &**show
    )
    .fetch_optional(pool)
    .await
}

/// The rooms whose time to open has come.
pub async fn rooms_to_open(pool: &PgPool) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        "SELECT room AS \"room: RoomName\" FROM waitroom.rooms
         WHERE phase IN ('scheduled', 'pre_queue') AND opens_at <= now() ORDER BY opens_at LIMIT \
         100"
    )
    .fetch_all(pool)
    .await
}

/// The rooms whose time has come to let fans join. Where everybody is passed through, nobody joins
/// before that.
pub async fn rooms_to_join(pool: &PgPool) -> sqlx::Result<Vec<RoomName>> {
    sqlx::query_scalar!(
        r#"SELECT room AS "room: RoomName" FROM waitroom.rooms
           WHERE phase = 'scheduled' AND joins_at <= now() AND method <> 'passthrough'
           ORDER BY joins_at LIMIT 100"#
    )
    .fetch_all(pool)
    .await
}

/// Whether a room's time to let fans join has come; locks the room.
pub async fn may_join(tx: &mut PgConnection, room: &str) -> sqlx::Result<bool> {
    let due = sqlx::query_scalar!(
        r#"SELECT phase = 'scheduled' AND joins_at <= now() AND method <> 'passthrough' AS "due!"
           FROM waitroom.rooms WHERE room = $1 AND joins_at IS NOT NULL FOR UPDATE"#,
        room
    )
    .fetch_optional(tx)
    .await?;
    Ok(due.unwrap_or(false))
}

/// Whether a room's time to open has come; locks the room.
pub async fn is_due(tx: &mut PgConnection, room: &str) -> sqlx::Result<bool> {
    let due = sqlx::query_scalar!(
        r#"SELECT phase IN ('scheduled', 'pre_queue') AND opens_at <= now() AS "due!"
           FROM waitroom.rooms WHERE room = $1 AND opens_at IS NOT NULL FOR UPDATE"#,
        room
    )
    .fetch_optional(tx)
    .await?;
    Ok(due.unwrap_or(false))
}

/// The rooms whose time to close has come, with their shows.
pub async fn rooms_to_close(pool: &PgPool) -> sqlx::Result<Vec<(RoomName, ShowId)>> {
    let rows = sqlx::query!(
        r#"SELECT room AS "room: RoomName", show AS "show: ShowId" FROM waitroom.rooms
           WHERE phase <> 'closed' AND closes_at <= now() ORDER BY closes_at LIMIT 100"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.show)).collect())
}

/// Whether a room's time to close has come; locks the room.
pub async fn is_over(tx: &mut PgConnection, room: &str) -> sqlx::Result<bool> {
    let over = sqlx::query_scalar!(
        r#"SELECT phase <> 'closed' AND closes_at <= now() AS "over!"
           FROM waitroom.rooms WHERE room = $1 AND closes_at IS NOT NULL FOR UPDATE"#,
        room
    )
    .fetch_optional(tx)
    .await?;
    Ok(over.unwrap_or(false))
}

/// Moves the times at which a show's room opens and closes by itself: its opening only where it has
/// such a time and has not opened, whatever its phase before that.
pub async fn move_times(
    pool: &PgPool,
    show: &ShowId,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET closes_at = $3,
             opens_at = CASE WHEN opens_at IS NOT NULL AND phase IN ('draft', 'scheduled', \
             'pre_queue') THEN $2
                             ELSE opens_at END,
             joins_at = CASE WHEN opens_at IS NOT NULL AND phase IN ('draft', 'scheduled')
                             THEN $2 - (opens_at - joins_at) ELSE joins_at END
         WHERE show = $1 AND phase <> 'closed'",
        &**show,
        opens_at,
        closes_at
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Moves the time at which a room closes by itself.
pub async fn move_closing(pool: &PgPool, room: &str, closes_at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!("UPDATE waitroom.rooms SET closes_at = $2 WHERE room = $1", room, closes_at)
        .execute(pool)
        .await?;
    Ok(())
}

pub async fn room_for_update(
    connection: &mut PgConnection,
    room: &str,
) -> sqlx::Result<Option<RoomRow>> {
    let row = sqlx::query_as!(
        Raw,
        r#"SELECT r.room AS "room: RoomName", show AS "show: ShowId", phase, lanes, message, method,
                  joins_at, opens_at, closes_at, stop, asleep, sleeps, wake_per_sec, wake_active,
                  drowsy_at IS NOT NULL AS "drowsy!", waking, bases, seed AS "seed?",
                  entropy_source AS "entropy_source?", committed_at AS "committed_at?",
                  ends AS "ends?", frozen_at AS "frozen_at?", roots AS "roots?",
                  entropy AS "entropy?: Json<Entropy>", drawn_at AS "drawn_at?"
           FROM waitroom.rooms r LEFT JOIN waitroom.draws USING (room)
           WHERE r.room = $1 FOR UPDATE OF r"#,
        room
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Inserts a room; `false` where it is there already.
pub async fn insert_room(
    connection: &mut PgConnection,
    new: &NewRoom,
    phase: Phase,
    closes_at: Option<DateTime<Utc>>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO waitroom.rooms
             (room, show, phase, lanes, message, opens_at, closes_at, method, joins_at, sleeps,
              asleep)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (room) DO NOTHING",
        &*new.room,
        &*new.show,
        phase.to_string(),
        new.lanes,
        new.message,
        new.opens_at,
        closes_at,
        method_name(new.method),
        new.joins_at,
        new.sleeps
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_phase(
    connection: &mut PgConnection,
    room: &str,
    phase: Phase,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET phase = $2,
             opened_at = CASE WHEN $2 = 'open' THEN coalesce(opened_at, now()) ELSE opened_at END,
             closed_at = CASE WHEN $2 = 'closed' THEN now() ELSE closed_at END
         WHERE room = $1",
        room,
        phase.to_string()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Changes how a room orders those who come before it opens.
pub async fn set_method(
    connection: &mut PgConnection,
    room: &str,
    method: LineMethod,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE waitroom.rooms SET method = $2 WHERE room = $1",
        room,
        method_name(method)
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn set_stop(
    connection: &mut PgConnection,
    room: &str,
    stop: Option<Stop>,
) -> sqlx::Result<()> {
    let stop = stop.map(|stop| stop.to_string());
    sqlx::query!("UPDATE waitroom.rooms SET stop = $2 WHERE room = $1", room, stop)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn set_message(
    connection: &mut PgConnection,
    room: &str,
    message: &str,
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE waitroom.rooms SET message = $2 WHERE room = $1", room, message)
        .execute(connection)
        .await?;
    Ok(())
}
