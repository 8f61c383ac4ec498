//! What checkout tells the line: how its calls go, whether passes are redeemed, what is left.

use std::time::Duration;

use admission::contract::{LineStock, SignalBoard, Signals, StockState};
use futures::future::join_all;

use crate::test_checkout::{Plan, ROOM, TestCheckout, eventually};

async fn read(checkout: &TestCheckout) -> Signals {
    let board = SignalBoard::new(checkout.test_env.redis.clone());
    board.read(&ROOM.parse().unwrap()).await.unwrap()
}

/// Waits until what is told fits.
async fn told(checkout: &TestCheckout, what: &str, fits: impl Fn(&Signals) -> bool) -> Signals {
    eventually(what, || async {
        let signals = read(checkout).await;
        fits(&signals).then_some(signals)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_room_is_told_how_its_calls_go_and_what_is_left() {
    let checkout = TestCheckout::new().await;
    let (session, order) = checkout.bought(&[3]).await;
    let signals = told(&checkout, "the calls are told", |signals| {
        let is_counted = |stock: &LineStock| {
            assert!(stock.served == 0 || stock.per_fan > 2.1, "at every moment: {stock:?}");
            stock.served == 1
        };
        signals.order.count == 1 && signals.stock.as_ref().is_some_and(is_counted)
    })
    .await;
    assert!(signals.redeems && signals.redeem.count == 1 && signals.hold.count == 1);
    assert_eq!((signals.order.failed, signals.turned_away), (0, 0));
    assert!(signals.order.p99_ms >= 1 && signals.writer.is_some(), "{signals:?}");
    // What is unpaid is counted every other second while some are free.
    let signals = told(&checkout, "what is unpaid is counted", |signals| {
        let is_counted = |stock: &LineStock| stock.types[0].held == 3;
        signals.stock.as_ref().is_some_and(is_counted)
    })
    .await;
    let stock = signals.stock.unwrap();
    let of_type = &stock.types[0];
    assert_eq!((of_type.free, of_type.held, of_type.sold, of_type.allotted), (97, 3, 0, 100));
    assert_eq!(stock.state(), StockState::Available);

    checkout.pay(&session, &order).await;
    let paid = told(&checkout, "what was paid counts as sold", |signals| {
        signals.stock.as_ref().is_some_and(|stock| stock.types[0].sold == 3 && stock.served == 0)
    })
    .await;
    assert_eq!(paid.stock.unwrap().types[0].held, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_passes_that_are_turned_away_are_told_and_refusals_by_the_rules_are_not() {
    let checkout =
        TestCheckout::with(Plan { max_active: 1, writer: false, ..Plan::default() }).await;
    let pass = checkout.fresh_pass();
    checkout.redeem(&pass).await.ok(201);
    assert_eq!(checkout.redeem(&pass).await.problem(), "pass-used");
    let before = told(&checkout, "the calls are told", |signals| signals.redeem.count == 2).await;
    assert_eq!((before.redeem.failed, before.turned_away), (0, 0));
    // Nobody keeps a slot for these: they are no business of the door's.
    join_all([0; 3].map(|_| async {
        assert_eq!(checkout.redeem(&checkout.fresh_pass()).await.problem(), "checkout-full");
    }))
    .await;
    let full = told(&checkout, "the calls are told", |signals| signals.redeem.count == 5).await;
    assert_eq!(full.turned_away, 0);
    checkout.grant(1, 300).await;
    let kept = checkout.late_pass(1, 2);
    assert_eq!(checkout.redeem(&kept).await.problem(), "checkout-full");
    let after = told(&checkout, "it is told", |signals| signals.turned_away == 1).await;
    assert_eq!((after.redeem.failed, after.turned_away_full), (0, 1), "full is no fault");
    told(&checkout, "it is said no more", |signals| signals.turned_away == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_passes_are_redeemed_is_said_after_trying_and_not_where_postgres_takes_no_write() {
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    told(&checkout, "passes are redeemed", |signals| signals.redeems).await;
    let rename = async |from: &'static str, to: &'static str| {
        let sql = format!("ALTER TABLE checkout.{from} RENAME TO {to}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&checkout.test_env.pool).await.unwrap();
    };
    rename("processes", "away").await;
    told(&checkout, "it is said that they are not", |signals| !signals.redeems).await;
    rename("away", "processes").await;
    told(&checkout, "they are again", |signals| signals.redeems).await;

    // Whoever ends says so, and is not waited for.
    let went = std::time::Instant::now();
    checkout.tasks.stop().cancel();
    told(&checkout, "the last word was taken back", |signals| !signals.redeems).await;
    assert!(went.elapsed() < Duration::from_secs(2), "no word grew old for that");
    eventually("its row is gone", || async {
        (checkout.count("SELECT count(*) FROM checkout.processes").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_writer_is_behind_is_told() {
    let checkout = TestCheckout::new().await;
    told(&checkout, "the writer says something", |signals| signals.writer.is_some()).await;
    let mut lock = checkout.test_env.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE checkout.orders IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[1]).await.ok(201).text_of("hold");
    let ordering = checkout.order(&session, "o", &hold);
    let watching = told(&checkout, "it is behind", |signals| {
        signals.writer.is_some_and(|writer| writer.lag_ms > 300)
    });
    let (_, _) = tokio::join!(
        async {
            watching.await;
            lock.rollback().await.unwrap();
        },
        async { ordering.await.ok(201) }
    );
    told(&checkout, "it has caught up", |signals| {
        signals.writer.is_some_and(|writer| writer.lag_ms == 0 && writer.commit_p99_ms > 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_in_which_fans_wait_hears_of_stock_before_anybody_calls() {
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    assert_eq!(read(&checkout).await.stock, None);
    let busy_until = chrono::Utc::now().timestamp_millis() + 60_000;
    redis::cmd("HSET")
        .arg(checkout.test_env.redis.key("gate", ROOM))
        .arg("busy_until")
        .arg(busy_until)
        .query_async::<()>(&mut checkout.test_env.redis.connection())
        .await
        .unwrap();
    let signals = told(&checkout, "stock is told", |signals| signals.stock.is_some()).await;
    assert_eq!(signals.stock.unwrap().free(), 100);
}
