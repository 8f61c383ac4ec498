//! Kinds of tickets for one show.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

kit::uuid_id!(
    /// A kind of ticket for one show.
    TicketTypeId
);

/// A kind of ticket for one show.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketType {
    pub ticket_type: TicketTypeId,
    pub name: String,
    pub description: String,
    /// In the currency's minor unit (cents).
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Tickets of this type in one order, 1 to 50.
    pub per_order_max: i32,
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
