//! Admission against real servers: pace, cap, pausing, several controllers, a Redis that is lost.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod door;
mod drawn;
mod lost_redis;
mod rooms;
mod several;
mod stock;
mod test_line;

use std::time::{Duration, Instant};

use admission::contract::{Activation, Gate, GateState, HeadsMoved, REDEEM_GRACE};
use chrono::Utc;
use test_line::TestLine;

/// The first record in which a lane's head stands there.
fn step_to(heads: &[HeadsMoved], head: i64) -> &HeadsMoved {
    let stands = |moved: &&HeadsMoved| moved.heads.iter().any(|lane| lane.head == head);
    heads.iter().find(stands).expect("a record")
}

/// When the pass of whom a record let in ends, by the door clock.
fn ends_ms(moved: &HeadsMoved, window_secs: i64) -> i64 {
    moved.door_ms.expect("a clock") + window_secs * 1000 + REDEEM_GRACE.as_millis() as i64
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_let_in_in_order_and_no_faster_than_asked() {
    let line = TestLine::new(3, |gate| gate.rate_per_sec = 30.0).await;
    let joined = line.join(60).await;
    let started = Instant::now();
    line.serve();
    line.open().await;
    let records = line.heads_until(60).await;
    // 15 may come in at once (half a second's rate), the other 45 take a second and a half.
    assert!(started.elapsed() >= Duration::from_millis(1400), "{:?}", started.elapsed());
    test_line::assert_in_order(&joined, &records);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_above_the_cap_until_somebody_leaves() {
    let line = TestLine::new(2, |gate| gate.max_active = 5).await;
    line.join(20).await;
    line.serve();
    line.open().await;
    line.heads_until(5).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // A few more than five, the longer nobody comes.
    let places = line.admitted_places().await;
    assert!((5..=10).contains(&places.len()), "{}", places.len());

    let expires = Utc::now() + chrono::Duration::seconds(60);
    let gate = line.gate();
    let mut opened = Vec::new();
    for place in places {
        if gate.activate(&place, &place.to_string(), expires, 5).await.unwrap()
            == Activation::Opened
        {
            opened.push(place);
        }
    }
    assert_eq!(opened.len(), 5, "a grant is good for a session, as long as there is room");
    let other = test_line::place("t.9.9");
    assert_eq!(gate.activate(&other, "other", expires, 5).await.unwrap(), Activation::Full);
    let admitted = line.admitted().await;
    for place in opened.iter().take(4) {
        gate.release(&line.room, &place.to_string()).await.unwrap();
    }
    line.heads_until(admitted + 1).await;
    assert_eq!(line.gate().view(&line.room).await.unwrap().active, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclaimed_place_gives_its_slot_back_when_the_window_ends() {
    let line = TestLine::new(1, |gate| {
        gate.max_active = 2;
        gate.claim_window_secs = 1;
    })
    .await;
    line.join(4).await;
    line.serve();
    line.open().await;
    line.heads_until(2).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(line.admitted().await <= 3, "a pass of the last second may still come");
    assert_eq!(line.grants().await.len() as i64, line.admitted().await);
    line.age_grants(67).await;
    line.heads_until(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_of_the_windows_last_moment_finds_its_slot() {
    let line = TestLine::new(1, |gate| {
        gate.max_active = 1;
        gate.claim_window_secs = 1;
    })
    .await;
    line.join(2).await;
    line.serve();
    line.open().await;
    let heads = line.heads_until(1).await;
    let moved = step_to(&heads, 1);
    assert!(line.grants().await["0.0"] >= ends_ms(moved, 1), "as long as the pass");

    let claim_until = moved.claim_until;
    let late = claim_until + chrono::Duration::milliseconds(500) - Utc::now();
    tokio::time::sleep(late.to_std().unwrap_or_default()).await;
    let (gate, expires) = (line.gate(), Utc::now() + chrono::Duration::seconds(60));
    assert_eq!(
        gate.activate(&test_line::place("t.0.0"), "s", expires, 1).await.unwrap(),
        Activation::Opened
    );
    assert_eq!(
        gate.activate(&test_line::place("t.0.1"), "other", expires, 1).await.unwrap(),
        Activation::Full,
        "the cap holds"
    );
}

/// A controller that is killed after it committed leaves grants that began long before anybody
/// heard of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_published_late_keeps_the_slots_of_those_it_lets_in() {
    let line = TestLine::new(1, |gate| gate.max_active = 2).await;
    line.join(3).await;
    line.gate().restore(&line.room, &[]).await.unwrap();
    for place in ["0.0", "0.1"] {
        line.grant(place, 20_000).await;
    }
    line.commit(0, 2).await;
    line.serve();
    line.open().await;
    let heads = line.heads_until(2).await;
    let grants = line.grants().await;
    for place in ["0.0", "0.1"] {
        assert!(grants[place] >= ends_ms(step_to(&heads, 2), 60), "{place} of {grants:?}");
    }
}

/// A head may be out although publishing it failed: its fan comes in, and publishing it again must
/// keep no second slot.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_published_again_keeps_no_slot_of_those_who_are_inside() {
    let line = TestLine::new(1, |gate| gate.rate_per_sec = 20.0).await;
    line.join(200).await;
    line.serve();
    line.open().await;
    line.heads_until(5).await;
    let place = loop {
        line.refuse_heads(true).await;
        if let Some(place) = line.kept_again_and_again().await {
            break place;
        }
        // What could not be published first was no grant's head.
        line.refuse_heads(false).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let (gate, expires) = (line.gate(), Utc::now() + chrono::Duration::seconds(60));
    let opened =
        gate.activate(&test_line::place(&format!("t.{place}")), "s", expires, 1000).await.unwrap();
    assert_eq!(opened, Activation::Opened);
    for _ in 0..50 {
        assert!(!line.grants().await.contains_key(&place), "a slot for who is inside already");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    line.refuse_heads(false).await;
    line.heads_until(1 + place.trim_start_matches("0.").parse::<i64>().unwrap()).await;
    assert!(!line.grants().await.contains_key(&place), "a slot for who is inside already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_room_lets_nobody_in_and_goes_on_where_it_stood() {
    let line = TestLine::new(2, |gate| gate.rate_per_sec = 20.0).await;
    let joined = line.join(40).await;
    line.serve();
    line.open().await;
    line.heads_until(5).await;
    line.set(|gate| gate.state = GateState::Paused).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let stood = line.admitted().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(line.admitted().await, stood);
    line.set(|gate| gate.state = GateState::Running).await;
    let records = line.heads_until(40).await;
    test_line::assert_in_order(&joined, &records);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_closed_to_sessions_before_it_knows_who_is_inside() {
    let line = TestLine::new(1, |_| {}).await;
    let gate: Gate = line.gate();
    let expires = Utc::now() + chrono::Duration::seconds(60);
    assert_eq!(
        gate.activate(&test_line::place("unknown.0.0"), "s", expires, 10).await.unwrap(),
        Activation::Full
    );
    gate.restore("unknown", &[]).await.unwrap();
    assert_eq!(
        gate.activate(&test_line::place("unknown.0.0"), "s", expires, 10).await.unwrap(),
        Activation::Opened
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_of_what_can_be_a_room() {
    let line = TestLine::new(1, |_| {}).await;
    line.open().await;
    for wrong in ["", "The Room", "-r"] {
        let update = sqlx::query("UPDATE admission.gates SET room = $1");
        let refused = update.bind(wrong).execute(&line.test_env.pool).await.unwrap_err();
        let constraint = refused.as_database_error().and_then(|error| error.constraint());
        assert_eq!(constraint, Some("gates_room_form"), "{wrong}");
    }
}
