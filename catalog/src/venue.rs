//! Where shows take place.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where a show takes place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Venue {
    pub name: String,
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub address: String,
    /// IANA time zone; show times are told in it.
    pub time_zone: String,
}

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
