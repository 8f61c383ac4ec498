//! Events of `orders.events`, until the relay has published them.

use kit::{http::RequestId, outbox::Outbox};
use sqlx::PgConnection;

use crate::order::event::OrderEvent;

pub const OUTBOX: Outbox = Outbox::of("checkout.outbox");

/// Adds an event within the caller's transaction.
pub async fn add(
    tx: &mut PgConnection,
    event: &OrderEvent,
    request: &RequestId,
) -> sqlx::Result<()> {
    OUTBOX.add(tx, [(event.data().order.to_string(), event, request.0.as_str())]).await
}

/// Adds events with the ids of the requests that caused them, in this order.
pub async fn add_all(tx: &mut PgConnection, events: &[(OrderEvent, String)]) -> sqlx::Result<()> {
    let keyed = events
        .iter()
        .map(|(event, request)| (event.data().order.to_string(), event, request.as_str()));
    OUTBOX.add(tx, keyed).await
}
