//! What will come of a room: when its line will be empty and its show sold out, and how long people
//! wait with other settings. The waits are those that fans are told, by the same arithmetic. Pure.

use admission::contract::{HoldBack, PaceMode};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::{
    Forecast, Measured, Phase, RoomState, Slots, WaitCurve, WaitRange, wait_secs,
};

use crate::room::{
    history::is_pressed,
    measures::{Flow, Measures, Stock},
};

/// A pace within so much of the rate is the rate.
const AS_ASKED: f64 = 0.98;
/// A checkout with fewer of its slots free is full.
const FULL: f64 = 0.05;

/// How long something takes, between two bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    pub low_secs: u64,
    pub high_secs: u64,
    /// Such as `about 4 to 6 minutes`.
    pub words: String,
}

/// What will come of a room as things are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outlook {
    /// Until everybody who waits now is in; null where nobody waits, nobody is let in, or the
    /// tickets end before the line does.
    pub empty_in: Option<Span>,
    /// Until no ticket is free, at the sales of the last minute; null where nothing is sold or
    /// nothing is left.
    pub sold_out_in: Option<Span>,
    /// For how many of those who wait there are tickets, about; null where that is not known.
    pub served: Option<i64>,
}

/// What keeps a line from its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Checkout takes so many a second.
    Checkout { per_sec: f64 },
    /// Checkout is full, and so many slots a second become free.
    Full { per_sec: f64 },
    /// Something that no setting changes: what holds the line back says it.
    Elsewhere { per_sec: f64 },
}

impl From<WaitRange> for Span {
    fn from(range: WaitRange) -> Self {
        Self { low_secs: range.low_secs, high_secs: range.high_secs, words: range.words() }
    }
}

impl Span {
    /// How long `count` take at so many a second; `None` where none do.
    pub fn of(count: i64, per_sec: f64) -> Option<Self> {
        let (low_secs, high_secs) = wait_secs(count, per_sec)?;
        Some(WaitRange { low_secs, high_secs }.into())
    }

    /// The words without `about`.
    pub fn bare(&self) -> &str {
        self.words.trim_start_matches("about ")
    }
}

/// What holds the line back beside the rate and the slots of checkout: it does whatever the
/// settings are.
fn is_elsewhere(reason: &HoldBack) -> bool {
    matches!(
        reason,
        HoldBack::CheckoutAway
            | HoldBack::DoorShut
            | HoldBack::StockLow { .. }
            | HoldBack::SoldOut { .. }
            | HoldBack::LanesUnknown { .. }
    )
}

/// As the waiting room has it when it tells fans.
fn is_held_back(reason: &HoldBack) -> bool {
    !matches!(
        reason,
        HoldBack::Starting | HoldBack::CheckoutFull { .. } | HoldBack::PassesUnclaimed { .. }
    )
}

/// What a room that is `now` so and was measured lets in with the settings of `then`.
fn forecast(now: &RoomState, then: &RoomState, measures: &Measures) -> Forecast {
    let Measures { flow, pace, measured, .. } = measures;
    let is_held_back = pace.is_held_by(is_held_back);
    // What was measured at another rate says nothing of this one, unless something else held it.
    let is_same = now.rate_per_sec.total_cmp(&then.rate_per_sec).is_eq();
    let is_measured = (is_same && now.pacing == then.pacing) || pace.is_held_by(is_elsewhere);
    // Slots are counted in fans let in: where half of them do not come, two of them take one.
    let all = f64::from(then.max_active) / pace.comes();
    let taken = flow.active as f64 / pace.comes() + flow.unclaimed as f64;
    let grows = then.pacing.mode == PaceMode::Follow && !is_held_back;
    let growth = if grows { pace.growth } else { 0.0 };
    Forecast {
        asked_per_sec: then.rate_per_sec,
        allowed_per_sec: match pace.settled_per_sec {
            Some(settled) if growth > 0.0 => Some(settled.min(then.rate_per_sec)),
            _ => allowed(now, then, measures),
        },
        growth,
        is_held_back: is_held_back && is_measured,
        left_share: flow.left_waiting as f64 / flow.waiting.max(1) as f64,
        measured: if is_measured { *measured } else { Measured::default() },
        checkout: (pace.settled_per_sec.is_some() && all > 0.0).then_some(Slots {
            free: (all - taken).max(0.0),
            all,
            freed_per_sec: measures.freed_per_sec,
        }),
    }
}

/// How many may be let in per second, as far as controllers tell it. A gate that learnt what
/// checkout takes keeps to it at any rate. Where checkout did not keep it from the rate of now,
/// nobody knows that it would from another.
fn allowed(now: &RoomState, then: &RoomState, measures: &Measures) -> Option<f64> {
    let settled = measures.pace.settled_per_sec?;
    let follows = now.pacing.mode == PaceMode::Follow && then.pacing.mode == PaceMode::Follow;
    let is_held = settled < now.rate_per_sec * AS_ASKED || measures.pace.is_held_by(is_pressed);
    let learnt = if is_held { Some(settled) } else { measures.learnt_per_sec };
    let allowed = learnt
        .filter(|_| follows)
        .map_or(then.rate_per_sec, |learnt| learnt.max(settled).max(then.pacing.floor_per_sec));
    Some(allowed.min(then.rate_per_sec))
}

/// How long people would wait with the settings of `then`, in a room that is `now` so.
pub fn waits(now: &RoomState, then: &RoomState, measures: &Measures) -> WaitCurve {
    forecast(now, then, measures).curve(measures.flow.waiting)
}

/// How long everybody who waits would wait for the last of them to be let in.
pub fn last_wait(now: &RoomState, then: &RoomState, measures: &Measures) -> Option<Span> {
    let waiting = Some(measures.flow.waiting).filter(|waiting| *waiting > 0)?;
    waits(now, then, measures).range(waiting).map(Span::from)
}

/// What keeps the line from the rate of `then`; `None` where nothing is known to.
pub fn bound(now: &RoomState, then: &RoomState, measures: &Measures) -> Option<Bound> {
    let forecast = forecast(now, then, measures);
    let is_below = |per_sec: &f64| *per_sec < then.rate_per_sec * AS_ASKED;
    if measures.pace.is_held_by(is_elsewhere) {
        return Some(Bound::Elsewhere { per_sec: measures.flow.admitted_per_sec });
    }
    let full = forecast.checkout.filter(|slots| slots.free < slots.all * FULL);
    if let Some(per_sec) =
        full.and(measures.freed_per_sec).map(|(_, longer)| longer).filter(is_below)
    {
        return Some(Bound::Full { per_sec });
    }
    forecast.allowed_per_sec.filter(is_below).map(|per_sec| Bound::Checkout { per_sec })
}

/// For how many of those who wait there are tickets, about.
fn served(measures: &Measures) -> Option<i64> {
    let (Flow { active, unclaimed, .. }, stock) = (measures.flow, measures.stock);
    let Stock { left: Some(left), per_fan: Some(per_fan), .. } = stock else { return None };
    let comes = measures.pace.comes();
    // Those inside who have nothing yet want something, too, and so do those on their way.
    let inside = (active - stock.served_sessions.unwrap_or(active)).max(0) as f64;
    let on_their_way = unclaimed as f64 * comes;
    Some(((left as f64 / per_fan - inside - on_their_way).max(0.0) / comes).floor() as i64)
}

/// What will come of a room as things are.
pub fn outlook(room: &RoomState, measures: &Measures) -> Outlook {
    let served = served(measures);
    let is_open = room.phase == Phase::Open && room.stop.is_none();
    let lasts = served.is_none_or(|served| measures.staying() <= served);
    let empty_in = (is_open && lasts).then(|| last_wait(room, room, measures)).flatten();
    let left = measures.stock.left.filter(|left| *left > 0);
    let sold_out_in = left.and_then(|left| Span::of(left, measures.flow.sold_per_min / 60.0));
    Outlook { empty_in, sold_out_in, served }
}

#[cfg(test)]
mod tests {
    use admission::contract::Pacing;

    use super::*;
    use crate::room::fixtures::{flow, measures, room};

    /// A room that lets in as it is asked to.
    fn steady(waiting: i64) -> Measures {
        let mut seen = measures(flow(waiting));
        seen.pace.settled_per_sec = Some(25.0);
        seen.freed_per_sec = Some((25.0, 25.0));
        seen
    }

    #[test]
    fn the_line_is_empty_when_fans_are_told_so() {
        let told = outlook(&room(), &steady(12_500)).empty_in.expect("a span");
        let fan = waits(&room(), &room(), &steady(12_500)).range(12_500).expect("a wait");
        assert_eq!((told.low_secs, told.high_secs), (fan.low_secs, fan.high_secs));
        assert_eq!(told.words, "about 6 to 11 minutes");
        assert_eq!(outlook(&room(), &steady(0)).empty_in, None);
        let paused = RoomState { phase: Phase::Paused, ..room() };
        assert_eq!(outlook(&paused, &steady(12_500)).empty_in, None);
    }

    #[test]
    fn a_full_checkout_lets_in_as_many_as_it_lets_go() {
        let mut full = steady(9_000);
        full.flow = Flow { active: 2_000, unclaimed: 0, ..full.flow };
        full.freed_per_sec = Some((5.0, 5.0));
        assert_eq!(bound(&room(), &room(), &full), Some(Bound::Full { per_sec: 5.0 }));
        let told = |then: &RoomState| last_wait(&room(), then, &full).expect("a wait");
        assert!((1_400..=1_600).contains(&told(&room()).low_secs), "{:?}", told(&room()));
        let faster = RoomState { rate_per_sec: 50.0, ..room() };
        assert_eq!(told(&faster), told(&room()), "a higher rate frees no slot");
        let wider = RoomState { max_active: 4_000, ..room() };
        assert!(told(&wider).high_secs < told(&room()).low_secs, "{:?}", told(&wider));
        assert_eq!(bound(&room(), &wider, &full), None);
    }

    #[test]
    fn what_checkout_takes_bounds_the_pace_unless_it_is_fixed() {
        let mut slow = steady(1_000);
        slow.pace.settled_per_sec = Some(10.0);
        let pacing = |mode, floor_per_sec| RoomState {
            pacing: Pacing { mode, floor_per_sec, ..Pacing::default() },
            ..room()
        };
        let bound = |then| bound(&room(), &then, &slow);
        assert_eq!(bound(room()), Some(Bound::Checkout { per_sec: 10.0 }));
        assert_eq!(bound(pacing(PaceMode::Follow, 15.0)), Some(Bound::Checkout { per_sec: 15.0 }));
        assert_eq!(bound(pacing(PaceMode::Fixed, 1.0)), None);
        assert_eq!(bound(RoomState { rate_per_sec: 8.0, ..room() }), None);
    }

    #[test]
    fn a_raised_rate_changes_nothing_where_the_gate_learnt_what_checkout_takes() {
        let raised = RoomState { rate_per_sec: 100.0, ..room() };
        let of = |learnt_per_sec, held_back: &[HoldBack], settled| {
            let mut seen = Measures { learnt_per_sec, ..steady(1_000) };
            seen.pace.settled_per_sec = Some(settled);
            seen.pace.held_back = held_back.iter().map(|of| (*of).into()).collect();
            bound(&room(), &raised, &seen)
        };
        assert_eq!(of(None, &[], 25.0), None, "nobody knows yet");
        // The rate was lowered below what checkout took.
        assert_eq!(of(Some(40.0), &[], 25.0), Some(Bound::Checkout { per_sec: 40.0 }));
        // Checkout holds the pace just below the rate.
        let slow = HoldBack::OrdersSlow { order_ms: 1_200 };
        assert_eq!(of(Some(24.8), &[slow], 24.8), Some(Bound::Checkout { per_sec: 24.8 }));
        // It took more once, and takes less now.
        assert_eq!(of(Some(40.0), &[slow], 12.0), Some(Bound::Checkout { per_sec: 12.0 }));
    }

    #[test]
    fn places_that_were_left_are_passed_in_no_time() {
        let all = steady(12_500);
        let mut half = all.clone();
        half.flow.left_waiting = 6_250;
        let low = |seen: &Measures| last_wait(&room(), &room(), seen).expect("a wait").low_secs;
        let (all, half) = (low(&all), low(&half));
        assert!((half * 2).abs_diff(all) <= 120, "{half} and {all}");
        let stock = Stock { left: Some(600), per_fan: Some(2.0), ..Stock::default() };
        let mut few = Measures { stock, ..steady(500) };
        few.flow.left_waiting = 350;
        few.pace.show_share = Some(1.0);
        // 200 fans' tickets; the 150 who stay find one each.
        let told = outlook(&room(), &few);
        assert_eq!(told.served, Some(200));
        assert!(told.empty_in.is_some());
    }

    #[test]
    fn what_no_setting_changes_is_told_apart() {
        let mut away = steady(1_000);
        away.pace.held_back = vec![HoldBack::LanesUnknown { lanes: 2 }.into()];
        away.flow.admitted_per_sec = 3.0;
        assert_eq!(bound(&room(), &room(), &away), Some(Bound::Elsewhere { per_sec: 3.0 }));
    }

    #[test]
    fn tickets_may_end_before_the_line_does() {
        let stock = Stock { left: Some(600), per_fan: Some(2.0), ..Stock::default() };
        let mut seen = Measures { stock, ..steady(12_500) };
        seen.pace.show_share = Some(0.5);
        // 300 fans' tickets, less the half of 100 on their way, for fans of whom half come.
        let told = outlook(&room(), &seen);
        assert_eq!((told.served, told.empty_in), (Some(500), None));
        seen.flow.waiting = 400;
        assert!(outlook(&room(), &seen).empty_in.is_some());
    }

    #[test]
    fn a_show_is_sold_out_when_its_free_tickets_are_sold_at_this_speed() {
        let stock = Stock { left: Some(1_200), ..Stock::default() };
        let selling = |sold_per_min| {
            let flow = Flow { sold_per_min, ..flow(0) };
            outlook(&room(), &Measures { stock, ..measures(flow) }).sold_out_in
        };
        assert_eq!(selling(60.0).expect("a span").words, "about 15 to 25 minutes");
        assert_eq!(selling(0.0), None);
        let gone = Measures { stock: Stock { left: Some(0), ..stock }, ..steady(0) };
        assert_eq!(outlook(&room(), &gone).sold_out_in, None);
    }
}
