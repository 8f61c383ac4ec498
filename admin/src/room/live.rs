//! The figures of all rooms, told to everybody who watches, once a second.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use chrono::Utc;
use futures::Stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use waitroom::contract::RoomState;

use crate::{
    App,
    error::Error,
    room::{
        alarm::RoomAlarm,
        count::count,
        figures::{Details, RoomFigures},
        history::History,
        measures::lanes,
        sampler::{measure, sample},
        show_name::Shows,
    },
    store,
};

const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often a stream looks whether its session lasts.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Streams of one instance, at most.
const WATCHERS_MAX: usize = 256;

/// What was measured last, and who watches.
pub struct Live {
    figures: watch::Sender<Arc<Vec<RoomFigures>>>,
    places: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        Self { figures: watch::Sender::default(), places: Arc::new(Semaphore::new(WATCHERS_MAX)) }
    }
}

impl Live {
    pub fn publish(&self, figures: Vec<RoomFigures>) {
        self.figures.send_replace(Arc::new(figures));
    }

    pub fn rooms(&self) -> Arc<Vec<RoomFigures>> {
        self.figures.borrow().clone()
    }

    /// The alarms of all rooms, the weightiest first, the oldest first among equals.
    pub fn alarms(&self) -> Vec<RoomAlarm> {
        let mut alarms: Vec<RoomAlarm> = Vec::new();
        for room in self.figures.borrow().iter() {
            alarms.extend(room.alarms.iter().map(|alarm| RoomAlarm {
                room: room.room.room.clone(),
                title: room.title().to_owned(),
                alarm: alarm.clone(),
            }));
        }
        alarms.sort_by_key(|known| (known.alarm.alarm, known.alarm.since));
        alarms
    }
}

/// One room's figures with its settings as they stand now; `None` where there is no such room. A
/// room that nobody samples (closed, or too new) is measured for this answer.
pub async fn room(app: &App, name: &str) -> Result<Option<RoomFigures>, Error> {
    let Some(state) = waitroom::contract::room(&app.pool, name).await? else { return Ok(None) };
    if let Some(known) = app.live.rooms().iter().find(|known| *known.room.room == *name) {
        return Ok(Some(RoomFigures { room: state, ..known.clone() }));
    }
    measured(app, state).await.map(Some)
}

/// A room's figures, measured now. Whoever looks once sees no speed, and no alarm.
pub async fn measured(app: &App, state: RoomState) -> Result<RoomFigures, Error> {
    let shows = Shows::of(&app.pool, std::slice::from_ref(&state.show)).await?;
    let counts = count(app, &state, &shows).await?;
    let (line, now) = (app.seen.line(&state.room), Utc::now());
    let mut history = History::default();
    history.add(sample(&line, Some(&counts), now));
    let measures = measure(&history, &counts, &line, now);
    let details =
        Details { name: shows.name(&state.show), types: counts.types, lanes: lanes(&history) };
    Ok(RoomFigures::new(state, measures, Vec::new(), details))
}

/// Somebody who watches all rooms.
struct Watcher {
    app: App,
    figures: watch::Receiver<Arc<Vec<RoomFigures>>>,
    token_hash: Vec<u8>,
    /// When the session is looked at again.
    look_at: Instant,
    is_new: bool,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// Waits for the next figures; `None` where the session or the server has ended.
    async fn next(&mut self) -> Option<Event> {
        while !self.is_new {
            tokio::select! {
                () = self.app.ending.cancelled() => return None,
                () = tokio::time::sleep_until(self.look_at) => {
                    // While nobody can tell, the stream goes on: it shows nothing that changes
                    // anything.
                    let lasts = store::session::lasts(&self.app.pool, &self.token_hash).await;
                    if !lasts.unwrap_or(true) {
                        return None;
                    }
                    self.look_at = Instant::now() + LOOK_EVERY;
                }
                changed = self.figures.changed() => {
                    changed.ok()?;
                    break;
                }
            }
        }
        self.is_new = false;
        let figures = self.figures.borrow_and_update().clone();
        Some(Event::default().event("rooms").json_data(&*figures).unwrap_or_default())
    }
}

/// The figures of all rooms now and after each round, as `event: rooms`. Ends when the server does,
/// and at most five seconds after the session.
///
/// # Errors
/// [`Error::Away`] where too many watch already.
pub fn stream(
    app: &App,
    token: &str,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Error> {
    let place = app.live.places.clone().try_acquire_owned();
    let watcher = Watcher {
        app: app.clone(),
        figures: app.live.figures.subscribe(),
        token_hash: kit::secret::hash(token),
        look_at: Instant::now() + LOOK_EVERY,
        is_new: true,
        _place: place
            .map_err(|_| Error::Away(anyhow::anyhow!("{WATCHERS_MAX} streams are open")))?,
    };
    let events = futures::stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
