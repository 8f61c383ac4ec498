//! Things of other crates that the console works on.

use checkout::contract::{LinkHolder, new_order_link};
use testkit::{OrderBuilder, Refunds, ResellerBuilder, TestOrder};
use uuid::Uuid;

use crate::test_console::TestConsole;

/// A paid order of show `s` with its ticket. Its provider gives no money back until it is told to,
/// so that what was asked for stays asked for.
pub async fn put_order(console: &TestConsole) -> TestOrder {
    let (checkout, ticket_type) = console.checkout().await;
    checkout.set_refunds(Refunds::Unanswered);
    OrderBuilder::default().fulfil(checkout, ticket_type).await
}

/// An order that was given up.
pub async fn put_cancelled_order(console: &TestConsole) -> Uuid {
    let (checkout, ticket_type) = console.checkout().await;
    let order = OrderBuilder::default().place(checkout, ticket_type).await;
    order.cancel(checkout).await;
    order.order
}

/// `/support/{order}?key=…`, as the order page links to it.
pub async fn support_path(console: &TestConsole, order: Uuid) -> String {
    new_order_link(&console.test_env.pool, order, LinkHolder::Page)
        .await
        .expect("a link")
        .support_path()
}

/// An order that a fan has written about, and the ticket.
pub async fn put_ticket(console: &TestConsole) -> (Uuid, Uuid) {
    let order = put_order(console).await.order;
    let sent = console
        .post(&support_path(console, order).await, "", &[("topic", "other"), ("text", "Hello")])
        .await;
    assert!(sent.status.is_redirection(), "{}", sent.text);
    let ticket = sqlx::query_scalar("SELECT ticket FROM admin.support_tickets WHERE order_id = $1")
        .bind(order);
    (order, ticket.fetch_one(&console.test_env.pool).await.expect("ticket"))
}

/// A reseller who waits for a decision.
pub async fn put_reseller(console: &TestConsole, name: &str) -> Uuid {
    ResellerBuilder::new(name).sign_up(&console.test_env).await
}
