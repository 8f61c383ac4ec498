use admission::contract::LineMethod;
use chrono::DateTime;
use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::{
    place::{
        chance::{Odds, Sale, TypeOdds},
        wait::{WaitCurve, WaitSay},
    },
    room::phase::Phase,
};

/// The table that the queue page's script passes too.
#[derive(Deserialize)]
struct Cases {
    curve: WaitCurve,
    looks: Vec<Look>,
    openings: Vec<Opening>,
    spreads: Vec<SpreadCase>,
    asks: Vec<Ask>,
}

#[derive(Deserialize)]
struct Look {
    poll_after_ms: u32,
    rate_per_sec: f64,
    pace_per_sec: Option<f64>,
    claim_window_secs: i32,
    say: WaitSay,
    sale: Option<SaleCase>,
    ahead: i64,
    ms: u32,
}

#[derive(Clone, Copy, Deserialize)]
struct SaleCase {
    state: StockState,
    tickets_left: i64,
    per_fan: f64,
}

#[derive(Deserialize)]
struct Opening {
    poll_after_ms: u32,
    left_ms: i64,
    claim_window_secs: i32,
    ms: u32,
}

#[derive(Deserialize)]
struct SpreadCase {
    ms: u32,
    share: f64,
    spread_ms: u32,
}

#[derive(Deserialize)]
struct Ask {
    ahead: i64,
    since_ms: u64,
    asks: bool,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../../../assets/poll_cases.json")).expect("the table")
}

fn sale(of: SaleCase) -> Sale {
    let odds = Odds { mean: of.per_fan, ..Odds::default() };
    let (state, tickets_left) = (of.state, of.tickets_left);
    let only = TypeOdds { ticket_type: Uuid::nil(), name: "A".into(), state, tickets_left, odds };
    Sale { state, tickets_left, tickets_held: 0, types: vec![only] }
}

fn head(look: &Look, curve: &WaitCurve) -> HeadDocument {
    let wait = match look.say {
        WaitSay::Range => curve.clone(),
        say => WaitCurve::without_range(say),
    };
    HeadDocument {
        room: "r".parse().expect("a name"),
        show: "s".parse().expect("an id"),
        phase: Phase::Open,
        method: LineMethod::FirstCome,
        opens_at: None,
        draw: None,
        lanes: Vec::new(),
        waiting: look.ahead,
        admitted: 0,
        rate_per_sec: look.rate_per_sec,
        pace_per_sec: look.pace_per_sec,
        claim_window_secs: look.claim_window_secs,
        message: String::new(),
        as_of: DateTime::UNIX_EPOCH,
        poll_after_ms: look.poll_after_ms,
        stale: false,
        asleep: false,
        straight_in: false,
        door_open: true,
        held_by: Vec::new(),
        wait,
        sale: look.sale.map(sale),
    }
}

#[test]
fn looks_are_those_of_the_table() {
    let Cases { curve, looks, .. } = cases();
    for (at, look) in looks.iter().enumerate() {
        assert_eq!(next_look_ms(&head(look, &curve), look.ahead), look.ms, "look {at}");
    }
}

#[test]
fn openings_spreads_and_asks_are_those_of_the_table() {
    let Cases { openings, spreads, asks, .. } = cases();
    for Opening { poll_after_ms, left_ms, claim_window_secs, ms } in openings {
        let found = look_before_opening_ms(poll_after_ms, left_ms, claim_window_secs);
        assert_eq!(found, ms, "{left_ms} before");
    }
    for SpreadCase { ms, share, spread_ms: meant } in spreads {
        assert_eq!(spread_ms(ms, share), meant, "{share} of {ms}");
    }
    for Ask { ahead, since_ms, asks } in asks {
        assert_eq!(asks_place(ahead, since_ms), asks, "{ahead} ahead, {since_ms} ms ago");
    }
}

#[test]
fn whoever_is_near_hears_of_the_turn_at_once_and_whoever_is_far_in_time() {
    let Cases { curve, .. } = cases();
    let look = |ahead, claim_window_secs| Look {
        poll_after_ms: 30_000,
        rate_per_sec: 10.0,
        pace_per_sec: None,
        claim_window_secs,
        say: WaitSay::Range,
        sale: None,
        ahead,
        ms: 0,
    };
    let head = head(&look(0, 600), &curve);
    for ahead in 0..=1_100 {
        let (secs, next) = (secs_ahead(&head, ahead), next_look_ms(&head, ahead));
        let latest = f64::from(spread_ms(next, 1.0)) / 1_000.0;
        assert!(latest <= 1.2 || latest < secs, "{ahead} ahead: {latest} s, turn in {secs} s");
    }
    let short = self::head(&look(0, 20), &curve);
    let short = HeadDocument { poll_after_ms: 2_000, ..short };
    assert!(next_look_ms(&short, 1_100) <= 5_000, "a quarter of the window at most");
}
