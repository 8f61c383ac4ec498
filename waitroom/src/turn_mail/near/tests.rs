use admission::contract::{LaneHead, LineMethod};
use proptest::prelude::*;

use super::*;
use crate::{
    place::wait::{WaitPoint, WaitSay},
    room::phase::Phase,
};

/// A document whose lanes have these heads.
fn head(heads: &[i64], wait: WaitCurve) -> HeadDocument {
    let lanes = (0i32..).zip(heads).map(|(lane, head)| LaneHead { lane, head: *head, tail: 9_999 });
    HeadDocument {
        room: "r".parse().expect("a name"),
        show: "s".parse().expect("an id"),
        phase: Phase::Open,
        opens_at: None,
        method: LineMethod::FirstCome,
        draw: None,
        lanes: lanes.collect(),
        waiting: 0,
        admitted: 0,
        rate_per_sec: 1.0,
        pace_per_sec: None,
        claim_window_secs: 60,
        message: String::new(),
        as_of: DateTime::UNIX_EPOCH,
        poll_after_ms: 1_000,
        stale: false,
        asleep: false,
        straight_in: false,
        door_open: true,
        held_by: Vec::new(),
        wait,
        sale: None,
    }
}

/// Everybody waits `secs` a person ahead, at the least, up to the last point. No wait ends with a
/// second, where rounding would be at chance.
fn curve(secs: f64, last: i64) -> WaitCurve {
    let point = |ahead: i64| WaitPoint {
        ahead,
        low_secs: ahead as f64 * secs + 0.5,
        high_secs: ahead as f64 * secs * 1.5 + 1.5,
    };
    WaitCurve { say: WaitSay::Range, points: vec![point(0), point(last)] }
}

fn place(lane: i32, offset: i64) -> PlaceId {
    PlaceId { room: "r".parse().expect("a name"), lane, offset }
}

#[test]
fn a_turn_is_near_ten_minutes_before_it_may_come() {
    let now = DateTime::UNIX_EPOCH;
    let one_lane = head(&[40], curve(1.0, 10_000));
    assert_eq!(bounds(&one_lane), [641]);
    assert_eq!(nearness(&one_lane, &place(0, 39), now), Nearness::Come);
    let in_secs = |secs| DateTime::from_timestamp(secs, 0).expect("a time");
    let near = Nearness::Near { from: in_secs(600), to: in_secs(902) };
    assert_eq!(nearness(&one_lane, &place(0, 640), now), near);
    assert_eq!(nearness(&one_lane, &place(0, 641), now), Nearness::Far);
    // Of two lanes each has half of those before one.
    assert_eq!(bounds(&head(&[40, 40], curve(1.0, 10_000))), [341, 341 - 1]);
}

#[test]
fn where_no_range_can_be_told_nobodys_turn_is_near() {
    for say in [WaitSay::Stale, WaitSay::Paused, WaitSay::SoldOut, WaitSay::Unknown] {
        let head = head(&[40, 7], WaitCurve::without_range(say));
        assert_eq!(bounds(&head), [40, 7], "{say:?}");
        assert_eq!(nearness(&head, &place(0, 40), DateTime::UNIX_EPOCH), Nearness::Far);
    }
    // Nor is it behind the last that something can be said of.
    assert_eq!(bounds(&head(&[0], curve(1.0, 100))), [101]);
    // A line in which even the next waits long.
    let point = |ahead| WaitPoint { ahead, low_secs: 601.0, high_secs: 900.0 };
    let slow = WaitCurve { say: WaitSay::Range, points: vec![point(0), point(50)] };
    assert_eq!(bounds(&head(&[3], slow)), [3]);
}

proptest! {
    #[test]
    fn whoever_stands_before_the_bound_is_near_or_let_in_and_nobody_else(
        heads in prop::collection::vec(0i64..300, 1..6),
        secs in 0.5f64..30.0,
        last in 1i64..3_000,
        lane in 0usize..6,
        offset in 0i64..2_000,
    ) {
        let lane = lane % heads.len();
        let head = head(&heads, curve(secs, last));
        let is_before = offset < bounds(&head)[lane];
        let nearness = nearness(&head, &place(lane as i32, offset), DateTime::UNIX_EPOCH);
        prop_assert_eq!(is_before, nearness != Nearness::Far, "{:?}", nearness);
    }
}
