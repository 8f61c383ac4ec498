//! Fans and admins about an order: the thread, its bound, the event, the refund.

use admin::contract::{SUPPORT_TOPIC, SupportEvent};
use axum::http::StatusCode;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    desk::{Desk, until},
    props::{put_order, put_reseller, support_path},
};

#[tokio::test]
async fn a_fan_writes_and_is_answered_and_the_event_goes_out_once() {
    let (desk, token) = Desk::with_admin().await;
    let order = put_order(&desk, "fulfilled").await;
    let path = support_path(&desk, order);
    let other = support_path(&desk, Uuid::now_v7());
    let foreign_key = format!("/support/{order}?{}", other.split_once('?').expect("query").1);
    for stranger in [format!("/support/{order}"), format!("/support/{order}?key=made-up"), foreign_key] {
        assert_eq!(desk.get(&stranger, "").await.status, StatusCode::NOT_FOUND, "{stranger}");
        let posted = desk.post(&stranger, "", &[("topic", "other"), ("text", "Hello")]).await;
        assert_eq!(posted.status, StatusCode::NOT_FOUND);
    }
    let page = desk.get(&path, "").await;
    assert!(page.text.contains("€50.00") && !page.text.contains("fay@example.org"), "{}", page.text);
    let empty = desk.post(&path, "", &[("topic", "refund"), ("text", " ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = desk.post(&path, "", &[("topic", "refund"), ("text", "I am ill.\r\n<b>Sorry</b>")]).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    desk.post(&path, "", &[("topic", "other"), ("text", "Hello?")]).await;
    let tickets = desk.api("GET", "/v1/admin/support?state=open", Some(&token), None).await.json();
    assert_eq!(tickets["tickets"].as_array().map(Vec::len), Some(1), "one conversation an order");
    let ticket = tickets["tickets"][0]["ticket"].as_str().expect("id").to_owned();

    let answers = format!("/v1/admin/support/{ticket}/answers");
    let answered = desk.api("POST", &answers, Some(&token), Some(json!({"text": "Get well soon."}))).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
    let message: Uuid = answered.json()["message"].as_str().expect("id").parse().expect("uuid");
    let kept = admin::contract::answer(&desk.corner.pool, message).await.expect("asked").expect("answer");
    assert_eq!((kept.order, kept.text.as_str()), (order, "Get well soon."));
    let page = desk.get(&path, "").await.text;
    assert!(page.contains("Get well soon.") && page.contains("&#60;b&#62;Sorry"), "{page}");

    let event = next_event(&desk).await;
    let SupportEvent::Answered { ticket: told, message: of, order: about, .. } = event;
    assert_eq!((told.to_string(), of, about), (ticket.clone(), message, order));
    until("an empty outbox", || async {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM admin.outbox").fetch_one(&desk.corner.pool).await.expect("count");
        (left == 0).then_some(())
    })
    .await;

    let cookie = format!("fg_admin={token}");
    for path in ["/admin/support".to_owned(), format!("/admin/support/{ticket}")] {
        assert_eq!(desk.get(&path, &cookie).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(
        desk.api("DELETE", &format!("/v1/admin/support/{ticket}"), Some(&token), None).await.status,
        StatusCode::NO_CONTENT
    );
    desk.post(&path, "", &[("topic", "other"), ("text", "One more thing")]).await;
    let open = desk.api("GET", "/v1/admin/support?state=open", Some(&token), None).await.json();
    assert_ne!(open["tickets"][0]["ticket"], json!(ticket), "a closed ticket stays closed");
}

async fn next_event(desk: &Desk) -> SupportEvent {
    let kafka = &desk.corner.kafka;
    until("the topic", || async { (kafka.partitions(SUPPORT_TOPIC).await.ok()? == 2).then_some(()) }).await;
    let reader: StreamConsumer<kit::kafka::ReaderContext> = kafka.reader().expect("reader");
    let mut list = TopicPartitionList::new();
    for partition in 0..2 {
        list.add_partition_offset(&kafka.name(SUPPORT_TOPIC), partition, Offset::Beginning).expect("partition");
    }
    reader.assign(&list).expect("assigned");
    let read = async {
        loop {
            if let Ok(message) = reader.recv().await {
                return serde_json::from_slice(message.payload().unwrap_or_default()).expect("an event");
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), read).await.expect("an event in time")
}

#[tokio::test]
async fn a_fan_writes_twenty_messages_and_no_more_before_an_answer() {
    let (desk, _) = Desk::with_admin().await;
    let path = support_path(&desk, put_order(&desk, "fulfilled").await);
    for number in 0..20 {
        let sent = desk.post(&path, "", &[("topic", "other"), ("text", &format!("Message {number}"))]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{number}");
    }
    let refused = desk.post(&path, "", &[("topic", "other"), ("text", "One more")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("This conversation is full"), "{}", refused.text);
}

#[tokio::test]
async fn a_refund_is_shown_first_asked_for_once_and_logged() {
    let (desk, token) = Desk::with_admin().await;
    let order = put_order(&desk, "fulfilled").await;
    desk.post(&support_path(&desk, order), "", &[("topic", "refund"), ("text", "Please")]).await;
    let tickets = desk.api("GET", "/v1/admin/support", Some(&token), None).await.json();
    let page = format!("/admin/support/{}/refund", tickets["tickets"][0]["ticket"].as_str().expect("id"));
    let cookie = format!("fg_admin={token}");
    let preview = desk.get(&page, &cookie).await;
    assert!(preview.text.contains("€50.00 goes back to whoever paid"), "{}", preview.text);
    let csrf = preview.hidden("csrf");
    let without = desk.post(&page, &cookie, &[("csrf", &csrf), ("reason", "")]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        desk.post(&page, &cookie, &[("csrf", "made-up"), ("reason", "ill")]).await.status,
        StatusCode::FORBIDDEN
    );
    let asked = desk.post(&page, &cookie, &[("csrf", &csrf), ("reason", "ill")]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.text);
    let api = format!("/v1/admin/orders/{order}/refund");
    let again = desk.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await;
    assert_eq!((again.status, again.json()["state"].as_str()), (StatusCode::ACCEPTED, Some("already_asked")));
    let log = desk.log(&token).await;
    let refunds: Vec<_> = log.iter().filter(|entry| entry["action"] == "order.refund").collect();
    assert_eq!((refunds.len(), &refunds[0]["after"]["reason"]), (1, &json!("ill")));

    let unpaid = put_order(&desk, "expired").await;
    let api = format!("/v1/admin/orders/{unpaid}/refund");
    let refused = desk.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await;
    assert_eq!(refused.id(), "order-not-refundable");
    let api = format!("/v1/admin/orders/{}/refund", Uuid::now_v7());
    assert_eq!(desk.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await.id(), "order-unknown");
}

#[tokio::test]
async fn resellers_are_decided_about_with_a_reason() {
    let (desk, token) = Desk::with_admin().await;
    let id = put_reseller(&desk, "Nordlys").await;
    let cookie = format!("fg_admin={token}");
    assert!(desk.get("/admin/resellers", &cookie).await.text.contains("Nordlys"));
    let preview = desk.get(&format!("/admin/resellers/{id}/declined"), &cookie).await;
    let csrf = preview.hidden("csrf");
    let path = format!("/admin/resellers/{id}/declined");
    assert_eq!(desk.post(&path, &cookie, &[("csrf", &csrf)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = desk.post(&path, &cookie, &[("csrf", &csrf), ("reason", "Tell us more")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let api = format!("/v1/admin/resellers/{id}");
    let approved = desk.api("PATCH", &api, Some(&token), Some(json!({"state": "approved"}))).await.json();
    assert_eq!(approved["state"], "approved");
    let log = desk.log(&token).await;
    assert_eq!((&log[0]["before"]["state"], &log[0]["after"]["state"]), (&json!("declined"), &json!("approved")));
    assert_eq!((&log[1]["before"]["state"], &log[1]["after"]["reason"]), (&json!("pending"), &json!("Tell us more")));
}
