//! What is lost, repeated or late changes nothing that counts.

use std::time::Duration;

use checkout::contract::{
    self, COMMANDS_TOPIC, Command, DEAD_TOPIC, EVENTS_TOPIC, EndOrder, OrderEvent, WRITER_GROUP,
};
use futures::future::join_all;
use kit::kafka::{ProducerBounds, ReaderContext};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer, DefaultConsumerContext},
    producer::{FutureProducer, FutureRecord},
};
use uuid::Uuid;

use crate::test_checkout::{Plan, TestCheckout, eventually};

/// Every record of a topic now: partition, key and payload.
pub async fn records(checkout: &TestCheckout, topic: &str) -> Vec<(i32, Vec<u8>, Vec<u8>)> {
    let reader: BaseConsumer<ReaderContext> = checkout.test_env.kafka.reader().unwrap();
    let topic = checkout.test_env.kafka.name(topic);
    tokio::task::spawn_blocking(move || {
        let metadata = reader.fetch_metadata(Some(&topic), Duration::from_secs(5)).unwrap();
        let (mut all, mut total) = (TopicPartitionList::new(), 0);
        for partition in metadata.topics()[0].partitions() {
            let (low, high) =
                reader.fetch_watermarks(&topic, partition.id(), Duration::from_secs(5)).unwrap();
            total += high - low;
            all.add_partition_offset(&topic, partition.id(), Offset::Beginning).unwrap();
        }
        reader.assign(&all).unwrap();
        let mut records = Vec::new();
        while (records.len() as i64) < total {
            if let Some(Ok(message)) = reader.poll(Duration::from_millis(200)) {
                let bytes = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                records.push((message.partition(), bytes(message.key()), bytes(message.payload())));
            }
        }
        records
    })
    .await
    .unwrap()
}

async fn state(checkout: &TestCheckout) -> (i64, i64, i64, i64) {
    (
        checkout.count("SELECT count(*) FROM checkout.orders").await,
        checkout.count("SELECT coalesce(sum(quantity), 0) FROM checkout.order_lines").await,
        checkout.committed().await,
        checkout.count("SELECT coalesce(sum(version), 0)::bigint FROM checkout.stock").await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_log_again_changes_nothing() {
    let mut checkout = TestCheckout::with(Plan { stock: vec![(40, 4)], ..Plan::default() }).await;
    let bought = join_all((0..8).map(|_| checkout.bought(&[2]))).await;
    let (session, order) = &bought[0];
    checkout.delete(order.location(), session).await.ok(200);
    checkout.check().await;
    let before = state(&checkout).await;
    let log = records(&checkout, COMMANDS_TOPIC).await;
    assert!(log.len() >= 9);

    // The same records once more, as a producer that was not believed would send them.
    let bounds = ProducerBounds { queue_messages_max: 1_000, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) = (
        checkout.test_env.kafka.producer(bounds).unwrap(),
        checkout.test_env.kafka.name(COMMANDS_TOPIC),
    );
    for (partition, key, payload) in &log {
        let record = FutureRecord::to(&topic).partition(*partition).key(key).payload(payload);
        producer.send(record, Duration::from_secs(5)).await.unwrap();
    }
    let target = 2 * log.len() as i64;
    let consumed = |checkout: &TestCheckout| {
        let pool = checkout.test_env.pool.clone();
        async move {
            let sql = "SELECT coalesce(sum(next_offset), 0)::bigint FROM checkout.writer_offsets";
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap()
        }
    };
    eventually("the writer is through", || async {
        (consumed(&checkout).await == target).then_some(())
    })
    .await;
    assert_eq!(state(&checkout).await, before);

    // The writer forgets where it was, and reads all from the beginning.
    checkout.writer.drain().await;
    let group: BaseConsumer =
        checkout.test_env.kafka.consumer(WRITER_GROUP, DefaultConsumerContext).unwrap();
    let mut start = TopicPartitionList::new();
    for partition in 0..4 {
        start.add_partition_offset(&topic, partition, Offset::Offset(0)).unwrap();
    }
    eventually("the group is empty", || async { group.commit(&start, CommitMode::Sync).ok() })
        .await;
    drop(group);
    checkout.start_writer().await;
    checkout.bought(&[1]).await;
    let after = state(&checkout).await;
    assert_eq!((after.0, after.1, after.2), (before.0 + 1, before.1 + 1, before.2 + 1));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_forgets_everything_and_nothing_is_sold_twice() {
    let checkout = TestCheckout::with(Plan { stock: vec![(30, 3)], ..Plan::default() }).await;
    join_all((0..5).map(|_| checkout.bought(&[2]))).await;
    let (holder, rival) = (checkout.session().await, checkout.session().await);
    let hold = checkout.hold(&holder, "h", &[4]).await.ok(201).text_of("hold");
    checkout.flush_redis().await;

    // The hold was lost with Redis, but its token is good for the same tickets.
    let order = eventually("stock is back", || async {
        let answer = checkout.order(&holder, "o", &hold).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    order.ok(201);
    assert_eq!(checkout.committed().await, 14);

    // Lost again, and this time others take everything meanwhile.
    let hold = checkout.hold(&rival, "h", &[4]).await.ok(201).text_of("hold");
    checkout.flush_redis().await;
    eventually("the gate and stock are back", || async {
        let view = checkout.gate.view(crate::test_checkout::ROOM).await.unwrap();
        let present = checkout.shards().await.iter().all(|(_, _, seen)| seen.is_some());
        (view.ready && present).then_some(())
    })
    .await;
    join_all((0..4).map(|_| checkout.bought(&[4]))).await;
    assert_eq!(checkout.committed().await, 30);
    let refused = checkout.order(&rival, "o", &hold).await.ok(409);
    assert_eq!(refused.problem(), "hold-lost");
    assert_eq!(checkout.free().await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_lost_again_and_again_under_load() {
    let checkout = TestCheckout::with(Plan { stock: vec![(60, 4)], ..Plan::default() }).await;
    let buy = |fan: usize| {
        let checkout = &checkout;
        async move {
            let session = eventually("a session", || async {
                let answer = checkout
                    .redeem(&checkout.pass(&format!("{}.0.{fan}", crate::test_checkout::ROOM)))
                    .await;
                (answer.status == 201).then(|| answer.text_of("session_token"))
            })
            .await;
            for attempt in 0..200 {
                let hold = checkout.hold(&session, &format!("h{attempt}"), &[1]).await;
                if hold.status != 201 {
                    if hold.problem() == "sold-out" && checkout.committed().await == 60 {
                        return 0;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                let hold = hold.text_of("hold");
                for _ in 0..50 {
                    let order = checkout.order(&session, &format!("o{attempt}"), &hold).await;
                    match order.status.as_u16() {
                        201 => return 1,
                        202 | 503 => tokio::time::sleep(Duration::from_millis(100)).await,
                        _ => break,
                    }
                }
            }
            panic!("fan {fan} never got an answer");
        }
    };
    let fans = join_all((0..80).map(buy));
    let losses = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            checkout.flush_redis().await;
        }
    };
    let (bought, ()) = tokio::join!(fans, losses);
    assert_eq!(bought.iter().sum::<i32>(), 60);
    assert_eq!(checkout.committed().await, 60);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_an_earlier_epoch_is_refused_and_the_call_tries_again() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[2]).await.ok(201).text_of("hold");
    // Redis still says the old epoch; the keeper has not looked yet.
    sqlx::query("UPDATE checkout.stock SET epoch = epoch + 1")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    let order = eventually("the call gets through", || async {
        let answer = checkout.order(&session, "o", &hold).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    order.ok(201);
    assert_eq!(checkout.committed().await, 2);
    assert_eq!(checkout.free().await, 8);
    assert_eq!(
        checkout.count("SELECT count(*) FROM checkout.refusals").await,
        0,
        "what was refused first was written then"
    );
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_redis_never_heard_of_is_noticed() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    checkout.hold(&session, "h", &[2]).await.ok(201);
    let mut connection = checkout.test_env.redis.connection();
    let slot = format!("{}.0", checkout.types[0].ticket_type);
    let key = checkout.test_env.redis.key("stock", &slot);
    redis::cmd("HSET")
        .arg(key)
        .arg("free")
        .arg(99)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    assert_eq!(checkout.free().await, 8, "the hold that still stands is kept");
    checkout.check().await;
}

/// What a shard has not heard of may be on its way from another lane for as long as telling takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_comes_late_is_waited_for_and_nothing_is_filled_anew() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    assert_eq!(checkout.free().await, 9);
    let epoch = checkout.count("SELECT epoch FROM checkout.stock").await;
    let key = checkout.test_env.redis.key("stock", &format!("{}.0", checkout.types[0].ticket_type));
    let mut connection = checkout.test_env.redis.connection();
    let forget = redis::cmd("HINCRBY").arg(&key).arg("version").arg(-1).to_owned();
    let learn = redis::cmd("HINCRBY").arg(&key).arg("version").arg(1).to_owned();
    let _: i64 = forget.query_async(&mut connection).await.unwrap();
    checkout.bought(&[2]).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let _: i64 = learn.query_async(&mut connection).await.unwrap();
    assert_eq!(checkout.free().await, 7);
    assert_eq!(checkout.count("SELECT epoch FROM checkout.stock").await, epoch);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_writer_an_order_is_pending_and_written_later() {
    let mut checkout = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_OUTCOME_WAIT_MS", "300")],
        stock: vec![(10, 1)],
        writer: false,
        ..Plan::default()
    })
    .await;
    let session = checkout.session().await;
    let hold = eventually("a hold", || async {
        let answer = checkout.hold(&session, "h", &[2]).await;
        (answer.status == 201).then(|| answer.text_of("hold"))
    })
    .await;
    let pending = checkout.order(&session, "o", &hold).await.ok(202);
    assert_eq!(pending.body["state"], "pending");
    let path = pending.location().to_owned();
    assert_eq!(checkout.get(&path, &session).await.ok(202).body["state"], "pending");
    assert_eq!(checkout.get(&path, &checkout.session().await).await.problem(), "order-unknown");
    checkout.order(&session, "o", &hold).await.ok(202);
    checkout.start_writer().await;
    let order = eventually("the order is written", || async {
        let answer = checkout.get(&path, &session).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(order.text_of("order"), pending.text_of("order"));
    assert_eq!(checkout.free().await, 8);
    checkout.check().await;
}

async fn append(checkout: &TestCheckout, partition: i32, key: &str, payload: &[u8]) {
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    let (producer, topic) = (
        checkout.test_env.kafka.producer(bounds).unwrap(),
        checkout.test_env.kafka.name(COMMANDS_TOPIC),
    );
    let record = FutureRecord::to(&topic).partition(partition).key(key).payload(payload);
    producer.send(record, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_nobody_can_read_goes_to_the_dead_letters() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    let (home, _, _) = records(&checkout, COMMANDS_TOPIC).await[0].clone();
    let order = Uuid::new_v4();
    for (key, payload) in
        [("", &b"\xff\x00"[..]), (&order.to_string(), &b"{\"type\":\"place.v1\"}"[..])]
    {
        append(&checkout, home, key, payload).await;
    }
    checkout.bought(&[1]).await;
    assert_eq!(checkout.committed().await, 2);
    let dead: Vec<Vec<u8>> =
        records(&checkout, DEAD_TOPIC).await.into_iter().map(|(_, _, payload)| payload).collect();
    assert_eq!(dead, [b"\xff\x00".to_vec(), b"{\"type\":\"place.v1\"}".to_vec()]);
    let refused: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT order_id, reason FROM checkout.refusals")
            .fetch_all(&checkout.test_env.pool)
            .await
            .unwrap();
    assert_eq!(refused, [(order, "unwritable".to_owned())]);
    assert_eq!(checkout.free().await, 8);
    checkout.check().await;
}

/// The broker takes records that our own producers would not, and the dead letter has more headers
/// than the record had.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_too_large_to_be_sent_on_goes_to_the_dead_letters_cut_short() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    let (home, _, _) = records(&checkout, COMMANDS_TOPIC).await[0].clone();
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &checkout.test_env.kafka_brokers)
        .set("message.max.bytes", "2000000")
        .create()
        .unwrap();
    let (topic, key, payload) =
        (checkout.test_env.kafka.name(COMMANDS_TOPIC), [b'k'; 20_000], vec![b'x'; 1_020_000]);
    let record = FutureRecord::to(&topic).partition(home).key(&key[..]).payload(&payload);
    producer.send(record, Duration::from_secs(5)).await.unwrap();
    checkout.bought(&[1]).await;
    let dead = records(&checkout, DEAD_TOPIC).await;
    assert_eq!(dead.len(), 1);
    assert!(payload.starts_with(&dead[0].2) && dead[0].2.len() > 500_000);
    checkout.check().await;
}

/// As where another instance is set to more partitions than this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_beyond_those_that_are_set_is_written_too() {
    let mut checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    let (_, order) = checkout.bought(&[1]).await;
    checkout.writer.drain().await;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &checkout.test_env.kafka_brokers)
        .create()
        .unwrap();
    let topic = checkout.test_env.kafka.name(COMMANDS_TOPIC);
    let more = NewPartitions::new(&topic, 40);
    admin.create_partitions([&more], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    eventually("the partitions are there", || async {
        (checkout.test_env.kafka.partitions(COMMANDS_TOPIC).await.ok()? == 40).then_some(())
    })
    .await;
    let unknown = Command::Cancel(EndOrder { order: Uuid::new_v4().into() });
    append(&checkout, 39, &order.text_of("order"), &serde_json::to_vec(&unknown).unwrap()).await;
    checkout.start_writer().await;
    eventually("the partition is written", || async {
        let sql = "SELECT next_offset FROM checkout.writer_offsets WHERE partition = 39";
        let written = sqlx::query_scalar::<_, i64>(sql)
            .fetch_optional(&checkout.test_env.pool)
            .await
            .unwrap();
        (written == Some(1)).then_some(())
    })
    .await;
    checkout.bought(&[1]).await;
    checkout.check().await;
}

/// Both commands wait in the log, so that the writer takes them in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_given_up_and_the_next_of_its_session_are_written_together() {
    let mut checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[2]).await;
    let (home, _, payload) = records(&checkout, COMMANDS_TOPIC).await[0].clone();
    checkout.writer.drain().await;
    let Ok(Command::Submit(mut place)) = serde_json::from_slice(&payload) else {
        panic!("no placing")
    };
    let cancel = Command::Cancel(EndOrder { order: place.order });
    (place.order, place.hold) = (Uuid::new_v4().into(), Uuid::new_v4().into());
    for command in [cancel, Command::Submit(place)] {
        append(&checkout, home, "", &serde_json::to_vec(&command).unwrap()).await;
    }
    checkout.start_writer().await;
    eventually("both are written", || async {
        let open =
            checkout.count("SELECT count(*) FROM checkout.orders WHERE state <> 'cancelled'").await;
        let all = checkout.count("SELECT count(*) FROM checkout.orders").await;
        ((open, all) == (1, 2)).then_some(())
    })
    .await;
    assert_eq!(checkout.get(order.location(), &session).await.body["state"], "cancelled");
    assert_eq!((checkout.committed().await, checkout.free().await), (2, 8));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_what_postgres_will_never_have_is_told() {
    let checkout = TestCheckout::with(Plan {
        settings: vec![("FAIRGATE_PLACING_SECS", "2")],
        stock: vec![(10, 1)],
        ..Plan::default()
    })
    .await;
    sqlx::query("ALTER TABLE checkout.orders ADD CONSTRAINT never CHECK (amount_minor <> 2000)")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[2]).await.ok(201).text_of("hold");
    assert_eq!(checkout.order(&session, "o", &hold).await.ok(500).problem(), "order-unwritable");
    assert_eq!(records(&checkout, DEAD_TOPIC).await.len(), 1);
    checkout.bought(&[1]).await;
    assert_eq!(checkout.free().await, 9, "its tickets come back once its placing counts as lost");
    checkout.check().await;
}

async fn writer_offset(checkout: &TestCheckout, partition: i32) -> i64 {
    sqlx::query_scalar("SELECT next_offset FROM checkout.writer_offsets WHERE partition = $1")
        .bind(partition)
        .fetch_one(&checkout.test_env.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_later_version_stops_its_partition_until_that_version_takes_over() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "1000")];
    let mut checkout =
        TestCheckout::with(Plan { settings, stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    let (home, _, _) = records(&checkout, COMMANDS_TOPIC).await[0].clone();
    append(&checkout, home, "", b"{\"type\":\"place.v9\"}").await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "h", &[1]).await.ok(201).text_of("hold");
    let pending = checkout.order(&session, "o", &hold).await.ok(202);
    assert_eq!(writer_offset(&checkout, home).await, 1, "nothing is left out");
    assert!(records(&checkout, DEAD_TOPIC).await.is_empty());

    checkout.writer.drain().await;
    // As a writer would have left it that knows the command.
    sqlx::query("UPDATE checkout.writer_offsets SET next_offset = 2 WHERE next_offset = 1")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    checkout.start_writer().await;
    let path = pending.location().to_owned();
    eventually("the order behind it is written", || async {
        (checkout.get(&path, &session).await.status == 200).then_some(())
    })
    .await;
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_an_unknown_state_stops_its_partition_and_no_other() {
    let settings = vec![("FAIRGATE_OUTCOME_WAIT_MS", "1000")];
    let checkout =
        TestCheckout::with(Plan { settings, stock: vec![(10, 1), (10, 1)], ..Plan::default() })
            .await;
    let (session, order) = checkout.bought(&[1]).await;
    let (home, _, payload) = records(&checkout, COMMANDS_TOPIC).await[0].clone();
    let Ok(Command::Submit(place)) = serde_json::from_slice(&payload) else { panic!("no placing") };
    let placed = place.order;
    let state = |state: &'static str| {
        let pool = checkout.test_env.pool.clone();
        async move {
            let change = sqlx::query("UPDATE checkout.orders SET state = $2 WHERE order_id = $1")
                .bind(placed);
            change.bind(state).execute(&pool).await.unwrap();
        }
    };
    sqlx::query("ALTER TABLE checkout.orders DROP CONSTRAINT orders_state_known")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    state("in_escrow").await;
    let cancel = serde_json::to_vec(&Command::Cancel(EndOrder { order: placed })).unwrap();
    append(&checkout, home, &placed.to_string(), &cancel).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(writer_offset(&checkout, home).await, 1);
    assert!(records(&checkout, DEAD_TOPIC).await.is_empty());
    // The other type's home is elsewhere, unless both fell on one partition.
    let homes = checkout
        .types
        .iter()
        .map(|kind| contract::home_partition(kind.ticket_type, 0, 4))
        .collect::<Vec<_>>();
    if homes[0] != homes[1] {
        checkout.bought(&[0, 1]).await;
    }

    state("awaiting_payment").await;
    let path = order.location().to_owned();
    eventually("the partition goes on by itself", || async {
        (checkout.get(&path, &session).await.body["state"] == "cancelled").then_some(())
    })
    .await;
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_published_in_order() {
    let checkout = TestCheckout::new().await;
    let (session, order) = checkout.bought(&[1]).await;
    checkout.pay(&session, &order).await;
    let (other, gone) = checkout.bought(&[1]).await;
    checkout.delete(gone.location(), &other).await.ok(200);
    checkout.check().await;
    let events = records(&checkout, EVENTS_TOPIC).await;
    let of = |order: &str| -> Vec<&'static str> {
        events
            .iter()
            .filter(|(_, key, _)| key == order.as_bytes())
            .map(|(_, _, payload)| serde_json::from_slice::<OrderEvent>(payload).unwrap().name())
            .collect()
    };
    assert_eq!(of(&order.text_of("order")), ["placed", "paid"]);
    assert_eq!(of(&gone.text_of("order")), ["placed", "cancelled"]);
}

/// The control of the control: books that are wrong are noticed at the end of a test.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "committed stock is what orders keep")]
async fn wrong_books_fail_the_check() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 1)], ..Plan::default() }).await;
    checkout.bought(&[1]).await;
    sqlx::query("UPDATE checkout.stock SET committed = committed + 1")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_cannot_be_ended_keep_no_other_waiting() {
    // Nobody writes, so none of these ends.
    let checkout = TestCheckout::with(Plan { writer: false, ..Plan::default() }).await;
    let sql = "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
        amount_minor, currency,
            buyer_name, buyer_email, home_partition, placed_at, expires_at)
        SELECT CASE n WHEN 0 THEN $1 ELSE gen_random_uuid() END, gen_random_uuid(), \
        'harbour-lights', gen_random_uuid(),
            'awaiting_payment', '', 0, 'EUR', 'Ada', 'ada@example.com', 0, now() - interval '1 \
            day', now() - n * interval '1 minute'
        FROM generate_series(0, 500) n";
    let newest = Uuid::new_v4();
    sqlx::query(sql).bind(newest).execute(&checkout.test_env.pool).await.unwrap();
    eventually("the writer is asked to end the newest too", || async {
        let asked = records(&checkout, COMMANDS_TOPIC).await;
        asked.iter().any(|(_, key, _)| key == newest.to_string().as_bytes()).then_some(())
    })
    .await;
}
