use admission::contract::{HeadsMoved, LaneHead, LineMethod, LineStock, PaceReport, TypeStock};
use chrono::TimeDelta;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000, 0).expect("a time")
}

pub fn info(phase: Phase) -> Info {
    Info {
        show: "s".parse().expect("an id"),
        phase,
        lanes: 1,
        method: LineMethod::FirstCome,
        draw: None,
        opens_at: None,
        message: String::new(),
        stop: None,
        has_begun: false,
        rate_per_sec: 10.0,
        claim_window_secs: 60,
        max_active: 100,
        sleep: Default::default(),
    }
}

/// What controllers tell of a line in which so many wait.
fn told(waiting: i64) -> HeadsMoved {
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at: now(),
        claim_until: now() + TimeDelta::seconds(60),
        rate_per_sec: 10.0,
        heads: vec![LaneHead { lane: 0, head: 5, tail: 5 + waiting }],
        from: vec![5],
        drawn: false,
        door_ms: Some(7_000),
        door_open: true,
        pace: Some(PaceReport { per_sec: 10.0, show_share: 1.0, ..PaceReport::default() }),
        stock: None,
    }
}

fn left(free: i64, held: i64) -> Option<LineStock> {
    let types = vec![TypeStock { free, held, allotted: 100, ..TypeStock::default() }];
    Some(LineStock { types, per_fan: 1.0, served: 0 })
}

fn document_of(moved: &HeadsMoved, phase: Phase, secs_later: i64) -> HeadDocument {
    let mut log = HeadLog::with_lanes(1);
    log.apply(moved);
    let later = now() + TimeDelta::seconds(secs_later);
    document(&moved.room, &info(phase), &log, 0, later).head
}

#[test]
fn whatever_holds_the_line_has_its_sentence() {
    let said = |moved: &HeadsMoved, phase| document_of(moved, phase, 0).wait.say;
    let waiting = told(50);
    assert_eq!(said(&waiting, Phase::Open), WaitSay::Range);
    assert_eq!(said(&waiting, Phase::PreQueue), WaitSay::NotOpen);
    assert_eq!(said(&waiting, Phase::Paused), WaitSay::Paused);
    assert_eq!(said(&waiting, Phase::Closed), WaitSay::Closed);
    let shut = HeadsMoved { door_open: false, ..told(50) };
    assert_eq!(said(&shut, Phase::Open), WaitSay::DoorShut);
    let with = |stock| said(&HeadsMoved { stock, ..told(50) }, Phase::Open);
    assert_eq!(with(left(40, 0)), WaitSay::Range);
    assert_eq!(with(left(0, 3)), WaitSay::AllHeld);
    assert_eq!(with(left(0, 0)), WaitSay::SoldOut);
}

#[test]
fn what_was_not_told_of_for_too_long_is_stale_and_as_old_as_it_is() {
    let fresh = document_of(&told(50), Phase::Open, 5);
    assert_eq!((fresh.stale, fresh.as_of), (false, now()));
    let stale = document_of(&told(50), Phase::Open, 6);
    assert_eq!((stale.stale, stale.as_of, stale.wait.say), (true, now(), WaitSay::Stale));
    assert!(stale.wait.points.is_empty());
}

#[test]
fn a_crowd_asks_no_more_often_than_an_instance_can_answer() {
    let after = |waiting, free, sold| {
        let mut stock = left(free, 0);
        stock.iter_mut().flat_map(|stock| &mut stock.types).for_each(|of| of.sold = sold);
        let moved = HeadsMoved { stock, ..told(waiting) };
        document_of(&moved, Phase::Open, 0).poll_after_ms
    };
    assert_eq!((after(0, 100, 0), after(40_000, 100, 0)), (2_000, 2_000));
    assert_eq!((after(0, 2, 98), after(30_000, 2, 98)), (1_500, 1_500), "few are left");
    assert_eq!((after(50_000, 2, 98), after(100_000, 2, 98)), (2_500, 5_000));
    assert_eq!(after(1_000_000, 2, 98), 30_000);
    for waiting in [45_000, 133_333, 599_999] {
        assert!(waiting * 1_000 / i64::from(after(waiting, 100, 0)) <= 20_000, "{waiting}");
    }
}

#[test]
fn whoever_left_was_not_let_in() {
    let pace = PaceReport { left_total: 3, show_share: 1.0, ..PaceReport::default() };
    let moved = HeadsMoved { pace: Some(pace), stock: left(50, 0), ..told(5) };
    assert_eq!(document_of(&moved, Phase::Open, 0).admitted, 2);
    let sure = document_of(&moved, Phase::Open, 0).sale.expect("a sale").types[0].odds.mean;
    let all_came = document_of(&HeadsMoved { stock: left(50, 0), ..told(5) }, Phase::Open, 0);
    let unsure = all_came.sale.expect("a sale").types[0].odds.mean;
    assert!(sure > unsure, "{sure}: three of five came and bought nothing, else: {unsure}");
}

#[test]
fn where_nobody_may_be_in_checkout_no_wait_is_told() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&told(50));
    let nobody = Info { max_active: 0, ..info(Phase::Open) };
    let head = document(&told(50).room, &nobody, &log, 0, now()).head;
    assert_eq!(head.wait.range(10), None, "{:?}", head.wait);
    assert!(!head.straight_in);
}

#[test]
fn where_nobody_waits_one_goes_straight_in() {
    let straight = |moved: &HeadsMoved, phase| document_of(moved, phase, 0).straight_in;
    assert!(straight(&told(0), Phase::Open) && straight(&told(10), Phase::Open));
    assert!(!straight(&told(11), Phase::Open), "that takes more than a second");
    assert!(!straight(&told(0), Phase::PreQueue) && !straight(&told(0), Phase::Paused));
    assert!(!straight(&HeadsMoved { door_open: false, ..told(0) }, Phase::Open));
    assert!(!straight(&HeadsMoved { stock: left(0, 5), ..told(0) }, Phase::Open));
    let pace = Some(PaceReport { active: 100, per_sec: 10.0, ..PaceReport::default() });
    assert!(!straight(&HeadsMoved { pace, ..told(0) }, Phase::Open), "checkout is full");
    // As an earlier version tells it.
    let earlier = HeadsMoved { door_ms: None, pace: None, from: Vec::new(), ..told(0) };
    assert!(straight(&earlier, Phase::Open));
}

#[test]
fn a_tick_that_says_nothing_new_is_no_new_document() {
    let tag = |moved: &HeadsMoved| {
        let mut log = HeadLog::with_lanes(1);
        log.apply(moved);
        let headers = axum::http::HeaderMap::new();
        let written = document(&moved.room, &info(Phase::Open), &log, 0, now());
        let answer = written.body.answer(&headers, "no-store");
        answer.headers().get("etag").cloned().expect("a tag")
    };
    let later = HeadsMoved { at: now() + TimeDelta::seconds(1), door_ms: Some(8_000), ..told(5) };
    assert_eq!(tag(&told(5)), tag(&later));
    assert_ne!(tag(&told(5)), tag(&told(6)));
    // Whoever is told that nothing is new keeps the time at which that was said first.
    let much_later = HeadsMoved { at: now() + TimeDelta::seconds(10), ..told(5) };
    assert_ne!(tag(&told(5)), tag(&much_later));
}
