//! The people of the whole system besides its fans: an admin, a reseller and the reseller's shop.

use std::{collections::HashMap, process::Stdio, time::Duration};

use checkout::contract::stock_counts;
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::test_system::{Reply, TestSystem, reply};

pub const PASSWORD: &str = "a long enough password 7";

/// Somebody with cookies who fills in forms.
pub struct Browser<'a> {
    system: &'a TestSystem,
    pub client: Client,
}

impl<'a> Browser<'a> {
    pub fn new(system: &'a TestSystem) -> Self {
        let client =
            Client::builder().no_proxy().cookie_store(true).redirect(Policy::none()).build();
        Self { system, client: client.expect("a client") }
    }

    pub async fn read(&self, path: &str) -> String {
        let request =
            self.client.get(format!("{}{path}", self.system.base)).header("accept", "text/html");
        reply(request).await.with_status(200).text
    }

    /// Opens `page`, fills in its form and sends it to `path`.
    pub async fn fill(&self, page: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        let text = self.read(page).await;
        let csrf =
            text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let mut form: HashMap<&str, &str> = form.iter().copied().collect();
        form.extend(csrf.map(|csrf| ("csrf", csrf)));
        reply(
            self.client
                .post(format!("{}{path}", self.system.base))
                .header("accept", "text/html")
                .form(&form),
        )
        .await
    }
}

/// An admin's calls.
pub struct Admin<'a> {
    system: &'a TestSystem,
    pub token: String,
}

impl<'a> Admin<'a> {
    /// Signs in with the one-time password and chooses another.
    pub async fn first(system: &'a TestSystem) -> Self {
        let email = "ada@fairgate.example";
        let first = async || {
            admin::contract::create_first_admin(&system.stores.pool, email).await.expect("asked")
        };
        let once = first().await.expect("there was none").password;
        let sign_in = |password: String| {
            system.post("/v1/admin/sessions").json(&json!({ "email": email, "password": password }))
        };
        let token = reply(sign_in(once.clone())).await.with_status(201).text_of("token");
        let early = reply(system.get("/v1/admin/rooms").bearer_auth(&token)).await;
        assert_eq!(early.status, 403, "a one-time password opens nothing else: {}", early.text);
        assert_eq!(reply(sign_in(once)).await.status, 401, "a one-time password is good once");
        let change = json!({ "password": PASSWORD });
        let changed = reply(
            system
                .client
                .put(format!("{}/v1/admin/password", system.base))
                .bearer_auth(&token)
                .json(&change),
        );
        assert!(changed.await.status < 300);
        assert!(first().await.is_none(), "there is an admin");
        let token = reply(sign_in(PASSWORD.to_owned())).await.with_status(201).text_of("token");
        Self { system, token }
    }

    pub async fn get(&self, path: &str) -> Value {
        reply(self.system.get(path).bearer_auth(&self.token)).await.with_status(200).body
    }

    pub async fn send(&self, request: reqwest::RequestBuilder, body: Value) -> Reply {
        let answer = reply(request.bearer_auth(&self.token).json(&body)).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text);
        answer
    }

    pub fn patch(&self, path: &str) -> reqwest::RequestBuilder {
        self.system.client.patch(format!("{}{path}", self.system.base))
    }
}

pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not in time: {what}");
}

/// Signs up, is approved, and publishes a show with `allotted` tickets. Gives the show and an API
/// key.
pub async fn reseller(system: &TestSystem, admin: &Admin<'_>, allotted: &str) -> (String, String) {
    let browser = Browser::new(system);
    let form = [
        ("company", "Quay Tickets"),
        ("about", "Shows by the water."),
        ("name", "Grace"),
        ("email", "grace@quay.example"),
        ("password", PASSWORD),
    ];
    browser.fill("/portal/sign-up", "/portal/sign-up", &form).await.with_status(303);
    let waiting = admin.get("/v1/admin/resellers?state=pending").await;
    let id = waiting["resellers"][0]["reseller"]
        .as_str()
        .unwrap_or_else(|| panic!("{waiting}"))
        .to_owned();
    admin
        .send(admin.patch(&format!("/v1/admin/resellers/{id}")), json!({ "state": "approved" }))
        .await;

    let venue = [
        ("name", "Lantern Hall"),
        ("city", "Bremen"),
        ("country", "DE"),
        ("address", ""),
        ("time_zone", "Europe/Berlin"),
    ];
    browser.fill("/portal/venues/new", "/portal/venues/new", &venue).await.with_status(303);
    let list = browser.read("/portal/venues").await;
    let line = list.lines().find(|line| line.contains("Lantern Hall")).expect("the venue");
    let venue = line
        .split("href=\"/portal/venues/")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("its id");
    let form = [
        ("title", "Harbour Lights"),
        ("performer", "Mira Vale"),
        ("genre", "Pop"),
        ("description", ""),
        ("venue", venue),
        ("doors_at", "2031-11-21T19:00"),
        ("starts_at", "2031-11-21T20:00"),
        ("on_sale_at", "2024-11-21T20:00"),
    ];
    let made = browser.fill("/portal/shows/new", "/portal/shows/new", &form).await.with_status(303);
    let show = made.header("location").rsplit('/').next().expect("a slug").to_owned();
    let form = [
        ("name", "Floor"),
        ("description", ""),
        ("price", "45.00"),
        ("currency", "EUR"),
        ("per_order_max", "4"),
        ("allotted", allotted),
    ];
    let types = format!("/portal/shows/{show}/ticket-types/new");
    browser.fill(&types, &types, &form).await.with_status(303);
    let public = reply(system.get(&format!("/v1/shows/{show}"))).await;
    assert_eq!(public.status, 404, "a draft is nobody's business: {}", public.text);
    let publish = format!("/portal/shows/{show}/publish");
    browser.fill(&publish, &publish, &[]).await.with_status(303);

    let scopes =
        ["catalog_read", "orders_read", "orders_write", "reports_read"].map(|scope| (scope, "on"));
    let form: Vec<_> = [("name", "Shop")].into_iter().chain(scopes).collect();
    let page = browser.fill("/portal/keys", "/portal/keys", &form).await.with_status(200).text;
    let key = page.split("<code>").skip(1).filter_map(|rest| rest.split('<').next());
    let key = key
        .into_iter()
        .find(|code| code.starts_with("fgk_") && code.len() > 40)
        .expect("a key")
        .to_owned();
    (show, key)
}

/// The example shop sells one ticket to a fan. Gives what it printed.
pub async fn shop(system: &TestSystem, show: &str, key: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop/shop.py");
    // The PATH's Python may be one that does not see Debian's packages.
    let python = if std::path::Path::new("/usr/bin/python3").exists() {
        "/usr/bin/python3"
    } else {
        "python3"
    };
    let shop = Command::new(python)
        .arg(script)
        .args(["--fairgate", &system.base, "--show", show, "--once"])
        .env("FAIRGATE_API_KEY", key)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(100), shop)
        .await
        .expect("in time")
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the shop failed: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON; {said}"))
}

pub async fn letters(system: &TestSystem, kind: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM notifications.letters WHERE kind = $1 AND sent_at IS NOT NULL",
    )
    .bind(kind)
    .fetch_one(&system.stores.pool)
    .await
    .expect("letters")
}

pub async fn free(system: &TestSystem, show: &str) -> Option<i64> {
    let counts = stock_counts(&system.stores.pool, &system.stores.redis, &testkit::id(show))
        .await
        .expect("counts");
    counts.first()?.free
}
