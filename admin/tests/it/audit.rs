//! The log is added to and never changed.

use serde_json::json;
use waitroom::contract::RoomChange;

use crate::desk::Desk;

#[tokio::test]
async fn entries_cannot_be_changed_or_taken_away() {
    let (desk, token) = Desk::with_admin().await;
    let before = desk.log(&token).await;
    assert!(!before.is_empty());
    for statement in ["UPDATE admin.audit SET who = 'somebody else'", "DELETE FROM admin.audit", "TRUNCATE admin.audit"]
    {
        let error = sqlx::query(statement).execute(&desk.corner.pool).await.expect_err("refused");
        assert_eq!(kit::postgres::violated_constraint(&error), Some("audit_append_only"), "{statement}");
    }
    assert_eq!(desk.log(&token).await, before);
}

#[tokio::test]
async fn the_log_names_who_did_what_and_can_be_searched() {
    let (desk, token) = Desk::with_admin().await;
    let operator = desk.operator(&token).await;
    desk.put_room(&token, "s").await;
    desk.api("PATCH", "/v1/admin/rooms/s", Some(&operator), Some(json!({"max_active": 5}))).await;
    let entry = &desk.log(&token).await[0];
    assert_eq!(
        (&entry["who"], &entry["action"], &entry["target"]),
        (&json!("olga@example.org"), &json!("room.change"), &json!("room s"))
    );
    assert!(entry["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    for (query, found) in [("who=OLGA", 3), ("who=olga&target=room", 1), ("target=show%20s", 1), ("who=zoe", 0)] {
        let answer = desk.api("GET", &format!("/v1/admin/audit?{query}"), Some(&token), None).await.json();
        assert_eq!(answer["entries"].as_array().map(Vec::len), Some(found), "{query}: {answer}");
    }
    let older = format!("/v1/admin/audit?before={}", entry["id"]);
    let answer = desk.api("GET", &older, Some(&token), None).await.json();
    assert!(
        answer["entries"].as_array().expect("entries").iter().all(|older| older["id"].as_i64() < entry["id"].as_i64())
    );
}

#[tokio::test]
async fn a_change_that_cannot_be_logged_is_not_made() {
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    // Without the log there is nothing to write the entry to.
    sqlx::query("ALTER TABLE admin.audit RENAME TO away").execute(&desk.corner.pool).await.expect("renamed");
    let refused = desk.api("PATCH", "/v1/admin/rooms/s", Some(&token), Some(json!({"max_active": 5}))).await;
    assert_eq!(refused.status.as_u16(), 500);
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.max_active, 100);
}

#[tokio::test]
async fn steering_from_a_shell_stands_in_the_log_or_is_not_done() {
    let (desk, token) = Desk::with_admin().await;
    desk.put_room(&token, "s").await;
    let steer = async |max_active| {
        let change = RoomChange { max_active: Some(max_active), ..RoomChange::default() };
        admin::contract::change_room(&desk.corner.pool, "deploy", "s", &change).await
    };
    steer(7).await.expect("changed");
    let entry = &desk.log(&token).await[0];
    assert_eq!(
        (&entry["who"], &entry["action"], &entry["target"]),
        (&json!("command line (deploy)"), &json!("room.change"), &json!("room s"))
    );
    assert_eq!((&entry["before"]["max_active"], &entry["after"]["max_active"]), (&json!(100), &json!(7)));
    let refused = steer(-1).await.expect_err("no cap");
    assert!(format!("{refused:#}").contains("max_active"), "{refused:#}");

    sqlx::query("ALTER TABLE admin.audit RENAME TO away").execute(&desk.corner.pool).await.expect("renamed");
    assert!(steer(8).await.is_err());
    let gate = admission::contract::gate(&desk.corner.pool, "s").await.expect("asked").expect("gate");
    assert_eq!(gate.max_active, 7);
}
