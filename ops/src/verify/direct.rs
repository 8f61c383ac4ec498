//! Whether those who came while their room slept came in as they were let in. Pure.

use admission::contract::PlaceId;
use serde::Serialize;
use uuid::Uuid;

use super::snapshot::Session;

/// A window is a day at most, with the pass's grace.
const LASTS_MS_MAX: i64 = 86_400_000 + 60_000;
/// Places are stamped by Redis's clock, sessions by the database's; a pass that was looked at in
/// time is redeemed a moment later.
const CLOCKS_DIFFER_MS: i64 = 10_000;

/// A session with a direct place that opened before the gate gave it, or long after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideGrant {
    pub session: Uuid,
    pub place: String,
    pub let_in_ms: i64,
    pub opened_ms: i64,
}

/// The direct place of a session; `None` where it stood in line.
fn place(session: &Session) -> Option<PlaceId> {
    session.place.parse().ok().filter(PlaceId::is_direct)
}

pub fn is_direct(session: &Session) -> bool {
    place(session).is_some()
}

/// Whether a session with a direct place opened outside the time that its place can have.
pub fn outside(session: &Session) -> Option<OutsideGrant> {
    let place = place(session)?;
    // The number is the moment in microseconds.
    let let_in_ms = place.offset / 1_000;
    let opened_ms = session.span.opened_ms;
    let allowed = let_in_ms - CLOCKS_DIFFER_MS..let_in_ms + LASTS_MS_MAX + CLOCKS_DIFFER_MS;
    let is_foreign = *place.room != *session.span.room;
    (is_foreign || !allowed.contains(&opened_ms)).then(|| OutsideGrant {
        session: session.span.session,
        place: session.place.clone(),
        let_in_ms,
        opened_ms,
    })
}
