//! A draw as its operator sees it, in a browser: announced, gathering, waiting for what is entered
//! before witnesses, and made; and a draw that waits for a public beacon.

use admission::contract::{EntropySource, LineMethod};
use testkit::{RoomBuilder, TestEnv};
use waitroom::contract::Phase;

use crate::{
    browser::Browser,
    draw::{change, head_when, join},
    test_people::{Admin, PASSWORD},
    test_system::{TestSystem, a_show},
};

/// A system with a room `r` that draws with this source, and a browser of its admin.
async fn console(source: EntropySource) -> (TestSystem, Browser) {
    let system = TestSystem::open_in(TestEnv::new().await, &[]).await;
    a_show("r").title("Harbour Lights").stock(100, 1).put(&system.stores.pool).await;
    // Nobody is let in, so that the page stays as it is.
    let room = RoomBuilder::new("r").lanes(3).max_active(0).method(LineMethod::Draw);
    let room = room.entropy_source(source);
    room.create(&system.stores.pool, &system.stores.kafka).await;
    Admin::first(&system).await;
    let browser = Browser::start(true).await;
    browser.go(&format!("{}/admin/sign-in", system.base)).await;
    browser.fill("input[name=email]", "ada@fairgate.example").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("main form button").await;
    browser.see("ul.rooms").await;
    browser.go(&format!("{}/admin/rooms/r", system.base)).await;
    browser.see(r#"[data-draw="announced"]"#).await;
    (system, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_the_draw_through_and_enters_what_the_witnesses_made() {
    let (system, browser) = console(EntropySource::Operator).await;
    browser.check_at("console draw announced", "#draw").await;
    browser.check_at("console draw choices", r#"input[name="method"]"#).await;

    // The page follows by itself from here on.
    change(&system, Phase::PreQueue).await;
    browser.see(r#"[data-draw="gathering"]"#).await;
    for _ in 0..7 {
        join(&system).await;
    }
    browser.see_text("[data-entries]", "7").await;
    browser.check_at("console draw gathering", "#draw").await;
    assert_eq!(browser.count("textarea[name=text]").await, 0, "nothing to be entered yet");

    change(&system, Phase::Drawing).await;
    browser.see("textarea[name=text]").await;
    assert!(browser.text("[data-draw]").await.starts_with("Entries closed "));
    browser.check_at("console draw waits", "#draw").await;
    browser.fill("textarea[name=text]", "4 2 6 6 1 3 5, thrown on stage").await;
    browser.click(r#"form[action="/admin/rooms/r/entropy"] button"#).await;
    browser.see(r#"form[method="post"][action="/admin/rooms/r/entropy"]"#).await;
    browser.check("console draw confirm").await;
    browser.click(r#"form[action="/admin/rooms/r/entropy"] button"#).await;
    browser.see(r#"[data-draw="made"]"#).await;
    browser.check_at("console draw made", "#draw").await;
    assert_eq!(browser.count("textarea[name=text]").await, 0, "nothing to be entered any more");
    let head = head_when(&system, |head| head["phase"] == "open").await;
    assert_eq!(head["draw"]["entropy"]["text"], "4 2 6 6 1 3 5, thrown on stage");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_which_round_a_draw_waits_for_and_that_a_wrong_one_is_refused() {
    let (system, browser) = console(EntropySource::Drand).await;
    change(&system, Phase::PreQueue).await;
    join(&system).await;
    change(&system, Phase::Drawing).await;
    browser.see("input[name=signature]").await;
    assert!(browser.text("[data-draw]").await.contains("drand round"));
    browser.check_at("console draw waits for drand", "#draw").await;
    browser.fill("input[name=signature]", &"b4".repeat(48)).await;
    browser.click(r#"form[action="/admin/rooms/r/entropy"] button"#).await;
    browser.see("#signature-error").await;
    browser.check_at("console draw drand refused", "#signature").await;
    let head = head_when(&system, |_| true).await;
    assert_eq!(head["phase"], "drawing");
    browser.quit().await;
}
