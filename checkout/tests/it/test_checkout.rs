//! A small sale to test with: one show, a room with a gate, stock, both roles of checkout and the
//! sandbox provider.

use std::{collections::HashMap, future::Future, time::Duration};

use admission::contract::{Gate, GateSettings, GateState, PassKeys, generate_pass_key, put_gate};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use catalog::contract::{NewShow, NewTicketType, TicketType, Venue, put_show};
use checkout::{App, Config, contract, sandbox};
use chrono::Utc;
use http_body_util::BodyExt;
use kit::{redis::Redis, serve::Tasks, settings::Settings};
use serde_json::{Value, json};
use testkit::TestEnv;
use tower::ServiceExt;
use uuid::Uuid;

pub const SHOW: &str = "harbour-lights";
pub const ROOM: &str = "harbour-lights";

/// The sale. Dropping it stops its background work.
pub struct TestCheckout {
    pub test_env: TestEnv,
    pub settings: HashMap<String, String>,
    pub gate: Gate,
    pub keys: PassKeys,
    pub types: Vec<TicketType>,
    pub router: Router,
    pub tasks: Tasks,
    pub writer: Tasks,
}

/// What the sale is like.
pub struct Plan {
    pub settings: Vec<(&'static str, &'static str)>,
    /// Tickets and shards of each type.
    pub stock: Vec<(i32, i32)>,
    pub max_active: i32,
    pub writer: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { settings: Vec::new(), stock: vec![(100, 4)], max_active: 10_000, writer: true }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: Value,
}

impl Answer {
    /// The id of the problem, without its prefix.
    pub fn problem(&self) -> &str {
        let problem = self.body["type"].as_str().unwrap_or("no problem");
        problem.strip_prefix("urn:fairgate:problem:").unwrap_or(problem)
    }

    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {self:?}")).to_owned()
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}", self.body);
        self
    }
}

fn new_show(types: usize) -> NewShow {
    let now = Utc::now();
    NewShow {
        show: SHOW.to_owned(),
        title: "Harbour Lights".to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: "folk".to_owned(),
        description: String::new(),
        venue: Venue {
            name: "Pier Hall".to_owned(),
            city: "Hamburg".to_owned(),
            country: "DE".to_owned(),
            address: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
        },
        doors_at: now + chrono::Duration::days(30),
        starts_at: now + chrono::Duration::days(30),
        on_sale_at: now,
        high_traffic: true,
        listed: true,
        ticket_types: (1..=types)
            .map(|number| NewTicketType {
                name: format!("Block {number}"),
                description: String::new(),
                price_minor: 1_000 * number as i64,
                currency: "EUR".to_owned(),
                per_order_max: 4,
            })
            .collect(),
    }
}

impl TestCheckout {
    pub async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        if std::env::var_os("FAIRGATE_LOG").is_some() {
            kit::telemetry::logs(kit::telemetry::Reader::Person);
        }
        let test_env = TestEnv::new().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = test_env.settings();
        for (key, value) in [
            ("FAIRGATE_CHECKOUT_KEYS", kit::token::generate_seal_key().unwrap()),
            ("FAIRGATE_SANDBOX_API_KEY", format!("sk_sandbox_{}", Uuid::new_v4().simple())),
            ("FAIRGATE_PAYMENT_WEBHOOK_SECRET", checkout::contract::generate_webhook_secret()),
            ("FAIRGATE_PUBLIC_URL", public),
            ("FAIRGATE_ORDER_GRACE_SECS", "0".to_owned()),
        ] {
            settings.insert(key.to_owned(), value);
        }
        settings.extend(
            plan.settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );

        let types = put_show(&test_env.pool, &new_show(plan.stock.len())).await.unwrap();
        for (ticket_type, (allotted, shards)) in types.iter().zip(&plan.stock) {
            let id = ticket_type.ticket_type;
            contract::put_stock(&test_env.pool, SHOW, id, *allotted, Some(*shards)).await.unwrap();
        }
        let gate_settings = GateSettings {
            room: ROOM.to_owned(),
            lanes: 1,
            rate_per_sec: 1_000.0,
            max_active: plan.max_active,
            claim_window_secs: 60,
            state: GateState::Running,
        };
        put_gate(&mut test_env.pool.acquire().await.unwrap(), &gate_settings).await.unwrap();
        let gate = Gate::new(test_env.redis.clone());
        gate.restore(ROOM, &[]).await.unwrap();
        let keys = PassKeys::from_paserk(
            &generate_pass_key().unwrap(),
            "https://line.example",
            "checkout",
        )
        .unwrap();

        // Background work does this as well; a test does not wait for its turn.
        test_env.kafka.ensure_topic(contract::COMMANDS_TOPIC, 4, &[]).await.unwrap();

        let tasks = Tasks::default();
        let mut reading = Settings::new(&settings);
        let sandbox = sandbox::State::new(
            sandbox::Config::from_settings(&mut reading),
            test_env.pool.clone(),
        )
        .unwrap();
        reading.finish().unwrap();
        let mut checkout = Self {
            test_env,
            settings,
            gate,
            keys,
            types,
            router: Router::new(),
            tasks,
            writer: Tasks::default(),
        };
        let app = checkout.app();
        let (calls, _) = checkout::router(app.clone()).split_for_parts();
        let (webhooks, _) = checkout::webhooks(app.clone()).split_for_parts();
        let provider = sandbox::router(&sandbox);
        let (provider, _) = provider.merchant.merge(provider.payer).split_for_parts();
        checkout.router = kit::http::stack(calls.merge(webhooks).merge(provider));
        sandbox::run(&sandbox, &checkout.tasks);
        checkout::run_api(app, checkout.tasks.clone()).await;
        if plan.writer {
            checkout.start_writer().await;
        }
        let (router, stop) = (checkout.router.clone(), checkout.tasks.stop());
        checkout.tasks.spawn(async move {
            let _ =
                axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
        });
        checkout
    }

    fn app(&self) -> App {
        let mut reading = Settings::new(&self.settings);
        let config = Config::from_settings(&mut reading);
        reading.finish().unwrap();
        let (pool, redis, kafka) =
            (self.test_env.pool.clone(), self.test_env.redis.clone(), self.test_env.kafka.clone());
        App::new(config, pool, redis, kafka, self.gate.clone(), self.keys.verifier()).unwrap()
    }

    /// The calls of another process's API, which remembers nothing of what this one does.
    pub fn another_instance(&self) -> Router {
        kit::http::stack(checkout::router(self.app()).split_for_parts().0)
    }

    /// Starts a writer in a process of its own, so to say: it shares nothing with the API but the
    /// servers.
    pub async fn start_writer(&mut self) {
        self.writer = Tasks::default();
        checkout::run_writer(self.app(), self.test_env.pool.clone(), self.writer.clone()).await;
    }

    /// Calls go to Redis by this address from now on; gives the way they went before.
    pub async fn reach_redis_by(&mut self, url: &str) -> Redis {
        let redis = Redis::connect(url, &self.test_env.namespace).unwrap();
        let before = std::mem::replace(&mut self.test_env.redis, redis);
        let (calls, _) = checkout::router(self.app()).split_for_parts();
        self.router = kit::http::stack(calls);
        before
    }

    pub fn pass(&self, place: &str) -> String {
        let now = Utc::now();
        self.keys.sign(ROOM, SHOW, place, now, now + chrono::Duration::seconds(60)).unwrap()
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        key: &str,
        body: Option<Value>,
    ) -> Answer {
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
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(seller) = seller {
            request = request.extension(seller);
        }
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            location: parts
                .headers
                .get(header::LOCATION)
                .map(|value| value.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    pub async fn post(&self, path: &str, token: &str, key: &str, body: Value) -> Answer {
        self.call(Method::POST, path, token, key, Some(body)).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, "", None).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, token, "", None).await
    }

    pub async fn redeem(&self, pass: &str) -> Answer {
        self.post("/v1/checkout/sessions", "", "", json!({ "pass": pass })).await
    }

    /// A session of its own, as its token.
    pub async fn session(&self) -> String {
        let place = format!("{ROOM}.0.{}", Uuid::new_v4().as_u128() >> 70);
        self.redeem(&self.pass(&place)).await.ok(201).text("session_token")
    }

    pub fn items(&self, quantities: &[i32]) -> Value {
        let items = self.types.iter().zip(quantities).filter(|(_, quantity)| **quantity != 0);
        let items: Vec<Value> = items
            .map(|(ticket_type, quantity)| json!({ "ticket_type": ticket_type.ticket_type, "quantity": quantity }))
            .collect();
        json!({ "items": items })
    }

    /// Holds so many of each type.
    pub async fn hold(&self, session: &str, key: &str, quantities: &[i32]) -> Answer {
        self.post("/v1/holds", session, key, self.items(quantities)).await
    }

    pub async fn order(&self, session: &str, key: &str, hold: &str) -> Answer {
        let buyer = json!({ "name": "Ada", "email": "ada@example.com" });
        self.post("/v1/orders", session, key, json!({ "hold": hold, "buyer": buyer })).await
    }

    /// A session with an order of so many of each type.
    pub async fn bought(&self, quantities: &[i32]) -> (String, Answer) {
        let session = self.session().await;
        let hold = self.hold(&session, "h", quantities).await.ok(201).text("hold");
        let order = self.order(&session, "o", &hold).await.ok(201);
        (session, order)
    }

    /// Pays an order in the sandbox and waits for its tickets.
    pub async fn pay(&self, session: &str, order: &Answer) -> Answer {
        let url = order.body["payment"]["url"].as_str().expect("a payment step");
        let intent = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        let confirm = format!("/sandbox/v1/intents/{intent}/confirm");
        self.post(&confirm, "", "", json!({ "method": "ok" })).await.ok(200);
        let path = format!("/v1/orders/{}", order.text("order"));
        eventually("the order is fulfilled", || async {
            let answer = self.get(&path, session).await;
            (answer.body["state"] == "fulfilled").then_some(answer)
        })
        .await
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
                contract::snapshot(&self.test_env.redis, ticket_type, shard).await.unwrap();
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

    /// Lets the show begin, and everybody hear of it.
    pub async fn begin_show(&self) {
        let sql = "UPDATE catalog.shows SET doors_at = now() - interval '1 hour', starts_at = \
            now() - interval '1 second'";
        sqlx::query(sql).execute(&self.test_env.pool).await.unwrap();
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

impl Drop for TestCheckout {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
        self.writer.stop().cancel();
    }
}

/// Waits until `look` gives something, for 20 s at most.
pub async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    for _ in 0..400 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain: {what}");
}
