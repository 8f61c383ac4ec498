//! Stock follows the catalog's allotments: more is on sale at once, less only where it is free, and
//! nothing twice.

use std::time::{Duration, Instant};

use catalog::contract::{
    Allotment, CATALOG_TOPIC, CatalogEvent, allotments, ensure_catalog_topic, put_allotment,
};
use chrono::Utc;
use futures::future::join_all;
use kit::kafka::ProducerBounds;
use rdkafka::producer::FutureRecord;

use crate::{
    proxy::Proxy,
    test_checkout::{Plan, SHOW, TestCheckout, eventually},
};

async fn stage(allotted: i32) -> TestCheckout {
    let stage = unsold(Plan::default()).await;
    allot(&stage, allotted).await;
    stage
}

/// As published: there is no stock before the first event.
async fn unsold(plan: Plan) -> TestCheckout {
    let stage = TestCheckout::with(Plan { stock: vec![(0, 1)], ..plan }).await;
    sqlx::query("DELETE FROM checkout.stock").execute(&stage.corner.pool).await.unwrap();
    stage.flush_redis().await;
    stage.gate.restore(crate::test_checkout::ROOM, &[]).await.unwrap();
    catalog::run(stage.corner.pool.clone(), stage.corner.kafka.clone(), &stage.tasks);
    stage
}

/// Asks for an allotment and gives the answer.
async fn allot(stage: &TestCheckout, allotted: i32) -> Allotment {
    put_allotment(&stage.corner.pool, SHOW, stage.types[0].ticket_type, allotted).await.unwrap();
    eventually("the allotment is answered", || async {
        let known = allotments(&stage.corner.pool, SHOW).await.unwrap().remove(0);
        known.wanted.is_none().then_some(known)
    })
    .await
}

async fn allotted(stage: &TestCheckout) -> i64 {
    stage.count("SELECT coalesce(sum(allotted), 0)::bigint FROM checkout.stock").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_allotment_is_cut_into_shards_and_sold() {
    let stage = stage(120).await;
    assert_eq!(allotted(&stage).await, 120);
    assert_eq!(stage.shards().await.len(), 3);
    stage.bought(&[2]).await;
    assert_eq!(stage.free().await, 118);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tickets_are_to_be_had_within_a_second() {
    let stage = stage(2).await;
    stage.bought(&[2]).await;
    let late = stage.session().await;
    assert_eq!(stage.hold(&late, "none", &[1]).await.problem(), "sold-out");
    let asked = Instant::now();
    put_allotment(&stage.corner.pool, SHOW, stage.types[0].ticket_type, 5).await.unwrap();
    let mut attempt = 0;
    loop {
        attempt += 1;
        if stage.hold(&late, &format!("h{attempt}"), &[3]).await.status == 201 {
            break;
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "never on sale");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(stage.shards().await.len(), 1, "so few are not cut");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_begins_new_shards_where_there_are_few() {
    let stage = stage(10).await;
    allot(&stage, 300).await;
    assert_eq!(allotted(&stage).await, 300);
    assert_eq!(stage.shards().await.len(), 6);
    assert_eq!(stage.free().await, 300);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_or_held_is_not_taken_off_sale() {
    let stage = stage(100).await;
    let (session, order) = stage.bought(&[4]).await;
    stage.pay(&session, &order).await;
    stage.bought(&[1]).await;
    let holder = stage.session().await;
    let hold = stage.hold(&holder, "h", &[2]).await.ok(201).text("hold");

    let refused = allot(&stage, 6).await;
    assert_eq!(refused.allotted, 100);
    let words =
        "5 are sold or in orders and 2 are in fans' checkouts right now, so it cannot go below 7.";
    assert_eq!(refused.refusal.as_deref(), Some(words));
    assert_eq!((allotted(&stage).await, stage.free().await), (100, 93), "all is back on sale");

    let lowered = allot(&stage, 7).await;
    assert_eq!((lowered.allotted, lowered.refusal), (7, None));
    assert_eq!((allotted(&stage).await, stage.free().await), (7, 0));
    let late = stage.session().await;
    assert_eq!(stage.hold(&late, "none", &[1]).await.problem(), "sold-out");
    stage.order(&holder, "o", &hold).await.ok(201);
    assert_eq!(stage.committed().await, 7);
    stage.check().await;
}

/// How often tickets were put on sale or taken off in any shard, lately.
async fn steps(stage: &TestCheckout) -> u64 {
    let ids: Vec<i32> = sqlx::query_scalar("SELECT shard FROM checkout.stock")
        .fetch_all(&stage.corner.pool)
        .await
        .unwrap();
    let mut steps = 0;
    for shard in ids {
        let key =
            stage.corner.redis.key("resized", &format!("{}.{shard}", stage.types[0].ticket_type));
        let mut call = redis::cmd("HLEN");
        steps +=
            call.arg(key).query_async::<u64>(&mut stage.corner.redis.connection()).await.unwrap();
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowering_that_cannot_be_made_takes_nothing_off_sale() {
    let stage = stage(120).await;
    stage.bought(&[4]).await;
    let fan = stage.session().await;
    let before = steps(&stage).await;
    for attempt in 0..4 {
        assert!(allot(&stage, 3).await.refusal.is_some());
        assert!(allot(&stage, attempt % 2).await.refusal.is_some());
        stage.hold(&fan, &format!("h{attempt}"), &[4]).await.ok(201);
    }
    assert_eq!(
        steps(&stage).await,
        before,
        "nothing was taken off, and so nobody was told that none is left"
    );
    assert_eq!(allot(&stage, 100).await.refusal, None);
    assert!(steps(&stage).await > before, "what can be made is made there");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_holds_that_ran_out_can_be_taken_off_sale() {
    let stage = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_HOLD_SECS", "1")],
        stock: vec![(10, 2)],
        ..Plan::default()
    })
    .await;
    catalog::run(stage.corner.pool.clone(), stage.corner.kafka.clone(), &stage.tasks);
    // Stock of an older installation has no allotment yet; it is adjusted like any other.
    stage.hold(&stage.session().await, "h", &[4]).await.ok(201);
    eventually("the hold has run out", || async {
        stage
            .shards()
            .await
            .iter()
            .any(|(_, _, seen)| seen.is_some_and(|seen| seen.run_out == 4))
            .then_some(())
    })
    .await;
    assert_eq!(allot(&stage, 0).await.refusal, None);
    assert_eq!((allotted(&stage).await, stage.free().await), (0, 0));
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_change_and_one_that_comes_again_change_nothing() {
    let stage = stage(50).await;
    allot(&stage, 20).await;
    let known = allot(&stage, 40).await;
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) =
        (stage.corner.kafka.producer(bounds).unwrap(), stage.corner.kafka.name(CATALOG_TOPIC));
    let event = |allotted, revision| CatalogEvent::AllotmentChanged {
        show: SHOW.to_owned(),
        ticket_type: known.ticket_type,
        allotted,
        revision,
        at: Utc::now(),
    };
    let mut payloads = vec![b"{\"type\":\"allotment_changed.v9\"}".to_vec()];
    for old in [event(50, 1), event(7, known.revision - 1), event(1, known.revision)] {
        payloads.push(serde_json::to_vec(&old).unwrap());
    }
    for payload in &payloads {
        let record = FutureRecord::to(&topic).key(SHOW).payload(payload);
        producer.send(record, Duration::from_secs(5)).await.unwrap();
    }
    // What comes after them on the same partition shows that they were read.
    let answer = allot(&stage, 41).await;
    assert_eq!((answer.allotted, answer.refusal), (41, None));
    assert_eq!((allotted(&stage).await, stage.free().await), (41, 41));
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_that_comes_again_stays_refused() {
    let stage = stage(10).await;
    let holder = stage.session().await;
    let hold = stage.hold(&holder, "h", &[4]).await.ok(201).text("hold");
    let refused = allot(&stage, 2).await;
    assert_eq!(
        refused.refusal.as_deref(),
        Some("4 are in fans' checkouts right now, so it cannot go below 4.")
    );
    stage.delete(&format!("/v1/holds/{hold}"), &holder).await.ok(204);
    // By now it could be done; but the reseller was told that it was not.
    let again = CatalogEvent::AllotmentChanged {
        show: SHOW.to_owned(),
        ticket_type: refused.ticket_type,
        allotted: 2,
        revision: refused.revision,
        at: Utc::now(),
    };
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) =
        (stage.corner.kafka.producer(bounds).unwrap(), stage.corner.kafka.name(CATALOG_TOPIC));
    let payload = serde_json::to_vec(&again).unwrap();
    producer
        .send(FutureRecord::to(&topic).key(SHOW).payload(&payload), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(allot(&stage, 11).await.allotted, 11);
    assert_eq!(allotted(&stage).await, 11);
    stage.check().await;
}

/// A process that died between taking tickets off sale and writing so leaves Redis with too few.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_taken_off_sale_by_nobody_come_back() {
    let stage = stage(10).await;
    stage.bought(&[1]).await;
    let slot = format!("{}.0", stage.types[0].ticket_type);
    let key = stage.corner.redis.key("stock", &slot);
    let mut connection = stage.corner.redis.connection();
    let _: i64 = redis::cmd("HINCRBY")
        .arg(key)
        .arg("free")
        .arg(-5)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(stage.free().await, 9);
    stage.check().await;
}

/// They are missing in Redis until the keeper has looked twice, and nobody holds them: that is no
/// reason to refuse.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_nobody_holds_are_no_reason_to_refuse() {
    let stage = stage(10).await;
    stage.bought(&[1]).await;
    assert_eq!(stage.free().await, 9);
    let key = stage.corner.redis.key("stock", &format!("{}.0", stage.types[0].ticket_type));
    let mut connection = stage.corner.redis.connection();
    let _: i64 = redis::cmd("HINCRBY")
        .arg(key)
        .arg("free")
        .arg(-5)
        .query_async(&mut connection)
        .await
        .unwrap();
    let lowered = allot(&stage, 2).await;
    assert_eq!((lowered.allotted, lowered.refusal), (2, None));
    assert_eq!((allotted(&stage).await, stage.free().await), (2, 1));
    let refused = allot(&stage, 0).await;
    assert_eq!(
        refused.refusal.as_deref(),
        Some("1 is sold or in orders, so it cannot go below 1.")
    );
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_answer_got_lost_counts_once() {
    let mut stage = unsold(Plan { writer: false, ..Plan::default() }).await;
    let script = redis::Script::new(include_str!("../../src/stock/scripts/resize.lua"));
    // Known to the server, so that the first answer is the one of the step.
    let mut connection = stage.corner.redis.connection();
    let load = redis::cmd("SCRIPT")
        .arg("LOAD")
        .arg(include_str!("../../src/stock/scripts/resize.lua"))
        .to_owned();
    let loaded: String = load.query_async(&mut connection).await.unwrap();
    assert_eq!(loaded, script.get_hash());
    let proxy = Proxy::before(&stage.corner.redis_url, loaded).await;
    stage.corner.redis = kit::redis::Redis::connect(&proxy.url, &stage.corner.namespace).unwrap();
    stage.start_writer().await;
    allot(&stage, 10).await;
    assert_eq!(stage.free().await, 10);
    let epoch = stage.count("SELECT epoch FROM checkout.stock").await;

    proxy.lose_next();
    allot(&stage, 40).await;
    assert!(proxy.has_lost());
    let free = |stage: &TestCheckout| {
        let (redis, ticket_type) = (stage.corner.redis.clone(), stage.types[0].ticket_type);
        async move {
            checkout::contract::snapshot(&redis, ticket_type, 0)
                .await
                .unwrap()
                .map(|seen| seen.free)
        }
    };
    assert_eq!(free(&stage).await, Some(40), "at once, not when the keeper has looked");

    proxy.lose_next();
    let lowered = allot(&stage, 5).await;
    assert!(proxy.has_lost());
    assert_eq!((lowered.allotted, lowered.refusal, free(&stage).await), (5, None, Some(5)));
    assert_eq!(
        stage.count("SELECT epoch FROM checkout.stock").await,
        epoch,
        "nothing was filled anew"
    );
    stage.check().await;
}

/// Writing to stock fails with this code until [`mend`]. How often it did is counted, transactions
/// or not.
async fn break_stock(stage: &TestCheckout, code: &str) {
    let sql = format!(
        "CREATE SEQUENCE checkout.failed_insert; CREATE SEQUENCE checkout.failed_update;
         CREATE FUNCTION checkout.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM nextval('checkout.failed_' || lower(TG_OP));
             RAISE EXCEPTION 'broken' USING ERRCODE = '{code}';
         END $$;
         CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON checkout.stock FOR EACH STATEMENT \
         EXECUTE FUNCTION checkout.fail()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&stage.corner.pool).await.unwrap();
}

async fn mend(stage: &TestCheckout) {
    sqlx::query("DROP TRIGGER broken ON checkout.stock").execute(&stage.corner.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_costs_no_order_and_no_allotment() {
    let plan = Plan { settings: vec![("FAIRGATE_OUTCOME_WAIT_MS", "300")], ..Plan::default() };
    let stage = unsold(plan).await;
    allot(&stage, 10).await;
    let session = stage.session().await;
    let hold = stage.hold(&session, "h", &[2]).await.ok(201).text("hold");
    break_stock(&stage, "53100").await;
    put_allotment(&stage.corner.pool, SHOW, stage.types[0].ticket_type, 30).await.unwrap();
    let pending = stage.order(&session, "o", &hold).await.ok(202);
    // Both were tried, and tried again.
    eventually("both wait", || async {
        let inserts = stage.count("SELECT last_value FROM checkout.failed_insert").await;
        (inserts >= 3 && stage.count("SELECT last_value FROM checkout.failed_update").await >= 3)
            .then_some(())
    })
    .await;
    mend(&stage).await;
    let path = pending.location.clone().unwrap();
    eventually("the order is written", || async {
        (stage.get(&path, &session).await.status == 200).then_some(())
    })
    .await;
    eventually("the allotment is applied", || async {
        (allotted(&stage).await == 30).then_some(())
    })
    .await;
    assert_eq!((stage.committed().await, stage.free().await), (2, 28));
    let known = allot(&stage, 30).await;
    assert_eq!((known.allotted, known.refusal), (30, None));
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allotment_that_can_never_be_written_is_refused_and_the_next_one_is_not() {
    let stage = stage(10).await;
    break_stock(&stage, "23514").await;
    let refused = allot(&stage, 20).await;
    assert_eq!(
        (refused.allotted, refused.refusal.as_deref()),
        (10, Some("It could not be applied. Ask us."))
    );
    mend(&stage).await;
    let known = allot(&stage, 21).await;
    assert_eq!((known.allotted, known.refusal, stage.free().await), (21, None, 21));
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fans_buy_while_allotments_change_and_redis_is_lost_and_nothing_is_oversold() {
    let stage = stage(60).await;
    ensure_catalog_topic(&stage.corner.kafka).await.unwrap();
    let fan = |number: usize| {
        let stage = &stage;
        async move {
            let session = eventually("a session", || async {
                let answer = stage
                    .redeem(&stage.pass(&format!("{}.0.{number}", crate::test_checkout::ROOM)))
                    .await;
                (answer.status == 201).then(|| answer.text("session_token"))
            })
            .await;
            for attempt in 0..40 {
                let hold = stage.hold(&session, &format!("h{attempt}"), &[1]).await;
                if hold.status == 201 {
                    let order =
                        stage.order(&session, &format!("o{attempt}"), &hold.text("hold")).await;
                    if order.status == 201 {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        }
    };
    let fans = join_all((0..60).map(fan));
    let changes = async {
        for wanted in [80, 30, 55, 20, 70, 25, 40] {
            allot(&stage, wanted).await;
        }
    };
    let losses = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.flush_redis().await;
    };
    tokio::join!(fans, changes, losses);
    let known = allot(&stage, 75).await;
    assert_eq!((known.allotted, allotted(&stage).await), (75, 75));
    let oversold =
        stage.count("SELECT count(*) FROM checkout.stock WHERE committed > allotted").await;
    assert_eq!(oversold, 0);
    stage.check().await;
}

/// Redis still has the earlier epoch: what it says about free tickets counts for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_filled_anew_meanwhile_is_waited_for() {
    let stage = stage(10).await;
    stage.bought(&[4]).await;
    sqlx::query("UPDATE checkout.stock SET epoch = epoch + 1")
        .execute(&stage.corner.pool)
        .await
        .unwrap();
    assert_eq!(allot(&stage, 5).await.refusal, None);
    sqlx::query("UPDATE checkout.stock SET epoch = epoch + 1")
        .execute(&stage.corner.pool)
        .await
        .unwrap();
    assert_eq!(allot(&stage, 8).await.refusal, None);
    assert_eq!((allotted(&stage).await, stage.free().await), (8, 4));
    stage.check().await;
}
