//! What a draw waits for, entered by API and in the console, with what is shown meanwhile.

use std::{collections::HashMap, sync::Arc};

use admission::contract::{Gate, PassKeys, QUICKNET, generate_pass_key};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use kit::{settings::Settings, token::generate_seal_key};
use serde_json::{Value, json};

use crate::test_console::{TestConsole, eventually};

/// A room that draws, with a waiting room beside the console that closes entries and draws.
pub async fn room_that_draws(console: &TestConsole, token: &str, show: &str, source: &str) {
    console.put_show(show).await;
    let spec = json!({
        "lanes": 2, "rate_per_sec": 25.0, "max_active": 100, "claim_window_secs": 60,
        "method": "draw", "entropy_source": source,
    });
    let path = format!("/v1/admin/shows/{show}/high-traffic");
    console.api("PUT", &path, Some(token), Some(spec)).await.ok(200);
}

/// Starts a waiting room that does its work in the background; nobody calls it.
pub fn start_waitroom(console: &TestConsole) {
    let stores = &console.test_env;
    let mut env: HashMap<String, String> = stores.settings();
    env.insert("FAIRGATE_PLACE_KEYS".into(), generate_seal_key().expect("a key"));
    let mut settings = Settings::new(&env);
    let config = waitroom::Config::from_settings(&mut settings);
    settings.finish().expect("settings");
    let key = generate_pass_key().expect("a key");
    let keys = Arc::new(PassKeys::from_paserk(&key, "fairgate", "checkout").expect("keys"));
    let gate = Gate::new(stores.redis.clone());
    let (pool, kafka) = (stores.pool.clone(), stores.kafka.clone());
    let app =
        waitroom::App::new(config, pool.clone(), stores.redis.clone(), gate, kafka.clone(), keys);
    waitroom::run(&app.expect("an app"), pool, kafka, &console.tasks);
}

/// Closes entries and waits until that is written; the room as it is then.
pub async fn close_entries(console: &TestConsole, token: &str, show: &str) -> Value {
    let path = format!("/v1/admin/rooms/{show}");
    let drawing = Some(json!({"phase": "drawing"}));
    console.api("PATCH", &path, Some(token), drawing).await.ok(200);
    room_when(console, token, show, |room| !room["draw"]["frozen_at"].is_null()).await
}

async fn room_when(
    console: &TestConsole,
    token: &str,
    show: &str,
    fits: impl Fn(&Value) -> bool,
) -> Value {
    let path = format!("/v1/admin/rooms/{show}");
    eventually("the room", async || {
        let room = console.api("GET", &path, Some(token), None).await.body;
        fits(&room).then_some(room)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_entered_once_and_only_after_entries_closed() {
    let (console, token) = TestConsole::with_admin().await;
    start_waitroom(&console);
    room_that_draws(&console, &token, "s", "operator").await;
    let path = "/v1/admin/rooms/s/entropy";
    let enter = async |body: Value| console.api("POST", path, Some(&token), Some(body)).await;
    let text = json!({"text": "4 2 6"});
    let early = enter(text.clone()).await;
    assert_eq!((early.status, early.problem()), (StatusCode::CONFLICT, "entries-open"));
    let closed = close_entries(&console, &token, "s").await;
    assert_eq!(closed["draw"]["entropy_source"], "operator");
    room_when(&console, &token, "s", |room| {
        room["health"].as_str().is_some_and(|words| words.contains("waits for what is mixed in"))
    })
    .await;
    let round = json!({"drand": {"round": 1, "signature": "00".repeat(48)}});
    let both = json!({"text": "4", "drand": round["drand"]});
    let long = json!({"text": "x".repeat(1025)});
    for (body, status, id) in [
        (round, 409, "entropy-not-announced"),
        (json!({"text": ""}), 422, "invalid-field"),
        (long, 422, "invalid-field"),
        (json!({"text": "4\u{0}"}), 422, "invalid-field"),
        (json!({}), 422, "invalid-field"),
        (both, 422, "invalid-field"),
        (json!({"dice": "4"}), 422, "invalid-field"),
    ] {
        let refused = enter(body).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, id), "{}", refused.text);
    }
    let logged = console.log(&token).await.len();
    let taken = enter(text.clone()).await.ok(200).body;
    assert_eq!((&taken["source"], &taken["text"]), (&json!("operator"), &json!("4 2 6")));
    // Sent again by whoever did not hear the answer: the same answer, and nothing more in the log.
    assert_eq!(enter(text).await.ok(200).body, taken);
    assert_eq!(console.log(&token).await.len(), logged + 1);
    let other = enter(json!({"text": "4 2 5"})).await;
    assert_eq!((other.status, other.problem()), (StatusCode::CONFLICT, "entropy-fixed"));
    assert!(other.text.contains("4 2 6"), "it says what is fixed: {}", other.text);
    let opened = room_when(&console, &token, "s", |room| room["phase"] == "open").await;
    assert_eq!(opened["draw"]["entropy"], taken);
    assert!(opened["draw"]["seed"].is_string());
    let late = enter(json!({"text": "4 2 5"})).await;
    assert_eq!(late.problem(), "entropy-fixed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_refused_with_its_reason_and_other_rooms_take_none() {
    let (console, token) = TestConsole::with_admin().await;
    start_waitroom(&console);
    room_that_draws(&console, &token, "s", "drand").await;
    let closed = close_entries(&console, &token, "s").await;
    let frozen_at: DateTime<Utc> =
        closed["draw"]["frozen_at"].as_str().expect("a time").parse().expect("a time");
    let round = QUICKNET.first_round_after(frozen_at);
    let enter = async |show: &str, round: u64| {
        let body = json!({"drand": {"round": round, "signature": "b4".repeat(48)}});
        let path = format!("/v1/admin/rooms/{show}/entropy");
        console.api("POST", &path, Some(&token), Some(body)).await
    };
    let chosen = enter("s", round + 1).await;
    assert_eq!((chosen.status.as_u16(), chosen.problem()), (422, "invalid-field"));
    assert!(chosen.text.contains(&format!("must be {round}")), "{}", chosen.text);
    let forged = enter("s", round).await;
    assert_eq!(forged.status.as_u16(), 422);
    assert!(forged.text.contains("drand.signature"), "{}", forged.text);
    assert_eq!(enter("no", round).await.problem(), "room-unknown");
    console.put_room(&token, "first").await;
    assert_eq!(enter("first", round).await.problem(), "room-does-not-draw");
    let close = Some(json!({"phase": "closed"}));
    console.api("PATCH", "/v1/admin/rooms/s", Some(&token), close).await.ok(200);
    assert_eq!(enter("s", round).await.problem(), "invalid-field", "what is wrong comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_the_draw_waits_for_and_enters_it_on_the_rooms_page() {
    let (console, token) = TestConsole::with_admin().await;
    start_waitroom(&console);
    room_that_draws(&console, &token, "s", "operator").await;
    let cookie = format!("fg_admin={token}");
    let page = console.get("/admin/rooms/s", &cookie).await;
    assert!(page.text.contains("data-state=\"announced\""), "{}", page.text);
    assert!(!page.text.contains("/admin/rooms/s/entropy"), "nothing to be entered yet");
    close_entries(&console, &token, "s").await;
    let page = console.get("/admin/rooms/s", &cookie).await;
    assert!(page.text.contains("action=\"/admin/rooms/s/entropy\""), "{}", page.text);
    let part = console.get("/admin/rooms/s/draw", &cookie).await;
    assert!(part.text.contains("data-state=\"awaiting\""), "{}", part.text);
    assert!(part.text.contains("Entries closed "), "{}", part.text);
    let alarm = eventually("an alarm", async || {
        let alarms = console.api("GET", "/v1/admin/alarms", Some(&token), None).await.body;
        alarms["alarms"].as_array().and_then(|all| all.first()).cloned()
    })
    .await;
    assert_eq!((&alarm["alarm"], &alarm["severity"]), (&json!("draw_waits"), &json!("act")));
    let words = alarm["words"].as_str().expect("words");
    assert!(words.contains("the draw waits for the text"), "{words}");

    let path = "/admin/rooms/s/entropy";
    let empty = console.get(&format!("{path}?text=++"), &cookie).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text.contains("id=\"text-error\""), "{}", empty.text);
    let preview = console.get(&format!("{path}?text=+4+2%0D%0A6%3Cb%3E+"), &cookie).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(preview.text.contains("8 bytes"), "{}", preview.text);
    assert!(!preview.text.contains("<b>"), "{}", preview.text);
    let room = console.api("GET", "/v1/admin/rooms/s", Some(&token), None).await.body;
    assert_eq!(room["phase"], "drawing", "showing it does nothing");
    let fields = [("text", "4 2\r\n6<b>")];
    let foreign = console.post(path, &cookie, &fields).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{}", foreign.text);
    let csrf = preview.hidden("csrf");
    let done = console.post(path, &cookie, &[fields[0], ("csrf", &csrf)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let opened = room_when(&console, &token, "s", |room| room["phase"] == "open").await;
    assert_eq!(opened["draw"]["entropy"]["text"], "4 2\n6<b>");
    let page = console.get("/admin/rooms/s", &cookie).await;
    let seed = opened["draw"]["seed"].as_str().expect("a seed");
    for part in ["data-state=\"made\"", seed, "4 2\n6&#60;b&#62;"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("/admin/rooms/s/entropy"), "nothing to be entered any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn method_and_source_are_chosen_by_api_and_in_the_console_until_fans_can_join() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    let change = async |body: Value| {
        console.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(body)).await
    };
    let refused = change(json!({"entropy_source": "drand"})).await;
    assert_eq!(refused.problem(), "invalid-field", "it does not draw");
    let drawn = change(json!({"method": "draw", "entropy_source": "drand"})).await.ok(200).body;
    let commitment = drawn["after"]["draw"]["commitment"].clone();
    assert_eq!(drawn["after"]["draw"]["entropy_source"], "drand");

    let page = console.get("/admin/rooms/s", &cookie).await;
    assert!(page.text.contains("value=\"drand\" checked"));
    let query = "method=draw&entropy_source=operator";
    let preview = console.get(&format!("/admin/rooms/s/change?{query}"), &cookie).await;
    for part in ["A text that you enter before witnesses", "committed to anew"] {
        assert!(preview.text.contains(part), "{part}: {}", preview.text);
    }
    let (csrf, seen) = (preview.hidden("csrf"), preview.hidden("seen"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("seen", seen.as_str()),
        ("method", "draw"),
        ("entropy_source", "operator"),
    ];
    let done = console.post("/admin/rooms/s/change", &cookie, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let room = console.api("GET", "/v1/admin/rooms/s", Some(&token), None).await.body;
    assert_eq!(room["draw"]["entropy_source"], "operator");
    assert_ne!(room["draw"]["commitment"], commitment);

    // A form has both, and what is mixed in is of no matter where nothing is drawn.
    let query = "method=passthrough&entropy_source=operator";
    let preview = console.get(&format!("/admin/rooms/s/change?{query}"), &cookie).await;
    assert!(preview.text.contains("There is no line and no rate"), "{}", preview.text);
    let through = change(json!({"method": "passthrough"})).await.ok(200).body;
    assert_eq!(through["after"]["draw"], Value::Null);
    assert_eq!(change(json!({"rate_per_sec": 5.0})).await.problem(), "invalid-field");
    change(json!({"method": "draw"})).await.ok(200);
    change(json!({"phase": "pre_queue"})).await.ok(200);
    for late in [json!({"entropy_source": "none"}), json!({"method": "first_come"})] {
        let refused = change(late).await;
        assert_eq!(refused.problem(), "invalid-field");
        assert!(refused.text.contains("until fans can join"), "{}", refused.text);
    }
    let page = console.get("/admin/rooms/s", &cookie).await;
    assert!(!page.text.contains("name=\"entropy_source\""), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_room_is_made_with_what_was_chosen_in_the_form() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let cookie = format!("fg_admin={token}");
    let form = console.get("/admin/shows/s", &cookie).await;
    assert!(form.text.contains("name=\"entropy_source\" value=\"operator\""), "{}", form.text);
    let spec = "lanes=2&rate_per_sec=25&max_active=100&claim_window_secs=60&opens_at=";
    let chosen = "method=passthrough&entropy_source=none";
    let preview = console.get(&format!("/admin/shows/s/mark?{spec}&{chosen}"), &cookie).await;
    assert!(preview.text.contains("as fast as checkout has room"), "{}", preview.text);
    let (csrf, seen) = (preview.hidden("csrf"), preview.hidden("seen"));
    let pairs = format!("{spec}&{chosen}");
    let mut fields: Vec<(&str, &str)> =
        pairs.split('&').filter_map(|pair| pair.split_once('=')).collect();
    fields.extend([("csrf", csrf.as_str()), ("seen", seen.as_str())]);
    let done = console.post("/admin/shows/s/mark", &cookie, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let room = console.api("GET", "/v1/admin/rooms/s", Some(&token), None).await.body;
    assert_eq!((&room["method"], &room["rate_per_sec"]), (&json!("passthrough"), &json!(10_000.0)));
    // Marking it again gives it no rate.
    let spec = json!({"lanes": 2, "rate_per_sec": 9.0, "max_active": 7, "claim_window_secs": 60});
    let path = "/v1/admin/shows/s/high-traffic";
    let again = console.api("PUT", path, Some(&token), Some(spec)).await.ok(200).body;
    assert_eq!(
        (&again["room"]["max_active"], &again["room"]["rate_per_sec"]),
        (&json!(7), &json!(10_000.0))
    );
}
