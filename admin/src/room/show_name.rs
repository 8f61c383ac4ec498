//! What shows are called, for people who should not have to read ids.

use std::collections::HashMap;

use catalog::contract::{Show, ShowId, TicketTypeId, when};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

/// What a published show is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShowName {
    pub title: String,
    pub performer: String,
    pub starts_at: DateTime<Utc>,
    /// IANA name, of the venue.
    pub time_zone: String,
}

impl ShowName {
    /// `Mira Vale · Saturday 21 November 2026`
    pub fn line(&self) -> String {
        format!("{} · {}", self.performer, when::day(self.starts_at, &self.time_zone))
    }
}

impl From<Show> for ShowName {
    fn from(show: Show) -> Self {
        Self {
            title: show.title,
            performer: show.performer,
            starts_at: show.starts_at,
            time_zone: show.venue.time_zone,
        }
    }
}

/// What is known of some shows and their ticket types. A draft is known to have no name.
#[derive(Debug, Default)]
pub struct Shows(HashMap<ShowId, Option<Named>>);

#[derive(Debug)]
struct Named {
    name: ShowName,
    ticket_types: Vec<(TicketTypeId, String)>,
}

impl Shows {
    /// Asks the catalog.
    ///
    /// # Errors
    /// The database's.
    pub async fn of(pool: &PgPool, ids: &[ShowId]) -> sqlx::Result<Self> {
        let mut known: HashMap<ShowId, Option<Named>> =
            ids.iter().map(|id| (id.clone(), None)).collect();
        for show in catalog::contract::shows(pool, ids).await? {
            let id = show.show.clone();
            let types = catalog::contract::ticket_types(pool, &id).await?;
            let ticket_types = types.into_iter().map(|kind| (kind.ticket_type, kind.name));
            let named = Named { ticket_types: ticket_types.collect(), name: show.into() };
            known.insert(id, Some(named));
        }
        Ok(Self(known))
    }

    pub fn knows(&self, show: &ShowId) -> bool {
        self.0.contains_key(show)
    }

    fn named(&self, show: &ShowId) -> Option<&Named> {
        self.0.get(show)?.as_ref()
    }

    pub fn name(&self, show: &ShowId) -> Option<ShowName> {
        self.named(show).map(|named| named.name.clone())
    }

    /// In the order they are offered.
    pub fn ticket_types(&self, show: &ShowId) -> &[(TicketTypeId, String)] {
        self.named(show).map_or(&[], |named| &named.ticket_types)
    }
}
