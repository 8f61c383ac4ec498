//! Watching and steering rooms.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use futures::StreamExt;
use serde_json::{Value, json};
use testkit::id;

use crate::test_console::{TestConsole, eventually};

#[tokio::test]
async fn marking_a_show_makes_its_room_and_gate_and_marking_again_changes_them() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(
        (gate.lanes, gate.rate_per_sec, gate.max_active, gate.claim_window_secs),
        (2, 25.0, 100, 60)
    );
    assert_eq!(
        console
            .test_env
            .kafka
            .partitions(&admission::contract::line_topic("s"))
            .await
            .expect("asked"),
        2
    );
    assert!(
        catalog::contract::show(&console.test_env.pool, &id("s"))
            .await
            .expect("asked")
            .expect("show")
            .high_traffic
    );

    let spec =
        json!({"lanes": 8, "rate_per_sec": 50.0, "max_active": 200, "claim_window_secs": 90});
    let path = "/v1/admin/shows/s/high-traffic";
    let again = console.api("PUT", path, Some(&token), Some(spec.clone())).await.body;
    assert_eq!(
        (&again["had_room"], &again["room"]["lanes"]),
        (&json!(true), &json!(2)),
        "lanes stay"
    );
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.lanes, gate.rate_per_sec, gate.max_active), (2, 50.0, 200));

    assert_eq!(
        console
            .api("PUT", "/v1/admin/shows/no/high-traffic", Some(&token), Some(spec))
            .await
            .problem(),
        "show-unknown"
    );
    for bad in [
        json!({"lanes": 0, "rate_per_sec": 1.0, "max_active": 1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": -1.0, "max_active": 1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": 1.0, "max_active": -1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": 1.0, "max_active": 1, "claim_window_secs": 0}),
    ] {
        let refused = console.api("PUT", path, Some(&token), Some(bad)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    }
    assert_eq!(
        console.api("DELETE", path, Some(&token), None).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(
        !catalog::contract::show(&console.test_env.pool, &id("s"))
            .await
            .expect("asked")
            .expect("show")
            .high_traffic
    );
    let log = console.log(&token).await;
    let marks: Vec<_> = log.iter().filter(|entry| entry["action"] == "show.high_traffic").collect();
    assert_eq!(marks.len(), 3);
    assert_eq!(
        (&marks[0]["before"]["high_traffic"], &marks[0]["after"]["high_traffic"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(marks[1]["before"]["room"]["rate_per_sec"], 25.0);
    assert_eq!(marks[1]["after"]["room"]["rate_per_sec"], 50.0);
}

#[tokio::test]
async fn a_change_reaches_the_gate_and_the_log_and_a_refused_one_neither() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let path = "/v1/admin/rooms/s";
    let change = json!({"phase": "open", "rate_per_sec": 40.0, "message": "Soon."});
    let changed = console.api("PATCH", path, Some(&token), Some(change)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(
        (&changed.body["before"]["phase"], &changed.body["after"]["phase"]),
        (&json!("scheduled"), &json!("open"))
    );
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.rate_per_sec, gate.state), (40.0, admission::contract::GateState::Running));
    let entries = console.log(&token).await.len();
    for (body, status, id) in [
        (json!({"phase": "scheduled", "rate_per_sec": 1.0}), 409, "phase-cannot-follow"),
        (json!({"rate_per_sec": -1.0}), 422, "invalid-field"),
        (json!({"claim_window_secs": 0}), 422, "invalid-field"),
        (json!({"speed": 1}), 422, "invalid-field"),
    ] {
        let refused = console.api("PATCH", path, Some(&token), Some(body)).await;
        assert_eq!((refused.status.as_u16(), refused.problem()), (status, id), "{}", refused.text);
    }
    assert_eq!(
        console.api("PATCH", "/v1/admin/rooms/no", Some(&token), Some(json!({}))).await.problem(),
        "room-unknown"
    );
    // Changing nothing is no deed.
    console.api("PATCH", path, Some(&token), Some(json!({"rate_per_sec": 40.0}))).await;
    assert_eq!(console.log(&token).await.len(), entries);
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.rate_per_sec, 40.0);
    assert_eq!(console.log(&token).await[0]["before"]["rate_per_sec"], 25.0);
    assert_eq!(console.log(&token).await[0]["after"]["rate_per_sec"], 40.0);
}

#[tokio::test]
async fn a_page_shows_the_effect_before_a_change_is_made() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    let room = console.get("/admin/rooms/s", &cookie).await;
    assert_eq!(room.status, StatusCode::OK);
    assert!(
        !room.text.contains("style=") && !room.text.contains("<script>"),
        "the policy forbids both"
    );
    let preview = console.get("/admin/rooms/s/change?phase=open&rate_per_sec=50", &cookie).await;
    assert!(preview.text.contains("The room opens. Nobody is waiting."), "{}", preview.text);
    let (csrf, seen) = (preview.hidden("csrf"), preview.hidden("seen"));
    let fields = [
        ("csrf", csrf.as_str()),
        ("seen", seen.as_str()),
        ("phase", "open"),
        ("rate_per_sec", "50"),
    ];
    let made_up = [("csrf", "made-up"), fields[1], fields[2], fields[3]];
    assert_eq!(
        console.post("/admin/rooms/s/change", &cookie, &made_up).await.status,
        StatusCode::FORBIDDEN
    );
    // Somebody else was quicker: the effect is shown anew, and nothing is changed.
    console.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"max_active": 7}))).await;
    let again = console.post("/admin/rooms/s/change", &cookie, &fields).await;
    assert!(again.text.contains("The room was changed since you looked"), "{}", again.text);
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.rate_per_sec, 25.0);
    let seen = again.hidden("seen");
    let done = console
        .post("/admin/rooms/s/change", &cookie, &[fields[0], ("seen", &seen), fields[2], fields[3]])
        .await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/rooms/s?done=1"));
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.rate_per_sec, gate.max_active), (50.0, 7));
    let api =
        console.api("GET", "/v1/admin/rooms/s/preview?phase=closed", Some(&token), None).await.body;
    assert!(api["effects"][0].as_str().expect("words").starts_with("This cannot be undone."));
}

#[tokio::test]
async fn figures_follow_the_heads_and_come_as_a_stream_that_ends_with_the_server() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let heads = json!([{"lane": 0, "head": 3, "tail": 10}, {"lane": 1, "head": 2, "tail": 5}]);
    console.publish_heads(json!({ "heads": heads })).await;
    // A record that is read late does not take a head back.
    console.publish_heads(json!({"heads": [{"lane": 0, "head": 1, "tail": 4}]})).await;
    let room = eventually("figures", || async {
        let rooms = console.api("GET", "/v1/admin/rooms", Some(&token), None).await.body;
        rooms["rooms"]
            .as_array()
            .and_then(|rooms| rooms.iter().find(|room| room["waiting"] == 10).cloned())
    })
    .await;
    assert_eq!(
        (&room["admitted"], &room["no_shows"], &room["active"]),
        (&json!(5), &json!(5), &json!(0))
    );
    assert_eq!(
        room["lane_figures"][0],
        json!({"lane": 0, "waiting": 7, "head": 3, "tail": 10,
        "inflow_per_sec": room["lane_figures"][0]["inflow_per_sec"], "admitted_per_sec": room["lane_figures"][0]["admitted_per_sec"]})
    );
    let page = console.get("/admin", &format!("fg_admin={token}")).await;
    assert!(page.text.contains("<span data-value=\"waiting\">10</span>"), "{}", page.text);

    use tower::ServiceExt;
    let request = Request::builder()
        .uri("/v1/admin/rooms/stream")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = console
        .router
        .clone()
        .oneshot(request.body(Body::empty()).expect("request"))
        .await
        .expect("infallible");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    for _ in 0..2 {
        let chunk = tokio::time::timeout(Duration::from_secs(10), body.next())
            .await
            .expect("in time")
            .expect("more");
        let text = String::from_utf8(chunk.expect("chunk").to_vec()).expect("text");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
        assert!(text.contains("event: rooms"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(data).expect("json")[0]["waiting"], 10);
    }
    console.tasks.draining().cancel();
    let ended = async { while body.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("the stream ends");
    assert_eq!(
        console.api("GET", "/v1/admin/rooms/stream", None, None).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(console.get("/admin/stream", "").await.location(), "/admin/sign-in");
}

/// A stream as it comes.
async fn open_stream(
    console: &TestConsole,
    path: &str,
    header: (&str, &str),
) -> axum::body::BodyDataStream {
    use tower::ServiceExt;
    let request = Request::builder()
        .uri(path)
        .header(header.0, header.1)
        .body(Body::empty())
        .expect("request");
    let response = console.router.clone().oneshot(request).await.expect("infallible");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream", "{path}");
    response.into_body().into_data_stream()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session() {
    let (console, admin) = TestConsole::with_admin().await;
    let operator = console.operator(&admin).await;
    let (bearer, cookie) = (format!("Bearer {operator}"), format!("fg_admin={operator}"));
    let other = format!("Bearer {admin}");
    let mut ended = [
        open_stream(&console, "/v1/admin/rooms/stream", ("authorization", &bearer)).await,
        open_stream(&console, "/admin/stream", ("cookie", &cookie)).await,
    ];
    let mut goes_on =
        open_stream(&console, "/v1/admin/rooms/stream", ("authorization", &other)).await;
    let people = console.api("GET", "/v1/admin/people", Some(&admin), None).await.body;
    let olga = people["people"]
        .as_array()
        .expect("people")
        .iter()
        .find(|one| one["name"] == "Olga")
        .expect("Olga");
    let path = format!("/v1/admin/people/{}", olga["person"].as_str().expect("id"));
    assert!(ended[0].next().await.is_some() && ended[1].next().await.is_some());
    let disabled = console.api("PATCH", &path, Some(&admin), Some(json!({"disabled": true}))).await;
    assert_eq!(disabled.status, StatusCode::NO_CONTENT);
    for stream in &mut ended {
        let all = async { while stream.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("it ends");
    }
    for _ in 0..3 {
        let more =
            tokio::time::timeout(Duration::from_secs(10), goes_on.next()).await.expect("in time");
        assert!(more.is_some(), "somebody else's goes on");
    }
}

#[tokio::test]
async fn what_cannot_be_is_told_beside_its_field_and_previews_nothing() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    for (field, value, words) in [
        ("rate_per_sec", "abc", "Give a number."),
        ("rate_per_sec", "-5", "must be 0 to 10,000 fans a second"),
        ("max_active", "1.5", "Give a number."),
        ("claim_window_secs", "0", "must be 1 to 86,400 seconds"),
        ("floor_per_sec", "10001", "must be 0 to 10,000 fans a second"),
        ("order_ms_target", "99", "must be 100 to 60,000 milliseconds"),
    ] {
        let path = "/admin/rooms/s/change";
        let preview = console.get(&format!("{path}?{field}={value}&message=Soon."), &cookie).await;
        let csrf = kit::secret::csrf(&token);
        let fields = [("csrf", csrf.as_str()), ("seen", ""), (field, value), ("message", "Soon.")];
        let posted = console.post(path, &cookie, &fields).await;
        for page in [preview, posted] {
            assert_eq!(
                page.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{field}={value}: {}",
                page.text
            );
            let beside = format!("id=\"{field}-error\">{words}");
            assert!(page.text.contains(&beside), "{beside}: {}", page.text);
            assert!(
                page.text.contains(&format!("value=\"{value}\""))
                    && page.text.contains(">Soon.</textarea>")
            );
        }
    }
    for (query, status) in
        [("rate_per_sec=-5", 422), ("phase=draft&rate_per_sec=5", 200), ("phase=paused", 409)]
    {
        let preview = console
            .api("GET", &format!("/v1/admin/rooms/s/preview?{query}"), Some(&token), None)
            .await;
        assert_eq!(preview.status.as_u16(), status, "{query}: {}", preview.text);
    }
    let page = console.get("/admin/rooms/s", &cookie).await;
    assert!(!page.text.contains("http-equiv=\"refresh\""), "nothing wipes the form");
}

#[tokio::test]
async fn the_last_ten_minutes_and_closed_rooms_are_in_the_api_too() {
    let (console, token) = TestConsole::with_admin().await;
    for show in ["a", "b", "c"] {
        console.put_room(&token, show).await;
    }
    let path = "/v1/admin/rooms/a/history";
    let history = eventually("two points of the history", || async {
        let history = console.api("GET", path, Some(&token), None).await.body;
        (history["waiting"].as_array().is_some_and(|points| !points.is_empty())).then_some(history)
    })
    .await;
    assert_eq!((&history["waiting"][0], &history["inflow_per_sec"][0]), (&json!(0.0), &json!(0.0)));
    assert_eq!(
        (&history["admitted_per_sec"][0], &history["ago_secs"][0]),
        (&json!(0.0), &json!(0))
    );
    assert_eq!(
        console.api("GET", "/v1/admin/rooms/no/history", Some(&token), None).await.problem(),
        "room-unknown"
    );

    for room in ["a", "c"] {
        let path = format!("/v1/admin/rooms/{room}");
        console.api("PATCH", &path, Some(&token), Some(json!({"phase": "open"}))).await;
        let closed =
            console.api("PATCH", &path, Some(&token), Some(json!({"phase": "closed"}))).await;
        assert_eq!(closed.status, StatusCode::OK, "{}", closed.text);
    }
    let names = async |query: &str| {
        let list =
            console.api("GET", &format!("/v1/admin/rooms?{query}"), Some(&token), None).await.body;
        let rooms = list["rooms"].as_array().unwrap_or_else(|| panic!("{list}"));
        rooms.iter().map(|room| room["room"].as_str().expect("name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("phase=closed").await, ["a", "c"]);
    assert_eq!(names("phase=closed&after=a").await, ["c"]);
    eventually("a list without the closed", || async { (names("").await == ["b"]).then_some(()) })
        .await;
    assert_eq!(names("phase=scheduled").await, ["b"]);
    assert_eq!(names("phase=open").await, Vec::<String>::new());
    assert_eq!(
        console.api("GET", "/v1/admin/rooms?phase=gone", Some(&token), None).await.status,
        StatusCode::BAD_REQUEST
    );
}
