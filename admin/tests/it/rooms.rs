//! Watching and steering rooms.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::Utc;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::desk::{Desk, until};

#[tokio::test]
async fn marking_a_show_makes_its_room_and_gate_and_marking_again_changes_them() {
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.lanes, gate.rate_per_sec, gate.max_active, gate.claim_window_secs), (2, 25.0, 100, 60));
    assert_eq!(desk.corner.kafka.partitions(&admission::contract::line_topic("s")).await.expect("asked"), 2);
    assert!(catalog::contract::show(&desk.corner.pool, "s").await.expect("asked").expect("show").high_traffic);

    let wish = json!({"lanes": 8, "rate_per_sec": 50.0, "max_active": 200, "claim_window_secs": 90});
    let path = "/v1/admin/shows/s/high-traffic";
    let again = desk.api("PUT", path, Some(&token), Some(wish.clone())).await.json();
    assert_eq!((&again["had_room"], &again["room"]["lanes"]), (&json!(true), &json!(2)), "lanes stay");
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.lanes, gate.rate_per_sec, gate.max_active), (2, 50.0, 200));

    assert_eq!(desk.api("PUT", "/v1/admin/shows/no/high-traffic", Some(&token), Some(wish)).await.id(), "show-unknown");
    for bad in [
        json!({"lanes": 0, "rate_per_sec": 1.0, "max_active": 1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": -1.0, "max_active": 1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": 1.0, "max_active": -1, "claim_window_secs": 1}),
        json!({"lanes": 1, "rate_per_sec": 1.0, "max_active": 1, "claim_window_secs": 0}),
    ] {
        let refused = desk.api("PUT", path, Some(&token), Some(bad)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    }
    assert_eq!(desk.api("DELETE", path, Some(&token), None).await.status, StatusCode::NO_CONTENT);
    assert!(!catalog::contract::show(&desk.corner.pool, "s").await.expect("asked").expect("show").high_traffic);
    let log = desk.log(&token).await;
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
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    let path = "/v1/admin/rooms/s";
    let change = json!({"phase": "open", "rate_per_sec": 40.0, "message": "Soon."});
    let changed = desk.api("PATCH", path, Some(&token), Some(change)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(
        (&changed.json()["before"]["phase"], &changed.json()["after"]["phase"]),
        (&json!("scheduled"), &json!("open"))
    );
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.rate_per_sec, gate.state), (40.0, admission::contract::GateState::Running));
    let entries = desk.log(&token).await.len();
    for (body, status, id) in [
        (json!({"phase": "scheduled", "rate_per_sec": 1.0}), 409, "phase-cannot-follow"),
        (json!({"rate_per_sec": -1.0}), 422, "invalid-field"),
        (json!({"claim_window_secs": 0}), 422, "invalid-field"),
        (json!({"speed": 1}), 422, "invalid-field"),
    ] {
        let refused = desk.api("PATCH", path, Some(&token), Some(body)).await;
        assert_eq!((refused.status.as_u16(), refused.id().as_str()), (status, id), "{}", refused.text);
    }
    assert_eq!(desk.api("PATCH", "/v1/admin/rooms/no", Some(&token), Some(json!({}))).await.id(), "room-unknown");
    // Changing nothing is no deed.
    desk.api("PATCH", path, Some(&token), Some(json!({"rate_per_sec": 40.0}))).await;
    assert_eq!(desk.log(&token).await.len(), entries);
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.rate_per_sec, 40.0);
    assert_eq!(desk.log(&token).await[0]["before"]["rate_per_sec"], 25.0);
    assert_eq!(desk.log(&token).await[0]["after"]["rate_per_sec"], 40.0);
}

#[tokio::test]
async fn a_page_shows_the_effect_before_a_change_is_made() {
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    let room = desk.get("/admin/rooms/s", &cookie).await;
    assert_eq!(room.status, StatusCode::OK);
    assert!(!room.text.contains("style=") && !room.text.contains("<script>"), "the policy forbids both");
    let preview = desk.get("/admin/rooms/s/change?phase=open&rate_per_sec=50", &cookie).await;
    assert!(preview.text.contains("The room opens. Nobody is waiting."), "{}", preview.text);
    let (csrf, seen) = (preview.hidden("csrf"), preview.hidden("seen"));
    let fields = [("csrf", csrf.as_str()), ("seen", seen.as_str()), ("phase", "open"), ("rate_per_sec", "50")];
    let made_up = [("csrf", "made-up"), fields[1], fields[2], fields[3]];
    assert_eq!(desk.post("/admin/rooms/s/change", &cookie, &made_up).await.status, StatusCode::FORBIDDEN);
    // Somebody else was quicker: the effect is shown anew, and nothing is changed.
    desk.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"max_active": 7}))).await;
    let again = desk.post("/admin/rooms/s/change", &cookie, &fields).await;
    assert!(again.text.contains("The room was changed since you looked"), "{}", again.text);
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.rate_per_sec, 25.0);
    let seen = again.hidden("seen");
    let done = desk.post("/admin/rooms/s/change", &cookie, &[fields[0], ("seen", &seen), fields[2], fields[3]]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/admin/rooms/s?done=1"));
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!((gate.rate_per_sec, gate.max_active), (50.0, 7));
    let api = desk.api("GET", "/v1/admin/rooms/s/preview?phase=closed", Some(&token), None).await.json();
    assert!(api["effects"][0].as_str().expect("words").starts_with("This cannot be undone."));
}

/// Publishes heads as a controller does.
async fn publish_heads(desk: &Desk, heads: Value) {
    use rdkafka::producer::FutureRecord;
    let bounds = kit::kafka::ProducerBounds { queue_messages_max: 100, delivery_ms_max: 10_000, linger_ms: 0 };
    let producer = desk.corner.kafka.producer(bounds).expect("producer");
    let moved = json!({"room": "s", "at": Utc::now(), "claim_until": Utc::now(), "rate_per_sec": 1.0, "heads": heads});
    let (topic, payload) = (desk.corner.kafka.name(admission::contract::HEADS_TOPIC), moved.to_string());
    let record = FutureRecord::to(&topic).key("s").partition(0).payload(&payload);
    producer.send(record, Duration::from_secs(10)).await.map_err(|(error, _)| error).expect("published");
}

#[tokio::test]
async fn figures_follow_the_heads_and_come_as_a_stream_that_ends_with_the_server() {
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    let heads = json!([{"lane": 0, "head": 3, "tail": 10}, {"lane": 1, "head": 2, "tail": 5}]);
    publish_heads(&desk, heads).await;
    // A record that is read late does not take a head back.
    publish_heads(&desk, json!([{"lane": 0, "head": 1, "tail": 4}])).await;
    let room = until("figures", || async {
        let rooms = desk.api("GET", "/v1/admin/rooms", Some(&token), None).await.json();
        rooms["rooms"].as_array().and_then(|rooms| rooms.iter().find(|room| room["waiting"] == 10).cloned())
    })
    .await;
    assert_eq!((&room["admitted"], &room["no_shows"], &room["active"]), (&json!(5), &json!(5), &json!(0)));
    assert_eq!(
        room["lane_figures"][0],
        json!({"lane": 0, "waiting": 7, "head": 3, "tail": 10,
        "inflow_per_sec": room["lane_figures"][0]["inflow_per_sec"], "admitted_per_sec": room["lane_figures"][0]["admitted_per_sec"]})
    );
    let page = desk.get("/admin", &format!("fg_admin={token}")).await;
    assert!(page.text.contains("<td class=\"num\" data-value=\"waiting\">10</td>"), "{}", page.text);

    use tower::ServiceExt;
    let request =
        Request::builder().uri("/v1/admin/rooms/stream").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response =
        desk.router.clone().oneshot(request.body(Body::empty()).expect("request")).await.expect("infallible");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    for _ in 0..2 {
        let chunk = tokio::time::timeout(Duration::from_secs(10), body.next()).await.expect("in time").expect("more");
        let text = String::from_utf8(chunk.expect("chunk").to_vec()).expect("text");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
        assert!(text.contains("event: rooms"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(data).expect("json")[0]["waiting"], 10);
    }
    desk.tasks.draining().cancel();
    let ended = async { while body.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("the stream ends");
    assert_eq!(desk.api("GET", "/v1/admin/rooms/stream", None, None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.get("/admin/stream", "").await.location(), "/admin/sign-in");
}
