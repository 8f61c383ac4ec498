//! Tells the catalog what is left of shows, so that lists and pages say what checkout says.
//!
//! A show is looked at twice a second from when something happened to its stock until what was held
//! then has run out, and else in turn.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::TypeStock;
use catalog::contract::{ShowId, StockLevel, TicketTypeId};
use parking_lot::Mutex;

use crate::{
    App, Error,
    stock::{availability::level, show_stock},
    store::{self, stock::StockRow},
};

/// What is told is told again after so long, should another process have told something older.
const AGAIN: Duration = Duration::from_secs(5);
/// Holds that run out are seen by a look that comes later.
const BEYOND_HOLDS: Duration = Duration::from_secs(10);

/// What is left of a show, and of its types.
type Levels = (StockLevel, Vec<(TicketTypeId, StockLevel)>);

/// Shows to whose stock something happened, and what the catalog was told.
#[derive(Default)]
pub struct StockWords(Mutex<State>);

#[derive(Default)]
struct State {
    /// Until when each show is watched.
    watched: HashMap<ShowId, Instant>,
    told: HashMap<ShowId, (Levels, Instant)>,
    /// Where the turn of all shows is.
    turn: Option<ShowId>,
}

impl StockWords {
    /// Something happened to the stock of these shows.
    pub fn watch(&self, shows: impl IntoIterator<Item = ShowId>, hold_ttl: Duration) {
        let until = Instant::now() + hold_ttl + BEYOND_HOLDS;
        self.0.lock().watched.extend(shows.into_iter().map(|show| (show, until)));
    }

    /// The shows that are watched.
    fn watched(&self) -> Vec<ShowId> {
        let now = Instant::now();
        let mut state = self.0.lock();
        let State { watched, told, .. } = &mut *state;
        watched.retain(|_, until| *until > now);
        told.retain(|show, _| watched.contains_key(show));
        watched.keys().cloned().collect()
    }

    fn is_told(&self, show: &ShowId, levels: &Levels) -> bool {
        let state = self.0.lock();
        state.told.get(show).is_some_and(|(told, at)| told == levels && at.elapsed() < AGAIN)
    }

    fn note_told(&self, show: ShowId, levels: Levels) {
        self.0.lock().told.insert(show, (levels, Instant::now()));
    }
}

/// One round.
///
/// # Errors
/// Postgres away.
pub async fn round(app: &App) -> anyhow::Result<()> {
    let words = &app.stock_words;
    words.watch(app.calls.rooms().into_iter().map(|(_, show)| show), app.config.hold_ttl);
    let after = words.0.lock().turn.clone();
    let next = store::stock::next_show(&app.pool, after.as_ref()).await?;
    words.0.lock().turn.clone_from(&next);
    let mut shows = words.watched();
    shows.extend(next);
    for show in shows {
        tell(app, show).await?;
    }
    Ok(())
}

async fn tell(app: &App, show: ShowId) -> Result<(), Error> {
    let mut stock = Arc::unwrap_or_clone(show_stock::of(app, &show).await?);
    if stock.types.iter().any(|of_type| of_type.allotted == 0) {
        let rows = store::stock::of_show(&app.pool, &show).await?;
        let offered = stock.types.len();
        stock.types.retain(|of_type| of_type.allotted > 0 || is_known_empty(of_type, &rows));
        // The others may be gone; the show is not.
        if stock.types.len() < offered && stock.free() <= 0 {
            return Ok(());
        }
    }
    if stock.types.is_empty() {
        return Ok(());
    }
    let types = stock
        .types
        .iter()
        .map(|of_type| (of_type.ticket_type.into(), level(of_type.state())))
        .collect();
    let levels: Levels = (level(stock.state()), types);
    if !app.stock_words.is_told(&show, &levels) {
        catalog::contract::tell_stock(&app.pool, &show, levels.0, &levels.1).await?;
        app.stock_words.note_told(show, levels);
    }
    Ok(())
}

/// A type is offered a moment before its tickets are here: it is not sold out meanwhile, unless
/// none were allotted.
fn is_known_empty(of_type: &TypeStock, rows: &[StockRow]) -> bool {
    let mut of_it = rows.iter().filter(|row| row.ticket_type.uuid() == of_type.ticket_type);
    of_it.clone().next().is_some() && of_it.all(|row| row.allotted == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_show_is_watched_until_its_holds_have_run_out() {
        let words = StockWords::default();
        let show: ShowId = "s".parse().expect("a show");
        words.watch([show.clone()], Duration::ZERO);
        assert_eq!(words.watched(), std::slice::from_ref(&show));
        let levels: Levels = (StockLevel::SoldOut, Vec::new());
        assert!(!words.is_told(&show, &levels));
        words.note_told(show.clone(), levels.clone());
        assert!(words.is_told(&show, &levels));
        assert!(!words.is_told(&show, &(StockLevel::AllHeld, Vec::new())), "that is news");
        words.0.lock().watched.insert(show.clone(), Instant::now());
        assert!(words.watched().is_empty() && !words.is_told(&show, &levels));
    }

    #[test]
    fn a_type_is_sold_out_only_once_it_is_known_how_many_it_has() {
        let id = uuid::Uuid::from_u128(1);
        let of_type = TypeStock { ticket_type: id, ..TypeStock::default() };
        let row = |ticket_type: uuid::Uuid, allotted| StockRow {
            ticket_type: ticket_type.into(),
            shard: 0,
            allotted,
            committed: 0,
            epoch: 1,
            version: 0,
        };
        let other = row(uuid::Uuid::from_u128(2), 0);
        assert!(!is_known_empty(&of_type, &[other]), "its tickets are not here");
        assert!(!is_known_empty(&of_type, &[row(id, 0), row(id, 5)]), "they came since");
        assert!(is_known_empty(&of_type, &[row(id, 0)]), "it has none");
    }
}
