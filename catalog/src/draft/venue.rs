//! A reseller's venues.

use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    draft::check,
    error::CatalogError,
    seller::ResellerId,
    store,
    venue::{ResellerVenue, Venue},
};

/// A reseller's venues, by name.
pub async fn venues(pool: &PgPool, reseller: ResellerId) -> sqlx::Result<Vec<ResellerVenue>> {
    store::draft::venues(pool, reseller).await
}

/// Adds a venue, or changes the one with this id. Gives its id.
///
/// # Errors
/// [`CatalogError::NotFound`] or [`CatalogError::Field`] (`name`, `city`, `country`, `address`,
/// `time_zone`).
pub async fn put_venue(
    pool: &PgPool,
    reseller: ResellerId,
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
