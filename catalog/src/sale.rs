//! How a show's sale stands: one state, worked out here for every list, page, program and search
//! engine. What is left, checkout tells.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::stop::Stop;

/// What is left of a show, or of one ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockLevel {
    Available,
    FewLeft,
    /// None is free; some are in other fans' hands and may come back.
    AllHeld,
    /// None is free and none is held.
    SoldOut,
}

/// As in the database and in JSON.
impl fmt::Display for StockLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Available => "available",
            Self::FewLeft => "few_left",
            Self::AllHeld => "all_held",
            Self::SoldOut => "sold_out",
        })
    }
}

impl FromStr for StockLevel {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "available" => Ok(Self::Available),
            "few_left" => Ok(Self::FewLeft),
            "all_held" => Ok(Self::AllHeld),
            "sold_out" => Ok(Self::SoldOut),
            _ => Err(InvalidId("level of stock")),
        }
    }
}

/// What a sale's state follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleFacts {
    pub on_sale_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    /// When its line was closed for good.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether its line has opened, be it paused since; `None` where nobody told yet.
    pub line_opened: Option<bool>,
    pub stop: Option<Stop>,
    /// `None` where nobody told yet.
    pub left: Option<StockLevel>,
}

/// How a sale stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// It begins at `on_sale_at`; where its line has not opened then, when that opens.
    NotYet,
    /// Tickets are sold; a show with a waiting room has its line open.
    OnSale,
    /// Tickets are sold, and few are left.
    FewLeft,
    /// No ticket is free. Some are in other fans' hands, and may come back.
    AllHeld,
    SoldOut,
    /// The line was closed for good.
    Closed,
    /// Its seller may not sell for now.
    Suspended,
    /// For good.
    Withdrawn,
    /// The show has begun.
    Begun,
}

impl SaleFacts {
    /// The state at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> SaleState {
        if self.stop == Some(Stop::Withdrawn) {
            return SaleState::Withdrawn;
        }
        if self.starts_at <= now {
            return SaleState::Begun;
        }
        if self.ended_at.is_some() {
            return SaleState::Closed;
        }
        if self.stop == Some(Stop::Suspended) {
            return SaleState::Suspended;
        }
        if !self.line_opened.unwrap_or(self.on_sale_at <= now) {
            return SaleState::NotYet;
        }
        match self.left {
            None | Some(StockLevel::Available) => SaleState::OnSale,
            Some(StockLevel::FewLeft) => SaleState::FewLeft,
            Some(StockLevel::AllHeld) => SaleState::AllHeld,
            Some(StockLevel::SoldOut) => SaleState::SoldOut,
        }
    }

    /// The same sale, of what is left of one ticket type.
    pub fn of_type(self, left: Option<StockLevel>) -> Self {
        Self { left, ..self }
    }
}

impl SaleState {
    /// Whether tickets can be had now.
    pub fn sells(self) -> bool {
        matches!(self, Self::OnSale | Self::FewLeft)
    }

    /// In two or three words, for a badge.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotYet => "Not on sale yet",
            Self::OnSale => "Available",
            Self::FewLeft => "Few left",
            Self::AllHeld => "None free right now",
            Self::SoldOut => "Sold out",
            Self::Closed => "Sale ended",
            Self::Suspended => "Not sold right now",
            Self::Withdrawn => "Withdrawn",
            Self::Begun => "Show has begun",
        }
    }

    /// The class of that badge.
    pub fn tone(self) -> &'static str {
        match self {
            Self::OnSale => "badge-good",
            Self::FewLeft | Self::AllHeld => "badge-warn",
            _ => "",
        }
    }

    /// What a fan who looks for tickets should know, where none can be had or few are left.
    pub fn sentence(self) -> Option<&'static str> {
        match self {
            Self::NotYet | Self::OnSale => None,
            Self::FewLeft => Some("Few tickets are left."),
            Self::AllHeld => Some("The last tickets are in other fans’ hands; some may come back."),
            Self::SoldOut => Some("Every ticket is sold."),
            Self::Closed => Some("The sale has ended."),
            Self::Suspended => Some("Tickets for this show are not sold right now."),
            Self::Withdrawn => Some("This show was withdrawn."),
            Self::Begun => Some("This show has begun."),
        }
    }

    /// What schema.org calls it (`ItemAvailability`); `None` where nothing is offered.
    pub fn item_availability(self) -> Option<&'static str> {
        match self {
            Self::NotYet => Some("https://schema.org/PreOrder"),
            Self::OnSale => Some("https://schema.org/InStock"),
            Self::FewLeft => Some("https://schema.org/LimitedAvailability"),
            Self::AllHeld => Some("https://schema.org/OutOfStock"),
            Self::SoldOut => Some("https://schema.org/SoldOut"),
            Self::Closed | Self::Suspended | Self::Withdrawn | Self::Begun => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn facts(now: DateTime<Utc>) -> SaleFacts {
        SaleFacts {
            on_sale_at: now - TimeDelta::hours(1),
            starts_at: now + TimeDelta::hours(1),
            ended_at: None,
            line_opened: None,
            stop: None,
            left: Some(StockLevel::SoldOut),
        }
    }

    #[test]
    fn what_ends_a_sale_comes_before_what_is_left() {
        let now = Utc::now();
        let sold_out = facts(now);
        assert_eq!(sold_out.state(now), SaleState::SoldOut);
        assert_eq!(sold_out.state(now - TimeDelta::hours(2)), SaleState::NotYet);
        assert_eq!(sold_out.state(now + TimeDelta::hours(1)), SaleState::Begun);
        let suspended = SaleFacts { stop: Some(Stop::Suspended), ..sold_out };
        assert_eq!(suspended.state(now), SaleState::Suspended);
        let closed = SaleFacts { ended_at: Some(now), ..suspended };
        assert_eq!(closed.state(now), SaleState::Closed);
        let withdrawn = SaleFacts { stop: Some(Stop::Withdrawn), ..closed };
        assert_eq!(withdrawn.state(now + TimeDelta::hours(1)), SaleState::Withdrawn);
    }

    #[test]
    fn a_sale_begins_when_its_line_opens() {
        let now = Utc::now();
        let told = |line_opened| SaleFacts { line_opened, left: None, ..facts(now) };
        let before = now - TimeDelta::hours(2);
        assert_eq!(told(Some(true)).state(before), SaleState::OnSale, "it was opened early");
        assert_eq!(told(Some(false)).state(now), SaleState::NotYet, "it is not open yet");
        assert_eq!(told(None).state(before), SaleState::NotYet);
        assert_eq!(told(None).state(now), SaleState::OnSale);
        let over = now + TimeDelta::hours(1);
        assert_eq!(told(Some(false)).state(over), SaleState::Begun);
    }

    #[test]
    fn a_show_is_on_sale_until_somebody_tells_that_it_is_sold_out() {
        let now = Utc::now();
        let of = |left| facts(now).of_type(left).state(now);
        assert_eq!(of(None), SaleState::OnSale);
        assert_eq!(of(Some(StockLevel::Available)), SaleState::OnSale);
        assert_eq!(of(Some(StockLevel::FewLeft)), SaleState::FewLeft);
        assert_eq!(of(Some(StockLevel::AllHeld)), SaleState::AllHeld);
        assert!(of(Some(StockLevel::FewLeft)).sells() && !of(Some(StockLevel::AllHeld)).sells());
    }

    #[test]
    fn levels_are_spelled_both_ways() {
        for level in
            [StockLevel::Available, StockLevel::FewLeft, StockLevel::AllHeld, StockLevel::SoldOut]
        {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).expect("JSON"), level.to_string());
        }
    }
}
