//! Why a line moves no faster, in names, and as metrics.

use metrics::gauge;

use crate::{
    controller::signals::Door,
    gate::{redis::ask::Answer, stock_limit::StockLimit},
    pace::{HoldBack, PaceReport},
    place::RoomName,
};

/// What ended an asking so lately still holds the line back.
const LATELY_MS: i64 = 1000;
/// A cap of which so much is taken by those inside is full.
const FULL_SHARE: f64 = 0.95;
/// All names there are, for the gauges.
const NAMES: [&str; 12] = [
    "starting",
    "checkout_away",
    "door_shut",
    "checkout_full",
    "passes_unclaimed",
    "orders_slow",
    "writer_behind",
    "checkout_slow",
    "checkout_fails",
    "stock_low",
    "sold_out",
    "lanes_unknown",
];

/// How a room stands at a moment.
pub struct Standing<'a> {
    pub door: Door,
    pub is_running: bool,
    pub max_active: i64,
    pub answer: &'a Answer,
    /// What holds the pace below the rate.
    pub slowed_by: &'a [HoldBack],
    pub stock: Option<StockLimit>,
    /// What is left was not heard of yet.
    pub awaits_stock: bool,
    /// The controller's own lanes whose end nobody could see lately.
    pub own_unseen: i64,
}

/// Why the line moves no faster. Nothing holds back a line in which nobody waits, but for the door.
pub fn hold_backs(of: &Standing<'_>) -> Vec<HoldBack> {
    let mut found: Vec<HoldBack> = of.door.hold_back().into_iter().collect();
    if !of.is_running {
        return found;
    }
    let (answer, lately) = (of.answer, |ago: Option<i64>| ago.is_some_and(|ms| ms < LATELY_MS));
    if !(answer.ready && answer.known) || of.awaits_stock {
        found.push(HoldBack::Starting);
    }
    if lately(answer.stopped.cap) {
        if answer.active as f64 >= FULL_SHARE * of.max_active as f64 || answer.unclaimed == 0 {
            found.push(HoldBack::CheckoutFull { active: answer.active, max_active: of.max_active });
        } else {
            found.push(HoldBack::PassesUnclaimed { unclaimed: answer.unclaimed });
        }
    }
    if let Some(stock) = of.stock.filter(|_| lately(answer.stopped.stock)) {
        found.push(stock.hold_back());
    }
    let unknown = if lately(answer.stopped.lanes) { answer.unknown_lanes } else { 0 };
    if unknown + of.own_unseen > 0 {
        found.push(HoldBack::LanesUnknown { lanes: unknown + of.own_unseen });
    }
    if lately(answer.stopped.pace) {
        let slowed = of.slowed_by.iter().filter(|reason| !found.contains(reason));
        found.extend(slowed.copied().collect::<Vec<_>>());
    }
    found
}

/// Writes a report to the metrics.
pub fn show(room: &RoomName, report: &PaceReport) {
    let room = room.to_string();
    gauge!("fairgate_line_pace_per_sec", "room" => room.clone()).set(report.per_sec);
    gauge!("fairgate_line_unclaimed", "room" => room.clone()).set(report.unclaimed as f64);
    gauge!("fairgate_line_show_share", "room" => room.clone()).set(report.show_share);
    for name in NAMES {
        let holds = report.held_by.iter().any(|reason| reason.name() == name);
        let labels = [("room", room.clone()), ("reason", name.to_owned())];
        gauge!("fairgate_line_held_back", &labels).set(if holds { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::redis::ask::Stopped;

    fn answer(stopped: Stopped) -> Answer {
        Answer {
            ready: true,
            known: true,
            active: 400,
            unclaimed: 700,
            stopped,
            ..Answer::default()
        }
    }

    fn held(answer: &Answer) -> Vec<&'static str> {
        let slowed_by = [HoldBack::OrdersSlow { order_ms: 1400 }];
        let of = Standing {
            door: Door::Open,
            is_running: true,
            max_active: 1000,
            answer,
            slowed_by: &slowed_by,
            stock: None,
            awaits_stock: false,
            own_unseen: 0,
        };
        hold_backs(&of).iter().map(HoldBack::name).collect()
    }

    #[test]
    fn a_line_that_nobody_waits_in_is_held_back_by_nothing() {
        assert_eq!(held(&answer(Stopped::default())), [""; 0]);
        let before = Stopped { pace: Some(5_000), cap: Some(5_000), ..Stopped::default() };
        assert_eq!(held(&answer(before)), [""; 0]);
    }

    #[test]
    fn what_stops_a_line_is_named() {
        let cap = Stopped { cap: Some(10), ..Stopped::default() };
        assert_eq!(held(&answer(cap)), ["passes_unclaimed"]);
        assert_eq!(held(&Answer { active: 990, ..answer(cap) }), ["checkout_full"]);
        let pace = Stopped { pace: Some(10), ..Stopped::default() };
        assert_eq!(held(&answer(pace)), ["orders_slow"]);
        let lanes = Stopped { lanes: Some(10), ..Stopped::default() };
        assert_eq!(held(&answer(lanes)), [""; 0], "another controller's fans are older");
        assert_eq!(held(&Answer { unknown_lanes: 2, ..answer(lanes) }), ["lanes_unknown"]);
        assert_eq!(held(&Answer { ready: false, ..answer(Stopped::default()) }), ["starting"]);
    }

    #[test]
    fn every_reason_has_a_gauge() {
        let reasons = [
            HoldBack::Starting,
            HoldBack::CheckoutAway,
            HoldBack::DoorShut,
            HoldBack::CheckoutFull { active: 0, max_active: 0 },
            HoldBack::PassesUnclaimed { unclaimed: 0 },
            HoldBack::OrdersSlow { order_ms: 0 },
            HoldBack::WriterBehind { lag_ms: 0 },
            HoldBack::CheckoutSlow { call_ms: 0 },
            HoldBack::CheckoutFails { per_mille: 0 },
            HoldBack::StockLow { free: 0 },
            HoldBack::SoldOut { held: 0 },
            HoldBack::LanesUnknown { lanes: 0 },
        ];
        assert_eq!(reasons.map(|reason| reason.name()), NAMES);
    }
}
