//! A small sale to test with: one show, a room with a gate, stock, both roles of checkout and the
//! sandbox provider.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use axum::{Router, http::Method};
use catalog::contract::{NewShow, TicketType};
use checkout::contract;
use chrono::Utc;
use kit::redis::Redis;
use serde_json::{Value, json};
use testkit::{Checkout, CheckoutBuilder, ShowBuilder, TestEnv, items};
pub use testkit::{Reply, eventually, id};
use uuid::Uuid;

pub const SHOW: &str = "harbour-lights";
pub const ROOM: &str = "harbour-lights";

/// What the clock of the door shows once a place has a grant here.
const DOOR_MS: i64 = 600_000;

/// The sale. Dropping it stops its background work.
pub struct TestCheckout {
    pub test_env: TestEnv,
    pub types: Vec<TicketType>,
    show: ShowBuilder,
    running: Checkout,
}

/// What the sale is like.
pub struct Plan {
    pub settings: Vec<(&'static str, &'static str)>,
    /// Tickets and shards of each type.
    pub stock: Vec<(i32, i32)>,
    pub max_active: i32,
    pub writer: bool,
    /// Whose show it is, where it is not the house's.
    pub reseller: Option<Uuid>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            stock: vec![(100, 4)],
            max_active: 10_000,
            writer: true,
            reseller: None,
        }
    }
}

impl Deref for TestCheckout {
    type Target = Checkout;

    fn deref(&self) -> &Checkout {
        &self.running
    }
}

impl DerefMut for TestCheckout {
    fn deref_mut(&mut self) -> &mut Checkout {
        &mut self.running
    }
}

/// A show called [`SHOW`], whoever sells it: the catalog names a reseller's after performer and
/// title.
pub fn show_of(reseller: Option<Uuid>) -> ShowBuilder {
    ShowBuilder::new(SHOW).with(|show| {
        if reseller.is_some() {
            (show.performer, show.title) = ("Harbour".to_owned(), "Lights".to_owned());
        }
    })
}

/// Puts it. Gives its ticket types.
pub async fn put_show_of(
    test_env: &TestEnv,
    show: &ShowBuilder,
    reseller: Option<Uuid>,
) -> Vec<TicketType> {
    let Some(reseller) = reseller else { return show.put(&test_env.pool).await };
    let (name, types) = show.put_for(&test_env.pool, reseller).await;
    assert_eq!(*name, *SHOW);
    types
}

impl TestCheckout {
    /// A pass whose `exp` was so many minutes ago.
    pub fn late_pass(&self, offset: i64, minutes: i64) -> String {
        let (place, now) = (format!("{ROOM}.0.{offset}").parse().unwrap(), Utc::now());
        let exp = now - chrono::Duration::minutes(minutes);
        self.passes.keys.sign(&place, SHOW, exp - chrono::Duration::minutes(4), exp).unwrap()
    }

    /// Lets a place have a grant that ends so many seconds later, by the clock of the door.
    pub async fn grant(&self, offset: i64, secs: i64) {
        let redis = &self.test_env.redis;
        redis::pipe()
            .hset(redis.key("gate", ROOM), "door_ms", DOOR_MS)
            .zadd(redis.key("granted", ROOM), format!("0.{offset}"), DOOR_MS + secs * 1000)
            .query_async::<()>(&mut redis.connection())
            .await
            .unwrap();
    }

    pub async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        if std::env::var_os("FAIRGATE_LOG").is_some() {
            kit::telemetry::logs(kit::telemetry::Reader::Person);
        }
        let test_env = TestEnv::new().await;
        let mut show = show_of(plan.reseller);
        for (number, (allotted, shards)) in (1..).zip(&plan.stock) {
            show = show.ticket_type(&format!("Block {number}"), 1_000 * number);
            show = show.stock(*allotted, *shards);
        }
        let types = put_show_of(&test_env, &show, plan.reseller).await;
        let mut running = CheckoutBuilder::new(SHOW).max_active(plan.max_active);
        for (key, value) in plan.settings {
            running = running.setting(key, value);
        }
        if !plan.writer {
            running = running.without_writer();
        }
        let running = running.start(&test_env).await;
        Self { test_env, types, show, running }
    }

    /// The calls of another process's API, which remembers nothing of what this one does.
    pub fn another_instance(&self) -> Router {
        self.running.another_instance(&self.test_env)
    }

    pub async fn start_writer(&mut self) {
        self.running.start_writer(&self.test_env).await;
    }

    /// Calls go to Redis by this address from now on; gives the way they went before.
    pub async fn reach_redis_by(&mut self, url: &str) -> Redis {
        let redis = Redis::connect(url, &self.test_env.namespace).unwrap();
        let before = std::mem::replace(&mut self.test_env.redis, redis);
        self.running.router = self.another_instance();
        before
    }

    pub fn pass(&self, place: &str) -> String {
        self.passes.of_place(&place.parse().unwrap(), &id(SHOW), 60)
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        key: &str,
        body: Option<Value>,
    ) -> Reply {
        self.call_as(None, method, path, token, key, body).await
    }

    /// A call as the resellers' layer passes it on after it has checked an API key.
    pub async fn call_as(
        &self,
        seller: Option<contract::Seller>,
        method: Method,
        path: &str,
        token: &str,
        key: &str,
        body: Option<Value>,
    ) -> Reply {
        let client = self.client();
        let mut call = client.call(method, path).bearer(token).idempotency_key(key);
        if let Some(seller) = seller {
            call = call.extension(seller);
        }
        if let Some(body) = body {
            call = call.json(&body);
        }
        call.send().await
    }

    pub async fn post(&self, path: &str, token: &str, key: &str, body: Value) -> Reply {
        self.call(Method::POST, path, token, key, Some(body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, "", None).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call(Method::DELETE, path, token, "", None).await
    }

    pub fn items(&self, quantities: &[i32]) -> Value {
        items(self.types.iter().zip(quantities.iter().copied()))
    }

    /// Holds so many of each type.
    pub async fn hold(&self, session: &str, key: &str, quantities: &[i32]) -> Reply {
        self.post("/v1/holds", session, key, self.items(quantities)).await
    }

    pub async fn order(&self, session: &str, key: &str, hold: &str) -> Reply {
        let buyer = json!({ "name": "Ada", "email": "ada@example.com" });
        self.post("/v1/orders", session, key, json!({ "hold": hold, "buyer": buyer })).await
    }

    /// A session with an order of so many of each type.
    pub async fn bought(&self, quantities: &[i32]) -> (String, Reply) {
        let session = self.session().await;
        let hold = self.hold(&session, "h", quantities).await.ok(201).text_of("hold");
        let order = self.order(&session, "o", &hold).await.ok(201);
        (session, order)
    }

    /// What every shard of the show says: allotted, committed, and Redis.
    pub async fn shards(&self) -> Vec<(i64, i64, Option<contract::ShardSnapshot>)> {
        let rows: Vec<(Uuid, i32, i32, i32)> = sqlx::query_as(
            "SELECT ticket_type, shard, allotted, committed FROM checkout.stock ORDER BY \
                ticket_type, shard",
        )
        .fetch_all(&self.test_env.pool)
        .await
        .unwrap();
        let mut shards = Vec::new();
        for (ticket_type, shard, allotted, committed) in rows {
            let snapshot =
                contract::snapshot(&self.test_env.redis, ticket_type.into(), shard).await.unwrap();
            shards.push((i64::from(allotted), i64::from(committed), snapshot));
        }
        shards
    }

    /// Committed tickets of all types.
    pub async fn committed(&self) -> i64 {
        sqlx::query_scalar("SELECT coalesce(sum(committed), 0)::bigint FROM checkout.stock")
            .fetch_one(&self.test_env.pool)
            .await
            .unwrap()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.test_env.pool).await.unwrap()
    }

    /// Tickets that can still be had, once Redis has heard everything.
    pub async fn free(&self) -> i64 {
        eventually("stock settles", || async {
            let shards = self.shards().await;
            let mut free = 0;
            for (allotted, committed, snapshot) in shards {
                let seen = snapshot?;
                if seen.free + seen.held + seen.placing + committed != allotted || seen.placing > 0
                {
                    return None;
                }
                free += seen.free + seen.run_out;
            }
            Some(free)
        })
        .await
    }

    /// Changes the show in the catalog.
    pub async fn change_show(&self, change: impl FnOnce(&mut NewShow)) {
        self.show.clone().with(change).put_in_catalog(&self.test_env.pool).await;
    }

    /// Lets the show begin, and everybody hear of it.
    pub async fn begin_show(&self) {
        self.change_show(|show| {
            show.doors_at = Utc::now() - chrono::Duration::hours(1);
            show.starts_at = Utc::now() - chrono::Duration::seconds(1);
        })
        .await;
        tokio::time::sleep(Duration::from_millis(600)).await;
    }

    /// Forgets this test's part of Redis, as a restart without persistence would.
    pub async fn flush_redis(&self) {
        let mut connection = self.test_env.redis.connection();
        let pattern = format!("{}*", self.test_env.namespace);
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        if !keys.is_empty() {
            redis::cmd("DEL").arg(keys).query_async::<()>(&mut connection).await.unwrap();
        }
    }

    /// The books at the end of a test: committed stock is what orders keep, in Redis nothing is
    /// missing or doubled, and every event was published.
    pub async fn check(&self) {
        self.free().await;
        let wrong = self
            .count(
                "SELECT count(*) FROM checkout.stock s WHERE committed <> (
                     SELECT coalesce(sum(l.quantity), 0) FROM checkout.order_lines l JOIN \
                     checkout.orders o USING (order_id)
                     WHERE l.ticket_type = s.ticket_type AND l.shard = s.shard
                       AND o.state IN ('placed', 'awaiting_payment', 'paid', 'fulfilled'))",
            )
            .await;
        assert_eq!(wrong, 0, "committed stock is what orders keep");
        eventually("the outbox empties", || async {
            (self.count("SELECT count(*) FROM checkout.outbox").await == 0).then_some(())
        })
        .await;
    }
}
