//! All that other crates may use of notifications.

/// Kafka consumer groups that turn events into letters, of `orders.events` and of `support.events`.
pub const GROUPS: [&str; 2] = ["notifications.orders", "notifications.support"];
