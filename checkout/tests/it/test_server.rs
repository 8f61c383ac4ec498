//! A checkout and a sandbox provider behind a real listener, and the browsers of fans.

use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use catalog::contract::{NewShow, TicketType};
use chrono::Utc;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::{Checkout, CheckoutBuilder, Client, Reply, ShowBuilder, TestEnv, id};
use uuid::Uuid;

use crate::test_checkout::{SHOW, put_show_of, show_of};

const ROOM: &str = "r";
const WEBHOOKS: &str = "/v1/payments/webhooks/sandbox";

pub struct TestServer {
    pub test_env: TestEnv,
    pub floor: TicketType,
    pub balcony: TicketType,
    /// A program that calls it.
    pub client: Client,
    show: ShowBuilder,
    running: Checkout,
}

impl Deref for TestServer {
    type Target = Checkout;

    fn deref(&self) -> &Checkout {
        &self.running
    }
}

/// So many tickets of two types.
fn stocked(show: ShowBuilder, tickets: i32) -> ShowBuilder {
    let show = show.starts_at("2030-11-21T19:00:00Z".parse().expect("a time"));
    let show = show.ticket_type("Floor", 4_500).stock(tickets, 2);
    let show = show.ticket_type("Balcony", 8_500).stock(tickets, 2);
    show.with(|show| {
        for ticket_type in &mut show.ticket_types {
            "Standing, no seats".clone_into(&mut ticket_type.description);
        }
    })
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A server with settings of its own and ten tickets of each type.
    pub async fn with(changes: &[(&str, &str)]) -> Self {
        Self::stocked(changes, 10).await
    }

    pub async fn stocked(changes: &[(&str, &str)], tickets: i32) -> Self {
        Self::open(changes, tickets, None).await
    }

    /// A server that sells a reseller's show.
    pub async fn of_reseller(reseller: Uuid) -> Self {
        Self::open(&[], 10, Some(reseller)).await
    }

    async fn open(changes: &[(&str, &str)], tickets: i32, reseller: Option<Uuid>) -> Self {
        let test_env = TestEnv::new().await;
        let show = stocked(show_of(reseller), tickets);
        let [floor, balcony] =
            put_show_of(&test_env, &show, reseller).await.try_into().expect("two types");
        let mut running = CheckoutBuilder::new(SHOW).room(ROOM).max_active(100);
        for (key, value) in changes {
            running = running.setting(key, value);
        }
        let running = running.start(&test_env).await;
        let client = Client::at(&running.base);
        Self { test_env, floor, balcony, client, show, running }
    }

    /// A fresh pass for this server.
    pub fn pass(&self) -> String {
        self.pass_for(SHOW, 120)
    }

    /// A fresh pass for a show that is sold here, good for so many seconds.
    pub fn pass_for(&self, show: &str, secs: i64) -> String {
        let place = format!("{ROOM}.0.{}", Uuid::new_v4().as_u128() >> 106);
        self.passes.of_place(&place.parse().expect("a place"), &id(show), secs)
    }

    /// Puts another show on sale, with ten tickets of each type.
    pub async fn another(&self, show: &str, title: &str) -> [TicketType; 2] {
        let show = stocked(ShowBuilder::new(show).title(title), 10);
        show.put(&self.app.pool).await.try_into().expect("two types")
    }

    /// Changes the show in the catalog.
    pub async fn change_show(&self, change: impl FnOnce(&mut NewShow)) {
        self.show.clone().with(change).put_in_catalog(&self.app.pool).await;
    }

    /// Somebody with a browser who is in checkout.
    pub async fn fan(&self) -> Fan {
        let fan = self.stranger();
        let answer = fan.post("/checkout/harbour-lights/enter", &[("pass", &self.pass())]).await;
        assert_eq!(location(&answer), "/checkout/harbour-lights");
        fan
    }

    /// Somebody with a browser who is not.
    pub fn stranger(&self) -> Fan {
        Fan { client: Client::at(&self.base).browser() }
    }

    /// An order of a fan's, not paid: its id and the address of its page.
    pub async fn order(&self, fan: &Fan, quantity: i32) -> (Uuid, String) {
        fan.hold(&[(&self.floor, quantity)]).await;
        let buyer = [("name", "Mira Vale"), ("email", "mira@example.com")];
        let answer = fan.post("/checkout/harbour-lights/order", &buyer).await;
        let page = location(&answer);
        let id = page.split(['/', '?']).nth(2).and_then(|id| id.parse().ok());
        let id = id.expect("an order's address");
        self.state(id, "awaiting_payment").await;
        (id, page)
    }

    pub fn secret(&self) -> &str {
        &self.settings["FAIRGATE_PAYMENT_WEBHOOK_SECRET"]
    }

    pub async fn intent_of(&self, order: Uuid) -> String {
        sqlx::query_scalar("SELECT payment_intent FROM checkout.orders WHERE order_id = $1")
            .bind(order)
            .fetch_one(&self.app.pool)
            .await
            .expect("an intent")
    }

    /// Confirms at the sandbox provider, as a payer would.
    pub async fn confirm(&self, intent: &str, method: &str) -> Value {
        self.running.confirm(intent, method).await.body
    }

    /// Calls the sandbox provider with the merchant's key.
    pub async fn provider(&self, path: &str, key: &str, body: &Value) -> Reply {
        let call = self.client.post(path).bearer(&self.settings["FAIRGATE_SANDBOX_API_KEY"]);
        call.idempotency_key(key).json(body).send().await
    }

    /// Sends a webhook of our own making, rightly signed.
    pub async fn webhook(&self, id: &str, body: &Value) -> StatusCode {
        self.webhook_at(id, body, Utc::now().timestamp(), self.secret()).await
    }

    pub async fn webhook_at(
        &self,
        id: &str,
        body: &Value,
        timestamp: i64,
        secret: &str,
    ) -> StatusCode {
        let text = body.to_string();
        let webhook = Webhook::new(secret).expect("secret");
        let signature = webhook.sign(id, timestamp, text.as_bytes()).expect("signed");
        let call = self.client.post(WEBHOOKS).header("webhook-id", id);
        let call = call.header("webhook-timestamp", &timestamp.to_string());
        call.header("webhook-signature", &signature).body(text).send().await.status
    }

    /// Waits until an order is in a state.
    pub async fn state(&self, order: Uuid, state: &str) {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let now = self.state_now(order).await;
            if now == state {
                return;
            }
            assert!(Instant::now() < deadline, "the order is {now}, not {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn state_now(&self, order: Uuid) -> String {
        let found: Option<String> =
            sqlx::query_scalar("SELECT state FROM checkout.orders WHERE order_id = $1")
                .bind(order)
                .fetch_optional(&self.app.pool)
                .await
                .expect("a state");
        found.unwrap_or_else(|| "unwritten".to_owned())
    }

    pub async fn count(&self, sql: &'static str, order: Uuid) -> i64 {
        sqlx::query_scalar(sql).bind(order).fetch_one(&self.app.pool).await.expect("a count")
    }

    pub async fn tickets(&self, order: Uuid) -> i64 {
        self.count("SELECT count(*) FROM checkout.tickets WHERE order_id = $1", order).await
    }

    pub async fn refunds(&self, order: Uuid) -> i64 {
        self.count("SELECT count(*) FROM checkout.refunds WHERE order_id = $1", order).await
    }

    /// Lets an unpaid order's time be over.
    pub async fn overdue(&self, order: Uuid) {
        sqlx::query(
            "UPDATE checkout.orders SET expires_at = now() - interval '1 hour' WHERE order_id = $1",
        )
        .bind(order)
        .execute(&self.app.pool)
        .await
        .expect("changed");
    }
}

/// The body of a webhook.
pub fn news(kind: &str, order: Uuid, intent: &str, amount_minor: i64) -> Value {
    let fault = (kind == "payment.failed").then_some("card_declined");
    json!({
        "type": kind,
        "timestamp": Utc::now(),
        "data": { "intent": intent, "reference": order, "amount_minor": amount_minor, "currency": "EUR", "fault": fault },
    })
}

/// A fan's browser.
pub struct Fan {
    client: Client,
}

impl Fan {
    pub async fn get(&self, path: &str) -> Reply {
        self.client.get(path).send().await
    }

    /// The text of a page that is there.
    pub async fn read(&self, path: &str) -> String {
        self.client.read(path).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.client.post(path).form(form).send().await
    }

    /// Chooses tickets of the server's first show and holds them.
    pub async fn hold(&self, choice: &[(&TicketType, i32)]) {
        let answer = self.try_hold(choice).await;
        assert_eq!(location(&answer), "/checkout/harbour-lights");
    }

    pub async fn try_hold(&self, choice: &[(&TicketType, i32)]) -> Reply {
        self.choose_at("/checkout/harbour-lights", choice).await
    }

    /// Sends the form of the page at `path`, filled in.
    pub async fn choose_at(&self, path: &str, choice: &[(&TicketType, i32)]) -> Reply {
        let page = self.get(path).await.ok(200);
        let action = page.text.split("<form method=\"post\" action=\"").nth(1);
        let action = action.and_then(|rest| rest.split('"').next()).expect("a form");
        let mut form = vec![("attempt".to_owned(), page.hidden("attempt"))];
        form.extend(
            choice
                .iter()
                .map(|(kind, count)| (format!("q-{}", kind.ticket_type), count.to_string())),
        );
        let fields: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &fields).await
    }
}

/// Where an answer sends the browser.
pub fn location(answer: &Reply) -> String {
    answer.sent_to().to_owned()
}
