//! What is left of a show, type by type: worked out a few times a second, whoever asks.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{LineStock, TypeStock};
use catalog::contract::{ShowId, TicketTypeId};
use futures::future::join_all;
use kit::cache::Cache;
use parking_lot::Mutex;

use crate::{
    App, Error,
    stock::redis::{self as shard, ShardSnapshot},
    store::{self, stock::StockRow},
};

/// Words about a room are said four times a second.
const FRESH: Duration = Duration::from_millis(200);
const SHOWS_MAX: u64 = 10_000;
/// Counting unpaid tickets reads a row each: while some are free, it matters little how many may
/// come back.
const UNPAID_FRESH: Duration = Duration::from_secs(2);
/// Counting them takes at most one part in so many of the time.
const UNPAID_SHARE: u32 = 20;
/// Shows that nobody asked about for so long are forgotten.
const UNPAID_IDLE: Duration = Duration::from_secs(60);

/// What is left of shows, as seen lately.
pub struct ShowStocks {
    seen: Cache<LineStock>,
    unpaid: Mutex<HashMap<ShowId, Unpaid>>,
}

/// Tickets in orders that wait for their payment.
#[derive(Clone)]
struct Unpaid {
    counted: Instant,
    took: Duration,
    tickets: Arc<HashMap<TicketTypeId, i64>>,
}

impl Default for ShowStocks {
    fn default() -> Self {
        Self { seen: Cache::new(FRESH, SHOWS_MAX), unpaid: Mutex::default() }
    }
}

/// What is left of a show's ticket types, in the order they are offered, a fifth of a second old at
/// most. Nothing is said about fans. Empty where the show is unknown.
///
/// # Errors
/// Postgres away. Where Redis does not know a shard or is away, what is not committed counts as
/// free.
pub async fn of(app: &App, show: &ShowId) -> Result<Arc<LineStock>, Error> {
    app.show_stocks.seen.get_or_look(show.as_str(), || work_out(app, show)).await
}

async fn work_out(app: &App, show: &ShowId) -> Result<LineStock, Error> {
    let offer = app.offer_cache.of(&app.pool, show).await?;
    let rows = store::stock::of_show(&app.pool, show).await?;
    // The connection sends them together.
    let looks = join_all(rows.iter().map(|row| shard::look(&app.redis, row.key()))).await;
    let mut counts: HashMap<TicketTypeId, Counts> = HashMap::new();
    for (row, look) in rows.iter().zip(looks) {
        counts.entry(row.ticket_type).or_default().add(row, look.ok().flatten());
    }
    let none_free = counts.values().all(|counts| counts.free <= 0);
    let unpaid = unpaid(app, show, none_free).await?;
    let types = offer
        .ticket_types
        .iter()
        .map(|offered| {
            let id = offered.ticket_type;
            let unpaid = unpaid.get(&id).copied().unwrap_or_default();
            let counts = counts.get(&id).copied().unwrap_or_default();
            counts.told(id, offered.name.clone(), unpaid)
        })
        .collect();
    Ok(LineStock { types, per_fan: 1.0, served: 0 })
}

/// Tickets of one type, shards added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    free: i64,
    /// Held or being ordered.
    held: i64,
    committed: i64,
    allotted: i64,
}

impl Counts {
    fn add(&mut self, row: &StockRow, seen: Option<ShardSnapshot>) {
        let (allotted, committed) = (i64::from(row.allotted), i64::from(row.committed));
        self.allotted += allotted;
        self.committed += committed;
        match seen {
            // Below zero more is held than is there; that is no debt of the other shards.
            Some(seen) => {
                self.free += (seen.free + seen.run_out).max(0);
                self.held += seen.held - seen.run_out + seen.placing;
            }
            None => self.free += allotted - committed,
        }
    }

    fn told(self, id: TicketTypeId, name: String, unpaid: i64) -> TypeStock {
        // Counted a moment before.
        let unpaid = unpaid.min(self.committed);
        TypeStock {
            ticket_type: id.uuid(),
            name,
            free: self.free.max(0),
            held: self.held.max(0) + unpaid,
            sold: self.committed - unpaid,
            allotted: self.allotted,
        }
    }
}

/// Tickets in unpaid orders, counted as often as it matters and costs little.
async fn unpaid(
    app: &App,
    show: &ShowId,
    none_free: bool,
) -> Result<Arc<HashMap<TicketTypeId, i64>>, Error> {
    let known = app.show_stocks.unpaid.lock().get(show).cloned();
    if let Some(known) = known {
        // With none free, it decides whether those who wait are told that it is sold out: what was
        // held when the rows were read, and is ordered now, must not be missed.
        let fresh = UNPAID_FRESH.max(known.took * UNPAID_SHARE);
        if !none_free && known.counted.elapsed() < fresh {
            return Ok(known.tickets);
        }
    }
    let counted = Instant::now();
    let tickets = Arc::new(store::stock::unpaid(&app.pool, show).await?);
    let found = Unpaid { counted, took: counted.elapsed(), tickets: Arc::clone(&tickets) };
    let mut all = app.show_stocks.unpaid.lock();
    all.retain(|_, known| known.counted.elapsed() < UNPAID_IDLE);
    all.insert(show.clone(), found);
    Ok(tickets)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_ticket_is_free_or_held_or_sold() {
        let row = |allotted, committed| StockRow {
            ticket_type: Uuid::nil().into(),
            shard: 0,
            allotted,
            committed,
            epoch: 1,
            version: 0,
        };
        let seen = |free, held, run_out, placing| ShardSnapshot {
            free,
            held,
            placing,
            epoch: 1,
            version: 0,
            run_out,
            overdue: 0,
        };
        let mut counts = Counts::default();
        counts.add(&row(50, 20), Some(seen(21, 7, 3, 2)));
        counts.add(&row(50, 10), None);
        let told = counts.told(Uuid::nil().into(), "Floor".to_owned(), 12);
        assert_eq!((told.free, told.held, told.sold, told.allotted), (64, 18, 18, 100));
        assert_eq!(told.free + told.held + told.sold, told.allotted);
    }

    #[test]
    fn what_was_paid_since_it_was_counted_is_not_owed_twice() {
        let counts = Counts { free: 0, held: 0, committed: 5, allotted: 5 };
        let told = counts.told(Uuid::nil().into(), String::new(), 9);
        assert_eq!((told.held, told.sold), (5, 0));
    }
}
