//! Joined before the opening, without an order yet.

use chrono::{DateTime, Utc};

use crate::{
    http::pages::queue::{
        states::{entrance::Entrance, waiting::Waiting},
        told,
    },
    room::phase::Phase,
};

#[derive(Debug, Clone)]
pub struct InDraw {
    /// `<lane>.<offset>`
    pub entry: String,
    pub entrance: Entrance,
    pub joined_at: DateTime<Utc>,
    pub ahead_at_join: i64,
    pub poll_after_ms: u32,
    /// What the page becomes by itself once the draw is made: it works out the place, and the rest
    /// that follows from it, from the head.
    pub drawn: Waiting,
}

impl InDraw {
    pub fn is_drawing(&self) -> bool {
        self.entrance.phase == Phase::Drawing
    }

    /// `2,041 people are in the draw`
    pub fn people(&self) -> String {
        match self.entrance.people_waiting {
            ..=1 => "You are the only one so far".to_owned(),
            people => format!("{} people are in the draw", told::number(people)),
        }
    }
}
