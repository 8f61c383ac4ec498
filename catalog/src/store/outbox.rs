//! Events of `catalog.events`, until the relay has published them.

use kit::{http::RequestId, outbox::Outbox};
use sqlx::PgConnection;

use crate::event::CatalogEvent;

pub const OUTBOX: Outbox = Outbox::of("catalog.outbox");

/// Adds events in this order. Whoever adds must hold the show's lock: it makes the order of ids the
/// order of commits.
pub async fn add(
    tx: &mut PgConnection,
    events: &[CatalogEvent],
    request: &RequestId,
) -> sqlx::Result<()> {
    let keyed = events.iter().map(|event| (event.show().to_string(), event, request.0.as_str()));
    OUTBOX.add(tx, keyed).await
}
