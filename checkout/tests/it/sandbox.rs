//! The sandbox provider: its API, its misbehaviours, its payment page.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_server::{TestServer, location};

fn intent(server: &TestServer, amount_minor: i64) -> Value {
    json!({ "reference": "order-1", "amount_minor": amount_minor, "currency": "EUR",
        "description": "Harbour Lights", "return_url": format!("{}/orders/1", server.base) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_made_once_per_key_and_only_with_the_api_key() {
    let server = TestServer::new().await;
    let body = intent(&server, 4_500);
    let first: Value = server.provider("/sandbox/v1/intents", "k1", &body).await.body;
    let again: Value = server.provider("/sandbox/v1/intents", "k1", &body).await.body;
    assert_eq!(first["intent"], again["intent"]);
    let other = server.provider("/sandbox/v1/intents", "k1", &intent(&server, 9_000)).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);

    let keyless = server.client.post("/sandbox/v1/intents").idempotency_key("k2").json(&body);
    let keyless = keyless.send().await;
    assert_eq!(keyless.status, StatusCode::UNAUTHORIZED);
    let mut foreign = body.clone();
    foreign["return_url"] = json!("https://elsewhere.example/orders/1");
    let refused = server.provider("/sandbox/v1/intents", "k3", &foreign).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut odd = body.clone();
    odd["currency"] = json!("euro");
    let refused = server.provider("/sandbox/v1/intents", "k5", &odd).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unpaid = format!("/sandbox/v1/intents/{}/refund", first["intent"].as_str().expect("an id"));
    assert_eq!(server.provider(&unpaid, "k4", &json!({})).await.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_paying_ends_with_the_tickets_once() {
    let server = TestServer::stocked(&[], 40).await;
    for (method, slow_ms) in
        [("ok", 0), ("duplicate", 0), ("out_of_order", 0), ("slow", 4_000), ("timeout", 0)]
    {
        let (order, _) = server.order(&server.fan().await, 2).await;
        let started = Instant::now();
        let answer = server.confirm(&server.intent_of(order).await, method).await;
        assert_eq!(answer["state"], "succeeded", "{method}");
        assert_eq!(method == "timeout", started.elapsed() >= Duration::from_secs(3), "{method}");
        server.state(order, "fulfilled").await;
        assert!(started.elapsed() >= Duration::from_millis(slow_ms), "{method}");
        assert_eq!(server.tickets(order).await, 2, "{method}");
    }
    // The stragglers come in and change nothing.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let open: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sandbox.deliveries WHERE delivered_at IS NULL")
            .fetch_one(&server.app.pool)
            .await
            .expect("a count");
    let paid: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM checkout.orders WHERE state = 'fulfilled' AND payment_fault IS NULL",
    )
    .fetch_one(&server.app.pool)
    .await
    .expect("a count");
    assert_eq!((open, paid), (0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_pays_declines_and_approves_on_the_page() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let (order, page) = server.order(&fan, 1).await;
    let pay = format!("/sandbox/pay/{}", server.intent_of(order).await);
    assert!(fan.read(&page).await.contains(&pay));
    let hosted = fan.read(&pay).await;
    assert!(hosted.contains("Sandbox: no real money") && hosted.contains("€45.00"), "{hosted}");

    let declined = location(&fan.post(&pay, &[("method", "decline")]).await);
    assert_eq!(declined, format!("{}/orders/{order}?redirect_status=failed", server.base));
    assert!(fan.read(&location(&fan.get(&declined).await)).await.contains("did not go through"));

    assert!(location(&fan.post(&pay, &[("method", "3ds")]).await).ends_with(&pay));
    assert!(fan.read(&pay).await.contains("Approve"));
    let approved = location(&fan.post(&pay, &[("method", "3ds_approve")]).await);
    server.state(order, "fulfilled").await;
    assert!(fan.read(&location(&fan.get(&approved).await)).await.contains("Your ticket"));
    assert!(fan.read(&pay).await.contains("This payment is done"));
    assert_eq!(fan.get("/sandbox/pay/pi_unknown").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_not_taken_is_sent_again() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 1).await;
    // Locked, the order cannot be settled: the first delivery runs into the lock's time limit.
    let mut tx = server.app.pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM checkout.orders WHERE order_id = $1 FOR UPDATE")
        .bind(order)
        .execute(&mut *tx)
        .await
        .expect("a lock");
    server.confirm(&server.intent_of(order).await, "ok").await;
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    tx.rollback().await.expect("given up");
    server.state(order, "fulfilled").await;
    let attempts: i32 = sqlx::query_scalar("SELECT max(attempts) FROM sandbox.deliveries")
        .fetch_one(&server.app.pool)
        .await
        .expect("a count");
    assert!(attempts >= 2, "{attempts}");
}
