//! Stores that come back with less than they had, or with something else.

use std::{collections::BTreeMap, time::Duration};

use checkout::contract::COMMANDS_TOPIC;
use futures::future::join_all;
// Named by its whole path: a crate of ours is called admin too.
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::{ClientConfig, client::DefaultClientContext};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::test_checkout::{Plan, Reply, TestCheckout, eventually};

/// What the order writer and payments write, each before what it refers to.
const TABLES: [&str; 7] =
    ["writer_offsets", "stock", "refusals", "orders", "order_lines", "tickets", "refunds"];

async fn run_sql(checkout: &TestCheckout, statements: impl IntoIterator<Item = String>) {
    let mut tx = checkout.test_env.pool.begin().await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Keeps Postgres as it is now for [`roll_back`].
async fn remember(checkout: &TestCheckout) {
    run_sql(
        checkout,
        TABLES.map(|table| format!("CREATE TABLE kept_{table} AS SELECT * FROM checkout.{table}")),
    )
    .await;
}

/// Makes Postgres what it was, as a standby is that had not heard of everything.
async fn roll_back(checkout: &TestCheckout) {
    let lock = TABLES.map(|table| format!("LOCK TABLE checkout.{table} IN ACCESS EXCLUSIVE MODE"));
    let forget = TABLES.iter().rev().map(|table| format!("DELETE FROM checkout.{table}"));
    let restore =
        TABLES.map(|table| format!("INSERT INTO checkout.{table} SELECT * FROM kept_{table}"));
    let unsent = ["DELETE FROM checkout.outbox".to_owned()];
    run_sql(checkout, lock.into_iter().chain(forget).chain(restore).chain(unsent)).await;
}

async fn states(checkout: &TestCheckout) -> BTreeMap<Uuid, String> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as("SELECT order_id, state FROM checkout.orders")
        .fetch_all(&checkout.test_env.pool)
        .await
        .unwrap();
    rows.into_iter().collect()
}

/// Waits until every one of `orders` is written: the given-up ones as cancelled, the others so that
/// they keep their stock.
async fn await_written(checkout: &TestCheckout, orders: &[(Uuid, bool)]) {
    let missing = |known: &BTreeMap<Uuid, String>| -> Vec<Uuid> {
        let is_there = |order: &Uuid, given_up: bool| match known.get(order).map(String::as_str) {
            Some("cancelled") => given_up,
            Some("placed" | "awaiting_payment") => !given_up,
            _ => false,
        };
        orders
            .iter()
            .filter(|(order, given_up)| !is_there(order, *given_up))
            .map(|(order, _)| *order)
            .collect()
    };
    for _ in 0..200 {
        if missing(&states(checkout).await).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("acknowledged orders are lost: {:?}", missing(&states(checkout).await));
}

fn id(order: &Reply) -> Uuid {
    order.text_of("order").parse().unwrap()
}

/// Buys all that is left, four at a time where there are four.
async fn sell_out(checkout: &TestCheckout) {
    let free = checkout.free().await;
    let orders = (0..free / 4).map(|_| 4).chain((0..free % 4).map(|_| 1));
    join_all(orders.map(|quantity| async move {
        let session = checkout.session().await;
        let hold = eventually("a hold", || async {
            let hold = checkout.hold(&session, &Uuid::new_v4().to_string(), &[quantity]).await;
            (hold.status == 201).then(|| hold.text_of("hold"))
        })
        .await;
        eventually("an order", || async {
            (checkout.order(&session, "o", &hold).await.status == 201).then_some(())
        })
        .await;
    }))
    .await;
    assert_eq!(checkout.free().await, 0);
    assert_eq!(checkout.hold(&checkout.session().await, "h", &[1]).await.problem(), "sold-out");
}

/// Orders that were acknowledged after Postgres was kept; whether each was given up.
async fn sell_on(checkout: &TestCheckout) -> Vec<(Uuid, bool)> {
    let early = join_all((0..5).map(|_| checkout.bought(&[2]))).await;
    let (session, given_up) = &early[0];
    checkout.delete(given_up.location(), session).await.ok(200);
    let sessions = join_all((0..3).map(|_| checkout.session())).await;
    // What is sold from now on is of a later epoch than Postgres will remember.
    checkout.flush_redis().await;
    checkout.free().await;
    let late = join_all(sessions.iter().map(|session| order_in_the_end(checkout, session))).await;
    let early = early.iter().map(|(_, order)| (id(order), id(order) == id(given_up)));
    early.chain(late.into_iter().map(|order| (order, false))).collect()
}

const SALE: fn() -> Plan = || Plan { stock: vec![(48, 4)], ..Plan::default() };

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_postgres_lost_under_a_running_writer_are_written_again() {
    let checkout = TestCheckout::with(SALE()).await;
    let before = join_all((0..3).map(|_| checkout.bought(&[1]))).await;
    checkout.check().await;
    remember(&checkout).await;
    let after = sell_on(&checkout).await;
    checkout.check().await;
    let committed = checkout.committed().await;
    roll_back(&checkout).await;
    assert!(states(&checkout).await.len() < before.len() + after.len());

    await_written(&checkout, &after).await;
    await_written(
        &checkout,
        &before.iter().map(|(_, order)| (id(order), false)).collect::<Vec<_>>(),
    )
    .await;
    eventually("stock is what it was", || async {
        (checkout.committed().await == committed).then_some(())
    })
    .await;
    checkout.check().await;
    sell_out(&checkout).await;
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_starts_reads_from_where_postgres_is_and_not_from_where_its_group_was() {
    let mut checkout = TestCheckout::with(SALE()).await;
    checkout.bought(&[1]).await;
    remember(&checkout).await;
    let after = sell_on(&checkout).await;
    checkout.check().await;
    checkout.writer.drain().await;
    roll_back(&checkout).await;
    checkout.start_writer().await;
    await_written(&checkout, &after).await;
    checkout.check().await;
}

/// The control: a fence that takes the greatest offset would keep the one that Postgres had.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "acknowledged orders are lost")]
async fn data_an_offset_that_stays_ahead_of_its_orders_loses_them() {
    let checkout = TestCheckout::with(SALE()).await;
    checkout.bought(&[1]).await;
    remember(&checkout).await;
    let after = sell_on(&checkout).await;
    let ahead = "CREATE OR REPLACE FUNCTION keep_ahead() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN SELECT next_offset INTO NEW.next_offset FROM ahead WHERE partition = \
                 NEW.partition;
                 RETURN NEW; END $$";
    let statements = [
        "CREATE TABLE ahead AS SELECT partition, next_offset FROM checkout.writer_offsets",
        ahead,
        "CREATE TRIGGER ahead BEFORE INSERT ON checkout.writer_offsets FOR EACH ROW EXECUTE \
            FUNCTION keep_ahead()",
    ];
    run_sql(&checkout, statements.map(str::to_owned)).await;
    roll_back(&checkout).await;
    await_written(&checkout, &after).await;
}

/// Deletes the order log and makes it anew.
async fn make_log_anew(checkout: &TestCheckout) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &checkout.test_env.kafka_brokers)
        .create()
        .unwrap();
    let before = checkout.test_env.kafka.topic_id(COMMANDS_TOPIC).await.unwrap();
    assert!(before.is_some());
    let topic = checkout.test_env.kafka.name(COMMANDS_TOPIC);
    for result in admin.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap() {
        result.unwrap();
    }
    eventually("a new log", || async {
        checkout.test_env.kafka.ensure_topic(COMMANDS_TOPIC, 4, &[]).await.ok()?;
        let now = checkout.test_env.kafka.topic_id(COMMANDS_TOPIC).await.ok()?;
        (now.is_some() && now != before).then_some(())
    })
    .await;
}

/// An order that may take its time.
async fn order_in_the_end(checkout: &TestCheckout, session: &str) -> Uuid {
    let hold = eventually("a hold", || async {
        let hold = checkout.hold(session, &Uuid::new_v4().to_string(), &[1]).await;
        (hold.status == 201).then(|| hold.text_of("hold"))
    })
    .await;
    eventually("an order in the log", || async {
        let order = checkout.order(session, "o", &hold).await;
        matches!(order.status.as_u16(), 201 | 202).then(|| id(&order))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_anew_and_shorter_is_read_from_its_start() {
    let checkout = TestCheckout::with(Plan { stock: vec![(40, 1)], ..Plan::default() }).await;
    for _ in 0..4 {
        checkout.bought(&[1]).await;
    }
    checkout.check().await;
    make_log_anew(&checkout).await;
    let order = order_in_the_end(&checkout, &checkout.session().await).await;
    await_written(&checkout, &[(order, false)]).await;
    assert_eq!(checkout.committed().await, 5);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_anew_and_longer_is_read_from_its_start() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "100")];
    let mut checkout =
        TestCheckout::with(Plan { settings, stock: vec![(40, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    let before = order_in_the_end(&checkout, &session).await;
    await_written(&checkout, &[(before, false)]).await;
    checkout.check().await;
    checkout.writer.drain().await;
    make_log_anew(&checkout).await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let session = checkout.session().await;
        orders.push((order_in_the_end(&checkout, &session).await, false));
    }
    checkout.start_writer().await;
    await_written(&checkout, &orders).await;
    assert_eq!(checkout.committed().await, 5);
    checkout.check().await;
}

/// The offsets of the old log say nothing of the new one: what waits in it is written before stock
/// gets another epoch.
#[tokio::test(flavor = "multi_thread")]
async fn stock_is_not_filled_while_orders_wait_in_a_log_made_anew() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "100")];
    let mut checkout =
        TestCheckout::with(Plan { settings, stock: vec![(40, 1)], ..Plan::default() }).await;
    for _ in 0..4 {
        let session = checkout.session().await;
        let before = order_in_the_end(&checkout, &session).await;
        await_written(&checkout, &[(before, false)]).await;
    }
    checkout.check().await;
    let (first, second) = (checkout.session().await, checkout.session().await);
    checkout.writer.drain().await;
    make_log_anew(&checkout).await;
    let order = order_in_the_end(&checkout, &first).await;
    checkout.flush_redis().await;
    assert_eq!(checkout.hold(&second, "h", &[1]).await.problem(), "try-again-soon");
    checkout.start_writer().await;
    await_written(&checkout, &[(order, false)]).await;
    assert_eq!((checkout.committed().await, checkout.free().await), (5, 35));
    checkout.check().await;
}

/// As if the log was made anew and grew beyond the old offset before the running writer read on.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_another_log_are_not_believed() {
    let checkout = TestCheckout::with(Plan { stock: vec![(40, 4)], ..Plan::default() }).await;
    join_all((0..6).map(|_| checkout.bought(&[1]))).await;
    checkout.check().await;
    let before = (states(&checkout).await, checkout.committed().await);
    run_sql(&checkout, ["UPDATE checkout.writer_offsets SET log = gen_random_uuid()".to_owned()])
        .await;
    let session = checkout.session().await;
    let order = order_in_the_end(&checkout, &session).await;
    await_written(&checkout, &[(order, false)]).await;
    let after = states(&checkout).await;
    assert!(
        before.0.keys().all(|order| after.contains_key(order)) && after.len() == before.0.len() + 1
    );
    assert_eq!(checkout.committed().await, before.1 + 1);
    assert_eq!(checkout.count("SELECT count(DISTINCT log) FROM checkout.writer_offsets").await, 1);
    checkout.check().await;
}
