//! The queue page in a browser: what those who wait are told, near the turn, in it, and where
//! nobody waits.

use std::time::{Duration, Instant};

use admission::contract::{HEADS_TOPIC, HeadsMoved, LaneHead, LineStock, TypeStock};
use chrono::{TimeDelta, Utc};
use ops::serve::Role;
use rdkafka::producer::FutureRecord;
use serde_json::{Value, json};
use testkit::{TestEnv, eventually};
use uuid::Uuid;

use crate::{
    browser::{Browser, Habits},
    fan,
    line_up::producer,
    test_people::free,
    test_system::{Terms, TestSystem, a_show, reply},
};

/// A line that does not move.
pub const STANDING: Terms = Terms {
    tickets: 100,
    shards: 2,
    lanes: 1,
    rate_per_sec: 0.0,
    max_active: 10_000,
    claim_window_secs: 600,
};

/// A server whose lines nobody moves.
pub async fn without_controller() -> TestSystem {
    let roles = [Role::Catalog, Role::Waitroom, Role::Checkout, Role::Writer];
    TestSystem::open_as(&roles, TestEnv::new().await, &[]).await
}

/// Says what a controller of room `harbour` would say. Nobody else moves its one lane.
pub async fn tell(system: &TestSystem, change: impl FnOnce(&mut HeadsMoved)) {
    let head = reply(system.get("/v1/rooms/harbour/head")).await.body;
    let lane = &head["lanes"][0];
    let number = |name: &str| lane[name].as_i64().expect("a number");
    let now = Utc::now();
    let mut moved = HeadsMoved {
        room: "harbour".parse().expect("a name"),
        at: now,
        claim_until: now + TimeDelta::seconds(600),
        rate_per_sec: 0.0,
        heads: vec![LaneHead { lane: 0, head: number("head"), tail: number("tail") }],
        from: vec![number("head")],
        drawn: false,
        door_ms: None,
        door_open: true,
        pace: None,
        stock: None,
    };
    change(&mut moved);
    let topic = system.stores.kafka.name(HEADS_TOPIC);
    let payload = serde_json::to_vec(&moved).expect("a record");
    let record = FutureRecord::to(&topic).partition(0).key("harbour").payload(&payload);
    producer(&system.stores.kafka).send(record, Duration::from_secs(5)).await.expect("published");
}

fn stock(types: &[(&str, i64, i64, i64)]) -> LineStock {
    let types = types.iter().map(|(name, free, held, sold)| TypeStock {
        ticket_type: Uuid::new_v5(&Uuid::nil(), name.as_bytes()),
        name: (*name).to_owned(),
        free: *free,
        held: *held,
        sold: *sold,
        allotted: free + held + sold,
    });
    LineStock { types: types.collect(), per_fan: 2.0, served: 0 }
}

/// A fan in line behind `ahead` others.
pub async fn in_line(system: &TestSystem, browser: &Browser, ahead: usize) {
    for _ in 0..ahead {
        fan::join(system, "harbour").await;
    }
    browser.go(&format!("{}/queue/harbour", system.base)).await;
    browser.click(r#"form[action="/queue/harbour/join"] button"#).await;
    browser.see(".place-number").await;
}

/// Axe runs where scripts do.
async fn check(browser: &Browser, scripts: bool, name: &str) {
    if scripts {
        browser.check(name).await;
    }
}

/// Waits until a part of the page says something. Gives how long that took.
pub async fn says(browser: &Browser, css: &str, words: &str) -> Duration {
    let since = Instant::now();
    loop {
        let text = browser.text(css).await;
        if text.contains(words) {
            return since.elapsed();
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{css} says {text}, never {words}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_is_told_what_is_left_and_what_their_chance_is() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 30).await;
    let types = [("Standing", 900, 20, 80), ("Balcony", 12, 0, 88)];
    tell(&system, |moved| moved.stock = Some(stock(&types))).await;
    says(&browser, r#"[data-v="sale"]"#, "30 people are ahead of you, and 912 tickets are left.")
        .await;
    let rows = browser.text("[data-types]").await;
    let likely = "Standing\n900 left\nYour chance: very likely, over 95 %";
    assert!(rows.contains(likely) && rows.contains("Balcony\n12 left"), "{rows}");
    browser.check("waiting-with-stock").await;

    tell(&system, |moved| moved.stock = Some(stock(&[("Standing", 8, 0, 992)]))).await;
    says(&browser, r#"[data-v="sale-title"]"#, "There may be none left at your turn").await;
    assert!(browser.text("[data-stay]").await.contains("You can stay"), "kindly");
    browser.check("almost-none").await;

    tell(&system, |moved| moved.stock = Some(stock(&[("Standing", 0, 8, 992)]))).await;
    says(&browser, r#"[data-v="sale-title"]"#, "Every ticket is taken right now").await;
    browser.check("all-held").await;

    // The last one is sold: told within two seconds of the document that says so.
    tell(&system, |moved| moved.stock = Some(stock(&[("Standing", 0, 0, 1000)]))).await;
    let known = async || reply(system.get("/v1/rooms/harbour/head")).await.body;
    while known().await["sale"]["state"] != "sold_out" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = says(&browser, r#"[data-v="sale-title"]"#, "All tickets are sold").await;
    assert!(took <= Duration::from_millis(2_000), "told after {took:?}");
    browser.check("sold-out").await;
    // Without a script, the page says the same.
    let page = browser.value("return fetch(location.href).then((page) => page.text())").await;
    let page = page.as_str().expect("a page");
    assert!(
        page.contains("All tickets are sold") && page.contains("/queue/harbour/leave"),
        "{page}"
    );
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_script_does_not_come_to_life_reloads_itself() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 1).await;
    browser.see("html[data-alive]").await;
    let before = "document.documentElement.removeAttribute('data-alive'); \
        document.querySelector('.place-number').id = 'before'";
    browser.value(before).await;
    browser.see(".place-number:not(#before)").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_on_another_device_is_told_so_on_this_one() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    // Whoever is next asks more often than once a minute.
    in_line(&system, &browser, 0).await;
    let link = "const done = arguments[0]; \
        fetch('/queue/harbour/device', { method: 'POST' }).then((page) => page.text()).then(\
        (page) => done(/link=([\\w.-]+)/.exec(page)[1]))";
    let link = browser.later(link, vec![]).await;
    let taken = system.post("/v1/rooms/harbour/place/from-link").json(&json!({ "link": link }));
    let ticket = reply(taken).await.with_status(200).text_of("ticket");
    let left = reply(system.delete("/v1/rooms/harbour/place").bearer_auth(ticket)).await;
    assert_eq!(left.status, 204, "{}", left.text);
    browser.see(r#"form[action="/queue/harbour/join"]"#).await;
    assert!(browser.text("[role=status]").await.contains("You have left the line."));
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_leaves_on_purpose_after_being_asked() {
    for scripts in [true, false] {
        let system = TestSystem::open().await;
        system.sale("harbour", &STANDING).await;
        let browser = Browser::start(scripts).await;
        in_line(&system, &browser, 2).await;
        browser.click(r#"main > p.actions a[href="/queue/harbour/leave"]"#).await;
        browser.see(r#"form[action="/queue/harbour/leave"]"#).await;
        check(&browser, scripts, "leave").await;
        browser.click(r#"a.btn-primary[href="/queue/harbour"]"#).await;
        browser.see(".place-number").await;
        browser.click(r#"main > p.actions a[href="/queue/harbour/leave"]"#).await;
        browser.click(r#"form[action="/queue/harbour/leave"] button"#).await;
        browser.see(r#"form[action="/queue/harbour/join"]"#).await;
        assert!(browser.text("[role=status]").await.contains("You have left the line."));
        check(&browser, scripts, "left").await;
        browser.quit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_goes_along_to_another_device_once() {
    let system = TestSystem::open().await;
    system.sale("harbour", &STANDING).await;
    let (here, there) = (Browser::start(true).await, Browser::start(false).await);
    in_line(&system, &here, 3).await;
    here.click(r#"a[href="/queue/harbour/device"]"#).await;
    here.click(r#"form[action="/queue/harbour/device"] button"#).await;
    here.see(".ticket-qr svg").await;
    here.check("device").await;
    let link = here.attribute("#link", "value").await;
    // The link begins with where browsers reach the server, which is nowhere in a test.
    let path = link.split_once("/queue/").map(|(_, path)| format!("{}/queue/{path}", system.base));
    let address = path.expect("an address");
    for (round, use_up) in [("looked at", false), ("used", true), ("used again", true)] {
        there.go(&address).await;
        there.see(r#"form[action="/queue/harbour/here"]"#).await;
        if use_up {
            there.click(r#"form[action="/queue/harbour/here"] button"#).await;
            let wanted = if round == "used" { "You are in line" } else { "used already" };
            says(&there, "h1", wanted).await;
        }
        if round == "used" {
            assert_eq!(there.text(".place-number").await, "4");
        }
    }
    here.quit().await;
    there.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_sounds_and_nothing_is_asked_for_before_a_fan_wishes_it() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 0).await;
    browser.value(LISTEN).await;
    browser.see("[data-alert=sound]:not([hidden])").await;
    let pressed = "return [...document.querySelectorAll('[data-alert]')].map((button) => \
        button.ariaPressed)";
    assert_eq!(browser.value(pressed).await, json!(["false", "false"]), "off by default");
    assert_eq!(browser.value(NOTES).await, json!({ "contexts": 0, "notes": 0, "asked": 0 }));

    browser.click("[data-alert=sound]").await;
    browser.see("[data-alert=sound][aria-pressed=true]").await;
    let heard = browser.value(NOTES).await;
    assert_eq!(heard, json!({ "contexts": 1, "notes": 2, "asked": 0 }), "once, to hear how it is");
    // Pressed again, it is off; and on again.
    browser.click("[data-alert=sound]").await;
    browser.see("[data-alert=sound][aria-pressed=false]").await;
    browser.click("[data-alert=sound]").await;
    browser.see("[data-alert=sound][aria-pressed=true]").await;
    browser.click("[data-alert=notification]").await;
    let asked = async || browser.value(NOTES).await["asked"] == 1;
    while !asked().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The turn comes: it sounds.
    let before = browser.value(NOTES).await["notes"].as_i64().expect("a number");
    let change = |moved: &mut HeadsMoved| {
        if let Some(lane) = moved.heads.first_mut() {
            lane.head = 1;
        }
    };
    tell(&system, change).await;
    browser.see(r#"[data-queue="turn"]"#).await;
    let after = browser.value(NOTES).await["notes"].as_i64().expect("a number");
    assert_eq!(after - before, 2, "two notes");
    browser.quit().await;
}

/// Counts what a page sounds and asks for, so that the next page still knows.
const LISTEN: &str = "
    const note = (name) => localStorage.setItem(name, Number(localStorage.getItem(name)) + 1);
    const Before = window.AudioContext;
    window.AudioContext = class extends Before {
        constructor() { super(); note('contexts'); }
        createOscillator() { note('notes'); return super.createOscillator(); }
    };
    Notification.requestPermission = async () => { note('asked'); return 'denied'; };";
const NOTES: &str = "return Object.fromEntries(['contexts', 'notes', 'asked'].map((name) => \
    [name, Number(localStorage.getItem(name))]))";

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_waits_one_press_leads_from_the_show_to_checkout() {
    for scripts in [false, true] {
        let system = TestSystem::open().await;
        system.sale("harbour", &Terms::default()).await;
        eventually("the tickets are on sale", async || free(&system, "harbour").await).await;
        let browser = Browser::start(scripts).await;
        browser.go(&format!("{}/shows/harbour", system.base)).await;
        browser.click(r#"form[action="/queue/harbour/go"] button"#).await;
        browser.see(r#"form[action="/checkout/harbour/hold"]"#).await;
        // The queue's own page leads there as well, and speaks of no line.
        let another = Browser::start(scripts).await;
        another.go(&format!("{}/queue/harbour", system.base)).await;
        let entrance = another.text("main").await;
        assert!(entrance.contains("There is no line right now"), "{entrance}");
        assert!(!entrance.contains("Join the line"), "{entrance}");
        check(&another, scripts, "straight-in").await;
        another.click(r#"form[action="/queue/harbour/go"] button"#).await;
        another.see(r#"form[action="/checkout/harbour/hold"]"#).await;
        another.quit().await;
        browser.quit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_meets_a_line_is_shown_it_before_joining() {
    let system = TestSystem::open().await;
    system.sale("harbour", &STANDING).await;
    fan::join(&system, "harbour").await;
    let browser = Browser::start(false).await;
    browser.go(&format!("{}/shows/harbour", system.base)).await;
    browser.click(r#"form[action="/queue/harbour/go"] button"#).await;
    browser.see(r#"form[action="/queue/harbour/join"]"#).await;
    let head = reply(system.get("/v1/rooms/harbour/head")).await.body;
    assert_eq!(head["waiting"], 1, "nobody joined by pressing for tickets: {head}");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_while_checkout_takes_nobody_in() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 0).await;
    let mut door_ms = 100_000;
    let open = |moved: &mut HeadsMoved| {
        moved.door_ms = Some(door_ms);
        moved.claim_until = moved.at + TimeDelta::seconds(60);
        moved.door_open = false;
        if let Some(lane) = moved.heads.first_mut() {
            lane.head = 1;
        }
    };
    tell(&system, open).await;
    browser.see(r#"[data-queue="turn"]"#).await;
    browser.see("[data-shut]:not([hidden])").await;
    let shut = browser.text("[data-shut]").await;
    assert!(shut.contains("your time does not run"), "{shut}");
    assert_eq!(
        browser.value("return document.querySelector('[data-countdown]').hidden").await,
        json!(true)
    );
    browser.check("turn-door-shut").await;
    let before = browser.attribute(r#"[data-v="until"]"#, "datetime").await;
    // Five seconds on, by the wall; none by the door's clock.
    tokio::time::sleep(Duration::from_secs(5)).await;
    door_ms += 1;
    tell(&system, |moved| {
        moved.door_ms = Some(door_ms);
        moved.door_open = true;
    })
    .await;
    browser.see("[data-countdown]:not([hidden])").await;
    let later = async || browser.attribute(r#"[data-v="until"]"#, "datetime").await;
    let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect("a time");
    let deadline = Instant::now() + Duration::from_secs(10);
    while moment(&later().await) < moment(&before) + TimeDelta::seconds(3) {
        assert!(Instant::now() < deadline, "the turn was not made longer than {before}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_opening_the_page_counts_down() {
    let system = TestSystem::open().await;
    let opens = Utc::now() + TimeDelta::minutes(9);
    a_show("harbour").on_sale_at(opens).put_in_catalog(&system.stores.pool).await;
    let room = testkit::RoomBuilder::new("harbour").lanes(1);
    room.create(&system.stores.pool, &system.stores.kafka).await;
    for scripts in [true, false] {
        let browser = Browser::of(&Habits { scripts, ..Habits::default() }).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            browser.go(&format!("{}/queue/harbour", system.base)).await;
            if browser.text("h2").await == "The line is not open yet" {
                break;
            }
            assert!(Instant::now() < deadline, "{}", browser.text("main").await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        says(&browser, r#"[data-v="opens-in"]"#, "That is in ").await;
        let left = browser.text(r#"[data-v="opens-in"]"#).await;
        assert!(left.contains("in 8:") || left.contains("in 7:"), "{left}");
        check(&browser, scripts, "lobby").await;
        browser.quit().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_tells_all_as_in_the_tables_that_the_server_passes() {
    let system = TestSystem::open().await;
    let browser = Browser::start(true).await;
    browser.go(&format!("{}/", system.base)).await;
    let mut told: Value = table("told_cases.json");
    assert_eq!(browser.later(TOLD, vec![told.clone()]).await, json!([]));
    // And it would notice.
    told["chance"][0]["words"] = json!("certain");
    let found = browser.later(TOLD, vec![told]).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    let mut waits = table("wait_cases.json");
    assert_eq!(browser.later(WAITS, vec![waits.clone()]).await, json!([]));
    waits["waits"][3]["high_secs"] = json!(8);
    let found = browser.later(WAITS, vec![waits]).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    let mut polls = table("poll_cases.json");
    assert_eq!(browser.later(POLLS, vec![polls.clone()]).await, json!([]));
    polls["looks"][0]["ms"] = json!(999);
    let found = browser.later(POLLS, vec![polls]).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    browser.quit().await;
}

fn table(name: &str) -> Value {
    let path = format!("{}/../waitroom/assets/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect(name)).expect(name)
}

/// Runs the cases of `wait_cases.json`; gives those that are told otherwise.
const WAITS: &str = r#"
    const [cases, done] = arguments;
    const differing = [];
    const same = (name, told, meant) =>
        JSON.stringify(told) === JSON.stringify(meant) || differing.push({ name, told, meant });
    import("/assets/wait.js").then((wait) => {
        for (const of of cases.words) {
            same("words", wait.words({ low: of.low_secs, high: of.high_secs }), of.words);
        }
        for (const [say, words] of Object.entries(cases.sentences)) {
            same(say, wait.sentence({ say, points: [] }, 7), words);
        }
        for (const of of cases.waits) {
            const range = wait.range(cases.curve, of.ahead);
            same("wait", [range?.low ?? null, range?.high ?? null], [of.low_secs, of.high_secs]);
        }
        for (const of of cases.ahead) same("ahead", wait.countAhead(of, of.lanes), of.ahead);
        for (const of of cases.chances) {
            same("chance", wait.percent(of.odds, of.ahead), of.percent);
            same("almost none", wait.isAlmostNone(of.odds, of.ahead), of.almost_none);
        }
        done(differing);
    }).catch((reason) => done([String(reason)]));"#;

/// Runs the cases of `poll_cases.json`; gives those that are decided otherwise.
const POLLS: &str = r#"
    const [cases, done] = arguments;
    const differing = [];
    const same = (name, of, found, meant) =>
        found === meant || differing.push({ name, of, found });
    import("/assets/poll.js").then((poll) => {
        for (const of of cases.looks) {
            const curve = of.say === "range" ? cases.curve : { say: of.say, points: [] };
            const types = [{ odds: { mean: of.sale?.per_fan } }];
            const head = { ...of, wait: curve, sale: of.sale && { ...of.sale, types } };
            same("look", of, poll.nextLook(head, of.ahead), of.ms);
        }
        for (const of of cases.openings) {
            const found = poll.lookBeforeOpening(of.poll_after_ms, of.left_ms, of.claim_window_secs);
            same("opening", of, found, of.ms);
        }
        for (const of of cases.spreads) same("spread", of, poll.spread(of.ms, of.share), of.spread_ms);
        for (const of of cases.asks) {
            same("ask", of, poll.asksPlace(of.ahead, of.since_ms), of.asks);
        }
        done(differing);
    }).catch((reason) => done([String(reason)]));"#;

/// Runs the cases of `told_cases.json`; gives those that are told otherwise.
const TOLD: &str = r#"
    const [cases, done] = arguments;
    const differing = [];
    const same = (name, told, meant) =>
        JSON.stringify(told) === JSON.stringify(meant) || differing.push({ name, told, meant });
    import("/assets/wait.js").then((wait) => {
        for (const of of cases.until) same("until", wait.untilWords(of.secs), of.words);
        for (const of of cases.clock) {
            const ends = wait.clock(of, of.now);
            same("clock", [ends?.from ?? null, ends?.to ?? null], [of.from, of.to]);
        }
        for (const of of cases.later) {
            same("later", wait.isLater(of.before, of.to, of.now), of.later);
        }
        for (const of of cases.people) {
            same("ahead", wait.aheadWords(of.count), of.ahead);
            same("waiting", wait.peopleWords(of.count), of.waiting);
            same("gone in", wait.passedWords(of.count), of.gone_in);
        }
        for (const of of cases.chance) same("chance", wait.chanceWords(of.percent), of.words);
        for (const of of cases.sale) {
            const odds = { tickets: of.tickets, inside: 0, mean: 1, variance: 0.5 };
            const sale = { ...of, types: [{ ...of, odds }] };
            same("left", wait.leftWords(of), of.left);
            same("title", wait.saleTitle(sale, of.ahead), of.title);
            same("sale", wait.saleWords(sale, of.ahead), of.words);
        }
        for (const of of cases.held) {
            same("held", wait.heldWords(of.held_by), of.words);
            if (of.later) same("later", wait.laterWords(of.held_by), of.later);
        }
        done(differing);
    }).catch((reason) => done([String(reason)]));"#;
