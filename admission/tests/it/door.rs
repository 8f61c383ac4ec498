//! The door and its clock: nobody is let in, and nobody's time runs, while passes are not redeemed.

use std::time::Duration;

use admission::contract::{Activation, HeadsMoved, HoldBack, Kept, RoomSignal};
use chrono::Utc;

use crate::test_line::{self, TestLine};

fn is_held_by(record: &HeadsMoved, reason: HoldBack) -> bool {
    record.pace.as_ref().is_some_and(|pace| pace.held_by.contains(&reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_checkout_is_away_nobody_is_let_in_and_the_clock_stands() {
    let line = TestLine::new(1, |gate| gate.rate_per_sec = 10.0).await;
    line.join(200).await;
    line.serve();
    line.open().await;
    line.heads_until(5).await;
    line.door.shut().await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let (stood, admitted) = (line.door_ms().await, line.admitted().await);
    assert!(stood > 0);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!((line.door_ms().await, line.admitted().await), (stood, admitted));
    let last = line.heads().await.pop().expect("a tick");
    assert!(!last.door_open && is_held_by(&last, HoldBack::CheckoutAway), "{last:?}");
    assert_eq!(last.door_ms, Some(stood));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_fans_with_a_pass_are_turned_away_the_clock_stands_and_goes_on_after() {
    let line = TestLine::new(1, |gate| gate.rate_per_sec = 10.0).await;
    line.join(100).await;
    line.serve();
    line.open().await;
    line.heads_until(3).await;
    let away = RoomSignal { turned_away: 2, ..RoomSignal::default() };
    line.door.tell(&line.room, away);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let (stood, admitted) = (line.door_ms().await, line.admitted().await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((line.door_ms().await, line.admitted().await), (stood, admitted));
    line.door.tell(&line.room, RoomSignal::default());
    line.heads_until(admitted + 5).await;
    let records = line.heads().await;
    assert!(records.iter().any(|record| is_held_by(record, HoldBack::DoorShut)));
    assert!(records.iter().map(|record| record.door_ms).is_sorted(), "it never goes back");
}

/// Those at the door go in first, and the cap counts them: nothing else need wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn while_some_stand_at_a_full_door_the_clock_stands_and_others_are_let_in_by_the_cap() {
    let line = TestLine::new(1, |gate| gate.rate_per_sec = 10.0).await;
    line.join(100).await;
    line.serve();
    line.open().await;
    line.heads_until(3).await;
    let full = RoomSignal { turned_away: 2, turned_away_full: 2, ..RoomSignal::default() };
    line.door.tell(&line.room, full);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let (stood, admitted) = (line.door_ms().await, line.admitted().await);
    line.heads_until(admitted + 5).await;
    assert_eq!(line.door_ms().await, stood, "nobody's time runs");
    let records = line.heads().await;
    assert!(records.iter().all(|record| !is_held_by(record, HoldBack::DoorShut)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_comes_every_second_and_says_where_heads_came_from() {
    let line = TestLine::new(2, |gate| gate.rate_per_sec = 20.0).await;
    line.join(40).await;
    line.serve();
    line.open().await;
    line.heads_until(40).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let records = line.heads().await;
    let moves: Vec<_> = records.iter().map(|record| record.at).collect();
    let longest = moves.windows(2).map(|pair| pair[1] - pair[0]).max().expect("some");
    assert!(longest < chrono::Duration::milliseconds(2000), "unclaimed: {longest}");
    let mut heads = std::collections::BTreeMap::from([(0, 0), (1, 0)]);
    for record in &records {
        for (head, from) in record.heads.iter().zip(&record.from) {
            assert_eq!(heads.insert(head.lane, head.head), Some(*from), "{record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_is_passed_over_and_keeps_no_slot() {
    let line = TestLine::new(1, |_| {}).await;
    line.join(8).await;
    let gate = line.gate();
    for place in ["t.0.0", "t.0.2", "t.0.3"] {
        gate.leave(&test_line::place(place)).await.unwrap();
    }
    line.serve();
    line.open().await;
    line.heads_until(8).await;
    let granted: Vec<String> = line.grants().await.into_keys().collect();
    assert_eq!(granted, ["0.1", "0.4", "0.5", "0.6", "0.7"]);
    let rooms = [line.room.clone()];
    assert_eq!(gate.busy(&rooms).await.unwrap(), rooms);
    // Whoever was let in and leaves gives the slot back at once.
    gate.leave(&test_line::place("t.0.4")).await.unwrap();
    assert_eq!(gate.keeps_slot(&test_line::place("t.0.4")).await.unwrap(), Kept::No);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_known_until_it_is_claimed_and_a_stranger_waits_for_those_expected() {
    let line = TestLine::new(1, |gate| gate.max_active = 2).await;
    line.join(2).await;
    line.serve();
    line.open().await;
    line.heads_until(2).await;
    let (gate, expires) = (line.gate(), Utc::now() + chrono::Duration::seconds(60));
    let (first, second) = (test_line::place("t.0.0"), test_line::place("t.0.1"));
    let stranger = test_line::place("t.0.7");
    assert_eq!(gate.keeps_slot(&first).await.unwrap(), Kept::Yes);
    assert_eq!(gate.keeps_slot(&stranger).await.unwrap(), Kept::No);
    assert_eq!(gate.activate(&first, "a", expires, 2).await.unwrap(), Activation::Opened);
    assert_eq!(gate.keeps_slot(&first).await.unwrap(), Kept::No);
    assert_eq!(gate.activate(&second, "b", expires, 1).await.unwrap(), Activation::Full);
    assert_eq!(gate.keeps_slot(&second).await.unwrap(), Kept::Yes, "full: it keeps the grant");
    assert_eq!(gate.activate(&second, "b", expires, 2).await.unwrap(), Activation::Opened);
    assert_eq!(gate.activate(&second, "b", expires, 2).await.unwrap(), Activation::Opened);
    assert_eq!(gate.activate(&stranger, "c", expires, 2).await.unwrap(), Activation::Full);
    // A session that did not open after all leaves its slot and its turn as they were.
    gate.give_back(&second, "b").await.unwrap();
    assert_eq!(gate.keeps_slot(&second).await.unwrap(), Kept::Yes);
    assert_eq!(gate.activate(&second, "b", expires, 2).await.unwrap(), Activation::Opened);
    gate.give_back(&first, "unknown").await.unwrap();
    assert_eq!(gate.keeps_slot(&first).await.unwrap(), Kept::No, "it took nothing");
    // Who has left comes in with no pass.
    gate.leave(&stranger).await.unwrap();
    assert_eq!(gate.activate(&stranger, "c", expires, 9).await.unwrap(), Activation::Left);
}
