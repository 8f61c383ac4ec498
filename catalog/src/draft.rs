//! What resellers put into the catalog. Every function is told whose things it may touch; somebody
//! else's are not there.

pub mod check;
pub mod show;
pub mod ticket_type;
pub mod venue;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{allotment::Allotment, show::Show, ticket_type::TicketType};

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
