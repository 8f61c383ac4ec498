//! What a show offers: ticket types, prices, shards, and whether it is sold at all. It hardly
//! changes, so it is read four times a second at most.

use std::{collections::HashMap, sync::Arc, time::Duration};

use catalog::contract::{SaleFacts, ShowId, Stop, TicketType, TicketTypeId};
use chrono::{DateTime, Utc};
use kit::cache::Cache;
use sqlx::PgPool;

use crate::{Error, store};

/// New tickets are to be had within a second of being allotted, of which this is a part.
const FRESH: Duration = Duration::from_millis(250);
const SHOWS_MAX: u64 = 10_000;

/// A show's ticket types in the order they are offered, with the shards of each.
#[derive(Debug)]
pub struct Offer {
    /// How its sale stands, but for what is left; `None` where the catalog has no such show.
    pub sale: Option<SaleFacts>,
    pub ticket_types: Vec<TicketType>,
    pub shards: HashMap<TicketTypeId, Vec<i32>>,
}

impl Offer {
    pub fn ticket_type(&self, id: TicketTypeId) -> Option<&TicketType> {
        self.ticket_types.iter().find(|ticket_type| ticket_type.ticket_type == id)
    }

    /// Why nothing of it is sold, where the sale was stopped.
    pub fn stop(&self) -> Option<Stop> {
        self.sale.and_then(|sale| sale.stop)
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.sale.is_some_and(|sale| sale.starts_at <= now)
    }

    /// # Errors
    /// `sale-stopped`, `show-withdrawn`, `show-begun`.
    pub fn ensure_sold(&self, now: DateTime<Utc>) -> Result<(), Error> {
        match self.stop() {
            Some(stop) => Err(Error::SaleStopped(stop)),
            None if self.is_over(now) => Err(Error::ShowBegun),
            None => Ok(()),
        }
    }

    pub fn shards(&self, ticket_type: TicketTypeId) -> &[i32] {
        self.shards.get(&ticket_type).map_or(&[], Vec::as_slice)
    }
}

/// Offers read lately. Whoever comes while one is read waits for that: a whole crowd is let in at
/// once.
pub struct OfferCache(Cache<Offer>);

impl Default for OfferCache {
    fn default() -> Self {
        Self(Cache::new(FRESH, SHOWS_MAX))
    }
}

impl OfferCache {
    /// A show's offer; without ticket types where the show is unknown.
    pub async fn of(&self, pool: &PgPool, show: &ShowId) -> sqlx::Result<Arc<Offer>> {
        let offer = self.0.get_or_look(show.as_str(), || read(pool, show)).await?;
        // Of what is not on sale nothing is remembered.
        if offer.shards.is_empty() {
            self.0.forget(show.as_str()).await;
        }
        Ok(offer)
    }
}

async fn read(pool: &PgPool, show: &ShowId) -> sqlx::Result<Offer> {
    let sale = catalog::contract::sale_facts(pool, show).await?;
    let ticket_types = catalog::contract::ticket_types(pool, show).await?;
    let mut shards: HashMap<TicketTypeId, Vec<i32>> = HashMap::new();
    for row in store::stock::of_show(pool, show).await? {
        shards.entry(row.ticket_type).or_default().push(row.shard);
    }
    Ok(Offer { sale, ticket_types, shards })
}
