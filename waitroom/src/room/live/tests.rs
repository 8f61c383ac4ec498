use admission::contract::LaneHead;

use super::*;
use crate::room::phase::Phase;

#[test]
fn lanes_are_filled_in_turn_and_far_longer_ones_not_at_all() {
    let turns = |tails: &[i64]| -> Vec<usize> { (0..4).map(|turn| lane_at(turn, tails)).collect() };
    assert_eq!(turns(&[0, 0, 0, 0]), [0, 1, 2, 3]);
    assert_eq!(turns(&[100, 0, 50, 7]), [0, 1, 2, 3], "a little uneven");
    assert_eq!(turns(&[101, 0, 0, 0]), [1, 1, 2, 3]);
    assert_eq!(turns(&[900, 0, 800, 700]), [1, 1, 1, 1]);
    assert_eq!(turns(&[]), [0; 4]);
}

fn tick(secs_ago: i64, tail: i64) -> HeadsMoved {
    let at = Utc::now() - TimeDelta::seconds(secs_ago);
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at,
        claim_until: at,
        rate_per_sec: 1.0,
        heads: vec![LaneHead { lane: 0, head: 0, tail }],
        from: vec![0],
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
    room.joined(0, 5);
    rooms.refresh_documents();
    assert_eq!(room.document().head.waiting, 6);
    // Time alone makes it stale.
    let silent = Room::new(
        "r".parse().expect("a name"),
        Info::of(&RoomRow::for_tests("r", Phase::Open), None),
        Instant::now(),
        HeadLog::with_lanes(1),
    );
    silent.log.write().apply(&tick(60, 5));
    silent.refresh_document();
    assert!(silent.document().head.stale);
}

#[test]
fn a_room_is_found_by_its_show_until_it_is_gone() {
    let rooms = Rooms::default();
    rooms.follow_settings(Instant::now(), &[RoomRow::for_tests("r", Phase::Open)], &[]);
    rooms.follow_heads(Read::CaughtUp);
    let show = "s".parse().expect("an id");
    assert!(rooms.of_show(&show).expect("ready").is_some());
    rooms.follow_settings(Instant::now(), &[], &[]);
    assert!(rooms.of_show(&show).expect("ready").is_none());
    assert!(rooms.by_show.read().is_empty());
}

#[test]
fn what_was_read_earlier_does_not_undo_what_was_read_since() {
    let rooms = Rooms::default();
    let earlier = Instant::now();
    let scheduled = RoomRow::for_tests("r", Phase::Scheduled);
    rooms.follow_room(earlier, &scheduled, None);
    let since = earlier + std::time::Duration::from_millis(1);
    rooms.follow_room(since, &RoomRow::for_tests("r", Phase::Open), None);
    rooms.follow_room(earlier, &scheduled, None);
    let phase = || rooms.rooms.read().values().map(|room| room.info().phase).collect::<Vec<_>>();
    assert_eq!(phase(), [Phase::Open]);
    rooms.follow_room(since, &scheduled, None);
    assert_eq!(phase(), [Phase::Scheduled]);
}
