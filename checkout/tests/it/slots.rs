//! Slots go to the next fan as soon as nobody buys in them any more.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{
    test_checkout::{Plan, ROOM, TestCheckout, eventually},
    test_server::{TestServer, location},
};

async fn active(checkout: &TestCheckout) -> usize {
    checkout.gate.view(ROOM).await.unwrap().active
}

async fn free_again(checkout: &TestCheckout, left: usize) {
    eventually("the slot is free", || async { (active(checkout).await == left).then_some(()) })
        .await;
    // Postgres first, so that the books never count fewer than there are.
    let open = "SELECT count(*) FROM checkout.sessions WHERE ended_at IS NULL";
    assert_eq!(checkout.count(open).await, i64::try_from(left).unwrap());
}

/// Sessions that were open beside as many as the cap allows, or more.
async fn over_cap(checkout: &TestCheckout) -> i64 {
    checkout
        .count(
            "SELECT count(*) FROM checkout.sessions s WHERE s.cap <= (
                 SELECT count(*) FROM checkout.sessions o WHERE o.session <> s.session
                   AND o.opened_at <= s.opened_at
                   AND coalesce(o.ended_at, o.expires_at) > s.opened_at)",
        )
        .await
}

fn idle(secs: &'static str) -> Plan {
    Plan { settings: vec![("FAIRGATE_SESSION_IDLE_SECS", secs)], max_active: 2, ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_checkout_frees_its_slot_and_its_order_stays_readable() {
    let checkout = TestCheckout::with(Plan { max_active: 1, ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[2]).await;
    assert_eq!(checkout.redeem(&checkout.fresh_pass()).await.problem(), "checkout-full");
    checkout.pay(&session, &order).await;
    free_again(&checkout, 0).await;
    assert_eq!(checkout.hold(&session, "more", &[1]).await.problem(), "session-ended");
    let read = checkout.get(order.location(), &session).await.ok(200);
    assert_eq!(read.body["tickets"].as_array().map(Vec::len), Some(2));
    checkout.redeem(&checkout.fresh_pass()).await.ok(201);
    assert_eq!(over_cap(&checkout).await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_nothing_and_does_nothing_is_not_waited_for() {
    let checkout = TestCheckout::with(idle("1")).await;
    let (gone, holding) = (checkout.session().await, checkout.session().await);
    checkout.hold(&holding, "h", &[1]).await.ok(201);
    free_again(&checkout, 1).await;
    assert_eq!(checkout.hold(&gone, "h", &[1]).await.problem(), "session-ended");
    checkout.redeem(&checkout.fresh_pass()).await.ok(201);
    // Who holds tickets need not call.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let hold = checkout.hold(&holding, "more", &[2]).await.ok(201).text_of("hold");
    let order = checkout.order(&holding, "o", &hold).await.ok(201);
    // Nor who has to pay.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    checkout.pay(&holding, &order).await;
    free_again(&checkout, 0).await;
    assert_eq!(over_cap(&checkout).await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_now_and_then_stays_also_where_redis_was_lost() {
    let checkout = TestCheckout::with(idle("2")).await;
    let session = checkout.session().await;
    for call in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if call == 3 {
            checkout.flush_redis().await;
        }
        let hold = checkout.hold(&session, &format!("h{call}"), &[1]).await.ok(201);
        checkout.delete(&format!("/v1/holds/{}", hold.text_of("hold")), &session).await.ok(204);
    }
    free_again(&checkout, 0).await;
    assert_eq!(checkout.hold(&session, "late", &[1]).await.problem(), "session-ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ran_out_ends_its_session_at_once() {
    let checkout = TestCheckout::with(Plan { max_active: 1, ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[2]).await;
    sqlx::query("UPDATE checkout.orders SET expires_at = now() - interval '1 hour'")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    checkout.until(&session, &order.text_of("order"), "expired").await;
    free_again(&checkout, 0).await;
    assert_eq!(checkout.hold(&session, "more", &[1]).await.problem(), "session-ended");
    checkout.redeem(&checkout.fresh_pass()).await.ok(201);
    assert_eq!(over_cap(&checkout).await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_an_order_up_may_choose_anew_and_is_not_waited_for_long() {
    let checkout = TestCheckout::with(idle("1")).await;
    let (session, order) = checkout.bought(&[2]).await;
    checkout.delete(order.location(), &session).await.ok(200);
    let hold = checkout.hold(&session, "again", &[1]).await.ok(201).text_of("hold");
    let order = checkout.order(&session, "again", &hold).await.ok(201);
    checkout.delete(order.location(), &session).await.ok(200);
    free_again(&checkout, 0).await;
    assert_eq!(checkout.hold(&session, "more", &[1]).await.problem(), "session-ended");
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_open_keeps_its_reader_inside_and_a_button_leaves() {
    let server = TestServer::with(&[("FAIRGATE_SESSION_IDLE_SECS", "2")]).await;
    let (fan, gone) = (server.fan().await, server.fan().await);
    let page = fan.read("/checkout/harbour-lights").await;
    assert!(page.contains("data-here=\"/checkout/harbour-lights/here\""), "{page}");
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let here = fan.post("/checkout/harbour-lights/here", &[]).await;
        assert_eq!(here.status, StatusCode::NO_CONTENT);
    }
    let away = gone.post("/checkout/harbour-lights/here", &[]).await;
    assert_eq!(away.status, StatusCode::FORBIDDEN, "it looked away for four seconds");

    fan.hold(&[(&server.floor, 2)]).await;
    assert!(fan.read("/checkout/harbour-lights").await.contains("Leave checkout"));
    let left = fan.post("/checkout/harbour-lights/leave", &[]).await;
    assert_eq!(location(&left), "/checkout/harbour-lights");
    assert_eq!(server.gate.view("r").await.unwrap().active, 0);
    let outside = fan.get("/checkout/harbour-lights").await;
    assert!(outside.text.contains("You are no longer in checkout"), "{}", outside.text);
    // Doing it again changes nothing, and what was held can be had.
    fan.post("/checkout/harbour-lights/leave", &[]).await;
    server.fan().await.hold(&[(&server.floor, 4)]).await;
}
