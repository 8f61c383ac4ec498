//! Changes of how much there is, as the catalog asks for them.

use catalog::contract::{ShowId, TicketTypeId};

pub mod apply;
pub mod consumer;

/// So many tickets of a type are to be on sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllotmentChange {
    pub show: ShowId,
    pub ticket_type: TicketTypeId,
    pub allotted: i32,
    pub revision: i64,
}
