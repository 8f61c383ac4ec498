//! Replacing the links to an order that somebody else may have.

use checkout::contract::{LinksRenewed, OrderId, renew_order_links};
use kit::http::RequestId;
use serde_json::json;
use uuid::Uuid;

use crate::{App, audit::AuditEntry, error::Error, staff::Staff, store::audit::record};

/// Makes all links to an order worthless and has its buyer sent a new one by mail. Gives the
/// renewal's id.
///
/// # Errors
/// [`Error::OrderUnknown`].
pub async fn renew(
    app: &App,
    staff: &Staff,
    order: OrderId,
    request: &RequestId,
) -> Result<Uuid, Error> {
    let mut tx = app.pool.begin().await?;
    let (renewal, revoked) = match renew_order_links(&mut tx, order, request).await? {
        LinksRenewed::Renewed { renewal, revoked } => (renewal, revoked),
        LinksRenewed::Unknown => return Err(Error::OrderUnknown),
    };
    let entry = AuditEntry::new("order.link", format!("order {order}"))
        .before(json!({"links": revoked}))
        .after(json!({"links": 0, "renewal": renewal}));
    record(&mut tx, staff, request, &entry).await?;
    tx.commit().await?;
    Ok(renewal)
}
