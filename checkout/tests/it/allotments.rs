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
    test_checkout::{Plan, SHOW, TestCheckout, eventually, id},
};

async fn checkout(allotted: i32) -> TestCheckout {
    let checkout = unsold(Plan::default()).await;
    allot(&checkout, allotted).await;
    checkout
}

/// As published: there is no stock before the first event.
async fn unsold(plan: Plan) -> TestCheckout {
    let checkout = TestCheckout::with(Plan { stock: vec![(0, 1)], ..plan }).await;
    sqlx::query("DELETE FROM checkout.stock").execute(&checkout.test_env.pool).await.unwrap();
    checkout.flush_redis().await;
    checkout.gate.restore(crate::test_checkout::ROOM, &[]).await.unwrap();
    catalog::run(checkout.test_env.pool.clone(), checkout.test_env.kafka.clone(), &checkout.tasks);
    checkout
}

/// Asks for an allotment and gives the answer.
async fn allot(checkout: &TestCheckout, allotted: i32) -> Allotment {
    put_allotment(&checkout.test_env.pool, &id(SHOW), checkout.types[0].ticket_type, allotted)
        .await
        .unwrap();
    eventually("the allotment is answered", || async {
        let known = allotments(&checkout.test_env.pool, &id(SHOW)).await.unwrap().remove(0);
        known.wanted.is_none().then_some(known)
    })
    .await
}

async fn allotted(checkout: &TestCheckout) -> i64 {
    checkout.count("SELECT coalesce(sum(allotted), 0)::bigint FROM checkout.stock").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_allotment_is_cut_into_shards_and_sold() {
    let checkout = checkout(120).await;
    assert_eq!(allotted(&checkout).await, 120);
    assert_eq!(checkout.shards().await.len(), 3);
    checkout.bought(&[2]).await;
    assert_eq!(checkout.free().await, 118);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tickets_are_to_be_had_within_a_second() {
    let checkout = checkout(2).await;
    checkout.bought(&[2]).await;
    let late = checkout.session().await;
    assert_eq!(checkout.hold(&late, "none", &[1]).await.problem(), "sold-out");
    let asked = Instant::now();
    put_allotment(&checkout.test_env.pool, &id(SHOW), checkout.types[0].ticket_type, 5)
        .await
        .unwrap();
    let mut attempt = 0;
    loop {
        attempt += 1;
        if checkout.hold(&late, &format!("h{attempt}"), &[3]).await.status == 201 {
            break;
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "never on sale");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(checkout.shards().await.len(), 1, "so few are not cut");
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_begins_new_shards_where_there_are_few() {
    let checkout = checkout(10).await;
    allot(&checkout, 300).await;
    assert_eq!(allotted(&checkout).await, 300);
    assert_eq!(checkout.shards().await.len(), 6);
    assert_eq!(checkout.free().await, 300);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_or_held_is_not_taken_off_sale() {
    let checkout = checkout(100).await;
    let (session, order) = checkout.bought(&[4]).await;
    checkout.pay(&session, &order).await;
    checkout.bought(&[1]).await;
    let holder = checkout.session().await;
    let hold = checkout.hold(&holder, "h", &[2]).await.ok(201).text_of("hold");

    let refused = allot(&checkout, 6).await;
    assert_eq!(refused.allotted, 100);
    let words =
        "5 are sold or in orders and 2 are in fans' checkouts right now, so it cannot go below 7.";
    assert_eq!(refused.refusal.as_deref(), Some(words));
    assert_eq!(
        (allotted(&checkout).await, checkout.free().await),
        (100, 93),
        "all is back on sale"
    );

    let lowered = allot(&checkout, 7).await;
    assert_eq!((lowered.allotted, lowered.refusal), (7, None));
    assert_eq!((allotted(&checkout).await, checkout.free().await), (7, 0));
    let late = checkout.session().await;
    assert_eq!(checkout.hold(&late, "none", &[1]).await.problem(), "sold-out");
    checkout.order(&holder, "o", &hold).await.ok(201);
    assert_eq!(checkout.committed().await, 7);
    checkout.check().await;
}

/// How often tickets were put on sale or taken off in any shard, lately.
async fn steps(checkout: &TestCheckout) -> u64 {
    let ids: Vec<i32> = sqlx::query_scalar("SELECT shard FROM checkout.stock")
        .fetch_all(&checkout.test_env.pool)
        .await
        .unwrap();
    let mut steps = 0;
    for shard in ids {
        let key = checkout
            .test_env
            .redis
            .key("resized", &format!("{}.{shard}", checkout.types[0].ticket_type));
        let mut call = redis::cmd("HLEN");
        steps += call
            .arg(key)
            .query_async::<u64>(&mut checkout.test_env.redis.connection())
            .await
            .unwrap();
    }
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowering_that_cannot_be_made_takes_nothing_off_sale() {
    let checkout = checkout(120).await;
    checkout.bought(&[4]).await;
    let fan = checkout.session().await;
    let before = steps(&checkout).await;
    for attempt in 0..4 {
        assert!(allot(&checkout, 3).await.refusal.is_some());
        assert!(allot(&checkout, attempt % 2).await.refusal.is_some());
        checkout.hold(&fan, &format!("h{attempt}"), &[4]).await.ok(201);
    }
    assert_eq!(
        steps(&checkout).await,
        before,
        "nothing was taken off, and so nobody was told that none is left"
    );
    assert_eq!(allot(&checkout, 100).await.refusal, None);
    assert!(steps(&checkout).await > before, "what can be made is made there");
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_holds_that_ran_out_can_be_taken_off_sale() {
    let checkout = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_HOLD_SECS", "1")],
        stock: vec![(10, 2)],
        ..Plan::default()
    })
    .await;
    catalog::run(checkout.test_env.pool.clone(), checkout.test_env.kafka.clone(), &checkout.tasks);
    // Stock of an older installation has no allotment yet; it is adjusted like any other.
    checkout.hold(&checkout.session().await, "h", &[4]).await.ok(201);
    eventually("the hold has run out", || async {
        checkout
            .shards()
            .await
            .iter()
            .any(|(_, _, seen)| seen.is_some_and(|seen| seen.run_out == 4))
            .then_some(())
    })
    .await;
    assert_eq!(allot(&checkout, 0).await.refusal, None);
    assert_eq!((allotted(&checkout).await, checkout.free().await), (0, 0));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_change_and_one_that_comes_again_change_nothing() {
    let checkout = checkout(50).await;
    allot(&checkout, 20).await;
    let known = allot(&checkout, 40).await;
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) = (
        checkout.test_env.kafka.producer(bounds).unwrap(),
        checkout.test_env.kafka.name(CATALOG_TOPIC),
    );
    let event = |allotted, revision| CatalogEvent::AllotmentChanged {
        show: id(SHOW),
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
    let answer = allot(&checkout, 41).await;
    assert_eq!((answer.allotted, answer.refusal), (41, None));
    assert_eq!((allotted(&checkout).await, checkout.free().await), (41, 41));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_that_comes_again_stays_refused() {
    let checkout = checkout(10).await;
    let holder = checkout.session().await;
    let hold = checkout.hold(&holder, "h", &[4]).await.ok(201).text_of("hold");
    let refused = allot(&checkout, 2).await;
    assert_eq!(
        refused.refusal.as_deref(),
        Some("4 are in fans' checkouts right now, so it cannot go below 4.")
    );
    checkout.delete(&format!("/v1/holds/{hold}"), &holder).await.ok(204);
    // By now it could be done; but the reseller was told that it was not.
    let again = CatalogEvent::AllotmentChanged {
        show: id(SHOW),
        ticket_type: refused.ticket_type,
        allotted: 2,
        revision: refused.revision,
        at: Utc::now(),
    };
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) = (
        checkout.test_env.kafka.producer(bounds).unwrap(),
        checkout.test_env.kafka.name(CATALOG_TOPIC),
    );
    let payload = serde_json::to_vec(&again).unwrap();
    producer
        .send(FutureRecord::to(&topic).key(SHOW).payload(&payload), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(allot(&checkout, 11).await.allotted, 11);
    assert_eq!(allotted(&checkout).await, 11);
    checkout.check().await;
}

/// A process that died between taking tickets off sale and writing so leaves Redis with too few.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_taken_off_sale_by_nobody_come_back() {
    let checkout = checkout(10).await;
    checkout.bought(&[1]).await;
    let slot = format!("{}.0", checkout.types[0].ticket_type);
    let key = checkout.test_env.redis.key("stock", &slot);
    let mut connection = checkout.test_env.redis.connection();
    let _: i64 = redis::cmd("HINCRBY")
        .arg(key)
        .arg("free")
        .arg(-5)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(checkout.free().await, 9);
    checkout.check().await;
}

/// They are missing in Redis until the keeper has looked twice, and nobody holds them: that is no
/// reason to refuse.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_nobody_holds_are_no_reason_to_refuse() {
    let checkout = checkout(10).await;
    checkout.bought(&[1]).await;
    assert_eq!(checkout.free().await, 9);
    let key = checkout.test_env.redis.key("stock", &format!("{}.0", checkout.types[0].ticket_type));
    let mut connection = checkout.test_env.redis.connection();
    let _: i64 = redis::cmd("HINCRBY")
        .arg(key)
        .arg("free")
        .arg(-5)
        .query_async(&mut connection)
        .await
        .unwrap();
    let lowered = allot(&checkout, 2).await;
    assert_eq!((lowered.allotted, lowered.refusal), (2, None));
    assert_eq!((allotted(&checkout).await, checkout.free().await), (2, 1));
    let refused = allot(&checkout, 0).await;
    assert_eq!(
        refused.refusal.as_deref(),
        Some("1 is sold or in orders, so it cannot go below 1.")
    );
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_whose_answer_got_lost_counts_once() {
    let mut checkout = unsold(Plan { writer: false, ..Plan::default() }).await;
    let script = redis::Script::new(include_str!("../../src/stock/scripts/resize.lua"));
    // Known to the server, so that the first answer is the one of the step.
    let mut connection = checkout.test_env.redis.connection();
    let load = redis::cmd("SCRIPT")
        .arg("LOAD")
        .arg(include_str!("../../src/stock/scripts/resize.lua"))
        .to_owned();
    let loaded: String = load.query_async(&mut connection).await.unwrap();
    assert_eq!(loaded, script.get_hash());
    let proxy = Proxy::before(&checkout.test_env.redis_url, loaded).await;
    checkout.test_env.redis =
        kit::redis::Redis::connect(&proxy.url, &checkout.test_env.namespace).unwrap();
    checkout.start_writer().await;
    allot(&checkout, 10).await;
    assert_eq!(checkout.free().await, 10);
    let epoch = checkout.count("SELECT epoch FROM checkout.stock").await;

    proxy.lose_next();
    allot(&checkout, 40).await;
    assert!(proxy.has_lost());
    let free = |checkout: &TestCheckout| {
        let (redis, ticket_type) = (checkout.test_env.redis.clone(), checkout.types[0].ticket_type);
        async move {
            checkout::contract::snapshot(&redis, ticket_type, 0)
                .await
                .unwrap()
                .map(|seen| seen.free)
        }
    };
    assert_eq!(free(&checkout).await, Some(40), "at once, not when the keeper has looked");

    proxy.lose_next();
    let lowered = allot(&checkout, 5).await;
    assert!(proxy.has_lost());
    assert_eq!((lowered.allotted, lowered.refusal, free(&checkout).await), (5, None, Some(5)));
    assert_eq!(
        checkout.count("SELECT epoch FROM checkout.stock").await,
        epoch,
        "nothing was filled anew"
    );
    checkout.check().await;
}

/// Writing to stock fails with this code until [`mend`]. How often it did is counted, transactions
/// or not.
async fn break_stock(checkout: &TestCheckout, code: &str) {
    let sql = format!(
        "CREATE SEQUENCE checkout.failed_insert; CREATE SEQUENCE checkout.failed_update;
         CREATE FUNCTION checkout.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM nextval('checkout.failed_' || lower(TG_OP));
             RAISE EXCEPTION 'broken' USING ERRCODE = '{code}';
         END $$;
         CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON checkout.stock FOR EACH STATEMENT \
         EXECUTE FUNCTION checkout.fail()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&checkout.test_env.pool).await.unwrap();
}

async fn mend(checkout: &TestCheckout) {
    sqlx::query("DROP TRIGGER broken ON checkout.stock")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_costs_no_order_and_no_allotment() {
    let plan = Plan { settings: vec![("FAIRGATE_OUTCOME_WAIT_MS", "300")], ..Plan::default() };
    let checkout = unsold(plan).await;
    allot(&checkout, 10).await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[2]).await.ok(201).text_of("hold");
    break_stock(&checkout, "53100").await;
    put_allotment(&checkout.test_env.pool, &id(SHOW), checkout.types[0].ticket_type, 30)
        .await
        .unwrap();
    let pending = checkout.order(&session, "o", &hold).await.ok(202);
    // Both were tried, and tried again.
    eventually("both wait", || async {
        let inserts = checkout.count("SELECT last_value FROM checkout.failed_insert").await;
        (inserts >= 3 && checkout.count("SELECT last_value FROM checkout.failed_update").await >= 3)
            .then_some(())
    })
    .await;
    mend(&checkout).await;
    let path = pending.location().to_owned();
    eventually("the order is written", || async {
        (checkout.get(&path, &session).await.status == 200).then_some(())
    })
    .await;
    eventually("the allotment is applied", || async {
        (allotted(&checkout).await == 30).then_some(())
    })
    .await;
    assert_eq!((checkout.committed().await, checkout.free().await), (2, 28));
    let known = allot(&checkout, 30).await;
    assert_eq!((known.allotted, known.refusal), (30, None));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allotment_that_can_never_be_written_is_refused_and_the_next_one_is_not() {
    let checkout = checkout(10).await;
    break_stock(&checkout, "23514").await;
    let refused = allot(&checkout, 20).await;
    assert_eq!(
        (refused.allotted, refused.refusal.as_deref()),
        (10, Some("It could not be applied. Ask us."))
    );
    mend(&checkout).await;
    let known = allot(&checkout, 21).await;
    assert_eq!((known.allotted, known.refusal, checkout.free().await), (21, None, 21));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fans_buy_while_allotments_change_and_redis_is_lost_and_nothing_is_oversold() {
    let checkout = checkout(60).await;
    ensure_catalog_topic(&checkout.test_env.kafka).await.unwrap();
    let fan = |number: usize| {
        let checkout = &checkout;
        async move {
            let session = eventually("a session", || async {
                let answer = checkout
                    .redeem(&checkout.pass(&format!("{}.0.{number}", crate::test_checkout::ROOM)))
                    .await;
                (answer.status == 201).then(|| answer.text_of("session_token"))
            })
            .await;
            for attempt in 0..40 {
                let hold = checkout.hold(&session, &format!("h{attempt}"), &[1]).await;
                if hold.status == 201 {
                    let order = checkout
                        .order(&session, &format!("o{attempt}"), &hold.text_of("hold"))
                        .await;
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
            allot(&checkout, wanted).await;
        }
    };
    let losses = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        checkout.flush_redis().await;
    };
    tokio::join!(fans, changes, losses);
    let known = allot(&checkout, 75).await;
    assert_eq!((known.allotted, allotted(&checkout).await), (75, 75));
    let oversold =
        checkout.count("SELECT count(*) FROM checkout.stock WHERE committed > allotted").await;
    assert_eq!(oversold, 0);
    checkout.check().await;
}

/// Redis still has the earlier epoch: what it says about free tickets counts for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_filled_anew_meanwhile_is_waited_for() {
    let checkout = checkout(10).await;
    checkout.bought(&[4]).await;
    sqlx::query("UPDATE checkout.stock SET epoch = epoch + 1")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    assert_eq!(allot(&checkout, 5).await.refusal, None);
    sqlx::query("UPDATE checkout.stock SET epoch = epoch + 1")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    assert_eq!(allot(&checkout, 8).await.refusal, None);
    assert_eq!((allotted(&checkout).await, checkout.free().await), (8, 4));
    checkout.check().await;
}
