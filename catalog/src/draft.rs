//! What resellers put into the catalog. Every function is told whose things it may touch; somebody
//! else's are not there.

pub mod check;
pub mod show;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    allotment::Allotment,
    contract::{Show, TicketType, Venue},
    fault::CatalogError,
    http::api::Cursor,
    store,
};

/// A reseller's venue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResellerVenue {
    pub venue: Uuid,
    pub name: String,
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub address: String,
    /// IANA time zone.
    pub time_zone: String,
}

/// A reseller's show, with all that is for its reseller's eyes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResellerShow {
    pub show: Show,
    pub venue_id: Uuid,
    /// Null for a draft.
    pub published_at: Option<DateTime<Utc>>,
    /// Since when nothing of it is sold, for good; null where it was not withdrawn.
    pub withdrawn_at: Option<DateTime<Utc>>,
    pub ticket_types: Vec<ResellerTicketType>,
}

/// A ticket type and how many of it are for sale.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResellerTicketType {
    #[serde(flatten)]
    pub ticket_type: TicketType,
    /// Null until it was set.
    pub allotment: Option<Allotment>,
}

/// What a reseller says about a show. Its id is made from performer and title when it is created,
/// and stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ShowDraft {
    pub title: String,
    pub performer: String,
    #[serde(default)]
    pub genre: String,
    #[serde(default)]
    pub description: String,
    /// One of the reseller's own venues.
    pub venue: Uuid,
    pub doors_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub on_sale_at: DateTime<Utc>,
}

/// A reseller's venues, by name.
pub async fn venues(pool: &PgPool, reseller: Uuid) -> sqlx::Result<Vec<ResellerVenue>> {
    store::draft::venues(pool, reseller).await
}

/// Adds a venue, or changes the one with this id. Gives its id.
///
/// # Errors
/// [`CatalogError::NotFound`] or [`CatalogError::Field`] (`name`, `city`, `country`, `address`,
/// `time_zone`).
pub async fn put_venue(
    pool: &PgPool,
    reseller: Uuid,
    venue: Option<Uuid>,
    new: &Venue,
) -> Result<Uuid, CatalogError> {
    let new = check::venue(new)?;
    let id = venue.unwrap_or_else(Uuid::new_v4);
    if store::draft::put_venue(pool, reseller, id, venue.is_none(), &new).await? {
        Ok(id)
    } else {
        Err(CatalogError::NotFound)
    }
}

/// A reseller's shows, soonest first, drafts too.
pub async fn reseller_shows(pool: &PgPool, reseller: Uuid) -> sqlx::Result<Vec<ResellerShow>> {
    store::draft::shows(pool, reseller, None).await
}

/// Up to `limit` of a reseller's shows, soonest first, drafts too, from behind `after`; and where
/// the next page begins, which is `None` on the last.
pub async fn reseller_shows_page(
    pool: &PgPool,
    reseller: Uuid,
    after: Option<&Cursor>,
    limit: u16,
) -> sqlx::Result<(Vec<ResellerShow>, Option<Cursor>)> {
    let limit = usize::from(limit.max(1));
    let mut shows = store::draft::shows_page(pool, reseller, after, limit as i64 + 1).await?;
    let more = shows.len() > limit;
    shows.truncate(limit);
    let next = shows.last().filter(|_| more).map(|last| Cursor::behind(&last.show));
    Ok((shows, next))
}

/// One of a reseller's shows, or `None` where there is no such show or it is another's.
pub async fn reseller_show(
    pool: &PgPool,
    reseller: Uuid,
    show: &str,
) -> sqlx::Result<Option<ResellerShow>> {
    Ok(store::draft::shows(pool, reseller, Some(show)).await?.pop())
}
