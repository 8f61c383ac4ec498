//! What the catalog tells the others, through its outbox and Kafka.

use chrono::{DateTime, Utc};
use kit::kafka::{Kafka, Topic};
use serde::{Deserialize, Serialize};

use crate::{show::ShowId, ticket_type::TicketTypeId};

/// Keyed by show, so that a show's events keep their order. At least once.
pub const CATALOG_TOPIC: &str = "catalog.events";
/// As the relay makes it; kept for a week.
pub const CATALOG_EVENTS: Topic =
    Topic { name: CATALOG_TOPIC, partitions: 4, retention_ms: "604800000", compacted: false };

/// Something that became true in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum CatalogEvent {
    /// A reseller published a show, or moved the beginning of its sale afterwards.
    #[serde(rename = "show_published.v1")]
    ShowPublished { show: ShowId, on_sale_at: DateTime<Utc> },
    /// So many tickets of a type are to be for sale. Whoever sells them answers with
    /// [`settle_allotment`](crate::contract::settle_allotment). A higher `revision` of the same
    /// type came later.
    #[serde(rename = "allotment_changed.v1")]
    AllotmentChanged {
        show: ShowId,
        ticket_type: TicketTypeId,
        allotted: i32,
        revision: i64,
        at: DateTime<Utc>,
    },
    /// A published show was withdrawn, or its reseller may no longer sell, or may again. What is so
    /// now, [`stop`](crate::contract::stop) tells.
    #[serde(rename = "sale_changed.v1")]
    SaleChanged { show: ShowId },
}

impl CatalogEvent {
    /// What its record is keyed by.
    pub fn show(&self) -> &ShowId {
        match self {
            Self::ShowPublished { show, .. }
            | Self::AllotmentChanged { show, .. }
            | Self::SaleChanged { show } => show,
        }
    }
}

/// Makes the topic if it is not there, for whoever starts first.
///
/// # Errors
/// Kafka away.
pub async fn ensure_catalog_topic(kafka: &Kafka) -> anyhow::Result<()> {
    kafka.ensure(&CATALOG_EVENTS).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_show_as_text_and_one_of_no_show_cannot_be_read() {
        let record = concat!(
            r#"{"type":"allotment_changed.v1","show":"gala","#,
            r#""ticket_type":"0190163d-8694-739b-aea5-966c26f8ad91","allotted":5,"revision":2,"#,
            r#""at":"2026-11-21T19:00:00Z"}"#
        );
        let event: CatalogEvent = serde_json::from_str(record).expect("an event");
        assert_eq!(**event.show(), *"gala");
        assert_eq!(serde_json::to_string(&event).expect("JSON"), record);
        // Whoever follows the topic counts it, says so and goes on.
        let of_none = record.replace("gala", "The Gala");
        assert!(serde_json::from_str::<CatalogEvent>(&of_none).is_err());
    }
}
