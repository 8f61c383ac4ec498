//! Rooms that sleep, from the street to tickets, and what would let too many in.

use std::time::Duration;

use admission::contract::{ADMISSION_GROUP, DirectPass, Gate, RoomName, Straight};
use ops::verify;
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
};
use serde_json::json;
use testkit::{RoomBuilder, TestEnv, eventually};
use uuid::Uuid;
use waitroom::contract::{RoomChange, change_room};

use crate::{
    browser::Browser,
    fan,
    negative_controls::{checkout_with, pass_keys},
    test_people::{Admin, PASSWORD},
    test_system::{TestSystem, a_show, assert_clean, assert_objects, refused, reply, stores},
};

/// A sale whose room sleeps, with these caps. Gives the ticket type.
pub async fn asleep(system: &TestSystem, name: &str, max_active: i32, wake_active: i32) -> Uuid {
    let stores = &system.stores;
    let types = a_show(name).stock(100, 2).put(&stores.pool).await;
    let room = RoomBuilder::new(name).lanes(2).max_active(max_active).sleeps();
    room.open(&stores.pool, &stores.kafka).await;
    let change = RoomChange {
        wake_active: Some(wake_active),
        wake_per_sec: Some(1_000.0),
        ..RoomChange::default()
    };
    change_room(&stores.pool, name, &change).await.expect("a change");
    system.await_room(name).await;
    types.first().expect("a ticket type").ticket_type.uuid()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_goes_straight_from_the_street_to_tickets() {
    let system = TestSystem::open().await;
    let ticket_type = asleep(&system, "quiet", 20, 20).await;
    let ticket = fan::join(&system, "quiet").await;
    let pass = fan::claim(&system, "quiet", &ticket).await;
    fan::redeem(&system, &pass).await.with_status(201);
    assert_eq!(fan::redeem(&system, &pass).await.with_status(409).id(), "pass-used");
    fan::buy(&system, "quiet", ticket_type, 2).await;
    let places: Vec<String> = sqlx::query_scalar("SELECT place FROM checkout.sessions")
        .fetch_all(&system.stores.pool)
        .await
        .expect("sessions");
    assert!(places.iter().all(|place| place.starts_with("quiet.direct.")), "{places:?}");
    assert_eq!(system.stores.kafka.partitions("line.quiet.1").await.expect("Kafka"), 0);
    assert_clean(&system.verify().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_when_it_is_full_waits_in_line_and_goes_in_when_a_slot_comes_free() {
    let system = TestSystem::open().await;
    asleep(&system, "full", 3, 3).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(fan::session(&system, "full").await);
    }
    let late = fan::join(&system, "full").await;
    let path = "/v1/rooms/full/place";
    eventually("a line that is told of", async || {
        let place = reply(system.get(path).bearer_auth(&late)).await;
        (place.status == 200 && place.body["state"] == "waiting").then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let place = reply(system.get(path).bearer_auth(&late)).await.with_status(200);
    assert_eq!(place.body["state"], "waiting", "nobody comes in above the cap: {}", place.text);
    // Who came straight in is still inside, and gives the slot on.
    let own = system.delete("/v1/checkout/sessions/current").bearer_auth(&sessions[0]);
    reply(own).await.with_status(204);
    let pass = fan::claim(&system, "full", &late).await;
    fan::redeem(&system, &pass).await.with_status(201);
    assert_clean(&system.verify().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_that_a_room_sleeps_and_wakes_it() {
    let system = TestSystem::open().await;
    asleep(&system, "by-hand", 20, 20).await;
    let admin = Admin::first(&system).await;
    let path = "/v1/admin/rooms/by-hand";
    let shown = reply(system.get(path).bearer_auth(&admin.token)).await.with_status(200);
    assert_eq!(shown.body["asleep"], true, "{}", shown.text);
    let call = system.client.patch(format!("{}{path}", system.base)).bearer_auth(&admin.token);
    let change = json!({ "wake": true, "wake_per_sec": 2.5, "wake_active": 7 });
    reply(call.json(&change)).await.with_status(200);
    eventually("a room that is awake", async || {
        let shown = reply(system.get(path).bearer_auth(&admin.token)).await;
        (shown.body["asleep"] == false).then_some(())
    })
    .await;
    let call = system.client.patch(format!("{}{path}", system.base)).bearer_auth(&admin.token);
    refused(call.json(&json!({ "wake_per_sec": -1 })), 422, "invalid-field").await;
    let ticket = fan::join(&system, "by-hand").await;
    fan::claim(&system, "by-hand", &ticket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_in_a_browser_is_sent_straight_through_and_an_operator_sees_it_and_wakes_it() {
    let system = TestSystem::open().await;
    asleep(&system, "calm", 20, 20).await;
    let browser = Browser::start(true).await;
    browser.go(&format!("{}/queue/calm", system.base)).await;
    browser.check("sleeping queue").await;
    browser.click(r#"form[action="/queue/calm/go"] button"#).await;
    browser.see(r#"form[action="/checkout/calm/hold"]"#).await;

    Admin::first(&system).await;
    browser.go(&format!("{}/admin/sign-in", system.base)).await;
    browser.fill("input[name=email]", "ada@fairgate.example").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("main form button").await;
    browser.see("ul.rooms").await;
    browser.check("console rooms asleep").await;
    browser.go(&format!("{}/admin/rooms/calm", system.base)).await;
    browser.see(r#"button[name="wake"]"#).await;
    browser.check_at("console room asleep", r#"button[name="wake"]"#).await;
    browser.click(r#"button[name="wake"]"#).await;
    browser.see(r#"form[method="post"][action="/admin/rooms/calm/change"]"#).await;
    browser.check("console wake confirm").await;
    browser.click(r#"form[action="/admin/rooms/calm/change"] button"#).await;
    browser.see("[role=status]").await;
    eventually("a room that is awake", async || {
        let state = waitroom::contract::room(&system.stores.pool, "calm").await;
        (!state.expect("Postgres").expect("a room").sleep.asleep).then_some(())
    })
    .await;
    browser.quit().await;
}

/// The answers to so many who ask this gate to go straight in.
async fn straight(gate: &Gate, room: &str, count: usize) -> Vec<admission::contract::PlaceId> {
    let room: RoomName = room.parse().expect("a name");
    let asked = DirectPass {
        room: &room,
        waking: 0,
        max_active: 3,
        wake_active: 3,
        wake_per_sec: 1_000.0,
        claim_window_secs: 60,
    };
    let mut places = Vec::new();
    for _ in 0..count {
        if let Straight::In { place, .. } = gate.pass_straight(&asked).await.expect("Redis") {
            places.push(place);
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_count_too_many_come_straight_in() {
    let test_env = TestEnv::new().await;
    let (stores, keys) = (stores(&test_env), pass_keys());
    a_show("count").stock(100, 1).put(&stores.pool).await;
    let room = RoomBuilder::new("count").max_active(3).sleeps();
    room.open(&stores.pool, &stores.kafka).await;
    let whole = Gate::new(stores.redis.clone());
    whole.restore("count", &[]).await.expect("a gate");
    assert_eq!(straight(&whole, "count", 8).await.len(), 3, "the third wakes it");
    whole.restore("count", &[]).await.expect("a gate");
    let counted = "if tokens < 1 or redis.call('ZCARD', active) + redis.call('ZCARD', granted) >= \
        most then";
    let woken = "if number_of('woken') > waking then";
    let full = "if taken >= max_active then return { 0, sequence } end";
    let broken = Gate::broken(
        stores.redis.clone(),
        &[(counted, "if false then"), (woken, "if false then"), (full, "")],
    );
    let places = straight(&broken, "count", 8).await;
    assert_eq!(places.len(), 8, "the mechanism is broken");
    let (base, checkout) = checkout_with(&test_env, &stores, broken, &keys).await;
    let client = reqwest::Client::new();
    let now = chrono::Utc::now();
    for place in &places {
        let pass = keys.sign(place, "count", now, now + chrono::TimeDelta::minutes(2));
        let body = json!({ "pass": pass.expect("a pass") });
        reply(client.post(format!("{base}/v1/checkout/sessions")).json(&body))
            .await
            .with_status(201);
    }
    let report = verify::check(&stores, None).await.expect("a report");
    assert_objects(&report, &["sessions-within-cap"]);
    checkout.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_constraint_a_direct_pass_opens_many_sessions() {
    let system = TestSystem::open().await;
    asleep(&system, "twice", 100, 100).await;
    sqlx::query("ALTER TABLE checkout.sessions DROP CONSTRAINT sessions_one_per_place")
        .execute(&system.stores.pool)
        .await
        .expect("dropped");
    let pass = fan::pass(&system, "twice").await;
    for _ in 0..3 {
        fan::redeem(&system, &pass).await.with_status(201);
    }
    assert_objects(&system.verify().await, &["one-session-per-pass"]);
}

/// How long a room takes to fall asleep at most, with a second of quiet and a minute of drowsiness.
const ASLEEP_WITHIN: Duration = Duration::from_secs(150);

/// The heads that the processes' group has committed of a line.
async fn committed(system: &TestSystem, line: &str) -> Vec<i64> {
    let kafka = &system.stores.kafka;
    let group: BaseConsumer =
        kafka.consumer(ADMISSION_GROUP, DefaultConsumerContext).expect("a client");
    let mut lanes = TopicPartitionList::new();
    lanes.add_partition_range(&kafka.name(line), 0, 1);
    let asked = move || group.committed_offsets(lanes, Duration::from_secs(10));
    let found = tokio::task::spawn_blocking(asked).await.expect("asked").expect("Kafka");
    found
        .elements()
        .iter()
        .filter_map(|lane| lane.offset().to_raw())
        .filter(|at| *at >= 0)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_goes_back_to_sleep_and_its_next_line_goes_on() {
    let quick = [("FAIRGATE_SLEEP_AFTER_SECS", "1"), ("FAIRGATE_ROOTS_EVERY_SECS", "1")];
    let system = TestSystem::open_with(&quick).await;
    let ticket_type = asleep(&system, "naps", 10, 2).await;
    for _ in 0..2 {
        fan::session(&system, "naps").await;
    }
    // Two are inside: from the third on there is a line.
    let places = "/v1/rooms/naps/places";
    let first = reply(system.post(places)).await.with_status(201);
    let at = (first.body["lane"].as_i64(), first.body["offset"].as_i64());
    assert_eq!(at.1, Some(0), "{}", first.text);
    let pass = fan::claim(&system, "naps", &first.text_of("ticket")).await;
    fan::redeem(&system, &pass).await.with_status(201);
    fan::buy(&system, "naps", ticket_type, 1).await;

    assert!(!committed(&system, "line.naps.1").await.is_empty(), "heads are committed");

    let began = std::time::Instant::now();
    loop {
        let state = waitroom::contract::room(&system.stores.pool, "naps").await;
        if state.expect("Postgres").expect("a room").sleep.asleep {
            break;
        }
        assert!(began.elapsed() < ASLEEP_WITHIN, "it does not fall asleep");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(55), "it was drowsy for a minute");
    eventually("a topic that is gone", async || {
        let left = system.stores.kafka.partitions("line.naps.1").await.expect("Kafka");
        (left == 0).then_some(())
    })
    .await;
    eventually("heads that went with it", async || {
        committed(&system, "line.naps.1").await.is_empty().then_some(())
    })
    .await;
    assert_clean(&system.verify().await);
    let proof = |lane: i64, offset: i64| format!("/v1/rooms/naps/places/{lane}/{offset}/proof");
    reply(system.get(&proof(at.0.expect("a lane"), 0))).await.with_status(200);

    // As many are inside as before: the next one wakes it, and places go on.
    let later = reply(system.post(places)).await.with_status(201);
    let (lane, offset) = (later.body["lane"].as_i64(), later.body["offset"].as_i64());
    let (lane, offset) = (lane.expect("a lane"), offset.expect("an offset"));
    assert!(lane >= 0, "{}", later.text);
    assert_eq!(system.stores.kafka.partitions("line.naps.2").await.expect("Kafka"), 2);
    let state = waitroom::contract::room(&system.stores.pool, "naps").await;
    let line = state.expect("Postgres").expect("a room").sleep.line;
    assert_eq!((line.waking, offset), (2, line.base(lane as i32)), "{line:?}");
    let pass = fan::claim(&system, "naps", &later.text_of("ticket")).await;
    fan::redeem(&system, &pass).await.with_status(201);
    // Whoever stood in the earlier line is long past, not somebody else.
    let old = system.get("/v1/rooms/naps/place").bearer_auth(first.text_of("ticket"));
    let old = reply(old).await.with_status(200);
    assert_eq!(old.body["state"], "window_missed", "{}", old.text);
    eventually("roots that go on", async || {
        let proof = reply(system.get(&proof(lane, offset))).await;
        (proof.status == 200).then_some(())
    })
    .await;
    assert_clean(&system.verify().await);
}
