//! Joined before the opening, without an order yet.

use chrono::{DateTime, Utc};

use crate::http::pages::queue::{states::entrance::Entrance, told};

#[derive(Debug, Clone)]
pub struct InDraw {
    /// `<lane>.<offset>`
    pub entry: String,
    pub entrance: Entrance,
    pub joined_at: DateTime<Utc>,
    pub poll_after_ms: u32,
}

impl InDraw {
    /// `2,041 people are in the draw`
    pub fn people(&self) -> String {
        match self.entrance.people_waiting {
            ..=1 => "You are the only one so far".to_owned(),
            people => format!("{} people are in the draw", told::number(people)),
        }
    }
}
