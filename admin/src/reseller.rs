//! Resellers, and deciding about them.

use catalog::contract::ResellerId;
use kit::{http::RequestId, paging::Page};
use reseller_portal::contract::{ResellerEntry, ResellerState, decide, reseller, resellers};
use serde_json::json;

use crate::{App, audit::AuditEntry, error::Error, staff::Staff, store::audit::record};

const REASON_CHARS_MAX: usize = 500;
const PAGE: u16 = 50;

/// All resellers, or those in `state`, behind `after`: who waits stands first, then the newest.
///
/// # Errors
/// The database's.
pub async fn list(
    app: &App,
    state: Option<ResellerState>,
    after: Option<ResellerId>,
) -> Result<Page<ResellerEntry, ResellerId>, Error> {
    let found = resellers(&app.pool, state, after, PAGE.into()).await?;
    Ok(Page::full(found, PAGE.into(), |last| last.reseller))
}

/// Approves, declines or suspends a reseller. Whoever is declined or suspended is told the reason.
///
/// # Errors
/// [`Error::ResellerUnknown`]; [`Error::Field`] where a reason is missing or too long.
pub async fn set_state(
    app: &App,
    staff: &Staff,
    id: ResellerId,
    (state, reason): (ResellerState, Option<&str>),
    request: &RequestId,
) -> Result<ResellerEntry, Error> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    match (state, reason) {
        (ResellerState::Pending, _) => {
            return Err(Error::field("state", "Approve, decline or suspend."));
        }
        (ResellerState::Declined | ResellerState::Suspended, None) => {
            return Err(Error::field("reason", "Give a reason: the reseller reads it."));
        }
        _ => {}
    }
    if reason
        .is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX || reason.contains('\0'))
    {
        return Err(Error::field("reason", "Give 500 characters at most."));
    }
    let known = reseller(&app.pool, id).await?.ok_or(Error::ResellerUnknown)?;
    let mut tx = app.pool.begin().await?;
    let before =
        decide(&mut tx, id, state, reason, request).await?.ok_or(Error::ResellerUnknown)?;
    let entry = AuditEntry::new("reseller.decide", format!("reseller {} {id}", known.name))
        .before(json!({"state": before, "reason": known.reason}))
        .after(json!({"state": state, "reason": reason}));
    record(&mut tx, staff, request, &entry).await?;
    tx.commit().await?;
    reseller(&app.pool, id).await?.ok_or(Error::ResellerUnknown)
}
