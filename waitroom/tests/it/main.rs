//! The waiting room against real servers: joining, waiting, claiming, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod cookies;
mod entropy;
mod keyed_joins;
mod leaving;
mod room_admin;
mod schedule;
mod sleeping;
mod snapshots;
mod test_waitroom;
mod told;
mod turn_mails;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use serde_json::Value;
use test_waitroom::{TestWaitroom, id_of};
use waitroom::contract::{Phase, RoomChange, change_room};

#[tokio::test(flavor = "multi_thread")]
async fn every_join_gets_a_place_of_its_own_and_lanes_fill_evenly() {
    let waitroom = TestWaitroom::open(4, 1000.0).await;
    let joins = futures::future::join_all((0..40).map(|_| waitroom.instance.join())).await;
    let places: BTreeSet<(i64, i64)> = joins
        .iter()
        .map(|join| (join["lane"].as_i64().unwrap(), join["offset"].as_i64().unwrap()))
        .collect();
    assert_eq!(places.len(), 40);
    assert!(places.iter().all(|(_, offset)| *offset < 10), "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_waits_is_let_in_and_gets_one_pass_from_any_instance() {
    let waitroom = TestWaitroom::create(2, 1000.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    let ticket = waitroom.instance.ticket().await;
    let (status, place) = waitroom.instance.get_place(&ticket).await;
    assert_eq!((status, place["state"].as_str().unwrap()), (StatusCode::OK, "waiting"));
    assert_eq!(place["ahead"], 0);
    let (status, early) = waitroom.instance.claim(&ticket).await;
    assert_eq!((status, id_of(&early)), (StatusCode::CONFLICT, "not-your-turn".into()));

    waitroom.set_phase(Phase::Open).await;
    let place = waitroom.instance.until(&ticket, "your_turn").await;
    assert!(place["claim_until"].is_string());
    let (status, first) = waitroom.instance.claim(&ticket).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    let (_, again) = waitroom.instance.claim(&ticket).await;
    assert_eq!(first["pass"], again["pass"]);

    let other = waitroom.another_instance().await;
    other.until(&ticket, "your_turn").await;
    let (_, elsewhere) = other.claim(&ticket).await;
    assert_eq!(
        first["pass"], elsewhere["pass"],
        "everything in a pass follows from the place and the heads"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_misses_the_window_is_told_so() {
    let waitroom = TestWaitroom::create(1, 1000.0, 1).await;
    waitroom.set_phase(Phase::Open).await;
    let ticket = waitroom.instance.ticket().await;
    waitroom.instance.until(&ticket, "window_missed").await;
    let (status, missed) = waitroom.instance.claim(&ticket).await;
    assert_eq!((status, id_of(&missed)), (StatusCode::GONE, "claim-window-missed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_the_same_for_all_and_cacheable() {
    let waitroom = TestWaitroom::create(2, 10.0, 60).await;
    waitroom.set_phase(Phase::PreQueue).await;
    for _ in 0..6 {
        waitroom.instance.join().await;
    }
    let (head, etag) = waitroom.instance.head_when(|head| head["waiting"] == 6).await;
    assert_eq!((head["admitted"].as_i64(), head["phase"].as_str()), (Some(0), Some("pre_queue")));
    assert_eq!(waitroom.instance.head_status(&etag).await, StatusCode::NOT_MODIFIED);
    waitroom.instance.join().await;
    let (_, newer) = waitroom.instance.head_when(|head| head["waiting"] == 7).await;
    assert_ne!(etag, newer);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_are_forged_foreign_or_missing_are_refused_by_name() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    let ticket = waitroom.instance.ticket().await;
    let mut forged = ticket.clone().into_bytes();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let cases: [(String, StatusCode, &str); 4] = [
        (String::from_utf8(forged).unwrap(), StatusCode::UNAUTHORIZED, "place-ticket-forged"),
        ("nonsense".into(), StatusCode::UNAUTHORIZED, "place-ticket-malformed"),
        (
            TestWaitroom::open(1, 10.0).await.instance.ticket().await,
            StatusCode::UNAUTHORIZED,
            "place-ticket-key-unknown",
        ),
        (waitroom.ticket_of_another_room(), StatusCode::FORBIDDEN, "place-ticket-foreign"),
    ];
    for (ticket, expected, id) in cases {
        let (status, body) = waitroom.instance.get_place(&ticket).await;
        assert_eq!((status, id_of(&body).as_str()), (expected, id));
    }
    let (status, body) = waitroom.instance.call("GET", "/v1/rooms/r/place", None).await;
    assert_eq!((status, id_of(&body)), (StatusCode::UNAUTHORIZED, "place-ticket-needed".into()));
    let (status, body) = waitroom.instance.call("GET", "/v1/rooms/unknown/head", None).await;
    assert_eq!((status, id_of(&body)), (StatusCode::NOT_FOUND, "room-unknown".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_takes_joins_only_while_it_is_open_for_them() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let refused = |answer: (StatusCode, Value)| (answer.0, id_of(&answer.1));
    let join = || waitroom.instance.call("POST", "/v1/rooms/r/places", None);
    assert_eq!(refused(join().await), (StatusCode::CONFLICT, "room-not-open".into()));
    waitroom.set_phase(Phase::Open).await;
    assert_eq!(join().await.0, StatusCode::CREATED);
    waitroom.set_phase(Phase::Paused).await;
    assert_eq!(join().await.0, StatusCode::CREATED);
    waitroom.set_phase(Phase::Closed).await;
    assert_eq!(refused(join().await), (StatusCode::GONE, "room-closed".into()));
    let reopen = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
    assert!(
        change_room(&waitroom.test_env.pool, "r", &reopen).await.is_err(),
        "a closed room stays closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_join_is_refused_quickly_and_claims_no_place() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    let cut_off = waitroom.instance_without_broker().await;
    let started = Instant::now();
    let (status, body) = cut_off.call("POST", "/v1/rooms/r/places", None).await;
    assert_eq!(
        (status, id_of(&body)),
        (StatusCode::SERVICE_UNAVAILABLE, "join-not-acknowledged".into())
    );
    assert!(body["retry_after_secs"].as_u64().unwrap() > 0);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_producer_costs_its_own_joins_and_no_others() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    let broker = MockCluster::new(1).unwrap();
    let instance = waitroom.instance_with_broker(&broker).await;
    instance.join().await;
    assert_eq!(instance.missing(), Vec::<&str>::new());
    broker.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER],
    );
    let (status, body) = instance.call("POST", "/v1/rooms/r/places", None).await;
    assert_eq!(
        (status, id_of(&body)),
        (StatusCode::SERVICE_UNAVAILABLE, "join-not-acknowledged".into())
    );
    assert_eq!(
        instance.missing(),
        ["a producer for the lines"],
        "not ready until another stands in"
    );
    instance.join().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(instance.missing(), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_without_an_offset_is_no_place() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    let broker = MockCluster::new(1).unwrap();
    let instance = waitroom.instance_with_broker(&broker).await;
    broker.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER],
    );
    let (status, body) = instance.call("POST", "/v1/rooms/r/places", None).await;
    assert_eq!(
        (status, id_of(&body)),
        (StatusCode::SERVICE_UNAVAILABLE, "join-not-acknowledged".into())
    );
    assert_eq!(instance.join().await["offset"], 0, "the next has a place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_producer_says_busy_at_once() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    let cut_off = waitroom.instance_without_broker().await;
    // The queue holds 100 joins; with no broker to take them, the others are turned away while
    // those wait.
    let answers = futures::future::join_all(
        (0..150).map(|_| cut_off.call("POST", "/v1/rooms/r/places", None)),
    )
    .await;
    let busy = answers.iter().filter(|(_, body)| id_of(body) == "room-busy").count();
    assert!(busy >= 50, "{busy} of 150 were told that the line is busy");
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_joins_waits_and_goes_on_to_checkout_without_javascript() {
    let waitroom = TestWaitroom::create(1, 1000.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    let (status, page, _) = waitroom.instance.page("GET", "/queue/s", "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("action=\"/queue/s/join\""), "{page}");
    let (status, _, cookie) = waitroom.instance.page("POST", "/queue/s/join", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let (_, page, _) = waitroom.instance.page("GET", "/queue/s", &cookie).await;
    assert!(page.contains("http-equiv=\"refresh\""), "the page looks again by itself");
    waitroom.set_phase(Phase::Open).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (_, page, _) = waitroom.instance.page("GET", "/queue/s", &cookie).await;
        if page.contains("action=\"/queue/s/enter\"") {
            break;
        }
        assert!(Instant::now() < deadline, "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, _, pass) = waitroom.instance.page("POST", "/queue/s/enter", &cookie).await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert!(pass.contains("fg_pass_s=v4.public."), "{pass}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_in_checkout_can_join_anew() {
    let waitroom = TestWaitroom::create(1, 1000.0, 1).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::Open).await;
    let cookie = |set: String| {
        set.lines()
            .map(|line| line.split(';').next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("; ")
    };
    let (_, _, set) = waitroom.instance.page("POST", "/queue/s/join", "").await;
    let place = cookie(set);
    let deadline = Instant::now() + Duration::from_secs(10);
    let entered = loop {
        let (status, _, set) = waitroom.instance.page("POST", "/queue/s/enter", &place).await;
        if status == StatusCode::TEMPORARY_REDIRECT {
            break cookie(set);
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let both = format!("{place}; {entered}");
    // Once the window is over the page asks what the fan wants, instead of leading to a checkout
    // that may be over.
    let (status, page, _) = loop {
        let (status, page, set) = waitroom.instance.page("GET", "/queue/s", &both).await;
        if !page.contains("action=\"/queue/s/enter\"") {
            break (status, page, set);
        }
        assert!(Instant::now() < deadline, "{page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("You went into checkout") && page.contains("href=\"/checkout/s\""),
        "{page}"
    );
    assert!(page.contains("Join the line again"), "{page}");
    // Without asking for a new place the old one is kept; with it, there is a new one, whose turn
    // is another.
    let (_, _, set) = waitroom.instance.page("POST", "/queue/s/join", &both).await;
    assert_eq!(set, "");
    let joined = waitroom.instance.submit("POST", "/queue/s/join", &both, &[("again", "1")]).await;
    assert_eq!(joined.status, StatusCode::SEE_OTHER);
    let set = joined.header("set-cookie").to_owned();
    assert!(set.starts_with("fg_place_r=v4.local."), "{set}");
    let anew = format!("{}; {entered}", cookie(set));
    let (_, page, _) = waitroom.instance.page("GET", "/queue/s", &anew).await;
    assert!(!page.contains("You went into checkout"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_is_compressed_once_for_all_who_can_read_it() {
    let waitroom = TestWaitroom::open(8, 1000.0).await;
    let (head, etag) = waitroom.instance.head_when(|head| head["phase"] == "open").await;
    let (headers, body) = waitroom.instance.head_in("gzip").await;
    assert_eq!(
        (headers["content-encoding"].as_bytes(), headers["vary"].as_bytes()),
        (&b"gzip"[..], &b"accept-encoding"[..])
    );
    assert_eq!(headers["etag"], etag.as_str(), "it says the same");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text)
        .expect("gzip");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).expect("json")["lanes"],
        head["lanes"]
    );
    let (headers, body) = waitroom.instance.head_in("identity").await;
    assert!(!headers.contains_key("content-encoding") && headers["vary"] == "accept-encoding");
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&body).expect("json")["lanes"],
        head["lanes"]
    );
    for known in
        [etag.clone(), format!("\"other\", {etag}"), etag.trim_start_matches("W/").to_owned()]
    {
        assert_eq!(
            waitroom.instance.head_status(&known).await,
            StatusCode::NOT_MODIFIED,
            "{known}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_https_a_place_is_kept_in_a_cookie_that_no_other_host_can_set() {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    waitroom.put_show().await;
    // Written as an operator may write it, and browsers read it.
    let instance = waitroom.instance_at("HTTPS://Tickets.Example/").await;
    let (_, _, set) = instance.page("POST", "/queue/s/join", "").await;
    assert!(set.starts_with("__Host-fg_place_r=v4.local.") && set.contains("; Path=/; "), "{set}");
    assert!(set.ends_with("; Secure") && !set.contains("Domain"), "{set}");
    let cookie = set.split(';').next().unwrap_or_default();
    let (_, page, _) = instance.page("GET", "/queue/s", cookie).await;
    assert!(!page.contains("data-queue=\"entrance\""), "the place was read: {page}");
    let injected = cookie.trim_start_matches("__Host-");
    let (_, page, _) = instance.page("GET", "/queue/s", injected).await;
    assert!(
        page.contains("data-queue=\"entrance\""),
        "a name that others can set was read: {page}"
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (_, _, pass) = instance.page("POST", "/queue/s/enter", cookie).await;
        if pass.contains("__Host-fg_pass_s=v4.public.") && pass.contains("__Host-fg_entered_r=") {
            break;
        }
        assert!(Instant::now() < deadline, "{pass}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_has_not_read_the_heads_tells_nobody_that_the_line_stands_at_its_beginning()
 {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    waitroom.put_show().await;
    let ticket = waitroom.instance.ticket().await;
    waitroom.instance.until(&ticket, "your_turn").await;
    let starting = waitroom.instance_without_heads();
    let asked = [("GET", "head"), ("GET", "place"), ("POST", "pass"), ("POST", "places")];
    // Time and again, so that it has read its rooms by the end: they alone are not enough.
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        for (method, what) in asked {
            let (status, body) =
                starting.call(method, &format!("/v1/rooms/r/{what}"), Some(&ticket)).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{method} {what}: {body}");
            assert!(body["retry_after_secs"].as_u64().unwrap() > 0, "{body}");
        }
        let (status, ..) = starting.page("GET", "/queue/s", "").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_goes_on_while_the_catalog_cannot_be_read() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    waitroom.put_show().await;
    let patience = Duration::from_millis(500);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // Nobody can read a show until this is dropped.
        let mut locked = waitroom.test_env.pool.begin().await.unwrap();
        sqlx::query("LOCK TABLE catalog.shows").execute(&mut *locked).await.unwrap();
        let seen =
            tokio::time::timeout(patience, waitroom.instance.page("GET", "/queue/s", "")).await;
        if let Ok((status, page, _)) = seen {
            assert_eq!(status, StatusCode::OK, "{page}");
            assert!(page.contains("A show"), "{page}");
            let unread =
                tokio::time::timeout(patience, waitroom.instance.page("GET", "/queue/unread", ""))
                    .await;
            assert!(unread.is_err(), "a show that was never read is asked of the database");
            return;
        }
        drop(locked);
        // Before it was read first, the page asks the database.
        assert!(Instant::now() < deadline, "the show was never read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
