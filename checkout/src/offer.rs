//! What a show offers: ticket types, prices, shards. It hardly changes, so it is read four times a second at most.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use catalog::contract::TicketType;
use sqlx::PgPool;
use uuid::Uuid;

use crate::store;

/// New tickets are to be had within a second of being allotted, of which this is a part.
const FRESH: Duration = Duration::from_millis(250);
const SHOWS_MAX: usize = 10_000;

/// A show's ticket types in the order they are offered, with the shards of each.
#[derive(Debug)]
pub struct Offer {
    pub ticket_types: Vec<TicketType>,
    pub shards: HashMap<Uuid, Vec<i32>>,
}

impl Offer {
    pub fn ticket_type(&self, id: Uuid) -> Option<&TicketType> {
        self.ticket_types.iter().find(|ticket_type| ticket_type.ticket_type == id)
    }

    pub fn shards(&self, ticket_type: Uuid) -> &[i32] {
        self.shards.get(&ticket_type).map_or(&[], Vec::as_slice)
    }
}

/// Offers read lately.
#[derive(Default)]
pub struct Offers(Mutex<HashMap<String, (Instant, Arc<Offer>)>>);

impl Offers {
    /// A show's offer; without ticket types where the show is unknown.
    pub async fn of(&self, pool: &PgPool, show: &str) -> sqlx::Result<Arc<Offer>> {
        if let Some((read_at, offer)) = self.known().get(show)
            && read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(offer));
        }
        let ticket_types = catalog::contract::ticket_types(pool, show).await?;
        let mut shards: HashMap<Uuid, Vec<i32>> = HashMap::new();
        for row in store::stock::of_show(pool, show).await? {
            shards.entry(row.ticket_type).or_default().push(row.shard);
        }
        let offer = Arc::new(Offer { ticket_types, shards });
        if !offer.shards.is_empty() {
            let mut known = self.known();
            if known.len() >= SHOWS_MAX {
                known.clear();
            }
            known.insert(show.to_owned(), (Instant::now(), Arc::clone(&offer)));
        }
        Ok(offer)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Arc<Offer>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
