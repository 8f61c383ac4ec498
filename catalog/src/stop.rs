//! Stopping a sale: a show is withdrawn for good, or its reseller may not sell for a while. The
//! truth is here and is read wherever something would be sold; [`CatalogEvent::SaleChanged`] tells
//! those who would not look by themselves.

use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    event::CatalogEvent,
    fault::CatalogError,
    store::{draft as owned, outbox, stop as store},
};

/// Why nothing of a published show is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Its reseller may not sell for now.
    Suspended,
    /// For good.
    Withdrawn,
}

impl Stop {
    /// As in the database and in JSON.
    pub fn as_text(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn of_text(text: &str) -> Option<Self> {
        [Self::Suspended, Self::Withdrawn].into_iter().find(|stop| stop.as_text() == text)
    }
}

/// That a show was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Withdrawal {
    pub at: DateTime<Utc>,
    /// Who did it, such as `admin ada@example.org`.
    pub by: String,
    /// Why; null where its reseller did it.
    pub reason: Option<String>,
}

/// Why nothing of a show is sold; `None` where nothing stops it, or it is unknown.
///
/// # Errors
/// The database's.
pub async fn stop(executor: impl PgExecutor<'_>, show: &str) -> sqlx::Result<Option<Stop>> {
    store::stop(executor, show).await
}

/// That a show was withdrawn, if it was.
///
/// # Errors
/// The database's.
pub async fn withdrawal(
    executor: impl PgExecutor<'_>,
    show: &str,
) -> sqlx::Result<Option<Withdrawal>> {
    store::withdrawal(executor, show).await
}

/// Who withdraws a show.
#[derive(Debug, Clone, Copy)]
pub struct Withdrawing<'a> {
    /// Only a show of this reseller's; `None` for anybody's.
    pub reseller: Option<Uuid>,
    /// Such as `admin ada@example.org`.
    pub by: &'a str,
    pub reason: Option<&'a str>,
}

/// Withdraws a published show for good, within the caller's transaction: it is not listed, nothing
/// of it is sold and its room closes. Orders and tickets stay as they are. Gives whether it was
/// done now; a show that was withdrawn before stays so.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::NotPublished`] for a draft.
pub async fn withdraw_show(
    tx: &mut PgConnection,
    show: &str,
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
    outbox::add(tx, &[CatalogEvent::SaleChanged { show: show.to_owned() }], request).await?;
    Ok(true)
}

/// [`withdraw_show`] in a transaction of its own, for the show's own reseller.
///
/// # Errors
/// As there.
pub async fn withdraw_own_show(
    pool: &PgPool,
    reseller: Uuid,
    show: &str,
    by: &str,
    request: &RequestId,
) -> Result<bool, CatalogError> {
    let mut tx = pool.begin().await?;
    let who = Withdrawing { reseller: Some(reseller), by, reason: None };
    let now = withdraw_show(&mut tx, show, who, request).await?;
    tx.commit().await?;
    Ok(now)
}

/// Those of `resellers` whose sales are not stopped.
///
/// # Errors
/// The database's.
pub async fn not_stopped(
    executor: impl PgExecutor<'_>,
    resellers: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    store::not_stopped(executor, resellers).await
}

/// Stops the sale of all shows of a reseller, or lets it go on, within the caller's transaction.
/// Gives whether that changed anything.
///
/// # Errors
/// The database's.
pub async fn stop_reseller(
    tx: &mut PgConnection,
    reseller: Uuid,
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
