//! What the queue page shows. No I/O.

use std::sync::Arc;

use admission::contract::RoomName;
use askama::Template;
use catalog::contract::{
    Show,
    when::{self, Moment},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    http::pages::queue::{
        picture::{GATE, START},
        script,
        states::{
            entrance::Entrance,
            in_draw::InDraw,
            turn::{Stopped, WindowMissed, YourTurn},
            waiting::Waiting,
        },
        told,
    },
    room::phase::Phase,
};

/// The queue page of one show's room.
#[derive(Template)]
#[template(path = "queue.html")]
pub struct QueuePage {
    pub room: RoomName,
    pub show: Arc<Show>,
    pub view: QueueView,
    pub keeping: Keeping,
    /// The fan has just left the line.
    pub has_left: bool,
    /// What the draw is committed to; `None` where whoever comes first is first.
    pub commitment: Option<String>,
    /// Of whoever waits.
    pub receipt: Option<PlaceReceipt>,
    pub now: DateTime<Utc>,
}

/// The room's signed word about a place.
#[derive(Debug, Clone)]
pub struct PlaceReceipt {
    /// `<lane>.<offset>`
    pub entry: String,
    pub token: String,
}

/// What keeps the fan's place.
#[derive(Debug, Clone)]
pub enum Keeping {
    Cookie,
    /// The page's address, which holds the place ticket.
    Address {
        ticket: String,
        keeps_cookies: bool,
    },
}

/// Where the fan stands.
#[derive(Debug, Clone)]
pub enum QueueView {
    /// Before joining. `phase` says whether one can.
    NotJoined(Entrance),
    InDraw(InDraw),
    Waiting(Waiting),
    YourTurn(YourTurn),
    WindowMissed(WindowMissed),
    /// The place let its fan into checkout.
    Entered(Entrance),
    /// It was the fan's turn, and the sale was stopped; the entrance's message says why.
    Stopped(Stopped),
    /// The room is closed; `message` is the operator's word about it, or empty.
    Closed {
        message: String,
    },
}

impl QueuePage {
    fn zone(&self) -> &str {
        &self.show.venue.time_zone
    }

    fn show_time(&self) -> String {
        when::full(self.show.starts_at, self.zone())
    }

    /// A time of today, to the second.
    fn clock(&self, at: &DateTime<Utc>) -> Moment {
        Moment::clock(*at, self.zone())
    }

    /// From when to when the wait is likely to end, in the venue's zone.
    fn clock_words(&self, waiting: &Waiting) -> String {
        waiting.clock_words(&self.now, self.zone())
    }

    fn opens(&self) -> Moment {
        Moment::full(self.show.on_sale_at, self.zone())
    }

    /// Whether the page goes in by itself where scripts run; without cookies that would lead
    /// nowhere.
    fn goes_in(&self) -> bool {
        !matches!(self.keeping, Keeping::Address { keeps_cookies: false, .. })
    }

    /// For one place, however often it is asked for.
    fn join_key(&self) -> Uuid {
        Uuid::new_v4()
    }

    /// What the addresses of this page's forms end in.
    fn query(&self) -> String {
        match &self.keeping {
            Keeping::Cookie => String::new(),
            Keeping::Address { ticket, .. } => format!("?place={ticket}"),
        }
    }

    /// Milliseconds until the line opens; `None` where it is, or should be.
    fn opens_ms(&self) -> Option<i64> {
        let (QueueView::NotJoined(entrance) | QueueView::InDraw(InDraw { entrance, .. })) =
            &self.view
        else {
            return None;
        };
        if !matches!(entrance.phase, Phase::Draft | Phase::Scheduled | Phase::PreQueue) {
            return None;
        }
        let left = (self.show.on_sale_at - self.now).num_milliseconds();
        (left > 0).then_some(left)
    }

    /// How far off the opening is, as the page counts it down.
    fn opens_in(&self) -> String {
        told::until(self.opens_ms().unwrap_or(0) / 1000)
    }

    /// The address that the page reloads itself from without scripts; it brings back what was told.
    fn reload_path(&self) -> Option<String> {
        let QueueView::Waiting(waiting) = &self.view else { return None };
        let ends = waiting.ends(&self.now)?;
        let query = self.query();
        let told = if query.is_empty() { "?told" } else { "&told" };
        Some(format!("/queue/{}{query}{told}={ends}", self.show.show))
    }

    /// The document's title says the state first, because it is read in a row of tabs.
    fn title(&self) -> String {
        let state = match &self.view {
            QueueView::NotJoined(_) => "The line".to_owned(),
            QueueView::InDraw(_) => "You are in the draw".to_owned(),
            QueueView::Waiting(waiting) => waiting.title(),
            QueueView::YourTurn(_) => "It is your turn".to_owned(),
            QueueView::WindowMissed(_) => "Your turn has passed".to_owned(),
            QueueView::Entered(_) => "You went into checkout".to_owned(),
            QueueView::Stopped(_) => "Nothing is sold right now".to_owned(),
            QueueView::Closed { .. } => "The line has closed".to_owned(),
        };
        format!("{state} · {}", self.show.title)
    }

    /// Seconds after which the page reloads itself where scripts do not run; `None` where nothing
    /// will change.
    fn reload_secs(&self) -> Option<i64> {
        match &self.view {
            // A moment after the opening, rather than half a minute.
            QueueView::NotJoined(_) => {
                Some(self.opens_ms().map_or(30, |ms| (ms / 1000 + 1).min(30)))
            }
            QueueView::InDraw(in_draw) => {
                let least = i64::from(in_draw.poll_after_ms / 1000).clamp(3, 30);
                Some(self.opens_ms().map_or(least, |ms| (ms / 1000 + 1).min(30)))
            }
            QueueView::Stopped(_) => Some(30),
            QueueView::Waiting(waiting) => {
                Some(i64::from(waiting.poll_after_ms / 1000).clamp(5, 30))
            }
            // A turn may be made longer meanwhile.
            QueueView::YourTurn(turn) => Some((turn.left_ms(&self.now) / 1000 + 2).min(15)),
            QueueView::WindowMissed(_) | QueueView::Entered(_) | QueueView::Closed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
