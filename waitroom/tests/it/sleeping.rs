//! Rooms that sleep: straight in, counted, until a crowd comes; then a line, and nobody lost.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use admission::contract::{DirectPass, Gate, LineAt, PlaceId, Straight};
use axum::http::StatusCode;
use serde_json::Value;
use testkit::{RoomBuilder, eventually};
use waitroom::contract::{Phase, RoomChange, change_room, room};

use crate::test_waitroom::{Instance, TestWaitroom, id_of};

/// An open room that sleeps, of two lanes, that wakes at so many inside or so many a second.
async fn asleep(wake_active: i32, wake_per_sec: f64) -> TestWaitroom {
    let built = RoomBuilder::new("r").show("s").lanes(2).rate_per_sec(1_000.0).max_active(30);
    let waitroom = TestWaitroom::of(built.sleeps()).await;
    let change = RoomChange {
        phase: Some(Phase::Open),
        wake_active: Some(wake_active),
        wake_per_sec: Some(wake_per_sec),
        ..RoomChange::default()
    };
    change_room(&waitroom.test_env.pool, "r", &change).await.unwrap();
    waitroom.instance.head_when(|head| head["phase"] == "open").await;
    waitroom
}

async fn lanes_of(waitroom: &TestWaitroom, waking: i32) -> i32 {
    let line = LineAt { waking, ..LineAt::default() };
    waitroom.test_env.kafka.partitions(&line.topic("r")).await.unwrap()
}

fn is_direct(joined: &Value) -> bool {
    joined["lane"] == -1
}

async fn join(instance: &Instance) -> (StatusCode, Value) {
    instance.call("POST", "/v1/rooms/r/places", None).await
}

/// Joins many at once, at one instance and another in turn; all must get a place. Whoever is told
/// to come again does.
async fn all_join(instances: [&Instance; 2], count: usize) -> Vec<Value> {
    let joins = (0..count).map(|number| async move {
        for _ in 0..20 {
            let (status, body) = join(instances[number % 2]).await;
            if status == StatusCode::CREATED {
                return body;
            }
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("no place after twenty tries");
    });
    futures::future::join_all(joins).await
}

/// As another process would, which believes that the room woke so often.
async fn ask_gate(waitroom: &TestWaitroom, gate: &Gate, waking: i32) -> Straight {
    let name = "r".parse().unwrap();
    let asked = DirectPass {
        room: &name,
        waking,
        max_active: 30,
        wake_active: 30,
        wake_per_sec: 1_000.0,
        claim_window_secs: 60,
    };
    let _ = waitroom;
    gate.pass_straight(&asked).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_goes_straight_in_and_there_is_no_line() {
    let waitroom = asleep(10, 100.0).await;
    let (head, _) = waitroom.instance.head_when(|head| head["asleep"] == true).await;
    assert_eq!((&head["straight_in"], &head["stale"]), (&true.into(), &false.into()));
    let joined = waitroom.instance.join().await;
    assert!(is_direct(&joined) && joined["place"].is_null() && joined["receipt"].is_null());
    assert_eq!(joined["ahead"], 0);
    let ticket = joined["ticket"].as_str().unwrap();
    let (_, place) = waitroom.instance.get_place(ticket).await;
    assert_eq!(place["state"], "your_turn", "{place}");
    let (status, pass) = waitroom.instance.claim(ticket).await;
    assert_eq!(status, StatusCode::OK, "{pass}");
    // Any instance gives the same one.
    let other = waitroom.another_instance().await;
    assert_eq!(other.claim(ticket).await.1["pass"], pass["pass"]);
    assert_eq!((lanes_of(&waitroom, 0).await, lanes_of(&waitroom, 1).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_direct_place() {
    let waitroom = asleep(10, 100.0).await;
    let other = waitroom.another_instance().await;
    let (_, first) = waitroom.instance.join_with("a-key").await;
    let (_, again) = other.join_with("a-key").await;
    assert!(is_direct(&first), "{first}");
    assert_eq!(first["offset"], again["offset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_wakes_the_room_soon_and_nobody_is_lost() {
    let waitroom = asleep(8, 100.0).await;
    let other = waitroom.another_instance().await;
    let began = Instant::now();
    let joined = all_join([&waitroom.instance, &other], 60).await;
    let took = began.elapsed();
    let straight = joined.iter().filter(|joined| is_direct(joined)).count();
    assert_eq!(straight, 8, "as many as the threshold lets in");
    // A second where the machine is not shared with others' builds.
    assert!(took < Duration::from_secs(10), "all had a place after {took:?}");
    let ends = waitroom.test_env.kafka.ends("line.r.1", 2).await.unwrap();
    assert_eq!(ends.iter().sum::<i64>(), 52, "everybody else stands in the line: {ends:?}");
    // Each place is somebody's, and is served.
    let places: BTreeSet<String> =
        joined.iter().map(|joined| format!("{}.{}", joined["lane"], joined["offset"])).collect();
    assert_eq!(places.len(), 60);
    let late = joined.iter().rev().find(|joined| !is_direct(joined)).unwrap();
    waitroom.instance.until(late["ticket"].as_str().unwrap(), "your_turn").await;
    // Who came straight in stays.
    let early = joined.iter().find(|joined| is_direct(joined)).unwrap();
    let (status, _) = other.claim(early["ticket"].as_str().unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    let (head, _) = other.head_when(|head| head["asleep"] == false).await;
    assert_eq!(head["room"], "r");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_a_second_than_the_threshold_wake_it_too() {
    let waitroom = asleep(30, 1.0).await;
    let joined = all_join([&waitroom.instance, &waitroom.instance], 12).await;
    let straight = joined.iter().filter(|joined| is_direct(joined)).count();
    assert!((4..=6).contains(&straight), "four seconds' may come at once: {straight}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_not_heard_that_it_woke_lets_nobody_straight_in() {
    let waitroom = asleep(30, 100.0).await;
    let gate = Gate::new(waitroom.test_env.redis.clone());
    assert!(matches!(ask_gate(&waitroom, &gate, 0).await, Straight::In { .. }));
    let wake = RoomChange { wake: true, ..RoomChange::default() };
    change_room(&waitroom.test_env.pool, "r", &wake).await.unwrap();
    waitroom.instance.head_when(|head| head["asleep"] == false).await;
    eventually("the gate knows", async || {
        let asked = ask_gate(&waitroom, &gate, 0).await;
        (asked == Straight::Wakes).then_some(())
    })
    .await;
    assert!(!is_direct(&waitroom.instance.join().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_a_waking_that_stopped_half_way_ends_it() {
    let waitroom = asleep(30, 100.0).await;
    let gate = Gate::new(waitroom.test_env.redis.clone());
    // Somebody crossed the threshold, and was gone before the room's row was written.
    gate.note_woken(&"r".parse().unwrap(), 1).await.unwrap();
    let state = room(&waitroom.test_env.pool, "r").await.unwrap().unwrap();
    assert!(state.sleep.asleep);
    let joined = waitroom.instance.join().await;
    assert!(!is_direct(&joined), "{joined}");
    let state = room(&waitroom.test_env.pool, "r").await.unwrap().unwrap();
    assert!(!state.sleep.asleep && state.sleep.line.waking == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_cannot_wake_lets_in_no_more_than_its_threshold() {
    let waitroom = asleep(5, 100.0).await;
    let nowhere = waitroom.instance_without_broker().await;
    let joins = futures::future::join_all((0..12).map(|_| join(&nowhere))).await;
    let straight = joins.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    assert_eq!(straight, 5);
    let refused = joins.iter().find(|(status, _)| *status != StatusCode::CREATED).unwrap();
    assert_eq!(
        (refused.0, id_of(&refused.1)),
        (StatusCode::SERVICE_UNAVAILABLE, "room-busy".into())
    );
    // It wakes as soon as somebody can reach Kafka.
    assert!(!is_direct(&waitroom.instance.join().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_was_lost_lets_in_few_until_it_is_told_who_is_inside() {
    let waitroom = asleep(30, 1_000.0).await;
    let gate = Gate::new(waitroom.test_env.redis.clone());
    let joined = all_join([&waitroom.instance, &waitroom.instance], 10).await;
    assert!(joined.iter().all(is_direct));
    for kind in ["gate", "granted", "active", "direct"] {
        let key = waitroom.test_env.redis.key(kind, "r");
        let deleted: redis::RedisResult<()> =
            redis::cmd("DEL").arg(key).query_async(&mut waitroom.test_env.redis.connection()).await;
        deleted.unwrap();
    }
    let mut straight = 0;
    while matches!(ask_gate(&waitroom, &gate, 0).await, Straight::In { .. }) {
        straight += 1;
        assert!(straight <= 20, "nobody knows who is inside");
    }
    assert_eq!(straight, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_place_that_was_given_up_is_nobodys() {
    let waitroom = asleep(2, 100.0).await;
    let joined = waitroom.instance.join().await;
    let ticket = joined["ticket"].as_str().unwrap();
    let (status, _) = waitroom.instance.call("DELETE", "/v1/rooms/r/place", Some(ticket)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    // Its slot is free: two more come straight in.
    assert!(is_direct(&waitroom.instance.join().await));
    assert!(is_direct(&waitroom.instance.join().await));
    let gate = Gate::new(waitroom.test_env.redis.clone());
    let place = PlaceId::direct("r".parse().unwrap(), joined["offset"].as_i64().unwrap());
    let session = gate.activate(&place, "s", chrono::Utc::now() + chrono::TimeDelta::hours(1), 30);
    assert_eq!(session.await.unwrap(), admission::contract::Activation::Left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pre_queue_has_a_line() {
    let built = RoomBuilder::new("r").show("s").lanes(2).rate_per_sec(1_000.0).sleeps();
    let waitroom = TestWaitroom::of(built).await;
    assert_eq!(lanes_of(&waitroom, 0).await, 0);
    waitroom.set_phase(Phase::PreQueue).await;
    assert!(!is_direct(&waitroom.instance.join().await));
    assert_eq!(lanes_of(&waitroom, 1).await, 2);
}
