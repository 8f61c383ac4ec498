//! A show that has begun: nothing is sold any more, and what was ordered before can still be paid.

use checkout::contract::OrderState;
use serde_json::json;

use crate::{
    refunds::{ask, reaches},
    test_checkout::{Plan, SHOW, TestCheckout},
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_once_the_show_has_begun_and_an_order_placed_before_can_be_paid() {
    let checkout = TestCheckout::new().await;
    let (placed, order) = checkout.bought(&[2]).await;
    let holder = checkout.session().await;
    let hold = checkout.hold(&holder, "h", &[1]).await.ok(201).text_of("hold");
    checkout.begin_show().await;

    let pass = checkout.pass("harbour-lights.0.1");
    assert_eq!(checkout.redeem(&pass).await.ok(409).problem(), "show-begun");
    assert_eq!(checkout.hold(&holder, "h2", &[1]).await.ok(409).problem(), "show-begun");
    assert_eq!(checkout.order(&holder, "o", &hold).await.ok(409).problem(), "show-begun");
    // A repeat of what was placed before finds it, and it is paid.
    let first =
        checkout.call(axum::http::Method::GET, order.location(), &placed, "", None).await.ok(200);
    assert_eq!(first.body["order"], order.body["order"]);
    checkout.pay(&placed, &order).await;
    assert_eq!(checkout.committed().await, 2);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_after_the_show_began_is_not_on_sale() {
    let checkout = TestCheckout::with(Plan { stock: vec![(4, 1)], ..Plan::default() }).await;
    let (session, order) = checkout.bought(&[4]).await;
    checkout.pay(&session, &order).await;
    let other = checkout.session().await;
    checkout.begin_show().await;
    let order = order.text_of("order").parse().unwrap();
    ask(&checkout, order).await;
    reaches(&checkout, order, OrderState::Refunded).await;
    assert_eq!((checkout.committed().await, checkout.free().await), (0, 4));

    let path = format!("/v1/shows/{SHOW}/availability");
    let left = checkout.get(&path, "").await.ok(200).body["ticket_types"][0].clone();
    assert_eq!((&left["status"], &left["about_left"]), (&json!("begun"), &json!(0)));
    assert_eq!(checkout.hold(&other, "h", &[1]).await.problem(), "show-begun");
    checkout.check().await;
}
