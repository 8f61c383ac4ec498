//! Changing a room: what may be changed, and into what. Pure.

use admission::contract::{LineMethod, PaceMode, Pacing};
use serde::Serialize;
use utoipa::ToSchema;

use crate::room::{RoomState, phase::Phase};

/// What to change of a room; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct RoomChange {
    pub phase: Option<Phase>,
    /// Only of a room that nobody could join yet.
    pub method: Option<LineMethod>,
    /// Fans let in per second, 0 to 10,000.
    pub rate_per_sec: Option<f64>,
    /// Sessions in checkout at once, 0 to 1,000,000.
    pub max_active: Option<i32>,
    /// 1 to 86,400.
    pub claim_window_secs: Option<i32>,
    pub pace_mode: Option<PaceMode>,
    /// Fans let in per second at least, 0 to 10,000.
    pub floor_per_sec: Option<f64>,
    /// 100 to 60,000.
    pub order_ms_target: Option<i32>,
    /// 500 characters at most.
    pub message: Option<String>,
}

/// What a change made of a room.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Changed {
    pub before: RoomState,
    pub after: RoomState,
}

/// Why a room was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    #[error("there is no such room")]
    Unknown,
    #[error("a room that is {from} cannot become {to}")]
    PhaseCannotFollow { from: Phase, to: Phase },
    /// A value does not fit; `detail` says what would.
    #[error("{field} {detail}")]
    Value { field: &'static str, detail: String },
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// What a change makes of a room. Pure.
///
/// # Errors
/// [`RoomError::PhaseCannotFollow`], [`RoomError::Value`].
pub fn changed(before: &RoomState, change: &RoomChange) -> Result<RoomState, RoomError> {
    let refuse = |field, detail: &str| Err(RoomError::Value { field, detail: detail.to_owned() });
    let mut after = before.clone();
    if let Some(method) = change.method.filter(|method| *method != before.method) {
        if !before.phase.may_open_yet() {
            return refuse("method", "can be changed only until fans can join");
        }
        after.method = method;
    }
    if let Some(to) = change.phase.map(|to| by_way_of_the_draw(&after, to))
        && to != before.phase
    {
        if !before.phase.allows(to) {
            return Err(RoomError::PhaseCannotFollow { from: before.phase, to });
        }
        after.phase = to;
    }
    if let Some(rate) = change.rate_per_sec {
        if !(0.0..=10_000.0).contains(&rate) {
            return refuse("rate_per_sec", "must be 0 to 10,000 fans a second");
        }
        after.rate_per_sec = rate;
    }
    if let Some(cap) = change.max_active {
        if !(0..=1_000_000).contains(&cap) {
            return refuse("max_active", "must be 0 to 1,000,000 sessions");
        }
        after.max_active = cap;
    }
    if let Some(secs) = change.claim_window_secs {
        if !(1..=86_400).contains(&secs) {
            return refuse("claim_window_secs", "must be 1 to 86,400 seconds");
        }
        after.claim_window_secs = secs;
    }
    after.pacing = pacing(before.pacing, change)?;
    if let Some(message) = &change.message {
        let unfit =
            |character: char| character.is_control() && character != '\n' && character != '\r';
        if message.chars().count() > 500 || message.contains(unfit) {
            return refuse("message", "must be 500 characters at most, without control characters");
        }
        after.message.clone_from(message);
    }
    Ok(after)
}

/// A room that draws opens when its draw was made.
fn by_way_of_the_draw(room: &RoomState, to: Phase) -> Phase {
    let draws = room.method == LineMethod::Draw && !room.phase.has_opened();
    if draws && to == Phase::Open { Phase::Drawing } else { to }
}

fn pacing(before: Pacing, change: &RoomChange) -> Result<Pacing, RoomError> {
    let refuse = |field, detail: &str| Err(RoomError::Value { field, detail: detail.to_owned() });
    let mut after = before;
    if let Some(mode) = change.pace_mode {
        after.mode = mode;
    }
    if let Some(floor) = change.floor_per_sec {
        if !(0.0..=10_000.0).contains(&floor) {
            return refuse("floor_per_sec", "must be 0 to 10,000 fans a second");
        }
        after.floor_per_sec = floor;
    }
    if let Some(target) = change.order_ms_target {
        if !(100..=60_000).contains(&target) {
            return refuse("order_ms_target", "must be 100 to 60,000 milliseconds");
        }
        after.order_ms_target = target;
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_room() -> RoomState {
        RoomState {
            room: "r".parse().expect("a name"),
            show: "s".parse().expect("an id"),
            phase: Phase::Open,
            lanes: 4,
            rate_per_sec: 10.0,
            max_active: 100,
            claim_window_secs: 120,
            pacing: Pacing::default(),
            message: String::new(),
            method: LineMethod::FirstCome,
            draw: None,
            joins_at: None,
            opens_at: None,
            closes_at: None,
            stop: None,
            cohort: None,
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let before = a_room();
        assert_eq!(changed(&before, &RoomChange::default()).expect("nothing"), before);
        let change = RoomChange {
            rate_per_sec: Some(0.5),
            phase: Some(Phase::Paused),
            ..RoomChange::default()
        };
        let after = changed(&before, &change).expect("a change");
        assert_eq!(after, RoomState { rate_per_sec: 0.5, phase: Phase::Paused, ..before });
    }

    #[test]
    fn a_room_that_draws_opens_by_way_of_its_draw() {
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        let to = |method, phase| {
            changed(&RoomState { method, phase, ..a_room() }, &open).expect("a change").phase
        };
        for phase in [Phase::Draft, Phase::Scheduled, Phase::PreQueue, Phase::Drawing] {
            assert_eq!(to(LineMethod::Draw, phase), Phase::Drawing);
        }
        assert_eq!(to(LineMethod::Draw, Phase::Paused), Phase::Open);
        assert_eq!(to(LineMethod::FirstCome, Phase::PreQueue), Phase::Open);
    }

    #[test]
    fn values_that_no_room_can_have_are_refused_by_name() {
        let refused = |change: RoomChange| match changed(&a_room(), &change) {
            Err(RoomError::Value { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        for rate in [-1.0, 10_001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                refused(RoomChange { rate_per_sec: Some(rate), ..RoomChange::default() }),
                "rate_per_sec"
            );
        }
        assert_eq!(
            refused(RoomChange { max_active: Some(-1), ..RoomChange::default() }),
            "max_active"
        );
        assert_eq!(
            refused(RoomChange { claim_window_secs: Some(0), ..RoomChange::default() }),
            "claim_window_secs"
        );
        assert_eq!(
            refused(RoomChange { floor_per_sec: Some(f64::NAN), ..RoomChange::default() }),
            "floor_per_sec"
        );
        assert_eq!(
            refused(RoomChange { order_ms_target: Some(99), ..RoomChange::default() }),
            "order_ms_target"
        );
        for message in ["\u{0}".to_owned(), "x".repeat(501)] {
            assert_eq!(
                refused(RoomChange { message: Some(message), ..RoomChange::default() }),
                "message"
            );
        }
        let late = RoomChange { method: Some(LineMethod::Draw), ..RoomChange::default() };
        assert_eq!(refused(late), "method");
        let back = RoomChange { phase: Some(Phase::Draft), ..RoomChange::default() };
        assert!(matches!(changed(&a_room(), &back), Err(RoomError::PhaseCannotFollow { .. })));
    }
}
