//! Joining once with a key, whatever becomes of the answer.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;
use testkit::eventually;
use waitroom::contract::Phase;

use crate::test_waitroom::{Instance, TestWaitroom, id_of};

fn place(joined: &Value) -> (i64, i64) {
    let number = |name: &str| joined[name].as_i64().expect("a number");
    (number("lane"), number("offset"))
}

/// How many records the line has, as far as one of these wrote them: nobody else tells here.
async fn written(instances: &[&Instance]) -> i64 {
    let mut written = 0;
    for instance in instances {
        let (head, _) = instance.head_when(|_| true).await;
        let known = head["admitted"].as_i64().unwrap() + head["waiting"].as_i64().unwrap();
        written = written.max(known);
    }
    written
}

/// Waits until there are two records, and sees that no third one comes.
async fn assert_two_written(instances: &[&Instance]) {
    let two = async || (written(instances).await == 2).then_some(());
    eventually("two records", two).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(written(instances).await, 2);
}

async fn waitroom(lanes: i32) -> TestWaitroom {
    let waitroom = TestWaitroom::create(lanes, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    waitroom
}

async fn joined(instance: &Instance, key: &str) -> Value {
    let (status, body) = instance.join_with(key).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_place_at_every_instance_and_another_key_another() {
    let waitroom = waitroom(2).await;
    let other = waitroom.another_instance().await;
    let first = joined(&waitroom.instance, "one").await;
    let places = [
        joined(&waitroom.instance, "one").await,
        joined(&other, "one").await,
        joined(&other, "\"one\"").await,
    ];
    assert!(places.iter().all(|again| place(again) == place(&first)), "{places:?}");
    assert!(places.iter().all(|again| again["joined_at"] == first["joined_at"]));
    // Whichever instance signs it: the ticket knows the record's nonce.
    assert!(first["receipt"].as_str().is_some_and(|receipt| receipt.starts_with("v4.public.")));
    assert!(places.iter().all(|again| again["receipt"] == first["receipt"]));
    assert_ne!(place(&joined(&other, "two").await), place(&first));
    // At once, in two places.
    let all = futures::future::join_all(
        (0..20)
            .map(|number| if number % 2 == 0 { &other } else { &waitroom.instance })
            .map(|instance| joined(instance, "three")),
    )
    .await;
    let places: BTreeSet<_> = all.iter().map(place).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    for refused in ["a b", &"x".repeat(129)] {
        let (status, body) = other.join_with(refused).await;
        let expected = (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field".into());
        assert_eq!((status, id_of(&body)), expected, "{refused}");
    }
}

/// A line, an instance that hurries, and what `join` with it came to, which is not told in time.
/// Where the machine hurries more, and it is, all begins anew.
async fn not_told_in_time<T>(
    join: impl AsyncFn(&TestWaitroom, &Instance) -> ((StatusCode, Value), T),
) -> (TestWaitroom, Instance, T) {
    for _ in 0..10 {
        let waitroom = waitroom(1).await;
        let hurries = waitroom.instance_that_hurries().await;
        let ((status, body), beside) = join(&waitroom, &hurries).await;
        if status != StatusCode::CREATED {
            let expected = (StatusCode::SERVICE_UNAVAILABLE, "join-not-acknowledged".into());
            assert_eq!((status, id_of(&body)), expected);
            return (waitroom, hurries, beside);
        }
    }
    panic!("each join was answered in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_was_not_answered_in_time_and_was_written_is_found_again() {
    let (waitroom, hurries, ()) =
        not_told_in_time(async |_, hurries| (hurries.join_with("lost").await, ())).await;
    let found = eventually("the place", async || {
        let (status, body) = waitroom.instance.join_with("elsewhere-first").await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let (status, body) = hurries.join_with("lost").await;
        (status == StatusCode::CREATED).then_some(body)
    })
    .await;
    assert_eq!(place(&joined(&waitroom.instance, "lost").await), place(&found), "elsewhere too");
    // One for each key.
    assert_two_written(&[&waitroom.instance, &hurries]).await;
}

/// The control: what the key is for.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_join_that_was_written_and_not_answered_is_there_twice() {
    let (waitroom, hurries, ()) =
        not_told_in_time(async |_, hurries| (hurries.join_with("lost").await, ())).await;
    eventually("it was written", async || (written(&[&hurries]).await == 1).then_some(())).await;
    // The same fan, who says nothing of the first time.
    assert_eq!(place(&waitroom.instance.join().await), (0, 1));
    assert_two_written(&[&waitroom.instance, &hurries]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_records_for_one_key_one_is_the_fans_and_the_other_is_left() {
    // The second is written while the first is still on its way.
    let both = async |waitroom: &TestWaitroom, hurries: &Instance| {
        tokio::join!(hurries.join_with("twice"), async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            waitroom.instance.join_with("twice").await
        })
    };
    let (waitroom, hurries, second) = not_told_in_time(both).await;
    assert_eq!(second.0, StatusCode::CREATED, "{}", second.1);
    let again = eventually("the place", async || {
        let (status, body) = hurries.join_with("twice").await;
        (status == StatusCode::CREATED).then_some(body)
    })
    .await;
    assert_eq!(place(&again), place(&second.1));
    let (_, own) = place(&again);
    assert_eq!(own, 0, "it was written first");
    eventually("the other is left", async || {
        let key = waitroom.test_env.redis.key("left-0", "r");
        let mut connection = waitroom.test_env.redis.connection();
        let bit: i64 =
            redis::cmd("GETBIT").arg(key).arg(1).query_async(&mut connection).await.unwrap();
        (bit == 1).then_some(())
    })
    .await;
    assert_two_written(&[&waitroom.instance, &hurries]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_key_holds_at_its_own_instance_and_joins_without_one_go_on() {
    let waitroom = waitroom(1).await;
    let alone = waitroom.instance_without_redis().await;
    alone.join().await;
    let first = joined(&alone, "one").await;
    assert_eq!(place(&joined(&alone, "one").await), place(&first));
    assert_two_written(&[&alone]).await;
}
