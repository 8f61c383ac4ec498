//! A Redis that is lost, or comes back with old data: nothing is granted until everybody who knows
//! something has said it.

use std::time::Duration;

use admission::contract::{Activation, ActiveSession, Gate};
use chrono::Utc;

use crate::test_line::{self, CERTAIN, TestLine};

/// Nothing is replaced.
const SOUND: (&str, &str) = ("", "");

fn expires() -> chrono::DateTime<Utc> {
    Utc::now() + chrono::Duration::seconds(60)
}

fn inside(count: usize) -> Vec<ActiveSession> {
    (0..count).map(|n| ActiveSession { session: format!("s{n}"), expires_at: expires() }).collect()
}

/// A line of 300 with a cap of 20, full of fans who were let in, and who will come. Where a line of
/// the controller's scripts is replaced, or its gate forgets, a mechanism is broken.
async fn full(change: impl FnOnce(&TestLine) -> Gate) -> TestLine {
    let line = TestLine::new(2, |gate| gate.max_active = 20).await;
    line.join(300).await;
    line.serve_with(change(&line));
    line.open().await;
    line.heads_until(20).await;
    line
}

/// Nothing is broken, and all are expected.
fn sound(line: &TestLine) -> Gate {
    line.broken_gate(&[CERTAIN])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_lets_nobody_in_until_those_inside_are_known_again() {
    let line = full(sound).await;
    for place in line.admitted_places().await.iter().take(4) {
        let opened = line.gate().activate(place, &place.to_string(), expires(), 20).await.unwrap();
        assert_eq!(opened, Activation::Opened);
    }
    // Until the controller has seen who came.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    line.lose_redis().await;
    let late = test_line::place("t.0.9");
    let taken = line.gate().activate(&late, "late", expires(), 20).await.unwrap();
    assert_eq!(taken, Activation::Full);
    // What was granted in that instant is still committed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let admitted = line.admitted().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(line.admitted().await, admitted, "an empty gate grants nothing");
    assert!(line.gate().needs_restore(&line.room).await.unwrap());
    assert_eq!(
        line.grants().await.len() as i64,
        admitted - 4,
        "who was let in and did not come is remembered, and who came is not"
    );
    line.gate().restore(&line.room, &inside(4)).await.unwrap();
    line.age_grants(127).await;
    line.heads_until(admitted + 10).await;
}

/// Redis is lost again and again, and checkout is the first to speak: how many more are let in, and
/// how many of those who were have no grant any more.
async fn let_in_meanwhile(line: &TestLine) -> (i64, usize) {
    let (before, granted) = (line.admitted().await, line.grants().await);
    for _ in 0..4 {
        line.lose_redis().await;
        line.gate().restore(&line.room, &[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let now = line.grants().await;
    let forgotten = granted.keys().filter(|place| !now.contains_key(*place)).count();
    (line.admitted().await - before, forgotten)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_before_the_controllers_have_put_back_what_they_granted() {
    let line = full(sound).await;
    assert_eq!(let_in_meanwhile(&line).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_does_not_wait_for_the_controllers_lets_too_many_in() {
    let impatient = ("epoch == known[1]", "true");
    let line = full(|line| line.broken_gate(&[CERTAIN, impatient])).await;
    let (more, _) = let_in_meanwhile(&line).await;
    assert!(more >= 20, "{more} more");
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_that_forget_what_they_granted_let_too_many_in() {
    let line = full(|line| sound(line).forgetful()).await;
    let (more, forgotten) = let_in_meanwhile(&line).await;
    assert!(more >= 60 && forgotten >= 20, "{more} more, {forgotten} forgotten");
}

/// What happens when Redis comes back as it was when nobody had been let in: how many more are let
/// in at once.
async fn let_in_after_going_back(broken: (&str, &str)) -> (TestLine, i64) {
    let line = TestLine::new(2, |gate| gate.max_active = 20).await;
    line.open().await;
    line.serve_with(line.broken_gate(&[broken]));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while line.door_ms().await == 0 {
        assert!(std::time::Instant::now() < deadline, "no controller");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let copy = line.copy_redis().await;
    line.join(400).await;
    line.heads_until(20).await;
    line.put_back_redis(&copy).await;
    // Until then some more were let in anyway, for those who did not come at once.
    let before = line.admitted().await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let more = line.admitted().await - before;
    (line, more)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_old_data_is_recognised() {
    let (line, more) = let_in_after_going_back(SOUND).await;
    assert!(more < 10, "{more} more: the gate began anew");
    assert!(line.gate().needs_restore(&line.room).await.unwrap());
    let admitted = line.admitted().await;
    assert_eq!(line.grants().await.len() as i64, admitted, "what was granted is remembered");
    line.gate().restore(&line.room, &inside(2)).await.unwrap();
    line.age_grants(127).await;
    line.heads_until(admitted + 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_sequence_old_data_lets_too_many_in() {
    let broken = ("return sequence and tonumber(sequence) >= tonumber(seen)", "return sequence");
    let (_line, more) = let_in_after_going_back(broken).await;
    assert!(more >= 15, "{more} more");
}

/// Controllers that started after Redis went back know it from their commits.
#[tokio::test(flavor = "multi_thread")]
async fn old_data_is_recognised_by_a_controller_that_starts_later() {
    let line = TestLine::new(1, |gate| gate.max_active = 20).await;
    line.open().await;
    let copy = line.copy_redis().await;
    line.join(100).await;
    line.serve();
    line.heads_until(20).await;
    line.stop().await;
    let admitted = line.admitted().await;
    line.put_back_redis(&copy).await;
    line.serve();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(line.admitted().await, admitted);
    assert!(line.gate().needs_restore(&line.room).await.unwrap(), "it began anew");
}

/// A handle of checkout's that saw the gate does not trust an older one either.
#[tokio::test(flavor = "multi_thread")]
async fn checkout_opens_no_session_by_old_data() {
    let line = TestLine::new(1, |_| {}).await;
    line.open().await;
    let gate = line.gate();
    let first = test_line::place("t.0.0");
    let copy = line.copy_redis().await;
    line.join(1).await;
    line.serve();
    line.heads_until(1).await;
    assert_eq!(gate.activate(&first, "a", expires(), 1).await.unwrap(), Activation::Opened);
    line.stop().await;
    line.put_back_redis(&copy).await;
    let second = test_line::place("t.0.1");
    assert_eq!(gate.activate(&second, "b", expires(), 1).await.unwrap(), Activation::Full);
    assert!(gate.needs_restore(&line.room).await.unwrap());
}
