//! A show that has begun: nothing is sold any more, and what was ordered before can still be paid.

use checkout::contract::State;
use serde_json::json;

use crate::{
    refunds::{ask, reaches},
    test_checkout::{Plan, SHOW, TestCheckout},
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_once_the_show_has_begun_and_an_order_placed_before_can_be_paid() {
    let stage = TestCheckout::new().await;
    let (placed, order) = stage.bought(&[2]).await;
    let holder = stage.session().await;
    let hold = stage.hold(&holder, "h", &[1]).await.ok(201).text("hold");
    stage.begin_show().await;

    let pass = stage.pass("harbour-lights.0.1");
    assert_eq!(stage.redeem(&pass).await.ok(409).problem(), "show-begun");
    assert_eq!(stage.hold(&holder, "h2", &[1]).await.ok(409).problem(), "show-begun");
    assert_eq!(stage.order(&holder, "o", &hold).await.ok(409).problem(), "show-begun");
    // A repeat of what was placed before finds it, and it is paid.
    let first = stage
        .call(axum::http::Method::GET, &order.location.clone().unwrap(), &placed, "", None)
        .await
        .ok(200);
    assert_eq!(first.body["order"], order.body["order"]);
    stage.pay(&placed, &order).await;
    assert_eq!(stage.committed().await, 2);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_after_the_show_began_is_not_on_sale() {
    let stage = TestCheckout::with(Plan { stock: vec![(4, 1)], ..Plan::default() }).await;
    let (session, order) = stage.bought(&[4]).await;
    stage.pay(&session, &order).await;
    let other = stage.session().await;
    stage.begin_show().await;
    let order = order.text("order").parse().unwrap();
    ask(&stage, order).await;
    reaches(&stage, order, State::Refunded).await;
    assert_eq!((stage.committed().await, stage.free().await), (0, 4));

    let path = format!("/v1/shows/{SHOW}/availability");
    let left = stage.get(&path, "").await.ok(200).body["ticket_types"][0].clone();
    assert_eq!((&left["status"], &left["about_left"]), (&json!("sale_ended"), &json!(0)));
    assert_eq!(stage.hold(&other, "h", &[1]).await.problem(), "show-begun");
    stage.check().await;
}
