//! Stores that come back with less than they had, or with something else.

use std::{collections::BTreeMap, time::Duration};

use checkout::contract::COMMANDS_TOPIC;
use futures::future::join_all;
// Named by its whole path: a crate of ours is called admin too.
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::{ClientConfig, client::DefaultClientContext};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::test_checkout::{Answer, Plan, TestCheckout, eventually};

/// What the order writer and payments write, each before what it refers to.
const TABLES: [&str; 7] =
    ["writer_offsets", "stock", "refusals", "orders", "order_lines", "tickets", "refunds"];

async fn run_sql(stage: &TestCheckout, statements: impl IntoIterator<Item = String>) {
    let mut tx = stage.corner.pool.begin().await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Keeps Postgres as it is now for [`roll_back`].
async fn remember(stage: &TestCheckout) {
    run_sql(
        stage,
        TABLES.map(|table| format!("CREATE TABLE kept_{table} AS SELECT * FROM checkout.{table}")),
    )
    .await;
}

/// Makes Postgres what it was, as a standby is that had not heard of everything.
async fn roll_back(stage: &TestCheckout) {
    let lock = TABLES.map(|table| format!("LOCK TABLE checkout.{table} IN ACCESS EXCLUSIVE MODE"));
    let forget = TABLES.iter().rev().map(|table| format!("DELETE FROM checkout.{table}"));
    let restore =
        TABLES.map(|table| format!("INSERT INTO checkout.{table} SELECT * FROM kept_{table}"));
    let unsent = ["DELETE FROM checkout.outbox".to_owned()];
    run_sql(stage, lock.into_iter().chain(forget).chain(restore).chain(unsent)).await;
}

async fn states(stage: &TestCheckout) -> BTreeMap<Uuid, String> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as("SELECT order_id, state FROM checkout.orders")
        .fetch_all(&stage.corner.pool)
        .await
        .unwrap();
    rows.into_iter().collect()
}

/// Waits until every one of `orders` is written: the given-up ones as cancelled, the others so that
/// they keep their stock.
async fn await_written(stage: &TestCheckout, orders: &[(Uuid, bool)]) {
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
        if missing(&states(stage).await).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("acknowledged orders are lost: {:?}", missing(&states(stage).await));
}

fn id(order: &Answer) -> Uuid {
    order.text("order").parse().unwrap()
}

/// Buys all that is left, four at a time where there are four.
async fn sell_out(stage: &TestCheckout) {
    let free = stage.free().await;
    let orders = (0..free / 4).map(|_| 4).chain((0..free % 4).map(|_| 1));
    join_all(orders.map(|quantity| async move {
        let session = stage.session().await;
        let hold = eventually("a hold", || async {
            let hold = stage.hold(&session, &Uuid::new_v4().to_string(), &[quantity]).await;
            (hold.status == 201).then(|| hold.text("hold"))
        })
        .await;
        eventually("an order", || async {
            (stage.order(&session, "o", &hold).await.status == 201).then_some(())
        })
        .await;
    }))
    .await;
    assert_eq!(stage.free().await, 0);
    assert_eq!(stage.hold(&stage.session().await, "h", &[1]).await.problem(), "sold-out");
}

/// Orders that were acknowledged after Postgres was kept; whether each was given up.
async fn sell_on(stage: &TestCheckout) -> Vec<(Uuid, bool)> {
    let early = join_all((0..5).map(|_| stage.bought(&[2]))).await;
    let (session, given_up) = &early[0];
    stage.delete(&given_up.location.clone().unwrap(), session).await.ok(200);
    let sessions = join_all((0..3).map(|_| stage.session())).await;
    // What is sold from now on is of a later epoch than Postgres will remember.
    stage.flush_redis().await;
    stage.free().await;
    let late = join_all(sessions.iter().map(|session| order_in_the_end(stage, session))).await;
    let early = early.iter().map(|(_, order)| (id(order), id(order) == id(given_up)));
    early.chain(late.into_iter().map(|order| (order, false))).collect()
}

const SALE: fn() -> Plan = || Plan { stock: vec![(48, 4)], ..Plan::default() };

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_postgres_lost_under_a_running_writer_are_written_again() {
    let stage = TestCheckout::with(SALE()).await;
    let before = join_all((0..3).map(|_| stage.bought(&[1]))).await;
    stage.check().await;
    remember(&stage).await;
    let after = sell_on(&stage).await;
    stage.check().await;
    let committed = stage.committed().await;
    roll_back(&stage).await;
    assert!(states(&stage).await.len() < before.len() + after.len());

    await_written(&stage, &after).await;
    await_written(&stage, &before.iter().map(|(_, order)| (id(order), false)).collect::<Vec<_>>())
        .await;
    eventually("stock is what it was", || async {
        (stage.committed().await == committed).then_some(())
    })
    .await;
    stage.check().await;
    sell_out(&stage).await;
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_starts_reads_from_where_postgres_is_and_not_from_where_its_group_was() {
    let mut stage = TestCheckout::with(SALE()).await;
    stage.bought(&[1]).await;
    remember(&stage).await;
    let after = sell_on(&stage).await;
    stage.check().await;
    stage.writer.drain().await;
    roll_back(&stage).await;
    stage.start_writer().await;
    await_written(&stage, &after).await;
    stage.check().await;
}

/// The control: a fence that takes the greatest offset would keep the one that Postgres had.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "acknowledged orders are lost")]
async fn data_an_offset_that_stays_ahead_of_its_orders_loses_them() {
    let stage = TestCheckout::with(SALE()).await;
    stage.bought(&[1]).await;
    remember(&stage).await;
    let after = sell_on(&stage).await;
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
    run_sql(&stage, statements.map(str::to_owned)).await;
    roll_back(&stage).await;
    await_written(&stage, &after).await;
}

/// Deletes the order log and makes it anew.
async fn make_log_anew(stage: &TestCheckout) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &stage.corner.kafka_brokers).create().unwrap();
    let before = stage.corner.kafka.topic_id(COMMANDS_TOPIC).await.unwrap();
    assert!(before.is_some());
    let topic = stage.corner.kafka.name(COMMANDS_TOPIC);
    for result in admin.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap() {
        result.unwrap();
    }
    eventually("a new log", || async {
        stage.corner.kafka.ensure_topic(COMMANDS_TOPIC, 4, &[]).await.ok()?;
        let now = stage.corner.kafka.topic_id(COMMANDS_TOPIC).await.ok()?;
        (now.is_some() && now != before).then_some(())
    })
    .await;
}

/// An order that may take its time.
async fn order_in_the_end(stage: &TestCheckout, session: &str) -> Uuid {
    let hold = eventually("a hold", || async {
        let hold = stage.hold(session, &Uuid::new_v4().to_string(), &[1]).await;
        (hold.status == 201).then(|| hold.text("hold"))
    })
    .await;
    eventually("an order in the log", || async {
        let order = stage.order(session, "o", &hold).await;
        matches!(order.status.as_u16(), 201 | 202).then(|| id(&order))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_anew_and_shorter_is_read_from_its_start() {
    let stage = TestCheckout::with(Plan { stock: vec![(40, 1)], ..Plan::default() }).await;
    for _ in 0..4 {
        stage.bought(&[1]).await;
    }
    stage.check().await;
    make_log_anew(&stage).await;
    let order = order_in_the_end(&stage, &stage.session().await).await;
    await_written(&stage, &[(order, false)]).await;
    assert_eq!(stage.committed().await, 5);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_anew_and_longer_is_read_from_its_start() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "100")];
    let mut stage =
        TestCheckout::with(Plan { settings, stock: vec![(40, 1)], ..Plan::default() }).await;
    let session = stage.session().await;
    let before = order_in_the_end(&stage, &session).await;
    await_written(&stage, &[(before, false)]).await;
    stage.check().await;
    stage.writer.drain().await;
    make_log_anew(&stage).await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let session = stage.session().await;
        orders.push((order_in_the_end(&stage, &session).await, false));
    }
    stage.start_writer().await;
    await_written(&stage, &orders).await;
    assert_eq!(stage.committed().await, 5);
    stage.check().await;
}

/// The offsets of the old log say nothing of the new one: what waits in it is written before stock
/// gets another epoch.
#[tokio::test(flavor = "multi_thread")]
async fn stock_is_not_filled_while_orders_wait_in_a_log_made_anew() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "100")];
    let mut stage =
        TestCheckout::with(Plan { settings, stock: vec![(40, 1)], ..Plan::default() }).await;
    for _ in 0..4 {
        let session = stage.session().await;
        let before = order_in_the_end(&stage, &session).await;
        await_written(&stage, &[(before, false)]).await;
    }
    stage.check().await;
    let (first, second) = (stage.session().await, stage.session().await);
    stage.writer.drain().await;
    make_log_anew(&stage).await;
    let order = order_in_the_end(&stage, &first).await;
    stage.flush_redis().await;
    assert_eq!(stage.hold(&second, "h", &[1]).await.problem(), "try-again-soon");
    stage.start_writer().await;
    await_written(&stage, &[(order, false)]).await;
    assert_eq!((stage.committed().await, stage.free().await), (5, 35));
    stage.check().await;
}

/// As if the log was made anew and grew beyond the old offset before the running writer read on.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_another_log_are_not_believed() {
    let stage = TestCheckout::with(Plan { stock: vec![(40, 4)], ..Plan::default() }).await;
    join_all((0..6).map(|_| stage.bought(&[1]))).await;
    stage.check().await;
    let before = (states(&stage).await, stage.committed().await);
    run_sql(&stage, ["UPDATE checkout.writer_offsets SET log = gen_random_uuid()".to_owned()])
        .await;
    let session = stage.session().await;
    let order = order_in_the_end(&stage, &session).await;
    await_written(&stage, &[(order, false)]).await;
    let after = states(&stage).await;
    assert!(
        before.0.keys().all(|order| after.contains_key(order)) && after.len() == before.0.len() + 1
    );
    assert_eq!(stage.committed().await, before.1 + 1);
    assert_eq!(stage.count("SELECT count(DISTINCT log) FROM checkout.writer_offsets").await, 1);
    stage.check().await;
}
