//! How the other people come in: a shop by its key, and everybody by pages that run and load
//! nothing but our own and that all can use.

use checkout::contract::{LinkHolder, OrderId, new_order_link};
use serde_json::json;

use crate::{
    browser,
    test_people::{Admin, Browser, PASSWORD, eventually, free, reseller, shop},
    test_system::{TestSystem, refused, reply},
};

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
