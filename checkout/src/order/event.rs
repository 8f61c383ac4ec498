//! Where order events go.

use kit::outbox::Topic;

/// The topic of order events, keyed by the order's id.
pub const EVENTS_TOPIC: &str = "orders.events";
/// As the relay makes it.
pub const TOPIC: Topic = Topic { name: EVENTS_TOPIC, partitions: 4, retention_ms: "604800000" };
