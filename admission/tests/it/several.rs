//! Several controllers of one room.

use std::time::{Duration, Instant};

use admission::contract::{Activation, HeadsMoved, HoldBack, LANES_A_LEASE};
use chrono::Utc;
use testkit::eventually;

use crate::test_line::{self, CERTAIN, IdleController, TestLine};

/// So many that several processes have some of them, as good as certainly: they are under a lease
/// by fours.
const SHARED_LANES: i32 = 16 * LANES_A_LEASE;

#[tokio::test(flavor = "multi_thread")]
async fn two_controllers_share_the_lanes_and_the_cap() {
    let line = TestLine::new(SHARED_LANES, |gate| {
        gate.rate_per_sec = 40.0;
        gate.max_active = 50;
    })
    .await;
    let joined = line.join(120).await;
    for _ in 0..2 {
        line.serve_with(line.broken_gate(&[CERTAIN]));
    }
    line.open().await;
    let records = line.heads_until(50).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let places = line.admitted_places().await;
    assert_eq!(places.len(), 50, "the cap is one for both");
    test_line::assert_in_order(&joined, &records);
    let (gate, expires) = (line.gate(), Utc::now() + chrono::Duration::seconds(60));
    let mut opened = 0;
    for place in places {
        let taken = gate.activate(&place, &place.to_string(), expires, 50).await.unwrap();
        opened += usize::from(taken == Activation::Opened);
    }
    assert_eq!(opened, 50);
}

/// Fans let in between two moments, and how many a second that is.
fn per_sec(records: &[HeadsMoved], from_secs: f64, to_secs: f64) -> f64 {
    let mut heads = std::collections::BTreeMap::new();
    let mut steps: Vec<(chrono::DateTime<Utc>, i64)> = Vec::new();
    for record in records {
        for head in &record.heads {
            let known = heads.entry(head.lane).or_insert(0);
            *known = head.head.max(*known);
        }
        steps.push((record.at, heads.values().sum()));
    }
    let began = steps.iter().find(|(_, total)| *total > 0).expect("somebody").0;
    let at = |secs: f64| {
        let until = began + chrono::Duration::milliseconds((secs * 1000.0) as i64);
        let index = steps.partition_point(|(at, _)| *at <= until);
        steps[index.saturating_sub(1)]
    };
    let (from, to) = (at(from_secs), at(to_secs));
    (to.1 - from.1) as f64 / ((to.0 - from.0).num_milliseconds() as f64 / 1000.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_controllers_cost_no_pace_and_nobody_is_overtaken_by_much() {
    let line = TestLine::new(SHARED_LANES, |gate| {
        gate.rate_per_sec = 80.0;
        gate.max_active = 100_000;
    })
    .await;
    for _ in 0..3 {
        line.serve();
    }
    // Until each of them has its lanes.
    tokio::time::sleep(Duration::from_secs(6)).await;
    line.open().await;
    let joined = line.join(2_200).await;
    let began = Instant::now();
    let records = line.heads_until(2_200).await;
    tracing::info!(secs = began.elapsed().as_secs_f64(), "all were let in");
    let pace = per_sec(&records, 3.0, 25.0);
    assert!((pace - 80.0).abs() <= 0.8, "{pace:.2} a second of 80");
    test_line::assert_in_order(&joined, &records);
}

/// A line of which half the lanes belong to somebody who says nothing about them.
async fn half_unknown((script_line, by): (&str, &str)) -> (TestLine, IdleController) {
    let line = TestLine::new(SHARED_LANES, |_| {}).await;
    let idle = line.idle_controller().await;
    line.serve_with(line.broken_gate(&[(script_line, by)]));
    line.open().await;
    // Until each has lanes.
    tokio::time::sleep(Duration::from_secs(8)).await;
    line.join(2 * SHARED_LANES).await;
    (line, idle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_nobody_reaches_holds_the_others_back_with_a_name_until_it_is_handed_over() {
    let (line, idle) = half_unknown(("", "")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let records = line.heads().await;
    let held = |record: &HeadsMoved| {
        let held_by = record.pace.iter().flat_map(|pace| &pace.held_by);
        held_by.into_iter().any(|reason| matches!(reason, HoldBack::LanesUnknown { .. }))
    };
    assert!(records.iter().any(held), "{records:?}");
    assert_eq!(line.admitted().await, 0);
    idle.leave().await;
    line.heads_until(i64::from(2 * SHARED_LANES)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_fronts_of_unknown_lanes_their_fans_are_passed_over() {
    let far = "or '99999999999999 0 1 0'";
    let (line, idle) = half_unknown(("or '-1 0 1 0'", far)).await;
    line.heads_until(10).await;
    idle.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_taken_out_by_its_clients_name_alone() {
    let line = TestLine::new(2, |_| {}).await;
    let kafka = &line.test_env.kafka;
    let _idle = line.idle_controller_of(&kafka.clone().with_client("gone".to_owned())).await;
    eventually("it is a member and is taken out", async || {
        assert_eq!(kafka.take_out("another").await.expect("an answer"), 0);
        (kafka.take_out("gone").await.expect("an answer") == 1).then_some(())
    })
    .await;
}
