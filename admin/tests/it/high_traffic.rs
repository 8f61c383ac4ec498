//! Marking a show as high-traffic and taking the mark away: what it does is shown first, and
//! nothing is done by showing it.

use admission::contract::{EntropySource, LineMethod};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::json;
use testkit::{ShowBuilder, id};
use uuid::Uuid;
use waitroom::contract::{NewRoom, RoomState, create_room, room, room_of_show};

use crate::test_console::TestConsole;

const SPEC: &str =
    "lanes=8&rate_per_sec=50&max_active=1000&claim_window_secs=90&opens_at=2031-05-01T12:00";

/// The spec's fields, as the confirmation repeats them.
fn fields(spec: &str) -> Vec<(&str, &str)> {
    spec.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

fn sale() -> DateTime<Utc> {
    "2031-05-01T09:00:00Z".parse().expect("a time")
}

/// A room as publishing makes it: as fast as checkout can take it.
async fn put_wide_room(console: &TestConsole, name: &str, show: &str) -> RoomState {
    let new = NewRoom {
        room: name.parse().expect("parsed"),
        show: id(show),
        lanes: 4,
        rate_per_sec: 200.0,
        max_active: 2000,
        claim_window_secs: 120,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: Some(sale()),
        sleeps: false,
    };
    create_room(&console.test_env.pool, &console.test_env.kafka, &new).await.expect("room");
    known(console, name).await
}

async fn known(console: &TestConsole, name: &str) -> RoomState {
    room(&console.test_env.pool, name).await.expect("asked").expect("room")
}

/// Whether a show is marked: drafts can be, too.
async fn is_marked(console: &TestConsole, show: &str) -> bool {
    catalog::contract::seller(&console.test_env.pool, &id(show))
        .await
        .expect("asked")
        .expect("a show")
        .high_traffic
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marking_makes_is_shown_before_anything_is_made() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let cookie = format!("fg_admin={token}");
    let form = console.get("/admin/shows/s", &cookie).await;
    assert!(form.text.contains("method=\"get\" action=\"/admin/shows/s/mark\""), "{}", form.text);
    let logged = console.log(&token).await.len();
    let preview = console.get(&format!("/admin/shows/s/mark?{SPEC}"), &cookie).await;
    assert_eq!(preview.status, StatusCode::OK);
    for part in [
        "A room is made for A show, with 8 lanes in its line",
        "opens by itself on Thursday 1 May 2031 at 12:00, Oslo time",
        "50/s are let in at most",
        "At most 1,000 sessions",
        "90 seconds to come",
        "nobody is affected now",
        "<th scope=\"row\">Lanes</th><td class=\"quiet\">none</td><td>8</td>",
        "Mark and make the room",
    ] {
        assert!(preview.text.contains(part), "{part}: {}", preview.text);
    }
    let api = console
        .api(
            "GET",
            &format!("/v1/admin/shows/s/high-traffic/preview?{SPEC}:00Z"),
            Some(&token),
            None,
        )
        .await;
    assert_eq!(
        (api.status, &api.body["now"], &api.body["marked"]),
        (StatusCode::OK, &json!(null), &json!(false))
    );
    assert_eq!(api.body["settings"][1], json!({"name": "Lanes", "before": null, "after": "8"}));
    // Looking made nothing.
    assert_eq!(room_of_show(&console.test_env.pool, &id("s")).await.expect("asked"), None);
    assert_eq!(
        console
            .test_env
            .kafka
            .partitions(&admission::contract::line_topic("s"))
            .await
            .unwrap_or_default(),
        0
    );
    assert!(!is_marked(&console, "s").await);
    assert_eq!(console.log(&token).await.len(), logged);

    let (csrf, seen) = (preview.hidden("csrf"), preview.hidden("seen"));
    let mut confirmed = fields(SPEC);
    confirmed.extend([("csrf", csrf.as_str()), ("seen", seen.as_str())]);
    let done = console.post("/admin/shows/s/mark", &cookie, &confirmed).await;
    assert_eq!(
        (done.status, done.location()),
        (StatusCode::SEE_OTHER, "/admin/shows?done=new"),
        "{}",
        done.text
    );
    let made = known(&console, "s").await;
    assert_eq!(
        (made.lanes, made.rate_per_sec, made.max_active, made.claim_window_secs),
        (8, 50.0, 1000, 90)
    );
    assert_eq!(made.opens_at, Some("2031-05-01T10:00:00Z".parse().expect("a time")));
    assert!(is_marked(&console, "s").await);
    // Once more with the same preview: it is another show by now.
    let again = console.post("/admin/shows/s/mark", &cookie, &confirmed).await;
    assert!(
        again.text.contains("changed since you looked")
            && again.text.contains("Nothing would change"),
        "{}",
        again.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_publishing_made_is_shown_before_and_after() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    put_wide_room(&console, "s", "s").await;
    let cookie = format!("fg_admin={token}");
    let form = console.get("/admin/shows/s", &cookie).await;
    assert!(
        !form.text.contains("name=\"lanes\"") && form.text.contains("value=\"200\""),
        "{}",
        form.text
    );
    let path = "/admin/shows/s/mark?rate_per_sec=50&max_active=2000&claim_window_secs=120";
    let preview = console.get(path, &cookie).await;
    for part in [
        "<th scope=\"row\">High traffic</th><td>no</td><td>yes</td>",
        "<th scope=\"row\">Lanes</th><td>4</td><td><span class=\"quiet\">stays</span></td>",
        "<th scope=\"row\">Let in per second, at most</th><td>200</td><td>50</td>",
        "<th scope=\"row\">Opens by itself</th><td>Thursday 1 May 2031 at 11:00, Oslo \
            time</td><td><span class=\"quiet\">stays</span></td>",
        "Whoever joins is let in at 50/s at most; now it is 200/s.",
        "It still opens by itself on Thursday 1 May 2031 at 11:00, Oslo time.",
        "Mark and change the room",
    ] {
        assert!(preview.text.contains(part), "{part}: {}", preview.text);
    }
    let query = "lanes=9&rate_per_sec=50&max_active=2000&claim_window_secs=120&opens_at=2032-01-01T00:00:00Z";
    let api = console
        .api("GET", &format!("/v1/admin/shows/s/high-traffic/preview?{query}"), Some(&token), None)
        .await;
    let api = api.body;
    assert_eq!(api["now"]["rate_per_sec"], 200.0);
    assert_eq!(api["settings"][1], json!({"name": "Lanes", "before": "4", "after": "4"}), "{api}");
    assert_eq!(api["settings"][5]["before"], api["settings"][5]["after"], "{api}");

    // Somebody else is quicker: the effect is shown anew, and nothing is changed.
    let csrf = preview.hidden("csrf");
    let spec = [
        ("rate_per_sec", "50"),
        ("max_active", "2000"),
        ("claim_window_secs", "120"),
        ("csrf", &csrf),
    ];
    let confirm = async |seen: &str| {
        let mut all = spec.to_vec();
        all.push(("seen", seen));
        console.post("/admin/shows/s/mark", &cookie, &all).await
    };
    console.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"max_active": 7}))).await;
    let again = confirm(&preview.hidden("seen")).await;
    assert!(again.text.contains("was changed since you looked"), "{}", again.text);
    assert!(
        again.text.contains(
            "<th scope=\"row\">Sessions in checkout, at most</th><td>7</td><td>2,000</td>"
        )
    );
    assert_eq!(
        (known(&console, "s").await.rate_per_sec, is_marked(&console, "s").await),
        (200.0, false)
    );
    let done = confirm(&again.hidden("seen")).await;
    assert_eq!(done.location(), "/admin/shows?done=changed", "{}", done.text);
    let after = known(&console, "s").await;
    assert_eq!((after.lanes, after.rate_per_sec, after.max_active), (4, 50.0, 2000));
    assert_eq!(after.opens_at, Some(sale()));
    let entry = &console.log(&token).await[0];
    assert_eq!(
        (&entry["before"]["room"]["max_active"], &entry["before"]["high_traffic"]),
        (&json!(7), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_the_mark_away_is_shown_first_and_drafts_can_be_marked() {
    let (console, token) = TestConsole::with_admin().await;
    let draft = ShowBuilder::new("unnamed").with(|show| {
        (show.performer, show.title) = ("Draft".to_owned(), "Show".to_owned());
    });
    let draft = draft.draft_for(&console.test_env.pool, Uuid::now_v7()).await;
    assert_eq!(*draft, *"draft-show");
    console.mark(&token, &draft).await;
    let cookie = format!("fg_admin={token}");
    let form = console.get("/admin/shows/draft-show", &cookie).await;
    assert!(form.text.contains("href=\"/admin/shows/draft-show/unmark\""), "{}", form.text);
    let preview = console.get("/admin/shows/draft-show/unmark", &cookie).await;
    for part in [
        "Its room stays as it is",
        "It still opens when somebody opens it.",
        "<td>yes</td><td>no</td>",
    ] {
        assert!(preview.text.contains(part), "{part}: {}", preview.text);
    }
    let path = "/v1/admin/shows/draft-show/high-traffic/removal-preview";
    let api = console.api("GET", path, Some(&token), None).await.body;
    assert_eq!((&api["marked"], &api["now"]["room"]), (&json!(true), &json!("draft-show")));
    assert!(is_marked(&console, "draft-show").await, "looking changes nothing");
    let csrf = preview.hidden("csrf");
    let done = console.post("/admin/shows/draft-show/unmark", &cookie, &[("csrf", &csrf)]).await;
    assert_eq!(done.location(), "/admin/shows?done=unmarked");
    assert!(!is_marked(&console, "draft-show").await);
    assert!(
        console
            .get("/admin/shows/draft-show/unmark", &cookie)
            .await
            .text
            .contains("Nothing would change")
    );
    assert_eq!(console.api("GET", path, Some(&token), None).await.body["effects"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_room_can_have_is_refused_before_it_is_confirmed() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let cookie = format!("fg_admin={token}");
    for (spec, words) in [
        ("lanes=0&rate_per_sec=5&max_active=1&claim_window_secs=60", "Give 1 to 256 lanes."),
        (
            "lanes=4&rate_per_sec=NaN&max_active=1&claim_window_secs=60",
            "Give 0 to 10,000 fans a second.",
        ),
        ("lanes=4&rate_per_sec=5&max_active=many&claim_window_secs=60", "Give a number."),
        (
            "lanes=4&rate_per_sec=5&max_active=1&claim_window_secs=60&opens_at=soon",
            "Give a day and a time",
        ),
    ] {
        let refused = console.get(&format!("/admin/shows/s/mark?{spec}"), &cookie).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{spec}");
        assert!(
            refused.text.contains(words) && refused.text.contains("See what it does"),
            "{spec}: {}",
            refused.text
        );
    }
    let path = "/v1/admin/shows/s/high-traffic/preview?lanes=0&rate_per_sec=5&max_active=1&claim_window_secs=60";
    assert_eq!(console.api("GET", path, Some(&token), None).await.problem(), "invalid-field");
    let path = path.replace("/s/", "/no/");
    assert_eq!(console.api("GET", &path, Some(&token), None).await.problem(), "show-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_another_show_is_not_taken_over() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let others = put_wide_room(&console, "s", "other").await;
    let spec = json!({"lanes": 2, "rate_per_sec": 5.0, "max_active": 1, "claim_window_secs": 60});
    let refused =
        console.api("PUT", "/v1/admin/shows/s/high-traffic", Some(&token), Some(spec)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "room-name-taken"));
    let path = format!("/v1/admin/shows/s/high-traffic/preview?{SPEC}:00Z");
    assert_eq!(console.api("GET", &path, Some(&token), None).await.problem(), "room-name-taken");
    assert_eq!(known(&console, "s").await, others);
    assert!(!is_marked(&console, "s").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_show_gets_no_room_and_the_console_tells_who_withdrew_it() {
    let (console, admin) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let path = "/v1/admin/shows/s/withdrawal";
    let without = console.api("PUT", path, Some(&admin), Some(json!({"reason": " "}))).await;
    assert_eq!(
        (without.status, without.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field")
    );
    let unknown = console
        .api("PUT", "/v1/admin/shows/t/withdrawal", Some(&admin), Some(json!({"reason": "ill"})))
        .await;
    assert_eq!(unknown.problem(), "show-unknown");
    for _ in 0..2 {
        let done = console.api("PUT", path, Some(&admin), Some(json!({"reason": "ill"}))).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
    }
    let entries =
        console.log(&admin).await.into_iter().filter(|entry| entry["action"] == "show.withdraw");
    assert_eq!(entries.count(), 1, "the second time nothing was done");
    let shows = console.api("GET", "/v1/admin/shows", Some(&admin), None).await.body;
    assert_eq!(shows["shows"][0]["stop"], "withdrawn");
    let page = console.get("/admin/shows/s", &format!("fg_admin={admin}")).await.text;
    assert!(
        page.contains("by admin ada@example.org. Reason: ill") && !page.contains("Withdraw it"),
        "{page}"
    );
    assert!(page.contains("data-own=\"stamp\""), "{page}");
    let spec =
        json!({"lanes": 2, "rate_per_sec": 25.0, "max_active": 100, "claim_window_secs": 60});
    let marked =
        console.api("PUT", "/v1/admin/shows/s/high-traffic", Some(&admin), Some(spec)).await;
    assert_eq!((marked.status, marked.problem()), (StatusCode::GONE, "show-withdrawn"));
}
