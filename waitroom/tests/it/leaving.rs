//! Leaving the line, taking a place to another device, and going straight in.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testkit::{RoomBuilder, eventually};
use waitroom::contract::Phase;

use crate::test_waitroom::{Instance, TestWaitroom, id_of};

async fn leave(instance: &Instance, ticket: &str) -> StatusCode {
    instance.call("DELETE", "/v1/rooms/r/place", Some(ticket)).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_has_left_at_every_instance_and_keeps_nothing() {
    let waitroom = TestWaitroom::create(2, 1000.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    let other = waitroom.another_instance().await;
    let [stays, leaves] = [waitroom.instance.ticket().await, waitroom.instance.ticket().await];
    for _ in 0..2 {
        assert_eq!(leave(&waitroom.instance, &leaves).await, StatusCode::NO_CONTENT);
    }
    let (_, place) = waitroom.instance.get_place(&leaves).await;
    assert_eq!(place["state"], "left");
    other.until(&leaves, "left").await;
    waitroom.set_phase(Phase::Open).await;
    other.until(&stays, "your_turn").await;
    let (status, body) = other.claim(&leaves).await;
    assert_eq!((status, id_of(&body)), (StatusCode::GONE, "place-left".into()));
    // One that starts later knows, too.
    waitroom.another_instance().await.until(&leaves, "left").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_in_their_turn_frees_the_slot_at_once() {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    let ticket = waitroom.instance.ticket().await;
    waitroom.instance.until(&ticket, "your_turn").await;
    let gate = admission::contract::Gate::new(waitroom.test_env.redis.clone());
    assert_eq!(gate.view("r").await.unwrap().unclaimed, 1);
    assert_eq!(leave(&waitroom.instance, &ticket).await, StatusCode::NO_CONTENT);
    assert_eq!(gate.view("r").await.unwrap().unclaimed, 0);
    waitroom.instance.until(&ticket, "left").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nobody_leaves_by_halves() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    let ticket = waitroom.instance.ticket().await;
    let alone = waitroom.instance_without_redis().await;
    assert_eq!(leave(&alone, &ticket).await, StatusCode::SERVICE_UNAVAILABLE);
    alone.until(&ticket, "waiting").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_missed_may_be_had_once_more() {
    let waitroom = TestWaitroom::create(1, 1000.0, 1).await;
    waitroom.set_phase(Phase::Open).await;
    let ticket = waitroom.instance.ticket().await;
    let resume = async |instance: &Instance| {
        instance.call("POST", "/v1/rooms/r/place/resume", Some(&ticket)).await
    };
    let place = waitroom.instance.until(&ticket, "window_missed").await;
    assert!(place["may_resume_until"].is_string(), "{place}");
    let (status, first) = eventually("a second turn", async || {
        let answer = resume(&waitroom.instance).await;
        (answer.0 != StatusCode::CONFLICT).then_some(answer)
    })
    .await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let gate = admission::contract::Gate::new(waitroom.test_env.redis.clone());
    let second = gate.second_grants(&"r".parse().unwrap()).await.unwrap();
    assert_eq!(second.len(), 1, "it is known who had one");
    // The same pass, while a slot is kept for it, and none after that.
    let (_, again) = resume(&waitroom.another_instance().await).await;
    assert_eq!(again["pass"], first["pass"], "{again}");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (_, again) = resume(&waitroom.instance).await;
    assert_eq!(again["pass"], first["pass"], "its window is over, its slot is kept: {again}");
    let redis = &waitroom.test_env.redis;
    let mut ends = redis::cmd("ZREM");
    ends.arg(redis.key("granted", "r")).arg("0.0");
    ends.query_async::<()>(&mut redis.connection()).await.unwrap();
    let (status, over) = resume(&waitroom.instance).await;
    assert_eq!((status, id_of(&over)), (StatusCode::GONE, "claim-window-missed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_let_in_one_in_twenty_has_a_second_turn_at_most() {
    let waitroom = TestWaitroom::create(1, 1000.0, 1).await;
    waitroom.set_phase(Phase::Open).await;
    let mut tickets = Vec::new();
    for _ in 0..30 {
        tickets.push(waitroom.instance.ticket().await);
    }
    for ticket in &tickets {
        waitroom.instance.until(ticket, "window_missed").await;
    }
    let mut granted = 0;
    for ticket in &tickets {
        let (status, body) =
            waitroom.instance.call("POST", "/v1/rooms/r/place/resume", Some(ticket)).await;
        if status == StatusCode::OK {
            granted += 1;
        } else {
            assert_eq!(id_of(&body), "resume-not-now", "{body}");
        }
    }
    // One to begin with, and one for each twenty.
    assert!((1..=3).contains(&granted), "{granted} of 30");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_takes_a_place_to_another_device_once() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    let joined = waitroom.instance.join().await;
    let ticket = joined["ticket"].as_str().unwrap();
    let (status, made) =
        waitroom.instance.call("POST", "/v1/rooms/r/place/link", Some(ticket)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let link = made["link"].as_str().unwrap();
    assert!(made["address"].as_str().unwrap().ends_with(&format!("/queue/s?link={link}")));
    let other = waitroom.another_instance().await;
    let (status, taken) = open(&other, link).await;
    assert_eq!(status, StatusCode::OK, "{taken}");
    assert_eq!((&taken["lane"], &taken["offset"]), (&joined["lane"], &joined["offset"]));
    other.until(taken["ticket"].as_str().unwrap(), "waiting").await;
    let refused = async |link: &str| {
        let (status, body) = open(&waitroom.instance, link).await;
        (status, id_of(&body))
    };
    assert_eq!(refused(link).await, (StatusCode::GONE, "place-link-used".into()));
    // A ticket is no link, and a link no ticket.
    let invalid = (StatusCode::UNPROCESSABLE_ENTITY, "place-link-invalid".into());
    assert_eq!(refused(ticket).await, invalid);
    let (status, body) = waitroom.instance.get_place(link).await;
    assert_eq!((status, id_of(&body)), (StatusCode::UNAUTHORIZED, "place-ticket-forged".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_not_used_up_by_a_lost_answer_or_in_the_wrong_line() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    RoomBuilder::new("other")
        .show("other")
        .create(&waitroom.test_env.pool, &waitroom.test_env.kafka)
        .await;
    let ticket = waitroom.instance.ticket().await;
    let path = "/v1/rooms/r/place/link";
    let (_, made) = waitroom.instance.call("POST", path, Some(&ticket)).await;
    let link = made["link"].as_str().unwrap();
    let take = async |room: &str, taker: Option<&str>| {
        let path = format!("/v1/rooms/{room}/place/from-link");
        waitroom.instance.send(&path, &json!({ "link": link, "taker": taker })).await
    };
    let (one, another) =
        ("0198a5c0-0000-4000-8000-000000000001", "0198a5c0-0000-4000-8000-000000000002");
    let (status, body) = take("other", Some(another)).await;
    assert_eq!((status, id_of(&body)), (StatusCode::FORBIDDEN, "place-ticket-foreign".into()));
    let (status, first) = take("r", Some(one)).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (status, again) = take("r", Some(one)).await;
    assert_eq!((status, &again["offset"]), (StatusCode::OK, &first["offset"]), "{again}");
    for taker in [Some(another), None] {
        let (status, body) = take("r", taker).await;
        assert_eq!((status, id_of(&body)), (StatusCode::GONE, "place-link-used".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_turn_whose_answer_was_lost_is_told_again_while_none_is_given() {
    let waitroom = TestWaitroom::create(1, 1000.0, 6).await;
    waitroom.set_phase(Phase::Open).await;
    let [ticket, other] = [waitroom.instance.ticket().await, waitroom.instance.ticket().await];
    for ticket in [&ticket, &other] {
        waitroom.instance.until(ticket, "window_missed").await;
    }
    let resume = async |ticket: &str| {
        waitroom.instance.call("POST", "/v1/rooms/r/place/resume", Some(ticket)).await
    };
    let (status, first) = eventually("a second turn", async || {
        let answer = resume(&ticket).await;
        (answer.0 != StatusCode::CONFLICT).then_some(answer)
    })
    .await;
    assert_eq!(status, StatusCode::OK, "{first}");
    waitroom.set_phase(Phase::Paused).await;
    let (status, again) = resume(&ticket).await;
    assert_eq!((status, &again["pass"]), (StatusCode::OK, &first["pass"]), "{again}");
    let (status, body) = resume(&other).await;
    assert_eq!((status, id_of(&body)), (StatusCode::CONFLICT, "resume-not-now".into()));
    let (_, place) = waitroom.instance.get_place(&other).await;
    assert_eq!(place["may_resume_until"], Value::Null, "nothing is promised meanwhile");
}

async fn open(instance: &Instance, link: &str) -> (StatusCode, Value) {
    instance.send("/v1/rooms/r/place/from-link", &json!({ "link": link })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_waits_one_question_after_joining_it_is_ones_turn() {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    waitroom.instance.head_when(|head| head["straight_in"] == true).await;
    let ticket = waitroom.instance.ticket().await;
    let path = "/v1/rooms/r/place?wait_ms=2000";
    let (status, place) = waitroom.instance.call("GET", path, Some(&ticket)).await;
    assert_eq!((status, &place["state"]), (StatusCode::OK, &"your_turn".into()), "{place}");
    // Nobody is kept waiting where nobody is let in.
    waitroom.set_phase(Phase::Paused).await;
    eventually("it does not go straight in", async || {
        let (head, _) = waitroom.instance.head_when(|_| true).await;
        (head["straight_in"] == false).then_some(())
    })
    .await;
    let ticket = waitroom.instance.ticket().await;
    let (_, place) = waitroom.instance.call("GET", path, Some(&ticket)).await;
    assert_eq!((&place["state"], &place["wait_say"]), (&"waiting".into(), &"paused".into()));
}
