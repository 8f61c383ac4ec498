//! All that other crates may use of the catalog.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store;
pub use crate::{
    allotment::{
        Allotment, Settled, allotments, change_allotment, put_allotment, settle_allotment,
    },
    draft::{
        ResellerShow, ResellerTicketType, ResellerVenue, ShowDraft, put_venue, reseller_show,
        reseller_shows, reseller_shows_page,
        show::{change_show, create_show, publish_show, put_ticket_type},
        venues,
    },
    event::{CATALOG_TOPIC, CatalogEvent, ensure_catalog_topic},
    fault::CatalogError,
    http::api::Cursor as ShowCursor,
    id::{ResellerId, ShowId, TicketTypeId},
    money::{Currency, InvalidCurrency, Money, price},
    stop::{
        Stop, Withdrawal, Withdrawing, not_stopped, stop, stop_reseller, withdraw_own_show,
        withdraw_show, withdrawal,
    },
    when,
};

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
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewTicketType {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// In the currency's minor unit (cents).
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Tickets of this type in one order, 1 to 50.
    pub per_order_max: i32,
}

/// Who sells a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    /// `None` is the house.
    pub reseller: Option<Uuid>,
    /// Drafts are not.
    pub published: bool,
    pub high_traffic: bool,
}

/// A show as admins see it: of whoever sells it, drafts and unlisted ones too.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShowEntry {
    pub show: String,
    pub title: String,
    /// Who sells it; `None` is the house.
    pub reseller: Option<Uuid>,
    /// `None` for a draft.
    pub published_at: Option<DateTime<Utc>>,
    /// Why nothing of it is sold; `None` where nothing stops it.
    pub stop: Option<Stop>,
    pub high_traffic: bool,
    pub on_sale_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub venue: String,
    pub city: String,
    /// IANA name, of the venue.
    pub time_zone: String,
}

/// One published show, or `None` where the id is unknown or the show is a draft.
pub async fn show(pool: &PgPool, show: &str) -> sqlx::Result<Option<Show>> {
    store::show(pool, show).await
}

/// The published shows among `ids`, soonest first.
pub async fn shows(pool: &PgPool, ids: &[String]) -> sqlx::Result<Vec<Show>> {
    store::shows(pool, ids).await
}

/// Who sells a show, or `None` where it is unknown.
pub async fn seller(pool: &PgPool, show: &str) -> sqlx::Result<Option<Seller>> {
    store::seller(pool, show).await
}

/// Marks a show as sold through a waiting room, or not, within the caller's transaction. Gives what
/// it was before, or `None` where the show is unknown.
pub async fn set_high_traffic(
    connection: &mut PgConnection,
    show: &str,
    high_traffic: bool,
) -> sqlx::Result<Option<bool>> {
    store::set_high_traffic(connection, show, high_traffic).await
}

/// Ends a show's sale for good, within the caller's transaction: its page says so and leads to no
/// line any more. A show that is not in the catalog is left alone.
pub async fn end_sale(connection: &mut PgConnection, show: &str) -> sqlx::Result<()> {
    store::end_sale(connection, show).await
}

/// Up to `limit` shows by their ids, from behind the show `after`: everybody's, drafts and unlisted
/// ones too.
pub async fn all_shows(
    pool: &PgPool,
    after: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<ShowEntry>> {
    store::all_shows(pool, after, limit).await
}

/// A published show's ticket types, in the order they are offered; none for a draft.
pub async fn ticket_types(pool: &PgPool, show: &str) -> sqlx::Result<Vec<TicketType>> {
    store::ticket_types(pool, show).await
}

/// Puts a show with its venue, performer and ticket types into the catalog, and gives the ticket
/// types with their ids. Venue, performer and ticket-type ids are derived from their names (UUID
/// v5), so putting the same show twice changes nothing. A ticket type that is left out stays:
/// orders may name it. A show put so is the house's, and published.
///
/// # Errors
/// A value that breaks a named constraint (`shows_slug_form`, `ticket_types_currency_is_iso`, …), a
/// show that a reseller sells, or no database.
pub async fn put_show(pool: &PgPool, show: &NewShow) -> sqlx::Result<Vec<TicketType>> {
    store::put_show(pool, show).await
}
