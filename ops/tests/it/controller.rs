//! The admission controller, killed and taken over in mid-line.

use std::time::{Duration, Instant};

use admission::contract::Gate;
use kit::serve::Tasks;
use ops::{settings::Stores, verify};
use redis::AsyncCommands;
use testkit::TestEnv;
use tokio::process::{Child, Command};

use crate::{
    line_up::{Line, SHARED_LANES},
    test_system::{Terms, assert_clean, stores},
};

/// The binary with the admission role alone.
fn controller_process(test_env: &testkit::TestEnv) -> Child {
    Command::new(env!("CARGO_BIN_EXE_fairgate"))
        .args(["serve", "admission"])
        .envs(test_env.settings())
        .env("FAIRGATE_LISTEN", "127.0.0.1:0")
        .env("FAIRGATE_MANAGEMENT_LISTEN", "127.0.0.1:0")
        .env("FAIRGATE_LOG", "warn")
        .kill_on_drop(true)
        .spawn()
        .expect("the built binary")
}

/// A controller in this process.
fn controller(stores: &Stores) -> Tasks {
    let tasks = Tasks::default();
    let gate = Gate::new(stores.redis.clone());
    admission::run(stores.pool.clone(), stores.kafka.clone(), gate, &tasks).expect("a controller");
    tasks
}

#[tokio::test]
async fn killed_in_mid_line_it_goes_on_where_it_stood() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line =
        Line::open(&stores, "killed", &Terms { lanes: 2, rate_per_sec: 60.0, ..Terms::default() })
            .await;
    line.join_in_turn(160).await;

    let mut first = controller_process(&test_env);
    line.await_admitted(40).await;
    first.kill().await.expect("kill -9");
    let stood = line.heads().await;
    assert!(stood.values().sum::<i64>() < 160, "it was killed in mid-line: {stood:?}");

    let _second = controller_process(&test_env);
    line.await_admitted(160).await;
    // Clean also means: heads never moved back, and everybody from the first to the last was
    // published.
    assert_clean(&verify::check(&stores, None).await.expect("a report"));
}

#[tokio::test]
async fn two_of_them_share_the_lanes_and_one_takes_over_from_the_other() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line = Line::open(
        &stores,
        "shared",
        &Terms { lanes: SHARED_LANES, rate_per_sec: 50.0, ..Terms::default() },
    )
    .await;
    let joined = line.join_early_and_late().await;

    let (first, second) = (controller(&stores), controller(&stores));
    line.await_admitted(90).await;
    first.drain().await;
    line.await_admitted(joined).await;
    assert_clean(&verify::check(&stores, None).await.expect("a report"));
    second.drain().await;
}

#[tokio::test]
async fn two_processes_share_several_rooms_and_one_that_is_killed_loses_none() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let mut lines = Vec::new();
    for number in 0..6 {
        let terms = Terms { lanes: 2, rate_per_sec: 10.0, ..Terms::default() };
        let line = Line::open(&stores, &format!("room-{number}"), &terms).await;
        line.join_in_turn(120).await;
        lines.push(line);
    }
    let mut first = controller_process(&test_env);
    let _second = controller_process(&test_env);
    for line in &lines {
        line.await_admitted(20).await;
    }
    first.kill().await.expect("kill -9");
    let mut waited = Vec::new();
    for line in &lines {
        let stood = line.admitted().await;
        assert!(stood < 120, "it was killed in mid-line");
        let killed = Instant::now();
        line.await_admitted(stood + 1).await;
        waited.push(killed.elapsed());
    }
    assert!(waited.iter().all(|took| *took < Duration::from_secs(5)), "missed at once: {waited:?}");
    for line in &lines {
        line.await_admitted(120).await;
    }
    // Clean also means: no head moved back, and nobody was let in twice.
    assert_clean(&verify::check(&stores, None).await.expect("a report"));
}

#[tokio::test]
async fn a_gate_lost_with_redis_lets_nobody_in_until_it_knows_who_is_inside() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line =
        Line::open(&stores, "lost", &Terms { lanes: 1, rate_per_sec: 20.0, ..Terms::default() })
            .await;
    line.join(0, 60).await;
    let tasks = controller(&stores);
    line.await_admitted(10).await;

    let keys = ["gate", "granted", "active"].map(|kind| stores.redis.key(kind, "lost"));
    let _: i64 = stores.redis.connection().del(&keys).await.expect("Redis forgets");
    // What was granted in that instant is still committed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = line.admitted().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(line.admitted().await, before, "an empty gate grants nothing");
    let gate = Gate::new(stores.redis.clone());
    let view = gate.view("lost").await.expect("a view");
    assert!(
        !view.ready && view.unclaimed as i64 >= before,
        "grants were put back: {view:?} of {before}"
    );

    line.ready_gate().await;
    line.await_admitted(60).await;
    assert_clean(&verify::check(&stores, None).await.expect("a report"));
    tasks.drain().await;
}

#[tokio::test]
async fn a_paused_room_lets_nobody_in_and_a_new_rate_is_followed() {
    use waitroom::contract::{Phase, RoomChange, change_room};
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line =
        Line::open(&stores, "steered", &Terms { lanes: 1, rate_per_sec: 10.0, ..Terms::default() })
            .await;
    line.join(0, 200).await;
    let tasks = controller(&stores);
    line.await_admitted(5).await;

    let change = |change: RoomChange| {
        let pool = stores.pool.clone();
        async move { change_room(&pool, "steered", &change).await.expect("a change") }
    };
    change(RoomChange { phase: Some(Phase::Paused), ..RoomChange::default() }).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let paused = line.admitted().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(line.admitted().await, paused, "nobody comes in while it is paused");

    change(RoomChange {
        phase: Some(Phase::Open),
        rate_per_sec: Some(100.0),
        ..RoomChange::default()
    })
    .await;
    // How soon it is seen is measured by `fairgate bench`; here, only that it was.
    let changed = Instant::now();
    line.await_admitted(paused + 60).await;
    assert!(changed.elapsed() < Duration::from_secs(5), "60 fans at 10 a second take 6 s");
    line.await_admitted(200).await;
    assert_clean(&verify::check(&stores, None).await.expect("a report"));
    tasks.drain().await;
}
