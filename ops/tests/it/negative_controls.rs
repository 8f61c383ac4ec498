//! Negative controls: every mechanism is broken once, to see the checker object.
//!
//! Where a test's name says "data", what the broken mechanism would leave behind is written
//! directly.

use std::time::Duration;

use admission::contract::{Gate, HEADS_TOPIC, HeadsMoved, LaneHead, PassKeys, PlaceId, line_topic};
use chrono::Utc;
use kit::{serve::Tasks, settings::Settings};
use ops::{settings::Stores, verify};
use rdkafka::producer::FutureRecord;
use redis::AsyncCommands;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use testkit::TestEnv;
use tokio::net::TcpListener;
use uuid::Uuid;
use waitroom::contract::Phase;

use crate::{
    draw, fan,
    line_up::{Line, SHARED_LANES, producer},
    test_system::{Terms, TestSystem, assert_clean, assert_objects, reply, room, sale, stores},
};

/// An admission controller with this gate.
fn admission_with(stores: &Stores, gate: Gate) -> Tasks {
    let tasks = Tasks::default();
    admission::run(stores.pool.clone(), stores.kafka.clone(), gate, &tasks).expect("a controller");
    tasks
}

/// Checkout's calls alone, with this gate. Gives where they are.
pub async fn checkout_with(
    test_env: &TestEnv,
    stores: &Stores,
    gate: Gate,
    keys: &PassKeys,
) -> (String, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let mut env = test_env.settings();
    env.extend(
        ops::keys::fresh().expect("keys").into_iter().map(|(key, value)| (key.to_owned(), value)),
    );
    env.insert("FAIRGATE_LISTEN".to_owned(), address.to_string());
    let mut settings = Settings::new(&env);
    let config = checkout::Config::from_settings(&mut settings);
    settings.finish().expect("settings");
    let (pool, redis, kafka) = (stores.pool.clone(), stores.redis.clone(), stores.kafka.clone());
    let app =
        checkout::App::new(config, pool, redis, kafka, gate, keys.verifier()).expect("checkout");
    let (routes, _) = checkout::router(app).split_for_parts();
    let tasks = Tasks::default();
    let (serving, stop) = (tasks.clone(), tasks.stop());
    tokio::spawn(kit::serve::serve_on(
        listener,
        kit::http::stack(routes),
        serving,
        stop.cancelled_owned(),
    ));
    (format!("http://{address}"), tasks)
}

pub fn pass_keys() -> PassKeys {
    let key = admission::contract::generate_pass_key().expect("a key");
    PassKeys::from_paserk(&key, "fairgate", "fairgate-checkout").expect("keys")
}

fn sign(keys: &PassKeys, room: &str, lane: i32, offset: i64) -> String {
    let now = Utc::now();
    let place = PlaceId { room: room.parse().expect("a name"), lane, offset };
    keys.sign(&place, room, now, now + chrono::Duration::minutes(10)).expect("a pass")
}

async fn run_sql(pool: &PgPool, statements: &[&str]) {
    for statement in statements {
        sqlx::query(AssertSqlSafe((*statement).to_owned())).execute(pool).await.expect(statement);
    }
}

pub async fn publish(stores: &Stores, room: &str, heads: Vec<LaneHead>) {
    let now = Utc::now();
    let moved = HeadsMoved {
        room: room.parse().expect("a name"),
        at: now,
        claim_until: now,
        rate_per_sec: 200.0,
        heads,
        from: Vec::new(),
        drawn: false,
        door_ms: None,
        door_open: true,
        pace: None,
        stock: None,
    };
    let (topic, payload) =
        (stores.kafka.name(HEADS_TOPIC), serde_json::to_vec(&moved).expect("a record"));
    let record = FutureRecord::to(&topic).key(room).partition(0).payload(&payload);
    producer(&stores.kafka).send(record, Duration::ZERO).await.expect("published");
}

#[tokio::test]
async fn without_the_cap_check_too_many_are_inside() {
    let test_env = TestEnv::new().await;
    let (stores, keys) = (stores(&test_env), pass_keys());
    sale(&stores, "cap", &Terms { lanes: 1, max_active: 3, ..Terms::default() }).await;
    let line = Line::of(&stores, "cap", 1);
    line.ready_gate().await;
    line.join(0, 8).await;
    let granting = Gate::broken(
        stores.redis.clone(),
        &[("active_count + coming - turnover * expected >= max_active or ", "")],
    );
    let controller = admission_with(&stores, granting);
    line.await_admitted(8).await;
    let opening = Gate::broken(
        stores.redis.clone(),
        &[("if taken >= max_active then return { 0, sequence } end", "")],
    );
    let (base, checkout) = checkout_with(&test_env, &stores, opening, &keys).await;
    let client = reqwest::Client::new();
    for offset in 0..8 {
        let body = json!({ "pass": sign(&keys, "cap", 0, offset) });
        reply(client.post(format!("{base}/v1/checkout/sessions")).json(&body))
            .await
            .with_status(201);
    }
    let report = verify::check(&stores, None).await.expect("a report");
    assert_objects(&report, &["sessions-within-cap"]);
    controller.drain().await;
    checkout.drain().await;
}

#[tokio::test]
async fn without_the_rate_check_fans_come_in_too_fast() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line =
        Line::open(&stores, "rate", &Terms { lanes: 1, rate_per_sec: 10.0, ..Terms::default() })
            .await;
    line.join(0, 120).await;
    let controller = admission_with(
        &stores,
        // Nor is it asked only when the next is due.
        Gate::broken(
            stores.redis.clone(),
            &[("if tokens < 1 then", "if false then"), ("tokens >= 1 and 0 or", "true and 0 or")],
        ),
    );
    line.await_admitted(120).await;
    controller.drain().await;
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["admit-rate"]);
}

#[tokio::test]
async fn without_the_horizon_check_fans_are_overtaken_across_controllers() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line = Line::open(
        &stores,
        "horizon",
        &Terms { lanes: SHARED_LANES, rate_per_sec: 40.0, ..Terms::default() },
    )
    .await;
    let joined = line.join_early_and_late().await;
    let broken = || {
        Gate::broken(
            stores.redis.clone(),
            &[("elseif joined_ms > horizon then", "elseif false then")],
        )
    };
    let controllers = [admission_with(&stores, broken()), admission_with(&stores, broken())];
    line.await_admitted(joined).await;
    for controller in controllers {
        controller.drain().await;
    }
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["overtaking"]);
}

#[tokio::test]
async fn without_the_constraint_a_pass_opens_many_sessions() {
    let system = TestSystem::open().await;
    system.sale("twice", &Terms::default()).await;
    run_sql(
        &system.stores.pool,
        &["ALTER TABLE checkout.sessions DROP CONSTRAINT sessions_one_per_place"],
    )
    .await;
    let pass = fan::pass(&system, "twice").await;
    let answers = futures::future::join_all((0..50).map(|_| fan::redeem(&system, &pass))).await;
    assert!(
        answers.iter().filter(|answer| answer.status == 201).count() > 1,
        "the mechanism is broken"
    );
    assert_objects(&system.verify().await, &["one-session-per-pass"]);
}

#[tokio::test]
async fn a_pass_for_a_place_that_was_never_acknowledged_is_seen() {
    let system = TestSystem::open().await;
    system.sale("lost", &Terms::default()).await;
    fan::session(&system, "lost").await;
    let keys =
        PassKeys::from_paserk(&system.env["FAIRGATE_PASS_KEYS"], "fairgate", "fairgate-checkout")
            .expect("keys");
    fan::redeem(&system, &sign(&keys, "lost", 1, 999)).await.with_status(201);
    assert_objects(&system.verify().await, &["places-in-line"]);
}

#[tokio::test]
async fn a_shop_that_forgets_what_it_committed_oversells() {
    let system = TestSystem::open().await;
    let ticket_type =
        system.sale("forgets", &Terms { tickets: 2, shards: 1, ..Terms::default() }).await;
    run_sql(
        &system.stores.pool,
        &[
            "CREATE FUNCTION checkout.forget() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.committed := 0; RETURN NEW; END $$",
            "CREATE TRIGGER forgets BEFORE UPDATE OF committed ON checkout.stock
         FOR EACH ROW EXECUTE FUNCTION checkout.forget()",
        ],
    )
    .await;
    fan::buy(&system, "forgets", ticket_type, 2).await;
    // Redis is filled anew from the books that forgot.
    let slot = format!("{ticket_type}.0");
    let _: i64 = system
        .stores
        .redis
        .connection()
        .del(system.stores.redis.key("stock", &slot))
        .await
        .expect("forgotten");
    fan::buy(&system, "forgets", ticket_type, 2).await;
    let report = system.verify().await;
    for check in ["stock-counted", "tickets-within-allotment"] {
        assert!(report.failing().contains(&check), "{check}: {}", report.table());
    }
}

#[tokio::test]
async fn a_line_whose_times_are_not_the_brokers_loses_its_order() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    // Without the setting that makes the broker's clock stamp each join.
    stores
        .kafka
        .ensure_topic(&line_topic("clock"), 1, &[("retention.ms", "-1")])
        .await
        .expect("a topic");
    room(&stores, "clock", &Terms { lanes: 1, ..Terms::default() }).await;
    let (producer, topic) = (producer(&stores.kafka), stores.kafka.name(&line_topic("clock")));
    let now_ms = Utc::now().timestamp_millis();
    for joined_ms in [now_ms, now_ms - 50] {
        let record = FutureRecord::<(), _>::to(&topic)
            .partition(0)
            .timestamp(joined_ms)
            .payload(b"{\"v\":1}");
        producer.send(record, Duration::ZERO).await.expect("a join");
    }
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["lane-order"]);
}

#[tokio::test]
async fn data_a_head_published_backwards_or_before_its_commit_is_seen() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line = Line::open(&stores, "heads", &Terms { lanes: 1, ..Terms::default() }).await;
    line.join(0, 10).await;
    let controller = admission_with(&stores, Gate::new(stores.redis.clone()));
    line.await_admitted(10).await;
    controller.drain().await;
    let look = || async { verify::look(&stores, None).await.expect("a report") };
    assert_clean(&look().await);
    publish(&stores, "heads", vec![LaneHead { lane: 0, head: 4, tail: 10 }]).await;
    assert_objects(&look().await, &["heads-never-back", "heads-published"]);
    line.join(0, 5).await;
    publish(&stores, "heads", vec![LaneHead { lane: 0, head: 15, tail: 15 }]).await;
    assert_eq!(line.heads().await[&0], 10);
    assert_objects(&look().await, &["heads-never-back", "heads-committed", "heads-published"]);
}

#[tokio::test]
async fn data_a_line_that_lost_its_beginning_is_seen() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let line = Line::open(&stores, "cut", &Terms { lanes: 1, ..Terms::default() }).await;
    line.join(0, 10).await;
    assert_clean(&verify::look(&stores, None).await.expect("a report"));
    let admin: rdkafka::admin::AdminClient<rdkafka::client::DefaultClientContext> =
        rdkafka::ClientConfig::new()
            .set("bootstrap.servers", &test_env.kafka_brokers)
            .create()
            .expect("an admin client");
    let mut before = rdkafka::TopicPartitionList::new();
    let topic = stores.kafka.name(&line_topic("cut"));
    before.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(3)).expect("an offset");
    admin.delete_records(&before, &rdkafka::admin::AdminOptions::new()).await.expect("deleted");
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["line-kept"]);
}

/// A system at rest, with one order of two tickets that is paid and one that is not.
async fn sold() -> (TestSystem, Uuid) {
    let system = TestSystem::open().await;
    let ticket_type =
        system.sale("sold", &Terms { tickets: 10, shards: 1, ..Terms::default() }).await;
    fan::buy(&system, "sold", ticket_type, 2).await;
    let session = fan::session(&system, "sold").await;
    let hold =
        fan::try_hold(&system, &session, ticket_type, 1).await.with_status(201).text_of("hold");
    fan::order(&system, &session, &hold).await;
    assert_clean(&system.verify().await);
    system.tasks.drain().await;
    assert_clean(&verify::look(&system.stores, None).await.expect("a report"));
    (system, ticket_type)
}

const PAID: &str = "(SELECT order_id FROM checkout.orders WHERE state = 'fulfilled')";
const UNPAID: &str = "(SELECT order_id FROM checkout.orders WHERE state = 'awaiting_payment')";

/// Breaks the books within statements, looks, and mends them again by the last ones.
async fn objects(system: &TestSystem, breaks: &[&str], checks: &[&str], mends: &[&str]) {
    run_sql(&system.stores.pool, breaks).await;
    assert_objects(&verify::look(&system.stores, None).await.expect("a report"), checks);
    run_sql(&system.stores.pool, mends).await;
}

#[tokio::test]
async fn data_tickets_and_money_that_do_not_fit_are_seen() {
    let (system, _) = sold().await;
    let paid = |statement: &str| statement.replace("PAID", PAID).replace("UNPAID", UNPAID);
    let [keep, lose, mend] = [
        "CREATE TABLE kept AS SELECT * FROM checkout.tickets",
        "DELETE FROM checkout.tickets WHERE number = 1",
        "INSERT INTO checkout.tickets SELECT * FROM kept WHERE number = 1",
    ];
    objects(&system, &[keep, lose], &["tickets-are-paid"], &[mend]).await;

    let give = format!(
        "INSERT INTO checkout.tickets SELECT 'FREE', {UNPAID}, 1, ticket_type, show, now() FROM \
            kept LIMIT 1"
    );
    objects(
        &system,
        &[&give],
        &["tickets-are-paid"],
        &["DELETE FROM checkout.tickets WHERE code = 'FREE'"],
    )
    .await;

    let again = "UPDATE checkout.tickets SET code = lower((SELECT max(code) FROM kept)) WHERE \
        number = (SELECT number
                 FROM kept ORDER BY code LIMIT 1)";
    let back =
        "UPDATE checkout.tickets t SET code = kept.code FROM kept WHERE kept.number = t.number";
    objects(&system, &[again], &["ticket-codes-unique"], &[back]).await;

    let unpay = paid("UPDATE checkout.orders SET paid_at = NULL WHERE order_id = PAID");
    let repay = paid("UPDATE checkout.orders SET paid_at = now() WHERE order_id = PAID");
    objects(&system, &[&unpay], &["money-has-an-end"], &[&repay]).await;

    let refund = format!("INSERT INTO checkout.refunds VALUES ({UNPAID}, 'pi_none', 1, 'none')");
    objects(&system, &[&refund], &["refunds-are-founded"], &["DELETE FROM checkout.refunds"]).await;

    // A webhook that was taken and forgotten.
    let forget = paid(
        "UPDATE checkout.orders SET state = 'awaiting_payment', paid_at = NULL WHERE order_id = \
            PAID",
    );
    objects(&system, &["DELETE FROM checkout.tickets", &forget], &["payments-kept"], &[]).await;
}

#[tokio::test]
async fn data_stock_that_does_not_add_up_is_seen() {
    let (system, ticket_type) = sold().await;
    let free = |by: i64| {
        let redis = system.stores.redis.clone();
        async move {
            let stock = redis.key("stock", &format!("{ticket_type}.0"));
            redis.connection().hincr::<_, _, _, i64>(stock, "free", by).await.expect("changed")
        }
    };
    free(1).await;
    objects(&system, &[], &["stock-redis", "stock-sum"], &[]).await;
    free(-1).await;

    let [more, less] =
        [1, -1].map(|by| format!("UPDATE checkout.stock SET committed = committed + {by}"));
    objects(&system, &[&more], &["stock-counted", "stock-redis"], &[&less]).await;

    // Without the constraint: three sold or reserved of two, and Redis knows.
    let oversell = [
        "ALTER TABLE checkout.stock DROP CONSTRAINT stock_committed_within_allotted",
        "UPDATE checkout.stock SET allotted = 2",
    ];
    free(-8).await;
    objects(&system, &oversell, &["stock-within-allotment"], &[]).await;
}

#[tokio::test]
async fn data_stock_that_is_not_what_was_allotted_is_seen() {
    let (system, _) = sold().await;
    let allot = "INSERT INTO catalog.allotments (ticket_type, allotted, revision)
                 SELECT ticket_type, 11, 1 FROM catalog.ticket_types
                 ON CONFLICT (ticket_type) DO UPDATE SET allotted = 11, wanted = NULL, revision = \
                 1";
    let agree = "UPDATE catalog.allotments SET allotted = 10";
    objects(&system, &[allot], &["allotments-agree"], &[agree]).await;
    assert_clean(&verify::look(&system.stores, None).await.expect("a report"));
    // A change on its way is no disagreement.
    run_sql(&system.stores.pool, &["UPDATE catalog.allotments SET allotted = 11, wanted = 10"])
        .await;
    assert_clean(&verify::look(&system.stores, None).await.expect("a report"));
}

#[tokio::test]
async fn data_a_ticket_that_is_good_after_its_refund_is_seen() {
    let system = TestSystem::open().await;
    let ticket_type =
        system.sale("back", &Terms { tickets: 10, shards: 1, ..Terms::default() }).await;
    fan::buy(&system, "back", ticket_type, 2).await;
    let pool = &system.stores.pool;
    let order: Uuid = sqlx::query_scalar("SELECT order_id FROM checkout.orders")
        .fetch_one(pool)
        .await
        .expect("an order");
    let mut connection = pool.acquire().await.expect("a connection");
    let request = kit::http::RequestId::fresh();
    let asked =
        checkout::contract::request_refund(&mut connection, order, "Asked for.", &request).await;
    assert_eq!(asked.expect("asked"), checkout::contract::RefundAsked::Asked);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while checkout::contract::order(pool, order).await.expect("read").expect("the order").state
        != checkout::contract::OrderState::Refunded
    {
        assert!(std::time::Instant::now() < deadline, "the order is not refunded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_clean(&system.verify().await);
    system.tasks.drain().await;
    let revive = "UPDATE checkout.tickets SET voided_at = NULL WHERE number = 1";
    let void = "UPDATE checkout.tickets SET voided_at = now()";
    objects(&system, &[revive], &["refunded-tickets-void"], &[void]).await;
    assert_clean(&verify::look(&system.stores, None).await.expect("a report"));
}

#[tokio::test]
async fn data_commands_and_events_that_got_stuck_are_seen() {
    let (system, _) = sold().await;
    let back = "UPDATE checkout.writer_offsets SET next_offset = next_offset - 1 WHERE partition =
                (SELECT min(partition) FROM checkout.writer_offsets WHERE next_offset > 0)";
    objects(&system, &[back], &["orders-written"], &[]).await;
    let unsent = "INSERT INTO checkout.outbox (key, payload, request_id) VALUES ('k', '{}', 'r')";
    run_sql(&system.stores.pool, &[unsent]).await;
    let report = verify::look(&system.stores, None).await.expect("a report");
    assert_objects(&report, &["orders-written", "events-sent"]);
}

#[tokio::test]
async fn data_a_hold_that_made_two_orders_is_seen() {
    let (system, _) = sold().await;
    let breaks = [
        "ALTER TABLE checkout.orders DROP CONSTRAINT orders_one_per_hold",
        "INSERT INTO checkout.orders SELECT gen_random_uuid(), session, show, hold, 'expired', \
            request_hash, amount_minor,
             currency, buyer_name, buyer_email, home_partition, placed_at, expires_at
         FROM checkout.orders WHERE state = 'fulfilled'",
    ];
    objects(&system, &breaks, &["one-order-per-hold"], &[]).await;
    let stray =
        ["UPDATE checkout.orders SET session = gen_random_uuid(), hold = gen_random_uuid() WHERE \
            state = 'expired'"];
    objects(&system, &stray, &["orders-have-sessions"], &[]).await;
}

#[tokio::test]
async fn data_a_session_with_two_open_orders_is_seen() {
    let (system, _) = sold().await;
    let breaks = [
        "DROP INDEX checkout.orders_one_open_per_session",
        "UPDATE checkout.orders SET session = (SELECT session FROM checkout.orders WHERE state = \
            'fulfilled')
         WHERE state = 'awaiting_payment'",
    ];
    objects(&system, &breaks, &["one-open-order-per-session"], &[]).await;
}

#[tokio::test]
async fn data_a_session_that_opened_before_its_turn_is_seen() {
    let system = TestSystem::open().await;
    system.sale("early", &Terms::default()).await;
    fan::session(&system, "early").await;
    assert_clean(&system.verify().await);
    system.tasks.drain().await;
    let sooner = "UPDATE checkout.sessions SET opened_at = opened_at - interval '1 minute'";
    run_sql(&system.stores.pool, &[sooner]).await;
    let report = verify::look(&system.stores, None).await.expect("a report");
    assert_objects(&report, &["sessions-in-window"]);
}

#[tokio::test]
async fn data_a_session_that_opened_after_its_window_is_seen_unless_it_was_granted_again() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    room(&stores, "late", &Terms { lanes: 1, ..Terms::default() }).await;
    let line = Line::of(&stores, "late", 1);
    line.join(0, 1).await;
    line.commit(0, 1).await;
    publish(&stores, "late", vec![LaneHead { lane: 0, head: 1, tail: 1 }]).await;
    let opened = "INSERT INTO checkout.sessions (session, place, room, show, opened_at, \
        expires_at, cap) SELECT gen_random_uuid(), 'late.0.0', 'late', 'late', \
        now() + opens_in, now() + opens_in + interval '10 minutes', 10 \
        FROM (VALUES (interval '1 minute')) AS known (opens_in)";
    run_sql(&stores.pool, &[opened]).await;
    assert_clean(&verify::look(&stores, None).await.expect("a report"));
    // No window here, and a grace of some seconds more than a minute.
    let later = "UPDATE checkout.sessions SET opened_at = opened_at + interval '2 minutes'";
    run_sql(&stores.pool, &[later]).await;
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["sessions-in-window"]);
    let again_ms = (Utc::now() + chrono::Duration::minutes(2)).timestamp_millis();
    let granted_again = stores.redis.key("granted-again", "late");
    let _: i64 =
        stores.redis.connection().hset(granted_again, "0.0", again_ms).await.expect("granted");
    assert_clean(&verify::look(&stores, None).await.expect("a report"));
}

#[tokio::test]
async fn without_the_pace_fans_come_in_faster_than_it_is_told() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    let terms = Terms { lanes: 1, rate_per_sec: 4_000.0, ..Terms::default() };
    let line = Line::open(&stores, "heedless", &terms).await;
    line.join(0, 4_000).await;
    let ignores = "if follows == 1 then rate = math.min(rate, pace) end";
    let controller = admission_with(&stores, Gate::broken(stores.redis.clone(), &[(ignores, "")]));
    line.await_admitted(4_000).await;
    controller.drain().await;
    // It begins with 50 a second, and takes seconds to come to what a gate let in that hears of
    // nothing but the operator's rate.
    assert_objects(&verify::look(&stores, None).await.expect("a report"), &["admit-rate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_lets_in_by_another_draw_than_the_one_made_is_found() {
    let system = draw::pre_queue(10_000).await;
    for _ in 0..6 {
        draw::join(&system).await;
    }
    draw::change(&system, Phase::Open).await;
    draw::head_when(&system, |head| head["admitted"] == 6).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_clean(&system.verify().await);
    let tampered = sqlx::query("UPDATE waitroom.draws SET ends = '{1,2,3}' WHERE room = 'r'");
    tampered.execute(&system.stores.pool).await.expect("tampered");
    assert_objects(&system.verify().await, &["draw-as-frozen"]);
}
