//! Withdrawing shows, and stopping the sales of a reseller.

use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};

use crate::{
    error::CatalogError,
    event::CatalogEvent,
    seller::ResellerId,
    show::ShowId,
    stop::Withdrawing,
    store::{draft as owned, outbox, stop as store},
};

/// Withdraws a published show for good, within the caller's transaction: it is not listed, nothing
/// of it is sold and its room closes. Orders and tickets stay as they are. Gives whether it was
/// done now; a show that was withdrawn before stays so.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::NotPublished`] for a draft.
pub async fn withdraw_show(
    tx: &mut PgConnection,
    show: &ShowId,
    who: Withdrawing<'_>,
    request: &RequestId,
) -> Result<bool, CatalogError> {
    let known = match who.reseller {
        Some(reseller) => owned::lock_show(tx, Some(reseller), show).await?,
        None => owned::lock_anybodys(tx, show).await?,
    };
    let known = known.ok_or(CatalogError::NotFound)?;
    if known.withdrawn_at.is_some() {
        return Ok(false);
    }
    if known.published_at.is_none() {
        return Err(CatalogError::NotPublished);
    }
    store::withdraw(tx, show, who.by, who.reason).await?;
    outbox::add(tx, &[CatalogEvent::SaleChanged { show: show.clone() }], request).await?;
    Ok(true)
}

/// [`withdraw_show`] in a transaction of its own, for the show's own reseller.
///
/// # Errors
/// As there.
pub async fn withdraw_own_show(
    pool: &PgPool,
    reseller: ResellerId,
    show: &ShowId,
    by: &str,
    request: &RequestId,
) -> Result<bool, CatalogError> {
    let mut tx = pool.begin().await?;
    let who = Withdrawing { reseller: Some(reseller), by, reason: None };
    let now = withdraw_show(&mut tx, show, who, request).await?;
    tx.commit().await?;
    Ok(now)
}

/// Stops the sale of all shows of a reseller, or lets it go on, within the caller's transaction.
/// Gives whether that changed anything.
///
/// # Errors
/// The database's.
pub async fn stop_reseller(
    tx: &mut PgConnection,
    reseller: ResellerId,
    stopped: bool,
    request: &RequestId,
) -> sqlx::Result<bool> {
    let changed =
        if stopped { store::add(tx, reseller).await? } else { store::remove(tx, reseller).await? };
    if changed {
        let shows = store::lock_published(tx, reseller).await?;
        let events: Vec<_> =
            shows.into_iter().map(|show| CatalogEvent::SaleChanged { show }).collect();
        outbox::add(tx, &events, request).await?;
    }
    Ok(changed)
}
