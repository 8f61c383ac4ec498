//! What was measured of a room, worked out of what was seen of it. Pure.

use admission::contract::{LaneHead, LineStock, StockState, stock_state};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::Measured;

use crate::room::{
    history::{Counted, History, Sample},
    line::PaceFigures,
};

/// What was counted of a room elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Sessions that were ever opened.
    pub claimed: i64,
    /// Sessions that are open now.
    pub active: i64,
    /// Fans who were let in, have not come yet, and may still.
    pub unclaimed: i64,
    /// Of those who wait, how many left the line: it passes over them in no time.
    pub left_waiting: i64,
    pub stock: Stock,
    /// By ticket type, in the order they are offered.
    pub types: Vec<TypeFigures>,
}

impl Counts {
    /// What of it speeds are told of, where so many of those let in come.
    pub fn counted(&self, show_share: f64) -> Counted {
        let taken = self.active as f64 / show_share + self.unclaimed as f64;
        Counted { sold: self.stock.sold, taken }
    }
}

/// Tickets of a show, all types together. Held and left are unknown while Redis is being filled
/// again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Stock {
    pub allotted: i64,
    pub sold: i64,
    /// In orders that are not paid yet.
    pub reserved: i64,
    pub held: Option<i64>,
    pub left: Option<i64>,
    /// How the sale stands; null while that is not known.
    pub stock_state: Option<StockState>,
    /// Tickets that one fan takes who buys, on average lately; null while nobody told it.
    pub per_fan: Option<f64>,
    /// Sessions that hold or have ordered something; null while nobody told it.
    pub served_sessions: Option<i64>,
}

impl Stock {
    /// As it was counted; what could not be is taken from what the line was `told`.
    pub fn with(self, told: Option<&LineStock>) -> Self {
        let left = self.left.or(told.map(LineStock::free));
        let held = self.held.or(told.map(|told| (told.held() - self.reserved).max(0)));
        let state = left.zip(held).filter(|_| self.allotted > 0);
        Self {
            left,
            held,
            stock_state: state
                .map(|(left, held)| stock_state(left, held + self.reserved, self.allotted)),
            per_fan: told.map(|told| told.per_fan.max(1.0)),
            served_sessions: told.map(|told| told.served),
            ..self
        }
    }
}

/// Tickets of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypeFigures {
    pub ticket_type: uuid::Uuid,
    pub name: String,
    pub allotted: i64,
    pub sold: i64,
    /// In orders that are not paid yet.
    pub reserved: i64,
    pub held: Option<i64>,
    pub left: Option<i64>,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Flow {
    /// Places in line.
    pub waiting: i64,
    /// Of those, how many their fans left: the line passes over them in no time.
    pub left_waiting: i64,
    /// Joins per second, over the last ten seconds.
    pub inflow_per_sec: f64,
    /// Fans let in so far.
    pub admitted: i64,
    /// Let in per second, measured over the last ten seconds.
    pub admitted_per_sec: f64,
    /// Of those let in, how many came to checkout.
    pub claimed: i64,
    /// Of those let in, how many missed their turn.
    pub no_shows: i64,
    /// Fans who left the line before their turn, as far as it has passed them; none of them was let
    /// in.
    pub left_passed: i64,
    /// Of those let in, how many may still come.
    pub unclaimed: i64,
    /// Sessions in checkout.
    pub active: i64,
    /// Tickets that were paid per minute, over the last minute.
    pub sold_per_min: f64,
}

/// One lane of a room.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LaneFlow {
    pub lane: i32,
    pub waiting: i64,
    /// The next place to be let in.
    pub head: i64,
    /// How many have joined.
    pub tail: i64,
    /// Joins per second, over the last ten seconds.
    pub inflow_per_sec: f64,
    /// Let in per second, measured over the last ten seconds.
    pub admitted_per_sec: f64,
}

/// What was measured of a room and told about it: all that forecasts, alarms and previews are made
/// of, beside its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    pub flow: Flow,
    /// How fast the line moved, as the waiting room wants to know it for its waits.
    pub measured: Measured,
    /// Slots of checkout that became free per second, over ten seconds and over half a minute.
    pub freed_per_sec: Option<(f64, f64)>,
    /// The pace that checkout held the line to last; `None` where that was never seen.
    pub learnt_per_sec: Option<f64>,
    pub pace: PaceFigures,
    pub stock: Stock,
}

impl Measures {
    /// Those who wait and did not leave.
    pub fn staying(&self) -> i64 {
        (self.flow.waiting - self.flow.left_waiting).max(0)
    }
}

pub fn flow(history: &History, counts: &Counts) -> Flow {
    let last = history.last();
    let admitted = last.map_or(0, Sample::admitted);
    Flow {
        waiting: last.map_or(0, Sample::waiting),
        left_waiting: counts.left_waiting,
        inflow_per_sec: history.speed(Sample::joined),
        admitted,
        admitted_per_sec: history.speed(Sample::admitted),
        claimed: counts.claimed,
        // Heads, grants and sessions are read one after the other, so for a moment they need not
        // add up.
        no_shows: (admitted - counts.claimed - counts.unclaimed).max(0),
        left_passed: last.map_or(0, |sample| sample.left),
        unclaimed: counts.unclaimed,
        active: counts.active,
        sold_per_min: hundredths(history.sold_per_sec() * 60.0),
    }
}

pub fn lanes(history: &History) -> Vec<LaneFlow> {
    let Some(last) = history.last() else { return Vec::new() };
    let of =
        |sample: &Sample, lane: i32| sample.lanes.iter().find(|known| known.lane == lane).copied();
    let one = |known: &LaneHead| LaneFlow {
        lane: known.lane,
        waiting: (known.tail - known.head).max(0),
        head: known.head,
        tail: known.tail,
        inflow_per_sec: history.speed(|sample| of(sample, known.lane).map_or(0, |lane| lane.tail)),
        admitted_per_sec: history
            .speed(|sample| of(sample, known.lane).map_or(0, |lane| lane.head)),
    };
    last.lanes.iter().map(one).collect()
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::history::tests::{history, sample};

    #[test]
    fn speeds_are_measured_over_the_last_ten_seconds() {
        let history =
            history((0..=20).map(|secs| sample(secs, &[(secs * 3, secs * 10), (secs * 2, 500)])));
        let flow = flow(&history, &Counts::default());
        assert_eq!((flow.inflow_per_sec, flow.admitted_per_sec), (10.0, 5.0));
        assert_eq!((flow.admitted, flow.waiting), (100, 600));
        let lanes = lanes(&history);
        assert_eq!(
            (lanes[1].waiting, lanes[1].inflow_per_sec, lanes[1].admitted_per_sec),
            (460, 0.0, 2.0)
        );
    }

    #[test]
    fn no_shows_are_never_fewer_than_none() {
        let history = history([sample(0, &[(10, 10)])]);
        let of = |claimed, unclaimed| {
            flow(&history, &Counts { claimed, unclaimed, ..Counts::default() }).no_shows
        };
        assert_eq!((of(4, 1), of(8, 5)), (5, 0));
    }

    #[test]
    fn whoever_left_the_line_is_no_no_show() {
        let history = history([Sample { left: 6, ..sample(0, &[(10, 30)]) }]);
        let counts = Counts { claimed: 3, unclaimed: 1, ..Counts::default() };
        let flow = flow(&history, &counts);
        assert_eq!((flow.admitted, flow.no_shows, flow.left_passed), (4, 0, 6));
        assert_eq!(flow.waiting, 20);
    }

    #[test]
    fn a_sale_is_sold_out_when_nothing_is_left_held_or_unpaid() {
        let stock = |left, held, reserved| {
            let counted = Stock { allotted: 500, reserved, left, held, ..Stock::default() };
            counted.with(None).stock_state
        };
        assert_eq!(stock(Some(0), Some(0), 0), Some(StockState::SoldOut));
        assert_eq!(stock(Some(0), Some(0), 2), Some(StockState::AllHeld));
        assert_eq!(stock(Some(400), Some(0), 0), Some(StockState::Available));
        assert_eq!(stock(None, None, 0), None);
        let told = LineStock {
            types: vec![admission::contract::TypeStock {
                free: 0,
                held: 3,
                allotted: 500,
                ..Default::default()
            }],
            per_fan: 2.5,
            served: 0,
        };
        let counted = Stock { allotted: 500, ..Stock::default() }.with(Some(&told));
        assert_eq!(
            (counted.stock_state, counted.per_fan),
            (Some(StockState::AllHeld), Some(2.5)),
            "while Redis is filled again the line's own word counts"
        );
    }
}
