//! A checkout and a sandbox provider behind a real listener, and the browsers of fans.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use admission::contract::{Gate, GateSettings, GateState, PassKeys, generate_pass_key, put_gate};
use catalog::contract::{NewShow, NewTicketType, TicketType, Venue, put_show};
use checkout::{App, Config, contract::put_stock, sandbox};
use chrono::{DateTime, Utc};
use kit::{serve::Tasks, settings::Settings};
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::TestEnv;
use uuid::Uuid;

pub const SHOW: &str = "harbour-lights";
const ROOM: &str = "r";

pub struct TestServer {
    pub app: App,
    pub base: String,
    pub floor: TicketType,
    pub balcony: TicketType,
    secret: String,
    api_key: String,
    keys: PassKeys,
    next_place: AtomicU32,
    tasks: Tasks,
    pub http: Client,
    _corner: TestEnv,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A server with settings of its own and ten tickets of each type.
    pub async fn with(changes: &[(&str, &str)]) -> Self {
        Self::stocked(changes, 10).await
    }

    pub async fn stocked(changes: &[(&str, &str)], allotted: i32) -> Self {
        let test_env = TestEnv::new().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("address"));
        let secret = checkout::contract::generate_webhook_secret();
        let api_key = Uuid::new_v4().simple().to_string();
        let mut env = test_env.settings();
        for (key, value) in [
            ("FAIRGATE_CHECKOUT_KEYS", kit::token::generate_seal_key().expect("key").as_str()),
            ("FAIRGATE_PUBLIC_URL", &base),
            ("FAIRGATE_PAYMENT_WEBHOOK_SECRET", &secret),
            ("FAIRGATE_SANDBOX_API_KEY", &api_key),
        ]
        .iter()
        .chain(changes)
        {
            env.insert((*key).to_owned(), (*value).to_owned());
        }
        let mut settings = Settings::new(&env);
        let config = Config::from_settings(&mut settings);
        let provider = sandbox::Config::from_settings(&mut settings);
        settings.finish().expect("settings");

        let keys =
            PassKeys::from_paserk(&generate_pass_key().expect("key"), "fairgate", "checkout")
                .expect("keys");
        let gate = Gate::new(test_env.redis.clone());
        gate.restore(ROOM, &[]).await.expect("gate");
        let (pool, redis, kafka) =
            (test_env.pool.clone(), test_env.redis.clone(), test_env.kafka.clone());
        let app = App::new(config, pool, redis, kafka, gate, keys.verifier()).expect("app");
        let [floor, balcony] = stock(&app, SHOW, "Harbour Lights", allotted).await;

        let tasks = Tasks::default();
        let server = serve(&app, provider, listener, &tasks).await;
        Self {
            app,
            base,
            floor,
            balcony,
            secret,
            api_key,
            keys,
            next_place: AtomicU32::default(),
            tasks,
            http: server,
            _corner: test_env,
        }
    }

    /// A fresh pass for this server.
    pub fn pass(&self) -> String {
        self.pass_for(SHOW, 120)
    }

    /// A fresh pass for a show that is sold here, good for so many seconds.
    pub fn pass_for(&self, show: &str, secs: i64) -> String {
        let place = format!("{ROOM}.0.{}", self.next_place.fetch_add(1, Ordering::Relaxed));
        let now = Utc::now();
        self.keys
            .sign(ROOM, show, &place, now, now + chrono::Duration::seconds(secs))
            .expect("pass")
    }

    /// Puts another show on sale, with ten tickets of each type.
    pub async fn another(&self, show: &str, title: &str) -> [TicketType; 2] {
        stock(&self.app, show, title, 10).await
    }

    /// Somebody with a browser who is in checkout.
    pub async fn fan(&self) -> Fan {
        let fan = self.stranger();
        let answer = fan.post("/checkout/harbour-lights/enter", &[("pass", &self.pass())]).await;
        assert_eq!(location(&answer), "/checkout/harbour-lights");
        fan
    }

    /// Somebody with a browser who is not.
    pub fn stranger(&self) -> Fan {
        let client =
            Client::builder().cookie_store(true).redirect(Policy::none()).build().expect("client");
        Fan { client, base: self.base.clone() }
    }

    /// An order of a fan's, not paid: its id and the address of its page.
    pub async fn order(&self, fan: &Fan, quantity: i32) -> (Uuid, String) {
        fan.hold(&[(&self.floor, quantity)]).await;
        let answer = fan
            .post(
                "/checkout/harbour-lights/order",
                &[("name", "Mira Vale"), ("email", "mira@example.com")],
            )
            .await;
        let page = location(&answer);
        let id = page
            .split(['/', '?'])
            .nth(2)
            .and_then(|id| id.parse().ok())
            .expect("an order's address");
        self.state(id, "awaiting_payment").await;
        (id, page)
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub async fn intent_of(&self, order: Uuid) -> String {
        sqlx::query_scalar("SELECT payment_intent FROM checkout.orders WHERE order_id = $1")
            .bind(order)
            .fetch_one(&self.app.pool)
            .await
            .expect("an intent")
    }

    /// Confirms at the sandbox provider, as a payer would.
    pub async fn confirm(&self, intent: &str, method: &str) -> Value {
        let url = format!("{}/sandbox/v1/intents/{intent}/confirm", self.base);
        let answer =
            self.http.post(url).json(&json!({ "method": method })).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("json")
    }

    /// Calls the sandbox provider with the merchant's key.
    pub async fn provider(&self, path: &str, key: &str, body: &Value) -> Response {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.api_key);
        request.header("idempotency-key", key).json(body).send().await.expect("an answer")
    }

    /// Sends a webhook of our own making, rightly signed.
    pub async fn webhook(&self, id: &str, body: &Value) -> StatusCode {
        self.webhook_at(id, body, Utc::now().timestamp(), &self.secret).await
    }

    pub async fn webhook_at(
        &self,
        id: &str,
        body: &Value,
        timestamp: i64,
        secret: &str,
    ) -> StatusCode {
        let text = body.to_string();
        let signature = Webhook::new(secret)
            .expect("secret")
            .sign(id, timestamp, text.as_bytes())
            .expect("signed");
        self.http
            .post(format!("{}/v1/payments/webhooks/sandbox", self.base))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(text)
            .send()
            .await
            .expect("an answer")
            .status()
    }

    /// Waits until an order is in a state.
    pub async fn state(&self, order: Uuid, state: &str) {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let now = self.state_now(order).await;
            if now == state {
                return;
            }
            assert!(Instant::now() < deadline, "the order is {now}, not {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn state_now(&self, order: Uuid) -> String {
        let found: Option<String> =
            sqlx::query_scalar("SELECT state FROM checkout.orders WHERE order_id = $1")
                .bind(order)
                .fetch_optional(&self.app.pool)
                .await
                .expect("a state");
        found.unwrap_or_else(|| "unwritten".to_owned())
    }

    pub async fn count(&self, sql: &'static str, order: Uuid) -> i64 {
        sqlx::query_scalar(sql).bind(order).fetch_one(&self.app.pool).await.expect("a count")
    }

    pub async fn tickets(&self, order: Uuid) -> i64 {
        self.count("SELECT count(*) FROM checkout.tickets WHERE order_id = $1", order).await
    }

    pub async fn refunds(&self, order: Uuid) -> i64 {
        self.count("SELECT count(*) FROM checkout.refunds WHERE order_id = $1", order).await
    }

    /// Lets an unpaid order's time be over.
    pub async fn overdue(&self, order: Uuid) {
        sqlx::query(
            "UPDATE checkout.orders SET expires_at = now() - interval '1 hour' WHERE order_id = $1",
        )
        .bind(order)
        .execute(&self.app.pool)
        .await
        .expect("changed");
    }
}

/// The body of a webhook.
pub fn news(kind: &str, order: Uuid, intent: &str, amount_minor: i64) -> Value {
    let fault = (kind == "payment.failed").then_some("card_declined");
    json!({
        "type": kind,
        "timestamp": Utc::now(),
        "data": { "intent": intent, "reference": order, "amount_minor": amount_minor, "currency": "EUR", "fault": fault },
    })
}

async fn stock(app: &App, name: &str, title: &str, allotted: i32) -> [TicketType; 2] {
    let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
    let ticket_type = |name: &str, price_minor| NewTicketType {
        name: name.to_owned(),
        description: "Standing, no seats".to_owned(),
        price_minor,
        currency: "EUR".to_owned(),
        per_order_max: 4,
    };
    let show = NewShow {
        show: name.to_owned(),
        title: title.to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: "Pop".to_owned(),
        description: String::new(),
        venue: Venue {
            name: "Quay Hall".to_owned(),
            city: "Hamburg".to_owned(),
            country: "DE".to_owned(),
            address: "Am Kai 1".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
        },
        doors_at: at("2030-11-21T18:00:00Z"),
        starts_at: at("2030-11-21T19:00:00Z"),
        on_sale_at: at("2020-11-21T19:00:00Z"),
        high_traffic: true,
        listed: true,
        ticket_types: vec![ticket_type("Floor", 4_500), ticket_type("Balcony", 8_500)],
    };
    let types = put_show(&app.pool, &show).await.expect("a show");
    for ticket_type in &types {
        put_stock(&app.pool, name, ticket_type.ticket_type, allotted, Some(2))
            .await
            .expect("stock");
    }
    let gate = GateSettings {
        room: ROOM.to_owned(),
        lanes: 1,
        rate_per_sec: 100.0,
        max_active: 100,
        claim_window_secs: 60,
        state: GateState::Running,
    };
    let mut connection = app.pool.acquire().await.expect("connection");
    put_gate(&mut connection, &gate).await.expect("a gate");
    types.try_into().expect("two types")
}

async fn serve(
    app: &App,
    provider: sandbox::Config,
    listener: tokio::net::TcpListener,
    tasks: &Tasks,
) -> Client {
    let state = sandbox::State::new(provider, app.pool.clone()).expect("sandbox");
    let routers = sandbox::router(&state);
    let (routes, _) = checkout::router(app.clone())
        .merge(checkout::webhooks(app.clone()))
        .merge(routers.merchant)
        .merge(routers.payer)
        .split_for_parts();
    sandbox::run(&state, tasks);
    checkout::run_api(app.clone(), tasks.clone()).await;
    checkout::run_writer(app.clone(), app.pool.clone(), tasks.clone()).await;
    let router = kit::http::stack(routes.merge(kit::asset::router(&[&kit::asset::STYLESHEET])));
    let stop = tasks.stop();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .expect("serving");
    });
    Client::builder().redirect(Policy::none()).build().expect("client")
}

/// A fan's browser.
pub struct Fan {
    client: Client,
    base: String,
}

impl Fan {
    /// Browsers ask for pages.
    const ACCEPT: (&'static str, &'static str) = ("accept", "text/html,application/xhtml+xml");

    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(self.address(path)).header(Self::ACCEPT.0, Self::ACCEPT.1);
        request.send().await.expect("an answer")
    }

    /// The text of a page that is there.
    pub async fn read(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.expect("text")
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let fields: HashMap<&str, &str> = form.iter().copied().collect();
        let request = self.client.post(self.address(path)).header(Self::ACCEPT.0, Self::ACCEPT.1);
        request.form(&fields).send().await.expect("an answer")
    }

    /// Chooses tickets of the server's first show and holds them.
    pub async fn hold(&self, choice: &[(&TicketType, i32)]) {
        let answer = self.try_hold(choice).await;
        assert_eq!(location(&answer), "/checkout/harbour-lights");
    }

    pub async fn try_hold(&self, choice: &[(&TicketType, i32)]) -> Response {
        self.choose_at("/checkout/harbour-lights", choice).await
    }

    /// Sends the form of the page at `path`, filled in.
    pub async fn choose_at(&self, path: &str, choice: &[(&TicketType, i32)]) -> Response {
        let page = self.read(path).await;
        let action = page
            .split("<form method=\"post\" action=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let attempt =
            page.split("name=\"attempt\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let mut form = vec![("attempt".to_owned(), attempt.expect("a form").to_owned())];
        form.extend(
            choice
                .iter()
                .map(|(kind, count)| (format!("q-{}", kind.ticket_type), count.to_string())),
        );
        let fields: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action.expect("a form"), &fields).await
    }

    fn address(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }
}

/// Where an answer sends the browser.
pub fn location(answer: &Response) -> String {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{answer:?}");
    answer.headers()["location"].to_str().expect("text").to_owned()
}
