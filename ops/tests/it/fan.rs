//! A fan's way through the system, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::test_system::{Reply, TestSystem, reply};

/// Joins a room. Gives the place ticket.
pub async fn join(system: &TestSystem, room: &str) -> String {
    reply(system.post(&format!("/v1/rooms/{room}/places"))).await.with_status(201).text_of("ticket")
}

/// Waits for the turn and claims the pass.
pub async fn claim(system: &TestSystem, room: &str, ticket: &str) -> String {
    for _ in 0..150 {
        let answer =
            reply(system.post(&format!("/v1/rooms/{room}/pass")).bearer_auth(ticket)).await;
        if answer.status == 200 {
            return answer.text_of("pass");
        }
        assert_eq!(answer.id(), "not-your-turn", "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    panic!("the turn never came");
}

/// Joins, waits and claims. Gives the pass.
pub async fn pass(system: &TestSystem, room: &str) -> String {
    let ticket = join(system, room).await;
    claim(system, room, &ticket).await
}

pub async fn redeem(system: &TestSystem, pass: &str) -> Reply {
    reply(system.post("/v1/checkout/sessions").json(&json!({ "pass": pass }))).await
}

/// Goes in from the street to a session. Gives its token.
pub async fn session(system: &TestSystem, room: &str) -> String {
    let pass = pass(system, room).await;
    redeem(system, &pass).await.with_status(201).text_of("session_token")
}

fn fresh_key() -> String {
    Uuid::new_v4().to_string()
}

/// Asks to hold tickets.
pub async fn try_hold(
    system: &TestSystem,
    session: &str,
    ticket_type: Uuid,
    quantity: i32,
) -> Reply {
    let items = json!({ "items": [{ "ticket_type": ticket_type, "quantity": quantity }] });
    reply(
        system
            .post("/v1/holds")
            .bearer_auth(session)
            .header("idempotency-key", fresh_key())
            .json(&items),
    )
    .await
}

pub fn order_body(hold: &str) -> Value {
    json!({ "hold": hold, "buyer": { "name": "Ada Example", "email": "ada@example.com" } })
}

/// An order that can be paid.
pub struct Order {
    pub order: String,
    /// Where the sandbox is told how to pay.
    pub confirm: String,
}

/// Makes a hold an order, and waits until it can be paid.
pub async fn order(system: &TestSystem, session: &str, hold: &str) -> Order {
    let ask = system.post("/v1/orders").bearer_auth(session).header("idempotency-key", fresh_key());
    let mut answer = reply(ask.json(&order_body(hold))).await;
    for _ in 0..100 {
        assert!((200..300).contains(&answer.status), "{}", answer.text);
        let order = answer.text_of("order");
        if let Some(url) = answer.body["payment"]["url"].as_str() {
            let intent = url.rsplit('/').next().expect("an intent").to_owned();
            return Order { order, confirm: format!("/sandbox/v1/intents/{intent}/confirm") };
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = reply(system.get(&format!("/v1/orders/{order}")).bearer_auth(session)).await;
    }
    panic!("the payment never started: {}", answer.text);
}

/// Pays at the sandbox.
pub async fn pay(system: &TestSystem, order: &Order) {
    let answer =
        reply(system.post(&order.confirm).json(&json!({ "method": "ok" }))).await.with_status(200);
    assert_eq!(answer.body["state"], "succeeded", "{}", answer.text);
}

/// Waits until an order is in a state. Gives it.
pub async fn await_state(system: &TestSystem, session: &str, order: &str, state: &str) -> Reply {
    for _ in 0..100 {
        let answer = reply(system.get(&format!("/v1/orders/{order}")).bearer_auth(session))
            .await
            .with_status(200);
        if answer.body["state"] == state {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    panic!("order {order} never became {state}");
}

/// From the street to tickets. Gives the order.
pub async fn buy(system: &TestSystem, room: &str, ticket_type: Uuid, quantity: i32) -> Reply {
    let session = session(system, room).await;
    let hold =
        try_hold(system, &session, ticket_type, quantity).await.with_status(201).text_of("hold");
    let order = order(system, &session, &hold).await;
    pay(system, &order).await;
    await_state(system, &session, &order.order, "fulfilled").await
}
