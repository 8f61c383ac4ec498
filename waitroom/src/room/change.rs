//! Changing a room: what may be changed, and into what. Pure.

use admission::contract::{EntropySource, LineMethod, PaceMode, Pacing};
use serde::Serialize;
use utoipa::ToSchema;

use crate::room::{
    PASSTHROUGH_PER_SEC, RoomState, USUAL_PER_SEC, pace_of, phase::Phase, sleep::Sleep,
};

/// What to change of a room; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct RoomChange {
    pub phase: Option<Phase>,
    /// Only of a room that nobody could join yet.
    pub method: Option<LineMethod>,
    /// What is mixed into the draw; only of a room that draws and that nobody could join yet.
    /// Another one is committed to anew, with another seed.
    pub entropy_source: Option<EntropySource>,
    /// Fans let in per second, 0 to 10,000. A room that passes everybody through has no rate.
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
    /// Whether it goes to sleep by itself. One that sleeps and is not to wakes when it is open.
    pub sleeps: Option<bool>,
    /// 0 to 10,000.
    pub wake_per_sec: Option<f64>,
    /// 0 to 1,000,000.
    pub wake_active: Option<i32>,
    /// Wakes it, if it sleeps.
    pub wake: bool,
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
        follow_method(before, &mut after);
    }
    if let Some(source) = change.entropy_source {
        may_announce(before, after.method, source)?;
    }
    if let Some(to) = change.phase.map(|to| by_way_of_the_draw(&after, to))
        && to != before.phase
    {
        let makes_no_draw = to == Phase::Drawing && after.method != LineMethod::Draw;
        if makes_no_draw || !before.phase.allows(to) {
            return Err(RoomError::PhaseCannotFollow { from: before.phase, to });
        }
        after.phase = to;
    }
    if let Some(rate) = change.rate_per_sec {
        if !(0.0..=10_000.0).contains(&rate) {
            return refuse("rate_per_sec", "must be 0 to 10,000 fans a second");
        }
        if after.method == LineMethod::Passthrough && rate != PASSTHROUGH_PER_SEC {
            return refuse("rate_per_sec", NO_RATE);
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
    after.pacing = pacing(after.pacing, change)?;
    if after.method == LineMethod::Passthrough && after.pacing.mode != PaceMode::Fixed {
        return refuse("pace_mode", NO_RATE);
    }
    if let Some(message) = &change.message {
        let unfit =
            |character: char| character.is_control() && character != '\n' && character != '\r';
        if message.chars().count() > 500 || message.contains(unfit) {
            return refuse("message", "must be 500 characters at most, without control characters");
        }
        after.message.clone_from(message);
    }
    after.sleep = sleep(&before.sleep, change)?;
    Ok(after)
}

const NO_RATE: &str = "cannot be set where everybody is passed through: cap, stock and checkout's \
    door alone hold such a room";

/// Goes over to another method: to its pace, and from a draw to none.
fn follow_method(before: &RoomState, after: &mut RoomState) {
    if after.method != LineMethod::Draw {
        after.draw = None;
    }
    let was = before.method == LineMethod::Passthrough;
    if was || after.method == LineMethod::Passthrough {
        // What it was before it passed everybody through is not known any more.
        let usual = if was { USUAL_PER_SEC } else { before.rate_per_sec };
        let (rate_per_sec, pacing) = pace_of(after.method, usual);
        after.rate_per_sec = rate_per_sec;
        after.pacing.mode = pacing.mode;
    }
}

/// Whether a room may announce where its entropy comes from.
fn may_announce(
    before: &RoomState,
    method: LineMethod,
    source: EntropySource,
) -> Result<(), RoomError> {
    let refuse =
        |detail: &str| Err(RoomError::Value { field: "entropy_source", detail: detail.to_owned() });
    if method != LineMethod::Draw {
        return refuse("is for rooms that draw");
    }
    let announced = before.draw.as_ref().map(|draw| draw.entropy_source);
    let is_same = before.method == LineMethod::Draw && announced == Some(source);
    if is_same || before.phase.may_open_yet() {
        return Ok(());
    }
    refuse("was announced with the draw's commitment and can be changed only until fans can join")
}

/// A room that draws opens when its draw was made.
fn by_way_of_the_draw(room: &RoomState, to: Phase) -> Phase {
    let draws = room.method == LineMethod::Draw && !room.phase.has_opened();
    if draws && to == Phase::Open { Phase::Drawing } else { to }
}

fn sleep(before: &Sleep, change: &RoomChange) -> Result<Sleep, RoomError> {
    let refuse = |field, detail: &str| Err(RoomError::Value { field, detail: detail.to_owned() });
    if change.wake_per_sec.is_some_and(|rate| !(0.0..=10_000.0).contains(&rate)) {
        return refuse("wake_per_sec", "must be 0 to 10,000 fans a second");
    }
    if change.wake_active.is_some_and(|active| !(0..=1_000_000).contains(&active)) {
        return refuse("wake_active", "must be 0 to 1,000,000 sessions");
    }
    Ok(Sleep {
        sleeps: change.sleeps.unwrap_or(before.sleeps),
        wake_per_sec: change.wake_per_sec.unwrap_or(before.wake_per_sec),
        wake_active: change.wake_active.or(before.wake_active),
        ..before.clone()
    })
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
    use admission::contract::Seed;
    use chrono::DateTime;

    use super::*;
    use crate::draw::DrawBody;

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
            sleep: Sleep::default(),
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
    fn what_is_mixed_in_is_chosen_until_fans_can_join() {
        let announced = |phase| RoomState {
            phase,
            method: LineMethod::Draw,
            draw: Some(DrawBody {
                commitment: Seed::new([7; 32]).commitment(),
                entropy_source: EntropySource::None,
                committed_at: DateTime::UNIX_EPOCH,
                frozen_at: None,
                ends: None,
                roots: None,
                drawn_at: None,
                entropy: None,
                seed: None,
            }),
            ..a_room()
        };
        let choose = |phase, source| {
            let entropy_source = Some(source);
            let change = RoomChange { entropy_source, ..RoomChange::default() };
            changed(&announced(phase), &change).is_ok()
        };
        for phase in Phase::ALL {
            assert_eq!(choose(phase, EntropySource::Drand), phase.may_open_yet(), "{phase}");
            assert!(choose(phase, EntropySource::None), "{phase}: that it stays is no change");
        }
        // Together with the method.
        let entropy_source = Some(EntropySource::Operator);
        let method = Some(LineMethod::Draw);
        let change = RoomChange { method, entropy_source, ..RoomChange::default() };
        let scheduled = RoomState { phase: Phase::Scheduled, ..a_room() };
        assert_eq!(changed(&scheduled, &change).expect("a change").method, LineMethod::Draw);
        let method = Some(LineMethod::FirstCome);
        let change = RoomChange { method, entropy_source, ..RoomChange::default() };
        assert!(changed(&announced(Phase::Scheduled), &change).is_err());
    }

    #[test]
    fn a_room_that_passes_everybody_through_has_no_rate() {
        let through = RoomChange { method: Some(LineMethod::Passthrough), ..RoomChange::default() };
        let scheduled = RoomState { phase: Phase::Scheduled, ..a_room() };
        let passing = changed(&scheduled, &through).expect("a change");
        assert_eq!(passing.rate_per_sec, PASSTHROUGH_PER_SEC);
        assert_eq!(passing.pacing.mode, PaceMode::Fixed);
        let try_to = |change: RoomChange| changed(&passing, &change);
        let same = RoomChange {
            rate_per_sec: Some(PASSTHROUGH_PER_SEC),
            pace_mode: Some(PaceMode::Fixed),
            max_active: Some(5),
            ..RoomChange::default()
        };
        assert_eq!(try_to(same).expect("a form that repeats them").max_active, 5);
        let rate = RoomChange { rate_per_sec: Some(5.0), ..RoomChange::default() };
        let follow = RoomChange { pace_mode: Some(PaceMode::Follow), ..RoomChange::default() };
        for change in [rate, follow] {
            assert!(matches!(try_to(change), Err(RoomError::Value { .. })));
        }
        let back = RoomChange { method: Some(LineMethod::FirstCome), ..RoomChange::default() };
        let usual = try_to(back.clone()).expect("a change");
        assert_eq!((usual.rate_per_sec, usual.pacing.mode), (USUAL_PER_SEC, PaceMode::Follow));
        let told = try_to(RoomChange { rate_per_sec: Some(7.0), ..back }).expect("a change");
        assert_eq!(told.rate_per_sec, 7.0);
    }

    #[test]
    fn only_a_room_that_draws_is_ever_drawing() {
        let draw = RoomChange { phase: Some(Phase::Drawing), ..RoomChange::default() };
        for method in [LineMethod::FirstCome, LineMethod::Passthrough] {
            let room = RoomState { phase: Phase::PreQueue, method, ..a_room() };
            assert!(matches!(changed(&room, &draw), Err(RoomError::PhaseCannotFollow { .. })));
        }
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
        for method in [LineMethod::Draw, LineMethod::Passthrough] {
            let late = RoomChange { method: Some(method), ..RoomChange::default() };
            assert_eq!(refused(late), "method");
        }
        let source = Some(EntropySource::Drand);
        let other = RoomChange { entropy_source: source, ..RoomChange::default() };
        assert_eq!(refused(other), "entropy_source", "it does not draw");
        for rate in [-1.0, f64::NAN] {
            let wake = RoomChange { wake_per_sec: Some(rate), ..RoomChange::default() };
            assert_eq!(refused(wake), "wake_per_sec");
        }
        let wake = RoomChange { wake_active: Some(-1), ..RoomChange::default() };
        assert_eq!(refused(wake), "wake_active");
        let back = RoomChange { phase: Some(Phase::Draft), ..RoomChange::default() };
        assert!(matches!(changed(&a_room(), &back), Err(RoomError::PhaseCannotFollow { .. })));
    }
}
