//! All the SQL of admission.

use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::{
    draw::cohort::Cohort,
    gate::{GateSettings, GateState},
    lane::line_at::LineAt,
    pace::Pacing,
    place::RoomName,
};

struct GateRow {
    room: RoomName,
    lanes: i32,
    rate_per_sec: f64,
    max_active: i32,
    claim_window_secs: i32,
    state: String,
    pace_mode: String,
    floor_per_sec: f64,
    order_ms_target: i32,
    cohort: Option<Vec<i64>>,
    waking: i32,
    bases: Option<Vec<i64>>,
}

impl From<GateRow> for GateSettings {
    fn from(row: GateRow) -> Self {
        Self {
            // A CHECK keeps other texts out of the table; should one get in, the gate stays shut.
            state: row.state.parse().unwrap_or(GateState::Paused),
            room: row.room,
            lanes: row.lanes,
            rate_per_sec: row.rate_per_sec,
            max_active: row.max_active,
            claim_window_secs: row.claim_window_secs,
            pacing: Pacing {
                mode: row.pace_mode.parse().unwrap_or_default(),
                floor_per_sec: row.floor_per_sec,
                order_ms_target: row.order_ms_target,
            },
            cohort: row.cohort.and_then(|ends| Cohort::of_offsets(&ends)),
            line: LineAt { waking: row.waking, bases: row.bases.unwrap_or_default() },
        }
    }
}

/// Writes a gate's settings, within the caller's transaction.
pub async fn put_gate(connection: &mut PgConnection, gate: &GateSettings) -> sqlx::Result<()> {
    let ends = gate.cohort.as_ref().map(Cohort::offsets);
    let bases = (!gate.line.bases.is_empty()).then_some(&gate.line.bases[..]);
    sqlx::query!(
        "INSERT INTO admission.gates (room, lanes, rate_per_sec, max_active, claim_window_secs, \
            state, pace_mode, floor_per_sec, order_ms_target, cohort, waking, \
            bases)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (room) DO UPDATE SET lanes = excluded.lanes, rate_per_sec = \
         excluded.rate_per_sec,
             max_active = excluded.max_active, claim_window_secs = excluded.claim_window_secs,
             state = excluded.state, pace_mode = excluded.pace_mode,
             floor_per_sec = excluded.floor_per_sec, order_ms_target = excluded.order_ms_target,
             cohort = excluded.cohort, waking = excluded.waking, bases = excluded.bases, \
             updated_at = now()",
        &*gate.room,
        gate.lanes,
        gate.rate_per_sec,
        gate.max_active,
        gate.claim_window_secs,
        gate.state.to_string(),
        gate.pacing.mode.to_string(),
        gate.pacing.floor_per_sec,
        gate.pacing.order_ms_target,
        ends.as_deref(),
        gate.line.waking,
        bases,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One room's gate settings.
pub async fn gate(executor: impl PgExecutor<'_>, room: &str) -> sqlx::Result<Option<GateSettings>> {
    let row = sqlx::query_as!(
        GateRow,
        "SELECT room AS \"room: RoomName\", lanes, rate_per_sec, max_active, claim_window_secs, \
            state, pace_mode, floor_per_sec, order_ms_target, cohort, waking, bases \
            FROM admission.gates WHERE room = $1",
        room
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Into::into))
}

/// The gate settings of these rooms, whatever their state.
pub async fn gates(pool: &PgPool, rooms: &[RoomName]) -> sqlx::Result<Vec<GateSettings>> {
    let rows = sqlx::query_as!(
        GateRow,
        "SELECT room AS \"room: RoomName\", lanes, rate_per_sec, max_active, claim_window_secs, \
            state, pace_mode, floor_per_sec, order_ms_target, cohort, waking, bases
         FROM admission.gates
         WHERE room = ANY($1) ORDER BY room",
        &rooms.iter().map(|room| room.to_string()).collect::<Vec<_>>()
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The settings of all gates that controllers look after: those not closed and not asleep.
pub async fn open_gates(pool: &PgPool) -> sqlx::Result<Vec<GateSettings>> {
    let rows = sqlx::query_as!(
        GateRow,
        "SELECT room AS \"room: RoomName\", lanes, rate_per_sec, max_active, claim_window_secs, \
            state, pace_mode, floor_per_sec, order_ms_target, cohort, waking, bases
         FROM admission.gates
         WHERE state NOT IN ('closed', 'asleep') ORDER BY room"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
