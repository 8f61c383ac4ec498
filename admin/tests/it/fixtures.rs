//! Things of other crates that the console works on.

use checkout::contract::{LinkHolder, new_order_link};
use uuid::Uuid;

use crate::test_console::TestConsole;

/// An order of show `s` as the writer leaves it, in `state`.
pub async fn put_order(console: &TestConsole, state: &str) -> Uuid {
    let order = Uuid::now_v7();
    console.put_show("s").await;
    sqlx::query(
        "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
            amount_minor, currency, buyer_name,
             buyer_email, home_partition, placed_at, expires_at, paid_at)
         VALUES ($1, $2, 's', $3, $4, '', 5000, 'EUR', 'Fay', 'fay@example.org', 0, now(), now(), \
         now())",
    )
    .bind(order)
    .bind(Uuid::now_v7())
    .bind(Uuid::now_v7())
    .bind(state)
    .execute(&console.test_env.pool)
    .await
    .expect("order");
    let kind = catalog::contract::ticket_types(&console.test_env.pool, "s").await.expect("types")
        [0]
    .ticket_type;
    sqlx::query(
        "INSERT INTO checkout.order_lines (order_id, ticket_type, shard, quantity, \
            unit_price_minor) VALUES ($1, $2, 0, 1, 5000)",
    )
    .bind(order)
    .bind(kind)
    .execute(&console.test_env.pool)
    .await
    .expect("line");
    order
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
    let order = put_order(console, "fulfilled").await;
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
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO reseller.resellers (reseller, name, about) VALUES ($1, $2, 'Small halls')",
    )
    .bind(id)
    .bind(name)
    .execute(&console.test_env.pool)
    .await
    .expect("reseller");
    sqlx::query(
        "INSERT INTO reseller.users (user_id, reseller, email, name, password_hash) VALUES ($1, \
            $2, $3, 'Nils', 'x')",
    )
    .bind(Uuid::now_v7())
    .bind(id)
    .bind(format!("{id}@example.org"))
    .execute(&console.test_env.pool)
    .await
    .expect("user");
    id
}
