//! The log is added to and never changed.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use tower::ServiceExt;
use waitroom::contract::RoomChange;

use crate::test_console::{ADMIN, TestConsole};

#[tokio::test]
async fn entries_cannot_be_changed_or_taken_away() {
    let (console, token) = TestConsole::with_admin().await;
    let before = console.log(&token).await;
    assert!(!before.is_empty());
    for statement in [
        "UPDATE admin.audit SET who = 'somebody else'",
        "DELETE FROM admin.audit",
        "TRUNCATE admin.audit",
    ] {
        let error =
            sqlx::query(statement).execute(&console.test_env.pool).await.expect_err("refused");
        assert_eq!(
            kit::postgres::violated_constraint(&error),
            Some("audit_append_only"),
            "{statement}"
        );
    }
    assert_eq!(console.log(&token).await, before);
}

#[tokio::test]
async fn the_log_names_who_did_what_and_can_be_searched() {
    let (console, token) = TestConsole::with_admin().await;
    let operator = console.operator(&token).await;
    console.put_room(&token, "s").await;
    console
        .api("PATCH", "/v1/admin/rooms/s", Some(&operator), Some(json!({"max_active": 5})))
        .await;
    let entry = &console.log(&token).await[0];
    assert_eq!(
        (&entry["who"], &entry["action"], &entry["target"]),
        (&json!("olga@example.org"), &json!("room.change"), &json!("room s"))
    );
    assert!(entry["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    for (query, found) in
        [("who=OLGA", 3), ("who=olga&target=room", 1), ("target=show%20s", 1), ("who=zoe", 0)]
    {
        let answer =
            console.api("GET", &format!("/v1/admin/audit?{query}"), Some(&token), None).await.body;
        assert_eq!(answer["entries"].as_array().map(Vec::len), Some(found), "{query}: {answer}");
    }
    let older = format!("/v1/admin/audit?before={}", entry["id"]);
    let answer = console.api("GET", &older, Some(&token), None).await.body;
    assert!(
        answer["entries"]
            .as_array()
            .expect("entries")
            .iter()
            .all(|older| older["id"].as_i64() < entry["id"].as_i64())
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_logged_is_not_made() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    // Without the log there is nothing to write the entry to.
    sqlx::query("ALTER TABLE admin.audit RENAME TO away")
        .execute(&console.test_env.pool)
        .await
        .expect("renamed");
    let refused = console
        .api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"max_active": 5})))
        .await;
    assert_eq!(refused.status.as_u16(), 500);
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.max_active, 100);
}

#[tokio::test]
async fn steering_from_a_shell_stands_in_the_log_or_is_not_done() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let steer = async |max_active| {
        let change = RoomChange { max_active: Some(max_active), ..RoomChange::default() };
        admin::contract::change_room(&console.test_env.pool, "deploy", "s", &change).await
    };
    steer(7).await.expect("changed");
    let entry = &console.log(&token).await[0];
    assert_eq!(
        (&entry["who"], &entry["action"], &entry["target"]),
        (&json!("command line (deploy)"), &json!("room.change"), &json!("room s"))
    );
    assert_eq!(
        (&entry["before"]["max_active"], &entry["after"]["max_active"]),
        (&json!(100), &json!(7))
    );
    let refused = steer(-1).await.expect_err("no cap");
    assert!(format!("{refused:#}").contains("max_active"), "{refused:#}");

    sqlx::query("ALTER TABLE admin.audit RENAME TO away")
        .execute(&console.test_env.pool)
        .await
        .expect("renamed");
    assert!(steer(8).await.is_err());
    let gate =
        admission::contract::gate(&console.test_env.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.max_active, 7);
}

#[tokio::test]
async fn entries_have_the_network_and_an_id_that_the_caller_did_not_choose() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let client = console.client();
    let call = client.call(Method::PATCH, "/v1/admin/rooms/s").bearer(&token);
    let call = call.header("x-forwarded-for", "2001:db8:1:2:3::4");
    let call = call.header("x-request-id", "somebody-elses");
    let answer = call.json(&json!({"max_active": 5})).send().await;
    let id = answer.headers["x-request-id"].to_str().expect("text");
    let entry = &console.log(&token).await[0];
    assert_eq!(
        (&entry["action"], &entry["network"]),
        (&json!("room.change"), &json!("2001:db8:1:2::/64"))
    );
    assert_eq!(entry["request_id"], id);
    assert!(id != "somebody-elses" && id.parse::<uuid::Uuid>().is_ok(), "{id}");
    let page = console.get("/admin/audit", &format!("fg_admin={token}")).await;
    assert!(page.text.contains("2001:db8:1:2::/64") && page.text.contains(id), "{}", page.text);

    let change = RoomChange { max_active: Some(7), ..RoomChange::default() };
    admin::contract::change_room(&console.test_env.pool, "deploy", "s", &change)
        .await
        .expect("changed");
    assert_eq!(console.log(&token).await[0]["network"], Value::Null, "a shell is no network");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_networks_does_not_make_the_security_log_grow_without_end() {
    let (console, _) = TestConsole::with_admin().await;
    let fill = "INSERT INTO admin.security_log (hour, kind, network, account)
        SELECT date_trunc('hour', now(), 'UTC'), 'sign_in.refused', 'n' || number, '' FROM \
        generate_series(1, 499) number";
    sqlx::query(fill).execute(&console.test_env.pool).await.expect("rows");
    let fail_from = async |address: &str| {
        let request = Request::post("/v1/admin/sessions")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", address)
            .body(Body::from(json!({"email": ADMIN, "password": "a wrong guess"}).to_string()));
        console.router.clone().oneshot(request.expect("a request")).await.expect("infallible")
    };
    for address in ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.1"] {
        assert_eq!(fail_from(address).await.status(), 401);
    }
    let mut seen = console.failures().await;
    seen.retain(|row| !row.1.starts_with('n'));
    let row = |network: &str, times| {
        ("sign_in.refused".to_owned(), network.to_owned(), ADMIN.to_owned(), times)
    };
    assert_eq!(seen, [row("198.51.100.1", 2), row("others", 2)]);
}
