//! Negative controls of what `fairgate verify` says about waiting, pace and windows. What a broken
//! mechanism would leave behind is written directly.

use std::time::Duration;

use admission::contract::{HEADS_TOPIC, HeadsMoved, LaneHead, PaceReport};
use chrono::{DateTime, Utc};
use ops::{settings::Stores, verify};
use rdkafka::producer::FutureRecord;
use testkit::TestEnv;

use crate::{
    line_up::{Line, producer},
    test_system::{Terms, assert_clean, assert_objects, room, stores},
};

/// A record of the heads that lets places `from..to` of a lane in, at a moment.
fn moved(name: &str, at: DateTime<Utc>, lane: i32, from: i64, to: i64, tail: i64) -> HeadsMoved {
    HeadsMoved {
        room: name.parse().expect("a name"),
        at,
        claim_until: at + chrono::Duration::minutes(1),
        rate_per_sec: 10.0,
        heads: vec![LaneHead { lane, head: to, tail }],
        from: vec![from],
        drawn: false,
        door_ms: None,
        door_open: true,
        pace: Some(PaceReport { per_sec: 10.0, ..PaceReport::default() }),
        stock: None,
    }
}

async fn publish(stores: &Stores, records: &[HeadsMoved]) {
    let (producer, topic) = (producer(&stores.kafka), stores.kafka.name(HEADS_TOPIC));
    for moved in records {
        let payload = serde_json::to_vec(moved).expect("a record");
        let record =
            FutureRecord::to(&topic).key(moved.room.as_str()).partition(0).payload(&payload);
        producer.send(record, Duration::ZERO).await.expect("published");
    }
}

async fn look(stores: &Stores) -> verify::report::Report {
    verify::look(stores, None).await.expect("a report")
}

#[tokio::test]
async fn data_a_lane_that_nobody_serves_is_seen() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    room(&stores, "unserved", &Terms { lanes: 2, ..Terms::default() }).await;
    let line = Line::of(&stores, "unserved", 2);
    line.join(1, 3).await;
    line.join(0, 3).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    line.join(0, 2).await;
    let now = Utc::now();
    line.commit(0, 3).await;
    publish(&stores, &[moved("unserved", now, 0, 0, 3, 5)]).await;
    assert_clean(&look(&stores).await);
    line.commit(0, 5).await;
    publish(&stores, &[moved("unserved", now, 0, 3, 5, 5)]).await;
    // Nobody was let in too late: lane 1's first is still waiting.
    assert_objects(&look(&stores).await, &["nobody-passed-over"]);
    line.commit(1, 3).await;
    let later = now + chrono::Duration::milliseconds(500);
    publish(&stores, &[moved("unserved", later, 1, 0, 3, 3)]).await;
    assert_objects(&look(&stores).await, &["overtaking"]);
}

#[tokio::test]
async fn data_places_of_which_no_record_says_when_they_were_let_in_are_seen() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    room(&stores, "torn", &Terms { lanes: 1, ..Terms::default() }).await;
    let line = Line::of(&stores, "torn", 1);
    line.join(0, 10).await;
    line.commit(0, 4).await;
    publish(&stores, &[moved("torn", Utc::now(), 0, 0, 4, 10)]).await;
    assert_clean(&look(&stores).await);
    line.commit(0, 8).await;
    publish(&stores, &[moved("torn", Utc::now(), 0, 6, 8, 10)]).await;
    assert_objects(&look(&stores).await, &["heads-continuous"]);
}

#[tokio::test]
async fn data_a_line_that_is_slower_than_asked_without_a_reason_is_seen() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    for (name, by, objects) in [("even", 10, false), ("idle", 9, true)] {
        room(&stores, name, &Terms { lanes: 1, ..Terms::default() }).await;
        let line = Line::of(&stores, name, 1);
        line.join(0, 800).await;
        let began = Utc::now() - chrono::Duration::seconds(71);
        let records: Vec<HeadsMoved> = (0..70)
            .map(|second| {
                let at = began + chrono::Duration::seconds(second);
                moved(name, at, 0, second * by, (second + 1) * by, 800)
            })
            .collect();
        line.commit(0, 70 * by).await;
        publish(&stores, &records).await;
        let report = look(&stores).await;
        if objects {
            assert_objects(&report, &["admit-pace"]);
        } else {
            assert_clean(&report);
        }
    }
}
