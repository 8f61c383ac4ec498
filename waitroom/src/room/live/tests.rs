use std::collections::HashSet;

use admission::contract::{Cohort, Entropy, EntropySource, LaneHead, LineMethod, Seed};
use chrono::{DateTime, TimeDelta};

use super::{rooms::Rooms, *};
use crate::{
    draw::{Frozen, Made, RoomDraw},
    room::phase::Phase,
    store::RoomRow,
};

fn tick(secs_ago: i64, tail: i64) -> HeadsMoved {
    let at = Utc::now() - TimeDelta::seconds(secs_ago);
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at,
        claim_until: at,
        rate_per_sec: 1.0,
        heads: vec![LaneHead { lane: 0, head: 0, tail }],
        from: vec![0],
        drawn: false,
        door_ms: Some(0),
        door_open: true,
        pace: None,
        stock: None,
    }
}

#[test]
fn a_document_is_written_anew_when_it_would_say_something_else() {
    let rooms = Rooms::default();
    rooms.follow_room(Instant::now(), &RoomRow::for_tests("r", Phase::Open), None);
    let room = rooms.all().pop().expect("the room");
    room.apply(&tick(0, 5));
    rooms.refresh_documents();
    let first = room.document();
    assert_eq!(first.head.waiting, 5);
    rooms.refresh_documents();
    assert!(Arc::ptr_eq(&first, &room.document()), "nothing changed");
    room.joined(&"r.0.5".parse().expect("a place"));
    rooms.refresh_documents();
    assert_eq!(room.document().head.waiting, 6);
    // Time alone makes it stale.
    let silent = Room::new(
        "r".parse().expect("a name"),
        Info::of(&RoomRow::for_tests("r", Phase::Open), None),
        Instant::now(),
        HeadLog::with_lanes(1),
    );
    silent.change_log(|log| log.apply(&tick(60, 5)));
    silent.refresh_document();
    assert!(silent.document().head.stale && silent.is_stale() && !room.is_stale());
}

#[test]
fn what_is_read_without_the_logs_lock_is_what_the_log_has() {
    let rooms = Rooms::default();
    rooms.follow_room(Instant::now(), &RoomRow::for_tests("r", Phase::Open), None);
    let room = rooms.all().pop().expect("the room");
    let same = || room.line().heads == room.with_log(HeadLog::heads);
    let tick =
        |head, tail| HeadsMoved { heads: vec![LaneHead { lane: 0, head, tail }], ..tick(0, 0) };
    for (head, tail) in [(0, 5), (3, 9), (2, 9)] {
        room.apply(&tick(head, tail));
        assert!(same());
    }
    room.joined(&"r.0.9".parse().expect("a place"));
    room.refresh_document();
    assert!(same() && room.line().heads[0] == LaneHead { lane: 0, head: 3, tail: 10 });
}

/// A room of two lanes whose draw has come as far as this.
fn row(phase: Phase, frozen: Option<&[u64]>, is_made: bool) -> RoomRow {
    let at = DateTime::UNIX_EPOCH;
    let draw = RoomDraw {
        seed: Seed::new([3; 32]),
        entropy_source: EntropySource::None,
        committed_at: at,
        frozen: frozen.map(|ends| Frozen {
            cohort: Cohort::new(ends.to_vec()).expect("one"),
            at,
            roots: None,
        }),
        made: is_made.then_some(Made { entropy: Entropy::None, at }),
    };
    let (method, draw) = (LineMethod::Draw, Some(draw));
    RoomRow { lanes: 2, method, draw, ..RoomRow::for_tests("r", phase) }
}

#[test]
fn from_the_draw_on_places_have_turns_and_ends_count_them() {
    let rooms = Rooms::default();
    rooms.follow_room(Instant::now(), &row(Phase::PreQueue, None, false), None);
    let room = rooms.all().pop().expect("the room");
    let place = |text: &str| text.parse::<PlaceId>().expect("a place");
    for joined in ["r.0.0", "r.0.1", "r.0.2", "r.1.0"] {
        room.joined(&place(joined));
    }
    assert!(room.info().awaits_draw());
    assert_eq!(room.turn(&place("r.0.2")), place("r.0.2"), "nobody has a turn yet");

    // One more joins while the draw is made: too late.
    rooms.follow_room(Instant::now(), &row(Phase::Drawing, Some(&[3, 1]), false), None);
    room.joined(&place("r.1.1"));
    rooms.follow_room(Instant::now(), &row(Phase::Open, Some(&[3, 1]), true), None);
    assert!(!room.info().awaits_draw());
    let drawn: HashSet<PlaceId> =
        ["r.0.0", "r.0.1", "r.0.2", "r.1.0"].map(|text| room.turn(&place(text))).into();
    let turns = ["r.0.0", "r.0.1", "r.1.0", "r.1.1"].map(place);
    assert_eq!(drawn, HashSet::from(turns), "two turns of each lane");
    assert_eq!(room.turn(&place("r.1.1")), place("r.1.2"), "behind those who were drawn");
    assert_eq!(room.with_log(HeadLog::tails), [2, 3]);
    // What a controller tells that has not heard of the draw changes no end; heads hold.
    let told = |drawn, heads| HeadsMoved { drawn, heads, from: vec![0], ..tick(0, 0) };
    room.apply(&told(false, vec![LaneHead { lane: 0, head: 0, tail: 3 }]));
    assert_eq!(room.with_log(HeadLog::tails), [2, 3]);
    room.apply(&told(true, vec![LaneHead { lane: 0, head: 1, tail: 2 }]));
    assert_eq!(room.with_log(HeadLog::total_passed), 1);
}

#[test]
fn whoever_left_before_the_draw_has_left_whatever_turn_they_drew() {
    let rooms = Rooms::default();
    rooms.follow_room(Instant::now(), &row(Phase::PreQueue, None, false), None);
    let room = rooms.all().pop().expect("the room");
    let left = "r.0.1".parse::<PlaceId>().expect("a place");
    room.mark_left_entry(&left);
    rooms.follow_room(Instant::now(), &row(Phase::Open, Some(&[3, 1]), true), None);
    let others = ["r.0.0", "r.0.2", "r.1.0"].map(|text| text.parse::<PlaceId>().expect("a place"));
    assert!(room.has_left(&left) && !others.iter().any(|place| room.has_left(place)));
}
