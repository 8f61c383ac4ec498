//! Orders to test with, made the way fans make them.

use catalog::contract::TicketType;
use checkout::contract::{RefundAsked, request_refund};
use kit::http::RequestId;
use serde_json::json;
use uuid::Uuid;

use crate::{Checkout, Reply, items};

/// One ticket for somebody who reads English.
#[derive(Debug, Clone)]
pub struct OrderBuilder {
    tickets: i32,
    name: String,
    email: String,
    language: Option<String>,
}

/// An order in a checkout.
#[derive(Debug, Clone)]
pub struct TestOrder {
    pub order: Uuid,
    /// The token of the session that it was made in.
    pub session: String,
    pub email: String,
    /// Entry codes, once it is fulfilled.
    pub codes: Vec<String>,
    /// The order as its fan sees it.
    pub reply: Reply,
}

impl Default for OrderBuilder {
    fn default() -> Self {
        Self {
            tickets: 1,
            name: "Fay Vale".to_owned(),
            email: "fay@example.org".to_owned(),
            language: None,
        }
    }
}

impl OrderBuilder {
    pub fn tickets(mut self, tickets: i32) -> Self {
        self.tickets = tickets;
        self
    }

    pub fn buyer(mut self, name: &str, email: &str) -> Self {
        (self.name, self.email) = (name.to_owned(), email.to_owned());
        self
    }

    pub fn language(mut self, language: &str) -> Self {
        self.language = Some(language.to_owned());
        self
    }

    /// An order that waits to be paid.
    pub async fn place(&self, checkout: &Checkout, ticket_type: &TicketType) -> TestOrder {
        let (session, client) = (checkout.session().await, checkout.client());
        let call = |path: &str| client.post(path).bearer(&session).idempotency_key("once");
        let wanted = items([(ticket_type, self.tickets)]);
        let hold = call("/v1/holds").json(&wanted).send().await.ok(201).text_of("hold");
        let mut buyer = json!({ "name": self.name, "email": self.email });
        if let Some(language) = &self.language {
            buyer["language"] = json!(language);
        }
        let body = json!({ "hold": hold, "buyer": buyer });
        let reply = call("/v1/orders").json(&body).send().await.ok(201);
        TestOrder {
            order: reply.text_of("order").parse().expect("an id"),
            session,
            email: self.email.clone(),
            codes: Vec::new(),
            reply,
        }
    }

    /// An order that is paid, with its tickets.
    pub async fn fulfil(&self, checkout: &Checkout, ticket_type: &TicketType) -> TestOrder {
        let placed = self.place(checkout, ticket_type).await;
        let reply = checkout.pay(&placed.session, &placed.reply).await;
        let tickets = reply.body["tickets"].as_array().expect("tickets");
        let codes =
            tickets.iter().map(|ticket| ticket["code"].as_str().expect("a code").to_owned());
        TestOrder { codes: codes.collect(), reply, ..placed }
    }
}

impl TestOrder {
    /// Gives it up, before it was paid.
    pub async fn cancel(&self, checkout: &Checkout) {
        let path = format!("/v1/orders/{}", self.order);
        checkout.client().delete(&path).bearer(&self.session).send().await.ok(200);
    }

    /// Asks for its money back, as an admin does.
    pub async fn ask_refund(&self, checkout: &Checkout) {
        let mut tx = checkout.app.pool.begin().await.expect("a transaction");
        let asked =
            request_refund(&mut tx, self.order, "The show was moved.", &RequestId::fresh()).await;
        assert_eq!(asked.expect("a database"), RefundAsked::Asked);
        tx.commit().await.expect("asked");
    }

    /// The same, and waits until it is given back.
    pub async fn refund(&self, checkout: &Checkout) {
        self.ask_refund(checkout).await;
        checkout.until(&self.session, &self.order.to_string(), "refunded").await;
    }
}
