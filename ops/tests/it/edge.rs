//! Those who wait are served by whatever caches stand before the origin: nginx, as `ops/edge` sets
//! it up.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use ops::edge::{Edge, crowd::Crowd};
use reqwest::header::ACCEPT_ENCODING;
use testkit::eventually;

use crate::{
    fan,
    test_system::{Reply, Terms, TestSystem, reply},
};

/// Two fans a second go in, one from each lane.
const SLOW: Terms = Terms {
    tickets: 1_000,
    shards: 2,
    lanes: 2,
    rate_per_sec: 2.0,
    max_active: 10_000,
    claim_window_secs: 120,
};
/// What browsers send.
const ACCEPTED: &str = "gzip, deflate, br, zstd";

fn origin(system: &TestSystem) -> SocketAddr {
    system.base.trim_start_matches("http://").parse().expect("an address")
}

/// The head, as somebody behind the edge reads it.
async fn head(system: &TestSystem, edge: &Edge) -> Reply {
    reply(system.client.get(format!("http://{}/v1/rooms/harbour/head", edge.address))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_waits_behind_an_edge_costs_the_origin_next_to_nothing() {
    let system = TestSystem::open().await;
    system.sale("harbour", &SLOW).await;
    let ticket = fan::join(&system, "harbour").await;
    for _ in 0..200 {
        fan::join(&system, "harbour").await;
    }
    let edge = Edge::start(origin(&system), true).await.expect("nginx");
    let crowd = Crowd {
        room: "harbour".parse().expect("a name"),
        pages: 2_000,
        places: (20..100).flat_map(|offset| [(0, offset), (1, offset)]).collect(),
        ticket,
    };
    let lasts = Duration::from_secs(10);
    let seen = crowd.wait(edge.address, lasts).await.expect("a crowd");
    let reached = edge.reached("/").expect("a log");
    assert_eq!(seen.failures, 0, "{seen:?}");
    assert!(seen.looks > 1_000 && reached.answers as u64 > seen.looks, "{seen:?} {reached:?}");
    let per_sec = reached.origin as f64 / lasts.as_secs_f64();
    assert!(per_sec < 10.0, "the origin was asked {per_sec} times a second: {reached:?}, {seen:?}");
    // Each body is fetched once a second at most, whatever browsers call the codings they read.
    let heads = edge.reached("/v1/rooms/harbour/head").expect("a log");
    assert!(heads.origin >= 3 && heads.origin <= 25, "{heads:?}");
    let age_ms = seen.age_ms.value_at_quantile(0.99);
    assert!(age_ms < 6_000, "what was read was {age_ms} ms old");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_edge_hands_out_is_nobodys_own_and_soon_true() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 0.0, ..SLOW }).await;
    let edge = Edge::start(origin(&system), true).await.expect("nginx");
    let first = head(&system, &edge).await.with_status(200);
    for own in ["set-cookie", "x-request-id", "ratelimit"] {
        assert_eq!(first.header(own), "", "{own}");
    }
    // A copy says so with its time, and the next one is there within three seconds.
    for _ in 0..5 {
        fan::join(&system, "harbour").await;
    }
    let since = Instant::now();
    eventually("the line as it is", async || {
        let told = head(&system, &edge).await;
        (told.body["waiting"] == 5).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    // Whoever comes after a silence hears what is so now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    fan::join(&system, "harbour").await;
    eventually("the origin's own", async || {
        let own = reply(system.get("/v1/rooms/harbour/head")).await;
        (own.body["waiting"] == 6).then_some(())
    })
    .await;
    assert_eq!(head(&system, &edge).await.body["waiting"], 6);

    let tag = head(&system, &edge).await.header("etag").to_owned();
    let again = system.client.get(format!("http://{}/v1/rooms/harbour/head", edge.address));
    let again = reply(again.header("if-none-match", &tag)).await;
    assert!(again.status == 304 || again.header("etag") != tag, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_origin_is_away_the_edge_says_when_it_last_heard_of_it() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 0.0, ..SLOW }).await;
    fan::join(&system, "harbour").await;
    let edge = Edge::start(origin(&system), true).await.expect("nginx");
    let as_of = |told: &Reply| -> DateTime<Utc> {
        told.body["as_of"].as_str().expect("a time").parse().expect("a time")
    };
    let before = as_of(&head(&system, &edge).await.with_status(200));
    system.tasks.stop().cancel();
    eventually("an origin that is away", async || {
        system.client.get(format!("{}/healthz", system.base)).send().await.err()
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let copy = head(&system, &edge).await.with_status(200);
    assert!(as_of(&copy) >= before && Utc::now() - as_of(&copy) > chrono::TimeDelta::seconds(2));
    // What is somebody's own has no copy.
    let path = format!("http://{}/v1/rooms/harbour/place", edge.address);
    assert_eq!(reply(system.client.get(path)).await.status, 502);
}

/// Whatever a page names that it needs: the files by their addresses, and those that they name.
fn named(text: &str) -> BTreeSet<String> {
    let from = |start| text.match_indices(start).map(|(at, _)| &text[at + 1..]);
    let all = from("\"/assets/").filter_map(|rest| rest.split('"').next().map(str::to_owned));
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_page_is_small() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 0.0, ..SLOW }).await;
    let ticket = fan::join(&system, "harbour").await;
    let sent = async |path: &str| -> (usize, String) {
        // As a browser asks; this client unpacks nothing by itself.
        let asked = system.get(path).header(ACCEPT_ENCODING, ACCEPTED);
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let packed = answer.headers().contains_key("content-encoding");
        let length = answer.bytes().await.expect("a body").len();
        assert!(packed || length < 300, "{path} is sent as it is");
        (length, reply(system.get(path)).await.text)
    };
    let (page, text) = sent(&format!("/queue/harbour?place={ticket}")).await;
    assert!(text.contains("place-number"), "{text}");
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    let mut wanted: Vec<String> = named(&text).into_iter().collect();
    while let Some(path) = wanted.pop() {
        if files.contains_key(&path) {
            continue;
        }
        let (length, text) = sent(&path).await;
        wanted.extend(named(&text));
        files.insert(path, length);
    }
    let scripts = files.iter().filter(|(path, _)| path.contains(".js"));
    let script: usize = scripts.clone().map(|(_, length)| length).sum();
    assert!(scripts.count() >= 10 && files.len() >= 11, "{files:?}");
    let all = page + files.values().sum::<usize>();
    // Every script that a page that waits may ask for, those of the draw among them.
    assert!(script < 15 * 1_000, "{script} bytes of scripts: {files:?}");
    assert!(all < 60 * 1_000, "{all} bytes in all, {page} of them the page: {files:?}");
}
