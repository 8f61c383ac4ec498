//! The portal beside checkout, and the people and programs that come to them.

use axum::{Router, http::Method};
use kit::{http::RequestId, serve::Tasks, settings::Settings};
use reseller_portal::{App, Config, contract, contract::ResellerState};
use serde_json::Value;
use testkit::{Checkout, CheckoutBuilder, Client, RoomBuilder, TestEnv, id};
pub use testkit::{Reply, eventually};
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
    pub checkout: Checkout,
    tasks: Tasks,
}

impl Drop for TestPortal {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
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
        let checkout = CheckoutBuilder::new("unsold").start(&test_env).await;
        let mut settings = Settings::new(&checkout.settings);
        let config = Config::from_settings(&mut settings);
        settings.finish().unwrap();
        let app = App::new(config, test_env.pool.clone(), test_env.redis.clone());
        let tasks = Tasks::default();
        if tells {
            catalog::run(test_env.pool.clone(), test_env.kafka.clone(), &tasks);
        }
        let routers = reseller_portal::router(app.clone());
        let calls = reseller_portal::with_api_keys(routers.api, app.clone(), None);
        let (pages, api) = routers.portal.merge(routers.entrance).merge(calls).split_for_parts();
        let selling = checkout::router(checkout.app.clone());
        let selling = reseller_portal::with_api_keys(selling, app.clone(), None);
        let (selling, selling_api) = selling.split_for_parts();
        let router = kit::http::stack(pages.merge(selling).merge(checkout.beside.clone()));
        let descriptions =
            [api, selling_api].iter().map(|api| serde_json::to_value(api).unwrap()).collect();
        Self { test_env, router, descriptions, app, checkout, tasks }
    }

    pub fn browser(&self) -> Browser {
        Browser { client: Client::of(&self.router).browser() }
    }

    /// A browser somewhere else.
    pub fn browser_at(&self, peer: axum::extract::ConnectInfo<std::net::SocketAddr>) -> Browser {
        let router = self.router.clone().layer(axum::Extension(peer));
        Browser { client: Client::of(&router).browser() }
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
        let room = RoomBuilder::new(show).max_active(100);
        room.gate(&self.test_env.pool, &self.test_env.redis).await;
        self.checkout.passes.fresh(&id(show), &id(show))
    }

    /// Calls with an API key.
    pub async fn call(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Reply {
        let client = Client::of(&self.router);
        let call = client.call(method, path).bearer(key);
        let call = call.idempotency_key(&Uuid::new_v4().to_string());
        match body {
            Some(body) => call.json(&body).send().await,
            None => call.send().await,
        }
    }

    pub async fn get(&self, path: &str, key: &str) -> Reply {
        self.call(Method::GET, path, key, None).await
    }
}

/// A reseller's browser.
pub struct Browser {
    pub client: Client,
}

impl Browser {
    pub async fn send(&self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> Reply {
        let call = self.client.call(method, path);
        let call = if let Some(form) = form { call.form(form) } else { call };
        let reply = call.send().await;
        for cookie in reply.cookies() {
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        }
        reply
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// The text of a page that is there.
    pub async fn read(&self, path: &str) -> String {
        self.get(path).await.ok(200).text
    }

    /// What forms of this browser carry.
    pub fn csrf(&self) -> String {
        let known = |name| self.client.cookie(name);
        let token = known("fg_portal").or_else(|| known("fg_portal_entry"));
        kit::secret::csrf(&token.expect("a page was loaded before"))
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let csrf = self.csrf();
        let form = [form, &[("csrf", csrf.as_str())]].concat();
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
        assert_eq!(self.post("/portal/sign-up", &form).await.sent_to(), "/portal/waiting");
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
        assert_eq!(self.post("/portal/venues/new", &form).await.sent_to(), "/portal/venues");
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
        let show = answer.sent_to().rsplit('/').next().unwrap().to_owned();
        let form = [
            ("name", "Floor"),
            ("description", ""),
            ("price", "45.00"),
            ("currency", "EUR"),
            ("per_order_max", "4"),
            ("allotted", allotted),
        ];
        let answer = self.post(&format!("/portal/shows/{show}/ticket-types/new"), &form).await;
        let ticket_type = answer.sent_to().rsplit('=').next().unwrap().to_owned();
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
