use admission::contract::TypeStock;
use proptest::prelude::*;

use super::*;

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + secs, 0).expect("time")
}

fn moved(secs: i64, lane: i32, head: i64) -> HeadsMoved {
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at: at(secs),
        claim_until: at(secs + 60),
        rate_per_sec: 1.0,
        heads: vec![LaneHead { lane, head, tail: head + 5 }],
        from: Vec::new(),
        drawn: false,
        door_ms: None,
        door_open: true,
        pace: None,
        stock: None,
    }
}

/// As a controller with a door clock publishes it.
fn ticked(secs: i64, door_secs: i64, from: i64, head: i64) -> HeadsMoved {
    HeadsMoved { from: vec![from], door_ms: Some(door_secs * 1000), ..moved(secs, 0, head) }
}

fn let_in(secs: i64, until_secs: i64) -> Standing {
    let claim_until = at(until_secs);
    Standing::Admitted(Admitted { at: at(secs), claim_until, is_over: false })
}

fn is_over(log: &HeadLog, offset: i64, now: DateTime<Utc>) -> bool {
    match log.standing(0, offset, now) {
        Standing::Waiting => false,
        Standing::Admitted(admitted) => admitted.is_over,
        Standing::LongPast => true,
    }
}

#[test]
fn a_head_never_moves_back() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&moved(0, 0, 10));
    log.apply(&moved(1, 0, 7));
    assert_eq!(log.heads()[0].head, 10);
    assert_eq!(log.standing(0, 9, at(1)), let_in(0, 60));
}

#[test]
fn the_window_of_a_place_starts_with_the_step_that_passed_it() {
    let mut log = HeadLog::with_lanes(2);
    for step in [moved(0, 0, 2), moved(5, 0, 4), moved(9, 1, 1)] {
        log.apply(&step);
    }
    let times: Vec<_> = (0..5).map(|offset| log.standing(0, offset, at(9))).collect();
    let (first, second) = (let_in(0, 60), let_in(5, 65));
    assert_eq!(times, [first, first, second, second, Standing::Waiting]);
    assert_eq!(log.standing(7, 0, at(9)), Standing::Waiting, "a lane that does not exist");
}

#[test]
fn what_was_forgotten_is_long_past_and_not_claimable() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&moved(0, 0, 2));
    log.apply(&moved(3 * 3600, 0, 4));
    assert_eq!(log.lanes[0].steps(), 1);
    assert_eq!(log.standing(0, 1, at(3 * 3600)), Standing::LongPast);
}

#[test]
fn steps_are_dropped_when_their_window_is_over_and_never_before() {
    let mut log = HeadLog::with_lanes(1);
    // Ten a second for an hour: a count would have to drop some while windows are open, or keep all.
    for step in 0..36_000 {
        let secs = step / 10;
        log.apply(&HeadsMoved {
            heads: vec![LaneHead { lane: 0, head: step + 1, tail: 40_000 }],
            ..ticked(secs, secs, step, 0)
        });
    }
    let steps = log.lanes[0].steps();
    let expected = 10 * (60 + 12 * 60);
    assert!((expected..expected + 50).contains(&steps), "{steps}");
    // The door is shut for hours: nothing is let in, and nothing is forgotten.
    for secs in 3_600..20_000 {
        log.apply(&HeadsMoved {
            heads: vec![LaneHead { lane: 0, head: 36_000, tail: 40_000 }],
            door_open: false,
            ..ticked(secs, 3_599, 36_000, 0)
        });
    }
    assert_eq!(log.standing(0, 35_990, at(20_000)), let_in(3_599, 3_659 + 16_400));
}

#[test]
fn a_place_that_a_lost_record_let_in_never_becomes_claimable() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&ticked(0, 0, 0, 10));
    // What let in 10 to 19 was not read.
    log.apply(&ticked(50, 50, 20, 25));
    assert_eq!(log.standing(0, 9, at(50)), let_in(0, 60));
    assert_eq!(log.standing(0, 10, at(50)), Standing::LongPast);
    assert_eq!(log.standing(0, 19, at(50)), Standing::LongPast);
    assert_eq!(log.standing(0, 20, at(50)), let_in(50, 110));
    // The same as an earlier version publishes it: it does not say where it came from.
    let mut unsaid = HeadLog::with_lanes(1);
    unsaid.apply(&ticked(0, 0, 0, 10));
    unsaid.apply(&HeadsMoved { from: Vec::new(), ..ticked(50, 50, 20, 25) });
    assert_eq!(unsaid.standing(0, 10, at(50)), let_in(50, 110));
}

#[test]
fn data_without_from_would_let_in_whoever_missed_it_hours_ago() {
    // What a reader that starts in mid-sale is given, with and without the record's origin.
    let late = ticked(7200, 7000, 5_000, 5_001);
    let mut log = HeadLog::with_lanes(1);
    log.apply(&late);
    assert_eq!(log.standing(0, 17, at(7200)), Standing::LongPast);
    let mut broken = HeadLog::with_lanes(1);
    broken.apply(&HeadsMoved { from: Vec::new(), ..late });
    assert_ne!(broken.standing(0, 17, at(7200)), Standing::LongPast, "the control says so");
}

#[test]
fn windows_end_by_the_door_and_not_by_the_wall() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&ticked(0, 0, 0, 1));
    assert!(!is_over(&log, 0, at(600)), "no tick says so");
    for second in 1..=30 {
        log.apply(&ticked(second, second, 1, 1));
    }
    // The door stays shut for a minute, and is open again for the rest of the window.
    for second in 31..=90 {
        log.apply(&HeadsMoved { door_open: false, ..ticked(second, 30, 1, 1) });
    }
    assert_eq!(log.standing(0, 0, at(90)), let_in(0, 120));
    for second in 91..=119 {
        log.apply(&ticked(second, second - 60, 1, 1));
        assert!(!is_over(&log, 0, at(second)), "{second}");
    }
    log.apply(&ticked(120, 60, 1, 1));
    assert!(is_over(&log, 0, at(120)));
}

#[test]
fn in_a_room_that_has_closed_windows_end_by_the_wall() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&ticked(0, 0, 0, 1));
    let closed = |secs| log.standing(0, 0, at(secs)).in_phase(Phase::Closed, at(secs));
    assert_eq!(closed(59), let_in(0, 60));
    assert!(matches!(closed(60), Standing::Admitted(admitted) if admitted.is_over));
    let open = log.standing(0, 0, at(60)).in_phase(Phase::Open, at(60));
    assert_eq!(open, let_in(0, 60), "no tick says so");
    let waits = log.standing(0, 1, at(60)).in_phase(Phase::Closed, at(60));
    assert_eq!(waits, Standing::Waiting);
}

#[test]
fn records_without_a_door_clock_end_windows_by_the_wall_and_never_go_stale() {
    let mut log = HeadLog::with_lanes(1);
    log.apply(&moved(0, 0, 1));
    assert!(!is_over(&log, 0, at(59)) && is_over(&log, 0, at(60)));
    assert!(!log.is_stale(at(86_400)));
}

#[test]
fn a_line_that_is_not_told_of_is_stale_sooner_where_somebody_waits() {
    let mut busy = HeadLog::with_lanes(1);
    busy.apply(&ticked(0, 0, 0, 1));
    assert_eq!((busy.is_stale(at(5)), busy.is_stale(at(6))), (false, true));
    let mut idle = HeadLog::with_lanes(1);
    let heads = vec![LaneHead { lane: 0, head: 1, tail: 1 }];
    idle.apply(&HeadsMoved { heads, ..ticked(0, 0, 0, 1) });
    assert_eq!((idle.is_stale(at(30)), idle.is_stale(at(31))), (false, true));
    idle.joined(0, 1, at(8));
    assert!(!idle.is_stale(at(13)), "its controllers have as long to say so as any");
    assert!(idle.is_stale(at(14)), "somebody waits, and nobody tells");
    assert!(!HeadLog::with_lanes(1).is_stale(at(600)), "no controller ever told of it");
}

#[test]
fn what_is_left_is_what_the_newest_record_says() {
    let stock = |free| {
        let types = vec![TypeStock { free, ..TypeStock::default() }];
        Some(LineStock { types, per_fan: 1.0, served: 0 })
    };
    let mut log = HeadLog::with_lanes(1);
    log.apply(&HeadsMoved { stock: stock(7), ..ticked(5, 5, 0, 1) });
    log.apply(&HeadsMoved { stock: stock(9), ..ticked(4, 4, 0, 1) });
    log.apply(&ticked(6, 6, 1, 1));
    assert_eq!(log.stock().map(LineStock::free), Some(7));
    assert_eq!(log.as_of(), Some(at(6)));
}

#[test]
fn an_empty_line_says_nothing_about_the_pace() {
    let mut log = HeadLog::with_lanes(1);
    for second in 0..20 {
        log.apply(&HeadsMoved {
            heads: vec![LaneHead { lane: 0, head: second, tail: second }],
            ..moved(second, 0, 0)
        });
    }
    let measured = log.measured(at(20));
    assert_eq!(measured, Measured::default(), "one a second came, and one a second was let in");
}

#[test]
fn the_pace_is_what_was_let_in_over_the_last_half_minute() {
    let mut log = HeadLog::with_lanes(1);
    assert_eq!(log.measured(at(0)), Measured::default());
    for second in 0..=60 {
        log.apply(&moved(second, 0, second * 4));
    }
    let pace = log.measured(at(60)).over_30s.expect("pace");
    assert!((pace - 4.0).abs() < 0.3, "{pace}");
}

/// What several controllers publish in a sale whose door shuts now and then: each of its own lane,
/// in the order of their times.
fn several(steps: &[(u8, i64, bool)]) -> Vec<HeadsMoved> {
    let (mut ms, mut door_ms, mut heads) = (0, 0, [0; 3]);
    let mut records = Vec::new();
    for (lane, by, is_open) in steps {
        ms += 700;
        door_ms += if *is_open { 700 } else { 0 };
        let index = usize::from(*lane) % 3;
        let from = heads[index];
        heads[index] += if *is_open { *by } else { 0 };
        let now = at(0) + TimeDelta::milliseconds(ms);
        records.push(HeadsMoved {
            at: now,
            claim_until: now + TimeDelta::seconds(10),
            heads: vec![LaneHead { lane: index as i32, head: heads[index], tail: 1000 }],
            from: vec![from],
            drawn: false,
            door_ms: Some(door_ms),
            door_open: *is_open,
            ..moved(0, 0, 0)
        });
    }
    records
}

/// All that fans can be told of a log.
fn told(log: &HeadLog) -> (Vec<LaneHead>, Option<DateTime<Utc>>, Vec<Standing>) {
    let places = (0..3).flat_map(|lane| (0..60).map(move |offset| (lane, offset)));
    let standings = places.map(|(lane, offset)| log.standing(lane, offset, at(0))).collect();
    (log.heads(), log.as_of(), standings)
}

proptest! {
    #[test]
    fn what_fans_are_told_only_goes_on(
        steps in prop::collection::vec((0u8..3, 0i64..4, any::<bool>()), 1..80),
        swaps in prop::collection::vec((0usize..80, 0usize..80), 0..10),
    ) {
        let mut records = several(&steps);
        // Some come out of their order.
        for (one, other) in swaps {
            let count = records.len();
            records.swap(one % count, other % count);
        }
        let mut log = HeadLog::with_lanes(3);
        let mut before = told(&log).2;
        for record in &records {
            log.apply(record);
            let now = told(&log).2;
            for (was, is) in before.iter().zip(&now) {
                match (was, is) {
                    (Standing::Admitted(was), Standing::Admitted(is)) => {
                        prop_assert_eq!(was.at, is.at);
                        prop_assert!(is.claim_until >= was.claim_until);
                        // Once over, it stays over: nobody gets a second turn by chance.
                        prop_assert!(is.is_over || !was.is_over);
                    }
                    (Standing::Waiting, _) | (Standing::LongPast, Standing::LongPast) => {}
                    (was, is) => prop_assert!(false, "{was:?} became {is:?}"),
                }
            }
            before = now;
        }
    }

    #[test]
    fn records_that_repeat_change_nothing(
        steps in prop::collection::vec((0u8..3, 0i64..4, any::<bool>()), 1..80),
    ) {
        let records = several(&steps);
        let mut log = HeadLog::with_lanes(3);
        records.iter().for_each(|record| log.apply(record));
        let once = told(&log);
        // As after a reader's restart.
        records.iter().for_each(|record| log.apply(record));
        prop_assert_eq!(once, told(&log));
    }

    #[test]
    fn a_window_ends_after_all_of_it_with_the_door_open(
        steps in prop::collection::vec((0u8..3, 0i64..4, any::<bool>()), 1..80),
    ) {
        let mut log = HeadLog::with_lanes(3);
        log.apply(&HeadsMoved {
            claim_until: at(10),
            heads: vec![LaneHead { lane: 0, head: 1, tail: 1000 }],
            ..ticked(0, 0, 0, 1)
        });
        let mut open_ms = 0;
        for record in several(&steps) {
            open_ms = record.door_ms.unwrap_or_default();
            log.apply(&record);
        }
        // A jitter of a second is allowed for between count and time.
        prop_assert!(!is_over(&log, 0, at(0)) || open_ms >= 9_000);
        // However much later nobody hears a thing.
        prop_assert_eq!(is_over(&log, 0, at(0)), is_over(&log, 0, at(9_999)));
    }
}
