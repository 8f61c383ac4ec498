//! Refunds of paid orders: tickets become void, stock and money go back, once.

use checkout::contract::{
    EVENTS_TOPIC, OrderState, RefundAsked, failing_refunds, order, request_refund,
};
use kit::{http::RequestId, paging::Cursor};
use uuid::Uuid;

use crate::test_checkout::{Plan, Reply, TestCheckout, eventually};

pub async fn ask(checkout: &TestCheckout, order: Uuid) -> RefundAsked {
    let mut tx = checkout.test_env.pool.begin().await.unwrap();
    let asked =
        request_refund(&mut tx, order, "The show was moved.", &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
    asked
}

fn id(order: &Reply) -> Uuid {
    order.text_of("order").parse().unwrap()
}

async fn paid(checkout: &TestCheckout, quantity: i32) -> (String, Uuid) {
    let (session, order) = checkout.bought(&[quantity]).await;
    checkout.pay(&session, &order).await;
    (session, id(&order))
}

pub async fn reaches(checkout: &TestCheckout, id: Uuid, state: OrderState) {
    eventually("the order's state", || async {
        (order(&checkout.test_env.pool, id).await.unwrap().unwrap().state == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_voids_tickets_and_gives_stock_and_money_back_once() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 2)], ..Plan::default() }).await;
    let (session, id) = paid(&checkout, 3).await;
    assert_eq!(checkout.free().await, 7);
    assert_eq!(ask(&checkout, id).await, RefundAsked::Asked);
    let again = ask(&checkout, id).await;
    assert!(
        matches!(again, RefundAsked::AlreadyAsked | RefundAsked::NotRefundable(_)),
        "{again:?}"
    );
    reaches(&checkout, id, OrderState::Refunded).await;

    let details = order(&checkout.test_env.pool, id).await.unwrap().unwrap();
    assert!(details.tickets.len() == 3 && details.tickets.iter().all(|ticket| ticket.voided));
    let refund = details.refund.unwrap();
    assert_eq!(
        (refund.amount.to_string().as_str(), refund.reason.as_str()),
        ("€30.00", "The show was moved.")
    );
    assert!(refund.done_at.is_some() && !details.refund_requested);
    assert_eq!(checkout.free().await, 10, "stock is back on sale");
    let view = checkout.get(&format!("/v1/orders/{id}"), &session).await.ok(200);
    assert_eq!(
        (view.body["state"].as_str(), view.body["tickets"].as_array().map(Vec::len)),
        (Some("refunded"), Some(0))
    );
    assert_eq!(ask(&checkout, id).await, RefundAsked::NotRefundable(OrderState::Refunded));
    assert_eq!(checkout.count("SELECT count(*) FROM checkout.refunds").await, 1);
    assert_eq!(checkout.count("SELECT count(*) FROM checkout.refund_requests").await, 0);
    assert_eq!(
        checkout.count("SELECT count(*) FROM sandbox.intents WHERE state = 'refunded'").await,
        1,
        "the provider gave it back"
    );
    checkout.check().await;
    let events = crate::faults::records(&checkout, EVENTS_TOPIC).await;
    let refunded = events.iter().filter(|(_, key, payload)| {
        key == id.to_string().as_bytes()
            && String::from_utf8_lossy(payload).contains("order_refunded.v1")
    });
    assert_eq!(refunded.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_provider_refuses_is_seen_asked_for_again_and_stops_no_other() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    let pool = &checkout.test_env.pool;
    let (_, refused) = paid(&checkout, 2).await;
    let (_, other) = paid(&checkout, 1).await;
    let rename = |to: &'static str| async move {
        for table in ["orders", "refunds"] {
            let sql =
                format!("UPDATE checkout.{table} SET payment_intent = {to} WHERE order_id = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(refused).execute(pool).await.unwrap();
        }
    };
    // The provider knows no such payment.
    rename("payment_intent || 'x'").await;
    ask(&checkout, refused).await;
    ask(&checkout, other).await;
    reaches(&checkout, other, OrderState::Refunded).await;
    let failing = eventually("the refusal is noted", || async {
        failing_refunds(pool, None, 10).await.unwrap().pop().filter(|refund| refund.attempts >= 2)
    })
    .await;
    assert_eq!((failing.order.uuid(), failing.amount.to_string().as_str()), (refused, "€20.00"));
    assert!(failing.last_fault.contains("refused: 404"), "{}", failing.last_fault);
    assert!(
        failing.next_attempt_at - failing.requested_at >= chrono::TimeDelta::seconds(4),
        "{failing:?}"
    );
    let details = order(pool, refused).await.unwrap().unwrap();
    assert_eq!(details.state, OrderState::RefundPending);
    let facts = details.refund.unwrap();
    assert!(facts.is_failing() && facts.last_fault.as_deref() == Some(failing.last_fault.as_str()));
    let after = Cursor { at: failing.requested_at, id: failing.order };
    assert!(failing_refunds(pool, Some(after), 10).await.unwrap().is_empty());

    // Somebody sees to it.
    rename("rtrim(payment_intent, 'x')").await;
    sqlx::query("UPDATE checkout.refunds SET next_attempt_at = now()").execute(pool).await.unwrap();
    reaches(&checkout, refused, OrderState::Refunded).await;
    assert!(failing_refunds(pool, None, 10).await.unwrap().is_empty());
    checkout.check().await;
}

/// The news of a refund locks the order first; were the sweep to lock the refund first, they could
/// wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn giving_money_back_locks_the_order_before_its_refund() {
    let checkout = TestCheckout::new().await;
    let pool = &checkout.test_env.pool;
    let (_, id) = paid(&checkout, 1).await;
    ask(&checkout, id).await;
    reaches(&checkout, id, OrderState::Refunded).await;
    eventually("the provider has said all it has to say", || async {
        (checkout.count("SELECT count(*) FROM checkout.webhooks_seen").await == 2).then_some(())
    })
    .await;
    // As if it were not known yet, and due when we say so.
    for sql in [
        "UPDATE checkout.orders SET state = 'refund_pending' WHERE order_id = $1",
        "UPDATE checkout.refunds SET done_at = NULL, next_attempt_at = 'infinity' WHERE order_id = \
            $1",
    ] {
        sqlx::query(sql).bind(id).execute(pool).await.unwrap();
    }
    let mut news = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM checkout.orders WHERE order_id = $1 FOR UPDATE")
        .bind(id)
        .execute(&mut *news)
        .await
        .unwrap();
    sqlx::query("UPDATE checkout.refunds SET next_attempt_at = now()").execute(pool).await.unwrap();
    eventually("the sweep waits for the order", || async {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE \
                   '%checkout.orders%'";
        (checkout.count(sql).await > 0).then_some(())
    })
    .await;
    let refund =
        sqlx::query("SELECT FROM checkout.refunds WHERE order_id = $1 FOR UPDATE NOWAIT").bind(id);
    refund.execute(&mut *news).await.expect("the refund is not locked");
    news.commit().await.unwrap();
    reaches(&checkout, id, OrderState::Refunded).await;
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_paid_orders_can_be_refunded_and_a_rolled_back_request_does_nothing() {
    let checkout = TestCheckout::new().await;
    let (_, unpaid) = checkout.bought(&[1]).await;
    assert_eq!(
        ask(&checkout, id(&unpaid)).await,
        RefundAsked::NotRefundable(OrderState::AwaitingPayment)
    );
    assert_eq!(ask(&checkout, Uuid::new_v4()).await, RefundAsked::Unknown);
    let (_, id) = paid(&checkout, 1).await;
    let mut tx = checkout.test_env.pool.begin().await.unwrap();
    assert_eq!(
        request_refund(&mut tx, id, "No.", &RequestId::fresh()).await.unwrap(),
        RefundAsked::Asked
    );
    tx.rollback().await.unwrap();
    let (_, other) = paid(&checkout, 1).await;
    assert_eq!(ask(&checkout, other).await, RefundAsked::Asked);
    reaches(&checkout, other, OrderState::Refunded).await;
    assert_eq!(
        order(&checkout.test_env.pool, id).await.unwrap().unwrap().state,
        OrderState::Fulfilled
    );
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_a_price_is_refunded_at_once() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.change_show(|show| show.ticket_types[0].price.minor = 0).await;
    let (_, free) = eventually("the price is known", || async {
        let (session, order) = checkout.bought(&[1]).await;
        (order.body["amount_minor"] == 0).then_some((session, order))
    })
    .await;
    assert_eq!(free.body["state"], "fulfilled");
    assert_eq!(ask(&checkout, id(&free)).await, RefundAsked::Asked);
    reaches(&checkout, id(&free), OrderState::Refunded).await;
    let details = order(&checkout.test_env.pool, id(&free)).await.unwrap().unwrap();
    assert!(details.tickets.iter().all(|ticket| ticket.voided));
    assert!(
        details.refund.is_some_and(|refund| refund.amount.minor == 0 && refund.done_at.is_some())
    );
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_page_says_that_the_money_went_back_and_shows_no_ticket() {
    let server = crate::test_server::TestServer::new().await;
    let fan = server.fan().await;
    let (order, path) = server.order(&fan, 2).await;
    server.confirm(&server.intent_of(order).await, "ok").await;
    server.state(order, "fulfilled").await;
    let tickets = fan.read(&path).await;
    assert!(tickets.contains("ticket-code") && tickets.contains("/support/"), "{tickets}");
    let mut tx = server.app.pool.begin().await.unwrap();
    request_refund(&mut tx, order, "Asked for.", &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
    let page = eventually("the page says so", || async {
        let page = fan.read(&path).await;
        page.contains("Your order was refunded").then_some(page)
    })
    .await;
    assert!(page.contains("went back to you on") && !page.contains("ticket-code"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_in_what_can_be_a_currency() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    for wrong in ["", "eur", "EURO"] {
        let update = sqlx::query("UPDATE checkout.orders SET currency = $1");
        let refused = update.bind(wrong).execute(&checkout.test_env.pool).await.unwrap_err();
        let constraint = refused.as_database_error().and_then(|error| error.constraint());
        assert_eq!(constraint, Some("orders_currency_is_iso"), "{wrong}");
    }
}
