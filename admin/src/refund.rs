//! Giving an order's money back, and what the payment provider does not give back.

use checkout::contract::{FailingRefund, OrderId, RefundAsked, failing_refunds, request_refund};
use kit::{
    http::RequestId,
    paging::{Cursor, Page},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{App, audit::AuditEntry, error::Error, staff::Staff, store::audit::record};

const REASON_CHARS_MAX: usize = 500;
const PAGE: u16 = 50;

/// What became of asking for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refunding {
    /// The money is on its way within seconds.
    Asked,
    /// Somebody asked before.
    AlreadyAsked,
}

/// Asks for an order's refund: its tickets become void and go back on sale, and its money goes back
/// through the provider.
///
/// # Errors
/// [`Error::OrderUnknown`], [`Error::NotRefundable`], [`Error::Field`] for `reason`.
pub async fn force(
    app: &App,
    staff: &Staff,
    order: OrderId,
    reason: &str,
    request: &RequestId,
) -> Result<Refunding, Error> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.contains('\0') {
        return Err(Error::field(
            "reason",
            "Give a reason of 1 to 500 characters; it stands in the log.",
        ));
    }
    let mut tx = app.pool.begin().await?;
    match request_refund(&mut tx, order, reason, request).await? {
        RefundAsked::Asked => {}
        RefundAsked::AlreadyAsked => return Ok(Refunding::AlreadyAsked),
        RefundAsked::NotRefundable(state) => return Err(Error::NotRefundable(state.to_string())),
        RefundAsked::Unknown => return Err(Error::OrderUnknown),
    }
    let entry = AuditEntry::new("order.refund", format!("order {order}"))
        .before(json!({"refund_requested": false}))
        .after(json!({"refund_requested": true, "reason": reason}));
    record(&mut tx, staff, request, &entry).await?;
    tx.commit().await?;
    Ok(Refunding::Asked)
}

/// Refunds that the provider did not do though it was asked, those that wait longest first; those
/// behind the refund of the order `after`.
///
/// # Errors
/// [`Error::Field`] where that order has none.
pub async fn failing(
    app: &App,
    after: Option<OrderId>,
) -> Result<Page<FailingRefund, OrderId>, Error> {
    let cursor = match after {
        None => None,
        Some(order) => {
            let known =
                checkout::contract::order(&app.pool, order).await?.and_then(|known| known.refund);
            let known = known
                .ok_or_else(|| Error::field("after", "Give what the last answer called `next`."))?;
            Some(Cursor { at: known.requested_at, id: order })
        }
    };
    let refunds = failing_refunds(&app.pool, cursor, PAGE.into()).await?;
    Ok(Page::full(refunds, PAGE.into(), |last| last.order))
}
