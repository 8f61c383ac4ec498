//! The whole server in this process, in an environment of its own, and sales to put in it.

use std::collections::HashMap;

use kit::serve::Tasks;
use ops::{
    serve::Role,
    settings::Stores,
    verify::{self, report::Report},
};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use testkit::{RoomBuilder, ShowBuilder, TestEnv};
use tokio::net::TcpListener;
use uuid::Uuid;

pub fn stores(test_env: &TestEnv) -> Stores {
    Stores {
        pool: test_env.pool.clone(),
        steady: test_env.pool.clone(),
        redis: test_env.redis.clone(),
        kafka: test_env.kafka.clone(),
    }
}

/// What a sale is like.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub tickets: i32,
    pub shards: i32,
    pub lanes: i32,
    pub rate_per_sec: f64,
    pub max_active: i32,
    pub claim_window_secs: i32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            tickets: 100,
            shards: 2,
            lanes: 2,
            rate_per_sec: 200.0,
            max_active: 10_000,
            claim_window_secs: 600,
        }
    }
}

/// A room that is open, for a show of the same name.
pub async fn room(stores: &Stores, name: &str, terms: &Terms) {
    let room = RoomBuilder::new(name).lanes(terms.lanes).rate_per_sec(terms.rate_per_sec);
    let room = room.max_active(terms.max_active).claim_window_secs(terms.claim_window_secs);
    room.open(&stores.pool, &stores.kafka).await;
}

/// A show with one ticket type.
pub fn a_show(name: &str) -> ShowBuilder {
    ShowBuilder::new(name).ticket_type("Standing", 4_500)
}

/// A show with one ticket type, its stock and an open room of the same name. Gives the ticket type.
pub async fn sale(stores: &Stores, name: &str, terms: &Terms) -> Uuid {
    let types = a_show(name).stock(terms.tickets, terms.shards).put(&stores.pool).await;
    room(stores, name, terms).await;
    types.first().expect("a ticket type").ticket_type.uuid()
}

/// The whole server, serving on a port of its own until it is dropped.
pub struct TestSystem {
    _corner: TestEnv,
    pub stores: Stores,
    pub base: String,
    /// Where metrics and readiness are.
    pub management: String,
    pub env: HashMap<String, String>,
    pub tasks: Tasks,
    pub client: reqwest::Client,
}

impl TestSystem {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// With settings of the caller's on top.
    pub async fn open_with(settings: &[(&str, &str)]) -> Self {
        Self::open_in(TestEnv::new().await, settings).await
    }

    pub async fn open_in(test_env: TestEnv, settings: &[(&str, &str)]) -> Self {
        Self::open_as(&[], test_env, settings).await
    }

    /// With these roles alone.
    pub async fn open_as(roles: &[Role], test_env: TestEnv, settings: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let mut env = test_env.settings();
        env.extend(
            ops::keys::fresh()
                .expect("keys")
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value)),
        );
        env.insert("FAIRGATE_LISTEN".to_owned(), address.clone());
        let management = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let watched = management.local_addr().expect("its address").to_string();
        env.insert("FAIRGATE_MANAGEMENT_LISTEN".to_owned(), watched.clone());
        env.insert("FAIRGATE_DATABASE_CONNECTIONS_MAX".to_owned(), "10".to_owned());
        env.insert("FAIRGATE_SANDBOX".to_owned(), "true".to_owned());
        // Nobody listens there unless a test names its mail server.
        env.insert("FAIRGATE_SMTP_URL".to_owned(), "smtp://127.0.0.1:1".to_owned());
        env.insert("FAIRGATE_MAIL_FROM".to_owned(), "tickets@fairgate.example".to_owned());
        for policy in ["JOIN", "HEAD", "WAIT", "BUY", "READ", "WORK", "SIGN_IN"] {
            env.insert(format!("FAIRGATE_LIMIT_{policy}_PER_SEC"), "10000".to_owned());
            env.insert(format!("FAIRGATE_LIMIT_{policy}_BURST"), "10000".to_owned());
        }
        env.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let server = ops::serve::assemble(roles, &env).await.expect("a server");
        let tasks = server.serve_on(listener, management);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let stores = stores(&test_env);
        let (base, management) = (format!("http://{address}"), format!("http://{watched}"));
        Self { _corner: test_env, stores, base, management, env, tasks, client }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.at(path))
    }

    /// Asks where only whoever runs the system does.
    pub fn ask(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.management))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.at(path))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(self.at(path))
    }

    fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    /// Waits until the server knows the room.
    pub async fn await_room(&self, room: &str) {
        for _ in 0..100 {
            let answer = reply(self.get(&format!("/v1/rooms/{room}/head"))).await;
            if answer.status == 200 && answer.body["phase"] == "open" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the server does not know room {room}");
    }

    /// A sale in this system that its server knows. Gives the ticket type.
    pub async fn sale(&self, name: &str, terms: &Terms) -> Uuid {
        let ticket_type = sale(&self.stores, name, terms).await;
        self.await_room(name).await;
        ticket_type
    }

    pub async fn verify(&self) -> Report {
        verify::check(&self.stores, None).await.expect("a report")
    }
}

impl Drop for TestSystem {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null where the text is not JSON.
    pub body: Value,
}

impl Reply {
    /// The problem's id; empty where the answer is none.
    pub fn id(&self) -> &str {
        self.body["type"]
            .as_str()
            .and_then(|id| id.strip_prefix("urn:fairgate:problem:"))
            .unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The text under a name in the body.
    pub fn text_of(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text)).to_owned()
    }

    /// The answer itself, which must have this status.
    pub fn with_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub async fn reply(request: RequestBuilder) -> Reply {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Reply { status, headers, text, body }
}

/// Asserts on a problem: its status, its id, and that it is one.
pub async fn refused(request: RequestBuilder, status: u16, id: &str) -> Reply {
    let answer = reply(request).await;
    assert_eq!((answer.status, answer.id()), (status, id), "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.body["title"].is_string() && answer.body["status"] == status, "{}", answer.text);
    answer
}

pub fn assert_clean(report: &Report) {
    assert!(report.clean, "{}", report.table());
}

/// Asserts that the checker objects, by these checks and no others.
pub fn assert_objects(report: &Report, checks: &[&str]) {
    assert_eq!(report.failing(), checks, "{}", report.table());
    assert!(
        report.checks.iter().all(|check| check.count == 0 || !check.rows.is_empty()),
        "rows are shown"
    );
}
