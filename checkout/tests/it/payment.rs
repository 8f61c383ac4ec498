//! Money: what a provider says, however often, late or wrongly, and what becomes of it.

use chrono::Utc;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::test_server::{TestServer, news};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_forged_or_old_or_changed_is_refused_and_changes_nothing() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 2).await;
    let intent = server.intent_of(order).await;
    let paid = news("payment.succeeded", order, &intent, 9_000);
    let now = Utc::now().timestamp();

    let other = checkout::contract::generate_webhook_secret();
    assert_eq!(server.webhook_at("w1", &paid, now, &other).await, StatusCode::UNAUTHORIZED);
    let unsigned = server.client.post("/v1/payments/webhooks/sandbox").json(&paid).send().await;
    assert_eq!(unsigned.status, StatusCode::UNAUTHORIZED);
    assert_eq!(unsigned.problem(), "webhook-signature-invalid");
    let text = paid.to_string();
    let signature = standardwebhooks::Webhook::new(server.secret()).expect("secret").sign(
        "w1",
        now,
        text.as_bytes(),
    );
    let changed = server.client.post("/v1/payments/webhooks/sandbox").header("webhook-id", "w1");
    let changed = changed
        .header("webhook-timestamp", &now.to_string())
        .header("webhook-signature", &signature.expect("signed"));
    let changed = changed.body(text.replace("9000", "9001")).send().await;
    assert_eq!(changed.status, StatusCode::UNAUTHORIZED);
    let elsewhere = server.client.post("/v1/payments/webhooks/other").json(&paid).send().await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);

    assert_eq!(server.state_now(order).await, "awaiting_payment");
    assert_eq!(server.tickets(order).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_webhook_is_too_old_after_five_minutes() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 1).await;
    let paid = news("payment.succeeded", order, &server.intent_of(order).await, 4_500);
    let secret = server.secret();
    let old = Utc::now().timestamp() - 301;
    assert_eq!(server.webhook_at("w1", &paid, old, secret).await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.webhook_at("w1", &paid, old + 20, secret).await, StatusCode::NO_CONTENT);
    assert_eq!(server.state_now(order).await, "fulfilled");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_webhooks_at_once_issue_the_tickets_once() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 3).await;
    let paid = news("payment.succeeded", order, &server.intent_of(order).await, 13_500);
    // Ten times the same one, and ten others that say the same.
    let ids: Vec<String> = (0..20).map(|number| format!("w{}", number.max(10))).collect();
    let answers = join_all(ids.iter().map(|id| server.webhook(id, &paid))).await;
    assert!(answers.iter().all(|status| *status == StatusCode::NO_CONTENT), "{answers:?}");
    assert_eq!(server.tickets(order).await, 3);
    assert_eq!(server.refunds(order).await, 0);
    let numbers = "SELECT count(DISTINCT number) FROM checkout.tickets WHERE order_id = $1 AND \
        number BETWEEN 1 AND 3";
    assert_eq!(server.count(numbers, order).await, 3);
    let ended = "SELECT count(*) FROM checkout.sessions JOIN checkout.orders USING (session)
                 WHERE order_id = $1 AND ended_at IS NOT NULL";
    assert_eq!(server.count(ended, order).await, 1, "whoever bought makes room for the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_earlier_decline_does_not_touch_a_paid_order() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 1).await;
    let intent = server.intent_of(order).await;
    assert_eq!(
        server.webhook("w2", &news("payment.succeeded", order, &intent, 4_500)).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.webhook("w1", &news("payment.failed", order, &intent, 4_500)).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.state_now(order).await, "fulfilled");
    let faults = "SELECT count(payment_fault) FROM checkout.orders WHERE order_id = $1";
    assert_eq!(server.count(faults, order).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_order_can_be_paid_after_all() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 1).await;
    let intent = server.intent_of(order).await;
    let declined = server.confirm(&intent, "decline").await;
    assert_eq!(declined["fault"], "card_declined");
    let faults = "SELECT count(payment_fault) FROM checkout.orders WHERE order_id = $1";
    while server.count(faults, order).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(server.state_now(order).await, "awaiting_payment");
    server.confirm(&intent, "ok").await;
    server.state(order, "fulfilled").await;
    assert_eq!((server.tickets(order).await, server.count(faults, order).await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_an_expired_order_goes_back_by_itself() {
    let server = TestServer::with(&[("FAIRGATE_ORDER_GRACE_SECS", "0")]).await;
    let (order, _) = server.order(&server.fan().await, 2).await;
    let intent = server.intent_of(order).await;
    server.overdue(order).await;
    server.state(order, "expired").await;
    server.confirm(&intent, "ok").await;
    server.state(order, "refunded").await;
    assert_eq!((server.tickets(order).await, server.refunds(order).await), (0, 1));
    let at_provider: String =
        sqlx::query_scalar("SELECT state FROM sandbox.intents WHERE intent = $1")
            .bind(&intent)
            .fetch_one(&server.app.pool)
            .await
            .expect("the intent");
    assert_eq!(at_provider, "refunded");
    let open = "SELECT count(*) FROM checkout.refunds WHERE order_id = $1 AND done_at IS NULL";
    assert_eq!(server.count(open, order).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_amount_buys_nothing_and_goes_back() {
    let server = TestServer::new().await;
    let (order, _) = server.order(&server.fan().await, 2).await;
    let intent = server.intent_of(order).await;
    assert_eq!(
        server.webhook("w1", &news("payment.succeeded", order, &intent, 4_500)).await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(server.state_now(order).await, "awaiting_payment");
    assert_eq!((server.tickets(order).await, server.refunds(order).await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_order_nobody_knows_stays_with_the_provider() {
    let server = TestServer::new().await;
    let stranger = Uuid::new_v4();
    let paid = news("payment.succeeded", stranger, "pi_1", 4_500);
    assert_eq!(server.webhook("w1", &paid).await, StatusCode::NOT_FOUND);
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM checkout.webhooks_seen")
        .fetch_one(&server.app.pool)
        .await
        .expect("a count");
    assert_eq!(seen, 0, "it may come again and be acted upon then");
    let unheard_of = json!({ "type": "payout.created", "timestamp": Utc::now(), "data":
        { "intent": "x", "reference": "x", "amount_minor": 1, "currency": "EUR" } });
    assert_eq!(server.webhook("w2", &unheard_of).await, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_costs_time_and_not_the_order() {
    // Nothing listens at the discard port.
    let server = TestServer::with(&[("FAIRGATE_PAYMENT_URL", "http://127.0.0.1:9")]).await;
    let fan = server.fan().await;
    fan.hold(&[(&server.floor, 1)]).await;
    let answer = fan
        .post(
            "/checkout/harbour-lights/order",
            &[("name", "Mira Vale"), ("email", "mira@example.com")],
        )
        .await;
    let page = fan.read(&crate::test_server::location(&answer)).await;
    assert!(page.contains("Your tickets are kept"), "{page}");
    let placed = "SELECT count(*) FROM checkout.orders WHERE state = 'placed' AND order_id <> $1";
    assert_eq!(server.count(placed, Uuid::nil()).await, 1);
}
