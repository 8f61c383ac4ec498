//! The figures of all rooms, told to everybody who watches, once a second.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use chrono::{DateTime, Utc};
use futures::Stream;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use waitroom::contract::RoomState;

use crate::{
    App,
    error::Error,
    figures::{Flow, LaneFlow, Sample, Stock, flow, lanes},
    sampler,
};

const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A room with its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomFigures {
    #[serde(flatten)]
    pub room: RoomState,
    #[serde(flatten)]
    pub flow: Flow,
    #[serde(flatten)]
    pub stock: Stock,
    pub lane_figures: Vec<LaneFlow>,
    /// When this was measured.
    pub at: DateTime<Utc>,
}

impl RoomFigures {
    pub fn new(room: RoomState, flow: Flow, stock: Stock, lane_figures: Vec<LaneFlow>) -> Self {
        Self { room, flow, stock, lane_figures, at: Utc::now() }
    }
}

/// What was measured last.
#[derive(Default)]
pub struct Live(watch::Sender<Arc<Vec<RoomFigures>>>);

impl Live {
    pub fn publish(&self, figures: Vec<RoomFigures>) {
        self.0.send_replace(Arc::new(figures));
    }

    pub fn rooms(&self) -> Arc<Vec<RoomFigures>> {
        self.0.borrow().clone()
    }
}

/// One room's figures with its settings as they stand now; `None` where there is no such room. A room that nobody samples
/// (closed, or too new) is measured for this answer.
pub async fn room(app: &App, name: &str) -> Result<Option<RoomFigures>, Error> {
    let Some(state) = waitroom::contract::room(&app.pool, name).await? else { return Ok(None) };
    if let Some(known) = app.live.rooms().iter().find(|known| known.room.room == name) {
        return Ok(Some(RoomFigures { room: state, ..known.clone() }));
    }
    let counts = sampler::count(app, &state).await?;
    let mut history = crate::figures::History::default();
    history.add(Sample { at: Utc::now(), lanes: app.seen.lanes(name) });
    let (flow, lanes) = (flow(&history, &counts), lanes(&history));
    Ok(Some(RoomFigures::new(state, flow, counts.stock, lanes)))
}

/// The figures of all rooms now and after each round, as `event: rooms`. Ends when the server does.
pub fn stream(app: &App) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let (receiver, ending) = (app.live.0.subscribe(), app.ending.clone());
    let events = futures::stream::unfold((receiver, ending, true), |(mut receiver, ending, first)| async move {
        if !first {
            tokio::select! {
                () = ending.cancelled() => return None,
                changed = receiver.changed() => changed.ok()?,
            }
        }
        let figures = receiver.borrow_and_update().clone();
        let event = Event::default().event("rooms").json_data(&*figures).unwrap_or_default();
        Some((Ok(event), (receiver, ending, false)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
