//! A pass opens one session, once, and only where a slot is free.

use axum::http::Method;
use chrono::{Duration, Utc};
use futures::future::join_all;
use serde_json::json;

use crate::test_checkout::{Plan, ROOM, SHOW, TestCheckout, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn of_200_redemptions_at_once_one_wins() {
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    let pass = checkout.pass(&format!("{ROOM}.0.7"));
    let answers = join_all((0..200).map(|_| checkout.redeem(&pass))).await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    let used = answers
        .iter()
        .filter(|answer| answer.status == 409 && answer.problem() == "pass-used")
        .count();
    assert_eq!((won, used), (1, 199));
    assert_eq!(checkout.gate.view(ROOM).await.unwrap().active, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_is_kept_and_a_slot_goes_to_the_next() {
    let checkout =
        TestCheckout::with(Plan { max_active: 5, writer: false, ..Plan::default() }).await;
    let passes: Vec<String> =
        (0..20).map(|offset| checkout.pass(&format!("{ROOM}.0.{offset}"))).collect();
    let answers = join_all(passes.iter().map(|pass| checkout.redeem(pass))).await;
    let opened: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    let full: Vec<_> = passes
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.problem() == "checkout-full")
        .collect();
    assert_eq!((opened.len(), full.len()), (5, 15));
    assert_eq!(checkout.gate.view(ROOM).await.unwrap().active, 5);

    checkout
        .delete("/v1/checkout/sessions/current", &opened[0].text_of("session_token"))
        .await
        .ok(204);
    checkout.redeem(full[0].0).await.ok(201);
    assert_eq!(checkout.redeem(full[1].0).await.problem(), "checkout-full");
    assert_eq!(
        checkout.count("SELECT count(*) FROM checkout.sessions WHERE ended_at IS NULL").await,
        5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redemption_can_be_repeated_under_its_key() {
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    let body = json!({ "pass": checkout.pass(&format!("{ROOM}.0.1")) });
    let redeem = |key: &'static str| checkout.post("/v1/checkout/sessions", "", key, body.clone());
    let first = redeem("a").await.ok(201);
    assert_eq!(redeem("a").await.ok(201).text_of("session"), first.text_of("session"));
    assert_eq!(redeem("b").await.problem(), "pass-used");
    assert_eq!(checkout.gate.view(ROOM).await.unwrap().active, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_expired_and_foreign_tokens_are_refused_by_name() {
    let checkout = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_SESSION_SECS", "1")],
        writer: false,
        ..Plan::default()
    })
    .await;
    let hold = |token: String| {
        let checkout = &checkout;
        async move { checkout.hold(&token, "k", &[1]).await.problem().to_owned() }
    };
    assert_eq!(hold(String::new()).await, "session-needed");
    assert_eq!(hold("nonsense".to_owned()).await, "session-malformed");
    let token = checkout.session().await;
    let mut forged = token.clone().into_bytes();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    assert_eq!(hold(String::from_utf8(forged).unwrap()).await, "session-forged");
    let other = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    assert_eq!(hold(other.session().await).await, "session-key-unknown");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(hold(token).await, "session-expired");

    let now = Utc::now();
    let place = format!("{ROOM}.0.1");
    let late = checkout
        .passes
        .keys
        .sign(&place.parse().unwrap(), SHOW, now - Duration::minutes(9), now - Duration::minutes(5))
        .unwrap();
    assert_eq!(checkout.redeem(&late).await.problem(), "pass-expired");
    let elsewhere = checkout
        .passes
        .keys
        .sign(&"other-room.0.1".parse().unwrap(), SHOW, now, now + Duration::minutes(5))
        .unwrap();
    assert_eq!(checkout.redeem(&elsewhere).await.problem(), "sale-closed");
    assert_eq!(checkout.redeem(&other.pass(&place)).await.problem(), "pass-key-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_good_while_its_place_has_a_grant() {
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    let late = checkout.late_pass(1, 30);
    assert_eq!(checkout.redeem(&late).await.problem(), "pass-expired");
    checkout.grant(1, 300).await;
    let body = json!({ "pass": late });
    let redeem = || checkout.post("/v1/checkout/sessions", "", "k", body.clone());
    let session = redeem().await.ok(201).text_of("session");
    // The grant is gone; the fan whose answer was lost asks again.
    assert_eq!(redeem().await.ok(201).text_of("session"), session);
    assert_eq!(checkout.redeem(&late).await.problem(), "pass-expired");
    // However long a door is shut, an old pass opens nothing.
    checkout.grant(2, 300).await;
    assert_eq!(checkout.redeem(&checkout.late_pass(2, 61)).await.problem(), "pass-expired");
    checkout.grant(3, -1).await;
    assert_eq!(checkout.redeem(&checkout.late_pass(3, 1)).await.problem(), "pass-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_checkout_tells_whose_turn_is_kept() {
    let checkout =
        TestCheckout::with(Plan { max_active: 1, writer: false, ..Plan::default() }).await;
    let inside = checkout.session().await;
    checkout.grant(1, 300).await;
    let late = checkout.late_pass(1, 2);
    let kept = checkout.redeem(&late).await.ok(503);
    assert_eq!((kept.problem(), kept.header("retry-after")), ("checkout-full", "1"));
    assert!(kept.body["detail"].as_str().unwrap().contains("Your turn is kept"), "{}", kept.body);
    let other = checkout.redeem(&checkout.fresh_pass()).await.ok(503);
    assert!(!other.body["detail"].as_str().unwrap().contains("Your turn is kept"));
    checkout.delete("/v1/checkout/sessions/current", &inside).await.ok(204);
    checkout.redeem(&late).await.ok(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_buys_nothing_and_gives_its_hold_back() {
    let checkout = TestCheckout::new().await;
    let token = checkout.session().await;
    checkout.hold(&token, "a", &[4]).await.ok(201);
    assert_eq!(checkout.free().await, 96);
    checkout.call(Method::DELETE, "/v1/checkout/sessions/current", &token, "", None).await.ok(204);
    assert_eq!(checkout.free().await, 100);
    assert_eq!(checkout.hold(&token, "b", &[1]).await.problem(), "session-ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_closed_lets_its_last_fans_in_also_after_redis_was_lost() {
    let checkout = TestCheckout::with(Plan { max_active: 1, ..Plan::default() }).await;
    let closed = admission::contract::GateSettings {
        state: admission::contract::GateState::Closed,
        ..admission::contract::gate(&checkout.test_env.pool, ROOM).await.unwrap().unwrap()
    };
    admission::contract::put_gate(&mut checkout.test_env.pool.acquire().await.unwrap(), &closed)
        .await
        .unwrap();
    checkout.flush_redis().await;
    checkout.redeem(&checkout.pass(&format!("{ROOM}.0.1"))).await.ok(201);
    // Lost again: who is inside still counts.
    checkout.flush_redis().await;
    assert_eq!(
        checkout.redeem(&checkout.pass(&format!("{ROOM}.0.2"))).await.ok(503).problem(),
        "checkout-full"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_forgot_is_told_who_is_inside() {
    let checkout =
        TestCheckout::with(Plan { max_active: 2, writer: false, ..Plan::default() }).await;
    let (_first, second) = (checkout.session().await, checkout.session().await);
    checkout.flush_redis().await;
    let pass = checkout.pass(&format!("{ROOM}.0.9"));
    eventually("the gate is restored", || async {
        let view = checkout.gate.view(ROOM).await.unwrap();
        (view.ready && view.active == 2).then_some(())
    })
    .await;
    assert_eq!(checkout.redeem(&pass).await.problem(), "checkout-full");
    checkout.delete("/v1/checkout/sessions/current", &second).await.ok(204);
    checkout.redeem(&pass).await.ok(201);
}
