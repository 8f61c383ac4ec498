//! The portal beside checkout, and the people and programs that come to them.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use admission::contract::{Gate, GateSettings, GateState, PassKeys, generate_pass_key, put_gate};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use chrono::Utc;
use http_body_util::BodyExt;
use kit::{http::RequestId, serve::Tasks, settings::Settings};
use reseller_portal::{App, Config, contract, contract::ResellerState};
use serde_json::Value;
use testkit::TestEnv;
use tower::ServiceExt;
use uuid::Uuid;

pub const PASSWORD: &str = "a long enough password 7";
/// The fields of the form that makes a key, each a scope.
pub const SCOPES: [&str; 7] = [
    "catalog_read",
    "catalog_write",
    "stock_write",
    "orders_read",
    "tickets_read",
    "orders_write",
    "reports_read",
];

/// Dropping it stops its background work.
pub struct TestPortal {
    pub test_env: TestEnv,
    pub router: Router,
    /// Descriptions of the resellers' API and of checkout.
    pub descriptions: Vec<Value>,
    pub app: App,
    pub buying: checkout::App,
    keys: PassKeys,
    gate: Gate,
    tasks: Tasks,
}

impl Drop for TestPortal {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The id of the problem.
    pub fn problem(&self) -> String {
        let body = self.json();
        body["type"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("urn:fairgate:problem:")
            .to_owned()
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}", self.text, self.headers);
        self
    }

    /// Where the answer sends the browser.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[header::LOCATION].to_str().unwrap()
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    Answer { status: parts.status, headers: parts.headers, text }
}

impl TestPortal {
    pub async fn new() -> Self {
        Self::open(true).await
    }

    /// A portal whose catalog tells checkout nothing.
    pub async fn silent() -> Self {
        Self::open(false).await
    }

    async fn open(tells: bool) -> Self {
        let test_env = TestEnv::new().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut env = test_env.settings();
        for (key, value) in [
            ("FAIRGATE_CHECKOUT_KEYS", kit::token::generate_seal_key().unwrap()),
            ("FAIRGATE_SANDBOX_API_KEY", Uuid::new_v4().simple().to_string()),
            ("FAIRGATE_PAYMENT_WEBHOOK_SECRET", checkout::contract::generate_webhook_secret()),
            ("FAIRGATE_PUBLIC_URL", format!("http://{}", listener.local_addr().unwrap())),
        ] {
            env.insert(key.to_owned(), value);
        }
        let mut settings = Settings::new(&env);
        let config = Config::from_settings(&mut settings);
        let buying = checkout::Config::from_settings(&mut settings);
        let provider = checkout::sandbox::Config::from_settings(&mut settings);
        settings.finish().unwrap();

        let keys =
            PassKeys::from_paserk(&generate_pass_key().unwrap(), "fairgate", "fairgate-checkout")
                .unwrap();
        let gate = Gate::new(test_env.redis.clone());
        let (pool, redis, kafka) =
            (test_env.pool.clone(), test_env.redis.clone(), test_env.kafka.clone());
        let app = App::new(config, pool.clone(), redis.clone());
        let buying = checkout::App::new(
            buying,
            pool.clone(),
            redis,
            kafka.clone(),
            gate.clone(),
            keys.verifier(),
        )
        .unwrap();
        let provider = checkout::sandbox::State::new(provider, pool.clone()).unwrap();

        let tasks = Tasks::default();
        if tells {
            catalog::run(pool, kafka, &tasks);
        }
        checkout::sandbox::run(&provider, &tasks);
        checkout::run_api(buying.clone(), tasks.clone()).await;
        checkout::run_writer(buying.clone(), buying.pool.clone(), tasks.clone()).await;

        let routers = reseller_portal::router(app.clone());
        let calls = reseller_portal::with_api_keys(routers.api, app.clone(), None);
        let (pages, api) = routers.portal.merge(routers.entrance).merge(calls).split_for_parts();
        let selling =
            reseller_portal::with_api_keys(checkout::router(buying.clone()), app.clone(), None);
        let (selling, selling_api) = selling.split_for_parts();
        let provider = checkout::sandbox::router(&provider);
        let (others, _) = provider
            .merchant
            .merge(provider.payer)
            .merge(checkout::webhooks(buying.clone()))
            .split_for_parts();
        let router = kit::http::stack(pages.merge(selling).merge(others));
        let (served, stop) = (router.clone(), tasks.stop());
        tasks.spawn(async move {
            let _ =
                axum::serve(listener, served).with_graceful_shutdown(stop.cancelled_owned()).await;
        });
        let descriptions =
            [api, selling_api].iter().map(|api| serde_json::to_value(api).unwrap()).collect();
        Self { test_env, router, descriptions, app, buying, keys, gate, tasks }
    }

    pub fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookies: Mutex::default() }
    }

    /// A browser somewhere else.
    pub fn browser_at(&self, peer: axum::extract::ConnectInfo<std::net::SocketAddr>) -> Browser {
        Browser {
            router: self.router.clone().layer(axum::Extension(peer)),
            cookies: Mutex::default(),
        }
    }

    /// Somebody who signed up for `company` and was put into `state`.
    pub async fn reseller(&self, company: &str, state: ResellerState) -> (Browser, Uuid) {
        let browser = self.browser();
        browser.sign_up(company).await;
        let found = contract::resellers(&self.test_env.pool, None, None, 100).await.unwrap();
        let reseller =
            found.iter().find(|entry| entry.name == company).expect("signed up").reseller;
        self.decide(reseller.uuid(), state, None).await;
        (browser, reseller.uuid())
    }

    pub async fn decide(&self, reseller: Uuid, state: ResellerState, reason: Option<&str>) {
        let mut connection = self.test_env.pool.acquire().await.unwrap();
        let before =
            contract::decide(&mut connection, reseller.into(), state, reason, &RequestId::fresh())
                .await
                .unwrap();
        assert!(before.is_some());
    }

    /// A pass for a show's sale, whose gate is open.
    pub async fn pass(&self, show: &str) -> String {
        let settings = GateSettings {
            room: show.parse().unwrap(),
            lanes: 1,
            rate_per_sec: 100.0,
            max_active: 100,
            claim_window_secs: 60,
            state: GateState::Running,
        };
        put_gate(&mut self.test_env.pool.acquire().await.unwrap(), &settings).await.unwrap();
        self.gate.restore(show, &[]).await.unwrap();
        let place = format!("{show}.0.{}", Uuid::new_v4().as_u128() >> 70);
        let now = Utc::now();
        self.keys
            .sign(&place.parse().unwrap(), show, now, now + chrono::Duration::seconds(120))
            .unwrap()
    }

    /// Calls with an API key.
    pub async fn call(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header("idempotency-key", Uuid::new_v4().to_string());
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string().into()),
            None => request.body(Body::empty()),
        };
        send(&self.router, request.unwrap()).await
    }

    pub async fn get(&self, path: &str, key: &str) -> Answer {
        self.call(Method::GET, path, key, None).await
    }
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A browser with a cookie jar.
pub struct Browser {
    pub router: Router,
    pub cookies: Mutex<HashMap<String, String>>,
}

impl Browser {
    pub async fn send(&self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request =
            Request::builder().method(method).uri(path).header(header::ACCEPT, "text/html");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let body = form.map_or_else(Body::empty, |form| Body::from(encode(form)));
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let answer = send(&self.router, request.body(body).unwrap()).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let mut jar = self.cookies.lock().unwrap();
            if value.is_empty() {
                jar.remove(name)
            } else {
                jar.insert(name.to_owned(), value.to_owned())
            };
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// The text of a page that is there.
    pub async fn read(&self, path: &str) -> String {
        self.get(path).await.ok(200).text
    }

    /// What forms of this browser carry.
    pub fn csrf(&self) -> String {
        let jar = self.cookies.lock().unwrap();
        let token = jar.get("fg_portal").or_else(|| jar.get("fg_portal_entry"));
        kit::secret::csrf(token.expect("a page was loaded before"))
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let mut form = form.to_vec();
        form.push(("csrf", &csrf));
        self.send(Method::POST, path, Some(&form)).await
    }

    pub async fn sign_up(&self, company: &str) {
        self.read("/portal/sign-up").await;
        let email = email(company);
        let form = [
            ("company", company),
            ("about", "Shows."),
            ("name", "Ada"),
            ("email", email.as_str()),
            ("password", PASSWORD),
        ];
        assert_eq!(self.post("/portal/sign-up", &form).await.location(), "/portal/waiting");
    }

    /// A new API key with all scopes.
    pub async fn key(&self) -> String {
        self.key_without(&[]).await
    }

    /// A new API key with all scopes but these.
    pub async fn key_without(&self, missing: &[&str]) -> String {
        let named = |scope: &&str| !missing.contains(&scope.replace('_', ":").as_str());
        let form: Vec<_> = [("name", "A key")]
            .into_iter()
            .chain(SCOPES.into_iter().filter(named).map(|scope| (scope, "on")))
            .collect();
        key_of(&self.post("/portal/keys", &form).await.ok(200).text).expect("a key")
    }

    /// A venue of this reseller's.
    pub async fn venue(&self, name: &str) -> String {
        let form = [
            ("name", name),
            ("city", "Hamburg"),
            ("country", "DE"),
            ("address", ""),
            ("time_zone", "Europe/Berlin"),
        ];
        assert_eq!(self.post("/portal/venues/new", &form).await.location(), "/portal/venues");
        let page = self.read("/portal/venues").await;
        after(&page, "href=\"/portal/venues/", name).expect("the venue is listed")
    }

    /// A draft with one ticket type: the show's id and the type's. The performer is everybody's,
    /// the genre is the title.
    pub async fn show(&self, venue: &str, title: &str, allotted: &str) -> (String, String) {
        let form = [
            ("title", title),
            ("performer", "Mira Vale"),
            ("genre", title),
            ("description", ""),
            ("venue", venue),
            ("doors_at", "2031-11-21T19:00"),
            ("starts_at", "2031-11-21T20:00"),
            ("on_sale_at", "2024-11-21T20:00"),
        ];
        let answer = self.post("/portal/shows/new", &form).await;
        let show = answer.location().rsplit('/').next().unwrap().to_owned();
        let form = [
            ("name", "Floor"),
            ("description", ""),
            ("price", "45.00"),
            ("currency", "EUR"),
            ("per_order_max", "4"),
            ("allotted", allotted),
        ];
        let answer = self.post(&format!("/portal/shows/{show}/ticket-types/new"), &form).await;
        let ticket_type = answer.location().rsplit('=').next().unwrap().to_owned();
        (show, ticket_type)
    }
}

pub fn email(company: &str) -> String {
    format!("{}@example.com", company.to_lowercase().replace(' ', "-"))
}

/// The key that a page shows.
pub fn key_of(page: &str) -> Option<String> {
    page.split("<code>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap_or_default())
        .find_map(|code| (code.starts_with("fgk_") && code.len() > 40).then(|| code.to_owned()))
}

/// What stands behind `mark` on the line that names `name`.
fn after(page: &str, mark: &str, name: &str) -> Option<String> {
    let line = page.lines().find(|line| line.contains(name))?;
    Some(line.split(mark).nth(1)?.split('"').next()?.to_owned())
}

pub fn encode(form: &[(&str, &str)]) -> String {
    let text = |text: &str| -> String {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    form.iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)))
        .collect::<Vec<_>>()
        .join("&")
}
