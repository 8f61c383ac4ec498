//! A console of its own for each test, called without a socket.

use std::{
    collections::HashMap,
    future::Future,
    time::{Duration, Instant},
};

use admin::{App, Config, contract::create_first_admin};
use admission::contract::Gate;
use axum::{
    Extension, Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use kit::{
    kafka::Kafka, password::Queue, redis::Redis, serve::Tasks, settings::Settings,
    token::generate_seal_key,
};
use serde_json::{Value, json};
use testkit::TestEnv;
use tower::ServiceExt;

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

/// An answer, read whole; a stream is not read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The stable id of a problem.
    pub fn id(&self) -> String {
        self.json()["type"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("urn:fairgate:problem:")
            .to_owned()
    }

    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The value of a cookie that was set.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(|text| text.strip_prefix(name)?.strip_prefix('=')?.split(';').next())
            .map(str::to_owned)
    }

    /// The value of a hidden field of the page's first form that has it.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self
            .text
            .split_once(&start)
            .unwrap_or_else(|| panic!("no field {name} in {}", self.text))
            .1;
        rest.split('"').next().unwrap_or_default().to_owned()
    }
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
        Self { test_env, router, api, checkout_keys, passwords, tasks }
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
            self.sign_in(email, one_time).await.json()["token"].as_str().expect("token").to_owned();
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
        let one_time = added.json()["one_time_password"].as_str().expect("password").to_owned();
        self.settle("olga@example.org", &one_time).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.api("POST", "/v1/admin/sessions", None, Some(body)).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (status, headers) = (response.status(), response.headers().clone());
        if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            // It does not end.
            return Answer { status, headers, text: String::new() };
        }
        let body = response.into_body().collect().await.expect("body").to_bytes();
        Answer { status, headers, text: String::from_utf8_lossy(&body).into_owned() }
    }

    pub async fn api(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).expect("request")).await
    }

    /// A page, as a browser with these cookies gets it.
    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).expect("request")).await
    }

    /// A form, as a browser sends it.
    pub async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.finish()));
        self.send(request.expect("request")).await
    }

    pub async fn put_show(&self, show: &str) {
        let text = json!({"show": show, "title": "A show", "performer": "A band", "genre": "Pop", "description": "",
            "venue": {"name": "A hall", "city": "Bergen", "country": "NO", "address": "", "time_zone": "Europe/Oslo"},
            "doors_at": "2031-05-01T17:00:00Z", "starts_at": "2031-05-01T18:00:00Z", "on_sale_at": "2026-01-01T09:00:00Z",
            "high_traffic": false, "listed": true, "ticket_types": [
                {"name": "Standing", "description": "", "price_minor": 5000, "currency": "EUR", "per_order_max": 4}]});
        catalog::contract::put_show(
            &self.test_env.pool,
            &serde_json::from_value(text).expect("show"),
        )
        .await
        .expect("put");
    }

    /// Somebody whom `admin` added, with their one-time password still.
    pub async fn newcomer(&self, admin: &str, email: &str, role: &str) -> Newcomer {
        let body =
            json!({"email": email, "name": "Somebody", "role": role, "current_password": PASSWORD});
        let added = self.api("POST", "/v1/admin/people", Some(admin), Some(body)).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
        let text = |name: &str| added.json()[name].as_str().expect("text").to_owned();
        Newcomer { person: text("person"), one_time: text("one_time_password") }
    }

    /// An admin gives somebody a new one-time password.
    pub async fn reset(&self, admin: &str, person: &str) -> Answer {
        let body = json!({"current_password": PASSWORD});
        self.api("POST", &format!("/v1/admin/people/{person}/password"), Some(admin), Some(body))
            .await
    }

    /// Marks a show as high-traffic, which makes its room.
    pub async fn put_room(&self, token: &str, show: &str) {
        self.put_show(show).await;
        let wish =
            json!({"lanes": 2, "rate_per_sec": 25.0, "max_active": 100, "claim_window_secs": 60});
        let marked = self
            .api("PUT", &format!("/v1/admin/shows/{show}/high-traffic"), Some(token), Some(wish))
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
        answer.json()["entries"].as_array().expect("entries").clone()
    }
}

/// Asks until the answer is something, for 20 seconds at most.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
