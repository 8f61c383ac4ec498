//! What controllers tell, and what they do not.

use admission::contract::{HeadsMoved, LaneHead, LineStock, PaceReport, TypeStock};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use testkit::{RoomBuilder, eventually};
use waitroom::contract::{Phase, RoomChange, change_room};

use crate::test_waitroom::{TestWaitroom, id_of};

/// A record of a lane that came from `from` to `head`, with the door clock at `door_secs`.
fn told(at: DateTime<Utc>, (from, head): (i64, i64), door_secs: i64) -> HeadsMoved {
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at,
        claim_until: at + TimeDelta::seconds(60),
        rate_per_sec: 10.0,
        heads: vec![LaneHead { lane: 0, head, tail: head + 3 }],
        from: vec![from],
        drawn: false,
        door_ms: Some(door_secs * 1_000),
        door_open: true,
        pace: Some(PaceReport { per_sec: 10.0, show_share: 1.0, ..PaceReport::default() }),
        stock: None,
    }
}

fn secs_ago(secs: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::seconds(secs)
}

/// An open room that nobody but the test moves.
async fn waitroom() -> TestWaitroom {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    waitroom
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_grows_while_the_door_is_shut_and_with_it_the_pass() {
    let waitroom = waitroom().await;
    let (instance, controller) = waitroom.instance_told().await;
    let ticket = instance.ticket().await;
    // Let in twenty seconds ago; since then the door was open for five.
    controller.publish(&told(secs_ago(20), (0, 1), 0)).await;
    controller.publish(&told(secs_ago(0), (1, 1), 5)).await;
    instance.until(&ticket, "your_turn").await;
    let expires_at = async || {
        let (status, body) = instance.claim(&ticket).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["expires_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap()
    };
    let first = expires_at().await;
    // Ten seconds later it was shut for all of them.
    controller.publish(&told(Utc::now() + TimeDelta::seconds(10), (1, 1), 5)).await;
    let later = eventually("a longer pass", async || {
        let now = expires_at().await;
        (now > first).then_some(now)
    })
    .await;
    assert!(((later - first) - TimeDelta::seconds(10)).abs() <= TimeDelta::seconds(1));
    // Once the door was open for all of it, it is over.
    controller.publish(&told(Utc::now() + TimeDelta::seconds(80), (1, 1), 66)).await;
    instance.until(&ticket, "window_missed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_controller_makes_its_room_stale_and_no_instance_unready() {
    let waitroom = waitroom().await;
    let (instance, controller) = waitroom.instance_told().await;
    let ticket = instance.ticket().await;
    controller.publish(&told(secs_ago(60), (0, 1), 0)).await;
    let (head, _) = instance.head_when(|head| head["stale"] == true).await;
    assert!(head["as_of"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() < secs_ago(50));
    for (method, what) in [("GET", "place"), ("POST", "pass")] {
        let path = format!("/v1/rooms/r/{what}");
        let (status, body) = instance.call(method, &path, Some(&ticket)).await;
        assert_eq!(
            (status, id_of(&body)),
            (StatusCode::SERVICE_UNAVAILABLE, "try-again-soon".into())
        );
        assert!(body["retry_after_secs"].as_u64().unwrap() > 0, "{body}");
    }
    instance.join().await;
    // Longer than it takes to look for a reader that stands.
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert!(instance.missing().is_empty(), "{:?}", instance.missing());
    controller.publish(&told(secs_ago(0), (1, 1), 5)).await;
    instance.head_when(|head| head["stale"] == false).await;
    assert_eq!(instance.claim(&ticket).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_an_earlier_version_is_never_stale() {
    let waitroom = waitroom().await;
    let (instance, controller) = waitroom.instance_told().await;
    let ticket = instance.ticket().await;
    let earlier = HeadsMoved {
        from: Vec::new(),
        drawn: false,
        door_ms: None,
        claim_until: Utc::now() + TimeDelta::seconds(60),
        ..told(secs_ago(600), (0, 1), 0)
    };
    controller.publish(&earlier).await;
    instance.until(&ticket, "your_turn").await;
    assert_eq!(instance.claim(&ticket).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_whose_turn_nobody_read_of_is_not_claimable_hours_later() {
    let waitroom = waitroom().await;
    let tickets = [waitroom.instance.ticket().await, waitroom.instance.ticket().await];
    let (instance, controller) = waitroom.instance_told().await;
    // The record that let in the first was lost with the topic's beginning.
    controller.publish(&told(secs_ago(0), (1, 2), 9_000)).await;
    instance.until(&tickets[1], "your_turn").await;
    let (status, body) = instance.claim(&tickets[0]).await;
    assert_eq!((status, id_of(&body)), (StatusCode::GONE, "claim-window-missed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_made_or_opened_just_now_is_so_for_all_and_one_that_is_none_for_nobody() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let other = waitroom.another_instance().await;
    for number in 0..8 {
        let name = format!("new-{number}");
        let room = RoomBuilder::new(&name).show(&name);
        room.create(&waitroom.test_env.pool, &waitroom.test_env.kafka).await;
        for instance in [&waitroom.instance, &other] {
            let (status, body) =
                instance.call("GET", &format!("/v1/rooms/{name}/head"), None).await;
            assert_eq!(status, StatusCode::OK, "{name}: {body}");
        }
    }
    // Nor is one still shut that another instance has just opened.
    for number in 0..8 {
        let name = format!("new-{number}");
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        change_room(&waitroom.test_env.pool, &name, &open).await.expect("an open room");
        for instance in [&waitroom.instance, &other] {
            let (status, body) =
                instance.call("POST", &format!("/v1/rooms/{name}/places"), None).await;
            assert_eq!(status, StatusCode::CREATED, "{name}: {body}");
        }
    }
    let (status, body) = other.call("GET", "/v1/rooms/new-8/head", None).await;
    assert_eq!((status, id_of(&body)), (StatusCode::NOT_FOUND, "room-unknown".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_hear_that_it_is_sold_out_and_before_that_their_chance() {
    let waitroom = waitroom().await;
    let (instance, controller) = waitroom.instance_told().await;
    let ticket = instance.ticket().await;
    waitroom.set_phase(Phase::Open).await;
    instance.head_when(|head| head["phase"] == "open").await;
    let with = |secs, free| {
        let of_type = TypeStock {
            name: "Standing".into(),
            free,
            sold: 100 - free,
            allotted: 100,
            ..TypeStock::default()
        };
        let stock = LineStock { types: vec![of_type], per_fan: 1.0, served: 0 };
        let at = Utc::now() + TimeDelta::milliseconds(secs);
        HeadsMoved { stock: Some(stock), ..told(at, (0, 0), 0) }
    };
    let seen = async |state: &str| {
        eventually(&format!("the sale is {state}"), async || {
            let (_, place) = instance.get_place(&ticket).await;
            (place["sale"] == state).then_some(place)
        })
        .await
    };
    controller.publish(&with(0, 50)).await;
    let place = seen("available").await;
    assert_eq!((place["tickets_left"].as_i64(), &place["wait_say"]), (Some(50), &"range".into()));
    assert!(place["wait_secs_max"].is_number() && place["turn_at_max"].is_string(), "{place}");
    assert_eq!(place["chances"][0]["name"], "Standing");
    assert_eq!(place["chances"][0]["percent"], 99);
    controller.publish(&with(1, 0)).await;
    let place = seen("sold_out").await;
    assert_eq!(
        (&place["wait_say"], &place["wait_secs_max"]),
        (&"sold_out".into(), &None::<u64>.into())
    );
    assert_eq!(place["chances"][0]["almost_none"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_turn_an_instance_that_hears_nothing_sends_nobody_to_a_dead_end() {
    let waitroom = waitroom().await;
    waitroom.put_show().await;
    let (instance, controller) = waitroom.instance_told().await;
    let cookie = format!("fg_place_r={}; fg_cookies=1", instance.ticket().await);
    controller.publish(&told(secs_ago(60), (0, 1), 0)).await;
    instance.head_when(|head| head["stale"] == true).await;
    let (_, page, _) = instance.page("GET", "/queue/s", &cookie).await;
    assert!(page.contains("data-door=\"shut\"") && page.contains("Your turn is safe"), "{page}");
    let turn = instance.browse("GET", "/queue/s/turn", &cookie).await.body;
    assert_eq!((&turn["state"], &turn["door_open"]), (&"your_turn".into(), &false.into()));
    assert_eq!(instance.sent_on("POST", "/queue/s/enter", &cookie).await, "/queue/s");
    controller.publish(&told(secs_ago(0), (1, 1), 5)).await;
    instance.head_when(|head| head["stale"] == false).await;
    let turn = instance.browse("GET", "/queue/s/turn", &cookie).await.body;
    assert_eq!(turn["door_open"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_room_that_has_closed_a_turn_ends_and_its_length_is_told() {
    let waitroom = waitroom().await;
    waitroom.put_show().await;
    let (instance, controller) = waitroom.instance_told().await;
    let ticket = instance.ticket().await;
    let now = Utc::now();
    let short = HeadsMoved { claim_until: now + TimeDelta::seconds(4), ..told(now, (0, 1), 0) };
    controller.publish(&short).await;
    instance.until(&ticket, "your_turn").await;
    waitroom.set_phase(Phase::Closed).await;
    instance.head_when(|head| head["phase"] == "closed").await;
    instance.until(&ticket, "window_missed").await;
    let (_, page, _) = instance.page("GET", "/queue/s", &format!("fg_place_r={ticket}")).await;
    assert!(page.contains("You had 1 minute to go in"), "{page}");
    assert!(page.contains("The line takes nobody now"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_its_show_has_begun_a_line_is_as_good_as_closed() {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    let ticket = waitroom.instance.ticket().await;
    waitroom.instance.until(&ticket, "your_turn").await;
    let show = testkit::ShowBuilder::new("s").title("A show").starts_at(secs_ago(60));
    show.put_in_catalog(&waitroom.test_env.pool).await;
    let (head, _) = waitroom.instance.head_when(|head| head["phase"] == "closed").await;
    assert_eq!(head["straight_in"], false);
    assert!(head["message"].as_str().unwrap().starts_with("The show has begun"), "{head}");
    let (status, body) = waitroom.instance.claim(&ticket).await;
    assert_eq!((status, id_of(&body)), (StatusCode::GONE, "room-closed".into()));
    let (status, body) = waitroom.instance.call("POST", "/v1/rooms/r/places", None).await;
    assert_eq!((status, id_of(&body)), (StatusCode::GONE, "room-closed".into()));
    for cookie in [String::new(), format!("fg_place_r={ticket}")] {
        let (_, page, _) = waitroom.instance.page("GET", "/queue/s", &cookie).await;
        assert!(page.contains("The show has begun"), "{page}");
    }
}
