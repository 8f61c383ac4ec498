//! Kinds of tickets for one show.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    money::{Money, price_fields},
    sale::SaleState,
};

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
    #[serde(flatten, with = "price_fields")]
    #[schema(value_type = price_fields::PriceFields)]
    pub price: Money,
    /// Tickets of this type in one order, 1 to 50.
    pub per_order_max: i32,
}

/// A ticket type as fans see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OfferedType {
    #[serde(flatten)]
    pub ticket_type: TicketType,
    /// How its sale stands, a second or two ago at most.
    pub sale: SaleState,
}

/// A ticket type to put; it is known by its name within the show.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewTicketType {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(flatten, with = "price_fields")]
    #[schema(value_type = price_fields::PriceFields)]
    pub price: Money,
    /// Tickets of this type in one order, 1 to 50.
    pub per_order_max: i32,
}
