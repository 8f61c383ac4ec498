//! A fan with a real browser: from the show to the ticket, with scripts and without, and axe on
//! every page.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, FixedOffset, Utc};
use fantoccini::{
    Client, ClientBuilder, Locator, elements::Element, error::CmdError, wd::Capabilities,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::{
    fan,
    test_system::{Terms, TestSystem, a_show, assert_clean},
};

const WAIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_buys_tickets_in_a_browser() {
    let system = TestSystem::open().await;
    let terms = Terms { rate_per_sec: 2.0, ..Terms::default() };
    system.sale("harbour", &terms).await;
    let browser = Browser::start(true).await;
    browser.go(&format!("{}/", system.base)).await;
    browser.check("shows").await;
    browser.click(r#"a[href="/shows/harbour"]"#).await;
    browser.see("h1").await;
    browser.check("show").await;
    // Others are ahead, so that there is a line to stand in.
    for _ in 0..24 {
        fan::join(&system, "harbour").await;
    }
    browser.click(r#"form[action="/queue/harbour/go"] button"#).await;
    browser.see(r#"form[action="/queue/harbour/join"]"#).await;
    browser.check("entrance").await;
    browser.click(r#"form[action="/queue/harbour/join"] button"#).await;
    browser.see(".place-number").await;
    browser.check("waiting").await;
    let place: i64 = browser.text(".place-number").await.parse().expect("a number");
    assert!((2..=25).contains(&place), "place {place}");
    // The page claims by itself and goes on.
    browser.see(r#"form[action="/checkout/harbour/hold"]"#).await;
    browser.check("choose").await;
    buy(&browser, true).await;
    assert_clean(&system.verify().await);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_buys_tickets_without_scripts() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 2.0, ..Terms::default() }).await;
    let browser = Browser::start(false).await;
    // Others are ahead, so that there is a line to stand in.
    for _ in 0..24 {
        fan::join(&system, "harbour").await;
    }
    browser.go(&format!("{}/queue/harbour", system.base)).await;
    browser.click(r#"form[action="/queue/harbour/join"] button"#).await;
    browser.see(".place-number").await;
    // The page reloads by itself until it is our turn; going in is one press.
    browser.click(r#"form[action="/queue/harbour/enter"] button"#).await;
    browser.see(r#"form[action="/checkout/harbour/hold"]"#).await;
    buy(&browser, false).await;
    assert_clean(&system.verify().await);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_without_cookies_has_one_place_in_the_address() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 0.0, ..Terms::default() }).await;
    let browser = Browser::of(&Habits { cookies: false, ..Habits::default() }).await;
    browser.go(&format!("{}/queue/harbour", system.base)).await;
    browser.click(r#"form[action="/queue/harbour/join"] button"#).await;
    browser.see(".place-number").await;
    let address = browser.address().await;
    assert!(address.contains("/queue/harbour?place=v4.local."), "{address}");
    let notice = browser.text(".notice-warn").await;
    assert!(
        notice.contains("Your place is in the address of this page.")
            && notice.contains("Checkout needs cookies"),
        "{notice}"
    );
    browser.check("waiting-without-cookies").await;
    // The address is the place: asked again, it is the same.
    browser.go(&address).await;
    browser.see(".place-number").await;
    assert_eq!(browser.address().await, address);
    let head: Value = system
        .get("/v1/rooms/harbour/head")
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a head");
    assert_eq!(head["waiting"], 1, "one place was taken: {head}");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_runs_out_under_ones_eyes_says_so_and_times_are_the_fans_own() {
    let system = TestSystem::open_with(&[("FAIRGATE_HOLD_SECS", "4")]).await;
    system.sale("harbour", &Terms::default()).await;
    // No summer time there, and never the venue's clock.
    let browser = Browser::of(&Habits { time_zone: "Asia/Tokyo", ..Habits::default() }).await;
    browser.go(&format!("{}/queue/harbour", system.base)).await;
    browser.click(r#"form[action="/queue/harbour/go"] button"#).await;
    browser.see(r#"form[action="/checkout/harbour/hold"]"#).await;
    let until = browser.attribute("time[data-own]", "datetime").await;
    let tokyo = FixedOffset::east_opt(9 * 3600).expect("an offset");
    let until = DateTime::parse_from_rfc3339(&until).expect("a time").with_timezone(&tokyo);
    assert_eq!(
        browser.text("time[data-own]").await,
        format!("{}, your time", until.format("%H:%M:%S"))
    );
    browser.select("select.qty", 1).await;
    browser.click(r#"form[action="/checkout/harbour/hold"] button"#).await;
    browser.see("#email").await;
    browser.see(r#"form[action="/checkout/harbour/hold"]"#).await;
    assert!(browser.text(".notice-warn").await.contains("Your hold ran out."));
    browser.check("hold-ran-out").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_the_smallest_phone() {
    let system = TestSystem::open().await;
    system.sale("harbour", &Terms { rate_per_sec: 0.0, ..Terms::default() }).await;
    let later = Utc::now() + chrono::Duration::days(20);
    a_show("harbour").on_sale_at(later).put_in_catalog(&system.stores.pool).await;
    let browser = Browser::of(&Habits { width: Some(320), ..Habits::default() }).await;
    for (name, path) in [("home", "/"), ("show", "/shows/harbour"), ("entrance", "/queue/harbour")]
    {
        browser.go(&format!("{}{path}", system.base)).await;
        browser.see("h1").await;
        assert_eq!(browser.value("return window.innerWidth").await, json!(320));
        browser.shot(&format!("{name}-320")).await;
        let wide = browser.value(TOO_WIDE).await;
        assert_eq!(wide, json!([]), "{name} at 320 pixels");
    }
    browser.click(r#"form[action="/queue/harbour/join"] button"#).await;
    browser.see(".place-number").await;
    browser.shot("waiting-320").await;
    assert_eq!(browser.value(TOO_WIDE).await, json!([]), "waiting at 320 pixels");
    browser.quit().await;
}

/// What reaches beyond the page's right edge.
const TOO_WIDE: &str = "const edge = document.documentElement.clientWidth;
    return [...document.querySelectorAll('body *:not(svg *)')].filter((node) => \
    !node.closest('.vh, .skip') &&
        node.getBoundingClientRect().right > edge + 0.5).map((node) => node.outerHTML.slice(0, \
        120));";

/// From choosing to the tickets.
async fn buy(browser: &Browser, scripts: bool) {
    browser.select("select.qty", 2).await;
    browser.click(r#"form[action="/checkout/harbour/hold"] button"#).await;
    browser.see("#email").await;
    if scripts {
        browser.check("buyer").await;
    }
    browser.fill("#name", "Ada Example").await;
    browser.fill("#email", "ada@example.com").await;
    browser.click(r#"form[action="/checkout/harbour/order"] button"#).await;
    browser.see("a.btn-primary.btn-wide").await;
    if scripts {
        browser.check("pay").await;
    }
    browser.click("a.btn-primary.btn-wide").await;
    browser.see(r#"button[value="ok"]"#).await;
    if scripts {
        browser.check("provider").await;
    }
    browser.click(r#"button[value="ok"]"#).await;
    browser.see("article.ticket").await;
    assert_eq!(
        browser.count("article.ticket .ticket-qr svg").await,
        2,
        "two tickets, each with its code to scan"
    );
    if scripts {
        browser.check("tickets").await;
    }
}

/// A browser of its own, ended with the test.
pub struct Browser {
    client: Client,
    driver: Child,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn tool(key: &str) -> String {
    std::env::var(key)
        .unwrap_or_else(|_| panic!("{key} is not set; run ops/test, which installs the browser"))
}

/// What a browser does and does not do.
pub struct Habits {
    pub scripts: bool,
    pub cookies: bool,
    /// IANA name.
    pub time_zone: &'static str,
    /// Of a phone, in pixels.
    pub width: Option<u32>,
}

impl Default for Habits {
    fn default() -> Self {
        Self { scripts: true, cookies: true, time_zone: "UTC", width: None }
    }
}

impl Browser {
    pub async fn start(scripts: bool) -> Self {
        Self::of(&Habits { scripts, ..Habits::default() }).await
    }

    pub async fn of(habits: &Habits) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("its number")
            .port();
        let driver = Command::new(tool("FAIRGATE_TEST_CHROMEDRIVER"))
            .arg(format!("--port={port}"))
            .env("TZ", habits.time_zone)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let setting = |allowed| if allowed { 1 } else { 2 };
        let mut options = json!({
            "binary": tool("FAIRGATE_TEST_CHROMIUM"),
            "args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=390,844"],
            "prefs": {
                "profile.managed_default_content_settings.javascript": setting(habits.scripts),
                "profile.default_content_setting_values.cookies": setting(habits.cookies),
            },
        });
        if let Some(width) = habits.width {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": width, "height": 640, "pixelRatio": 2.0 } });
        }
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let deadline = Instant::now() + WAIT;
        let client = loop {
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        Self { client, driver }
    }

    pub async fn quit(self) {
        self.client.clone().close().await.expect("the browser ends");
    }

    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    /// Waits until something is there.
    pub async fn see(&self, css: &str) {
        if let Err(error) = self.client.wait().at_most(WAIT).for_element(Locator::Css(css)).await {
            let source = self.client.source().await.unwrap_or_default();
            panic!("no {css}: {error}\n{source}");
        }
    }

    /// Does something with an element as soon as it is there. A page may reload between finding an
    /// element and using it, so both are tried again.
    async fn with<T>(&self, css: &str, act: impl AsyncFn(Element) -> Result<T, CmdError>) -> T {
        let deadline = Instant::now() + WAIT;
        loop {
            self.see(css).await;
            let done = match self.client.find(Locator::Css(css)).await {
                Ok(element) => act(element).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(done) => return done,
                Err(error) if Instant::now() > deadline => panic!("cannot use {css}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    pub async fn click(&self, css: &str) {
        self.with(css, async |element| element.click().await).await;
    }

    pub async fn fill(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(text).await.expect(css);
    }

    pub async fn select(&self, css: &str, index: usize) {
        self.client
            .find(Locator::Css(css))
            .await
            .expect(css)
            .select_by_index(index)
            .await
            .expect(css);
    }

    pub async fn text(&self, css: &str) -> String {
        self.with(css, async |element| element.text().await).await
    }

    /// Waits until an element says this.
    pub async fn see_text(&self, css: &str, text: &str) {
        let deadline = Instant::now() + WAIT;
        loop {
            let told = self.text(css).await;
            if told == text {
                return;
            }
            assert!(Instant::now() < deadline, "{css} says {told}, and not {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn attribute(&self, css: &str, name: &str) -> String {
        self.with(css, async |element| element.attr(name).await).await.expect(name)
    }

    pub async fn address(&self) -> String {
        self.client.current_url().await.expect("an address").into()
    }

    pub async fn value(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.expect("a value")
    }

    /// What a script gives that ends by calling its last argument.
    pub async fn later(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.expect("a value")
    }

    /// A picture into `FAIRGATE_TEST_SHOTS`, where that is set.
    pub async fn shot(&self, name: &str) {
        if let Ok(folder) = std::env::var("FAIRGATE_TEST_SHOTS") {
            let picture = self.client.screenshot().await.expect("a picture");
            std::fs::write(format!("{folder}/{name}.png"), picture).expect("a file");
        }
    }

    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect(css).len()
    }

    /// Runs axe on the page as it is, at a phone's and at a desktop's width. Pictures go to
    /// `FAIRGATE_TEST_SHOTS`.
    pub async fn check(&self, name: &str) {
        assert_eq!(self.objections(name).await, Vec::<String>::new());
    }

    /// The same, with the pictures of where `css` is.
    pub async fn check_at(&self, name: &str, css: &str) {
        assert_eq!(self.looked_at(name, Some(css)).await, Vec::<String>::new());
    }

    /// What [`Browser::check`] would object to.
    pub async fn objections(&self, name: &str) -> Vec<String> {
        self.looked_at(name, None).await
    }

    /// A page that loads itself anew between the two has no axe.
    async fn run_axe(&self, axe: &str) -> Value {
        let mut found = Err(String::new());
        for _ in 0..3 {
            self.client.execute(axe, vec![]).await.expect("axe loads");
            let ran = self.client.execute_async(AXE, vec![]).await;
            found = ran.map_err(|error| error.to_string());
            if !found.as_ref().is_err_and(|error| error.contains("axe is not defined")) {
                break;
            }
        }
        found.expect("axe runs")
    }

    async fn looked_at(&self, name: &str, css: Option<&str>) -> Vec<String> {
        let mut objections = Vec::new();
        let axe = std::fs::read_to_string(tool("FAIRGATE_TEST_AXE")).expect("axe.min.js");
        for (size, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
            self.client.set_window_size(width, height).await.expect("a window");
            let found = self.run_axe(&axe).await;
            if found != Value::Array(vec![]) {
                objections.push(format!("axe on {name} at {size} width: {found:#}"));
            }
            let overflow = self.client.execute(OVERFLOW, vec![]).await.expect("a width");
            if overflow != json!(false) {
                objections.push(format!("{name} scrolls sideways at {size} width"));
            }
            if let Some(css) = css {
                self.value(&format!("document.querySelector({css:?}).scrollIntoView()")).await;
            }
            self.shot(&format!("{name}-{size}")).await;
        }
        objections
    }
}

const AXE: &str = "const done = arguments[arguments.length - 1];
    axe.run().then((result) => done(result.violations.map((found) =>
        [found.id, found.help, found.nodes.map((node) => node.html)])));";
const OVERFLOW: &str =
    "return document.documentElement.scrollWidth > document.documentElement.clientWidth;";
