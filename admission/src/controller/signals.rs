//! What checkout says, read beside the loop so that the gate never waits for it.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use super::words::{Busy, Heard, Words};
use crate::{
    gate::stock_limit::StockLimit,
    pace::HoldBack,
    place::RoomName,
    signal::{LineStock, Signals},
};

/// Words that were read longer ago say nothing.
const HEARD_FOR: Duration = Duration::from_secs(3);
/// A room that becomes busy waits so long to hear what is left before it lets anybody in.
const STOCK_AWAITED_FOR: Duration = Duration::from_millis(1500);

/// Whether fans with a pass can go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    /// Fans with a pass were turned away just now, only because as many were inside as may be: they
    /// go in before anybody else.
    Full,
    /// Nobody says that passes are redeemed.
    Away,
    /// Fans with a pass were turned away just now because something failed.
    Shut,
}

impl Door {
    /// Whether whoever has a pass gets in; nobody's time runs while they do not.
    pub fn is_open(self) -> bool {
        self == Self::Open
    }

    /// Whether more may be let in, as far as there are slots for them.
    pub fn lets_in(self) -> bool {
        matches!(self, Self::Open | Self::Full)
    }

    pub fn hold_back(self) -> Option<HoldBack> {
        match self {
            // The cap says so.
            Self::Open | Self::Full => None,
            Self::Away => Some(HoldBack::CheckoutAway),
            Self::Shut => Some(HoldBack::DoorShut),
        }
    }
}

/// What was heard of checkout lately.
pub struct CheckoutListener {
    heard: watch::Receiver<Option<Heard>>,
    busy: Busy,
    stock: Option<LineStock>,
    busy_since: Instant,
}

impl CheckoutListener {
    pub fn start(words: &Words, room: &RoomName) -> Self {
        let (heard, busy) = words.follow(room);
        Self { heard, busy, stock: None, busy_since: Instant::now() }
    }

    /// Whether the room is busy decides how often words are read.
    pub fn set_busy(&mut self, busy: bool) {
        if self.busy.set(busy) {
            self.busy_since = Instant::now();
        }
    }

    /// What checkout says now, as far as it is no older than it may be.
    pub fn signals(&self) -> Signals {
        let heard = self.heard.borrow();
        let fresh = heard.as_ref().filter(|heard| heard.at.elapsed() <= HEARD_FOR);
        fresh.map(|heard| heard.signals.clone()).unwrap_or_default()
    }

    pub fn door(&self, signals: &Signals) -> Door {
        match (signals.redeems, signals.turned_away, signals.turned_away_full) {
            (false, ..) => Door::Away,
            (true, 0, _) => Door::Open,
            (true, away, full) if away <= full => Door::Full,
            (true, ..) => Door::Shut,
        }
    }

    /// What is left, as it was heard last: what checkout says while a room is busy. A show that was
    /// sold out is not taken for another because nobody says so again.
    pub fn stock(&mut self, signals: &Signals) -> Option<&LineStock> {
        if signals.stock.is_some() {
            self.stock.clone_from(&signals.stock);
        }
        self.stock.as_ref()
    }

    /// What may be let in for what is left; anybody where nobody knows of any stock.
    pub fn stock_limit(&mut self, signals: &Signals) -> Option<StockLimit> {
        self.stock(signals).map(StockLimit::of)
    }

    /// Whether a room has just become busy and checkout was not heard of what is left. After a
    /// while a room without stock is one whose show is not sold here.
    pub fn awaits_stock(&mut self, signals: &Signals) -> bool {
        self.stock(signals).is_none() && self.busy_since.elapsed() < STOCK_AWAITED_FOR
    }
}
