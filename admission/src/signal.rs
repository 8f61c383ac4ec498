//! What checkout tells the gates: whether passes are redeemed, how long its calls take, what is
//! left. Written by every process of checkout, read by the rooms' controllers.

pub mod redis;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A word older than this is no word.
pub const FRESH: TimeDelta = TimeDelta::seconds(3);

/// Calls of one kind over the last two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallSignal {
    /// Answered, well or not.
    pub count: u32,
    /// Failed by our fault: 5xx, timeouts, stores away.
    pub failed: u32,
    pub p50_ms: u32,
    pub p99_ms: u32,
}

/// How a room's orders flow, lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderFlow {
    /// Orders that fans began, and that were answered, a minute.
    pub begun_per_min: u32,
    pub answered_per_min: u32,
    /// How long half of the fans had been inside when they began them, in milliseconds; 0 where
    /// nobody did.
    pub after_ms: u32,
    /// Begun and not answered yet.
    pub under_way: u32,
}

/// What one process of checkout sees of a room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RoomSignal {
    pub at: DateTime<Utc>,
    pub redeem: CallSignal,
    pub hold: CallSignal,
    pub order: CallSignal,
    #[serde(default)]
    pub orders: OrderFlow,
    /// Fans with a good pass who were turned away because checkout was full, or failed, and have
    /// not come in since.
    pub turned_away: u32,
    /// Of those, how many only because as many were inside as may be.
    #[serde(default)]
    pub turned_away_full: u32,
    /// The show's stock, where this process looked.
    pub stock: Option<LineStock>,
}

/// What one process of checkout says about itself, whatever the room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckoutSignal {
    pub at: DateTime<Utc>,
    /// Whether a pass could be redeemed just now: Postgres took a write, Redis answers.
    pub redeems: bool,
    /// The order writer's, where this process writes.
    pub writer: Option<WriterSignal>,
}

/// How far the order writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WriterSignal {
    /// How long the oldest command that is not written has waited, in milliseconds.
    pub lag_ms: u32,
    /// How long one batch in a hundred takes to commit.
    pub commit_p99_ms: u32,
}

/// What is left of a show, all types together, and each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct LineStock {
    pub types: Vec<TypeStock>,
    /// Tickets that one fan takes who buys, on average lately; 1 or more.
    pub per_fan: f64,
    /// Sessions that held or ordered something, or found too little; for the others tickets
    /// are kept.
    pub served: i64,
}

/// What is left of one ticket type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct TypeStock {
    pub ticket_type: Uuid,
    pub name: String,
    /// Can be held now.
    pub free: i64,
    /// Held, being ordered, or ordered and not paid: may come back.
    pub held: i64,
    /// Paid.
    pub sold: i64,
    pub allotted: i64,
}

/// How a sale stands, for those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockState {
    Available,
    /// At most twenty, or one in twenty.
    FewLeft,
    /// None is free; some are held and may come back.
    AllHeld,
    /// None is free and none is held: only a refund brings one back.
    SoldOut,
}

impl OrderFlow {
    /// Of two processes together.
    fn and(self, other: Self) -> Self {
        let begun_per_min = self.begun_per_min + other.begun_per_min;
        let after = |of: Self| f64::from(of.after_ms) * f64::from(of.begun_per_min);
        let after_ms = (after(self) + after(other)) / f64::from(begun_per_min.max(1));
        Self {
            begun_per_min,
            answered_per_min: self.answered_per_min + other.answered_per_min,
            after_ms: after_ms as u32,
            under_way: self.under_way + other.under_way,
        }
    }
}

impl LineStock {
    pub fn free(&self) -> i64 {
        self.types.iter().map(|of_type| of_type.free.max(0)).sum()
    }

    pub fn held(&self) -> i64 {
        self.types.iter().map(|of_type| of_type.held.max(0)).sum()
    }

    pub fn allotted(&self) -> i64 {
        self.types.iter().map(|of_type| of_type.allotted.max(0)).sum()
    }

    pub fn state(&self) -> StockState {
        stock_state(self.free(), self.held(), self.allotted())
    }
}

impl TypeStock {
    pub fn state(&self) -> StockState {
        stock_state(self.free, self.held, self.allotted)
    }
}

/// How a sale of `allotted` tickets stands with so many free and held. Few are twenty, or one in
/// twenty.
pub fn stock_state(free: i64, held: i64, allotted: i64) -> StockState {
    match (free, held) {
        (..=0, ..=0) => StockState::SoldOut,
        (..=0, _) => StockState::AllHeld,
        (free, _) if free <= 20 || free * 20 <= allotted => StockState::FewLeft,
        _ => StockState::Available,
    }
}

/// What all processes of checkout together say to one room's controller.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// Whether some process redeems passes.
    pub redeems: bool,
    pub redeem: CallSignal,
    pub hold: CallSignal,
    pub order: CallSignal,
    pub orders: OrderFlow,
    pub turned_away: u32,
    pub turned_away_full: u32,
    pub writer: Option<WriterSignal>,
    pub stock: Option<LineStock>,
}

/// Puts the processes' words together: counts are added, the slowest counts, the latest stock is
/// taken. Words that are not [`FRESH`] are passed over.
pub fn merge(rooms: &[RoomSignal], processes: &[CheckoutSignal], now: DateTime<Utc>) -> Signals {
    let is_fresh = |at: DateTime<Utc>| now - at <= FRESH;
    let mut merged = Signals::default();
    for process in processes.iter().filter(|process| is_fresh(process.at)) {
        merged.redeems |= process.redeems;
        if let Some(writer) = process.writer {
            let known = merged.writer.get_or_insert_default();
            known.lag_ms = known.lag_ms.max(writer.lag_ms);
            known.commit_p99_ms = known.commit_p99_ms.max(writer.commit_p99_ms);
        }
    }
    let mut latest: Option<DateTime<Utc>> = None;
    let of = |call: fn(&RoomSignal) -> CallSignal| {
        together(rooms.iter().filter(|room| is_fresh(room.at)).map(call))
    };
    (merged.redeem, merged.hold, merged.order) =
        (of(|room| room.redeem), of(|room| room.hold), of(|room| room.order));
    for room in rooms.iter().filter(|room| is_fresh(room.at)) {
        merged.orders = merged.orders.and(room.orders);
        merged.turned_away += room.turned_away;
        merged.turned_away_full += room.turned_away_full;
        if room.stock.is_some() && latest.is_none_or(|at| at < room.at) {
            latest = Some(room.at);
            merged.stock.clone_from(&room.stock);
        }
    }
    merged
}

/// So many calls of one process at least say something about the slowest in a hundred.
pub const CALLS_MIN: u32 = 20;

/// Counts are added, and the slowest process counts: of those with enough calls to say so, where
/// there is one.
fn together(calls: impl Iterator<Item = CallSignal> + Clone) -> CallSignal {
    let enough = if calls.clone().any(|of| of.count >= CALLS_MIN) { CALLS_MIN } else { 0 };
    calls.fold(CallSignal::default(), |sum, of| {
        let (p50_ms, p99_ms) = if of.count >= enough { (of.p50_ms, of.p99_ms) } else { (0, 0) };
        CallSignal {
            count: sum.count + of.count,
            failed: sum.failed + of.failed,
            p50_ms: sum.p50_ms.max(p50_ms),
            p99_ms: sum.p99_ms.max(p99_ms),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + secs, 0).expect("a time")
    }

    #[test]
    fn what_is_old_says_nothing() {
        let alive = CheckoutSignal { at: at(0), redeems: true, writer: None };
        assert!(merge(&[], std::slice::from_ref(&alive), at(2)).redeems);
        assert!(!merge(&[], &[alive], at(4)).redeems);
    }

    #[test]
    fn counts_add_up_and_the_slowest_counts() {
        let call = |count, p99_ms| CallSignal { count, failed: 1, p50_ms: 1, p99_ms };
        let room = |secs, order| RoomSignal { at: at(secs), order, ..RoomSignal::default() };
        let stocked = |secs, free| RoomSignal {
            stock: Some(LineStock {
                types: vec![TypeStock { free, allotted: 100, ..TypeStock::default() }],
                ..LineStock::default()
            }),
            ..room(secs, CallSignal::default())
        };
        let merged = merge(
            &[room(0, call(3, 80)), room(1, call(4, 20)), stocked(1, 7), stocked(0, 9)],
            &[],
            at(2),
        );
        assert_eq!((merged.order.count, merged.order.failed, merged.order.p99_ms), (7, 2, 80));
        assert_eq!(merged.stock.map(|stock| stock.free()), Some(7), "the latest");
    }

    #[test]
    fn one_slow_call_of_a_process_that_has_no_other_does_not_speak_for_all() {
        let call = |count, p99_ms| CallSignal { count, failed: 0, p50_ms: 1, p99_ms };
        let one = together([call(40, 80), call(1, 3_000)].into_iter());
        assert_eq!((one.count, one.p99_ms), (41, 80));
        assert_eq!(together([call(4, 80), call(1, 3_000)].into_iter()).p99_ms, 3_000);
    }

    #[test]
    fn a_sale_is_sold_out_when_nothing_can_come_back() {
        assert_eq!(stock_state(0, 0, 100), StockState::SoldOut);
        assert_eq!(stock_state(-1, 2, 100), StockState::AllHeld);
        assert_eq!(stock_state(20, 0, 100), StockState::FewLeft);
        assert_eq!(stock_state(2_500, 0, 50_000), StockState::FewLeft);
        assert_eq!(stock_state(2_600, 0, 50_000), StockState::Available);
    }
}
