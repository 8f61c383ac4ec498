//! A change made at one instance is effective at every other within a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{Gate, PassKeys, generate_pass_key};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use http_body_util::BodyExt;
use kit::{settings::Settings, token::generate_seal_key};
use serde_json::{Value, json};
use testkit::OpenDoor;
use tower::ServiceExt;

use crate::test_console::{TestConsole, eventually};

/// How long a change may take, from the answer to whoever made it.
const SOON: Duration = Duration::from_secs(1);
/// A machine that is busy with something else may miss it now and then; a change that is slow is
/// slow each time.
const ATTEMPTS: u64 = 3;

/// Two waiting rooms and two controllers over one environment, beside the console.
async fn two(console: &TestConsole) -> ([Router; 2], OpenDoor) {
    let mut env = console.test_env.settings();
    env.insert("FAIRGATE_PLACE_KEYS".into(), generate_seal_key().expect("key"));
    let pass_key = generate_pass_key().expect("key");
    let gate = Gate::new(console.test_env.redis.clone());
    gate.restore("s", &[]).await.expect("gate");
    let instances = [0, 1].map(|_| {
        let (pool, kafka) = (console.test_env.pool.clone(), console.test_env.kafka.clone());
        let mut settings = Settings::new(&env);
        let config = waitroom::Config::from_settings(&mut settings);
        settings.finish().expect("settings");
        let keys =
            Arc::new(PassKeys::from_paserk(&pass_key, "fairgate", "checkout").expect("keys"));
        let redis = console.test_env.redis.clone();
        let app =
            waitroom::App::new(config, pool.clone(), redis, gate.clone(), kafka.clone(), keys)
                .expect("app");
        waitroom::run(&app, pool.clone(), kafka.clone(), &console.tasks);
        admission::run(pool, kafka, gate.clone(), &console.tasks).expect("admission");
        let routers = waitroom::router(app);
        kit::http::stack(
            routers.joining.merge(routers.head).merge(routers.waiting).split_for_parts().0,
        )
    });
    (instances, OpenDoor::start(&console.test_env.redis))
}

async fn call(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.expect("infallible");
    let status = response.status();
    let body = response.into_body().collect().await.expect("body").to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn head(router: &Router) -> Value {
    call(router, Request::get("/v1/rooms/s/head").body(Body::empty()).expect("request")).await.1
}

/// Adds fans to the line, in turn at both.
async fn join(rooms: &[Router; 2], fans: usize) {
    for number in 0..fans {
        let request = Request::post("/v1/rooms/s/places").body(Body::empty()).expect("request");
        let (status, body) = call(&rooms[number % 2], request).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
}

async fn both(rooms: &[Router; 2], fits: impl Fn(&Value) -> bool) -> bool {
    fits(&head(&rooms[0]).await) && fits(&head(&rooms[1]).await)
}

async fn until_both(what: &str, rooms: &[Router; 2], fits: impl Fn(&Value) -> bool) {
    eventually(what, || async { both(rooms, &fits).await.then_some(()) }).await;
}

/// Makes a change and gives how long it was until both instances' heads fitted.
async fn change(
    console: &TestConsole,
    token: &str,
    rooms: &[Router; 2],
    change: Value,
    fits: impl Fn(&Value) -> bool,
) -> Duration {
    let done = console.api("PATCH", "/v1/admin/rooms/s", Some(token), Some(change.clone())).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let began = Instant::now();
    while !both(rooms, &fits).await {
        assert!(began.elapsed() < Duration::from_secs(20), "{change} has no effect");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_effective_at_every_instance_within_a_second() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    console.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"phase": "open"}))).await;
    let (rooms, _door) = two(&console).await;
    until_both("an open room", &rooms, |head| head["phase"] == "open").await;
    // Both lanes have a controller.
    join(&rooms, 4).await;
    until_both("four let in", &rooms, |head| head["admitted"] == 4).await;

    let mut best = [Duration::MAX; 5];
    for attempt in 1..=ATTEMPTS {
        let (rate, window) = (attempt as f64 + 100.0, 60 + attempt);
        let make = async |asked: Value, name: &'static str, then: Value| {
            change(&console, &token, &rooms, asked, |head| head[name] == then).await
        };
        let took = [
            make(json!({"rate_per_sec": rate}), "rate_per_sec", json!(rate)).await,
            make(json!({"claim_window_secs": window}), "claim_window_secs", json!(window)).await,
            make(json!({"phase": "paused"}), "phase", json!("paused")).await,
            make(json!({"phase": "open"}), "phase", json!("open")).await,
            cap(&console, &token, &rooms).await,
        ];
        best = std::array::from_fn(|which| best[which].min(took[which]));
        if best.iter().all(|took| *took <= SOON) {
            return;
        }
    }
    panic!("rate, window, pause, resume, cap took {best:?} at best");
}

/// How long it is from a higher cap until those who waited for it are let in.
async fn cap(console: &TestConsole, token: &str, rooms: &[Router; 2]) -> Duration {
    let asked = Some(json!({"max_active": 0}));
    assert_eq!(
        console.api("PATCH", "/v1/admin/rooms/s", Some(token), asked).await.status,
        StatusCode::OK
    );
    // A full room lets nobody in: those who join from now on stay where they are.
    tokio::time::sleep(SOON).await;
    let admitted = head(&rooms[0]).await["admitted"].as_i64().expect("admitted");
    join(rooms, 4).await;
    until_both("four waiting", rooms, |head| head["waiting"] == 4).await;
    tokio::time::sleep(SOON / 2).await;
    assert!(both(rooms, |head| head["admitted"] == admitted).await, "the cap of 0 counts");
    change(console, token, rooms, json!({"max_active": 100}), |head| {
        head["admitted"] == admitted + 4
    })
    .await
}
