//! Events of `support.events`, until the relay has published them.

use kit::{http::RequestId, outbox::Outbox};
use sqlx::PgConnection;

use crate::support::SupportEvent;

pub const OUTBOX: Outbox = Outbox::of("admin.outbox");

/// Adds an event, within the transaction that makes it true.
pub async fn add(
    tx: &mut PgConnection,
    key: &str,
    event: &SupportEvent,
    request: &RequestId,
) -> sqlx::Result<()> {
    OUTBOX.add(tx, [(key.to_owned(), event, request.0.as_str())]).await
}
