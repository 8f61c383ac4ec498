//! A line whose first fans were drawn.

use std::collections::BTreeMap;

use admission::contract::{Cohort, GateState, HeadsMoved};
use testkit::eventually;

use crate::test_line::TestLine;

/// When the head passed each turn, in the order of records.
fn order(records: &[HeadsMoved]) -> Vec<(i32, i64)> {
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let mut passed = Vec::new();
    for moved in records.iter().filter(|moved| moved.drawn).flat_map(|moved| &moved.heads) {
        let head = heads.entry(moved.lane).or_insert(0);
        passed.extend((*head..moved.head).map(|turn| (moved.lane, turn)));
        *head = moved.head.max(*head);
    }
    passed
}

/// Two lanes of which one is longer; the last of it joined too late.
async fn line() -> TestLine {
    let line = TestLine::new(2, |gate| gate.rate_per_sec = 2.0).await;
    // Seven in turn: four and three.
    line.join(7).await;
    line.gate().restore(&line.room, &[]).await.expect("restore");
    line.set(|_| {}).await;
    line
}

/// The first six are drawn: three turns of each lane. The seventh stands behind them.
async fn draw(line: &TestLine) {
    let cohort = Cohort::new(vec![4, 2]).expect("a cohort");
    line.set(|gate| {
        gate.cohort = Some(cohort);
        gate.state = GateState::Running;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_drawn_come_first_by_turns_and_whoever_joined_later_behind_them() {
    let line = line().await;
    line.serve();
    eventually("the lanes to be told", async || {
        let tails: BTreeMap<i32, i64> = line
            .heads()
            .await
            .iter()
            .flat_map(|moved| &moved.heads)
            .map(|head| (head.lane, head.tail))
            .collect();
        (tails.values().sum::<i64>() == 7).then_some(())
    })
    .await;
    draw(&line).await;
    let records = line.heads_until(7).await;
    let order = order(&records);
    // Lane after lane within a turn; records may tell of several at once.
    let turns: Vec<i64> = order.iter().map(|(_, turn)| *turn).collect();
    assert_eq!(turns, [0, 0, 1, 1, 2, 2, 3], "{order:?}");
    assert_eq!(order.last(), Some(&(1, 3)), "who came too late");
    line.join(3).await;
    line.heads_until(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_goes_on_with_a_drawn_line_where_the_first_ended() {
    let line = line().await;
    draw(&line).await;
    line.set(|gate| gate.rate_per_sec = 4.0).await;
    line.serve();
    line.heads_until(2).await;
    line.stop().await;
    line.set(|gate| gate.rate_per_sec = 20.0).await;
    line.serve();
    line.join(2).await;
    let records = line.heads_until(9).await;
    let order = order(&records);
    assert_eq!(order.len(), 9, "{order:?}");
    assert_eq!(order.iter().filter(|(lane, _)| *lane == 0).count(), 4);
}
