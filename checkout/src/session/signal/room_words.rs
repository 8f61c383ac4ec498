//! Says of each busy room, four times a second, how its calls go and what is left.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use admission::contract::{GateState, LineStock, RoomName, RoomSignal};
use catalog::contract::ShowId;
use chrono::Utc;
use futures::{StreamExt, stream};
use parking_lot::Mutex;

use crate::{App, session::signal::line_stock::served, stock::show_stock, store};

/// Rooms open and close seldom.
const GATES_FRESH: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 8;

/// What is remembered between rounds.
#[derive(Default)]
pub struct RoomWords(Mutex<State>);

#[derive(Default)]
struct State {
    /// Rooms that let fans in, and when that was read.
    running: Vec<RoomName>,
    read: Option<Instant>,
    shows: HashMap<RoomName, ShowId>,
}

impl RoomWords {
    /// One round. Gives the shows of the rooms that are busy.
    ///
    /// # Errors
    /// Redis away: then nothing can be said, and what was said grows old.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let busy = self.busy(app).await?;
        let told: Vec<redis::RedisResult<()>> = stream::iter(busy)
            .map(|room| async move { self.tell(app, &room).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        told.into_iter().collect::<redis::RedisResult<()>>().map_err(Into::into)
    }

    /// The rooms whose controllers wait for a word, and those that were called within a minute.
    async fn busy(&self, app: &App) -> redis::RedisResult<Vec<RoomName>> {
        let called = app.calls.rooms();
        let running = self.running(app).await;
        {
            let mut state = self.0.lock();
            state.shows.retain(|room, _| running.contains(room));
            for (room, show) in &called {
                state.shows.insert(room.clone(), show.clone());
            }
        }
        let mut busy = app.gate.busy(&running).await?;
        busy.extend(called.into_iter().map(|(room, _)| room));
        busy.sort();
        busy.dedup();
        Ok(busy)
    }

    /// Where Postgres is away, the rooms that were running before.
    async fn running(&self, app: &App) -> Vec<RoomName> {
        {
            let state = self.0.lock();
            if state.read.is_some_and(|read| read.elapsed() < GATES_FRESH) {
                return state.running.clone();
            }
        }
        match admission::contract::open_gates(&app.pool).await {
            Ok(gates) => {
                let running = gates.into_iter().filter(|gate| gate.state == GateState::Running);
                let mut state = self.0.lock();
                state.running = running.map(|gate| gate.room).collect();
                state.read = Some(Instant::now());
                state.running.clone()
            }
            Err(error) => {
                tracing::debug!(%error, "rooms are taken to be as they were");
                self.0.lock().running.clone()
            }
        }
    }

    async fn tell(&self, app: &App, room: &RoomName) -> redis::RedisResult<()> {
        let stock = self.stock(app, room).await;
        let tally = app.calls.tally(room);
        let word = RoomSignal {
            at: Utc::now(),
            redeem: tally.redeem,
            hold: tally.hold,
            order: tally.order,
            orders: tally.orders,
            turned_away: tally.turned_away,
            turned_away_full: tally.turned_away_full,
            stock,
        };
        app.signals.tell_room(app.process, room, &word).await
    }

    /// What is left of a room's show; `None` where that is not known now.
    async fn stock(&self, app: &App, room: &RoomName) -> Option<LineStock> {
        let show = self.show(app, room).await?;
        let stock = match show_stock::of(app, &show).await {
            Ok(stock) => stock,
            Err(error) => {
                tracing::debug!(%error, %room, "what is left is not known");
                return None;
            }
        };
        if stock.types.is_empty() {
            return None;
        }
        let served = served(app, room).await.ok()?;
        Some(LineStock {
            per_fan: served.per_fan,
            served: served.sessions,
            types: stock.types.clone(),
        })
    }

    /// The show that a room is for: as passes said here, as those inside came for, or the one that
    /// the room is named after.
    async fn show(&self, app: &App, room: &RoomName) -> Option<ShowId> {
        let known = self.0.lock().shows.get(room).cloned();
        if known.is_some() {
            return known;
        }
        let found = store::session::show_of_room(&app.pool, room).await.ok()?;
        let show = found.or_else(|| room.as_str().parse().ok())?;
        // A show of that name without stock is nobody's.
        let is_sold = show_stock::of(app, &show).await.is_ok_and(|stock| !stock.types.is_empty());
        if is_sold {
            self.0.lock().shows.insert(room.clone(), show.clone());
        }
        is_sold.then_some(show)
    }
}
