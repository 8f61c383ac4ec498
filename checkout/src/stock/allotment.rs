//! Changes of how much there is, as the catalog asks for them.

use uuid::Uuid;

pub mod apply;
pub mod consumer;

/// So many tickets of a type are to be on sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllotmentChange {
    pub show: String,
    pub ticket_type: Uuid,
    pub allotted: i32,
    pub revision: i64,
}
