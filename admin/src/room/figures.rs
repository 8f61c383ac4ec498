//! A room as the console tells it: its settings, what was measured, and what follows of that. Pure.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::{Measured, RoomState};

use crate::room::{
    alarm::Alarm,
    health::health,
    line::PaceFigures,
    measures::{Flow, LaneFlow, Measures, Stock, TypeFigures},
    outlook::{Outlook, outlook},
    show_name::ShowName,
};

/// A room with its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomFigures {
    #[serde(flatten)]
    pub room: RoomState,
    /// What its show is called; null for a draft.
    pub name: Option<ShowName>,
    /// How the room does, in a sentence.
    pub health: String,
    #[serde(flatten)]
    pub flow: Flow,
    pub pace: PaceFigures,
    pub outlook: Outlook,
    pub alarms: Vec<Alarm>,
    #[serde(flatten)]
    pub stock: Stock,
    pub ticket_types: Vec<TypeFigures>,
    pub lane_figures: Vec<LaneFlow>,
    #[serde(skip)]
    pub measured: Measured,
    #[serde(skip)]
    pub freed_per_sec: Option<(f64, f64)>,
    #[serde(skip)]
    pub learnt_per_sec: Option<f64>,
    /// When this was measured.
    pub at: DateTime<Utc>,
}

impl RoomFigures {
    pub fn new(
        room: RoomState,
        measures: Measures,
        alarms: Vec<Alarm>,
        Details { name, types, lanes }: Details,
    ) -> Self {
        let outlook = outlook(&room, &measures);
        let health = health(&room, &measures, &outlook, &alarms);
        let Measures { flow, measured, freed_per_sec, learnt_per_sec, pace, stock } = measures;
        Self {
            room,
            name,
            health,
            flow,
            pace,
            outlook,
            alarms,
            stock,
            ticket_types: types,
            lane_figures: lanes,
            measured,
            freed_per_sec,
            learnt_per_sec,
            at: Utc::now(),
        }
    }

    /// What its show is called; the show's id where that is all there is.
    pub fn title(&self) -> &str {
        self.name.as_ref().map_or(&self.room.show, |name| &name.title)
    }

    pub fn measures(&self) -> Measures {
        Measures {
            flow: self.flow,
            measured: self.measured,
            freed_per_sec: self.freed_per_sec,
            learnt_per_sec: self.learnt_per_sec,
            pace: self.pace.clone(),
            stock: self.stock,
        }
    }
}

/// What is told of a room beside its measures.
#[derive(Debug, Clone, Default)]
pub struct Details {
    pub name: Option<ShowName>,
    pub types: Vec<TypeFigures>,
    pub lanes: Vec<LaneFlow>,
}
