//! A console of its own for each test, called without a socket.

use std::{collections::HashMap, time::Duration};

use admin::{App, Config, contract::create_first_admin};
use admission::contract::Gate;
use axum::{Extension, Router, extract::ConnectInfo, http::StatusCode};
use catalog::contract::{TicketType, Venue};
use chrono::Utc;
use kit::{
    kafka::{Kafka, ProducerBounds},
    password::Queue,
    redis::Redis,
    serve::Tasks,
    settings::Settings,
    token::generate_seal_key,
};
use rdkafka::producer::FutureRecord;
use serde_json::{Value, json};
use testkit::{Checkout, CheckoutBuilder, Client, ShowBuilder, TestEnv};
pub use testkit::{Reply, eventually};
use tokio::sync::OnceCell;

pub const ADMIN: &str = "ada@example.org";
/// Where calls come from.
pub const HERE: [u8; 4] = [127, 0, 0, 1];
pub const PASSWORD: &str = "a long enough password 1";

pub struct TestConsole {
    pub test_env: TestEnv,
    pub router: Router,
    /// The description of the API.
    pub api: Value,
    pub checkout_keys: String,
    /// Those who wait to have a password looked at.
    pub passwords: Queue,
    pub tasks: Tasks,
    checkout: OnceCell<(Checkout, TicketType)>,
}

impl Drop for TestConsole {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// Somebody who was added.
pub struct Newcomer {
    pub person: String,
    pub one_time: String,
}

fn config(test_env: &TestEnv, checkout_keys: &str) -> Config {
    let mut env: HashMap<String, String> = test_env.settings();
    env.insert("FAIRGATE_CHECKOUT_KEYS".into(), checkout_keys.to_owned());
    let mut settings = Settings::new(&env);
    let config = Config::from_settings(&mut settings);
    settings.finish().expect("settings");
    config
}

fn routes(app: App) -> (Router, Value) {
    let routers = admin::router(app);
    let (router, api) =
        routers.console.merge(routers.sign_in).merge(routers.support).split_for_parts();
    // As the server has it of a socket.
    let here = ConnectInfo(std::net::SocketAddr::from((HERE, 50_000)));
    let router = kit::http::stack(router).layer(Extension(here));
    (router, serde_json::to_value(api).expect("a description"))
}

impl TestConsole {
    pub async fn new() -> Self {
        let test_env = TestEnv::new().await;
        let checkout_keys = generate_seal_key().expect("key");
        let config = config(&test_env, &checkout_keys);
        let gate = Gate::new(test_env.redis.clone());
        let app = App::new(
            config,
            test_env.pool.clone(),
            test_env.redis.clone(),
            test_env.kafka.clone(),
            gate,
        )
        .expect("app");
        let tasks = Tasks::default();
        admin::run(&app, &tasks);
        let passwords = app.passwords.clone();
        let (router, api) = routes(app);
        let checkout = OnceCell::new();
        Self { test_env, router, api, checkout_keys, passwords, tasks, checkout }
    }

    /// The same console as another instance would be that reaches other servers.
    pub fn with_servers(&mut self, redis: Redis, kafka: Kafka) {
        let (config, gate) =
            (config(&self.test_env, &self.checkout_keys), Gate::new(redis.clone()));
        self.router =
            routes(App::new(config, self.test_env.pool.clone(), redis, kafka, gate).expect("app"))
                .0;
    }

    /// A console with an admin who has chosen a password, and the token of a session of theirs.
    pub async fn with_admin() -> (Self, String) {
        let console = Self::new().await;
        let one_time = create_first_admin(&console.test_env.pool, ADMIN)
            .await
            .expect("admin")
            .expect("the first");
        let token = console.settle(ADMIN, &one_time.password).await;
        (console, token)
    }

    /// Signs in with a one-time password and replaces it by [`PASSWORD`].
    pub async fn settle(&self, email: &str, one_time: &str) -> String {
        let token =
            self.sign_in(email, one_time).await.body["token"].as_str().expect("token").to_owned();
        self.choose_password(&token).await;
        token
    }

    /// Replaces the one-time password that opened a session by [`PASSWORD`].
    pub async fn choose_password(&self, token: &str) {
        let body = json!({"password": PASSWORD});
        let changed = self.api("PUT", "/v1/admin/password", Some(token), Some(body)).await;
        assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.text);
    }

    /// As if the time of all blocks were over.
    pub async fn end_blocks(&self) {
        let mut redis = self.test_env.redis.connection();
        let pattern = self.test_env.redis.key("blocked:console", "*").replace(['{', '}'], "*");
        let keys: Vec<String> =
            redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await.expect("keys");
        assert!(!keys.is_empty(), "somebody is blocked");
        redis::cmd("DEL").arg(keys).exec_async(&mut redis).await.expect("deleted");
    }

    /// An operator who is signed in.
    pub async fn operator(&self, admin: &str) -> String {
        let body = json!({"email": "olga@example.org", "name": "Olga", "role": "operator", "current_password": PASSWORD});
        let added = self.api("POST", "/v1/admin/people", Some(admin), Some(body)).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
        let one_time = added.body["one_time_password"].as_str().expect("password").to_owned();
        self.settle("olga@example.org", &one_time).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.api("POST", "/v1/admin/sessions", None, Some(body)).await
    }

    /// A program that calls the console.
    pub fn client(&self) -> Client {
        Client::of(&self.router)
    }

    pub async fn api(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Reply {
        let client = self.client();
        let call = client.call(method.parse().expect("a method"), path);
        let call = call.bearer(token.unwrap_or_default());
        match body {
            Some(body) => call.json(&body).send().await,
            None => call.header("content-type", "application/json").send().await,
        }
    }

    /// A page, as a browser with these cookies gets it.
    pub async fn get(&self, path: &str, cookie: &str) -> Reply {
        let client = self.client();
        client.get(path).header("accept", "text/html").header("cookie", cookie).send().await
    }

    /// A form, as a browser sends it.
    pub async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Reply {
        let client = self.client();
        let call = client.post(path).header("accept", "text/html").header("cookie", cookie);
        call.form(fields).send().await
    }

    /// A show with one ticket type, for 50 €, in Oslo.
    pub async fn put_show(&self, show: &str) {
        a_show(show).put_in_catalog(&self.test_env.pool).await;
    }

    /// A checkout for show `s`, started when it is first asked for.
    pub async fn checkout(&self) -> &(Checkout, TicketType) {
        let start = async || {
            let show = a_show("s").stock(100, 1);
            let ticket_type = show.put(&self.test_env.pool).await.remove(0);
            let checkout = CheckoutBuilder::new("s").room("r").start(&self.test_env).await;
            (checkout, ticket_type)
        };
        self.checkout.get_or_init(start).await
    }

    /// Somebody whom `admin` added, with their one-time password still.
    pub async fn newcomer(&self, admin: &str, email: &str, role: &str) -> Newcomer {
        let body =
            json!({"email": email, "name": "Somebody", "role": role, "current_password": PASSWORD});
        let added = self.api("POST", "/v1/admin/people", Some(admin), Some(body)).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
        let text = |name: &str| added.body[name].as_str().expect("text").to_owned();
        Newcomer { person: text("person"), one_time: text("one_time_password") }
    }

    /// An admin gives somebody a new one-time password.
    pub async fn reset(&self, admin: &str, person: &str) -> Reply {
        let body = json!({"current_password": PASSWORD});
        self.api("POST", &format!("/v1/admin/people/{person}/password"), Some(admin), Some(body))
            .await
    }

    /// Publishes heads of room `s` as a controller does; `moved` says what is special about them.
    pub async fn publish_heads(&self, moved: Value) {
        let bounds =
            ProducerBounds { queue_messages_max: 100, delivery_ms_max: 10_000, linger_ms: 0 };
        let producer = self.test_env.kafka.producer(bounds).expect("producer");
        let now = Utc::now();
        let mut record =
            json!({"room": "s", "at": now, "claim_until": now, "rate_per_sec": 1.0, "heads": []});
        for (name, value) in moved.as_object().expect("fields") {
            record[name] = value.clone();
        }
        let topic = self.test_env.kafka.name(admission::contract::HEADS_TOPIC);
        let payload = record.to_string();
        let record = FutureRecord::to(&topic).key("s").partition(0).payload(&payload);
        let sent = producer.send(record, Duration::from_secs(10)).await;
        sent.map_err(|(error, _)| error).expect("published");
    }

    /// Marks a show as high-traffic, which makes its room.
    pub async fn put_room(&self, token: &str, show: &str) {
        self.put_show(show).await;
        self.mark(token, show).await;
    }

    /// The same for a show that is there.
    pub async fn mark(&self, token: &str, show: &str) {
        let spec = json!({"lanes": 2, "rate_per_sec": 25.0, "max_active": 100, "claim_window_secs": 60,
                   "method": "first_come"});
        let marked = self
            .api("PUT", &format!("/v1/admin/shows/{show}/high-traffic"), Some(token), Some(spec))
            .await;
        assert_eq!(marked.status, StatusCode::OK, "{}", marked.text);
    }

    /// What strangers failed at: kind, network, account and how often, sorted.
    pub async fn failures(&self) -> Vec<(String, String, String, i64)> {
        sqlx::query_as(
            "SELECT kind, network, account, times FROM admin.security_log ORDER BY 1, 2, 3, hour",
        )
        .fetch_all(&self.test_env.pool)
        .await
        .expect("rows")
    }

    /// Entries of the audit log, newest first.
    pub async fn log(&self, token: &str) -> Vec<Value> {
        let answer = self.api("GET", "/v1/admin/audit", Some(token), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body["entries"].as_array().expect("entries").clone()
    }
}

fn a_show(show: &str) -> ShowBuilder {
    let starts_at = "2031-05-01T18:00:00Z".parse().expect("a time");
    let show = ShowBuilder::new(show).title("A show").starts_at(starts_at);
    show.ticket_type("Standing", 5_000).with(|show| {
        show.high_traffic = false;
        show.on_sale_at = "2026-01-01T09:00:00Z".parse().expect("a time");
        show.venue = Venue {
            name: "A hall".to_owned(),
            city: "Bergen".to_owned(),
            country: "NO".to_owned(),
            address: String::new(),
            time_zone: "Europe/Oslo".to_owned(),
        };
    })
}
