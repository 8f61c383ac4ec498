use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::place::chance::Odds;

#[derive(Deserialize)]
struct Cases {
    until: Vec<UntilCase>,
    clock: Vec<ClockCase>,
    later: Vec<LaterCase>,
    people: Vec<PeopleCase>,
    chance: Vec<ChanceCase>,
    sale: Vec<SaleCase>,
    held: Vec<HeldCase>,
}

#[derive(Deserialize)]
struct UntilCase {
    secs: i64,
    words: String,
}

#[derive(Deserialize)]
struct ClockCase {
    low: u64,
    high: u64,
    now: i64,
    from: Option<i64>,
    to: Option<i64>,
}

#[derive(Deserialize)]
struct LaterCase {
    before: i64,
    to: i64,
    now: i64,
    later: bool,
}

#[derive(Deserialize)]
struct PeopleCase {
    count: i64,
    ahead: String,
    waiting: String,
    gone_in: String,
}

#[derive(Deserialize)]
struct ChanceCase {
    percent: u8,
    words: String,
}

#[derive(Deserialize)]
struct SaleCase {
    state: StockState,
    tickets_left: i64,
    tickets_held: i64,
    /// Free, and likely to come back.
    tickets: f64,
    ahead: i64,
    title: String,
    left: String,
    words: String,
}

#[derive(Deserialize)]
struct HeldCase {
    held_by: Vec<HoldBack>,
    words: String,
    later: Option<String>,
}

/// The table that the page's script passes, too (`ops/tests/it/queue_page.rs`).
fn cases() -> Cases {
    serde_json::from_str(include_str!("../../../../../assets/told_cases.json")).expect("the table")
}

#[test]
fn times_are_told_as_in_the_table() {
    let cases = cases();
    for case in &cases.until {
        assert_eq!(until(case.secs), case.words, "{} s", case.secs);
    }
    for case in &cases.clock {
        let range = WaitRange { low_secs: case.low, high_secs: case.high };
        assert_eq!(clock(range, case.now), case.from.zip(case.to), "{} to {}", case.low, case.high);
    }
    for case in &cases.later {
        assert_eq!(is_later(case.before, case.to, case.now), case.later, "to {}", case.to);
    }
}

#[test]
fn people_and_reasons_are_told_as_in_the_table() {
    let cases = cases();
    for case in &cases.people {
        assert_eq!(ahead(case.count), case.ahead);
        assert_eq!(waiting(case.count), case.waiting);
        assert_eq!(gone_in(case.count), case.gone_in);
    }
    for case in &cases.held {
        assert_eq!(held(&case.held_by), case.words, "{:?}", case.held_by);
        if let Some(words) = &case.later {
            assert_eq!(later(&case.held_by), *words, "{:?}", case.held_by);
        }
    }
}

#[test]
fn chances_and_what_is_left_are_told_as_in_the_table() {
    let cases = cases();
    for case in &cases.chance {
        assert_eq!(chance(case.percent), case.words, "{} %", case.percent);
    }
    for case in &cases.sale {
        let of_type = TypeOdds {
            ticket_type: Uuid::nil(),
            name: "Standing".into(),
            state: case.state,
            tickets_left: case.tickets_left,
            odds: Odds { tickets: case.tickets, inside: 0.0, mean: 1.0, variance: 0.5 },
        };
        assert_eq!(left(&of_type), case.left);
        let told = Sale {
            state: case.state,
            tickets_left: case.tickets_left,
            tickets_held: case.tickets_held,
            types: vec![of_type],
        };
        assert_eq!(sale_title(&told, case.ahead), case.title, "{}", case.words);
        assert_eq!(sale(&told, case.ahead), case.words);
    }
}
