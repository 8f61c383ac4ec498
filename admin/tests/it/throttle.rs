//! Guessing at passwords: whoever does it shuts out nobody but themselves.

use std::time::{Duration, Instant};

use axum::{
    Extension, Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode, header},
};
use kit::{
    redis::Redis,
    throttle::{Attempt, Guesser, Network},
};
use serde_json::json;
use tower::ServiceExt;

use crate::test_console::{ADMIN, PASSWORD, TestConsole};

/// Guesses until the network is blocked, and gives how often that was.
async fn guesses(guesser: &Guesser<'_>, redis: &Redis) -> usize {
    let mut counted = 0;
    while let Attempt::Counted { .. } = guesser.attempt(redis).await.expect("Redis") {
        counted += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_for_an_account_and_a_network() {
    let console = TestConsole::new().await;
    let redis = &console.test_env.redis;
    let (theirs, owners) = (Network("203.0.113.1".into()), Network("203.0.113.2".into()));
    let guesser = Guesser { door: "test", account: "ada", network: &theirs };
    let owner = Guesser { network: &owners, ..guesser };
    assert_eq!(guesses(&guesser, redis).await, 5);
    let blocked = guesser.attempt(redis).await.expect("Redis");
    assert!(matches!(blocked, Attempt::Blocked { secs: 1..=30 }), "{blocked:?}");
    for _ in 0..2 {
        assert_eq!(owner.attempt(redis).await.expect("Redis"), Attempt::Counted { failed: 1 });
        owner.forgive(redis).await.expect("Redis");
    }
    let blocked = guesser.attempt(redis).await.expect("Redis");
    assert!(
        matches!(blocked, Attempt::Blocked { .. }),
        "the owner's password forgives nobody else"
    );
    for other in [Guesser { account: "bea", ..guesser }, Guesser { door: "another", ..guesser }] {
        assert_eq!(other.attempt(redis).await.expect("Redis"), Attempt::Counted { failed: 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_networks_are_slowed_down_and_a_fresh_one_is_not_refused() {
    let console = TestConsole::new().await;
    let redis = &console.test_env.redis;
    for number in 0..10 {
        let network = Network(format!("198.51.100.{number}"));
        let guesser = Guesser { door: "test", account: "ada", network: &network };
        assert_eq!(guesses(&guesser, redis).await, 5, "{number}");
    }
    let (late, owners) = (Network("198.51.100.200".into()), Network("203.0.113.2".into()));
    let began = Instant::now();
    let guesser = Guesser { door: "test", account: "ada", network: &late };
    assert_eq!(guesses(&guesser, redis).await, 1, "one guess in place of five");
    assert!(began.elapsed() >= Duration::from_secs(2), "it waits");
    let owner = Guesser { network: &owners, ..guesser };
    assert_eq!(owner.attempt(redis).await.expect("Redis"), Attempt::Counted { failed: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_nobody_had_time_to_look_at_is_no_wrong_one() {
    let (console, token) = TestConsole::with_admin().await;
    assert_eq!(console.sign_in(ADMIN, "a wrong password").await.status, StatusCode::UNAUTHORIZED);
    let turns = console.passwords.all_turns().await.expect("turns");
    let change = json!({"current": PASSWORD, "password": "another long password 2"});
    let (tries, changing) = tokio::join!(
        futures::future::join_all((0..4).map(|_| console.sign_in(ADMIN, PASSWORD))),
        console.api("PUT", "/v1/admin/password", Some(&token), Some(change)),
    );
    // The first to come was counted second: the last of the five begins a block, which ends with
    // it.
    let told: Vec<_> =
        tries.iter().chain([&changing]).map(|answer| answer.status.as_u16()).collect();
    assert!(told.iter().all(|status| [503, 429].contains(status)), "{told:?}");
    assert_eq!(told.iter().filter(|status| **status == 503).count(), 4, "{told:?}");
    drop(turns);
    // The one real guess still counts, and four more begin a block.
    for _ in 0..4 {
        assert_eq!(
            console.sign_in(ADMIN, "a wrong password").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(console.sign_in(ADMIN, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    console.end_blocks().await;
    assert_eq!(console.sign_in(ADMIN, PASSWORD).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_the_door_does_not_shut_an_account() {
    let (console, _) = TestConsole::with_admin().await;
    let turns = console.passwords.all_turns().await.expect("turns");
    for answer in futures::future::join_all((0..5).map(|_| console.sign_in(ADMIN, PASSWORD))).await
    {
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::SERVICE_UNAVAILABLE, "try-again-soon")
        );
    }
    drop(turns);
    assert_eq!(console.sign_in(ADMIN, PASSWORD).await.status, StatusCode::CREATED);
}

/// Signs in through a proxy that says who the client is.
async fn sign_in_from(router: &Router, address: &str, password: &str) -> StatusCode {
    let request = Request::post("/v1/admin/sessions")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", address)
        .body(Body::from(json!({"email": ADMIN, "password": password}).to_string()));
    router.clone().oneshot(request.expect("request")).await.expect("infallible").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_an_account_of_the_console_shut_from_afar() {
    let (console, _) = TestConsole::with_admin().await;
    let proxy = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    let router = console.router.clone().layer(Extension(proxy));
    let (guesser, neighbour) = ("2001:db8:1:2::66", "2001:db8:1:2:9::1");
    for _ in 0..5 {
        assert_eq!(
            sign_in_from(&router, guesser, "a wrong password").await,
            StatusCode::UNAUTHORIZED
        );
    }
    for shut in [guesser, neighbour] {
        assert_eq!(
            sign_in_from(&router, shut, PASSWORD).await,
            StatusCode::TOO_MANY_REQUESTS,
            "{shut}"
        );
    }
    assert_eq!(sign_in_from(&router, "2001:db8:1:3::1", PASSWORD).await, StatusCode::CREATED);
}
