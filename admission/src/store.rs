//! All the SQL of admission.

use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::contract::{GateSettings, GateState};

impl GateState {
    fn as_text(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }

    /// A CHECK keeps other texts out of the table; should one get in, the gate stays shut.
    fn of_text(text: &str) -> Self {
        match text {
            "waiting" => Self::Waiting,
            "running" => Self::Running,
            "closed" => Self::Closed,
            _ => Self::Paused,
        }
    }
}

struct Row {
    room: String,
    lanes: i32,
    rate_per_sec: f64,
    max_active: i32,
    claim_window_secs: i32,
    state: String,
}

impl From<Row> for GateSettings {
    fn from(row: Row) -> Self {
        Self {
            state: GateState::of_text(&row.state),
            room: row.room,
            lanes: row.lanes,
            rate_per_sec: row.rate_per_sec,
            max_active: row.max_active,
            claim_window_secs: row.claim_window_secs,
        }
    }
}

pub async fn put_gate(connection: &mut PgConnection, gate: &GateSettings) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admission.gates (room, lanes, rate_per_sec, max_active, claim_window_secs, \
            state)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (room) DO UPDATE SET lanes = excluded.lanes, rate_per_sec = \
         excluded.rate_per_sec,
             max_active = excluded.max_active, claim_window_secs = excluded.claim_window_secs,
             state = excluded.state, updated_at = now()",
        gate.room,
        gate.lanes,
        gate.rate_per_sec,
        gate.max_active,
        gate.claim_window_secs,
        gate.state.as_text(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn gate(executor: impl PgExecutor<'_>, room: &str) -> sqlx::Result<Option<GateSettings>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT room, lanes, rate_per_sec, max_active, claim_window_secs, state FROM \
            admission.gates WHERE room = $1",
        room
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Into::into))
}

pub async fn gates(pool: &PgPool, rooms: &[String]) -> sqlx::Result<Vec<GateSettings>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT room, lanes, rate_per_sec, max_active, claim_window_secs, state FROM admission.gates
         WHERE room = ANY($1) ORDER BY room",
        rooms
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn open_gates(pool: &PgPool) -> sqlx::Result<Vec<GateSettings>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT room, lanes, rate_per_sec, max_active, claim_window_secs, state FROM admission.gates
         WHERE state <> 'closed' ORDER BY room"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
