//! Holds are exact, run out by themselves, and can be repeated.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use futures::future::join_all;
use serde_json::json;
use tower::ServiceExt;

use crate::test_checkout::{Plan, SHOW, TestCheckout};

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_taken_and_given_back() {
    let checkout = TestCheckout::with(Plan::default()).await;
    let session = checkout.session().await;
    let hold = checkout.hold(&session, "a", &[3]).await.ok(201);
    assert_eq!(hold.body["amount_minor"], 3_000);
    assert_eq!(checkout.free().await, 97);
    let path = format!("/v1/holds/{}", hold.text_of("hold"));
    checkout.delete(&path, &session).await.ok(204);
    checkout.delete(&path, &session).await.ok(204);
    assert_eq!(checkout.free().await, 100);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_runs_out_by_itself() {
    let checkout =
        TestCheckout::with(Plan { settings: vec![("FAIRGATE_HOLD_SECS", "1")], ..Plan::default() })
            .await;
    let session = checkout.session().await;
    checkout.hold(&session, "a", &[4]).await.ok(201);
    let given_up = tokio::time::Instant::now() + Duration::from_secs(15);
    while checkout.free().await < 100 {
        assert!(tokio::time::Instant::now() < given_up, "a hold that ran out counts as free");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hold_takes_the_place_of_the_earlier() {
    let checkout = TestCheckout::with(Plan { stock: vec![(4, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    checkout.hold(&session, "a", &[3]).await.ok(201);
    checkout.hold(&session, "b", &[4]).await.ok(201);
    assert_eq!(checkout.free().await, 0);
    let other = checkout.session().await;
    assert_eq!(checkout.hold(&other, "a", &[1]).await.problem(), "sold-out");
    checkout.hold(&session, "c", &[2]).await.ok(201);
    // What cannot be had leaves the hold one has.
    checkout.hold(&other, "b", &[2]).await.ok(201);
    assert_eq!(checkout.hold(&session, "d", &[3]).await.problem(), "not-enough-left");
    assert_eq!(checkout.free().await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_was_replaced_or_given_back_makes_no_order() {
    let checkout = TestCheckout::with(Plan { stock: vec![(10, 2)], ..Plan::default() }).await;
    let session = checkout.session().await;
    let first = checkout.hold(&session, "a", &[3]).await.ok(201).text_of("hold");
    let second = checkout.hold(&session, "b", &[2]).await.ok(201).text_of("hold");
    assert_eq!(checkout.order(&session, "o", &first).await.ok(409).problem(), "hold-lost");
    checkout.delete(&format!("/v1/holds/{second}"), &session).await.ok(204);
    assert_eq!(checkout.order(&session, "p", &second).await.ok(409).problem(), "hold-lost");
    assert_eq!((checkout.committed().await, checkout.free().await), (0, 10));
    let third = checkout.hold(&session, "c", &[1]).await.ok(201).text_of("hold");
    let order = checkout.order(&session, "q", &third).await.ok(201);
    // The session has no open hold and no open order by now; what was replaced is gone for all
    // that.
    checkout.delete(order.location(), &session).await.ok(200);
    for (key, replaced) in [("r", &first), ("s", &second)] {
        assert_eq!(checkout.order(&session, key, replaced).await.ok(409).problem(), "hold-lost");
    }
    let fourth = checkout.hold(&session, "d", &[2]).await.ok(201).text_of("hold");
    let fifth = checkout.hold(&session, "e", &[1]).await.ok(201).text_of("hold");
    checkout.delete(&format!("/v1/holds/{fifth}"), &session).await.ok(204);
    assert_eq!(checkout.order(&session, "t", &fourth).await.ok(409).problem(), "hold-lost");
    assert_eq!((checkout.committed().await, checkout.free().await), (0, 10));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_spans_shards_when_it_must() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(10, 10), (3, 1)], ..Plan::default() }).await;
    let (first, second, third) =
        (checkout.session().await, checkout.session().await, checkout.session().await);
    checkout.hold(&first, "a", &[4]).await.ok(201);
    checkout.hold(&second, "a", &[4, 3]).await.ok(201);
    let refused = checkout.hold(&third, "a", &[3]).await.ok(409);
    assert_eq!(refused.problem(), "not-enough-left");
    assert_eq!(refused.body["errors"][0]["detail"], "2 left");
    // Of a hold over two types neither stays taken when the other cannot be had.
    assert_eq!(checkout.hold(&third, "b", &[2, 1]).await.problem(), "sold-out");
    checkout.hold(&third, "c", &[2]).await.ok(201);
    assert_eq!(checkout.free().await, 0);
    let order = checkout.hold(&first, "b", &[4]).await.ok(201).text_of("hold");
    let order = checkout.order(&first, "o", &order).await.ok(201);
    assert_eq!(order.body["lines"].as_array().unwrap().len(), 1, "shards are not shown");
    assert_eq!(order.body["lines"][0]["quantity"], 4);
    assert_eq!(checkout.committed().await, 4);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gives_the_same_hold_and_another_body_is_refused() {
    let checkout = TestCheckout::new().await;
    let session = checkout.session().await;
    let first = checkout.hold(&session, "k", &[2]).await.ok(201);
    assert_eq!(checkout.hold(&session, "k", &[2]).await.ok(201).body, first.body);
    let other = checkout.hold(&session, "k", &[3]).await;
    assert_eq!(
        (other.status, other.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-mismatch")
    );
    assert_eq!(checkout.free().await, 98);

    let answers = join_all((0..20).map(|_| checkout.hold(&session, "l", &[1]))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 201 || answer.problem() == "request-in-progress")
    );
    assert!(answers.iter().any(|answer| answer.status == 201));
    assert_eq!(checkout.free().await, 99);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_named() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(10, 1), (10, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    let answer = checkout.hold(&session, "a", &[1, 5]).await.ok(422);
    assert_eq!(
        (answer.problem(), &answer.body["errors"][0]["field"]),
        ("invalid-field", &json!("items[1].quantity"))
    );
    let stranger = json!({ "items": [{ "ticket_type": uuid::Uuid::new_v4(), "quantity": 1 }] });
    let answer = checkout.post("/v1/holds", &session, "b", stranger).await.ok(422);
    assert_eq!(answer.problem(), "ticket-type-unknown");
    assert_eq!(answer.body["errors"][0]["field"], "items[0].ticket_type");
    let id = checkout.types[0].ticket_type;
    let twice = json!({ "items": [{ "ticket_type": id, "quantity": 1 }, { "ticket_type": id, "quantity": 1 }] });
    assert_eq!(checkout.post("/v1/holds", &session, "c", twice).await.problem(), "invalid-field");
    assert_eq!(
        checkout.post("/v1/holds", &session, "d", json!({ "items": [] })).await.problem(),
        "invalid-field"
    );
    let answer = checkout
        .call(Method::POST, "/v1/holds", &session, "", Some(checkout.items(&[1])))
        .await
        .ok(400);
    assert_eq!(answer.problem(), "idempotency-key-needed");
    assert_eq!(checkout.delete("/v1/holds/nonsense", &session).await.problem(), "hold-malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn availability_is_rough_cacheable_and_true() {
    let checkout = TestCheckout::with(Plan {
        stock: vec![(345, 4), (4, 1)],
        writer: false,
        ..Plan::default()
    })
    .await;
    let session = checkout.session().await;
    checkout.hold(&session, "a", &[0, 4]).await.ok(201);
    let path = format!("/v1/shows/{SHOW}/availability");
    let answer = checkout.get(&path, "").await.ok(200);
    let statuses: Vec<_> = answer.body["ticket_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| &left["status"])
        .collect();
    assert_eq!(statuses, ["on_sale", "all_held"]);
    assert_eq!(answer.body["ticket_types"][0]["about_left"], 340);
    assert_eq!(checkout.get("/v1/shows/nothing/availability", "").await.problem(), "show-unknown");

    let ask = |tag: Option<String>| {
        let mut request = axum::http::Request::builder().uri(&path);
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        checkout.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap())
    };
    let response = ask(None).await.unwrap();
    assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=1");
    let tag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(ask(Some(tag)).await.unwrap().status(), StatusCode::NOT_MODIFIED);
}
