//! What a page that waits asks for, and what it makes of copies that are older than it knows.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::eventually;
use waitroom::contract::{Phase, RoomChange, change_room};

use crate::{
    browser::Browser,
    queue_page::{STANDING, in_line, says, tell, without_controller},
    test_system::reply,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_waits_asks_where_the_line_stands_and_for_nothing_else() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 30).await;
    // Longer than whoever is next waits between two questions of their own.
    tokio::time::sleep(Duration::from_secs(13)).await;
    let asked = browser.value(ASKED).await;
    let asked = asked.as_array().expect("paths");
    assert!(asked.len() >= 5, "{asked:?}");
    assert!(asked.iter().all(|path| *path == "/v1/rooms/harbour/head"), "{asked:?}");
    browser.quit().await;
}

/// What the page asked for since it was loaded, but for its files.
const ASKED: &str = "return performance.getEntriesByType('resource')
    .map((each) => new URL(each.name).pathname)
    .filter((path) => !path.startsWith('/assets/'));";

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_closes_says_so_without_a_new_page() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 3).await;
    browser.value("window.before = true").await;
    let change = RoomChange {
        phase: Some(Phase::Closed),
        message: Some("Thank you for coming.".to_owned()),
        ..RoomChange::default()
    };
    change_room(&system.stores.pool, "harbour", &change).await.expect("a closed room");
    says(&browser, "h1", "The line has closed").await;
    assert_eq!(browser.value("return window.before").await, true, "it was loaded anew");
    says(&browser, "main .lead", "Thank you for coming.").await;
    let title = browser.value("return document.title").await;
    assert!(title.as_str().is_some_and(|title| title.starts_with("The line has closed · ")));
    browser.check("closed").await;
    // As the server would have said it.
    let before = browser.text("main").await;
    browser.go(&format!("{}/queue/harbour", system.base)).await;
    assert_eq!(browser.text("main").await, before);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn older_copies_are_passed_over_and_what_nobody_renews_is_said_to_be_old() {
    let system = without_controller().await;
    system.sale("harbour", &STANDING).await;
    let browser = Browser::start(true).await;
    in_line(&system, &browser, 3).await;
    browser.value(OLD_NEWS).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let heard = browser.value("return [window.given > 1, document.body.innerText]").await;
    assert_eq!(heard[0], true, "it has not asked");
    assert!(!heard[1].as_str().expect("a text").contains("Old news"), "{heard}");
    assert_eq!(browser.text(".place-number").await, "4");
    browser.value("window.fetch = window.real").await;

    // Nobody moves this line, so that its time stands still.
    let old = "We cannot reach the line right now. Your place is safe.";
    let since = Instant::now();
    while !browser.text(".ahead").await.contains(old) {
        assert!(since.elapsed() < Duration::from_secs(50), "{}", browser.text(".ahead").await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    browser.check("old").await;
    tell(&system, |_| {}).await;
    eventually("the line can be reached", async || {
        (!browser.text(".ahead").await.contains(old)).then_some(())
    })
    .await;
    assert_eq!(reply(system.get("/v1/rooms/harbour/head")).await.body["waiting"], json!(4));
    browser.quit().await;
}

/// Answers as a cache would that has not heard for a minute.
const OLD_NEWS: &str = "
    window.given = 0;
    window.real = window.fetch;
    window.fetch = async (...asked) => {
        const head = await (await window.real(...asked)).json();
        const as_of = new Date(Date.parse(head.as_of) - 60000).toISOString();
        window.given += 1;
        return new Response(JSON.stringify({ ...head, as_of, message: 'Old news' }));
    };";
