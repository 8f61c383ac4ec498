//! All that other crates may use of the catalog.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store;
pub use crate::{price, when};

/// A show as fans see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Show {
    /// The public id, a slug: lower-case letters, digits and `-`, 63 characters at most.
    pub show: String,
    pub title: String,
    pub performer: String,
    pub genre: String,
    pub description: String,
    pub venue: Venue,
    pub doors_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    /// From when tickets can be bought.
    pub on_sale_at: DateTime<Utc>,
    /// Sold through a waiting room.
    pub high_traffic: bool,
}

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

/// A kind of ticket for one show.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketType {
    pub ticket_type: Uuid,
    pub name: String,
    pub description: String,
    /// In the currency's minor unit (cents).
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Tickets of this type in one order, 1 to 50.
    pub per_order_max: i32,
}

/// What it takes to put a show into the catalog. Putting the same show again changes it.
#[derive(Debug, Clone, Deserialize)]
pub struct NewShow {
    pub show: String,
    pub title: String,
    pub performer: String,
    pub genre: String,
    pub description: String,
    pub venue: Venue,
    pub doors_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub on_sale_at: DateTime<Utc>,
    pub high_traffic: bool,
    pub listed: bool,
    pub ticket_types: Vec<NewTicketType>,
}

/// A ticket type to put; it is known by its name within the show.
#[derive(Debug, Clone, Deserialize)]
pub struct NewTicketType {
    pub name: String,
    pub description: String,
    pub price_minor: i64,
    pub currency: String,
    pub per_order_max: i32,
}

/// One show, or `None` where the id is unknown.
pub async fn show(pool: &PgPool, show: &str) -> sqlx::Result<Option<Show>> {
    store::show(pool, show).await
}

/// A show's ticket types, in the order they are offered.
pub async fn ticket_types(pool: &PgPool, show: &str) -> sqlx::Result<Vec<TicketType>> {
    store::ticket_types(pool, show).await
}

/// Puts a show with its venue, performer and ticket types into the catalog, and gives the ticket types with their ids.
/// Venue, performer and ticket-type ids are derived from their names (UUID v5), so putting the same show twice changes nothing.
/// A ticket type that is left out stays: orders may name it.
///
/// # Errors
/// A value that breaks a named constraint (`shows_slug_form`, `ticket_types_currency_is_iso`, …), or no database.
pub async fn put_show(pool: &PgPool, show: &NewShow) -> sqlx::Result<Vec<TicketType>> {
    store::put_show(pool, show).await
}
