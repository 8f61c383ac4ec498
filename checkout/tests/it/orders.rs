//! Orders through the log and the writer: exact, repeatable, and gone when they are not paid.

use checkout::contract;
use futures::future::join_all;

use crate::test_checkout::{Plan, Reply, TestCheckout, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_paid_and_ends_the_session() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(100, 4), (20, 1)], ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[2, 1]).await;
    assert_eq!(order.body["amount_minor"], 4_000);
    assert_eq!(order.body["state"], "awaiting_payment", "{order:?}");
    assert_eq!(order.location(), format!("/v1/orders/{}", order.text_of("order")));
    assert_eq!(checkout.committed().await, 3);
    let paid = checkout.pay(&session, &order).await;
    assert_eq!(paid.body["tickets"].as_array().unwrap().len(), 3);
    eventually("the session ends", || async {
        (checkout.hold(&session, "more", &[1]).await.problem() == "session-ended").then_some(())
    })
    .await;
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_finds_its_order_and_another_body_is_refused() {
    let checkout = TestCheckout::new().await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[2]).await.ok(201).text_of("hold");
    let answers = join_all((0..20).map(|_| checkout.order(&session, "o", &hold))).await;
    let ids: Vec<String> =
        answers.into_iter().map(|answer| answer.ok(201).text_of("order")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(checkout.order(&session, "o", &hold).await.ok(201).text_of("order"), ids[0]);
    assert_eq!(checkout.committed().await, 2);

    let other = checkout.session().await;
    let hold_of_other = checkout.hold(&other, "h", &[1]).await.ok(201).text_of("hold");
    assert_eq!(checkout.order(&session, "p", &hold_of_other).await.problem(), "hold-foreign");
    assert_eq!(checkout.order(&session, "p", &hold).await.problem(), "hold-used");
    let second = checkout.hold(&session, "h2", &[1]).await.ok(201).text_of("hold");
    assert_eq!(checkout.order(&session, "o", &second).await.problem(), "idempotency-mismatch");
    assert_eq!(checkout.order(&session, "p", &second).await.problem(), "order-open");
    assert_eq!(checkout.order(&session, "p", "nonsense").await.problem(), "hold-malformed");
    checkout.check().await;
}

/// Both commands are in the log, each in a partition of its own, when the writer comes: its lanes
/// meet at the same sessions, some in this order and some in that.
#[tokio::test(flavor = "multi_thread")]
async fn two_orders_of_a_session_in_two_partitions_are_one() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "50"), ("FAIRGATE_PLACING_SECS", "120")];
    let stock = vec![(60, 1); 6];
    let mut checkout =
        TestCheckout::with(Plan { settings, stock, writer: false, ..Plan::default() }).await;
    let homes: Vec<i32> = checkout
        .types
        .iter()
        .map(|kind| contract::home_partition(kind.ticket_type, 0, 4))
        .collect();
    let other = homes.iter().position(|home| *home != homes[0]).expect("types in two partitions");
    let one = |index: usize| (0..6).map(|at| i32::from(at == index)).collect::<Vec<_>>();
    let sessions = join_all((0..12).map(|_| checkout.session())).await;
    // Stock is filled while the log is empty; later it would wait for the writer.
    checkout.free().await;
    for (turn, session) in sessions.iter().enumerate() {
        let kinds = if turn % 2 == 0 { [0, other] } else { [other, 0] };
        for (key, kind) in ["a", "b"].into_iter().zip(kinds) {
            let hold = eventually("a hold", || async {
                let hold = checkout.hold(session, key, &one(kind)).await;
                (hold.status == 201).then(|| hold.text_of("hold"))
            })
            .await;
            checkout.order(session, key, &hold).await.ok(202);
        }
    }
    checkout.start_writer().await;
    eventually("all are decided", || async {
        let decided = "SELECT (SELECT count(*) FROM checkout.orders) + (SELECT count(*) FROM \
            checkout.refusals)";
        (checkout.count(decided).await == 24).then_some(())
    })
    .await;
    assert_eq!(checkout.count("SELECT count(DISTINCT session) FROM checkout.orders").await, 12);
    assert_eq!(checkout.committed().await, 12);
    assert_eq!(
        checkout.count("SELECT count(*) FROM checkout.refusals WHERE reason = 'order_open'").await,
        12
    );
    assert_eq!(
        checkout
            .count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .await,
        0,
        "lanes wait for each other in one order"
    );
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_session_sees_an_order() {
    let checkout = TestCheckout::new().await;
    let (session, order) = checkout.bought(&[1]).await;
    let path = order.location().to_owned();
    checkout.get(&path, &session).await.ok(200);
    assert_eq!(
        checkout.get(&path, &checkout.session().await).await.ok(404).problem(),
        "order-unknown"
    );
    assert_eq!(checkout.get("/v1/orders/not-an-id", &session).await.ok(404).problem(), "not-found");
    assert_eq!(checkout.get(&path, "").await.problem(), "session-needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_gives_its_tickets_back_once() {
    let checkout = TestCheckout::with(Plan { stock: vec![(4, 2)], ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[4]).await;
    let path = order.location().to_owned();
    assert_eq!(checkout.free().await, 0);
    let answers = join_all((0..4).map(|_| checkout.delete(&path, &session))).await;
    assert!(answers.into_iter().all(|answer| answer.ok(200).body["state"] == "cancelled"));
    assert_eq!(checkout.free().await, 4);
    // And the session may order again.
    let hold = checkout.hold(&session, "again", &[4]).await.ok(201).text_of("hold");
    let second = checkout.order(&session, "again", &hold).await.ok(201);
    checkout.pay(&session, &second).await;
    assert_eq!(
        checkout.delete(second.location(), &session).await.problem(),
        "order-not-cancellable"
    );
    assert_eq!(checkout.committed().await, 4);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_order_expires_and_its_tickets_come_back() {
    let checkout = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_ORDER_SECS", "6")],
        stock: vec![(4, 1)],
        ..Plan::default()
    })
    .await;
    let (session, order) = checkout.bought(&[4]).await;
    assert_eq!(checkout.hold(&checkout.session().await, "h", &[1]).await.problem(), "sold-out");
    let path = order.location().to_owned();
    eventually("the order expires", || async {
        (checkout.get(&path, &session).await.body["state"] == "expired").then_some(())
    })
    .await;
    assert_eq!(checkout.free().await, 4);
    assert_eq!(checkout.delete(&path, &session).await.problem(), "order-not-cancellable");
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ran_out_is_refused() {
    let checkout =
        TestCheckout::with(Plan { settings: vec![("FAIRGATE_HOLD_SECS", "1")], ..Plan::default() })
            .await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[2]).await.ok(201).text_of("hold");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(checkout.order(&session, "o", &hold).await.problem(), "hold-expired");
    assert_eq!(checkout.free().await, 100);
}

async fn try_to_buy(checkout: &TestCheckout) -> Option<Reply> {
    let session = checkout.session().await;
    for attempt in 0..40 {
        let hold = checkout.hold(&session, &format!("h{attempt}"), &[1]).await;
        match hold.status.as_u16() {
            201 => return Some(checkout.order(&session, "o", &hold.text_of("hold")).await.ok(201)),
            // Shards may be being filled.
            503 => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            _ => {
                assert_eq!(hold.problem(), "sold-out");
                return None;
            }
        }
    }
    panic!("stock was never ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_fans_buy_exactly_a_hundred_tickets() {
    let checkout = TestCheckout::with(Plan { stock: vec![(100, 7)], ..Plan::default() }).await;
    let bought = join_all((0..300).map(|_| try_to_buy(&checkout))).await;
    assert_eq!(bought.iter().flatten().count(), 100);
    assert_eq!(checkout.committed().await, 100);
    assert_eq!(checkout.count("SELECT count(*) FROM checkout.orders").await, 100);
    assert_eq!(checkout.free().await, 0);
    checkout.check().await;
}
