//! Why a line stands, what comes of it, what it sold for, and what an operator should look at.

use std::time::Duration;

use axum::http::StatusCode;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::{
    fixtures::put_order,
    test_console::{TestConsole, eventually},
};

/// Heads of a line in which many wait, with what its controller says of the pace.
fn told(held_by: Value, door_open: bool) -> Value {
    json!({
        "heads": [{"lane": 0, "head": 500, "tail": 13_000}],
        "from": [500],
        "door_ms": 1_000,
        "door_open": door_open,
        "pace": {
            "per_sec": 12.5, "held_by": held_by, "active": 90, "unclaimed": 10, "show_share": 0.82,
        },
    })
}

async fn open_room() -> (TestConsole, String) {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let open = Some(json!({"phase": "open"}));
    console.api("PATCH", "/v1/admin/rooms/s", Some(&token), open).await.ok(200);
    (console, token)
}

/// The room's figures once they fit.
async fn figures(console: &TestConsole, token: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually("the room's figures", async || {
        let room = console.api("GET", "/v1/admin/rooms/s", Some(token), None).await.body;
        fits(&room).then_some(room)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_line_stands_is_told_in_words_on_pages_in_the_api_and_in_the_stream() {
    let (console, token) = open_room().await;
    let cookie = format!("fg_admin={token}");
    let held = json!([
        {"reason": "passes_unclaimed", "unclaimed": 2000},
        {"reason": "orders_slow", "order_ms": 1430},
    ]);
    console.publish_heads(told(held, false)).await;
    let room = figures(&console, &token, |room| room["pace"]["settled_per_sec"] == 12.5).await;
    assert_eq!(
        room["pace"]["held_back"][0],
        json!({
            "reason": "passes_unclaimed", "unclaimed": 2000,
            "words": "2,000 passes not claimed yet",
        })
    );
    assert_eq!(room["pace"]["held_back"][1]["words"], "orders take 1.4 s");
    assert_eq!(
        (&room["pace"]["show_share"], &room["pace"]["door_open"]),
        (&json!(0.82), &json!(false))
    );
    assert_eq!(room["health"], "Held back: 2,000 passes not claimed yet.");
    assert_eq!(
        (&room["name"]["title"], &room["name"]["time_zone"]),
        (&json!("A show"), &json!("Europe/Oslo"))
    );

    // The list is of what was sampled, once a second.
    let list = eventually("the list says so", async || {
        let list = console.get("/admin", &cookie).await.ok(200).text;
        list.contains("Held back: 2,000 passes not claimed yet.").then_some(list)
    })
    .await;
    assert!(list.contains(">A show</a>") && list.contains("Thursday 1 May 2031"), "{list}");
    let page = console.get("/admin/rooms/s", &cookie).await.ok(200).text;
    for part in ["<li>orders take 1.4 s</li>", ">82 %<", ">shut<", ">12.5</span>/s"] {
        assert!(page.contains(part), "{part}: {page}");
    }

    use tower::ServiceExt;
    let request = axum::http::Request::get("/admin/stream").header("cookie", &cookie);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let stream = console.router.clone().oneshot(request).await.expect("an answer").into_body();
    let mut chunks = stream.into_data_stream();
    let chunk = tokio::time::timeout(Duration::from_secs(10), chunks.next());
    let chunk = chunk.await.expect("in time").expect("an event").expect("a chunk");
    let event = String::from_utf8(chunk.to_vec()).expect("text");
    assert!(event.contains("2,000 passes not claimed yet"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_the_line_is_neither_let_in_nor_a_no_show() {
    let (console, token) = open_room().await;
    let mut moved = told(json!([]), true);
    moved["pace"]["left_total"] = json!(120);
    console.publish_heads(moved).await;
    // Between two ticks heads alone are told: the pace stays.
    let heads = json!([{"lane": 0, "head": 510, "tail": 13_000}]);
    console.publish_heads(json!({"heads": heads, "from": [500], "door_ms": 1_100})).await;
    let gate = admission::contract::Gate::new(console.test_env.redis.clone());
    // Two of them the line has passed already.
    for offset in [3, 509, 510, 517, 12_999] {
        let room = "s".parse().expect("a name");
        let place = admission::contract::PlaceId { room, lane: 0, offset };
        gate.leave(&place).await.expect("left");
    }
    let room = figures(&console, &token, |room| {
        room["left_waiting"] == 3 && room["left_passed"] == 120 && room["admitted"] == 390
    });
    let room = room.await;
    assert_eq!((&room["waiting"], &room["no_shows"]), (&json!(12_490), &json!(390)));
    assert_eq!(room["pace"]["settled_per_sec"], 12.5);
    let page = console.get("/admin/rooms/s", &format!("fg_admin={token}")).await.ok(200).text;
    assert!(page.contains("data-value=\"left_passed\">120<"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_stands_at_the_top_of_every_page_in_api_and_metrics_until_it_is_over() {
    let (console, token) = open_room().await;
    let cookie = format!("fg_admin={token}");
    let alarms = async || {
        let list = console.api("GET", "/v1/admin/alarms", Some(&token), None).await.ok(200).body;
        list["alarms"].as_array().expect("alarms").clone()
    };
    let is_of = |alarm: &Value| alarm["alarm"] == "checkout_errors";
    // Once for this process: a second recorder would count nothing.
    let metrics = kit::telemetry::metrics_router().expect("metrics");
    let metric = async || {
        use tower::ServiceExt;
        let request = axum::http::Request::get("/metrics").body(axum::body::Body::empty());
        let answer = metrics.clone().oneshot(request.expect("a request")).await.expect("an answer");
        let text = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("text");
        let text = String::from_utf8(text.to_vec()).expect("text");
        let of_room = |line: &&str| {
            line.starts_with("fairgate_alarm{")
                && line.contains("room=\"s\"")
                && line.contains("checkout_errors")
        };
        text.lines().find(of_room).and_then(|line| line.rsplit(' ').next().map(str::to_owned))
    };
    let raised = eventually("an alarm", async || {
        console.publish_heads(told(json!([{"reason": "checkout_away"}]), false)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        alarms().await.into_iter().find(is_of)
    })
    .await;
    assert_eq!(raised["words"], "Checkout has errors. Held back: checkout does not answer.");
    assert_eq!((&raised["title"], &raised["severity"]), (&json!("A show"), &json!("act")));
    assert!(raised["next"].as_str().is_some_and(|next| next.contains("Nobody loses a turn")));
    // Other tests of this process have rooms of the same name; one of them says so at least.
    eventually("the metric", async || (metric().await.as_deref() == Some("1")).then_some(())).await;
    for path in ["/admin", "/admin/shows", "/admin/audit", "/admin/rooms/s", "/admin/alarms"] {
        let page = console.get(path, &cookie).await.ok(200).text;
        assert!(page.contains("Checkout has errors."), "{path}: {page}");
        assert!(page.contains("data-alarm=\"s checkout_errors\""), "{path}");
    }
    eventually("the end of the alarm", async || {
        console.publish_heads(told(json!([]), true)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        alarms().await.iter().all(|alarm| !is_of(alarm)).then_some(())
    })
    .await;
    let part = console.get("/admin/alarms", &cookie).await.ok(200).text;
    assert!(!part.contains("checkout_errors"), "{part}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_stands_beside_the_line_by_type_and_currency() {
    let (console, token) = open_room().await;
    let cookie = format!("fg_admin={token}");
    put_order(&console).await;
    let sales =
        console.api("GET", "/v1/admin/rooms/s/sales", Some(&token), None).await.ok(200).body;
    let fifty = json!([{"minor": 5_000, "currency": "EUR", "words": "€50.00"}]);
    assert_eq!((&sales["today"], &sales["in_all"]), (&fifty, &fifty));
    assert_eq!(sales["ticket_types"][0]["in_all"], fifty);
    let room = figures(&console, &token, |room| room["sold"] == 1).await;
    assert_eq!(
        (&room["ticket_types"][0]["name"], &room["ticket_types"][0]["allotted"]),
        (&json!("Standing"), &json!(100))
    );
    let page = console.get("/admin/rooms/s", &cookie).await.ok(200).text;
    let part = console.get("/admin/rooms/s/sales", &cookie).await.ok(200).text;
    for text in [&page, &part] {
        assert!(text.contains("€50.00") && text.contains(">Standing<"), "{text}");
        assert!(text.contains("1 sold, 0 held or not paid, 100 tickets to be sold"), "{text}");
    }
    let today = console.get("/admin/rooms/s/revenue", &cookie).await.ok(200).text;
    assert_eq!(today.trim(), "€50.00");
    assert_eq!(
        console.api("GET", "/v1/admin/rooms/no/sales", Some(&token), None).await.problem(),
        "room-unknown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pace_follows_is_steered_previewed_and_logged_like_the_rest() {
    let (console, token) = open_room().await;
    let cookie = format!("fg_admin={token}");
    let page = console.get("/admin/rooms/s", &cookie).await.ok(200).text;
    assert!(page.contains("name=\"pace_mode\" value=\"follow\" checked"), "{page}");
    let wish = "pace_mode=fixed&floor_per_sec=2.5&order_ms_target=2000";
    let preview = console.get(&format!("/admin/rooms/s/change?{wish}"), &cookie).await.ok(200);
    assert!(preview.text.contains("The pace no longer follows checkout"), "{}", preview.text);
    let hidden = ["csrf", "seen", "pace_mode", "floor_per_sec", "order_ms_target"]
        .map(|name| (name, preview.hidden(name)));
    let fields: Vec<(&str, &str)> =
        hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = console.post("/admin/rooms/s/change", &cookie, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let gate = admission::contract::gate(&console.test_env.pool, "s").await.expect("asked");
    let pacing = json!({"mode": "fixed", "floor_per_sec": 2.5, "order_ms_target": 2000});
    assert_eq!(json!(gate.expect("a gate").pacing), pacing);
    let entry = console.log(&token).await.remove(0);
    assert_eq!(
        (&entry["before"]["pacing"]["mode"], &entry["after"]["pacing"]),
        (&json!("follow"), &pacing)
    );
    let odd = console.get("/admin/rooms/s/change?pace_mode=fast", &cookie).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(odd.text.contains("Choose what the pace follows."), "{}", odd.text);
}
