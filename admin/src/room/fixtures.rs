//! A room for tests: open, 25 a second, a cap of 2,000.

use admission::contract::{LineMethod, Pacing};
use waitroom::contract::{Measured, Phase, RoomState, Sleep};

use crate::room::{
    line::PaceFigures,
    measures::{Flow, Measures, Stock},
};

pub fn room() -> RoomState {
    RoomState {
        room: "r".parse().expect("a name"),
        show: "s".parse().expect("an id"),
        phase: Phase::Open,
        lanes: 4,
        rate_per_sec: 25.0,
        max_active: 2000,
        claim_window_secs: 120,
        pacing: Pacing::default(),
        message: String::new(),
        method: LineMethod::FirstCome,
        draw: None,
        joins_at: None,
        opens_at: None,
        cohort: None,
        closes_at: None,
        stop: None,
        sleep: Sleep::default(),
    }
}

pub fn flow(waiting: i64) -> Flow {
    Flow {
        waiting,
        left_waiting: 0,
        inflow_per_sec: 0.0,
        admitted: 5000,
        admitted_per_sec: 25.0,
        claimed: 4000,
        no_shows: 900,
        left_passed: 0,
        unclaimed: 100,
        active: 900,
        sold_per_min: 0.0,
    }
}

pub fn measures(flow: Flow) -> Measures {
    Measures {
        flow,
        measured: Measured::default(),
        freed_per_sec: None,
        learnt_per_sec: None,
        pace: PaceFigures::default(),
        stock: Stock::default(),
    }
}
