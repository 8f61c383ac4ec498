//! How many tickets of a type are for sale. The truth is here.

pub mod change;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{event::CatalogEvent, show::ShowId, ticket_type::TicketTypeId};

/// How many tickets of a type are for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allotment {
    pub ticket_type: TicketTypeId,
    pub show: ShowId,
    /// What is sold from, or what a draft will be sold from.
    pub allotted: i32,
    /// What it is to become, while checkout has not answered.
    pub wanted: Option<i32>,
    /// Raised with every change that goes to checkout; 0 for a draft's.
    pub revision: i64,
    /// Why the last change was refused; null where it was not.
    pub refusal: Option<String>,
    pub changed_at: DateTime<Utc>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    Applied,
    /// Why not, in words for the reseller.
    Refused(String),
}

impl Allotment {
    /// What checkout is told.
    pub(crate) fn event(&self) -> CatalogEvent {
        CatalogEvent::AllotmentChanged {
            show: self.show.clone(),
            ticket_type: self.ticket_type,
            allotted: self.wanted.unwrap_or(self.allotted),
            revision: self.revision,
            at: self.changed_at,
        }
    }
}
