//! The doors of the other people, from end to end: a reseller comes in, sells through its own shop,
//! a fan asks for help, an admin answers and gives the money back.

use std::{collections::HashMap, process::Stdio, time::Duration};

use checkout::contract::{LinkHolder, OrderId, new_order_link, stock_counts};
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    browser,
    test_system::{Reply, TestSystem, refused, reply},
};

const PASSWORD: &str = "a long enough password 7";

/// Somebody with cookies who fills in forms.
struct Browser<'a> {
    system: &'a TestSystem,
    client: Client,
}

impl<'a> Browser<'a> {
    fn new(system: &'a TestSystem) -> Self {
        let client =
            Client::builder().no_proxy().cookie_store(true).redirect(Policy::none()).build();
        Self { system, client: client.expect("a client") }
    }

    async fn read(&self, path: &str) -> String {
        let request =
            self.client.get(format!("{}{path}", self.system.base)).header("accept", "text/html");
        reply(request).await.with_status(200).text
    }

    /// Opens `page`, fills in its form and sends it to `path`.
    async fn fill(&self, page: &str, path: &str, form: &[(&str, &str)]) -> Reply {
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
struct Admin<'a> {
    system: &'a TestSystem,
    token: String,
}

impl<'a> Admin<'a> {
    /// Signs in with the one-time password and chooses another.
    async fn first(system: &'a TestSystem) -> Self {
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

    async fn get(&self, path: &str) -> Value {
        reply(self.system.get(path).bearer_auth(&self.token)).await.with_status(200).body
    }

    async fn send(&self, request: reqwest::RequestBuilder, body: Value) -> Reply {
        let answer = reply(request.bearer_auth(&self.token).json(&body)).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text);
        answer
    }

    fn patch(&self, path: &str) -> reqwest::RequestBuilder {
        self.system.client.patch(format!("{}{path}", self.system.base))
    }
}

async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
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
async fn reseller(system: &TestSystem, admin: &Admin<'_>, allotted: &str) -> (String, String) {
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
async fn shop(system: &TestSystem, show: &str, key: &str) -> Value {
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

async fn letters(system: &TestSystem, kind: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM notifications.letters WHERE kind = $1 AND sent_at IS NOT NULL",
    )
    .bind(kind)
    .fetch_one(&system.stores.pool)
    .await
    .expect("letters")
}

async fn free(system: &TestSystem, show: &str) -> Option<i64> {
    let counts =
        stock_counts(&system.stores.pool, &system.stores.redis, show).await.expect("counts");
    counts.first()?.free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_sells_and_an_admin_helps() {
    let smtp =
        std::env::var("FAIRGATE_SMTP_URL").expect("FAIRGATE_SMTP_URL: the stack has a mail server");
    let system = TestSystem::open_with(&[("FAIRGATE_SMTP_URL", &smtp)]).await;
    let admin = Admin::first(&system).await;
    let (show, key) = reseller(&system, &admin, "20").await;
    system.await_room(&show).await;
    eventually("the stock is on sale", async || {
        (free(&system, &show).await == Some(20)).then_some(())
    })
    .await;

    let sold = shop(&system, &show, &key).await;
    assert_eq!((&sold["pass"], &sold["listed"]), (&json!("verified"), &json!(true)), "{sold}");
    let order = sold["order"].as_str().expect("an order").to_owned();
    let intent = sold["payment_url"]
        .as_str()
        .and_then(|url| url.rsplit('/').next())
        .expect("a payment")
        .to_owned();
    let paying = system
        .post(&format!("/sandbox/v1/intents/{intent}/confirm"))
        .json(&json!({ "method": "ok" }));
    reply(paying).await.with_status(200);
    let state = async |wanted: &str| {
        let answer = reply(system.get(&format!("/v1/orders/{order}")).bearer_auth(&key))
            .await
            .with_status(200);
        (answer.body["state"] == wanted).then_some(())
    };
    eventually("the order is fulfilled", async || state("fulfilled").await).await;
    eventually("the tickets are in the mail", async || {
        (letters(&system, "ticket").await == 1).then_some(())
    })
    .await;
    assert_eq!(free(&system, &show).await, Some(19));

    let link = new_order_link(
        &system.stores.pool,
        order.parse::<OrderId>().expect("an id"),
        LinkHolder::Page,
    )
    .await
    .expect("a link");
    let (path, help) = (link.path(), link.support_path());
    let fan = Browser::new(&system);
    assert!(fan.read(&path).await.contains("/support/"), "the order page leads to help");
    fan.fill(
        &help,
        &help,
        &[("topic", "refund"), ("text", "I cannot come. <b>Please</b> refund me.")],
    )
    .await
    .with_status(303);

    let open = admin.get("/v1/admin/support?state=open").await;
    let ticket =
        open["tickets"][0]["ticket"].as_str().unwrap_or_else(|| panic!("{open}")).to_owned();
    let answers = system.post(&format!("/v1/admin/support/{ticket}/answers"));
    admin.send(answers, json!({ "text": "Your money is on its way." })).await;
    let refund = system.post(&format!("/v1/admin/orders/{order}/refund"));
    admin.send(refund, json!({ "reason": "The fan cannot come." })).await;
    eventually("the order is refunded", async || state("refunded").await).await;
    eventually("the ticket is on sale again", async || {
        (free(&system, &show).await == Some(20)).then_some(())
    })
    .await;
    eventually("the refund is in the mail", async || {
        (letters(&system, "refund").await == 1).then_some(())
    })
    .await;
    eventually("the answer is in the mail", async || {
        (letters(&system, "support_answer").await == 1).then_some(())
    })
    .await;
    let thread = fan.read(&help).await;
    assert!(thread.contains("Your money is on its way."), "{thread}");
    assert!(thread.contains("&#60;b&#62;Please") && !thread.contains("<b>Please"), "{thread}");
    assert!(fan.read(&path).await.to_lowercase().contains("refunded"), "the order page shows it");

    let audit = admin.get("/v1/admin/audit").await.to_string();
    for action in ["reseller", "support", "refund", "sign_in"] {
        assert!(audit.contains(action), "{action} is not in the audit log: {audit}");
    }
    let report = system.verify().await;
    assert_eq!(report.failing(), Vec::<&str>::new(), "{}", report.table());
}

/// An API key of the reseller's with these scopes.
async fn key_with(system: &TestSystem, scope: &str) -> String {
    let browser = Browser::new(system);
    let form = [("email", "grace@quay.example"), ("password", PASSWORD)];
    browser.fill("/portal/sign-in", "/portal/sign-in", &form).await.with_status(303);
    let page = browser
        .fill("/portal/keys", "/portal/keys", &[("name", "Another"), (scope, "on")])
        .await
        .with_status(200);
    let codes = page.text.split("<code>").skip(1).filter_map(|rest| rest.split('<').next());
    codes
        .into_iter()
        .find(|code| code.starts_with("fgk_") && code.len() > 40)
        .expect("a key")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_joins_for_its_fans_counted_by_its_key_and_in_its_own_lines_only() {
    // Looking up a key that is not known yet costs one of them.
    let limits = [("FAIRGATE_LIMIT_JOIN_PER_SEC", "1"), ("FAIRGATE_LIMIT_JOIN_BURST", "6")];
    let system = TestSystem::open_with(&limits).await;
    let admin = Admin::first(&system).await;
    let (show, key) = reseller(&system, &admin, "20").await;
    system.await_room(&show).await;
    system.sale("of-the-system", &crate::test_system::Terms::default()).await;
    let join = |room: &str| system.post(&format!("/v1/rooms/{room}/places"));

    // All from one address: a shop's fans are not one fan.
    for _ in 0..10 {
        let joined = reply(join(&show).bearer_auth(&key)).await.with_status(201);
        assert!(joined.header("ratelimit-policy").starts_with("\"sell\""), "{:?}", joined.headers);
    }
    refused(join("of-the-system").bearer_auth(&key), 403, "room-foreign").await;
    let page = system.post("/queue/of-the-system/join").bearer_auth(&key);
    assert_eq!(refused(page, 403, "room-foreign").await.status, 403, "nor by the page");
    let reads = key_with(&system, "orders_read").await;
    let refusal = refused(join(&show).bearer_auth(&reads), 403, "scope-missing").await;
    assert!(refusal.text.contains("orders:write"), "{}", refusal.text);

    // Others are counted by address, those with made-up keys too.
    reply(join(&show)).await.with_status(201);
    refused(join(&show).bearer_auth(format!("{key}x")), 401, "api-key-unknown").await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(reply(join("of-the-system")).await.status);
    }
    assert!(answers.contains(&429), "{answers:?}");
    reply(join(&show).bearer_auth(&key)).await.with_status(201);
}

/// Asserts that the pages may run and load nothing but our own, before and after somebody signed
/// in.
async fn assert_policies(system: &TestSystem, admin: &Admin<'_>, show: &str) {
    let seller = Browser::new(system);
    let form = [("email", "grace@quay.example"), ("password", PASSWORD)];
    seller.fill("/portal/sign-in", "/portal/sign-in", &form).await.with_status(303);
    let room = format!("/admin/rooms/{show}");
    let open =
        ["/admin/sign-in", "/portal/sign-in", "/portal/sign-up"].map(|path| (path, String::new()));
    let console =
        ["/admin", &room, "/admin/audit"].map(|path| (path, format!("fg_admin={}", admin.token)));
    let portal = ["/portal", "/portal/sales", "/portal/keys"].map(|path| (path, String::new()));
    for (path, cookie) in open.into_iter().chain(console).chain(portal) {
        let request =
            seller.client.get(format!("{}{path}", system.base)).header("accept", "text/html");
        let request = if cookie.is_empty() { request } else { request.header("cookie", cookie) };
        let page = reply(request).await.with_status(200);
        let policy = page.header("content-security-policy");
        let strict = policy.contains("default-src 'none'") && !policy.contains("unsafe-");
        assert!(strict, "{path}: {policy}");
        assert!(
            !page.text.contains(" style=") && !page.text.contains("<script>"),
            "{path} needs more than its policy gives"
        );
    }
}

/// Opens each page and gives what axe and the widths object to.
async fn walk(browser: &browser::Browser, base: &str, pages: &[(&str, String)]) -> Vec<String> {
    let mut objections = Vec::new();
    for (name, path) in pages {
        browser.go(&format!("{base}{path}")).await;
        browser.see("h1").await;
        objections.extend(browser.objections(name).await);
    }
    objections
}

fn named(prefix: &str, show: &str, pages: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pages
        .iter()
        .map(|(name, path)| (*name, format!("{prefix}{}", path.replace("{show}", show))))
        .collect()
}

async fn sign_in(browser: &browser::Browser, url: &str, email: &str) {
    browser.go(url).await;
    browser.fill("#email", email).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("main form button").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_the_console_and_help_look_right() {
    let smtp =
        std::env::var("FAIRGATE_SMTP_URL").expect("FAIRGATE_SMTP_URL: the stack has a mail server");
    let mailbox =
        std::env::var("FAIRGATE_MAILBOX").expect("FAIRGATE_MAILBOX: the stack has a mailbox");
    let system =
        TestSystem::open_with(&[("FAIRGATE_SMTP_URL", &smtp), ("FAIRGATE_MAILBOX", &mailbox)])
            .await;
    let admin = Admin::first(&system).await;
    let (show, key) = reseller(&system, &admin, "20").await;
    system.await_room(&show).await;
    eventually("the stock is on sale", async || {
        (free(&system, &show).await == Some(20)).then_some(())
    })
    .await;
    let order = shop(&system, &show, &key).await["order"].as_str().expect("an order").to_owned();
    let link = new_order_link(
        &system.stores.pool,
        order.parse::<OrderId>().expect("an id"),
        LinkHolder::Page,
    )
    .await
    .expect("a link");
    let help = link.support_path();
    Browser::new(&system)
        .fill(&help, &help, &[("topic", "other"), ("text", "When do doors open?")])
        .await
        .with_status(303);
    let open = admin.get("/v1/admin/support?state=open").await;
    let ticket =
        open["tickets"][0]["ticket"].as_str().unwrap_or_else(|| panic!("{open}")).to_owned();

    assert_policies(&system, &admin, &show).await;

    let browser = browser::Browser::start(true).await;
    let entrances = [
        ("portal-sign-up", "/portal/sign-up"),
        ("portal-sign-in", "/portal/sign-in"),
        ("console-sign-in", "/admin/sign-in"),
        ("mailbox", "/sandbox/mailbox"),
    ];
    let mut objections = walk(&browser, &system.base, &named("", "", &entrances)).await;
    objections.extend(walk(&browser, &system.base, &[("help", help)]).await);
    sign_in(&browser, &format!("{}/portal/sign-in", system.base), "grace@quay.example").await;
    browser.see("nav").await;
    let portal = [
        ("portal", ""),
        ("portal-venues", "/venues"),
        ("portal-shows", "/shows"),
        ("portal-new-show", "/shows/new"),
        ("portal-show", "/shows/{show}"),
        ("portal-orders", "/orders"),
        ("portal-sales", "/sales"),
        ("portal-keys", "/keys"),
        ("portal-password", "/password"),
    ];
    objections.extend(walk(&browser, &system.base, &named("/portal", &show, &portal)).await);
    objections.extend(
        walk(&browser, &system.base, &[("portal-order", format!("/portal/orders/{order}"))]).await,
    );
    sign_in(&browser, &format!("{}/admin/sign-in", system.base), "ada@fairgate.example").await;
    browser.see("nav").await;
    let console = [
        ("console", ""),
        ("console-room", "/rooms/{show}"),
        ("console-shows", "/shows"),
        ("console-mark-form", "/shows/{show}"),
        ("console-mark", "/shows/{show}/mark?rate_per_sec=50&max_active=100&claim_window_secs=60"),
        ("console-unmark", "/shows/{show}/unmark"),
        ("console-fault", "/rooms/{show}/change?rate_per_sec=fast"),
        ("console-audit", "/audit"),
        ("console-resellers", "/resellers"),
        ("console-support", "/support"),
        ("console-refunds", "/refunds"),
        ("console-people", "/people"),
    ];
    objections.extend(walk(&browser, &system.base, &named("/admin", &show, &console)).await);
    objections.extend(
        walk(&browser, &system.base, &[("console-ticket", format!("/admin/support/{ticket}"))])
            .await,
    );
    browser.go(&format!("{}/admin/rooms/{show}", system.base)).await;
    browser.click(r#"button[name="phase"][value="paused"]"#).await;
    browser.see(r#"input[name="csrf"]"#).await;
    objections.extend(browser.objections("console-preview").await);

    browser.go(&format!("{}/admin/rooms/{show}", system.base)).await;
    browser.see("[data-news]:not([data-news=old])").await;
    // A new password ends all other sessions. Whoever's session has ended sees that the figures
    // stand still, and no sign-in page in place of the picture.
    let change = json!({ "current": PASSWORD, "password": "another long password 8" });
    let address = format!("{}/v1/admin/password", system.base);
    admin.send(system.client.put(address), change).await;
    browser.see("[data-news=old]").await;
    browser.see("figure:not(:has(form))").await;
    objections.extend(browser.objections("console-no-news").await);
    assert!(objections.is_empty(), "{}", objections.join("\n"));
    browser.quit().await;
}
